//! Writing: a batch becomes a frame in the log, is acknowledged, and is seen by the next search.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lexivec_query::filter::Filter;
use lexivec_storage::{Error as StorageError, Log};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Collection;
use super::flush::LogStart;
use super::shared::{Shared, Writes};
use crate::document::{Document, IntoDocuments, check_batch, json_bytes};
use crate::embed::embed;
use crate::error::Result;
use crate::generation::Operation;
use crate::generation::{Generation, LiveSegment};
use crate::limits::{BACKPRESSURE, MAX_LOGGED_BYTES, MAX_UNFLUSHED_BYTES};
use crate::schema::Durability;
use crate::schema::Schema;
use crate::segment::{NEVER, Progress, SegmentBuilder, Stage};

/// Receipt of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// Its sequence number: a search sees it if its own `seq` is this or more.
    pub seq: u64,
    /// True if it is already on disk; see [`Durability`].
    pub durable: bool,
    /// The generation of segment files at that moment.
    pub generation: u64,
    /// Rows written.
    pub written: usize,
    /// Rows deleted.
    pub deleted: usize,
}

/// Options of one write.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct WriteOptions<'a> {
    /// Durability at which it is acknowledged; the collection's own if not set.
    pub durability: Option<Durability>,
    /// Receives the stage, the rows done and all rows.
    pub progress: &'a (dyn Fn(Stage, usize, usize) + Sync),
    /// Set to cancel: nothing is written then, unless the write is already done.
    pub cancelled: &'a AtomicBool,
}

impl Default for WriteOptions<'_> {
    fn default() -> Self {
        Self { durability: None, progress: &|_, _, _| {}, cancelled: &NEVER }
    }
}

impl<'a> WriteOptions<'a> {
    /// The collection's durability and no progress reports.
    pub fn new() -> Self {
        Self::default()
    }

    fn as_progress(&self) -> Progress<'a> {
        Progress { report: self.progress, cancelled: self.cancelled }
    }

    /// See [`durability`](Self::durability).
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// See [`cancelled`](Self::cancelled).
    pub fn cancelled(mut self, cancelled: &'a AtomicBool) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// See [`progress`](Self::progress).
    pub fn progress(mut self, progress: &'a (dyn Fn(Stage, usize, usize) + Sync)) -> Self {
        self.progress = progress;
        self
    }
}

impl Collection {
    /// Writes whole rows, one or a batch of them: all or none. A row whose id is already there is
    /// replaced. On return the batch is acknowledged, and the next search sees it.
    ///
    /// A batch of enough rows for a graph becomes a segment file at once; a smaller one goes to the
    /// log, and to a segment file with the next flush.
    ///
    /// # Errors
    /// [`Error::Document`] names the first refused document; nothing was written then.
    /// [`DurabilityUnknown`](lexivec_storage::Error::DurabilityUnknown) after a failed sync.
    pub fn upsert(&self, documents: impl IntoDocuments) -> Result<Receipt> {
        self.upsert_with(documents, WriteOptions::new())
    }

    /// Like [`upsert`](Self::upsert), with options.
    pub fn upsert_with(
        &self,
        documents: impl IntoDocuments,
        options: WriteOptions<'_>,
    ) -> Result<Receipt> {
        let mut documents = documents.into_documents();
        self.shared.writable()?;
        check_batch(self.schema(), &documents)?;
        self.embed(&mut documents, &options.as_progress())?;
        self.write_checked(documents, options)
    }

    /// Writes whole rows and deletes the rows of `deleted` that are not among them, all in one write.
    /// So the new rows of a source replace its earlier ones, and no search sees half of it. If there
    /// are rows to delete, the new rows become a segment file at once, however few they are.
    ///
    /// # Errors
    /// As [`upsert`](Self::upsert); nothing was written or deleted then.
    pub fn upsert_and_delete<S: AsRef<str>>(
        &self,
        mut documents: Vec<Document>,
        deleted: &[S],
        options: WriteOptions<'_>,
    ) -> Result<Receipt> {
        if deleted.is_empty() {
            return self.upsert_with(documents, options);
        }
        if documents.is_empty() {
            return self.delete_with(deleted, options);
        }
        self.shared.writable()?;
        check_batch(self.schema(), &documents)?;
        self.embed(&mut documents, &options.as_progress())?;
        let _watch = self.shared.poison.watch();
        let deleted: Vec<&str> = deleted.iter().map(AsRef::as_ref).collect();
        self.shared.write_directly(&documents, &deleted, options)
    }

    /// Checks documents like a write of them, and writes nothing.
    ///
    /// # Errors
    /// [`Error::Document`] names the first that would be refused.
    pub fn check(&self, documents: &[Document]) -> Result<()> {
        check_batch(self.schema(), documents)
    }

