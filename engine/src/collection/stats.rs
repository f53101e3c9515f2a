//! What a collection holds, in numbers.

use serde::Serialize;

use super::Collection;
use crate::schema::Schema;

/// Counts of a collection's current generation.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Name of the collection.
    pub name: String,
    /// The generation counted.
    pub generation: u64,
    /// Rows that searches can return.
    pub documents: u64,
    /// Rows replaced or deleted whose space is not yet freed.
    pub dead_rows: u64,
    /// Bytes of all segment files.
    pub bytes: u64,
    /// Tokens of the live rows, over all text fields.
    pub tokens: u64,
    /// Each segment.
    pub segments: Vec<SegmentStats>,
    /// What the collection was created with.
    pub schema: Schema,
}

/// Counts of one segment.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SegmentStats {
    /// Its file.
    pub file: String,
    /// Rows in the file.
    pub rows: u32,
    /// Rows alive.
    pub live: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Vector fields that have a graph in it.
    pub graphs: Vec<String>,
}

impl Collection {
    /// Counts of the current generation; reads no document.
    pub fn stats(&self) -> Stats {
        let generation = self.current.load_full();
        let segments: Vec<SegmentStats> = generation
            .segments
            .iter()
            .map(|live| SegmentStats {
                file: live.segment.name.clone(),
                rows: live.segment.rows,
                live: live.alive.count(),
                bytes: live.entry.file.len,
                graphs: live
                    .segment
                    .vectors
                    .iter()
                    .filter(|v| v.graph.is_some())
                    .map(|v| v.name.clone())
                    .collect(),
            })
            .collect();
        Stats {
            name: self.schema().name.clone(),
            generation: generation.number,
            documents: generation.statistics.live,
            dead_rows: segments.iter().map(|s| u64::from(s.rows - s.live)).sum(),
            bytes: segments.iter().map(|s| s.bytes).sum(),
            tokens: generation.statistics.tokens.iter().sum(),
            segments,
            schema: self.schema().clone(),
        }
    }
}
