//! Writing: upserts, patches and deletes, each one atomic, with options and within a scope.

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;

use lexivec_query::filter::Filter;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Collection;
use super::scope::WriteScope;
use super::shared::{LoggedWrite, is_full};
use crate::budget::bytes_of_document;
use crate::document::{Document, IntoDocuments};
use crate::embed::embed;
use crate::error::Result;
use crate::fields::{check_batch, logged_bytes};
use crate::generation::{Generation, Operation};
use crate::limits::{BACKPRESSURE, MAX_LOGGED_BYTES};
use crate::progress::{NEVER, Progress, Stage};
use crate::schema::{Durability, Schema};

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

impl std::fmt::Debug for WriteOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteOptions").field("durability", &self.durability).finish_non_exhaustive()
    }
}

impl Default for WriteOptions<'_> {
    fn default() -> Self {
        Self { durability: None, progress: &|_, _, _| {}, cancelled: &NEVER }
    }
}

impl<'a> WriteOptions<'a> {
    /// The collection's durability and no progress reports.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn as_progress(&self) -> Progress<'a> {
        Progress { report: self.progress, cancelled: self.cancelled }
    }

    /// See [`durability`](Self::durability).
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// See [`cancelled`](Self::cancelled).
    #[must_use]
    pub fn cancelled(mut self, cancelled: &'a AtomicBool) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// See [`progress`](Self::progress).
    #[must_use]
    pub fn progress(mut self, progress: &'a (dyn Fn(Stage, usize, usize) + Sync)) -> Self {
        self.progress = progress;
        self
    }
}

/// A writer of a collection: the options of its writes, and the rows that they may touch.
///
/// [`Collection::writer`] makes one with options, [`Collection::scoped_writer`] one that is confined to a scope. Several
/// writers of one collection may write at once; each write is atomic by itself.
#[derive(Clone)]
pub struct Writer<'a> {
    collection: &'a Collection,
    options: WriteOptions<'a>,
    scope: Option<WriteScope>,
}

impl Collection {
    /// A writer whose writes are done with these options.
    #[must_use]
    pub fn writer<'a>(&'a self, options: WriteOptions<'a>) -> Writer<'a> {
        Writer { collection: self, options, scope: None }
    }

    /// A writer that is confined to the rows that `filter` admits, and puts the keys of `stamp` in the payload of every
    /// row it writes, in place of what the caller has there: for a tenant, `tenant = "acme"` and `{"tenant": "acme"}`.
    ///
    /// A row outside the scope is treated as if it were not there: a delete passes it over, a patch returns `None`, and
    /// an upsert of its id is refused. So is a row that would lie outside the scope once it is stamped.
    ///
    /// Ids are those of the whole collection, so that a caller that guesses an id learns by this refusal that a row
    /// outside has it, and by the numbers of writes in receipts how much others write. The refusal cannot be left out:
    /// the row of another would be replaced. A server closes both by giving the ids of each scope a prefix, which it
    /// puts before the ids of requests and takes off those of answers, and by keeping the numbers to itself.
    #[must_use]
    pub fn scoped_writer(&self, filter: Filter, stamp: Map<String, Value>) -> Writer<'_> {
        self.writer(WriteOptions::new()).scoped(filter, stamp)
    }

    /// Writes whole rows with the default options; see [`Writer::upsert`].
    ///
    /// # Errors
    /// As [`Writer::upsert`].
    pub fn upsert(&self, documents: impl IntoDocuments) -> Result<Receipt> {
        self.writer(WriteOptions::new()).upsert(documents)
    }

    /// Changes the payload of a row with the default options; see [`Writer::patch`].
    ///
    /// # Errors
    /// As [`Writer::patch`].
    pub fn patch(&self, id: &str, changes: &Map<String, Value>) -> Result<Option<Receipt>> {
        self.writer(WriteOptions::new()).patch(id, changes)
    }

    /// Deletes rows by id with the default options; see [`Writer::delete`].
    ///
    /// # Errors
    /// As [`Writer::delete`].
    pub fn delete<S: AsRef<str>>(&self, ids: &[S]) -> Result<Receipt> {
        self.writer(WriteOptions::new()).delete(ids)
    }

    /// Deletes every row that a filter admits, with the default options; see [`Writer::delete_where`].
    ///
    /// # Errors
    /// As [`Writer::delete_where`].
    pub fn delete_where(&self, filter: &Filter) -> Result<Receipt> {
        self.writer(WriteOptions::new()).delete_where(filter)
    }

    /// Checks documents like a write of them, and writes nothing.
    ///
    /// # Errors
    /// [`Error::Document`](crate::Error::Document) names the first that would be refused.
    pub fn check(&self, documents: &[Document]) -> Result<()> {
        check_batch(self.schema(), documents)
    }

    /// Runs the work that is due after a write, or wakes the thread for it. A failure here is not a
    /// failure of the write: it is acknowledged, and the log has it until a later flush succeeds.
    fn maintain(&self) {
        let due = |times| self.shared.flush_due(times);
        if due(1) && (self.shared.ring() || due(BACKPRESSURE)) {
            self.shared.note(self.shared.flush().and_then(|_| self.shared.compact_tiers()));
        }
    }
}

