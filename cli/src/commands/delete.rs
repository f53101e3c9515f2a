//! `delete`: documents by id or by filter, confirmed on a terminal.

use std::io::IsTerminal;
use std::process::ExitCode;

use lexivec::storage::reason;
use lexivec::{Filter, OpenOptions};

use super::settle;
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::target::Target;

#[derive(clap::Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    target: Target,
    /// Ids of the documents.
    #[arg(required_unless_present = "filter", conflicts_with = "filter")]
    ids: Vec<String>,
    /// Delete every document that matches this filter, as in `search`; TRUE matches all.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(args: &Delete, open: OpenOptions) -> Outcome<ExitCode> {
    let filter = args.filter.as_deref().map(Filter::parse).transpose()?;
    let collection = open.open(&args.target.dir)?;
    let count = match &filter {
        Some(filter) => collection.count(filter)?,
        None => args.ids.len() as u64,
    };
    let documents = output::count(count, "document");
    if !args.yes && !confirmed(&format!("delete {documents} of {}?", args.target.dir.display()))? {
        return Err(Failure::new("nothing was deleted"));
    }
    let receipt = match &filter {
        Some(filter) => collection.delete_where(filter)?,
        None => collection.delete(&args.ids)?,
    };
    settle(&collection, &receipt)?;
    if args.target.json {
        output::json(&receipt)?;
    } else {
        output::note(&format!("deleted {}", output::count(receipt.deleted, "document")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks on a terminal; fails without one.
pub(super) fn confirmed(question: &str) -> Outcome<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask on; confirm with --yes"));
    }
    output::note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.map_err(|e| Failure::new(format!("cannot read the answer: {}", reason(&e))))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
