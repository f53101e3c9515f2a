//! `snapshot create|list|restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::{OpenOptions, Snapshot};

use crate::exit::Outcome;
use crate::output;
use crate::target::Target;

#[derive(clap::Args)]
pub(crate) struct SnapshotArgs {
    #[command(subcommand)]
    verb: SnapshotVerb,
}

#[derive(clap::Subcommand)]
enum SnapshotVerb {
    /// Keep the present state of a collection under a name.
    Create {
        #[command(flatten)]
        collection: Target,
        /// Name of the snapshot.
        name: String,
    },
    /// Print the snapshots of a collection.
    List {
        #[command(flatten)]
        collection: Target,
    },
    /// Create a collection from a snapshot, after every byte of it is verified.
    Restore {
        #[command(flatten)]
        collection: Target,
        /// Name of the snapshot.
        name: String,
        /// Directory of the new collection.
        target: PathBuf,
    },
}

pub(super) fn run(args: SnapshotArgs, open: OpenOptions) -> Outcome<ExitCode> {
    match args.verb {
        SnapshotVerb::Create { collection: Target { dir, json }, name } => {
            print(&open.open(&dir)?.snapshot(&name)?, json)?;
        }
        SnapshotVerb::List { collection: Target { dir, json } } => {
            for snapshot in Snapshot::list(&dir)? {
                print(&snapshot, json)?;
            }
        }
        SnapshotVerb::Restore { collection: Target { dir, json }, name, target } => {
            print(&Snapshot::restore(Snapshot::path(&dir, &name)?, &target)?, json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(snapshot: &Snapshot, json: bool) -> Outcome<()> {
    if json {
        return output::json(snapshot);
    }
    output::line(&format!(
        "{}: generation {}, {} files, {} bytes",
        snapshot.name, snapshot.generation, snapshot.files, snapshot.bytes
    ))
}
