//! `snapshot create|list|restore`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexivec::storage::disk;
use lexivec::{CopyOptions, DamagedSnapshot, OpenOptions, Snapshot};

use crate::exit::{Failure, Outcome};
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
        /// Name of the new collection; without it, the name of the collection that the snapshot is of.
        #[arg(long = "name", value_name = "NAME")]
        new_name: Option<String>,
    },
}

pub(super) fn run(args: SnapshotArgs, open: OpenOptions) -> Outcome<ExitCode> {
    match args.verb {
        SnapshotVerb::Create { collection: Target { dir, json }, name } => {
            print(&open.open(&dir)?.snapshot(&name)?, json)?;
        }
        SnapshotVerb::List { collection: Target { dir, json } } => {
            let found = Snapshot::list(&dir)?;
            found.snapshots.iter().try_for_each(|snapshot| print(snapshot, json))?;
            for DamagedSnapshot { name, reason, .. } in &found.damaged {
                output::note(&format!("snapshot {name} is damaged: {reason}"));
            }
            if !found.damaged.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
        SnapshotVerb::Restore { collection: Target { dir, json }, name, target, new_name } => {
            let snapshot = existing(&dir, &name)?;
            let options = CopyOptions::new().unsafe_filesystem(open.unsafe_filesystem);
            let options = new_name.into_iter().fold(options, CopyOptions::name);
            print(&Snapshot::restore(snapshot, &target, options)?, json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The directory of a snapshot that is there; the failure names those that are.
fn existing(dir: &Path, name: &str) -> Outcome<PathBuf> {
    let path = Snapshot::path(dir, name)?;
    if disk::is_collection(&path) {
        return Ok(path);
    }
    let names: Vec<String> = Snapshot::list(dir)?.snapshots.into_iter().map(|s| s.name).collect();
    let there = match names.is_empty() {
        true => "it has none; `lexivec snapshot create` makes one".to_owned(),
        false => format!("it has {}", names.join(", ")),
    };
    Err(Failure::new(format!("{} has no snapshot {name:?}; {there}", dir.display())))
}

fn print(snapshot: &Snapshot, json: bool) -> Outcome<()> {
    if json {
        return output::json(snapshot);
    }
    output::line(&format!(
        "{}: generation {}, {}, {} bytes",
        snapshot.name,
        snapshot.generation,
        output::count(snapshot.files, "file"),
        snapshot.bytes
    ))
}
