//! The schema of a collection: its text fields, vector fields and embedder, fixed at creation.

use std::collections::BTreeMap;

use lexivec_query::Profile;
use lexivec_query::catalog::{Catalog, VectorField as CatalogVector};
use lexivec_query::request::Bm25;
use lexivec_storage::Manifest;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, corrupt};
use crate::limits::{
    CODES_MIN_ROWS, DEFAULT_GRAPH_MIN_ROWS, MAX_DIMENSION, MAX_EF_CONSTRUCTION, MAX_FIELDS,
    MAX_GRAPH_ROWS, MAX_M, MAX_NAME_BYTES, MAX_PROFILES, MAX_TOKEN_DIMENSION,
};

/// Default out-degree of a graph; most engines use it.
const DEFAULT_M: usize = 16;
/// Default number of candidates for the neighbours of a row.
const DEFAULT_EF_CONSTRUCTION: usize = 100;
/// Number of components from which four bits are enough for each; see [`Quantization::usual`].
pub(crate) const FOUR_BITS_DIM: usize = 192;
/// Name of the text field that [`Document::text`](crate::Document::text) sets.
pub const DEFAULT_TEXT_FIELD: &str = "text";
/// Name of the default vector field.
pub const DEFAULT_VECTOR_FIELD: &str = "vector";
/// Name of the default token field.
pub const DEFAULT_TOKEN_FIELD: &str = "tokens";
/// Name of the searchable field that joins all text fields.
pub const JOINED_TEXT_FIELD: &str = "text";

/// Durability of a write: the point at which it is acknowledged, and the failures it then survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Durability {
    /// Acknowledged once it is on disk: a kill or a power cut loses no acknowledged write. Concurrent
    /// writes share a sync.
    #[default]
    Sync,
    /// Acknowledged once it is in the log: a kill loses no write, a power cut at most writes of the
    /// last [`INTERVAL`](crate::limits::INTERVAL). On a handle without background threads it equals
    /// `Sync`.
    Interval,
    /// Durable only after a [`flush`](crate::Collection::flush): before it, a kill or a power cut may
    /// lose the last writes.
    Bulk,
}

impl std::str::FromStr for Durability {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        match s {
            "sync" => Ok(Self::Sync),
            "interval" => Ok(Self::Interval),
            "bulk" => Ok(Self::Bulk),
            other => Err(Error::invalid(
                "durability",
                format!("{other:?} is not a durability; use sync, interval or bulk"),
            )),
        }
    }
}

/// Similarity of two vectors. Scores are higher for closer vectors under every metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Cosine of the angle; a zero vector is an input error.
    #[default]
    Cosine,
    /// Inner product.
    Dot,
    /// Score is minus the squared Euclidean distance.
    L2,
}

impl std::str::FromStr for Metric {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        match s {
            "cosine" => Ok(Self::Cosine),
            "dot" => Ok(Self::Dot),
            "l2" => Ok(Self::L2),
            other => Err(Error::invalid(
                "metric",
                format!("{other:?} is not a metric; use cosine, dot or l2"),
            )),
        }
    }
}

/// Format of the codes that walks and scans compare. The rows they find are always rescored on the
/// stored vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Quantization {
    /// Half floats with eight bits of mantissa and the range of floats: twice the memory of `Int8`, for
    /// collections where `Int8` loses hits.
    Bf16,
    /// Half floats with eleven bits of mantissa: of the same size, and eight times finer.
    F16,
    /// Eight bits a component.
    Int8,
    /// Four bits a component, of rotated vectors.
    Int4,
    /// One bit a component, of rotated vectors: for collections much larger than memory.
    Binary,
}

impl Quantization {
    /// Default codes for vectors of this many components: four bits for many components, whose errors
    /// are small in their sum, so that a walk reads half as much memory; benches/RESULTS.md has the
    /// figures.
    pub fn usual(dim: usize) -> Self {
        if dim < FOUR_BITS_DIM { Self::Int8 } else { Self::Int4 }
    }
}

