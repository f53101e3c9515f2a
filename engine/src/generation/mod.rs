//! A generation: the segments of one manifest and those in memory, their alive rows and the
//! statistics over them.

mod matching;
mod narrowed;
mod operation;
mod renumbering;

use std::collections::HashMap;
use std::sync::Arc;

use lexivec_storage::{Directory, MemoryVfs, SegmentEntry, SegmentFile, Vfs};
use serde_json::Value;

pub(crate) use matching::admits;
pub(crate) use narrowed::AdmittedRows;
pub(crate) use operation::Operation;
pub(crate) use renumbering::Renumbering;

use crate::deadline::Deadline;
use crate::document::Document;
use crate::error::{Error, Result, corrupt};
use crate::limits::ABSORB_MAX_ROWS;
use crate::progress::{NEVER, Progress};
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::segment::{Segment, SegmentBuilder};
use crate::text::{SegmentStatistics, Statistics};

/// A segment in the state of one generation.
#[derive(Clone)]
pub(crate) struct LiveSegment {
    pub(crate) segment: Arc<Segment>,
    pub(crate) alive: Arc<RowSet>,
    /// Statistics over the live rows.
    pub(crate) text: SegmentStatistics,
    /// Its entry in the manifest; `None` for a segment in memory.
    pub(crate) entry: Option<SegmentEntry>,
    /// True for a segment in memory that is being flushed, so that it is not merged with others any more.
    pub(crate) flushing: bool,
    /// Rows of it that filters admit.
    pub(crate) admitted: Arc<AdmittedRows>,
}

impl LiveSegment {
    pub(crate) fn in_memory(&self) -> bool {
        self.entry.is_none()
    }

    /// The live row with this id.
    pub(crate) fn find(&self, id: &str) -> Result<Option<u32>> {
        let row = self.segment.documents.row_of(id)?;
        Ok(row.filter(|&row| self.alive.contains(row)))
    }

    /// The id of a row.
    pub(crate) fn id(&self, row: u32) -> Result<&str> {
        self.segment.documents.id(row)
    }

    /// The rank of a row's id among all ids of the segment.
    pub(crate) fn rank(&self, row: u32) -> Result<u32> {
        self.segment.documents.rank(row)
    }

    /// The payload of a row.
    pub(crate) fn payload(&self, schema: &Schema, row: u32) -> Result<Value> {
        self.segment.documents.payload(schema, row)
    }

    /// The vector of a row in a field; `None` if the row has none there.
    pub(crate) fn vector(&self, field: &str, row: u32) -> Result<Option<&[f32]>> {
        let vectors = self.segment.vectors(field);
        let store = vectors.map(|v| &v.store).filter(|store| store.present.contains(row));
        store.map(|store| store.vector(row)).transpose()
    }

    /// Terms near one, and the live rows of each.
    pub(crate) fn near(
        &self,
        field: usize,
        term: &str,
        edits: u8,
        time: Deadline,
    ) -> Result<Vec<(String, u64)>> {
        self.segment.text().near(field, term, edits, &self.alive, time)
    }

    /// Live rows that have a term of an indexed field.
    pub(crate) fn doc_freq(&self, field: usize, term: &str) -> Result<u64> {
        self.segment.text().doc_freq(field, term, &self.alive)
    }

    /// Removes the row with this id from the live rows; true if it was live.
    pub(crate) fn remove(&mut self, id: &str) -> Result<bool> {
        match self.find(id)? {
            Some(row) => {
                Arc::make_mut(&mut self.alive).remove(row);
                self.segment.text().subtract_row(row, &mut self.text)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// The segment's entry with the rows alive now.
    pub(crate) fn current_entry(&self) -> Option<SegmentEntry> {
        let entry = self.entry.as_ref()?;
        let (alive, statistics) = (self.alive.to_bytes(), self.text.to_bytes());
        Some(SegmentEntry { alive, statistics, ..entry.clone() })
    }
}

/// The address of a row in a generation: the number of its segment, and the row's number in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DocAddress {
    pub(crate) segment: u32,
    pub(crate) row: u32,
}

impl DocAddress {
    pub(crate) fn new(segment: u32, row: u32) -> Self {
        Self { segment, row }
    }
}

/// The immutable state of a collection that a search reads.
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// Number of the last write that is in it.
    pub(crate) seq: u64,
    pub(crate) segments: Vec<LiveSegment>,
    pub(crate) statistics: Statistics,
}

impl Generation {
    /// Refuses files that have changed, or could not be read in part, since they were opened.
    pub(crate) fn check_whole(&self, vfs: &dyn Vfs) -> Result<()> {
        self.segments.iter().try_for_each(|live| live.segment.check_whole(vfs))
    }

    /// Opens the segments of the directory's manifest, reusing those that `known` has open.
    pub(crate) fn load(
        directory: &Directory,
        schema: &Schema,
        known: Option<&Self>,
    ) -> Result<Self> {
        let manifest = directory.manifest();
        let file = manifest.file_name();
        let fields = schema.indexed_fields().len();
        let mut segments = Vec::with_capacity(manifest.segments.len());
        for entry in &manifest.segments {
            let open = known.and_then(|g| g.segment_of(&entry.file));
            let segment = match open.map(|s| s.segment.clone()) {
                Some(segment) => segment,
                None => Arc::new(Segment::open(directory.vfs().as_ref(), schema, entry)?),
            };
            let name = &entry.file.name;
            let alive = RowSet::of(entry)?;
            let text = SegmentStatistics::from_bytes(&file, &entry.statistics, fields)?;
            if text.live != alive.count() {
                return Err(corrupt(&file, name, "statistics of another set of rows"));
            }
            let (alive, entry) = (Arc::new(alive), Some(entry.clone()));
            let (flushing, admitted) = (false, Arc::default());
            segments.push(LiveSegment { segment, alive, text, entry, flushing, admitted });
        }
        let seq = manifest.first_write() - 1;
        Ok(Self::of(manifest.generation, seq, schema, segments))
    }

