//! Rewriting: all segment files are written again under another schema, and one manifest swap makes them current.

use std::sync::atomic::AtomicBool;

use lexivec_storage::SegmentEntry;

use super::shared::Shared;
use crate::error::Result;
use crate::options::OpenOptions;
use crate::progress::{NEVER, Progress, Stage};
use crate::schema::Schema;

/// Options of an operation that writes all segment files again: [`reembed`](super::Collection::reembed) or
/// [`reindex`](super::Collection::reindex).
#[derive(Clone)]
#[non_exhaustive]
pub struct RewriteOptions<'a> {
    /// Options of the open.
    pub open: OpenOptions,
    /// Receives the stage, the rows done of a segment, and its rows.
    pub progress: &'a (dyn Fn(Stage, usize, usize) + Sync),
    /// Set to cancel; the collection then stays as it was.
    pub cancelled: &'a AtomicBool,
}

impl Default for RewriteOptions<'_> {
    fn default() -> Self {
        Self { open: OpenOptions::new(), progress: &|_, _, _| {}, cancelled: &NEVER }
    }
}

impl<'a> RewriteOptions<'a> {
    pub(super) fn as_progress(&self) -> Progress<'a> {
        Progress { report: self.progress, cancelled: self.cancelled }
    }
}

impl Shared {
    /// Commits the segment files that `write` lists, and no others, under a schema; returns the generation. If it fails
    /// before the commit, the files are removed. Only this handle has the collection open for writing, and its log is
    /// empty.
    pub(super) fn rewrite(
        &self,
        schema: &Schema,
        write: impl FnOnce(&mut Vec<SegmentEntry>) -> Result<()>,
    ) -> Result<u64> {
        let mut written = Vec::new();
        let committed = write(&mut written).and_then(|()| {
            // What was written was read from these files.
            self.current.load_full().check_whole(&*self.vfs)?;
            let _maintenance = self.maintenance.lock();
            self.commit_with(Some(schema.to_bytes()?), written.clone(), None, &None)?;
            // Committed twice, so that a damaged newest manifest falls back to the same files. A failure here is no
            // failure of the rewriting: the next commit is the second one.
            self.note(self.commit_with(None, written.clone(), None, &None).map(drop));
            Ok(self.directory.lock().manifest().generation)
        });
        if committed.is_err() {
            written.iter().for_each(|entry| self.discard(&entry.file.name));
        }
        committed
    }
}
