//! Options of creating and of opening a collection; every option has a default that works.

use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec_query::Synonyms;
use lexivec_query::request::{Bm25, Fusion};
use lexivec_storage::LOG_FILE_BYTES;
use serde::Deserialize;

use crate::document::Document;
use crate::error::{Error, Result};
use crate::fields::check_batch;
use crate::limits::{
    DEFAULT_FLUSH_BYTES, DEFAULT_FLUSH_ROWS, DEFAULT_GRAPH_MIN_ROWS, RESERVE_BYTES,
};
use crate::model::{Embedder, usual_fusion};
use crate::schema::{
    ANALYZER_VERSION, DEFAULT_TOKEN_FIELD, DEFAULT_VECTOR_FIELD, Durability, EmbedderRecord,
    Metric, Schema, TextField, TokenField, VectorField, usual_text_fields,
};

/// Options of opening a collection; every option has a default that works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenOptions {
    /// True to flush, compact and sync on background threads of the handle. Without them, the write
    /// that makes work due runs it, at a moment that depends only on the writes.
    pub background: bool,
    /// Rows outside segment files from which a flush is due.
    pub flush_rows: usize,
    /// Bytes in the log from which a flush is due.
    pub flush_bytes: u64,
    /// Length of a log file, in bytes.
    pub log_file_bytes: u64,
    /// Space kept for deletes on a full disk, in bytes; 0 for none.
    pub reserve_bytes: u64,
    /// True to open a collection on a network or user-space file system, where locks, syncs or memory
    /// maps may be unreliable, at the risk of its data.
    pub unsafe_filesystem: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            background: true,
            flush_rows: DEFAULT_FLUSH_ROWS,
            flush_bytes: DEFAULT_FLUSH_BYTES,
            log_file_bytes: LOG_FILE_BYTES,
            reserve_bytes: RESERVE_BYTES,
            unsafe_filesystem: false,
        }
    }
}

impl OpenOptions {
    /// The default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`background`](Self::background).
    #[must_use]
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// See [`flush_rows`](Self::flush_rows).
    #[must_use]
    pub fn flush_rows(mut self, rows: usize) -> Self {
        self.flush_rows = rows.max(1);
        self
    }

    /// See [`log_file_bytes`](Self::log_file_bytes).
    #[must_use]
    pub fn log_file_bytes(mut self, bytes: u64) -> Self {
        self.log_file_bytes = bytes;
        self
    }

    /// See [`reserve_bytes`](Self::reserve_bytes).
    #[must_use]
    pub fn reserve_bytes(mut self, bytes: u64) -> Self {
        self.reserve_bytes = bytes;
        self
    }

    /// See [`unsafe_filesystem`](Self::unsafe_filesystem).
    #[must_use]
    pub fn unsafe_filesystem(mut self, allow: bool) -> Self {
        self.unsafe_filesystem = allow;
        self
    }
}

/// Options of [`Collection::create`](crate::Collection::create). The default is a collection named
/// `documents` with the text fields `title` and `text` searched as one, in which a word of the title counts
/// [`TITLE_WEIGHT`](lexivec_query::limits::TITLE_WEIGHT) times, and no vectors.
///
/// As JSON, all of it may be left out: `{"name": "papers", "text": [{"name": "text"}], "join_text": true, "bm25":
/// {"k1": 1.2, "b": 0.75}, "fusion": {..}, "vectors": [{"name": "vector", "dim": 384, "metric": "cosine"}], "tokens":
/// [{"name": "tokens", "dim": 128}], "metric": "cosine", "seed": 42, "graph_min_rows": 1000, "durability": "sync"}`.
/// An embedder and the options of opening have no JSON form.
#[derive(Clone, Deserialize)]
#[serde(from = "OptionsJson")]
pub struct Options {
    /// Schema of the collection, to which `into_schema` adds the text fields, the embedder's fields and its record.
    schema: Schema,
    /// The text fields, if not the usual ones.
    text: Option<Vec<TextField>>,
    /// The fusion, if not the usual one for the embedder.
    fusion: Option<Fusion>,
    embedder: Option<Arc<dyn Embedder>>,
    embed_tokens: bool,
    metric: Metric,
    pub(crate) open: OpenOptions,
}

