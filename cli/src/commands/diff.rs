//! `diff`: the answers of two profiles or collections, compared query by query.

use std::process::ExitCode;

use lexivec::SearchRequest;
use lexivec::eval::diff::Changes;
use lexivec::eval::{self, Qrels};
use lexivec::query::request::Mode;

use super::open_for_reading;
use crate::args::Diff;
use crate::exit::{Failure, Outcome};
use crate::output;

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
        Ok::<_, Failure>(collection.rank(requests)?)
    };
    let other = args.other.as_ref().unwrap_or(&args.dir);
    let found = diff.run(|requests| rank(&args.dir, requests), |requests| rank(other, requests))?;
    if args.json {
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
                output::line(&format!("  {sign} {}", ids.join(" ")))?;
            }
        }
    }
    output::line(&format!(
        "{} of {} answers changed; mean overlap@{} {:.4}, mean rbo {:.4}",
        found.changed, found.queries, found.k, found.overlap, found.rbo
    ))
}
