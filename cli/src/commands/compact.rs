//! `compact` and `flush`: fewer and larger segments, and segments from the log.

use std::process::ExitCode;

use lexivec::{CompactOptions, OpenOptions};

use crate::exit::Outcome;
use crate::output::{self, Progress};
use crate::target::Target;
use crate::values::bytes;

#[derive(clap::Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    target: Target,
    /// Memory that merging may take in addition to mapped files, as 256MiB or 1GiB.
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    memory: Option<u64>,
}

pub(super) fn run(args: &Compact, open: OpenOptions) -> Outcome<ExitCode> {
    let collection = open.open(&args.target.dir)?;
    let report = {
        let progress = Progress::new();
        let show = |stage, done, all| progress.show(stage, done, all);
        let options = CompactOptions::new().progress(&show);
        let options = args.memory.map_or(options, |memory| options.memory(memory));
        collection.compact(options)?
    };
    if args.target.json {
        output::json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    for merge in &report.merges {
        let recall = match (merge.recall_before, merge.recall_after) {
            (Some(before), Some(after)) => {
                format!(", recall@10 {before:.4} before, {after:.4} after")
            }
            _ => String::new(),
        };
        let kept = if merge.published { "" } else { "; refused, the old segments stay" };
        output::note(&format!(
            "merged {}: {}, {} freed{recall}{kept}",
            output::count(merge.segments, "segment"),
            output::count(merge.rows, "row"),
            merge.freed
        ));
    }
    if report.over_budget > 0 {
        let segments = output::count(report.over_budget, "segment");
        output::note(&format!("{segments} not merged: merging takes more than --memory allows"));
    }
    let size = |segments, bytes| format!("{}, {bytes} bytes", output::count(segments, "segment"));
    let before = size(report.segments.0, report.bytes.0);
    let after = size(report.segments.1, report.bytes.1);
    output::note(&match report.merges.is_empty() {
        true => format!("generation {}: {after}; there was nothing to merge", report.generation),
        false => format!("generation {}: {after}; before {before}", report.generation),
    });
    Ok(ExitCode::SUCCESS)
}

pub(super) fn flush(target: &Target, open: OpenOptions) -> Outcome<ExitCode> {
    let collection = open.open(&target.dir)?;
    collection.flush()?;
    if target.json {
        output::json(&collection.stats()?)?;
    } else {
        output::note(&format!("generation {}", collection.generation()));
    }
    Ok(ExitCode::SUCCESS)
}