    /// The segment at this index.
    pub(crate) fn segment(&self, index: u32) -> Result<&LiveSegment> {
        self.segments
            .get(index as usize)
            .ok_or_else(|| Error::invalid("hit", "its segment is not in the generation"))
    }

    /// A generation of open segments.
    pub(crate) fn of(number: u64, seq: u64, schema: &Schema, segments: Vec<LiveSegment>) -> Self {
        let fields = schema.indexed_fields().len();
        let statistics = Statistics::sum(fields, segments.iter().map(|s| &s.text));
        Self { number, seq, segments, statistics }
    }

    /// The generation after these writes, of which `seq` is the last: replaced and deleted rows leave
    /// the live sets, and new rows form a segment in memory, which absorbs the smaller ones before it.
    pub(crate) fn after(
        &self,
        schema: &Schema,
        operations: &[Operation],
        seq: u64,
    ) -> Result<Self> {
        let (mut last, mut ids) = (HashMap::new(), Vec::new());
        for operation in operations {
            let mut put = |id, document: Option<&_>| {
                if last.insert(id, document.cloned()).is_none() {
                    ids.push(id);
                }
            };
            match operation {
                Operation::Upsert(documents) => {
                    documents.iter().for_each(|d: &Document| put(d.id.as_str(), Some(&d)));
                }
                Operation::Delete(deleted) => deleted.iter().for_each(|id| put(id.as_str(), None)),
            }
        }
        let mut segments = self.segments.clone();
        for id in &ids {
            // An id is alive in at most one segment.
            for live in &mut segments {
                if live.remove(id)? {
                    break;
                }
            }
        }
        segments.retain(|live| !live.in_memory() || live.alive.count() > 0);
        let new: Vec<&Document> =
            ids.iter().filter_map(|id| last.get(id).copied().flatten()).collect();
        if !new.is_empty() {
            let absorbed = absorbable(schema, &segments, new.len());
            let mut older = Vec::new();
            for live in absorbed.iter().filter_map(|&index| segments.get(index)) {
                for row in live.alive.iter() {
                    older.push(live.segment.document(schema, row)?);
                }
            }
            let mut index = 0;
            segments.retain(|_| {
                index += 1;
                !absorbed.contains(&(index - 1))
            });
            let rows: Vec<&Document> = older.iter().chain(new).collect();
            segments.push(in_memory(schema, &rows)?);
        }
        Ok(Self::of(self.number, seq, schema, segments))
    }

    /// Live rows of the segments in memory.
    pub(crate) fn recent_rows(&self) -> usize {
        self.segments.iter().filter(|s| s.in_memory()).map(|s| s.alive.count() as usize).sum()
    }

    /// The segment of this file.
    pub(crate) fn segment_of(&self, file: &SegmentFile) -> Option<&LiveSegment> {
        self.segments.iter().find(|s| s.entry.as_ref().is_some_and(|e| e.file == *file))
    }

    /// The address of the live row with this id.
    pub(crate) fn find(&self, id: &str) -> Result<Option<DocAddress>> {
        for (number, live) in (0u32..).zip(&self.segments) {
            if let Some(row) = live.find(id)? {
                return Ok(Some(DocAddress::new(number, row)));
            }
        }
        Ok(None)
    }

    /// The whole row at an address.
    pub(crate) fn document(&self, schema: &Schema, address: DocAddress) -> Result<Document> {
        self.segment(address.segment)?.segment.document(schema, address.row)
    }
}

/// A segment in memory, without a graph: its few rows are scanned as fast.
fn in_memory(schema: &Schema, rows: &[&Document]) -> Result<LiveSegment> {
    let vfs = MemoryVfs::default();
    let progress = Progress { report: &|_, _, _| {}, cancelled: &NEVER };
    let builder = SegmentBuilder { vfs: &vfs, schema, graphs: false, progress: &progress };
    let file = builder.write("memory", 0, rows)?;
    let rows = rows.len() as u32;
    let entry = SegmentEntry::new(file, 0, rows);
    let segment = Arc::new(Segment::open(&vfs, schema, &entry)?);
    let alive = Arc::new(segment.all_rows());
    let text = segment.text().statistics(&alive)?;
    let (entry, flushing, admitted) = (None, false, Arc::default());
    Ok(LiveSegment { segment, alive, text, entry, flushing, admitted })
}

/// Indices of the segments in memory that a new one absorbs: smallest first, as long as each has at
/// most twice the rows gathered so far. So a row is rewritten a logarithmic number of times, and a
/// logarithmic number of small segments remains.
fn absorbable(schema: &Schema, segments: &[LiveSegment], written: usize) -> Vec<usize> {
    let most = schema.rows_in_memory(ABSORB_MAX_ROWS as usize) as u64;
    let mut small: Vec<(u32, usize)> = segments
        .iter()
        .enumerate()
        .filter(|(_, live)| live.in_memory() && !live.flushing)
        .map(|(index, live)| (live.alive.count(), index))
        .collect();
    small.sort_unstable();
    let mut gathered = written as u64;
    let mut indices = Vec::new();
    for (count, index) in small {
        let count = u64::from(count);
        if count > gathered * 2 || gathered + count > most {
            break;
        }
        gathered += count;
        indices.push(index);
    }
    indices
}
