//! Writing: a batch becomes a segment, and one manifest swap makes it visible and durable.

use std::sync::Arc;

use lexivec_storage::{Directory, Error as StorageError, NextManifest, SegmentEntry};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use super::Collection;
use super::generation::{Generation, LiveSegment};
use crate::document::{Document, check_batch, check_embedded};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::ABSORB_MAX_ROWS;
use crate::segment::{RowSet, Segment, SegmentBuilder, Stage};

/// Texts handed to an embedder at once; sizes progress reports, not results.
const EMBED_BATCH: usize = 1_024;

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The generation in which the write is visible and durable.
    pub generation: u64,
    /// Rows written.
    pub written: usize,
    /// Rows among them that took the place of one with the same id.
    pub replaced: usize,
}

impl Collection {
    /// Writes a batch of whole rows: all of them or none. A row whose id is already there is
    /// replaced. On return the batch is on disk and visible to searches.
    ///
    /// Every call seals a segment, so write many rows at once; the rows of earlier small segments
    /// are taken into the new one, so that single writes leave a handful of segments behind.
    ///
    /// # Errors
    /// [`Error::Document`] names the first refused document; nothing was written then.
    pub fn upsert(&self, documents: Vec<Document>) -> Result<Receipt> {
        self.upsert_with(documents, &|_, _, _| {})
    }

    /// As [`upsert`](Self::upsert); `progress` is told the stage, rows done and rows in all.
    pub fn upsert_with(
        &self,
        mut documents: Vec<Document>,
        progress: &(dyn Fn(Stage, usize, usize) + Sync),
    ) -> Result<Receipt> {
        if self.is_read_only() {
            return Err(Error::Storage(StorageError::ReadOnly));
        }
        check_batch(self.schema(), &documents)?;
        self.embed(&mut documents, progress)?;
        if documents.is_empty() {
            return Ok(Receipt { generation: self.generation(), written: 0, replaced: 0 });
        }
        let mut directory = self.directory.lock();
        directory.begin_write()?;
        let done = self.write_batch(&mut directory, documents, progress);
        // After a full disk the write is wholly undone; after other failures of the machine nobody
        // knows what it keeps.
        let unknown = done.as_ref().err().filter(|e| {
            let full = matches!(e, Error::Storage(StorageError::OutOfSpace { .. }));
            e.kind() == ErrorKind::Machine && !full
        });
        directory.end_write(unknown.map(ToString::to_string));
        done
    }

    fn write_batch(
        &self,
        directory: &mut Directory,
        mut documents: Vec<Document>,
        progress: &(dyn Fn(Stage, usize, usize) + Sync),
    ) -> Result<Receipt> {
        let current = self.current.load_full();
        let written = documents.len();
        let (alive, replaced) = alive_without(&current, &documents)?;
        let absorbed = absorbable(&current, &alive, written);
        for &place in &absorbed {
            if let (Some(live), Some(rows)) = (current.segments.get(place), alive.get(place)) {
                for row in rows.iter() {
                    documents.push(live.segment.document(self.schema(), row)?);
                }
            }
        }
        let mut segments = Vec::with_capacity(current.segments.len() + 1);
        for (place, (live, rows)) in current.segments.iter().zip(alive).enumerate() {
            if rows.count() > 0 && !absorbed.contains(&place) {
                segments.push(with_rows(live, rows)?);
            }
        }
        let new = self.write_segment(directory, &documents, progress)?;
        let name = new.entry.file.name.clone();
        segments.push(new);
        // Everything that can fail is done before the commit: what is durable is then also seen.
        let number = directory.manifest().generation + 1;
        let generation = Generation::of(number, self.schema(), segments)?;
        let next = NextManifest {
            schema: directory.manifest().schema.clone(),
            log_start: directory.manifest().log_start,
            segments: generation.segments.iter().map(|s| s.entry.clone()).collect(),
        };
        if let Err(error) = directory.commit(next) {
            if matches!(error, StorageError::OutOfSpace { .. } | StorageError::Invalid { .. }) {
                // Nothing was renamed, so the new file is nobody's.
                let _ = directory.vfs().remove(&name);
            }
            return Err(error.into());
        }
        self.current.store(Arc::new(generation));
        Ok(Receipt { generation: number, written, replaced })
    }

