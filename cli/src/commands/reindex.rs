//! `reindex`: the index of texts, built again by the present version of analysis.

use std::process::ExitCode;

use lexivec::{Collection, OpenOptions, RewriteOptions};

use crate::exit::Outcome;
use crate::output::{self, Progress};
use crate::target::Target;

pub(super) fn run(target: &Target, open: OpenOptions) -> Outcome<ExitCode> {
    let progress = Progress::new();
    let show = |stage, done, all| progress.show(stage, done, all);
    let mut options = RewriteOptions::default();
    (options.open, options.progress) = (open, &show);
    let report = Collection::reindex(&target.dir, &options)?;
    drop(progress);
    if target.json {
        output::json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::note(&match report.rows {
        0 => "every document has the present analysis already".to_owned(),
        rows => format!("indexed again: {}", output::count(rows, "document")),
    });
    Ok(ExitCode::SUCCESS)
}
