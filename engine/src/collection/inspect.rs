//! Inspection of a collection's files: its manifest and the writes in its log.

use std::path::Path;
use std::sync::Arc;

use lexivec_storage::{Directory, DiskVfs};
use serde::Serialize;

use super::siblings::shown;
use super::{Collection, read_after};
use crate::error::Result;
use crate::generation::Operation;
use crate::rows::RowSet;
use crate::schema::Schema;

/// Contents of the files of a collection.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The newest generation that can be read.
    pub generation: u64,
    /// The reason that a newer one was passed over; `None` if it was not.
    pub damage: Option<String>,
    /// The collection's identifier, 32 hexadecimal digits.
    pub collection: String,
    /// Number of the first write that is not in the segment files.
    pub log_start: u64,
    /// Number of the first log file that may hold it.
    pub log_file: u64,
    /// Each segment file: name, rows, live rows, bytes.
    pub segments: Vec<(String, u32, u32, u64)>,
    /// Each write in the log after that: number, bytes, rows written, rows deleted.
    pub log: Vec<(u64, usize, usize, usize)>,
    /// File and byte at which the log ends in a torn write that was never acknowledged as durable, if
    /// it does.
    pub torn: Option<(String, u64)>,
    /// The schema.
    pub schema: Schema,
}

impl Collection {
    /// Reads the manifest and the log of the collection in a directory, without a lock.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn inspect(path: impl AsRef<Path>) -> Result<Inspection> {
        let vfs = Arc::new(DiskVfs::open_root(path.as_ref())?);
        let directory = Directory::open_read_only(vfs)?;
        let manifest = directory.manifest();
        let content = read_after(&directory)?;
        let mut log = Vec::with_capacity(content.frames.len());
        for frame in &content.frames {
            let at = format!("write {} of the log", frame.lsn);
            let (written, deleted) = match Operation::decode(&at, &frame.payload)? {
                Operation::Upsert(documents) => (documents.len(), 0),
                Operation::Delete(ids) => (0, ids.len()),
            };
            log.push((frame.lsn, frame.payload.len(), written, deleted));
        }
        Ok(Inspection {
            generation: manifest.generation,
            damage: directory.damage().map(ToString::to_string),
            collection: shown(manifest),
            log_start: manifest.first_write(),
            log_file: manifest.log_file,
            segments: manifest
                .segments
                .iter()
                .map(|s| Ok((s.file.name.clone(), s.rows, RowSet::of(s)?.count(), s.file.len)))
                .collect::<Result<_>>()?,
            log,
            torn: content.torn.map(|t| (t.file, t.offset)),
            schema: Schema::of(manifest)?,
        })
    }
}