/// The JSON form of options: members that are left out keep their defaults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionsJson {
    name: Option<String>,
    text: Option<Vec<TextField>>,
    join_text: Option<bool>,
    bm25: Option<Bm25>,
    fusion: Option<Fusion>,
    #[serde(default)]
    vectors: Vec<VectorField>,
    #[serde(default)]
    tokens: Vec<TokenField>,
    metric: Option<Metric>,
    seed: Option<u64>,
    graph_min_rows: Option<usize>,
    durability: Option<Durability>,
}

impl From<OptionsJson> for Options {
    fn from(json: OptionsJson) -> Self {
        let usual = Self::default();
        let schema = Schema {
            name: json.name.unwrap_or(usual.schema.name),
            join_text: json.join_text.unwrap_or(usual.schema.join_text),
            bm25: json.bm25.unwrap_or(usual.schema.bm25),
            vectors: json.vectors,
            tokens: json.tokens,
            seed: json.seed.unwrap_or(usual.schema.seed),
            graph_min_rows: json.graph_min_rows.unwrap_or(usual.schema.graph_min_rows),
            durability: json.durability.unwrap_or(usual.schema.durability),
            ..usual.schema
        };
        let metric = json.metric.unwrap_or(usual.metric);
        Self { schema, text: json.text, fusion: json.fusion, metric, ..usual }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("schema", &self.schema)
            .field("embedder", &self.embedder.as_ref().map(|model| model.name()))
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            schema: Schema {
                name: "documents".to_owned(),
                text: Vec::new(),
                join_text: true,
                bm25: Bm25::default(),
                fusion: Fusion::default(),
                vectors: Vec::new(),
                tokens: Vec::new(),
                embedder: None,
                seed: 42,
                graph_min_rows: DEFAULT_GRAPH_MIN_ROWS,
                durability: Durability::default(),
                profiles: BTreeMap::new(),
                synonyms: Synonyms::default(),
                siblings: BTreeMap::new(),
            },
            text: None,
            fusion: None,
            embedder: None,
            embed_tokens: false,
            metric: Metric::default(),
            open: OpenOptions::default(),
        }
    }
}

