//! `reembed`: the vectors of another model.

use std::process::ExitCode;

use lexivec::{Collection, OpenOptions, ReembedOptions};

use crate::args::Reembed;
use crate::exit::{Failure, Outcome};
use crate::output::{self, Progress};

pub(super) fn run(args: &Reembed, open: OpenOptions) -> Outcome<ExitCode> {
    let Some(model) = args.model.embedder()? else {
        return Err(Failure::usage("name the new model: --model FOLDER"));
    };
    let name = model.name().to_owned();
    let progress = Progress::new();
    let show = |stage, done, all| progress.show(stage, done, all);
    let mut options = ReembedOptions::default();
    (options.open, options.progress) = (open, &show);
    let report = Collection::reembed(&args.dir, model, &options)?;
    drop(progress);
    if args.json {
        output::json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::note(&match report.rows {
        0 => format!("no row had to be embedded by {name}"),
        rows => format!("{rows} rows have vectors of {name}, {} have none", report.without_vector),
    });
    if !report.floors.is_empty() {
        let names = report.floors.join(", ");
        output::note(&format!("calibrate the floors of these profiles anew: {names}"));
    }
    Ok(ExitCode::SUCCESS)
}
