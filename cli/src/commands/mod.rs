//! The verbs, and what several of them need.

mod adapter;
mod answers;
mod bench;
mod compact;
mod create;
mod delete;
mod diff;
mod evaluate;
mod explain;
mod folder;
mod get;
pub(crate) mod ingest;
mod inspect;
mod learn;
mod model;
mod profile;
mod recall;
mod reembed;
mod repair;
mod search;
mod serve;
mod snapshot;
mod stats;
mod transfer;
mod tune;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use lexivec::query::request::Mode;
use lexivec::{Collection, OpenOptions, Receipt};

use crate::args::{Args, Command, ModeArg};
use crate::exit::Outcome;
use crate::model::{ModelArgs, Models};
use crate::output;

/// Runs a verb.
pub(crate) fn run(args: Args) -> Outcome<ExitCode> {
    // A command ends when its work is done: nothing is left to a thread.
    let open = OpenOptions::new().background(false).unsafe_filesystem(args.unsafe_filesystem);
    match args.command {
        Command::Create(args) => create::run(&args, open),
        Command::Ingest(args) => ingest::run(&args, open),
        Command::Delete(args) => delete::run(&args, open),
        Command::Flush(args) => compact::flush(&args, open),
        Command::Compact(args) => compact::run(&args, open),
        Command::Repair(args) => repair::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Snapshot(args) => snapshot::run(args.verb, open),
        Command::Export(args) => transfer::export(&args, open),
        Command::Import(args) => transfer::import(&args),
        Command::Search(args) => search::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Stats(args) => stats::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Recall(args) => recall::run(&args),
        Command::Answers(args) => answers::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Tune(args) => tune::run(&args, open),
        Command::Diff(args) => diff::run(&args),
        Command::Profile(args) => profile::run(args.verb, open),
        Command::Learn(args) => learn::run(&args, open),
        Command::Adapter(args) => adapter::run(args.verb, open),
        Command::Reembed(args) => reembed::run(&args, open),
        Command::Verify(args) => verify::run(&args),
        Command::Model(args) => model::run(args.verb),
        Command::Serve(args) => serve::run(&args, open.background(true)),
    }
}

/// Brings a write into segment files, which saves those who open the collection a replay of the log.
/// If that fails, it is no failure of a write that is durable without it.
fn settle(collection: &Collection, receipt: &Receipt) -> Outcome<()> {
    match collection.flush() {
        Err(error) if receipt.durable => {
            output::note(&format!("it is written, to the log alone: {error}"));
        }
        flushed => {
            flushed?;
        }
    }
    Ok(())
}

/// Opens a collection for reading, with the models that are named.
fn open_for_reading(dir: &Path, models: &Models, embeds: bool) -> Outcome<Collection> {
    let collection = open_with_model(dir, &models.vectors, embeds)?;
    Ok(match models.reranker()? {
        Some(reranker) => collection.with_reranker(reranker),
        None => collection,
    })
}

/// Opens a collection for reading, with its model if it has one and `embeds` says it is needed.
fn open_with_model(dir: &Path, model: &ModelArgs, embeds: bool) -> Outcome<Collection> {
    let collection = Collection::open_read_only(dir)?;
    if embeds { with_model(collection, model) } else { Ok(collection) }
}

/// Hands the model in that is named, if one is and the collection has one.
fn with_model(collection: Collection, model: &ModelArgs) -> Outcome<Collection> {
    if collection.schema().embedder.is_none() {
        return Ok(collection);
    }
    match model.embedder()? {
        None => Ok(collection),
        Some(model) => Ok(collection.with_embedder(model)?),
    }
}

fn mode(mode: ModeArg) -> Mode {
    match mode {
        ModeArg::Auto => Mode::Auto,
        ModeArg::Text => Mode::Text,
        ModeArg::Vector => Mode::Vector,
        ModeArg::Hybrid => Mode::Hybrid,
    }
}
