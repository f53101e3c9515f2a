//! A document in its public form, and its checks against the schema.

mod batch;
mod typed;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use batch::IntoDocuments;

use crate::error::{DocumentFault, Error, Result};
use crate::limits::{
    MAX_BATCH_DOCUMENTS, MAX_DOCUMENT_BYTES, MAX_ID_BYTES, MAX_PAYLOAD_DEPTH, MAX_ROW_TOKENS,
};
use crate::model::Embedder;
use crate::schema::{
    DEFAULT_TEXT_FIELD, DEFAULT_TOKEN_FIELD, DEFAULT_VECTOR_FIELD, Metric, Schema, TokenField,
    VectorField,
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
    /// Token vectors by field name, 1 to [`MAX_ROW_TOKENS`] each; a field may be missing. Only their
    /// direction is stored, in eight bits a component: a vector read back has length 1 and is close to
    /// the written one, and writing it again changes nothing.
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
#[serde(untagged)]
enum TextJson {
    One(String),
    Named(BTreeMap<String, String>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "tokens: a list of vectors is expected, or an object of such lists")]
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
            && text.insert("title".to_owned(), title).is_some()
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
}

/// Checks a whole batch, so that a bad batch is refused before any row is written.
pub(crate) fn check_batch(schema: &Schema, documents: &[Document]) -> Result<()> {
    if documents.len() > MAX_BATCH_DOCUMENTS {
        return Err(Error::invalid(
            "batch",
            format!("{} documents; the limit is {MAX_BATCH_DOCUMENTS}", documents.len()),
        ));
    }
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(documents.len());
    for (position, document) in documents.iter().enumerate() {
        let first = seen.insert(&document.id, position);
        let fault = match first {
            Some(first) => Err(DocumentFault::Duplicate { first }),
            None => check(schema, document),
        };
        fault.map_err(|fault| {
            let id = document.id.chars().take(64).collect();
            Error::Document { position, id, fault }
        })?;
    }
    Ok(())
}

/// Checks one document.
fn check(schema: &Schema, document: &Document) -> std::result::Result<(), DocumentFault> {
    let id = document.id.len();
    if id == 0 || id > MAX_ID_BYTES {
        return Err(DocumentFault::Id { bytes: id });
    }
    let mut bytes = id;
    for (name, text) in &document.text {
        let known = || schema.text.iter().map(|f| &f.name);
        known().find(|known| *known == name).ok_or_else(|| unknown("text", name, known()))?;
        bytes += text.len();
    }
    for (name, vector) in &document.vectors {
        let known = || schema.vectors.iter().map(|f| &f.name);
        let field = schema.vectors.iter().find(|f| f.name == *name);
        check_vector(field.ok_or_else(|| unknown("vector", name, known()))?, vector)?;
    }
    for (name, vectors) in &document.tokens {
        let known = || schema.tokens.iter().map(|f| &f.name);
        let field = schema.tokens.iter().find(|f| f.name == *name);
        check_token_vectors(field.ok_or_else(|| unknown("token", name, known()))?, vectors)?;
    }
    if document.payload.values().any(|v| deeper_than(v, MAX_PAYLOAD_DEPTH - 1)) {
        return Err(DocumentFault::PayloadDepth);
    }
    bytes += document.payload.iter().map(|(k, v)| k.len() + json_bytes(v)).sum::<usize>();
    match bytes > MAX_DOCUMENT_BYTES {
        true => Err(DocumentFault::TooLarge { bytes }),
        false => Ok(()),
    }
}

fn unknown<'a>(
    kind: &'static str,
    field: &str,
    known: impl Iterator<Item = &'a String>,
) -> DocumentFault {
    DocumentFault::UnknownField { kind, field: field.to_owned(), known: known.cloned().collect() }
}

/// Checks a vector of a field.
pub(crate) fn check_vector(
    field: &VectorField,
    vector: &[f32],
) -> std::result::Result<(), DocumentFault> {
    let square = squared_length(&field.name, None, field.dim, vector)?;
    if field.metric != Metric::Cosine || !is_zero(square) {
        return Ok(());
    }
    let detail = "is zero, and a zero vector has no direction for the cosine metric; leave the vector out, or use \
                  dot or l2";
    Err(DocumentFault::Vector { field: field.name.clone(), token: None, detail: detail.to_owned() })
}

/// Checks a list of token vectors of a field.
pub(crate) fn check_token_vectors(
    field: &TokenField,
    vectors: &[Vec<f32>],
) -> std::result::Result<(), DocumentFault> {
    let (name, count) = (&field.name, vectors.len());
    if count == 0 || count > MAX_ROW_TOKENS {
        return Err(DocumentFault::TokenCount { field: name.clone(), count });
    }
    for (i, vector) in vectors.iter().enumerate() {
        if is_zero(squared_length(name, Some(i), field.dim, vector)?) {
            let detail = "is zero and has no direction; leave it out".to_owned();
            return Err(DocumentFault::Vector { field: name.clone(), token: Some(i), detail });
        }
    }
    Ok(())
}

/// True if a vector with this squared length has no direction.
fn is_zero(square: f64) -> bool {
    square < f64::from(f32::MIN_POSITIVE)
}

/// The squared length of a vector of a field, or its fault. `token` is its index in a list of token vectors.
fn squared_length(
    field: &str,
    token: Option<usize>,
    expected: usize,
    vector: &[f32],
) -> std::result::Result<f64, DocumentFault> {
    let (field, found) = (field.to_owned(), vector.len());
    if found != expected {
        return Err(DocumentFault::Dimension { field, token, expected, found });
    }
    if let Some((at, x)) = vector.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        let detail = format!("has {x} at component {at}");
        return Err(DocumentFault::Vector { field, token, detail });
    }
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    // The squared distance of two vectors of this length is at most the largest float.
    if square > f64::from(f32::MAX) / 4.0 {
        let detail = "is too long: its squared length overflows".to_owned();
        return Err(DocumentFault::Vector { field, token, detail });
    }
    Ok(square)
}

/// Refuses a model's output if it is not a valid vector of its field.
pub(crate) fn check_embedded(schema: &Schema, model: &dyn Embedder, vector: &[f32]) -> Result<()> {
    let name = schema.embedder.as_ref().map(|r| r.field.as_str());
    let field = schema.vectors.iter().find(|f| Some(f.name.as_str()) == name);
    field
        .map_or(Ok(()), |field| check_vector(field, vector))
        .map_err(|fault| Error::Embedder(format!("model {}: {fault}", model.name())))
}

fn deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|v| deeper_than(v, levels - 1)),
        Value::Object(map) => levels == 0 || map.values().any(|v| deeper_than(v, levels - 1)),
        _ => false,
    }
}

/// Length of a value as compact JSON, good to a few bytes of escapes.
pub(crate) fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(s) => s.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|v| json_bytes(v) + 1).sum::<usize>(),
        Value::Object(map) => {
            2 + map.iter().map(|(k, v)| k.len() + 4 + json_bytes(v)).sum::<usize>()
        }
    }
}
