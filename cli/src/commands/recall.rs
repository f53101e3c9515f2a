//! `recall`: the share of the exact hits that searches find, with intervals.

use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::eval::interval::Interval;
use lexivec::query::request::Params;
use lexivec::{Collection, Filter, RecallOptions, RecallQueries, RecallReport};

use crate::exit::Outcome;
use crate::output;
use crate::target::Target;
use lexivec_ingest::vectors::read_vectors;

#[derive(clap::Args)]
pub(crate) struct Recall {
    #[command(flatten)]
    target: Target,
    /// Vectors of the queries: an .npy file of float32 or float16, rows x components. Without it, vectors of the
    /// collection are the queries, which are easier than most.
    #[arg(long, value_name = "NPY", conflicts_with = "samples")]
    query_vectors: Option<PathBuf>,
    /// Number of vectors of the collection that are queries.
    #[arg(long, default_value_t = 200)]
    samples: usize,
    /// Vector field; by default the first.
    #[arg(long)]
    field: Option<String>,
    /// Number of hits that are compared.
    #[arg(long, short = 'k', default_value_t = 10)]
    limit: usize,
    /// Beam width in graphs.
    #[arg(long)]
    ef: Option<usize>,
    /// Share of the exact hits that searches should find, 0 to 1.
    #[arg(long, conflicts_with = "ef")]
    target_recall: Option<f64>,
    /// Filter: "year >= 2020 AND lang IN ('en', 'de')", or as JSON {"year": {"$gte": 2020}}.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Seed of the sample.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

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
    let collection = Collection::open_read_only(&args.target.dir)?;
    let report = collection.searcher()?.recall(&options)?;
    if args.target.json {
        output::json(&report)?;
    } else {
        print(&report)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &RecallReport) -> Outcome<()> {
    let line = |name: &str, matching: Option<u64>, recall: &Interval| {
        let rows =
            matching.map(|m| format!(" among {}", output::count(m, "row"))).unwrap_or_default();
        let Interval { mean, low, high } = recall;
        output::line(&format!("{name:<28} {mean:.4}  95 % in {low:.4} to {high:.4}{rows}"))
    };
    output::line(&format!("recall@{} of {}", report.k, output::count(report.queries, "query")))?;
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