impl Options {
    /// The default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the collection.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.schema.name = name.into();
        self
    }

    /// Replaces the text fields. Those that are given have the weights that are given.
    #[must_use]
    pub fn text_fields(mut self, fields: Vec<TextField>) -> Self {
        self.text = Some(fields);
        self
    }

    /// Searches all text fields as one (the default), or each separately.
    #[must_use]
    pub fn join_text(mut self, join: bool) -> Self {
        self.schema.join_text = join;
        self
    }

    /// Sets the BM25 constants; a request may override them.
    #[must_use]
    pub fn bm25(mut self, bm25: Bm25) -> Self {
        self.schema.bm25 = bm25;
        self
    }

    /// Sets the fusion of the legs; a request may override it. By default it is [`Fusion::scores`], with a share of
    /// the vector leg of a half, or of a fifth where a static model makes the vectors.
    #[must_use]
    pub fn fusion(mut self, fusion: Fusion) -> Self {
        self.fusion = Some(fusion);
        self
    }

    /// Adds the default vector field, `vector`.
    #[must_use]
    pub fn vector(self, dim: usize, metric: Metric) -> Self {
        self.vector_field(VectorField::new(DEFAULT_VECTOR_FIELD, dim, metric))
    }

    /// Adds a vector field with all its parameters.
    #[must_use]
    pub fn vector_field(mut self, field: VectorField) -> Self {
        self.schema.vectors.push(field);
        self
    }

    /// Adds the default token field, `tokens`.
    #[must_use]
    pub fn tokens(self, dim: usize) -> Self {
        self.token_field(TokenField::new(DEFAULT_TOKEN_FIELD, dim))
    }

    /// Adds a field of token vectors, for late interaction.
    #[must_use]
    pub fn token_field(mut self, field: TokenField) -> Self {
        self.schema.tokens.push(field);
        self
    }

    /// Sets the model that embeds texts; adds the default vector field if there is none.
    #[must_use]
    pub fn embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// True to let the [`embedder`](Self::embedder) fill the first token field, for late interaction;
    /// adds the default token field if there is none. Documents with token vectors keep them.
    #[must_use]
    pub fn embed_tokens(mut self, embed: bool) -> Self {
        self.embed_tokens = embed;
        self
    }

    /// Metric of the vector field that [`embedder`](Self::embedder) adds.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Seed of every random choice made while building; 42 if not set.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.schema.seed = seed;
        self
    }

    /// Rows from which a segment gets a graph; below it the exact scan is used.
    #[must_use]
    pub fn graph_min_rows(mut self, rows: usize) -> Self {
        self.schema.graph_min_rows = rows;
        self
    }

    /// Default durability of writes; `Sync` if not set.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.schema.durability = durability;
        self
    }

    /// Options of opening the new collection.
    #[must_use]
    pub fn open(mut self, open: OpenOptions) -> Self {
        self.open = open;
        self
    }

    /// Checks documents against the collection that these options would create.
    ///
    /// # Errors
    /// Those of [`Collection::upsert`](crate::Collection::upsert), and those of the options.
    pub fn check(&self, documents: &[Document]) -> Result<()> {
        let (schema, _) = self.clone().into_schema()?;
        check_batch(&schema, documents)
    }

    /// Name of the token field that the model fills, if it does.
    fn token_field_of(&mut self, model: &dyn Embedder) -> Result<Option<String>> {
        if !self.embed_tokens {
            return Ok(None);
        }
        let name = model.name();
        if model.embed_tokens(&[])?.is_none() {
            return Err(Error::Embedder(format!(
                "model {name} makes no token vectors; late interaction wants a transformer in a local \
                 folder, or leave it out"
            )));
        }
        if self.schema.tokens.is_empty() {
            self.schema.tokens.push(TokenField::new(DEFAULT_TOKEN_FIELD, model.dim()));
        }
        match self.schema.tokens.first() {
            Some(field) if field.dim != model.dim() => Err(Error::Embedder(format!(
                "model {name} makes token vectors of {} components, field {:?} has {}",
                model.dim(),
                field.name,
                field.dim
            ))),
            field => Ok(field.map(|field| field.name.clone())),
        }
    }

    /// The schema these options describe, checked, and the embedder.
    pub(crate) fn into_schema(mut self) -> Result<(Schema, Option<Arc<dyn Embedder>>)> {
        let record = match self.embedder.clone() {
            None if self.embed_tokens => {
                let detail = "a model is to make token vectors and no model is set; set one, or give \
                              documents token vectors";
                return Err(Error::invalid("embed_tokens", detail));
            }
            None => None,
            Some(model) => {
                let tokens = self.token_field_of(model.as_ref())?;
                if self.schema.vectors.is_empty() {
                    let field = VectorField::new(DEFAULT_VECTOR_FIELD, model.dim(), self.metric);
                    self.schema.vectors.push(field);
                }
                let Some(field) = self.schema.vectors.first() else {
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
                Some(EmbedderRecord { tokens, ..EmbedderRecord::of(model.as_ref(), &field.name)? })
            }
        };
        let fusion = self.fusion.unwrap_or_else(|| usual_fusion(self.embedder.as_deref()));
        let mut text = self.text.unwrap_or_else(|| usual_text_fields(self.schema.join_text));
        for field in &mut text {
            field.analyzer.version = ANALYZER_VERSION;
        }
        let schema = Schema { text, embedder: record, fusion, ..self.schema };
        schema.validate()?;
        schema.check_row_components()?;
        Ok((schema, self.embedder))
    }
}
