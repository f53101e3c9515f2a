//! How a collection is created; every option has a default that works.

use std::sync::Arc;

use crate::document::{Document, check_batch};
use crate::error::{Error, Result};
use crate::limits::DEFAULT_GRAPH_MIN_ROWS;
use crate::model::Embedder;
use crate::schema::{
    Analyzer, DEFAULT_VECTOR_FIELD, EmbedderRecord, Metric, Schema, TextField, VectorField,
};

/// Options of [`Collection::create`](crate::Collection::create). The default is a collection named
/// `documents` with the text fields `title` and `text` searched as one, and no vectors.
#[derive(Clone)]
pub struct Options {
    name: String,
    text: Vec<TextField>,
    join_text: bool,
    vectors: Vec<VectorField>,
    embedder: Option<Arc<dyn Embedder>>,
    metric: Metric,
    seed: u64,
    graph_min_rows: usize,
}

impl Default for Options {
    fn default() -> Self {
        let field = |name: &str| TextField { name: name.to_owned(), analyzer: Analyzer::default() };
        Self {
            name: "documents".to_owned(),
            text: vec![field("title"), field("text")],
            join_text: true,
            vectors: Vec::new(),
            embedder: None,
            metric: Metric::default(),
            seed: 42,
            graph_min_rows: DEFAULT_GRAPH_MIN_ROWS,
        }
    }
}

impl Options {
    /// The default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the collection.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Replaces the text fields.
    pub fn text_fields(mut self, fields: Vec<TextField>) -> Self {
        self.text = fields;
        self
    }

    /// Searches all text fields as one (the default), or each by itself.
    pub fn join_text(mut self, join: bool) -> Self {
        self.join_text = join;
        self
    }

    /// Adds the default vector field, `vector`.
    pub fn vector(self, dim: usize, metric: Metric) -> Self {
        self.vector_field(VectorField::new(DEFAULT_VECTOR_FIELD, dim, metric))
    }

    /// Adds a vector field with its own graph parameters.
    pub fn vector_field(mut self, field: VectorField) -> Self {
        self.vectors.push(field);
        self
    }

    /// Lets a model turn text into vectors; adds the default vector field if none is there.
    pub fn embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// Metric of the vector field that [`embedder`](Self::embedder) adds.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Seed of every random choice made while building; 42 if not set.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Rows from which a segment gets a graph; below it the exact scan is used.
    pub fn graph_min_rows(mut self, rows: usize) -> Self {
        self.graph_min_rows = rows;
        self
    }

    /// Checks documents against the collection these options would make.
    ///
    /// # Errors
    /// As [`Collection::upsert`](crate::Collection::upsert) would, and those of the options.
    pub fn check(&self, documents: &[Document]) -> Result<()> {
        let (schema, _) = self.clone().into_schema()?;
        check_batch(&schema, documents)
    }

    /// The schema these options describe, checked, and the embedder.
    pub(crate) fn into_schema(mut self) -> Result<(Schema, Option<Arc<dyn Embedder>>)> {
        let record = match &self.embedder {
            None => None,
            Some(model) => {
                if self.vectors.is_empty() {
                    let field = VectorField::new(DEFAULT_VECTOR_FIELD, model.dim(), self.metric);
                    self.vectors.push(field);
                }
                let Some(field) = self.vectors.first() else {
                    return Err(Error::invalid("embedder", "no vector field"));
                };
                if field.dim != model.dim() {
                    return Err(Error::Embedder(format!(
                        "model {} makes vectors of {} components, field {:?} has {}",
                        model.name(),
                        model.dim(),
                        field.name,
                        field.dim
                    )));
                }
                Some(EmbedderRecord {
                    name: model.name().to_owned(),
                    hash: model.hash().to_owned(),
                    field: field.name.clone(),
                })
            }
        };
        let schema = Schema {
            name: self.name,
            text: self.text,
            join_text: self.join_text,
            vectors: self.vectors,
            embedder: record,
            seed: self.seed,
            graph_min_rows: self.graph_min_rows,
        };
        schema.validate()?;
        Ok((schema, self.embedder))
    }
}
