//! `diff`: the answers of two profiles or collections, compared query by query.

use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::SearchRequest;
use lexivec::eval::diff::Changes;
use lexivec::eval::{self, Qrels};
use lexivec::query::request::Mode;

use super::open_for_reading;
use crate::exit::{Failure, Outcome};
use crate::model::Models;
use crate::output::{self, in_line};
use crate::queries::{Asked, note_cut};
use crate::target::Target;

#[derive(clap::Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    asked: Asked,
    /// Profile of the first answers; without it, the default settings.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Profile of the second answers; without it, the default settings.
    #[arg(long, value_name = "NAME")]
    with_profile: Option<String>,
    /// Collection or snapshot of the second answers; without it, the same collection.
    #[arg(long = "with", value_name = "DIR")]
    other: Option<PathBuf>,
    /// Number of hits that are compared.
    #[arg(long, short = 'k', default_value_t = 10)]
    limit: usize,
    /// Exit with code 1 if the share of queries with a changed answer is larger, 0 to 1. Without it, the exit code
    /// is 0 whatever has changed.
    #[arg(long, value_name = "SHARE")]
    max_changed: Option<f64>,
    /// Scan all vectors instead of searching graphs.
    #[arg(long)]
    exact: bool,
    #[command(flatten)]
    models: Models,
}

pub(super) fn run(args: &Diff) -> Outcome<ExitCode> {
    if args.max_changed.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        return Err(Failure::usage("--max-changed is a share, from 0 to 1"));
    }
    let queries = args.asked.read()?;
    let diff = eval::Diff {
        queries: queries.judged(Mode::Auto, &Qrels::new())?,
        profile: args.profile.clone(),
        with_profile: args.with_profile.clone(),
        limit: args.limit,
        exact: args.exact,
    };
    let rank = |dir, requests: &[(String, SearchRequest)]| {
        let collection = open_for_reading(dir, &args.models, queries.vectors.is_none())?;
        Ok::<_, Failure>(collection.searcher()?.rank(requests)?)
    };
    let other = args.other.as_ref().unwrap_or(&args.target.dir);
    let found =
        diff.run(|requests| rank(&args.target.dir, requests), |requests| rank(other, requests))?;
    note_cut(found.cut_queries);
    if args.target.json {
        output::json(&found)?;
    } else {
        print(&found)?;
    }
    let exceeded = args.max_changed.is_some_and(|share| found.share > share);
    Ok(ExitCode::from(u8::from(exceeded)))
}

fn print(found: &Changes) -> Outcome<()> {
    for change in &found.changes {
        let (query, overlap, rbo) = (&change.query, change.overlap, change.rbo);
        output::line(&format!("{query}: overlap@{} {overlap:.2}, rbo {rbo:.4}", found.k))?;
        for (sign, ids) in [("+", &change.entered), ("-", &change.left)] {
            if !ids.is_empty() {
                output::line(&format!("  {sign} {}", in_line(&ids.join(" "))))?;
            }
        }
    }
    output::line(&format!(
        "{} of {} answers changed; mean overlap@{} {:.4}, mean rbo {:.4}",
        found.changed, found.queries, found.k, found.overlap, found.rbo
    ))
}