impl std::str::FromStr for Quantization {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        match s {
            "bf16" => Ok(Self::Bf16),
            "f16" => Ok(Self::F16),
            "int8" => Ok(Self::Int8),
            "int4" => Ok(Self::Int4),
            "binary" => Ok(Self::Binary),
            other => Err(Error::invalid(
                "quantization",
                format!("{other:?} is not a quantization; use bf16, f16, int8, int4 or binary"),
            )),
        }
    }
}

/// Analysis of text to terms, for documents and queries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analyzer {
    /// Language of the stop words and of the Snowball stemmer.
    pub language: Language,
    /// True to leave out the language's stop words.
    pub stop_words: bool,
    /// True to reduce words to their stems.
    pub stemming: bool,
}

impl Default for Analyzer {
    fn default() -> Self {
        Self { language: Language::English, stop_words: true, stemming: true }
    }
}

/// A language with stop words and a Snowball stemmer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
#[allow(missing_docs)] // the names say it
pub enum Language {
    Danish,
    Dutch,
    English,
    Finnish,
    French,
    German,
    Hungarian,
    Italian,
    Norwegian,
    Portuguese,
    Russian,
    Spanish,
    Swedish,
}

/// One named text of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextField {
    /// Name, `[a-z0-9_-]`, at most 63 bytes.
    pub name: String,
    /// Analysis of its text to terms.
    #[serde(default)]
    pub analyzer: Analyzer,
}

/// One named dense vector of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "GivenField")]
pub struct VectorField {
    /// Name, `[a-z0-9_-]`, at most 63 bytes.
    pub name: String,
    /// Components of every vector of this field.
    pub dim: usize,
    /// Similarity of its vectors.
    pub metric: Metric,
    /// HNSW out-degree on the upper levels (level 0: twice as many). Malkov and Yashunin,
    /// "Efficient and robust approximate nearest neighbor search using HNSW graphs", 2016.
    pub m: usize,
    /// HNSW beam while building.
    pub ef_construction: usize,
    /// Codes that walks and scans compare.
    pub quantization: Quantization,
}

/// The JSON form of a field; the defaults of missing members depend on the others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenField {
    name: String,
    dim: usize,
    metric: Option<Metric>,
    m: Option<usize>,
    ef_construction: Option<usize>,
    quantization: Option<Quantization>,
}

impl From<GivenField> for VectorField {
    fn from(given: GivenField) -> Self {
        let usual = Self::new(given.name, given.dim, given.metric.unwrap_or_default());
        Self {
            m: given.m.unwrap_or(usual.m),
            ef_construction: given.ef_construction.unwrap_or(usual.ef_construction),
            quantization: given.quantization.unwrap_or(usual.quantization),
            ..usual
        }
    }
}

/// One named list of token vectors of a document, for late interaction; only the direction of each counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenField {
    /// Name, `[a-z0-9_-]`, at most 63 bytes.
    pub name: String,
    /// Components of every token vector of this field, at most
    /// [`MAX_TOKEN_DIMENSION`].
    pub dim: usize,
}

impl TokenField {
    /// A field of this name and dimension.
    pub fn new(name: impl Into<String>, dim: usize) -> Self {
        Self { name: name.into(), dim }
    }
}

fn default_graph_min_rows() -> usize {
    DEFAULT_GRAPH_MIN_ROWS
}

impl Schema {
    /// True if a segment with this many vectors of a field has a graph over them.
    pub(crate) fn wants_graph(&self, vectors: u32) -> bool {
        vectors as usize >= self.graph_min_rows.max(1) && vectors <= MAX_GRAPH_ROWS
    }

    /// True if a segment with this many vectors of a field has codes of them: graphs are walked by
    /// codes, and from [`CODES_MIN_ROWS`] rows a scan by codes is faster.
    pub(crate) fn wants_codes(&self, vectors: u32) -> bool {
        vectors as usize >= CODES_MIN_ROWS.min(self.graph_min_rows.max(1))
    }
}

