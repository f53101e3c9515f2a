//! Flushing: recent rows become a segment file, and one manifest swap releases the log before it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use lexivec_storage::{Error as StorageError, NextManifest, SegmentEntry, SegmentFile};
use xxhash_rust::xxh3::xxh3_128;

use super::Collection;
use super::shared::{Shared, is_full};
use crate::document::Document;
use crate::error::{Error, Result};
use crate::generation::{Generation, LiveSegment, Renumbering};
use crate::limits::FLUSH_MEMORY_BYTES;
use crate::progress::{NEVER, Progress};
use crate::schema::Schema;
use crate::segment::{Segment, SegmentBuilder};

/// Beginning of the log once a manifest is committed: the number of the first write that is not in its
/// segments, and of the first file that may hold it.
#[derive(Clone, Copy)]
pub(super) struct LogStart {
    pub(super) lsn: u64,
    pub(super) file: u64,
}

impl Collection {
    /// Writes every acknowledged write to segment files and commits them; returns the generation. It
    /// makes writes of durability `bulk` durable.
    ///
    /// # Errors
    /// When the machine fails, or the disk is full; no write is lost, as the log still has it.
    pub fn flush(&self) -> Result<u64> {
        self.shared.flush()
    }
}

impl Shared {
    /// True if the rows or bytes that only the log has are `times` those that make a flush due.
    pub(super) fn flush_due(&self, times: u64) -> bool {
        let writes = self.writes.lock();
        let logged = writes.logged;
        logged.bytes >= self.options.flush_bytes.saturating_mul(times)
            || logged.memory >= FLUSH_MEMORY_BYTES.saturating_mul(times)
            || logged.rows as u64
                >= (self.schema.rows_in_memory(self.options.flush_rows) as u64)
                    .saturating_mul(times)
    }

    pub(super) fn flush(&self) -> Result<u64> {
        let _maintenance = self.maintenance.lock();
        let flushed = self.flush_held();
        if !is_full(&flushed) {
            return flushed;
        }
        // Rows that were deleted since the last flush free the space for those that are to be written.
        self.commit_deletes()?;
        self.flush_held()
    }

    /// Commits which rows of segment files are live, and leaves the log as it is, which repeats the deletes: so segments
    /// whose rows are all dead go, and others can be rewritten, where there is no space to write the rows of the log.
    /// Called with `maintenance` held.
    fn commit_deletes(&self) -> Result<()> {
        let log = self.writable()?;
        let view = {
            let _building = self.building.lock();
            self.latest(log, &mut self.writes.lock())?
        };
        let live = view.segments.iter().filter(|s| !s.in_memory() && s.alive.count() > 0);
        let entries: Vec<SegmentEntry> = live.filter_map(LiveSegment::current_entry).collect();
        let number = self.commit(entries.clone(), None, &None)?;
        {
            let _building = self.building.lock();
            let current = self.current.load_full();
            let mut segments = kept_segments(&current, &entries);
            segments.extend(current.segments.iter().filter(|s| s.in_memory()).cloned());
            let next = Generation::of(number, current.seq, &self.schema, segments);
            self.current.store(Arc::new(next));
        }
        self.commit_again().map(drop)
    }

    /// After a flush on a full disk: commits once more, so that the log and the segments that only the generation before
    /// the newest needs go, and takes the reserve back. What does not succeed is tried again by the next flush.
    fn free_space(&self) {
        if self.short.load(Ordering::Acquire) {
            let _ = self.commit_again();
            let _ = self.retake_reserve();
        }
    }

    /// [`flush`](Self::flush) for a caller that holds `maintenance`.
    pub(super) fn flush_held(&self) -> Result<u64> {
        loop {
            let (number, all) = self.flush_part()?;
            if all {
                return Ok(number);
            }
        }
    }

    /// Flushes the rows in memory, and of the writes that wait as many as may be read at once; gives the generation, and
    /// true if it has all of them.
    fn flush_part(&self) -> Result<(u64, bool)> {
        let _guard = self.poison.panic_guard();
        let log = self.writable()?;
        let (view, start, counted, all) = {
            let _building = self.building.lock();
            let mut writes = self.writes.lock();
            let view = self.latest_within(log, &mut writes, FLUSH_MEMORY_BYTES)?;
            let committed = self.directory.lock().manifest().first_write();
            if log.last() + 1 == committed && view.recent_rows() == 0 {
                drop(writes);
                drop(_building);
                self.free_space();
                return Ok((self.current.load().number, true));
            }
            let waits = writes.pending.front().map(|write| write.lsn);
            let (lsn, file) = match waits {
                None => log.seal()?,
                Some(lsn) => (lsn, self.directory.lock().manifest().log_file),
            };
            let counted = writes.begin_flush();
            // From here on these segments do not change, except for rows that are deleted.
            let frozen = self.freeze(&view, true);
            self.current.store(frozen.clone());
            (frozen, LogStart { lsn, file }, counted, waits.is_none())
        };
        let written = self.with_reserve(|| self.write_recent(&view));
        let flushed = written.and_then(|new| self.commit_flush(&view, new, start));
        if flushed.is_ok() {
            self.free_space();
        } else {
            let _building = self.building.lock();
            // The flush is due as before.
            self.writes.lock().logged += counted;
            self.current.store(self.freeze(&self.current.load_full(), false));
        }
        flushed.map(|number| (number, all))
    }

