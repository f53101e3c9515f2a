//! Checking a collection: every byte of every file, and what the parts say of each other.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use lexivec_storage::{Directory, DiskVfs, Vfs};
use serde::Serialize;

use super::Collection;
use crate::error::Result;
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
        let directory = Directory::open_read_only(vfs.clone())?;
        let manifest = directory.manifest();
        let schema = Schema::from_bytes(&manifest.schema)?;
        let mut report = VerifyReport {
            generation: manifest.generation,
            files: 0,
            rows: 0,
            problems: Vec::new(),
        };
        let mut ids = HashSet::new();
        for entry in &manifest.segments {
            report.files += 1;
            let checked = Segment::open(vfs.as_ref(), &schema, entry).and_then(|segment| {
                segment.verify(&schema)?;
                let alive = RowSet::from_bytes(entry.rows, &entry.alive)
                    .unwrap_or_else(|| segment.all_rows());
                for row in alive.iter() {
                    let id = segment.documents.id(row)?;
                    if !ids.insert(id.to_owned()) {
                        report.problems.push(Problem {
                            file: entry.file.name.clone(),
                            detail: format!("id {id:?} is alive in two segments"),
                        });
                    }
                }
                Ok(())
            });
            report.rows += u64::from(entry.rows);
            if let Err(error) = checked {
                let file = entry.file.name.clone();
                report.problems.push(Problem { file, detail: error.to_string() });
            }
        }
        Ok(report)
    }
}
