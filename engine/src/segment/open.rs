//! An open segment: views over its mapped sections; no structure is rebuilt in memory.

use std::sync::Arc;

use lexivec_storage::{SegmentEntry, SegmentReader, Vfs};

use super::StoredDocuments;
use crate::document::Document;
use crate::error::{Result, corrupt};
use crate::fields::{KINDS, SegmentFields, SegmentSource, Vectors, measure_curves};
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::text::{Columns, TextIndex, merge_bytes};
use crate::vector::TokenStore;

/// A sealed segment. The generation knows which of its rows are alive.
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) rows: u32,
    pub(crate) documents: StoredDocuments,
    pub(crate) columns: Columns,
    pub(crate) fields: SegmentFields,
    reader: Arc<SegmentReader>,
}

impl Segment {
    pub(crate) fn open(vfs: &dyn Vfs, schema: &Schema, entry: &SegmentEntry) -> Result<Self> {
        let reader = Arc::new(SegmentReader::open(vfs, &entry.file)?);
        let (name, rows) = (entry.file.name.as_str(), entry.rows);
        let source = SegmentSource { reader: &reader, schema, entry };
        Ok(Self {
            name: name.to_owned(),
            rows,
            documents: StoredDocuments::open(&reader, name, rows)?,
            columns: Columns::open(&reader, name, rows)?,
            fields: SegmentFields::open(&source)?,
            reader,
        })
    }

    /// Refuses a segment whose file has changed, or could not be read in part, since it was opened.
    pub(crate) fn check_whole(&self, vfs: &dyn Vfs) -> Result<()> {
        Ok(self.reader.check_whole(vfs)?)
    }

    /// Measures the recall curves of a new segment's graphs; returns their bytes for the manifest.
    pub(crate) fn measure_curves(&mut self, seed: u64) -> Result<Vec<u8>> {
        measure_curves(&mut self.fields.vectors, seed)
    }

    /// The inverted index.
    pub(crate) fn text(&self) -> &TextIndex {
        &self.fields.text
    }

    /// A vector field.
    pub(crate) fn vectors(&self, field: &str) -> Option<&Vectors> {
        self.fields.vectors(field)
    }

    /// A token field.
    pub(crate) fn tokens(&self, field: &str) -> Option<&TokenStore> {
        self.fields.tokens(field)
    }

    /// A whole row: id, payload and the values of all fields.
    pub(crate) fn document(&self, schema: &Schema, row: u32) -> Result<Document> {
        let mut document = self.documents.document(schema, row)?;
        KINDS.iter().try_for_each(|kind| kind.read(&self.fields, row, &mut document))?;
        Ok(document)
    }

    /// Verifies every block of the file, and checks that every row can be read and found by its id.
    pub(crate) fn verify(&self, schema: &Schema) -> Result<()> {
        self.reader.verify()?;
        for row in 0..self.rows {
            let document = self.document(schema, row)?;
            let rank = self.documents.rank(row)?;
            if self.documents.row_of(&document.id)? != Some(row)
                || self.documents.row_at(rank)? != Some(row)
            {
                let detail = format!("row {row} is not found by its id");
                return Err(corrupt(&self.name, "documents/order", detail));
            }
        }
        Ok(())
    }

    /// Checks what is stored row by row against itself and against the stored originals.
    pub(crate) fn verify_fields(&self, schema: &Schema) -> Result<()> {
        let original = |row| self.documents.document(schema, row);
        KINDS.iter().try_for_each(|kind| kind.verify(&self.fields, schema, &original))
    }

    /// Bytes of memory that a merge takes for the payload columns and the fields, besides what is mapped.
    pub(crate) fn merge_bytes(&self, schema: &Schema, entry: &SegmentEntry) -> u64 {
        let source = SegmentSource { reader: &self.reader, schema, entry };
        let fields: u64 = KINDS.iter().map(|kind| kind.merge_bytes(&source)).sum();
        merge_bytes(&self.reader, "payload/") + fields
    }

    /// Every row of the segment.
    pub(crate) fn all_rows(&self) -> RowSet {
        RowSet::full(self.rows)
    }
}
