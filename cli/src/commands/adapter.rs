//! `adapter train|list|activate|delete`.

use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::model::adapter::Training;
use lexivec::{AdapterInfo, AdapterOptions, AdapterValidation, Collection, OpenOptions};

use super::evaluate::difference;
use super::with_model;
use crate::exit::{Failure, Outcome};
use crate::model::ModelArgs;
use crate::output;
use crate::target::Target;

#[derive(clap::Args)]
pub(crate) struct AdapterArgs {
    #[command(subcommand)]
    verb: AdapterVerb,
}

#[derive(clap::Subcommand)]
enum AdapterVerb {
    /// Train an adapter on all feedback. It is kept if it improves queries that it was not trained on; if not, the
    /// exit code is 1.
    Train(Box<Train>),
    /// Print the adapters.
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Use an adapter for all queries that do not name one.
    Activate {
        /// Directory of the collection.
        dir: PathBuf,
        /// Version of the adapter, or `none`.
        #[arg(id = "adapter", value_name = "VERSION")]
        version: String,
    },
    /// Delete an adapter.
    Delete {
        /// Directory of the collection.
        dir: PathBuf,
        /// Version of the adapter.
        #[arg(id = "adapter", value_name = "VERSION")]
        version: u32,
    },
}

#[derive(clap::Args)]
struct Train {
    #[command(flatten)]
    target: Target,
    /// Rank of the adapter's matrices.
    #[arg(long)]
    rank: Option<usize>,
    /// Passes over the feedback.
    #[arg(long)]
    epochs: Option<usize>,
    /// Parts that the queries are split into; each part is scored by an adapter trained on the others.
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// Seed of the split, of the first weights and of the significance test.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Use the adapter from now on, if it is kept.
    #[arg(long)]
    activate: bool,
    #[command(flatten)]
    model: ModelArgs,
}

pub(super) fn run(args: AdapterArgs, open: OpenOptions) -> Outcome<ExitCode> {
    match args.verb {
        AdapterVerb::Train(args) => train(&args, open),
        AdapterVerb::List { target } => {
            for info in Collection::open_read_only(&target.dir)?.adapters()? {
                if target.json { output::json(&info)? } else { print_info(&info)? }
            }
            Ok(ExitCode::SUCCESS)
        }
        AdapterVerb::Activate { dir, version } => {
            let version = match version.as_str() {
                "none" => None,
                number => Some(number.parse().map_err(|_| {
                    Failure::usage(format!(
                        "{number:?} is neither the number of a version nor `none`"
                    ))
                })?),
            };
            open.open(&dir)?.activate_adapter(version)?;
            Ok(ExitCode::SUCCESS)
        }
        AdapterVerb::Delete { dir, version } => {
            open.open(&dir)?.delete_adapter(version)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn train(args: &Train, open: OpenOptions) -> Outcome<ExitCode> {
    let collection = with_model(open.open(&args.target.dir)?, &args.model)?;
    let mut training = Training::default();
    training.rank = args.rank.unwrap_or(training.rank);
    training.epochs = args.epochs.unwrap_or(training.epochs);
    training.seed = args.seed;
    let mut options = AdapterOptions::default();
    (options.training, options.folds, options.seed) = (training, args.folds, args.seed);
    let report = collection.train_adapter(&options)?;
    if let (true, Some(_)) = (args.activate, report.version) {
        collection.activate_adapter(report.version)?;
    }
    if args.target.json {
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

fn print(validation: &AdapterValidation) -> Outcome<()> {
    let (queries, triplets) = (validation.queries, validation.triplets);
    let (queries, rows) =
        (output::count(queries, "query"), output::count(triplets, "relevant row"));
    output::line(&format!("ndcg@10 of {queries}, {rows}"))?;
    output::line(&format!("without            {:.4}", validation.before))?;
    output::line(&format!("adapted, held out  {:.4}", validation.after))?;
    output::line(&format!("difference         {}", difference(&validation.test)))
}

fn print_info(info: &AdapterInfo) -> Outcome<()> {
    let AdapterInfo { version, field, validation, active, .. } = info;
    let active = if *active { ", active" } else { "" };
    output::line(&format!("{version}: field {field}, {}{active}", difference(&validation.test)))
}
