//! Reindexing: the texts of a collection from before the present version of analysis are analyzed again.

use lexivec_storage::SegmentEntry;
use serde::Serialize;

use super::Collection;
use super::rewrite::RewriteOptions;
use crate::error::Result;
use crate::fields::GraphSource;
use crate::location::Location;
use crate::progress::Progress;
use crate::rows::RowSet;
use crate::schema::{ANALYZER_VERSION, Schema};
use crate::segment::{Input, SegmentMerger};

/// Report of a reindexing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReindexReport {
    /// The generation with the new index.
    pub generation: u64,
    /// Rows whose texts were analyzed again; 0 if the analysis was the present one already.
    pub rows: u64,
}

impl Collection {
    /// Builds the inverted index of every row again by the present version of analysis
    /// ([`ANALYZER_VERSION`]), with the language, stop words and stemming of each field. Documents, vectors and
    /// graphs stay. The new index is written to new files, and one manifest swap makes them current: a crash before
    /// it leaves the collection as it was, except for files that the next open sweeps. Until it is done it needs as
    /// much disk space again as the collection has.
    ///
    /// It holds the collection open for writing; readers keep the old index until they open it again. A collection
    /// of the present version is not changed.
    ///
    /// # Errors
    /// When another handle or process has the collection open for writing; a full disk;
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn reindex(
        location: impl Into<Location>,
        options: &RewriteOptions<'_>,
    ) -> Result<ReindexReport> {
        let collection = options.open.clone().background(false).open(location)?;
        let shared = &collection.shared;
        let _guard = shared.poison.panic_guard();
        if !shared.schema.has_old_analysis() {
            return Ok(ReindexReport { generation: collection.generation(), rows: 0 });
        }
        shared.flush()?;
        let mut schema = shared.present_schema();
        schema.text.iter_mut().for_each(|field| field.analyzer.version = ANALYZER_VERSION);
        let (progress, mut rows) = (options.as_progress(), 0);
        let generation = shared.rewrite(&schema, |written| {
            collection.index_anew(&schema, &progress, written, &mut rows)
        })?;
        Ok(ReindexReport { generation, rows })
    }

    /// Writes a new file of the live rows of each segment, with their texts analyzed by the new schema.
    fn index_anew(
        &self,
        schema: &Schema,
        progress: &Progress<'_>,
        written: &mut Vec<SegmentEntry>,
        rows: &mut u64,
    ) -> Result<()> {
        let shared = &self.shared;
        let generation = shared.current.load_full();
        for live in generation.segments.iter().filter(|live| live.alive.count() > 0) {
            let alive = RowSet::clone(&live.alive);
            let inputs = [Input { segment: live.segment.clone(), alive }];
            let merger = SegmentMerger {
                vfs: shared.vfs.as_ref(),
                schema,
                inputs: &inputs,
                graph: GraphSource::Largest,
                analyze: true,
                progress,
            };
            let count = merger.rows();
            let made = shared.write_segment_of(schema, count, |name, id| merger.write(name, id))?;
            written.extend(made.entry);
            *rows += u64::from(count);
        }
        Ok(())
    }
}
