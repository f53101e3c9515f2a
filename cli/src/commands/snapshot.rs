//! `snapshot create|list|restore`.

use std::process::ExitCode;

use lexivec::{Collection, OpenOptions, Snapshot};

use crate::args::SnapshotVerb;
use crate::exit::Outcome;
use crate::output;

pub(super) fn run(verb: SnapshotVerb, open: OpenOptions) -> Outcome<ExitCode> {
    match verb {
        SnapshotVerb::Create { dir, name, json } => {
            tell(&Collection::open_with(&dir, open)?.snapshot(&name)?, json)?;
        }
        SnapshotVerb::List { dir, json } => {
            for snapshot in Collection::snapshots(&dir)? {
                tell(&snapshot, json)?;
            }
        }
        SnapshotVerb::Restore { dir, name, target, json } => {
            tell(&Collection::restore(Collection::snapshot_path(&dir, &name)?, &target)?, json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(snapshot: &Snapshot, json: bool) -> Outcome<()> {
    if json {
        return output::json(snapshot);
    }
    output::line(&format!(
        "{}: generation {}, {} files, {} bytes",
        snapshot.name, snapshot.generation, snapshot.files, snapshot.bytes
    ))
}
