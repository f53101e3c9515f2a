//! What a collection holds: its text fields, vector fields and embedder, fixed at creation.

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

/// Out-degree of a graph where none is named: what most engines take.
const DEFAULT_M: usize = 16;
/// Candidates for the neighbours of a row where no number is named.
const DEFAULT_EF_CONSTRUCTION: usize = 100;
/// Components from which on four bits are enough for each: [`Quantization::usual`].
pub(crate) const FOUR_BITS_DIM: usize = 192;
/// Name of the text field that [`Document::text`](crate::Document::text) sets.
pub const DEFAULT_TEXT_FIELD: &str = "text";
/// Name of the vector field used where none is named.
pub const DEFAULT_VECTOR_FIELD: &str = "vector";
/// Name of the token field used where none is named.
pub const DEFAULT_TOKEN_FIELD: &str = "tokens";
/// Name of the searchable field that joins all text fields.
pub const JOINED_TEXT_FIELD: &str = "text";

/// When a write is acknowledged, and what it then survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Durability {
    /// Once it is on disk: a kill and a power cut lose nothing. Writes that come at once share a sync.
    #[default]
    Sync,
    /// Once it is in the log: a kill loses nothing, a power cut at most the last
    /// [`INTERVAL`](crate::limits::INTERVAL), and of that only the end. On a handle without a background
    /// thread it is as `Sync`.
    Interval,
    /// By [`flush`](crate::Collection::flush) alone: before it, a kill or a power cut may lose the end.
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
                format!("{other:?} is not known; use sync, interval or bulk"),
            )),
        }
    }
}

/// How two vectors are compared. Scores are higher for closer vectors under every metric.
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
                format!("{other:?} is not known; use cosine, dot or l2"),
            )),
        }
    }
}

/// How many bits the codes have that walks and scans compare; what they find is always scored on the
/// vectors themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Quantization {
    /// Half floats of eight bits of mantissa, with the range of floats: twice the memory of eight bits, for
    /// collections where those lose hits.
    Bf16,
    /// Half floats of eleven bits of mantissa: as long, and finer by eight times.
    F16,
    /// Eight bits a component.
    Int8,
    /// Four bits a component, of rotated vectors.
    Int4,
    /// One bit a component, of rotated vectors: for collections much larger than memory.
    Binary,
}

impl Quantization {
    /// What serves vectors of this many components best: four bits where they are many, for the errors
    /// of many components are small in their sum, and a walk waits for half as much memory;
    /// benches/RESULTS.md has the figures.
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
                format!("{other:?} is not known; use bf16, f16, int8, int4 or binary"),
            )),
        }
    }
}

/// How text becomes terms, for documents and queries alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analyzer {
    /// Language of the stop words and of the Snowball stemmer.
    pub language: Language,
    /// Leave the language's stop words out.
    pub stop_words: bool,
    /// Reduce words to their stems.
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
    /// How its text becomes terms.
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
    /// How vectors are compared.
    pub metric: Metric,
    /// HNSW out-degree on the upper levels (level 0: twice as many). Malkov and Yashunin,
    /// "Efficient and robust approximate nearest neighbor search using HNSW graphs", 2016.
    pub m: usize,
    /// HNSW beam while building.
    pub ef_construction: usize,
    /// Codes that walks and scans compare.
    pub quantization: Quantization,
}

/// A field as JSON has it: what is left out depends on what is there.
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

/// One named list of token vectors of a document, for late interaction: of each only its direction counts.
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
    /// True if a segment with so many vectors of a field has a graph over them.
    pub(crate) fn wants_graph(&self, vectors: u32) -> bool {
        vectors as usize >= self.graph_min_rows.max(1) && vectors <= MAX_GRAPH_ROWS
    }

    /// True if a segment with so many vectors of a field has codes of them: a graph is walked by codes,
    /// and from some number on a scan is faster by them.
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

/// Which model made the collection's vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedderRecord {
    /// The model's own name.
    pub name: String,
    /// XXH3-128 over the model's files, 32 hexadecimal digits.
    pub hash: String,
    /// The vector field it fills.
    pub field: String,
    /// What it made of [`CANARY_TEXTS`] when it was recorded; none in collections made before there were any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<Option<Vec<f32>>>,
    /// The token field it fills, for late interaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<String>,
}

/// Texts whose vectors are kept, to tell whether a model of the right name and hash makes what it made: files do not
/// decide everything where a service or a new machine computes.
pub const CANARY_TEXTS: [&str; 2] =
    ["A canary sings in a coal mine.", "search engines rank documents by their relevance"];
fn is_usual(bm25: &Bm25) -> bool {
    *bm25 == Bm25::default()
}

/// The schema of a collection, stored as JSON in the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Name shown to people and used by the server; `[a-z0-9][a-z0-9_-]*`, at most 63 bytes.
    pub name: String,
    /// Text fields, in the order in which they are joined.
    pub text: Vec<TextField>,
    /// Search all text fields as one (their texts joined by a space); the first field's analyzer
    /// is the one used. Otherwise each is searched by itself and the scores are added.
    pub join_text: bool,
    /// The constants of BM25 where a request has none.
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
    /// When a write is acknowledged, unless it says otherwise itself.
    #[serde(default)]
    pub durability: Durability,
    /// Named settings of searches, the only part that changes later. Here they are as when the handle was
    /// opened; [`Collection::profiles`](crate::Collection::profiles) has those of now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, Profile>,
}

impl Schema {
    /// Fields that the inverted index holds: the joined one, or each.
    pub(crate) fn indexed_fields(&self) -> Vec<TextField> {
        match (self.join_text, self.text.first()) {
            (true, Some(first)) => vec![TextField {
                name: JOINED_TEXT_FIELD.to_owned(),
                analyzer: first.analyzer.clone(),
            }],
            _ => self.text.clone(),
        }
    }

    /// What a request may name.
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
