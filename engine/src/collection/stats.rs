//! Statistics of a collection.

use serde::Serialize;

use super::Collection;
use crate::error::Result;
use crate::schema::{ANALYZER_VERSION, Schema};

/// Counts of a collection's current generation.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Name of the collection.
    pub name: String,
    /// The generation counted.
    pub generation: u64,
    /// The last write counted.
    pub seq: u64,
    /// Rows that searches can return.
    pub documents: u64,
    /// Rows replaced or deleted whose space is not yet freed.
    pub dead_rows: u64,
    /// Bytes of all segment files.
    pub bytes: u64,
    /// Tokens of the live rows, over all text fields.
    pub tokens: u64,
    /// Rows that are in no segment file yet; the log has them.
    pub recent_rows: u64,
    /// File and byte at which the log ended in a torn write when the handle was opened, as a power cut
    /// leaves it; that write was never acknowledged as durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torn: Option<(String, u64)>,
    /// A fault of the collection that does not keep it from being open: [`Collection::damage`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Last error of the background threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The way to a newer analysis of texts, if the collection has that of an older version
    /// ([`Analyzer::version`](crate::schema::Analyzer::version)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_analysis: Option<String>,
    /// Each segment.
    pub segments: Vec<SegmentStats>,
    /// The schema with which the collection was created.
    pub schema: Schema,
}

/// Counts of one segment.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SegmentStats {
    /// Its file; `memory` for a segment in memory.
    pub file: String,
    /// Rows in it.
    pub rows: u32,
    /// Rows alive.
    pub live: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Vector fields that have a graph in it.
    pub graphs: Vec<String>,
}

impl Collection {
    /// Statistics of the state that a search would see now; reads no document.
    ///
    /// # Errors
    /// When pending writes cannot be applied.
    pub fn stats(&self) -> Result<Stats> {
        let generation = self.shared.view()?;
        let segments: Vec<SegmentStats> = generation
            .segments
            .iter()
            .map(|live| SegmentStats {
                file: live.segment.name.clone(),
                rows: live.segment.rows,
                live: live.alive.count(),
                bytes: live.entry.as_ref().map_or(0, |e| e.file.len),
                graphs: live
                    .segment
                    .fields
                    .vectors
                    .iter()
                    .filter(|v| v.graph.is_some())
                    .map(|v| v.store.name.clone())
                    .collect(),
            })
            .collect();
        let tokens = &generation.statistics.tokens;
        let searched = tokens.get(..self.schema().searched_fields()).unwrap_or_default();
        Ok(Stats {
            seq: generation.seq,
            recent_rows: generation.recent_rows() as u64,
            torn: self.shared.torn.clone(),
            damage: self.damage(),
            failure: self.shared.wake_up.state.lock().failure.clone(),
            name: self.schema().name.clone(),
            generation: generation.number,
            documents: generation.statistics.live,
            dead_rows: segments.iter().map(|s| u64::from(s.rows - s.live)).sum(),
            bytes: segments.iter().map(|s| s.bytes).sum(),
            tokens: searched.iter().sum(),
            old_analysis: self.schema().has_old_analysis().then(|| {
                format!("texts are analyzed by an older version than {ANALYZER_VERSION}, that of new collections; `lexivec reindex` builds the index again")
            }),
            segments,
            schema: self.shared.present_schema(),
        })
    }
}
