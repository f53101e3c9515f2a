//! The verbs, and what several of them need.

mod create;
mod evaluate;
mod get;
mod ingest;
mod search;
mod serve;
mod stats;
mod verify;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lexivec::Collection;
use lexivec::model::{Embedder, StaticEmbedder};
use lexivec::query::request::Mode;

use crate::args::{Command, ModeArg};
use crate::exit::Outcome;

/// Runs a verb.
pub(crate) fn run(command: Command) -> Outcome<ExitCode> {
    match command {
        Command::Create(args) => create::run(&args),
        Command::Ingest(args) => ingest::run(&args),
        Command::Search(args) => search::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Stats(args) => stats::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Serve(args) => serve::run(&args),
    }
}

fn load_model(folder: Option<&Path>) -> Outcome<Option<Arc<dyn Embedder>>> {
    match folder {
        None => Ok(None),
        Some(folder) => Ok(Some(Arc::new(StaticEmbedder::open(folder)?))),
    }
}

/// Opens a collection for reading, with its model if it has one and `embeds` says it is needed.
fn open_for_reading(dir: &Path, model: Option<&Path>, embeds: bool) -> Outcome<Collection> {
    let collection = Collection::open_read_only(dir)?;
    if collection.schema().embedder.is_none() || !embeds {
        return Ok(collection);
    }
    with_model(collection, model)
}

/// Hands the model of a folder in, if one is named.
fn with_model(collection: Collection, model: Option<&Path>) -> Outcome<Collection> {
    match load_model(model)? {
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
