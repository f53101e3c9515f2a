//! `reembed`: the vectors of another model.

use std::process::ExitCode;

use lexivec::{Collection, OpenOptions, RewriteOptions};

use crate::exit::{Failure, Outcome};
use crate::model::ModelArgs;
use crate::output::{self, Progress};
use crate::target::Target;

#[derive(clap::Args)]
pub(crate) struct Reembed {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    model: ModelArgs,
}

pub(super) fn run(args: &Reembed, open: OpenOptions) -> Outcome<ExitCode> {
    let Some(model) = args.model.embedder()? else {
        return Err(Failure::usage("name the new model: --model FOLDER"));
    };
    let name = model.name().to_owned();
    let progress = Progress::new();
    let show = |stage, done, all| progress.show(stage, done, all);
    let mut options = RewriteOptions::default();
    (options.open, options.progress) = (open, &show);
    let report = Collection::reembed(&args.target.dir, model, &options)?;
    drop(progress);
    if args.target.json {
        output::json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::note(&match report.rows {
        0 => format!("all documents have vectors of {name} already"),
        rows => {
            let documents = output::count(rows, "document");
            format!(
                "new vectors of {name}: {documents}; without a vector: {}",
                report.without_vector
            )
        }
    });
    if !report.floors.is_empty() {
        let names = report.floors.join(", ");
        output::note(&format!(
            "calibrate the floors of these profiles again with `lexivec profile floor`: {names}"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
