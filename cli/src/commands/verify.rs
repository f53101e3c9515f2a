//! `verify`: checks a collection; exit code 0 if sound, 1 if damaged, 2 if it cannot be checked.

use std::process::ExitCode;

use lexivec::{Collection, ErrorKind, VerifyLevel};

use crate::exit::{Failure, Outcome};
use crate::output;
use crate::target::Target;

#[derive(clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    target: Target,
    /// Check manifests, the log and the section tables of files only.
    #[arg(long, conflicts_with_all = ["full", "deep"])]
    quick: bool,
    /// Check every byte and every row; the default.
    #[arg(long, conflicts_with = "deep")]
    full: bool,
    /// Also compare texts with the inverted index and vectors with their norms, and measure the recall of graphs.
    #[arg(long)]
    deep: bool,
}

pub(super) fn run(args: &Verify) -> Outcome<ExitCode> {
    let level = match (args.quick, args.deep) {
        (true, _) => VerifyLevel::Quick,
        (_, true) => VerifyLevel::Deep,
        _ => VerifyLevel::Full,
    };
    // Damage exits with 1; a collection that cannot be checked exits with 2.
    let report = match Collection::verify(&args.target.dir, level) {
        Ok(report) => report,
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NewerFormat) => {
            return Err(error.into());
        }
        Err(error) => return Err(Failure::usage(error.to_string())),
    };
    if args.target.json {
        output::json(&report)?;
    } else {
        for problem in &report.problems {
            output::line(&format!("{}: {}", problem.file, problem.detail))?;
        }
        output::note(&format!(
            "generation {}: {}, {}, {} in the log, {}, {}",
            report.generation,
            output::count(report.files, "file"),
            output::count(report.rows, "row"),
            output::count(report.log_writes, "write"),
            output::count(report.orphans.len(), "orphan"),
            output::count(report.problems.len(), "problem")
        ));
        if let Some(recall) = report.recall {
            let missed = report.unreachable;
            output::note(&format!(
                "recall@10 of the graphs {recall:.4}; rows that cannot be reached: {missed}"
            ));
        }
        if let Some((file, offset)) = &report.torn {
            output::note(&format!("{file} is torn from byte {offset}, as by a power cut"));
        }
        if !report.is_sound() {
            let dir = args.target.dir.display();
            output::note(&format!("create a sound one with: lexivec repair {dir} {dir}.repaired"));
        }
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
