//! The schema of a collection: its fields, a list for each kind, and its embedder, fixed at creation.

mod text;
mod token;
mod vector;

use std::collections::BTreeMap;

use lexivec_query::bind::check_field_weights;
use lexivec_query::catalog::{Catalog, VectorField as CatalogVector};
use lexivec_query::limits::DEFAULT_RRF_K;
use lexivec_query::request::Bm25;
use lexivec_query::{Fusion, Profile, Synonyms};
use lexivec_storage::Manifest;
use serde::{Deserialize, Serialize};

pub use text::{
    ANALYZER_VERSION, Analyzer, DEFAULT_TEXT_FIELD, JOINED_TEXT_FIELD, Language, TITLE_TEXT_FIELD,
    TextField,
};
pub(crate) use text::{FIRST_VERSION, usual_text_fields};
pub use token::{DEFAULT_TOKEN_FIELD, TokenField};
#[cfg(test)]
pub(crate) use vector::FOUR_BITS_DIM;
pub use vector::{DEFAULT_VECTOR_FIELD, Metric, Quantization, VectorField};

use crate::error::{Error, Result, corrupt};
use crate::limits::{DEFAULT_GRAPH_MIN_ROWS, MAX_FIELDS, MAX_NAME_BYTES, MAX_PROFILES};

/// A declared field of any kind.
pub(crate) trait Field {
    /// Kind, as errors name it: `text`, `vector` or `token`.
    fn kind() -> &'static str
    where
        Self: Sized;

    /// Name, unique among the fields of its kind.
    fn name(&self) -> &str;

    /// The settings of a field that cannot change after its creation, besides its name, in words.
    fn fixed(&self) -> String;

    /// Checks its parameters; the name is checked for every kind alike.
    fn check(&self) -> Result<()>;
}

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

fn default_graph_min_rows() -> usize {
    DEFAULT_GRAPH_MIN_ROWS
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

fn first_fusion() -> Fusion {
    Fusion::rrf(DEFAULT_RRF_K)
}

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
    /// The fusion of requests without their own. Collections of earlier formats have none in their schema, and fuse
    /// reciprocal ranks as they did.
    #[serde(default = "first_fusion")]
    pub fusion: Fusion,
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
    /// Named settings of searches, which change after creation. This copy is of the
    /// moment when the handle was opened; [`Collection::profiles`](crate::Collection::profiles) has the
    /// present ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, Profile>,
    /// Synonyms of plain words, which change like profiles;
    /// [`Collection::synonyms`](crate::Collection::synonyms) has the present ones.
    #[serde(default, skip_serializing_if = "Synonyms::is_empty")]
    pub synonyms: Synonyms,
    /// The sibling stores that belong to the collection: folder of its directory, and identifier of the collection
    /// there. Collections of earlier formats name none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) siblings: BTreeMap<String, String>,
}