impl VectorField {
    /// A field with the default graph parameters (m 16, ef_construction 100).
    pub fn new(name: impl Into<String>, dim: usize, metric: Metric) -> Self {
        Self {
            name: name.into(),
            dim,
            metric,
            m: DEFAULT_M,
            ef_construction: DEFAULT_EF_CONSTRUCTION,
            quantization: Quantization::usual(dim),
        }
    }
}

/// Record of the model that makes the collection's vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedderRecord {
    /// The model's own name.
    pub name: String,
    /// XXH3-128 over the model's files, 32 hexadecimal digits.
    pub hash: String,
    /// The vector field it fills.
    pub field: String,
    /// Its vectors of [`CANARY_TEXTS`] when it was recorded; empty in collections of earlier formats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<Option<Vec<f32>>>,
    /// The token field it fills, for late interaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<String>,
}

/// Texts whose vectors are recorded, to check that a model of the right name and hash still makes the
/// same vectors: with a service or on a new machine, files do not decide everything.
pub const CANARY_TEXTS: [&str; 2] =
    ["A canary sings in a coal mine.", "search engines rank documents by their relevance"];
fn is_usual(bm25: &Bm25) -> bool {
    *bm25 == Bm25::default()
}

/// The schema of a collection, stored as JSON in the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Name, also used by the server; `[a-z0-9][a-z0-9_-]*`, at most 63 bytes.
    pub name: String,
    /// Text fields, in the order in which they are joined.
    pub text: Vec<TextField>,
    /// True to search all text fields as one, their texts joined by a space and analyzed by the first
    /// field's analyzer. Otherwise each field is searched separately and the scores are added.
    pub join_text: bool,
    /// The BM25 constants of requests without their own.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub bm25: Bm25,
    /// Vector fields; the first is the default.
    pub vectors: Vec<VectorField>,
    /// Fields of token vectors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenField>,
    /// The model that turns text into vectors, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedder: Option<EmbedderRecord>,
    /// Seed of every random choice made while building.
    #[serde(default)]
    pub seed: u64,
    /// Rows from which a segment gets a graph.
    #[serde(default = "default_graph_min_rows")]
    pub graph_min_rows: usize,
    /// Default durability of writes.
    #[serde(default)]
    pub durability: Durability,
    /// Named settings of searches, the only part that changes after creation. This copy is of the
    /// moment when the handle was opened; [`Collection::profiles`](crate::Collection::profiles) has the
    /// present ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, Profile>,
}

impl Schema {
    /// Fields of the inverted index: the joined one, or each text field.
    pub(crate) fn indexed_fields(&self) -> Vec<TextField> {
        match (self.join_text, self.text.first()) {
            (true, Some(first)) => vec![TextField {
                name: JOINED_TEXT_FIELD.to_owned(),
                analyzer: first.analyzer.clone(),
            }],
            _ => self.text.clone(),
        }
    }

    /// The names that a request may use.
    pub(crate) fn catalog(&self) -> Catalog {
        Catalog {
            text_fields: self.indexed_fields().into_iter().map(|f| f.name).collect(),
            vector_fields: self
                .vectors
                .iter()
                .map(|v| CatalogVector { name: v.name.clone(), dim: v.dim })
                .collect(),
            token_fields: self
                .tokens
                .iter()
                .map(|t| CatalogVector { name: t.name.clone(), dim: t.dim })
                .collect(),
            has_embedder: self.embedder.is_some(),
            embedded_tokens: self.embedder.as_ref().and_then(|e| e.tokens.clone()),
        }
    }

    /// True if documents and requests name the same fields in both.
    pub(crate) fn has_the_fields_of(&self, other: &Self) -> bool {
        let text = |s: &Self| s.text.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
        let vectors =
            |s: &Self| s.vectors.iter().map(|f| (f.name.clone(), f.dim)).collect::<Vec<_>>();
        let tokens =
            |s: &Self| s.tokens.iter().map(|f| (f.name.clone(), f.dim)).collect::<Vec<_>>();
        (text(self), vectors(self), tokens(self)) == (text(other), vectors(other), tokens(other))
    }

