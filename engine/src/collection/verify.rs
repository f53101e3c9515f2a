//! Checking a collection: every byte of every file, and what the parts say of each other.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use lexivec_storage::{Directory, DiskVfs, Error as StorageError, SegmentEntry, Vfs};
use serde::Serialize;

use super::Collection;
use crate::error::{Error, Result, corrupt};
use crate::limits::OPEN_RETRIES;
use crate::schema::Schema;
use crate::segment::{RowSet, Segment};

/// What [`Collection::verify`] found.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The generation checked.
    pub generation: u64,
    /// Segment files checked.
    pub files: usize,
    /// Rows read.
    pub rows: u64,
    /// What is wrong; empty for a sound collection.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub detail: String,
}

impl VerifyReport {
    /// True when nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Collection {
    /// Checks the collection in a directory without a lock and without stopping at the first
    /// damaged file: every checksum, every row of every segment, and that no id is alive twice.
    ///
    /// # Errors
    /// Only when nothing can be told: the directory or its manifest cannot be read.
    pub fn verify(path: impl AsRef<Path>) -> Result<VerifyReport> {
        Self::verify_on(Arc::new(DiskVfs::open_root(path.as_ref())?))
    }

    /// As [`verify`](Self::verify), on any [`Vfs`].
    pub fn verify_on(vfs: Arc<dyn Vfs>) -> Result<VerifyReport> {
        let mut directory = Directory::open_read_only(vfs)?;
        // A writer may remove files while they are opened; what is open stays.
        let mut retries = 0;
        loop {
            let opened = open_all(&directory)?;
            let gone = |(_, segment): &(SegmentEntry, Result<Segment>)| {
                matches!(segment, Err(Error::Storage(StorageError::NotFound { .. })))
            };
            if opened.iter().any(gone) && retries < OPEN_RETRIES && directory.refresh()? {
                retries += 1;
                continue;
            }
            return check(&directory, opened);
        }
    }
}

type Opened = Vec<(SegmentEntry, Result<Segment>)>;

fn open_all(directory: &Directory) -> Result<Opened> {
    let schema = Schema::of(directory.manifest())?;
    let open = |entry: &SegmentEntry| {
        (entry.clone(), Segment::open(directory.vfs().as_ref(), &schema, entry))
    };
    Ok(directory.manifest().segments.iter().map(open).collect())
}

fn check(directory: &Directory, opened: Opened) -> Result<VerifyReport> {
    let schema = Schema::of(directory.manifest())?;
    let mut report = VerifyReport {
        generation: directory.manifest().generation,
        files: opened.len(),
        rows: 0,
        problems: Vec::new(),
    };
    let manifest = directory.manifest().file_name();
    let mut ids = HashSet::new();
    for (entry, segment) in opened {
        report.rows += u64::from(entry.rows);
        let checked = segment.and_then(|s| check_segment(&schema, &manifest, &entry, &s, &mut ids));
        if let Err(error) = checked {
            let file = entry.file.name;
            report.problems.push(Problem { file, detail: error.to_string() });
        }
    }
    Ok(report)
}

/// Checks one segment: its bytes, its rows, and what the manifest says of them.
fn check_segment(
    schema: &Schema,
    manifest: &str,
    entry: &SegmentEntry,
    segment: &Segment,
    ids: &mut HashSet<String>,
) -> Result<()> {
    segment.verify(schema)?;
    let bad = |detail: String| corrupt(manifest, &entry.file.name, detail);
    let alive = RowSet::from_bytes(entry.rows, &entry.alive)
        .ok_or_else(|| bad("its alive set is not of this segment".to_owned()))?;
    if segment.text.statistics(&alive)?.to_bytes() != entry.statistics {
        return Err(bad("its statistics are not those of its rows".to_owned()));
    }
    for row in alive.iter() {
        let id = segment.documents.id(row)?;
        if !ids.insert(id.to_owned()) {
            return Err(bad(format!("id {id:?} is alive in two segments")));
        }
    }
    Ok(())
}
