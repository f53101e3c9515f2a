//! `explain`: the plan and the ledgers of a search, or why a row is not in its answer.

use std::process::ExitCode;

use lexivec::WhyNot;

use super::search::{Search, open, request};
use crate::answer;
use crate::exit::Outcome;
use crate::output;

#[derive(clap::Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    search: Search,
    /// Report the stage of the search that dropped the document with this id.
    #[arg(long, value_name = "ID")]
    why_not: Option<String>,
}

pub(super) fn run(args: &Explain) -> Outcome<ExitCode> {
    let mut request = request(&args.search)?;
    request.explain = true;
    let collection = open(&args.search, &request)?;
    match &args.why_not {
        Some(id) => {
            let report = collection.why_not(&request, id)?;
            if args.search.target.json { output::json(&report)? } else { print_why_not(&report)? }
        }
        None => {
            let response = collection.search(&request)?;
            if args.search.target.json {
                output::json(&response)?
            } else {
                answer::print(&response, args.search.offset, true)?
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_why_not(report: &WhyNot) -> Outcome<()> {
    report.text_cut.iter().for_each(answer::note_cut);
    output::line(&report.to_text())?;
    report.legs.iter().try_for_each(|leg| output::line(&format!("  {}", leg.to_text())))
}