    /// True if both are the same but for what may change.
    pub(crate) fn has_the_rows_of(&self, other: &Self) -> bool {
        Self { profiles: BTreeMap::new(), ..self.clone() }
            == Self { profiles: BTreeMap::new(), ..other.clone() }
    }

    /// Checks names, counts and ranges.
    pub(crate) fn validate(&self) -> Result<()> {
        check_name("collection name", &self.name)?;
        let counts = [self.text.len(), self.vectors.len(), self.tokens.len()];
        if counts.iter().any(|&count| count > MAX_FIELDS) {
            return Err(Error::invalid("schema", format!("more than {MAX_FIELDS} fields")));
        }
        for (i, f) in self.text.iter().enumerate() {
            check_name("text field", &f.name)?;
            if self.text.iter().take(i).any(|o| o.name == f.name) {
                return Err(Error::invalid("text field", format!("{:?} is there twice", f.name)));
            }
        }
        self.bm25.check()?;
        for (i, v) in self.vectors.iter().enumerate() {
            check_name("vector field", &v.name)?;
            if self.vectors.iter().take(i).any(|o| o.name == v.name) {
                return Err(Error::invalid("vector field", format!("{:?} is there twice", v.name)));
            }
            within("dimension", v.dim, 1, MAX_DIMENSION)?;
            within("m", v.m, 2, MAX_M)?;
            within("ef_construction", v.ef_construction, v.m, MAX_EF_CONSTRUCTION)?;
        }
        for (i, t) in self.tokens.iter().enumerate() {
            check_name("token field", &t.name)?;
            if self.tokens.iter().take(i).any(|o| o.name == t.name) {
                return Err(Error::invalid("token field", format!("{:?} is there twice", t.name)));
            }
            within("dimension of token vectors", t.dim, 1, MAX_TOKEN_DIMENSION)?;
        }
        if self.profiles.len() > MAX_PROFILES {
            let detail = format!("more than {MAX_PROFILES}; remove one");
            return Err(Error::invalid("profiles", detail));
        }
        for (name, profile) in &self.profiles {
            check_name("profile name", name)?;
            profile.check()?;
        }
        if let Some(e) = &self.embedder
            && !self.vectors.iter().any(|v| v.name == e.field)
        {
            return Err(Error::invalid("embedder", format!("no vector field {:?}", e.field)));
        }
        if let Some(name) = self.embedder.as_ref().and_then(|e| e.tokens.as_ref())
            && !self.tokens.iter().any(|t| t.name == *name)
        {
            return Err(Error::invalid("embedder", format!("no token field {name:?}")));
        }
        Ok(())
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::invalid("schema", e.to_string()))
    }

    /// The schema a manifest carries.
    pub(crate) fn of(manifest: &Manifest) -> Result<Self> {
        let schema: Self = serde_json::from_slice(&manifest.schema)
            .map_err(|e| corrupt(&manifest.file_name(), "schema", e.to_string()))?;
        schema.validate()?;
        Ok(schema)
    }
}

fn within(what: &str, value: usize, low: usize, high: usize) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(what, format!("{value} is not within {low}..={high}")))
}

/// Checks a collection or field name: `[a-z0-9][a-z0-9_-]*`, at most 63 bytes.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-';
    let first = name.as_bytes().first().is_some_and(|&c| fits(c) && c != b'_' && c != b'-');
    if first && name.len() <= MAX_NAME_BYTES && name.bytes().all(fits) {
        return Ok(());
    }
    Err(Error::invalid(
        what,
        format!(
            "{name:?} is refused; use 1 to {MAX_NAME_BYTES} of a-z, 0-9, '_', '-', \
             a letter or digit first"
        ),
    ))
}
