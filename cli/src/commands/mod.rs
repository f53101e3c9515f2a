//! The verbs, and what several of them need.

mod adapter;
mod answers;
mod audit;
mod bench;
mod compact;
mod completions;
mod config;
mod create;
mod delete;
mod diff;
mod doctor;
mod evaluate;
mod explain;
mod folder;
mod generate;
mod get;
mod health;
mod ingest;
mod inspect;
mod key;
mod learn;
mod list;
mod man;
mod mcp;
mod model;
mod profile;
mod recall;
mod reembed;
mod reindex;
mod repair;
mod search;
mod serve;
mod snapshot;
mod stats;
mod suggest;
mod synonyms;
mod transfer;
mod tune;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use lexivec::{Collection, OpenOptions, Receipt};

use crate::exit::{Failure, Outcome};
use crate::model::{ModelArgs, Models};
use crate::output;
use crate::target::Target;

pub(crate) use serve::ServeOptions;

/// Embedded hybrid search: BM25 and vectors over one directory.
#[derive(clap::Parser)]
#[command(name = "lexivec", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Write to a network or user-space file system, where locks and syncs may not hold.
    #[arg(long, global = true, env = "LEXIVEC_UNSAFE_FILESYSTEM", display_order = 1_001)]
    unsafe_filesystem: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Create an empty collection.
    Create(create::Create),
    /// Add documents to a collection, which is created if it does not exist.
    Ingest(ingest::Ingest),
    /// Search a collection.
    Search(search::Search),
    /// Print how a search was carried out and where each score comes from, or why a document is not found.
    Explain(explain::Explain),
    /// Complete the last word of a text from the words of a collection, and correct words that it does not have.
    Suggest(suggest::Suggest),
    /// Print documents by id.
    Get(get::Get),
    /// List documents in the order of their ids, all or those that match a filter.
    List(list::List),
    /// Count documents, all or those that match a filter.
    Count(list::Count),
    /// Print counts and sizes of a collection.
    Stats(Target),
    /// Score a collection's rankings against relevance judgments.
    Evaluate(evaluate::Evaluate),
    /// Score generated answers: faithfulness, relevancy, precision and recall of their contexts.
    Answers(answers::Answers),
    /// Find the best search settings for judged queries, and measure the gain.
    Tune(tune::Tune),
    /// Compare the answers of two profiles or two collections, query by query.
    Diff(diff::Diff),
    /// List, save or remove profiles, which are named search settings.
    Profile(profile::ProfileArgs),
    /// Set, show or remove the synonyms of a collection.
    Synonyms(synonyms::SynonymsArgs),
    /// Record which documents users found relevant; `adapter train` learns from it.
    Learn(learn::Learn),
    /// Train a query adapter on recorded feedback; list, activate or delete adapters.
    Adapter(adapter::AdapterArgs),
    /// Measure the share of the exact hits that vector searches find.
    Recall(recall::Recall),
    /// Measure the speed of searches, and their recall.
    Bench(bench::Bench),
    /// Replace the vectors of all documents by those of another model.
    Reembed(reembed::Reembed),
    /// Build the index of texts again by the analysis of new collections.
    Reindex(Target),
    /// Delete documents, by id or by filter.
    Delete(delete::Delete),
    /// Write everything in the log to segment files.
    Flush(Target),
    /// Merge segments and free the space of deleted documents.
    Compact(compact::Compact),
    /// Check a collection; exit code 0 if sound, 1 if damaged, 2 if it cannot be checked.
    Verify(verify::Verify),
    /// Create a sound collection from the readable parts of a damaged one.
    Repair(repair::Repair),
    /// Print the manifest and the writes in the log.
    Inspect(Target),
    /// Create, list or restore snapshots.
    Snapshot(snapshot::SnapshotArgs),
    /// Write a collection to one file.
    Export(transfer::Export),
    /// Create a collection from an exported file.
    Import(transfer::Import),
    /// Write made-up courses, students, quizzes, labs, feedback or analytics, the same for the same seed.
    Generate(generate::Generate),
    /// Serve a collection, or a directory of collections, over HTTP.
    Serve(serve::Serve),
    /// Check everything that a server of a directory needs; exit code 0 if it may be started, 1 if not.
    Doctor(doctor::Doctor),
    /// Ask a server if it is ready; exit code 0 if it is, 1 if not, 2 if it cannot be asked.
    Health(health::Health),
    /// Print the configuration of a server.
    Config(config::ConfigArgs),
    /// Create, list, rotate or revoke the keys of a server.
    Key(key::KeyArgs),
    /// Read, verify or export the log of administrative acts.
    Audit(audit::AuditArgs),
    /// Serve a collection, or a directory of collections, to an agent by the Model Context Protocol over stdio.
    Mcp(mcp::Mcp),
    /// Add models, list them, or describe one.
    Model(model::ModelVerbs),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
    /// Print the manual page, or write a page for each command into a directory.
    Man(man::Man),
}

