//! Writing a segment file from documents.

use lexivec_storage::{SegmentFile, SegmentWriter, Vfs};

use super::documents::write_documents;
use crate::document::Document;
use crate::error::Result;
use crate::schema::Schema;
use crate::text::{SegmentText, write_columns, write_text};
use crate::vector::hnsw::{BuildParameters, build, write_graph};
use crate::vector::{VectorRows, write_vectors};

/// What a long write is doing, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Texts are being turned into vectors.
    Embed,
    /// The inverted index is being written.
    Text,
    /// The graph is being built.
    Graph,
}

/// Builds one segment file.
pub(crate) struct SegmentBuilder<'a> {
    pub(crate) vfs: &'a dyn Vfs,
    pub(crate) schema: &'a Schema,
    /// Told the stage, rows done and rows in all.
    pub(crate) progress: &'a (dyn Fn(Stage, usize, usize) + Sync),
}

impl SegmentBuilder<'_> {
    /// Writes and syncs a segment of these documents, row i being document i. Not yet part of any
    /// generation: that is the manifest's to say.
    pub(crate) fn write(
        &self,
        name: &str,
        segment: u128,
        documents: &[Document],
    ) -> Result<(SegmentFile, SegmentText)> {
        let rows = documents.len() as u32;
        let mut out = SegmentWriter::create(self.vfs, name, segment)?;
        write_documents(&mut out, self.schema, documents)?;
        write_columns(&mut out, rows, documents.iter().map(|d| &d.payload))?;

        let fields = self.schema.indexed_fields();
        (self.progress)(Stage::Text, 0, documents.len());
        let text = |row: u32, field: usize| {
            let Some(document) = documents.get(row as usize) else {
                return String::new();
            };
            if self.schema.join_text {
                return document.joined_text(self.schema);
            }
            let name = fields.get(field).map_or("", |f| f.name.as_str());
            document.text.get(name).cloned().unwrap_or_default()
        };
        let statistics = write_text(&mut out, &fields, rows, &text)?;
        (self.progress)(Stage::Text, documents.len(), documents.len());

        for field in &self.schema.vectors {
            let vectors = documents.iter().map(|d| d.vectors.get(&field.name).map(Vec::as_slice));
            let vectors = VectorRows::new(field, rows, vectors);
            write_vectors(&mut out, &field.name, &vectors)?;
            let present = vectors.present.count() as usize;
            if present >= self.schema.graph_min_rows.max(1) {
                let parameters = BuildParameters {
                    m: field.m,
                    ef_construction: field.ef_construction,
                    seed: self.schema.seed,
                };
                let report = |done, all| (self.progress)(Stage::Graph, done, all);
                write_graph(&mut out, &field.name, &build(&vectors, parameters, &report))?;
            }
        }
        Ok((out.finish()?, statistics))
    }
}