    fn freeze(&self, view: &Generation, flushing: bool) -> Arc<Generation> {
        let mut segments = view.segments.clone();
        segments.iter_mut().for_each(|s| s.flushing = flushing && s.in_memory());
        Arc::new(Generation::of(view.number, view.seq, &self.schema, segments))
    }

    /// Writes a segment file of the live rows in memory, in their order.
    pub(super) fn write_recent(&self, view: &Generation) -> Result<Option<LiveSegment>> {
        let mut documents = Vec::new();
        for live in view.segments.iter().filter(|s| s.in_memory()) {
            for row in live.alive.iter() {
                documents.push(live.segment.document(&self.schema, row)?);
            }
        }
        if documents.is_empty() {
            return Ok(None);
        }
        let rows: Vec<&Document> = documents.iter().collect();
        let progress = Progress { report: &|_, _, _| {}, cancelled: &NEVER };
        let build = |name: &str, id| {
            let vfs = self.vfs.as_ref();
            let schema = &self.schema;
            SegmentBuilder { vfs, schema, graphs: false, progress: &progress }
                .write(name, id, &rows)
        };
        self.write_segment(rows.len() as u32, build).map(Some)
    }

    /// Writes a segment file by `build`, and opens it; it is not part of any generation yet.
    pub(super) fn write_segment(
        &self,
        rows: u32,
        build: impl FnOnce(&str, u128) -> Result<SegmentFile>,
    ) -> Result<LiveSegment> {
        self.write_segment_of(&self.schema, rows, build)
    }

    /// [`write_segment`](Self::write_segment), with another schema.
    pub(super) fn write_segment_of(
        &self,
        schema: &Schema,
        rows: u32,
        build: impl FnOnce(&str, u128) -> Result<SegmentFile>,
    ) -> Result<LiveSegment> {
        let (name, segment) = {
            let mut directory = self.directory.lock();
            let name = directory.new_segment_name();
            // The seed is fixed, so that the same writes into the same collection give the same bytes.
            let mut key = directory.manifest().collection.to_le_bytes().to_vec();
            key.extend_from_slice(name.as_bytes());
            (name, xxh3_128(&key))
        };
        let opened = build(&name, segment).and_then(|file| {
            let mut entry = SegmentEntry::new(file, segment, rows);
            let mut segment = Segment::open(self.vfs.as_ref(), schema, &entry)?;
            let alive = Arc::new(segment.all_rows());
            let text = segment.text().statistics(&alive)?;
            entry.statistics = text.to_bytes();
            entry.curves = segment.measure_curves(schema.seed)?;
            let segment = Arc::new(segment);
            let (entry, flushing, admitted) = (Some(entry), false, Arc::default());
            Ok(LiveSegment { segment, alive, text, entry, flushing, admitted })
        });
        match &opened {
            // The name was taken, or no file was made: the file is another's.
            Err(Error::Storage(
                StorageError::AlreadyExists { .. } | StorageError::NoDescriptors { .. },
            ))
            | Ok(_) => {}
            Err(_) => self.discard(&name),
        }
        opened
    }

    /// Removes a segment file that this handle made and no manifest names. One that cannot be removed now is swept by
    /// the next open. A handle that may not write removes nothing: its directory may be another's by now.
    pub(super) fn discard(&self, name: &str) {
        if self.poison.check().is_ok() && self.vfs.check_place().is_ok() {
            let _ = self.vfs.remove(name);
        }
    }

