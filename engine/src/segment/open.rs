//! An open segment: views over its mapped sections; no structure is rebuilt in memory.

use std::sync::Arc;

use lexivec_storage::codec::{Decoder, Encoder};
use lexivec_storage::{SegmentEntry, SegmentReader, Vfs};

use super::StoredDocuments;
use crate::document::Document;
use crate::error::{Result, corrupt};
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::text::{Columns, TextIndex};
use crate::vector::hnsw::{Graph, RecallCurve};
use crate::vector::{Codes, TokenStore, VectorStore};

/// One vector field of a segment.
pub(crate) struct Vectors {
    pub(crate) name: String,
    pub(crate) store: VectorStore,
    /// `None` in small segments and in those of formats before codes.
    pub(crate) codes: Option<Codes>,
    pub(crate) graph: Option<Graph>,
    /// `None` without a graph and in segments of formats before curves.
    pub(crate) curve: Option<RecallCurve>,
}

/// A sealed segment. The generation knows which of its rows are alive.
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) rows: u32,
    pub(crate) documents: StoredDocuments,
    pub(crate) columns: Columns,
    pub(crate) text: TextIndex,
    pub(crate) vectors: Vec<Vectors>,
    pub(crate) tokens: Vec<TokenStore>,
    reader: Arc<SegmentReader>,
}

impl Segment {
    pub(crate) fn open(vfs: &dyn Vfs, schema: &Schema, entry: &SegmentEntry) -> Result<Self> {
        let reader = Arc::new(SegmentReader::open(vfs, &entry.file)?);
        let (name, rows) = (entry.file.name.as_str(), entry.rows);
        let vectors = schema
            .vectors
            .iter()
            .map(|field| {
                Ok(Vectors {
                    name: field.name.clone(),
                    store: VectorStore::open(&reader, name, field, rows)?,
                    codes: Codes::open(&reader, name, field, rows)?,
                    graph: Graph::open(&reader, name, &field.name, rows)?,
                    curve: None,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let vectors = with_curves(vectors, entry)?;
        let tokens = schema.tokens.iter().map(|field| TokenStore::open(&reader, name, field, rows));
        let tokens = tokens.collect::<Result<Vec<_>>>()?;
        Ok(Self {
            name: name.to_owned(),
            rows,
            documents: StoredDocuments::open(&reader, name, rows)?,
            columns: Columns::open(&reader, name, rows)?,
            text: TextIndex::open(&reader, name, &schema.indexed_fields(), rows)?,
            vectors,
            tokens,
            reader,
        })
    }

    /// Measures the recall curves of a new segment's graphs; returns their bytes for the manifest.
    pub(crate) fn measure_curves(&mut self, seed: u64) -> Result<Vec<u8>> {
        let mut out = Encoder::new();
        for field in &mut self.vectors {
            if let (Some(codes), Some(graph)) = (&field.codes, &field.graph) {
                field.curve = RecallCurve::measure(&field.store, codes, graph, seed)?;
            }
            if let Some(curve) = &field.curve {
                out.bytes(field.name.as_bytes());
                curve.write(&mut out);
            }
        }
        Ok(out.into_bytes())
    }

    pub(crate) fn vectors(&self, field: &str) -> Option<&Vectors> {
        self.vectors.iter().find(|v| v.name == field)
    }

    pub(crate) fn tokens(&self, field: &str) -> Option<&TokenStore> {
        self.tokens.iter().find(|t| t.name == field)
    }

    /// A whole row: id, texts, payload, vectors and token vectors.
    pub(crate) fn document(&self, schema: &Schema, row: u32) -> Result<Document> {
        let mut document = self.documents.document(schema, row)?;
        for field in &self.vectors {
            if field.store.present.contains(row) {
                let vector = field.store.vector(row)?.to_vec();
                document.vectors.insert(field.name.clone(), vector);
            }
        }
        for field in &self.tokens {
            let vectors = field.vectors(row)?;
            if !vectors.is_empty() {
                document.tokens.insert(field.name.clone(), vectors);
            }
        }
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
                return Err(crate::error::corrupt(&self.name, "documents/order", detail));
            }
        }
        Ok(())
    }

    /// True if this vector field has a graph here.
    pub(crate) fn has_graph(&self, field: &str) -> bool {
        self.vectors(field).is_some_and(|v| v.graph.is_some())
    }

    /// Bytes of the inverted index and of the payload columns.
    pub(crate) fn text_bytes(&self) -> u64 {
        let text = |name: &&str| name.starts_with("text/") || name.starts_with("payload/");
        let sections = self.reader.names().filter(text);
        sections.filter_map(|name| self.reader.find(name)).map(|s| s.len() as u64).sum()
    }

    /// Checks that the token counts of the inverted index equal those of the stored texts.
    pub(crate) fn check_text(&self, schema: &Schema) -> Result<()> {
        let text = |row: u32, field: &str| {
            let document = self.documents.document(schema, row)?;
            Ok(match schema.join_text {
                true => document.joined_text(schema),
                false => document.text.get(field).cloned().unwrap_or_default(),
            })
        };
        self.text.check(&schema.indexed_fields(), &text)
    }

    /// Every row of the segment.
    pub(crate) fn all_rows(&self) -> RowSet {
        RowSet::full(self.rows)
    }
}

/// Sets the recall curves of the vector fields from the manifest.
fn with_curves(mut vectors: Vec<Vectors>, entry: &SegmentEntry) -> Result<Vec<Vectors>> {
    let file = entry.file.name.as_str();
    let mut input = Decoder::new(file, &entry.curves);
    while input.remaining() > 0 {
        let name = input.bytes()?;
        let field = vectors.iter_mut().find(|v| v.name.as_bytes() == name);
        let name = String::from_utf8_lossy(name);
        let curve = RecallCurve::read(&mut input, file, &name)?;
        let Some(field) = field.filter(|v| v.curve.is_none() && v.graph.is_some()) else {
            let detail = "a recall curve of a field without a graph, or a second one of a field";
            return Err(corrupt(file, &name, detail));
        };
        field.curve = Some(curve);
    }
    Ok(vectors)
}
