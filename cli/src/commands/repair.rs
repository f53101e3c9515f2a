//! `repair`: a sound collection from the readable parts of a damaged one, and a list of the lost parts.

use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::{Collection, CopyOptions, OpenOptions};

use crate::exit::Outcome;
use crate::output::{self, in_line};

#[derive(clap::Args)]
pub(crate) struct Repair {
    /// Directory of the damaged collection, which is not changed.
    dir: PathBuf,
    /// Directory of the new collection.
    target: PathBuf,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Repair, open: &OpenOptions) -> Outcome<ExitCode> {
    let options = CopyOptions::new().unsafe_filesystem(open.unsafe_filesystem);
    let report = Collection::repair(&args.dir, &args.target, options)?;
    if args.json {
        output::json(&report)?;
    } else {
        for damage in &report.damage {
            output::note(&format!("damaged: {damage}"));
        }
        for lost in &report.lost {
            output::line(&format!("lost {}", in_line(lost)))?;
        }
        for id in &report.without_vector {
            output::line(&format!("without vector {}", in_line(id)))?;
        }
        output::note(&format!(
            "wrote {} to {}; {} lost, {} without a vector",
            output::count(report.documents, "document"),
            args.target.display(),
            report.lost.len(),
            report.without_vector.len()
        ));
    }
    let whole = report.lost.is_empty() && report.without_vector.is_empty();
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
