//! `evaluate`: rankings of judged queries, scored as trec_eval does, each mean with its interval.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexivec::eval::Evaluation;
use lexivec::eval::compare::{PairedTest, Resampling};
use lexivec::eval::evaluation::cut_queries;
use lexivec::eval::interval::Interval;
use lexivec::eval::report::{Report, report};
use lexivec::eval::trec::{Qrels, Run, write_run};
use lexivec::query::request::Mode;

use super::open_for_reading;
use crate::exit::{Failure, Outcome};
use crate::model::Models;
use crate::output;
use crate::queries::{Judged, note_cut};
use crate::values::one_of;
use lexivec_ingest::beir;

#[derive(clap::Args)]
pub(crate) struct Evaluate {
    /// Directory of the collection.
    #[arg(required_unless_present = "run_file")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    judged: Judged,
    /// Score this TREC run instead of a collection's rankings.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "run"])]
    run_file: Option<PathBuf>,
    /// Test each metric against this TREC run, query by query.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Test each metric against the rankings of this profile, query by query.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["against", "run_file"])]
    against_profile: Option<String>,
    /// Rank with the settings of this profile.
    #[arg(long, value_name = "NAME", conflicts_with = "run_file")]
    profile: Option<String>,
    /// Seed of the random numbers in intervals and significance tests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Legs of the search: text is BM25, vector is similarity of vectors, hybrid is both; auto is all that the
    /// collection can do.
    #[arg(long, value_parser = one_of(Mode::ALL, Mode::name), default_value = "auto")]
    mode: Mode,
    /// Scan all vectors instead of searching graphs.
    #[arg(long)]
    exact: bool,
    /// Write the rankings to this file as a TREC run.
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// Number of documents ranked for each query.
    #[arg(long, default_value_t = 1_000)]
    depth: usize,
    /// Print JSON instead of text.
    #[arg(long, display_order = 1_000)]
    json: bool,
    #[command(flatten)]
    models: Models,
}

pub(super) fn run(args: &Evaluate) -> Outcome<ExitCode> {
    let qrels = args.judged.qrels()?;
    let (run, other, cut_queries) = match (&args.run_file, &args.dir) {
        (Some(file), _) => (beir::run(file)?, None, 0),
        (None, Some(dir)) => search(args, dir, &qrels)?,
        (None, None) => return Err(Failure::usage("name a collection, or a run with --run-file")),
    };
    if let Some(path) = &args.run {
        output::file(path, write_run(&run, "lexivec")?.as_bytes())?;
    }
    let other = match &args.against {
        Some(file) => Some(beir::run(file)?),
        None => other,
    };
    let resampling = Resampling { seed: args.seed, ..Resampling::default() };
    let mut report = report(&run, other.as_ref(), &qrels, &resampling)?;
    report.cut_queries = cut_queries;
    note_cut(cut_queries);
    if args.json {
        output::json(&report)?
    } else {
        print(&report)?
    }
    Ok(ExitCode::SUCCESS)
}

/// The rankings of a collection, those of the profile they are tested against, if one is named, and the number of queries
/// that were cut.
fn search(args: &Evaluate, dir: &Path, qrels: &Qrels) -> Outcome<(Run, Option<Run>, usize)> {
    let mut queries = args.judged.asked.read()?;
    queries.keep_judged(qrels)?;
    let mode = args.mode;
    let embeds = queries.vectors.is_none() && mode != Mode::Text;
    let collection = open_for_reading(dir, &args.models, embeds)?;
    let mut evaluation = Evaluation::new(queries.judged(mode, qrels)?);
    evaluation.profile.clone_from(&args.profile);
    evaluation.against_profile.clone_from(&args.against_profile);
    (evaluation.depth, evaluation.exact) = (args.depth, args.exact);
    let (run, other) = evaluation.rankings(|requests| collection.searcher()?.rank(requests))?;
    Ok((run, other, cut_queries(&evaluation.queries)))
}

fn print(report: &Report) -> Outcome<()> {
    for (name, value) in report.summary.mean.named() {
        let interval = report.intervals.get(name);
        let interval = interval.map(|i| format!("  95 % in {:.4} to {:.4}", i.low, i.high));
        let against = report.against.as_ref().and_then(|tests| tests.get(name));
        let against = against.map(|test| format!("; against the other {}", difference(test)));
        let known = interval.unwrap_or_default() + &against.unwrap_or_default();
        output::line(&format!("{name:<11} {value:.4}{known}"))?;
    }
    output::line(&format!("queries     {}", report.summary.queries))
}

/// A difference with its interval and its p-value.
pub(super) fn difference(test: &PairedTest) -> String {
    let Interval { mean, low, high } = test.difference;
    format!("{mean:+.4}, 95 % in {low:+.4} to {high:+.4}, p {:.4}", test.p_value)
}
