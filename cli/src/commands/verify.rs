//! `verify`: every byte of a collection; exit 0 sound, 1 damaged, 2 cannot tell.

use std::process::ExitCode;

use lexivec::Collection;

use crate::args::Plain;
use crate::exit::{Failure, Outcome};
use crate::output;

pub(super) fn run(args: &Plain) -> Outcome<ExitCode> {
    // Two kinds of failure: damage that can be told, and nothing to be told at all.
    let report = match Collection::verify(&args.dir) {
        Ok(report) => report,
        Err(error) if error.kind() == lexivec::ErrorKind::Corrupt => return Err(error.into()),
        Err(error) => return Err(Failure::usage(error.to_string())),
    };
    if args.json {
        output::json(&report)?;
    } else {
        for problem in &report.problems {
            output::line(&format!("{}: {}", problem.file, problem.detail))?;
        }
        output::note(&format!(
            "generation {}: {} files, {} rows, {} problems",
            report.generation,
            report.files,
            report.rows,
            report.problems.len()
        ));
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
