//! Re-embedding: the vectors of another model are written to new segment files, and one manifest swap
//! makes them current.

use std::sync::Arc;

use lexivec_query::Profile;
use lexivec_query::request::Leg;
use lexivec_storage::SegmentEntry;
use serde::Serialize;

use super::Collection;
use super::rewrite::RewriteOptions;
use crate::document::Document;
use crate::embed::embed;
use crate::error::{Error, Result};
use crate::limits::{REEMBED_BYTES, REEMBED_ROWS};
use crate::location::Location;
use crate::model::Embedder;
use crate::progress::Progress;
use crate::schema::Schema;
use crate::segment::SegmentBuilder;

/// Report of a re-embedding.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReembedReport {
    /// The generation with the new vectors.
    pub generation: u64,
    /// Rows.
    pub rows: u64,
    /// Rows for whose text the model has no vector.
    pub without_vector: u64,
    /// Profiles whose confidence threshold is a similarity of the old vectors, which does not apply to
    /// the new ones.
    pub floors: Vec<String>,
}

impl Collection {
    /// Replaces the vector of every row, and its token vectors if the model fills them, by those that
    /// another model makes of its text; vectors that callers gave in that field are replaced, too. The
    /// new ones are written to new files, and one manifest swap makes them current. A crash before it
    /// leaves the collection as it was, except for files that the next open sweeps. Until it is done it
    /// needs as much disk space again as the collection has.
    ///
    /// It holds the collection open for writing; readers keep the old vectors until they open it again.
    /// Query adapters of the old model no longer apply. The collection's present model changes nothing.
    ///
    /// # Errors
    /// A collection without a model, whose vectors come from its callers; a model that fails;
    /// [`Error::Cancelled`].
    pub fn reembed(
        location: impl Into<Location>,
        model: Arc<dyn Embedder>,
        options: &RewriteOptions<'_>,
    ) -> Result<ReembedReport> {
        let collection = options.open.clone().background(false).open(location)?;
        let shared = &collection.shared;
        let _guard = shared.poison.panic_guard();
        let Some(record) = shared.schema.embedder.clone() else {
            return Err(Error::Embedder(
                "the collection has no model: its vectors come from its callers; write the rows again with new vectors"
                    .to_owned(),
            ));
        };
        shared.flush()?;
        let profiles = collection.profiles();
        let by_vectors = |profile: &Profile| profile.floor.is_some_and(|f| f.leg == Leg::Vector);
        let floors = profiles.iter().filter(|(_, profile)| by_vectors(profile));
        let mut report = ReembedReport {
            generation: collection.generation(),
            rows: 0,
            without_vector: 0,
            floors: floors.map(|(name, _)| name.clone()).collect(),
        };
        // The hash alone is not enough: an endpoint's address may serve another model now.
        if record.check(model.as_ref()).is_ok() {
            report.floors.clear();
            return Ok(report);
        }
        let schema = shared.present_schema().with_model(model.as_ref(), &record.field)?;
        let progress = options.as_progress();
        let generation = shared.rewrite(&schema, |written| {
            collection.write_anew(&schema, model.as_ref(), &progress, written, &mut report)
        })?;
        Ok(ReembedReport { generation, ..report })
    }

    /// Writes segment files of all live rows with the vectors of a model.
    fn write_anew(
        &self,
        schema: &Schema,
        model: &dyn Embedder,
        progress: &Progress<'_>,
        written: &mut Vec<SegmentEntry>,
        report: &mut ReembedReport,
    ) -> Result<()> {
        let shared = &self.shared;
        let field = schema.embedder.as_ref().map(|r| r.field.clone()).unwrap_or_default();
        let tokens = schema.embedder.as_ref().and_then(|r| r.tokens.as_ref());
        // A list of token vectors is as large as hundreds of vectors.
        let most = if tokens.is_some() { REEMBED_ROWS / 50 } else { REEMBED_ROWS };
        let generation = shared.current.load_full();
        for live in &generation.segments {
            let rows: Vec<u32> = live.alive.iter().collect();
            let mut rows = rows.into_iter().peekable();
            while rows.peek().is_some() {
                let (mut documents, mut bytes) = (Vec::new(), 0);
                while let Some(row) =
                    rows.next_if(|_| documents.len() < most && bytes < REEMBED_BYTES)
                {
                    let mut document = live.segment.document(&shared.schema, row)?;
                    document.vectors.remove(&field);
                    tokens.map(|tokens| document.tokens.remove(tokens));
                    bytes += document.text.values().map(String::len).sum::<usize>();
                    documents.push(document);
                }
                embed(schema, Some(model), &mut documents, progress)?;
                let lacks = documents.iter().filter(|d| !d.vectors.contains_key(&field));
                report.without_vector += lacks.count() as u64;
                report.rows += documents.len() as u64;
                let refs: Vec<&Document> = documents.iter().collect();
                let vfs = shared.vfs.as_ref();
                let builder = SegmentBuilder { vfs, schema, graphs: true, progress };
                let build = |name: &str, id| builder.write(name, id, &refs);
                let made = shared.write_segment_of(schema, refs.len() as u32, build)?;
                written.extend(made.entry);
            }
        }
        Ok(())
    }
}
