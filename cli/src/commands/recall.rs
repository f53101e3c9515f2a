//! `recall`: how many of the exact hits searches find, with bounds.

use std::process::ExitCode;

use lexivec::eval::interval::Interval;
use lexivec::query::request::Params;
use lexivec::{Collection, Filter, RecallOptions, RecallQueries, RecallReport};

use crate::args::Recall;
use crate::exit::Outcome;
use crate::output;
use lexivec_ingest::vectors::read_vectors;

pub(super) fn run(args: &Recall) -> Outcome<ExitCode> {
    let mut options = RecallOptions::default();
    options.field.clone_from(&args.field);
    options.k = args.limit;
    options.params = Params { ef: args.ef, target_recall: args.target_recall, ..Params::default() };
    options.seed = args.seed;
    if let Some(filter) = &args.filter {
        options.filter = Filter::parse(filter)?;
    }
    options.queries = match &args.query_vectors {
        None => RecallQueries::Sampled(args.samples),
        Some(npy) => {
            let (rows, dim) = read_vectors(npy)?;
            RecallQueries::Given(rows.chunks_exact(dim).map(<[f32]>::to_vec).collect())
        }
    };
    let collection = Collection::open_read_only(&args.dir)?;
    let report = collection.measure_recall(&options)?;
    if args.json {
        output::json(&report)?;
    } else {
        print(&report)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &RecallReport) -> Outcome<()> {
    let line = |name: &str, matching: Option<u64>, recall: &Interval| {
        let rows = matching.map(|m| format!(" among {m} rows")).unwrap_or_default();
        let Interval { mean, low, high } = recall;
        output::line(&format!("{name:<28} {mean:.4}  95 % in {low:.4} to {high:.4}{rows}"))
    };
    output::line(&format!("recall@{} of {} queries", report.k, report.queries))?;
    line("all", None, &report.recall)?;
    for segment in &report.segments {
        line(&segment.file, Some(segment.matching.into()), &segment.recall)?;
    }
    for share in &report.selectivity {
        let name = format!("{} % of the rows", share.share * 100.0);
        line(&name, Some(share.matching), &share.recall)?;
    }
    Ok(())
}
