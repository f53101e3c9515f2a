//! A document in its public form.

mod batch;
mod typed;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use batch::IntoDocuments;

use crate::schema::{
    DEFAULT_TEXT_FIELD, DEFAULT_TOKEN_FIELD, DEFAULT_VECTOR_FIELD, JOINED_TEXT_FIELD, Schema,
    TITLE_TEXT_FIELD,
};

/// One row of a collection.
///
/// As JSON: `{"id": "a", "title": "…", "text": "…", "vector": [..], "payload": {..}}`, where `text`
/// may also be an object of named texts and `vectors` an object of named vectors; `tokens` is a list of
/// token vectors, or an object of named lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "DocumentJson")]
pub struct Document {
    /// Key of the row, 1 to 512 bytes.
    pub id: String,
    /// Texts by field name; a field may be missing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub text: BTreeMap<String, String>,
    /// Vectors by field name; a field may be missing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// Token vectors by field name, 1 to [`MAX_ROW_TOKENS`](crate::limits::MAX_ROW_TOKENS) each; a field may be
    /// missing. Only their direction is stored, in eight bits a component: a vector read back has length 1 and is
    /// close to the written one, and writing it again changes nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<String, Vec<Vec<f32>>>,
    /// A JSON object of any content, filterable by dotted path.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub payload: Map<String, Value>,
}

/// The JSON forms a document may arrive in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentJson {
    #[serde(deserialize_with = "lexivec_query::ids::one")]
    id: String,
    title: Option<String>,
    text: Option<TextJson>,
    vector: Option<Vec<f32>>,
    #[serde(default)]
    vectors: BTreeMap<String, Vec<f32>>,
    tokens: Option<TokensJson>,
    #[serde(default)]
    payload: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "\"text\" is a text, or an object of texts by field")]
enum TextJson {
    One(String),
    Named(BTreeMap<String, String>),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "\"tokens\" is a list of vectors, or an object of such lists by field"
)]
enum TokensJson {
    One(Vec<Vec<f32>>),
    Named(BTreeMap<String, Vec<Vec<f32>>>),
}

impl TryFrom<DocumentJson> for Document {
    type Error = String;

    fn try_from(json: DocumentJson) -> std::result::Result<Self, String> {
        let mut text = match json.text {
            None => BTreeMap::new(),
            Some(TextJson::One(one)) => BTreeMap::from([(DEFAULT_TEXT_FIELD.to_owned(), one)]),
            Some(TextJson::Named(named)) => named,
        };
        if let Some(title) = json.title
            && text.insert(TITLE_TEXT_FIELD.to_owned(), title).is_some()
        {
            return Err("both \"title\" and \"text.title\" are given; keep one".to_owned());
        }
        let mut vectors = json.vectors;
        if let Some(vector) = json.vector
            && vectors.insert(DEFAULT_VECTOR_FIELD.to_owned(), vector).is_some()
        {
            return Err("both \"vector\" and \"vectors.vector\" are given; keep one".to_owned());
        }
        let tokens = match json.tokens {
            None => BTreeMap::new(),
            Some(TokensJson::One(one)) => BTreeMap::from([(DEFAULT_TOKEN_FIELD.to_owned(), one)]),
            Some(TokensJson::Named(named)) => named,
        };
        Ok(Self { id: json.id, text, vectors, tokens, payload: json.payload })
    }
}

impl Document {
    /// A document with only an id.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Sets the text of the default field, `text`.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.text_in(DEFAULT_TEXT_FIELD, text)
    }

    /// Sets the text of a named field, such as `title`.
    #[must_use]
    pub fn text_in(mut self, field: impl Into<String>, text: impl Into<String>) -> Self {
        self.text.insert(field.into(), text.into());
        self
    }

    /// Sets the vector of the default field, `vector`.
    #[must_use]
    pub fn vector(self, vector: impl Into<Vec<f32>>) -> Self {
        self.vector_in(DEFAULT_VECTOR_FIELD, vector)
    }

    /// Sets the vector of a named field.
    #[must_use]
    pub fn vector_in(mut self, field: impl Into<String>, vector: impl Into<Vec<f32>>) -> Self {
        self.vectors.insert(field.into(), vector.into());
        self
    }

    /// Sets the token vectors of the default field, `tokens`.
    #[must_use]
    pub fn tokens(self, vectors: Vec<Vec<f32>>) -> Self {
        self.tokens_in(DEFAULT_TOKEN_FIELD, vectors)
    }

    /// Sets the token vectors of a named field.
    #[must_use]
    pub fn tokens_in(mut self, field: impl Into<String>, vectors: Vec<Vec<f32>>) -> Self {
        self.tokens.insert(field.into(), vectors);
        self
    }

    /// Sets one key of the payload.
    #[must_use]
    pub fn payload(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.payload.insert(key.into(), value.into());
        self
    }

    /// All texts in schema order, joined by a space: what the joined field indexes and what an
    /// embedder reads.
    pub(crate) fn joined_text(&self, schema: &Schema) -> String {
        let mut joined = String::new();
        for field in &schema.text {
            if let Some(text) = self.text.get(&field.name)
                && !text.is_empty()
            {
                if !joined.is_empty() {
                    joined.push(' ');
                }
                joined.push_str(text);
            }
        }
        joined
    }

    /// The text that a field of the inverted index has of this document.
    pub(crate) fn indexed_text(&self, schema: &Schema, field: &str) -> String {
        match schema.join_text && field == JOINED_TEXT_FIELD {
            true => self.joined_text(schema),
            false => self.text.get(field).cloned().unwrap_or_default(),
        }
    }
}