    /// Like [`upsert_with`](Self::upsert_with), for documents as they are: the model is not called.
    pub(super) fn write_checked(
        &self,
        documents: Vec<Document>,
        options: WriteOptions<'_>,
    ) -> Result<Receipt> {
        let _watch = self.shared.poison.watch();
        let written = documents.len();
        if written >= self.schema().graph_min_rows.max(1)
            || logged_bytes(&documents) > MAX_LOGGED_BYTES
        {
            return self.shared.write_directly(&documents, &[], options);
        }
        let receipt = if documents.is_empty() {
            self.shared.receipt(self.shared.writable()?)
        } else {
            self.shared.log_write(Operation::Upsert(documents), options.durability)?
        };
        self.maintain();
        Ok(Receipt { written, ..receipt })
    }

    /// Changes the payload of a row: keys of `changes` replace those of the payload, objects are
    /// changed key by key, and a `null` removes a key (RFC 7396). Texts and vectors stay. `None` if
    /// there is no such row.
    ///
    /// # Errors
    /// [`Error::Document`] if the changed row is refused; nothing was written then.
    pub fn patch(&self, id: &str, changes: &Map<String, Value>) -> Result<Option<Receipt>> {
        self.patch_with(id, changes, WriteOptions::new())
    }

    /// Like [`patch`](Self::patch), with options.
    pub fn patch_with(
        &self,
        id: &str,
        changes: &Map<String, Value>,
        options: WriteOptions<'_>,
    ) -> Result<Option<Receipt>> {
        let receipt = self.change(options, |view, schema| {
            let Some(address) = view.find(id)? else { return Ok(None) };
            let mut document = view.document(schema, address)?;
            merge_patch(&mut document.payload, changes);
            check_batch(schema, std::slice::from_ref(&document))?;
            Ok(Some(Operation::Upsert(vec![document])))
        })?;
        Ok(receipt.map(|receipt| Receipt { written: 1, ..receipt }))
    }

    /// Deletes rows by id, all in one write; unknown ids are ignored.
    pub fn delete<S: AsRef<str>>(&self, ids: &[S]) -> Result<Receipt> {
        self.delete_with(ids, WriteOptions::new())
    }

    /// Like [`delete`](Self::delete), with options.
    pub fn delete_with<S: AsRef<str>>(
        &self,
        ids: &[S],
        options: WriteOptions<'_>,
    ) -> Result<Receipt> {
        self.delete_found(options, |view, _| {
            let (mut found, mut seen) = (Vec::new(), HashSet::new());
            for id in ids.iter().map(AsRef::as_ref) {
                if seen.insert(id) && view.find(id)?.is_some() {
                    found.push(id.to_owned());
                }
            }
            Ok(found)
        })
    }

    /// Deletes every row that a filter admits, all in one write.
    pub fn delete_where(&self, filter: &Filter) -> Result<Receipt> {
        self.delete_where_with(filter, WriteOptions::new())
    }

    /// Like [`delete_where`](Self::delete_where), with options.
    pub fn delete_where_with(&self, filter: &Filter, options: WriteOptions<'_>) -> Result<Receipt> {
        self.delete_found(options, |view, schema| {
            let mut found = Vec::new();
            for live in &view.segments {
                for row in live.matching(schema, filter)?.iter() {
                    found.push(live.id(row)?.to_owned());
                }
            }
            Ok(found)
        })
    }

    fn delete_found(
        &self,
        options: WriteOptions<'_>,
        find: impl FnOnce(&Generation, &Schema) -> Result<Vec<String>>,
    ) -> Result<Receipt> {
        let mut deleted = 0;
        let receipt = self.change(options, |view, schema| {
            let ids = find(view, schema)?;
            deleted = ids.len();
            Ok((deleted > 0).then_some(Operation::Delete(ids)))
        })?;
        let receipt = match receipt {
            Some(receipt) => receipt,
            None => self.shared.receipt(self.shared.writable()?),
        };
        Ok(Receipt { deleted, ..receipt })
    }

    /// A write that depends on present rows: no other write comes between its read and its write.
    fn change(
        &self,
        options: WriteOptions<'_>,
        make: impl FnOnce(&Generation, &Schema) -> Result<Option<Operation>>,
    ) -> Result<Option<Receipt>> {
        let shared = &self.shared;
        let _watch = shared.poison.watch();
        let log = shared.writable()?;
        let lsn = {
            let _building = shared.building.lock();
            let mut writes = shared.writes.lock();
            let view = shared.latest(log, &mut writes)?;
            let Some(operation) = make(&view, &shared.schema)? else { return Ok(None) };
            let payload = operation.encode()?;
            shared.append(log, &mut writes, operation, &payload)?
        };
        let receipt = shared.acknowledge(log, lsn, options.durability)?;
        self.maintain();
        Ok(Some(receipt))
    }

    /// Runs the work that is due after a write, or wakes the thread for it. A failure here is not a
    /// failure of the write: it is acknowledged, and the log has it until a later flush succeeds.
    fn maintain(&self) {
        let due = |times| self.shared.flush_due(times);
        if due(1) && (self.shared.ring() || due(BACKPRESSURE)) {
            self.shared.note(self.shared.flush().and_then(|_| self.shared.compact_tiers()));
        }
    }

