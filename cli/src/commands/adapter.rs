//! `adapter train|list|activate|delete`.

use std::process::ExitCode;

use lexivec::model::adapter::Training;
use lexivec::{AdapterInfo, AdapterOptions, AdapterValidation, Collection, OpenOptions};

use super::evaluate::difference;
use super::with_model;
use crate::args::AdapterVerb;
use crate::exit::{Failure, Outcome};
use crate::output;

pub(super) fn run(verb: AdapterVerb, open: OpenOptions) -> Outcome<ExitCode> {
    match verb {
        AdapterVerb::Train { dir, rank, epochs, folds, seed, activate, model, json } => {
            let collection = with_model(Collection::open_with(&dir, open)?, &model)?;
            let mut training = Training::default();
            training.rank = rank.unwrap_or(training.rank);
            training.epochs = epochs.unwrap_or(training.epochs);
            training.seed = seed;
            let mut options = AdapterOptions::default();
            (options.training, options.folds, options.seed) = (training, folds, seed);
            let report = collection.train_adapter(&options)?;
            if let (true, Some(_)) = (activate, report.version) {
                collection.activate_adapter(report.version)?;
            }
            if json {
                output::json(&report)?;
            } else {
                print(&report.validation)?;
                output::line(&match report.version {
                    Some(version) => format!("kept as version {version}"),
                    None => "refused: no significant gain".to_owned(),
                })?;
            }
            Ok(ExitCode::from(u8::from(report.version.is_none())))
        }
        AdapterVerb::List { dir, json } => {
            for info in Collection::open_read_only(&dir)?.adapters() {
                if json { output::json(&info)? } else { tell(&info)? }
            }
            Ok(ExitCode::SUCCESS)
        }
        AdapterVerb::Activate { dir, version } => {
            let version = match version.as_str() {
                "none" => None,
                number => Some(number.parse().map_err(|_| {
                    Failure::usage(format!("{number:?} is neither a version nor none"))
                })?),
            };
            Collection::open_with(&dir, open)?.activate_adapter(version)?;
            Ok(ExitCode::SUCCESS)
        }
        AdapterVerb::Delete { dir, version } => {
            Collection::open_with(&dir, open)?.delete_adapter(version)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn print(validation: &AdapterValidation) -> Outcome<()> {
    let (queries, triplets) = (validation.queries, validation.triplets);
    output::line(&format!("ndcg@10 of {queries} queries, {triplets} relevant rows"))?;
    output::line(&format!("without            {:.4}", validation.before))?;
    output::line(&format!("adapted, held out  {:.4}", validation.after))?;
    output::line(&format!("difference         {}", difference(&validation.test)))
}

fn tell(info: &AdapterInfo) -> Outcome<()> {
    let AdapterInfo { version, field, validation, active, .. } = info;
    let active = if *active { ", active" } else { "" };
    output::line(&format!("{version}: field {field}, {}{active}", difference(&validation.test)))
}
