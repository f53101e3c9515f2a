//! A generation: the segments of one manifest, their alive rows and the statistics over them.

use std::sync::Arc;

use lexivec_storage::{Directory, SegmentEntry};

use crate::error::{Result, corrupt};
use crate::schema::Schema;
use crate::segment::{RowSet, Segment};
use crate::text::{SegmentText, Statistics};

/// A segment as one generation sees it.
#[derive(Clone)]
pub(crate) struct LiveSegment {
    pub(crate) segment: Arc<Segment>,
    pub(crate) alive: Arc<RowSet>,
    pub(crate) entry: SegmentEntry,
}

/// Everything a search needs; never changes.
pub(crate) struct Generation {
    pub(crate) number: u64,
    pub(crate) segments: Vec<LiveSegment>,
    pub(crate) statistics: Statistics,
}

impl Generation {
    /// Opens the segments of the directory's manifest, taking over those `known` already has.
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
            let open = known
                .and_then(|g| g.segments.iter().find(|s| s.entry.file == entry.file))
                .map(|s| s.segment.clone());
            let segment = match open {
                Some(segment) => segment,
                None => Arc::new(Segment::open(directory.vfs().as_ref(), schema, entry)?),
            };
            let name = &entry.file.name;
            let alive = RowSet::from_bytes(entry.rows, &entry.alive)
                .ok_or_else(|| corrupt(&file, name, "not a row set of this segment"))?;
            let text = SegmentText::from_bytes(&file, &entry.statistics, fields)?;
            if text.live != alive.count() {
                return Err(corrupt(&file, name, "statistics of another set of rows"));
            }
            segments.push(LiveSegment { segment, alive: Arc::new(alive), entry: entry.clone() });
        }
        Self::of(manifest.generation, schema, segments)
    }

    /// A generation of segments that are open already.
    pub(crate) fn of(number: u64, schema: &Schema, segments: Vec<LiveSegment>) -> Result<Self> {
        let fields = schema.indexed_fields().len();
        let texts = segments
            .iter()
            .map(|s| SegmentText::from_bytes(&s.entry.file.name, &s.entry.statistics, fields))
            .collect::<Result<Vec<_>>>()?;
        let statistics = Statistics::sum(fields, texts.iter());
        Ok(Self { number, segments, statistics })
    }

    /// The live row with this id.
    pub(crate) fn find(&self, id: &str) -> Result<Option<(&LiveSegment, u32)>> {
        for live in &self.segments {
            if let Some(row) = live.segment.documents.row_of(id)?
                && live.alive.contains(row)
            {
                return Ok(Some((live, row)));
            }
        }
        Ok(None)
    }
}