    fn embed(&self, documents: &mut [Document], progress: &Progress<'_>) -> Result<()> {
        embed(self.schema(), self.embedder.as_deref(), documents, progress)
    }
}

impl Shared {
    /// Logs a write that does not depend on present rows.
    fn log_write(&self, operation: Operation, durability: Option<Durability>) -> Result<Receipt> {
        let log = self.writable()?;
        let payload = operation.encode()?;
        let lsn = self.append(log, &mut self.writes.lock(), operation, &payload)?;
        self.acknowledge(log, lsn, durability)
    }

    /// Appends a frame; a delete on a full disk uses the reserve.
    fn append(
        &self,
        log: &Log,
        writes: &mut Writes,
        operation: Operation,
        payload: &[u8],
    ) -> Result<u64> {
        if writes.bytes > MAX_UNFLUSHED_BYTES {
            let detail = format!(
                "the log holds {} bytes that could not be brought into segment files; `stats` says \
                 why, and `flush` tries again",
                writes.bytes
            );
            return Err(StorageError::Io {
                op: "write to",
                path: self.vfs.describe(),
                source: std::io::Error::other(detail),
            }
            .into());
        }
        let append = || Ok(log.append(payload)?);
        let lsn = match operation {
            Operation::Upsert(_) => append(),
            Operation::Delete(_) => self.with_reserve(append),
        }?;
        writes.push(lsn, operation, payload.len());
        Ok(lsn)
    }

    fn acknowledge(&self, log: &Log, lsn: u64, durability: Option<Durability>) -> Result<Receipt> {
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
    fn receipt(&self, log: &Log) -> Receipt {
        let (seq, generation) = (log.last(), self.current.load().number);
        Receipt { seq, durable: log.durable() >= seq, generation, written: 0, deleted: 0 }
    }

    /// Writes a batch to a segment file and commits it, with every write before it and without the
    /// deleted rows. The log does not hold it, so it is in two generations before it is acknowledged.
    fn write_directly(
        &self,
        documents: &[Document],
        deleted: &[&str],
        options: WriteOptions<'_>,
    ) -> Result<Receipt> {
        let rows: Vec<&Document> = documents.iter().collect();
        let progress = options.as_progress();
        let batch = self.write_segment(rows.len() as u32, |name, id| {
            let (vfs, schema) = (self.vfs.as_ref(), &self.schema);
            SegmentBuilder { vfs, schema, graphs: true, progress: &progress }.write(name, id, &rows)
        })?;
        let file = batch.entry.as_ref().map(|e| e.file.name.clone()).unwrap_or_default();
        let committed = self.commit_directly(documents, deleted, batch);
        match committed {
            Err(error) => {
                let poisoned = self.poison.check().is_err();
                if !poisoned {
                    // No generation names it; the next open would sweep it as well.
                    let _ = self.vfs.remove(&file);
                }
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
    ) -> Result<Receipt> {
        let written: HashSet<&str> = documents.iter().map(|d| d.id.as_str()).collect();
        let mut removed = 0;
        let log = self.writable()?;
        let _maintenance = self.maintenance.lock();
        {
            let _building = self.building.lock();
            let mut writes = self.writes.lock();
            let view = self.latest(log, &mut writes)?;
            // A frame without rows: the batch has a number like any other write.
            let seq = log.append(&Operation::Upsert(Vec::new()).encode()?)?;
            let (lsn, file) = log.seal()?;
            let mut segments = view.segments.clone();
            for id in written.iter().chain(deleted) {
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
            (writes.bytes, writes.rows) = (0, 0);
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

/// Estimated bytes of a batch in the log.
fn logged_bytes(documents: &[Document]) -> usize {
    let bytes = |d: &Document| {
        let vectors: usize = d.vectors.values().map(|v| v.len() * 4).sum();
        let codes = |list: &Vec<Vec<f32>>| list.iter().map(Vec::len).sum::<usize>();
        let tokens: usize = d.tokens.values().map(codes).sum();
        let payload: usize = d.payload.iter().map(|(k, v)| k.len() + json_bytes(v)).sum();
        d.id.len() + vectors + tokens + d.text.values().map(String::len).sum::<usize>() + payload
    };
    documents.iter().map(bytes).sum()
}

/// Applies a JSON Merge Patch (RFC 7396) to an object.
fn merge_patch(target: &mut Map<String, Value>, changes: &Map<String, Value>) {
    let mut merged = Value::Object(std::mem::take(target));
    json_patch::merge(&mut merged, &Value::Object(changes.clone()));
    // The merge of two objects is an object.
    if let Value::Object(map) = merged {
        *target = map;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patches_are_those_of_the_rfc() {
        // The cases of RFC 7396, appendix A, whose target and patch are objects.
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let (Value::Object(mut target), Value::Object(patch)) = (target, patch) else {
                panic!("objects");
            };
            merge_patch(&mut target, &patch);
            assert_eq!(Value::Object(target), expected);
        }
    }
}