    fn commit_flush(
        &self,
        view: &Generation,
        new: Option<LiveSegment>,
        start: LogStart,
    ) -> Result<u64> {
        let disk = view.segments.iter().filter(|s| !s.in_memory() && s.alive.count() > 0);
        let kept: Vec<SegmentEntry> = disk.filter_map(LiveSegment::current_entry).collect();
        let added = new.iter().filter_map(|s| s.entry.clone());
        let entries: Vec<SegmentEntry> = kept.into_iter().chain(added).collect();
        let number = self.commit(entries.clone(), Some(start), &new)?;

        let _building = self.building.lock();
        let current = self.current.load_full();
        let mut segments = kept_segments(&current, &entries);
        if let Some(mut new) = new {
            // Rows that were deleted or replaced while the file was written are dead in it.
            let flushed: Vec<&LiveSegment> =
                view.segments.iter().filter(|s| s.in_memory()).collect();
            let renumbering = Renumbering::new(flushed.iter().map(|s| s.alive.clone()).collect());
            let alive = renumbering.alive_where(|input| {
                let same = |s: &&LiveSegment| Arc::ptr_eq(&s.segment, &flushed[input].segment);
                current.segments.iter().find(same).map(|s| s.alive.clone())
            });
            if !alive.is_full() {
                new.text = new.segment.text().statistics(&alive)?;
                new.alive = Arc::new(alive);
            }
            segments.push(new);
        }
        let later = current.segments.iter().filter(|s| s.in_memory() && !s.flushing);
        segments.extend(later.cloned());
        let next = Generation::of(number, current.seq, &self.schema, segments);
        self.current.store(Arc::new(next));
        Ok(number)
    }

    /// Commits a manifest of these segments; `start` moves the beginning of the log. On a full disk the
    /// reserve is released first. A file in `new` is removed if nothing was committed.
    pub(super) fn commit(
        &self,
        segments: Vec<SegmentEntry>,
        start: Option<LogStart>,
        new: &Option<LiveSegment>,
    ) -> Result<u64> {
        self.commit_with(None, segments, start, new)
    }

    /// [`commit`](Self::commit), with another schema if one is given.
    pub(super) fn commit_with(
        &self,
        schema: Option<Vec<u8>>,
        segments: Vec<SegmentEntry>,
        start: Option<LogStart>,
        new: &Option<LiveSegment>,
    ) -> Result<u64> {
        let commit = || {
            let mut directory = self.directory.lock();
            let manifest = directory.manifest();
            let next = NextManifest {
                schema: schema.as_ref().unwrap_or(&manifest.schema).clone(),
                log_start: start.map_or(manifest.log_start, |s| s.lsn),
                log_file: start.map_or(manifest.log_file, |s| s.file),
                segments: segments.clone(),
            };
            directory.commit(next)?;
            *self.damage.lock() = directory.damage().map(ToString::to_string);
            if self.short.load(Ordering::Acquire) {
                directory.keep_commit_reserve(self.options.reserve_bytes);
            }
            Ok(directory.manifest().generation)
        };
        let mut committed = self.with_reserve(commit);
        if is_full(&committed) && self.directory.lock().release_commit_reserve() {
            committed = commit();
        }
        if let (Ok(_), Some(start), Some(log)) = (&committed, start, &self.log) {
            log.forget_before(start.lsn);
        }
        if let Err(Error::Storage(StorageError::OutOfSpace { .. } | StorageError::Invalid { .. })) =
            committed
            && let Some(entry) = new.as_ref().and_then(|s| s.entry.as_ref())
        {
            // The commit failed before its rename, so no manifest names the new file.
            self.discard(&entry.file.name);
        }
        committed
    }

    /// Commits the newest generation once more. The one before it, which is kept to fall back to,
    /// then holds the same: after a commit whose rows are not in the log, and to release files that
    /// only older ones name. Called with `maintenance` held: no other commit may come between the read
    /// of the newest generation and this one.
    pub(super) fn commit_again(&self) -> Result<u64> {
        self.commit_schema(None)
    }

    /// Commits the newest generation once more, with another schema if one is given; called as
    /// [`commit_again`](Self::commit_again) is.
    pub(super) fn commit_schema(&self, schema: Option<Vec<u8>>) -> Result<u64> {
        let segments = self.directory.lock().manifest().segments.clone();
        let number = self.commit_with(schema, segments, None, &None)?;
        let _building = self.building.lock();
        let current = self.current.load_full();
        let next = Generation::of(number, current.seq, &self.schema, current.segments.clone());
        self.current.store(Arc::new(next));
        Ok(number)
    }
}

/// The segments on disk that these entries name, in the form of a generation, with their new entries.
pub(super) fn kept_segments(view: &Generation, entries: &[SegmentEntry]) -> Vec<LiveSegment> {
    let kept = |live: &LiveSegment| {
        let own = live.entry.as_ref()?;
        let entry = entries.iter().find(|e| e.file == own.file)?;
        Some(LiveSegment { entry: Some(entry.clone()), ..live.clone() })
    };
    view.segments.iter().filter_map(kept).collect()
}