    /// Writes and opens a segment of these documents.
    fn write_segment(
        &self,
        directory: &mut Directory,
        documents: &[Document],
        progress: &(dyn Fn(Stage, usize, usize) + Sync),
    ) -> Result<LiveSegment> {
        let name = directory.new_segment_name();
        // Not random: the same writes into the same collection give the same bytes.
        let mut key = directory.manifest().collection.to_le_bytes().to_vec();
        key.extend_from_slice(name.as_bytes());
        let segment = xxh3_128(&key);
        let vfs = directory.vfs().clone();
        let builder = SegmentBuilder { vfs: vfs.as_ref(), schema: self.schema(), progress };
        let opened = builder.write(&name, segment, documents).and_then(|(file, text)| {
            let entry = SegmentEntry {
                file,
                segment,
                rows: documents.len() as u32,
                alive: Vec::new(),
                statistics: text.to_bytes(),
            };
            let segment = Arc::new(Segment::open(vfs.as_ref(), self.schema(), &entry)?);
            let alive = Arc::new(segment.all_rows());
            Ok(LiveSegment { segment, alive, entry })
        });
        if opened.is_err() {
            // The file belongs to no generation; if it cannot go now, the next open sweeps it.
            let _ = vfs.remove(&name);
        }
        opened
    }

    /// Fills the embedder's vector field of every document that has text and no vector there.
    fn embed(
        &self,
        documents: &mut [Document],
        progress: &(dyn Fn(Stage, usize, usize) + Sync),
    ) -> Result<()> {
        let Some(record) = &self.schema.embedder else {
            return Ok(());
        };
        let wanting: Vec<usize> = documents
            .iter()
            .enumerate()
            .filter(|(_, d)| !d.vectors.contains_key(&record.field))
            .map(|(i, _)| i)
            .collect();
        if wanting.is_empty() {
            return Ok(());
        }
        let Some(model) = &self.embedder else {
            return Err(Error::Embedder(format!(
                "the collection's vectors are made by {} ({}); hand that model in, or give every \
                 document a vector",
                record.name, record.hash
            )));
        };
        let mut done = 0;
        for batch in wanting.chunks(EMBED_BATCH) {
            let texts: Vec<String> = batch
                .iter()
                .filter_map(|&i| documents.get(i))
                .map(|d| d.joined_text(&self.schema))
                .collect();
            let views: Vec<&str> = texts.iter().map(String::as_str).collect();
            let vectors = model.embed(&views)?;
            if vectors.len() != batch.len() {
                return Err(Error::Embedder(format!(
                    "model {} gave {} vectors for {} texts",
                    model.name(),
                    vectors.len(),
                    batch.len()
                )));
            }
            for (&i, vector) in batch.iter().zip(vectors) {
                if let (Some(document), Some(vector)) = (documents.get_mut(i), vector) {
                    check_embedded(self.schema(), model.as_ref(), &vector)?;
                    document.vectors.insert(record.field.clone(), vector);
                }
            }
            done += batch.len();
            progress(Stage::Embed, done, wanting.len());
        }
        Ok(())
    }
}

/// Alive rows of each segment once these documents are in, and how many rows they replace.
fn alive_without(current: &Generation, documents: &[Document]) -> Result<(Vec<RowSet>, usize)> {
    let mut alive: Vec<RowSet> =
        current.segments.iter().map(|s| s.alive.as_ref().clone()).collect();
    let mut replaced = 0;
    for document in documents {
        for (live, rows) in current.segments.iter().zip(&mut alive) {
            if let Some(row) = live.segment.documents.row_of(&document.id)?
                && rows.contains(row)
            {
                rows.remove(row);
                replaced += 1;
                break;
            }
        }
    }
    Ok((alive, replaced))
}

/// Places of the small segments whose rows the new one takes in: smallest first, as long as each
/// is not more than twice what is already gathered. A row is so rewritten a logarithmic number of
/// times, and a logarithmic number of small segments is left.
fn absorbable(current: &Generation, alive: &[RowSet], written: usize) -> Vec<usize> {
    let mut small: Vec<(u32, usize)> = alive
        .iter()
        .zip(&current.segments)
        .enumerate()
        .filter(|(_, (_, live))| live.segment.vectors.iter().all(|v| v.graph.is_none()))
        .map(|(place, (rows, _))| (rows.count(), place))
        .filter(|&(count, _)| count > 0 && count <= ABSORB_MAX_ROWS)
        .collect();
    small.sort_unstable();
    let mut gathered = written as u64;
    let mut places = Vec::new();
    for (count, place) in small {
        let count = u64::from(count);
        if count > gathered * 2 || gathered + count > u64::from(ABSORB_MAX_ROWS) {
            break;
        }
        gathered += count;
        places.push(place);
    }
    places
}

/// A kept segment with these rows alive.
fn with_rows(live: &LiveSegment, rows: RowSet) -> Result<LiveSegment> {
    let mut kept = live.clone();
    if rows != *live.alive {
        kept.entry.alive = rows.to_bytes();
        kept.entry.statistics = live.segment.text.statistics(&rows)?.to_bytes();
        kept.alive = Arc::new(rows);
    }
    Ok(kept)
}
