//! `verify`: a collection checked as far as asked; exit 0 sound, 1 damaged, 2 cannot tell.

use std::process::ExitCode;

use lexivec::{Collection, ErrorKind, VerifyLevel};

use crate::args::Verify;
use crate::exit::{Failure, Outcome};
use crate::output;

pub(super) fn run(args: &Verify) -> Outcome<ExitCode> {
    let level = match (args.quick, args.deep) {
        (true, _) => VerifyLevel::Quick,
        (_, true) => VerifyLevel::Deep,
        _ => VerifyLevel::Full,
    };
    // Two kinds of failure: damage that can be told, and nothing to be told at all.
    let report = match Collection::verify_with(&args.dir, level) {
        Ok(report) => report,
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NewerFormat) => {
            return Err(error.into());
        }
        Err(error) => return Err(Failure::usage(error.to_string())),
    };
    if args.json {
        output::json(&report)?;
    } else {
        for problem in &report.problems {
            output::line(&format!("{}: {}", problem.file, problem.detail))?;
        }
        output::note(&format!(
            "generation {}: {} files, {} rows, {} writes in the log, {} orphans, {} problems",
            report.generation,
            report.files,
            report.rows,
            report.log_writes,
            report.orphans.len(),
            report.problems.len()
        ));
        if let Some(recall) = report.recall {
            let missed = report.unreachable;
            output::note(&format!(
                "recall@10 of the graphs {recall:.4}, {missed} rows not reached"
            ));
        }
        if let Some((file, offset)) = &report.torn {
            output::note(&format!("{file} is torn from byte {offset}, as by a power cut"));
        }
        if !report.is_sound() {
            let dir = args.dir.display();
            output::note(&format!("make a sound one with: lexivec repair {dir} {dir}.repaired"));
        }
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
