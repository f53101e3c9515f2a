//! The way of a write into the log, or of a large one into a segment file at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lexivec_storage::{Error as StorageError, Log};

use super::flush::LogStart;
use super::scope::WriteScope;
use super::shared::{LoggedWrite, Shared, Writes, is_full};
use super::{Receipt, WriteOptions};
use crate::document::Document;
use crate::error::{Error, Result};
use crate::generation::{Generation, LiveSegment, Operation};
use crate::limits::{FLUSH_MEMORY_BYTES, MAX_UNFLUSHED_BYTES};
use crate::schema::Durability;
use crate::segment::SegmentBuilder;

impl Shared {
    /// Logs a write that does not depend on present rows.
    pub(super) fn log_write(
        &self,
        operation: Operation,
        durability: Option<Durability>,
    ) -> Result<Receipt> {
        let log = self.writable()?;
        let write = LoggedWrite::new(&operation)?;
        self.hold_memory(write.size.memory)?;
        let lacks_room = {
            let mut writes = self.writes.lock();
            is_full(&self.check_room(&mut writes, write.size.bytes)) && writes.logged.bytes > 0
        };
        if lacks_room {
            self.flush_for_room()?;
        }
        let lsn = self.append(log, &mut self.writes.lock(), write)?;
        self.acknowledge(log, lsn, durability)
    }

    /// Brings the rows before a write into a segment file, as long as there is space for it. While the disk is as full as it
    /// was when that failed, it is not tried again: it costs seconds, and each write would wait for them.
    fn flush_for_room(&self) -> Result<()> {
        let free = || Ok::<_, Error>(self.vfs.free_bytes()?.unwrap_or(u64::MAX));
        if self.full_at.lock().is_some_and(|full| free().is_ok_and(|now| now <= full)) {
            return Ok(());
        }
        let flushed = self.flush();
        *self.full_at.lock() = if is_full(&flushed) { Some(free()?) } else { None };
        flushed.map(drop)
    }

    /// Flushes the rows before a write that would take more memory with them than they may.
    pub(super) fn hold_memory(&self, more: u64) -> Result<()> {
        let before = self.writes.lock().logged.memory;
        if before > 0 && before.saturating_add(more) > FLUSH_MEMORY_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Flushes the rows of a log that an open has read back, if the first search would take too much memory to read them.
    pub(super) fn flush_long_log(&self) {
        if !self.read_only()
            && let Err(error) = self.hold_memory(0)
        {
            self.note(Err(error));
        }
    }

    /// Appends a frame; a delete on a full disk uses the reserve.
    pub(super) fn append(&self, log: &Log, writes: &mut Writes, write: LoggedWrite) -> Result<u64> {
        if writes.logged.bytes > MAX_UNFLUSHED_BYTES {
            let detail = format!(
                "the log holds {} bytes that could not be brought into segment files; `stats` says \
                 why, and `flush` tries again",
                writes.logged.bytes
            );
            return Err(StorageError::Io {
                op: "write to",
                path: self.vfs.describe(),
                source: std::io::Error::other(detail),
            }
            .into());
        }
        let append = || Ok(log.append(&write.frame)?);
        let lsn = if write.deletes {
            let deleted = self.with_reserve(append);
            self.retake_reserve_if_free();
            // Fewer rows are to be written.
            *self.full_at.lock() = None;
            deleted
        } else {
            self.retake_reserve()?;
            self.check_room(writes, write.size.bytes)?;
            append()
        }?;
        writes.push(lsn, write);
        Ok(lsn)
    }

    pub(super) fn acknowledge(
        &self,
        log: &Log,
        lsn: u64,
        durability: Option<Durability>,
    ) -> Result<Receipt> {
        let durability = durability.unwrap_or(self.schema.durability);
        // Without a background thread there would be no later sync.
        let now = durability == Durability::Interval && !self.options.background;
        if durability == Durability::Sync || now {
            log.sync(lsn)?;
        }
        self.visible.fetch_max(lsn, Ordering::AcqRel);
        Ok(Receipt { seq: lsn, durable: log.durable() >= lsn, ..self.receipt(log) })
    }

    /// The receipt of an empty write.
    pub(super) fn receipt(&self, log: &Log) -> Receipt {
        let (seq, generation) = (log.last(), self.current.load().number);
        Receipt { seq, durable: log.durable() >= seq, generation, written: 0, deleted: 0 }
    }

    /// Writes a batch to a segment file and commits it, with every write before it and without the
    /// deleted rows. The log does not hold it, so it is in two generations before it is acknowledged.
    pub(super) fn write_directly(
        &self,
        documents: &[Document],
        deleted: &[&str],
        options: WriteOptions<'_>,
        scope: Option<&WriteScope>,
    ) -> Result<Receipt> {
        self.retake_reserve()?;
        let rows: Vec<&Document> = documents.iter().collect();
        let progress = options.as_progress();
        let batch = self.write_segment(rows.len() as u32, |name, id| {
            let (vfs, schema) = (self.vfs.as_ref(), &self.schema);
            SegmentBuilder { vfs, schema, graphs: true, progress: &progress }.write(name, id, &rows)
        })?;
        let file = batch.entry.as_ref().map(|e| e.file.name.clone()).unwrap_or_default();
        let committed = self.commit_directly(documents, deleted, batch, scope);
        match committed {
            Err(error) => {
                self.discard(&file);
                Err(error)
            }
            committed => {
                if self.ring() {
                    self.note(self.compact_tiers());
                }
                committed
            }
        }
    }

    fn commit_directly(
        &self,
        documents: &[Document],
        deleted: &[&str],
        batch: LiveSegment,
        scope: Option<&WriteScope>,
    ) -> Result<Receipt> {
        let written: HashSet<&str> = documents.iter().map(|d| d.id.as_str()).collect();
        let mut removed = 0;
        let log = self.writable()?;
        let _maintenance = self.maintenance.lock();
        {
            let _building = self.building.lock();
            let mut writes = self.writes.lock();
            let view = self.latest(log, &mut writes)?;
            let mut deletable: Vec<&str> = deleted.to_vec();
            if let Some(scope) = scope {
                scope.check_replaced(&view, &self.schema, documents)?;
                deletable = scope.only_admitted(&view, &self.schema, deleted)?;
            }
            // A frame without rows: the batch has a number like any other write.
            let seq = log.append(&Operation::Upsert(Vec::new()).encode()?)?;
            let (lsn, file) = log.seal()?;
            let mut segments = view.segments.clone();
            for id in written.iter().chain(&deletable) {
                for live in &mut segments {
                    if live.remove(id)? {
                        removed += usize::from(!written.contains(id));
                        break;
                    }
                }
            }
            let left = Generation::of(view.number, view.seq, &self.schema, segments);
            let recent = self.write_recent(&left)?;
            let disk = left.segments.into_iter().filter(|s| !s.in_memory() && s.alive.count() > 0);
            let mut segments: Vec<LiveSegment> =
                disk.chain(recent.clone()).chain([batch]).collect();
            for live in &mut segments {
                live.entry = live.current_entry();
            }
            let entries = segments.iter().filter_map(|s| s.entry.clone()).collect();
            let number = self.commit(entries, Some(LogStart { lsn, file }), &recent)?;
            writes.begin_flush();
            let next = Generation::of(number, seq, &self.schema, segments);
            self.current.store(Arc::new(next));
            self.visible.fetch_max(seq, Ordering::AcqRel);
        }
        // It is already durable; until a second commit there is no generation to fall back to.
        self.note(self.commit_again().map(drop));
        Ok(Receipt {
            written: documents.len(),
            deleted: removed,
            durable: true,
            ..self.receipt(log)
        })
    }
}

#[cfg(test)]
mod tests {
    use lexivec_storage::MemoryVfs;
    use serde_json::json;