/// The arguments of this process, over its environment and the configuration file as they are now.
pub(crate) struct Arguments {
    cli: Cli,
    /// The command with those layers, and what was found for it.
    command: clap::Command,
    matches: ArgMatches,
}

/// Reads the arguments; the inner error is a fault of them, or a text that was asked for, such as the help.
pub(crate) fn arguments() -> Outcome<clap::error::Result<Arguments>> {
    let mut command = crate::config::layered(Cli::command())?;
    let parsed = command.try_get_matches_from_mut(std::env::args_os());
    Ok(parsed.and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok(Arguments { cli, command, matches })
    }))
}

/// Runs a verb.
pub(crate) fn run(Arguments { cli, command, matches }: Arguments) -> Outcome<ExitCode> {
    // A command ends when its work is done: no work is left to background threads.
    let open = OpenOptions::new().background(false).unsafe_filesystem(cli.unsafe_filesystem);
    match cli.command {
        Command::Create(args) => create::run(&args, open),
        Command::Ingest(args) => ingest::run(&args, open),
        Command::Delete(args) => delete::run(&args, open),
        Command::Flush(target) => compact::flush(&target, open),
        Command::Compact(args) => compact::run(&args, open),
        Command::Repair(args) => repair::run(&args, &open),
        Command::Inspect(target) => inspect::run(&target),
        Command::Snapshot(args) => snapshot::run(args, open),
        Command::Export(args) => transfer::export(&args, open),
        Command::Import(args) => transfer::import(&args, &open),
        Command::Search(args) => search::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Suggest(args) => suggest::run(&args),
        Command::Get(args) => get::run(&args),
        Command::List(args) => list::list(&args),
        Command::Count(args) => list::count(&args),
        Command::Stats(target) => stats::run(&target),
        Command::Bench(args) => bench::run(&args),
        Command::Recall(args) => recall::run(&args),
        Command::Answers(args) => answers::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Tune(args) => tune::run(&args, open),
        Command::Diff(args) => diff::run(&args),
        Command::Profile(args) => profile::run(args, open),
        Command::Synonyms(args) => synonyms::run(args, open),
        Command::Learn(args) => learn::run(&args, open),
        Command::Adapter(args) => adapter::run(args, open),
        Command::Reembed(args) => reembed::run(&args, open),
        Command::Reindex(target) => reindex::run(&target, open),
        Command::Verify(args) => verify::run(&args),
        Command::Model(args) => model::run(args),
        Command::Generate(args) => generate::run(&args),
        Command::Serve(args) => serve::run(&args, open.background(true)),
        Command::Doctor(args) => doctor::run(&args, open),
        Command::Health(args) => health::run(&args),
        Command::Config(args) => config::run(&args, &command, &matches),
        Command::Key(args) => key::run(args),
        Command::Audit(args) => audit::run(args),
        Command::Mcp(args) => mcp::run(&args, open.background(true)),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// Flushes a write to segment files, so that the next opening has no log to replay. A failure is only reported if the
/// write is durable without it.
fn settle(collection: &Collection, receipt: &Receipt) -> Outcome<()> {
    match collection.flush() {
        Err(error) if receipt.durable => {
            output::note(&format!(
                "the write is in the write-ahead log only, not in segment files: {error}"
            ));
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

/// Opens a collection for reading, with its model if it has one and `embeds` is true.
fn open_with_model(dir: &Path, model: &ModelArgs, embeds: bool) -> Outcome<Collection> {
    let collection = Collection::open_read_only(dir)?;
    if embeds { with_model(collection, model) } else { Ok(collection) }
}

/// Gives the collection the named model, if one is named and the collection was created with a model.
fn with_model(collection: Collection, model: &ModelArgs) -> Outcome<Collection> {
    if collection.schema().embedder.is_none() {
        return match model.is_explicit() {
            false => Ok(collection),
            true => Err(Failure::usage(
                "the collection was created without a model; omit the option, or create a collection with --model",
            )),
        };
    }
    match model.embedder()? {
        None => Ok(collection),
        Some(model) => Ok(collection.with_embedder(model)?),
    }
}
