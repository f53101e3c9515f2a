//! Writing a segment file from documents.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use lexivec_storage::{SegmentFile, SegmentWriter, Vfs};

use super::documents::write_documents;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::text::{SegmentStatistics, write_columns, write_text};
use crate::vector::hnsw::{BuildParameters, build, write_graph};
use crate::vector::{VectorRows, row_codes, write_codes, write_tokens, write_vectors};

/// Stages of a long write, for a progress bar.
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

/// Progress reports and cancellation of a long write.
pub(crate) struct Progress<'a> {
    /// Receives the stage, the rows done and all rows.
    pub(crate) report: &'a (dyn Fn(Stage, usize, usize) + Sync),
    /// Set to cancel the write.
    pub(crate) cancelled: &'a AtomicBool,
}

impl Progress<'_> {
    /// Reports progress; fails with [`Error::Cancelled`] once the write is cancelled.
    pub(crate) fn report(&self, stage: Stage, done: usize, all: usize) -> Result<()> {
        (self.report)(stage, done, all);
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// A flag that is never set.
pub(crate) static NEVER: AtomicBool = AtomicBool::new(false);

/// Builds one segment file.
pub(crate) struct SegmentBuilder<'a> {
    pub(crate) vfs: &'a dyn Vfs,
    pub(crate) schema: &'a Schema,
    /// True to build a graph for segments of enough rows and to use all cores; otherwise the segment is
    /// built quickly on one core.
    pub(crate) graphs: bool,
    pub(crate) progress: &'a Progress<'a>,
}

impl SegmentBuilder<'_> {
    /// Writes and syncs a segment of these documents, row i being document i. It is not part of a
    /// generation until a manifest names it.
    pub(crate) fn write(
        &self,
        name: &str,
        segment: u128,
        documents: &[&Document],
    ) -> Result<(SegmentFile, SegmentStatistics)> {
        let rows = documents.len() as u32;
        let mut out = SegmentWriter::create(self.vfs, name, segment)?;
        write_documents(&mut out, self.schema, documents)?;
        write_columns(&mut out, rows, documents.iter().map(|d| Ok(Cow::Borrowed(&d.payload))))?;

        let fields = self.schema.indexed_fields();
        self.progress.report(Stage::Text, 0, documents.len())?;
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
        let statistics = write_text(&mut out, &fields, rows, self.graphs, &text)?;
        self.progress.report(Stage::Text, documents.len(), documents.len())?;

        for field in &self.schema.vectors {
            let vectors = documents.iter().map(|d| d.vectors.get(&field.name).map(Vec::as_slice));
            let vectors = VectorRows::new(field, rows, vectors);
            write_vectors(&mut out, &field.name, &vectors)?;
            let present = vectors.present.count();
            if self.schema.wants_codes(present) {
                write_codes(&mut out, field, &vectors, self.schema.seed)?;
            }
            if self.graphs && self.schema.wants_graph(present) {
                let parameters = BuildParameters {
                    m: field.m,
                    ef_construction: field.ef_construction,
                    seed: self.schema.seed,
                };
                let report = |done, all| self.progress.report(Stage::Graph, done, all);
                write_graph(&mut out, &field.name, &build(&vectors, parameters, &report)?)?;
            }
        }
        for field in &self.schema.tokens {
            let codes = documents.iter().map(|d| {
                let vectors = d.tokens.get(&field.name);
                Ok(Cow::Owned(vectors.map_or(Vec::new(), |vectors| row_codes(field, vectors))))
            });
            write_tokens(&mut out, field, codes)?;
        }
        Ok((out.finish()?, statistics))
    }
}
