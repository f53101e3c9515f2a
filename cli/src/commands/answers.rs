//! `answers`: how good answers made from retrieved texts are, and whether they are better than others.

use std::process::ExitCode;

use lexivec::eval::compare::Resampling;
use lexivec_platform::rag::{RagReport, Recommendation, rag_report};

use super::evaluate::difference;
use crate::args::Answers;
use crate::exit::Outcome;
use crate::output;
use lexivec_ingest::lines;

pub(super) fn run(args: &Answers) -> Outcome<ExitCode> {
    let answered = lines::read(&args.file)?;
    let baseline = args.against.as_deref().map(lines::read).transpose()?;
    let resampling = Resampling { seed: args.seed, ..Resampling::default() };
    let names = (args.experiment.as_str(), args.model_version.as_str());
    let report = rag_report(names, answered, baseline, &resampling)?;
    if args.json {
        output::json(&report)?
    } else {
        print(&report)?
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &RagReport) -> Outcome<()> {
    let of = &report.suite.aggregated;
    let tests = report.against.as_ref().map(|against| &against.significance);
    for (name, value, test) in [
        ("overall_quality", of.overall_quality_score, tests.map(|t| &t.overall_quality)),
        ("faithfulness", of.faithfulness_mean, tests.map(|t| &t.faithfulness)),
        ("answer_relevancy", of.answer_relevancy_mean, tests.map(|t| &t.answer_relevancy)),
        ("context_precision", of.context_precision_mean, tests.map(|t| &t.context_precision)),
        ("context_recall", of.context_recall_mean, tests.map(|t| &t.context_recall)),
        ("latency_ms", of.latency_mean, tests.map(|t| &t.latency_ms)),
    ] {
        let against = test.map(|t| format!("  against the other {}", difference(t)));
        output::line(&format!("{name:<17} {value:.4}{}", against.unwrap_or_default()))?;
    }
    output::line(&format!("{:<17} {}", "cases", of.num_test_cases))?;
    let compared = report.against.as_ref().and_then(|against| against.comparison.as_ref());
    compared.map_or(Ok(()), |compared| {
        output::line(match compared.recommendation {
            Recommendation::ExperimentA => "the other is better",
            Recommendation::ExperimentB => "this one is better",
            Recommendation::NoClearWinner => "no clear winner",
        })
    })
}