    use super::*;
    use crate::collection::Collection;
    use crate::options::{OpenOptions, Options};

    const ROWS: usize = 50;

    /// A row of 64 KB in the log, and of 6 MiB in memory.
    fn row(id: usize) -> Document {
        Document::new(id.to_string()).payload("a", json!(vec![json!({"": 0}); 9_200]))
    }

    fn memory(collection: &Collection) -> u64 {
        collection.shared.writes.lock().logged.memory
    }

    #[test]
    fn rows_of_many_small_values_are_flushed_before_they_fill_the_memory() {
        let collection = Collection::in_memory(Options::new()).expect("made");
        let before = collection.generation();
        for id in 0..ROWS {
            collection.shared.log_write(Operation::Upsert(vec![row(id)]), None).expect("logged");
            assert!(memory(&collection) <= FLUSH_MEMORY_BYTES);
        }
        assert!(collection.generation() > before, "50 rows take more");
        assert_eq!(collection.count(&Default::default()).expect("counted"), ROWS as u64);
    }

    #[test]
    fn a_log_of_more_rows_than_may_be_read_at_once_is_flushed_in_parts_by_an_open() {
        let open = || OpenOptions::new().background(false).reserve_bytes(0);
        let vfs = Arc::new(MemoryVfs::default());
        let collection = Collection::create(vfs.clone(), Options::new().open(open()));
        let collection = collection.expect("made");
        let shared = &collection.shared;
        let log = shared.writable().expect("writable");
        for id in 0..ROWS {
            let operation = Operation::Upsert(vec![row(id)]);
            let write = LoggedWrite::new(&operation).expect("encoded");
            shared.append(log, &mut shared.writes.lock(), write).expect("logged");
        }
        assert!(memory(&collection) > 2 * FLUSH_MEMORY_BYTES);
        drop(collection);
        let collection = open().open(vfs).expect("opened");
        assert_eq!(memory(&collection), 0);
        let current = collection.shared.current.load_full();
        let sizes = current.segments.iter().map(|live| live.segment.all_rows().count());
        let sizes: Vec<u32> = sizes.collect();
        assert!(sizes.len() > 2 && sizes.iter().all(|&rows| rows < 25), "{sizes:?}");
        assert_eq!(collection.count(&Default::default()).expect("counted"), ROWS as u64);
    }
}
