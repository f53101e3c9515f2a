//! `answers`: scores of answers that were generated from retrieved texts, alone or against other answers.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexivec::eval::compare::Resampling;
use lexivec_platform::rag::{RagReport, Recommendation, rag_report};

use super::evaluate::difference;
use crate::exit::{Failure, Outcome};
use crate::output;
use lexivec_ingest::lines;

/// An answered case as a line, for messages.
const ANSWER_LINE: &str = r#"{"question": "Why?", "ground_truth": "So.", "retrieved_contexts": ["Some words"], "generated_answer": "So."}"#;

#[derive(clap::Args)]
pub(crate) struct Answers {
    /// Answered cases: a file of one JSON object a line with "question", "ground_truth", "retrieved_contexts" and
    /// "generated_answer", and if known "contexts" (the texts that should be retrieved), "latency_ms" and "test_id";
    /// `-` reads stdin.
    file: PathBuf,
    /// Test each figure against these answers to the same cases, case by case.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Name of the experiment, for the report.
    #[arg(long, default_value = "", value_name = "NAME", hide_default_value = true)]
    experiment: String,
    /// Name of the model that generated the answers, for the report.
    #[arg(long, default_value = "", value_name = "NAME", hide_default_value = true)]
    model_version: String,
    /// Seed of the random numbers in significance tests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON, with the figures of each case.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Answers) -> Outcome<ExitCode> {
    let read = |file: &Path| Ok::<_, Failure>(lines::read(file, ANSWER_LINE)?.values);
    let answered = read(&args.file)?;
    let baseline = args.against.as_deref().map(read).transpose()?;
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