impl Writer<'_> {
    /// A writer with a narrower scope: `filter` has to admit its rows as well, and the keys of `stamp`
    /// are put in the payload of every row it writes. A key that is already stamped keeps its value: a
    /// scope can be narrowed and never widened.
    #[must_use]
    pub fn scoped(mut self, filter: Filter, stamp: Map<String, Value>) -> Self {
        self.scope = Some(match self.scope {
            None => WriteScope::new(filter, stamp),
            Some(scope) => scope.narrowed(filter, stamp),
        });
        self
    }

    /// Writes whole rows, one or a batch of them: all or none. A row whose id is already there is
    /// replaced. On return the batch is acknowledged, and the next search sees it.
    ///
    /// A batch of enough rows for a graph becomes a segment file at once; a smaller one goes to the
    /// log, and to a segment file with the next flush.
    ///
    /// # Errors
    /// [`Error::Document`](crate::Error::Document) names the first refused document; nothing was written then.
    /// [`DurabilityUnknown`](lexivec_storage::Error::DurabilityUnknown) after a failed sync.
    pub fn upsert(&self, documents: impl IntoDocuments) -> Result<Receipt> {
        self.collection.shared.writable()?;
        let documents = self.ready(documents.into_documents())?;
        self.write_checked(documents)
    }

    /// Writes whole rows and deletes the rows of `ids` that are not among them, all in one write.
    /// So the new rows of a source replace its earlier ones, and no search sees half of it. If there
    /// are rows to delete, the new rows become a segment file at once, however few they are.
    ///
    /// # Errors
    /// As [`upsert`](Self::upsert); nothing was written or deleted then.
    pub fn upsert_and_delete<S: AsRef<str>>(
        &self,
        documents: impl IntoDocuments,
        ids: &[S],
    ) -> Result<Receipt> {
        let documents = documents.into_documents();
        if ids.is_empty() {
            return self.upsert(documents);
        }
        if documents.is_empty() {
            return self.delete(ids);
        }
        let shared = &self.collection.shared;
        shared.writable()?;
        let documents = self.ready(documents)?;
        let _guard = shared.poison.panic_guard();
        let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
        shared.write_directly(&documents, &ids, self.options, self.scope.as_ref())
    }

    /// Changes the payload of a row: keys of `changes` replace those of the payload, objects are
    /// changed key by key, and a `null` removes a key (RFC 7396). Texts and vectors stay.
    /// `None` if no such row is there.
    ///
    /// # Errors
    /// [`Error::Document`](crate::Error::Document) if the changed row is refused; nothing was written then.
    pub fn patch(&self, id: &str, changes: &Map<String, Value>) -> Result<Option<Receipt>> {
        let receipt = self.update(&[id], |document| merge_patch(&mut document.payload, changes))?;
        Ok((receipt.written > 0).then_some(receipt))
    }

    /// Changes the rows with these ids, all in one write: no other write comes between the read of a row and its write.
    /// Ids of no row are ignored. The id of a row stays, whatever `change` makes of it, and no model is asked for the
    /// vectors of a text that it changes.
    ///
    /// # Errors
    /// [`Error::Document`](crate::Error::Document) if a changed row is refused; nothing was written then.
    pub fn update<S: AsRef<str>>(
        &self,
        ids: &[S],
        change: impl Fn(&mut Document),
    ) -> Result<Receipt> {
        self.collection.shared.hold_memory(0)?;
        let mut written = 0;
        let receipt = self.change(|view, schema| {
            let (mut changed, mut seen) = (Vec::new(), HashSet::new());
            for id in ids.iter().map(AsRef::as_ref).filter(|id| seen.insert(*id)) {
                let Some(address) = view.find(id)? else { continue };
                let mut document = view.document(schema, address)?;
                if let Some(scope) = &self.scope
                    && !scope.admits(schema, &document)?
                {
                    continue;
                }
                change(&mut document);
                document.id = id.to_owned();
                changed.push(document);
            }
            if let Some(scope) = &self.scope {
                scope.stamp(&mut changed);
                scope.check(schema, &changed)?;
            }
            check_batch(schema, &changed)?;
            written = changed.len();
            Ok((written > 0).then_some(Operation::Upsert(changed)))
        })?;
        let receipt = match receipt {
            Some(receipt) => receipt,
            None => self.collection.shared.receipt(self.collection.shared.writable()?),
        };
        Ok(Receipt { written, ..receipt })
    }

    /// Deletes rows by id, all in one write; unknown ids are ignored.
    ///
    /// # Errors
    /// When the handle cannot write, or the machine fails.
    pub fn delete<S: AsRef<str>>(&self, ids: &[S]) -> Result<Receipt> {
        self.delete_found(|view, schema| {
            let (mut found, mut seen) = (Vec::new(), HashSet::new());
            for id in ids.iter().map(AsRef::as_ref) {
                if seen.insert(id) && self.may_delete(view, schema, id)? {
                    found.push(id.to_owned());
                }
            }
            Ok(found)
        })
    }

    /// True if a row with this id is there and within the scope.
    fn may_delete(&self, view: &Generation, schema: &Schema, id: &str) -> Result<bool> {
        match &self.scope {
            None => Ok(view.find(id)?.is_some()),
            Some(scope) => Ok(scope.of_id(view, schema, id)? == Some(true)),
        }
    }

    /// Deletes every row that a filter admits, all in one write.
    ///
    /// # Errors
    /// As [`delete`](Self::delete); and where the filter names a text field that is not there.
    pub fn delete_where(&self, filter: &Filter) -> Result<Receipt> {
        let within = self.scope.as_ref().map(|scope| scope.with(filter));
        let filter = within.as_ref().unwrap_or(filter);
        self.delete_found(|view, schema| {
            let mut found = Vec::new();
            for live in &view.segments {
                for row in live.matching(schema, filter)?.iter() {
                    found.push(live.id(row)?.to_owned());
                }
            }
            Ok(found)
        })
    }

    /// The documents as they are written: stamped, checked and embedded.
    fn ready(&self, mut documents: Vec<Document>) -> Result<Vec<Document>> {
        let collection = self.collection;
        let schema = collection.schema();
        if let Some(scope) = &self.scope {
            scope.stamp(&mut documents);
            scope.check(schema, &documents)?;
        }
        check_batch(schema, &documents)?;
        let model = collection.embedder.as_deref();
        embed(schema, model, &mut documents, &self.options.as_progress())?;
        Ok(documents)
    }

    /// Writes documents as they are: no model is asked.
    pub(super) fn write_checked(&self, documents: Vec<Document>) -> Result<Receipt> {
        let collection = self.collection;
        let shared = &collection.shared;
        let _guard = shared.poison.panic_guard();
        let written = documents.len();
        if written >= collection.schema().graph_min_rows.max(1)
            || logged_bytes(&documents) > MAX_LOGGED_BYTES
        {
            return shared.write_directly(&documents, &[], self.options, self.scope.as_ref());
        }
        let receipt = match &self.scope {
            _ if documents.is_empty() => shared.receipt(shared.writable()?),
            None => shared.log_write(Operation::Upsert(documents), self.options.durability)?,
            Some(scope) => {
                shared.hold_memory(documents.iter().map(bytes_of_document).sum::<usize>() as u64)?;
                let receipt = self.change(|view, schema| {
                    scope.check_replaced(view, schema, &documents)?;
                    Ok(Some(Operation::Upsert(documents)))
                })?;
                return match receipt {
                    Some(receipt) => Ok(Receipt { written, ..receipt }),
                    None => Ok(shared.receipt(shared.writable()?)),
                };
            }
        };
        collection.maintain();
        Ok(Receipt { written, ..receipt })
    }

    fn delete_found(
        &self,
        find: impl Fn(&Generation, &Schema) -> Result<Vec<String>>,
    ) -> Result<Receipt> {
        let mut deleted = 0;
        let mut delete = || {
            self.change(|view, schema| {
                let ids = find(view, schema)?;
                deleted = ids.len();
                Ok((deleted > 0).then_some(Operation::Delete(ids)))
            })
        };
        let shared = &self.collection.shared;
        let receipt = match delete() {
            // The deletes in the log are brought into a manifest, which frees the log for this one.
            full if is_full(&full) => shared.flush().and_then(|_| delete()),
            done => done,
        }?;
        let receipt = match receipt {
            Some(receipt) => receipt,
            None => shared.receipt(shared.writable()?),
        };
        Ok(Receipt { deleted, ..receipt })
    }

    /// A write that depends on present rows: no other write comes between its read and its write.
    fn change(
        &self,
        make: impl FnOnce(&Generation, &Schema) -> Result<Option<Operation>>,
    ) -> Result<Option<Receipt>> {
        let shared = &self.collection.shared;
        let _guard = shared.poison.panic_guard();
        let log = shared.writable()?;
        let lsn = {
            let _building = shared.building.lock();
            let mut writes = shared.writes.lock();
            let view = shared.latest(log, &mut writes)?;
            let Some(operation) = make(&view, &shared.schema)? else { return Ok(None) };
            shared.append(log, &mut writes, LoggedWrite::new(&operation)?)?
        };
        let receipt = shared.acknowledge(log, lsn, self.options.durability)?;
        self.collection.maintain();
        Ok(Some(receipt))
    }
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