impl Schema {
    /// The declared fields by kind.
    fn fields(&self) -> [(&'static str, Vec<&dyn Field>); 3] {
        fn list<F: Field>(fields: &[F]) -> (&'static str, Vec<&dyn Field>) {
            (F::kind(), fields.iter().map(|field| field as &dyn Field).collect())
        }
        [list(&self.text), list(&self.vectors), list(&self.tokens)]
    }

    /// Fields of the inverted index: the joined one and after it those of its fields that have a weight, which its
    /// analyzer analyzes; or each text field.
    pub(crate) fn indexed_fields(&self) -> Vec<TextField> {
        let Some(first) = self.text.first().filter(|_| self.join_text) else {
            return self.text.clone();
        };
        let joined = TextField::new(JOINED_TEXT_FIELD);
        let weighed = self.text.iter().filter(|field| field.weight.is_some()).cloned();
        let fields = std::iter::once(joined).chain(weighed);
        fields.map(|field| field.analyzer(first.analyzer.clone())).collect()
    }

    /// Number of the first indexed fields that together hold each text once: those in which a word is searched.
    pub(crate) fn searched_fields(&self) -> usize {
        if self.join_text { self.text.len().min(1) } else { self.text.len() }
    }

    /// The text fields that a request may weigh, with their weights.
    pub(crate) fn field_weights(&self) -> Vec<(String, f64)> {
        let weighed = self.text.iter().filter(|f| !self.join_text || f.weight.is_some());
        weighed.map(|f| (f.name.clone(), f.weight.unwrap_or(1.0))).collect()
    }

    /// True if texts are analyzed by an older version than those of a new collection.
    pub(crate) fn has_old_analysis(&self) -> bool {
        self.text.iter().any(|field| field.analyzer.version < ANALYZER_VERSION)
    }

    /// The names that a request may use.
    pub(crate) fn catalog(&self) -> Catalog {
        Catalog {
            text_fields: self.indexed_fields().into_iter().map(|f| f.name).collect(),
            weighed_fields: self.field_weights().into_iter().map(|(name, _)| name).collect(),
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
            fusion: self.fusion,
        }
    }

    /// The settings fixed at creation that differ in the schema that `wanted` describes, in words; `None` if nothing does.
    /// Tuning of the build, as a graph's degree, is left out: an existing collection keeps its own.
    pub(crate) fn difference_from(&self, wanted: &Self) -> Option<String> {
        let described = |fields: &[&dyn Field]| match fields {
            [] => "none".to_owned(),
            fields => {
                let of = |f: &&dyn Field| format!("{} ({})", f.name(), f.fixed());
                fields.iter().map(of).collect::<Vec<_>>().join(", ")
            }
        };
        for ((kind, ours), (_, theirs)) in self.fields().into_iter().zip(wanted.fields()) {
            let (ours, theirs) = (described(&ours), described(&theirs));
            if ours != theirs {
                return Some(format!(
                    "its {kind} fields are {ours}, and the options have {theirs}"
                ));
            }
        }
        let searched = |joined| if joined { "as one" } else { "each by itself" };
        (self.join_text != wanted.join_text && self.text.len() > 1).then(|| {
            let (ours, theirs) = (searched(self.join_text), searched(wanted.join_text));
            format!("its text fields are searched {ours}, and the options say {theirs}")
        })
    }

    /// True if both are the same but for what may change.
    pub(crate) fn has_the_rows_of(&self, other: &Self) -> bool {
        let fixed = |schema: &Self| Self {
            profiles: BTreeMap::new(),
            synonyms: Synonyms::default(),
            siblings: BTreeMap::new(),
            ..schema.clone()
        };
        fixed(self) == fixed(other)
    }

    /// Checks names, counts and ranges.
    pub(crate) fn validate(&self) -> Result<()> {
        check_name("collection name", &self.name)?;
        let kinds = self.fields();
        if kinds.iter().any(|(_, fields)| fields.len() > MAX_FIELDS) {
            return Err(Error::invalid("schema", format!("more than {MAX_FIELDS} fields")));
        }
        for (kind, fields) in kinds {
            let what = format!("{kind} field");
            for (i, field) in fields.iter().enumerate() {
                let name = field.name();
                check_name(&what, name)?;
                if fields.iter().take(i).any(|other| other.name() == name) {
                    return Err(Error::invalid(what, format!("{name:?} is there twice")));
                }
                field.check()?;
            }
        }
        if self.join_text
            && self.text.iter().any(|f| f.name == JOINED_TEXT_FIELD && f.weight.is_some())
        {
            let detail = format!(
                "the field {JOINED_TEXT_FIELD:?} has one, and all texts together are searched under this name; give the \
                 other fields weights, or search each field by itself"
            );
            return Err(Error::invalid("weight of a text field", detail));
        }
        self.bm25.check()?;
        self.fusion.check()?;
        if self.profiles.len() > MAX_PROFILES {
            let detail = format!("more than {MAX_PROFILES}; remove one");
            return Err(Error::invalid("profiles", detail));
        }
        for (name, profile) in &self.profiles {
            check_name("profile name", name)?;
            profile.check()?;
            check_field_weights(profile.field_weights.keys(), &self.catalog())?;
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
