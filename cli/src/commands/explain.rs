//! `explain`: the plan and the ledgers of a search, or why a row is not in its answer.

use std::process::ExitCode;

use lexivec::WhyNot;

use super::search::{open, print, request};
use crate::args::Explain;
use crate::exit::Outcome;
use crate::output;

pub(super) fn run(args: &Explain) -> Outcome<ExitCode> {
    let mut request = request(&args.search)?;
    request.explain = true;
    let collection = open(&args.search, &request)?;
    match &args.why_not {
        Some(id) => {
            let told = collection.why_not(&request, id)?;
            if args.search.json { output::json(&told)? } else { print_why_not(&told)? }
        }
        None => {
            let response = collection.search(&request)?;
            if args.search.json { output::json(&response)? } else { print(&response)? }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_why_not(told: &WhyNot) -> Outcome<()> {
    output::line(&told.to_text())?;
    told.legs.iter().try_for_each(|leg| output::line(&format!("  {}", leg.to_text())))
}
