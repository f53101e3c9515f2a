//! A document as the caller gives and gets it, and its checks against the schema.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
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
    /// Token vectors by field name, 1 to [`MAX_ROW_TOKENS`] each; a field may be missing. Of each its
    /// direction is kept, in eight bits a component: what is read is of length 1, and near what was
    /// written, and written again it is the same.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<String, Vec<Vec<f32>>>,
    /// Free JSON, filterable by dotted path.
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
    /// A document with an id and nothing else.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Sets the text of the default field, `text`.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.text_in(DEFAULT_TEXT_FIELD, text)
    }

    /// Sets the text of a named field, such as `title`.
    pub fn text_in(mut self, field: impl Into<String>, text: impl Into<String>) -> Self {
        self.text.insert(field.into(), text.into());
        self
    }

    /// Sets the vector of the default field, `vector`.
    pub fn vector(self, vector: impl Into<Vec<f32>>) -> Self {
        self.vector_in(DEFAULT_VECTOR_FIELD, vector)
    }

    /// Sets the vector of a named field.
    pub fn vector_in(mut self, field: impl Into<String>, vector: impl Into<Vec<f32>>) -> Self {
        self.vectors.insert(field.into(), vector.into());
        self
    }

    /// Sets the token vectors of the default field, `tokens`.
    pub fn tokens(self, vectors: Vec<Vec<f32>>) -> Self {
        self.tokens_in(DEFAULT_TOKEN_FIELD, vectors)
    }

    /// Sets the token vectors of a named field.
    pub fn tokens_in(mut self, field: impl Into<String>, vectors: Vec<Vec<f32>>) -> Self {
        self.tokens.insert(field.into(), vectors);
        self
    }

    /// Sets one key of the payload.
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

/// Checks a whole batch, so that a bad one is refused before anything is written.
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
            Some(first) => Some(format!("the same id is also document {first} of the batch")),
            None => fault_of(schema, document),
        };
        if let Some(detail) = fault {
            let id = document.id.chars().take(64).collect();
            return Err(Error::Document { position, id, detail });
        }
    }
    Ok(())
}

/// What is wrong with one document, if anything.
fn fault_of(schema: &Schema, document: &Document) -> Option<String> {
    let id = document.id.len();
    if id == 0 || id > MAX_ID_BYTES {
        return Some(format!("the id has {id} bytes; 1 to {MAX_ID_BYTES} are allowed"));
    }
    let mut bytes = id;
    for (name, text) in &document.text {
        if !schema.text.iter().any(|f| f.name == *name) {
            let known: Vec<_> = schema.text.iter().map(|f| f.name.as_str()).collect();
            return Some(format!("no text field {name:?}; the collection has {known:?}"));
        }
        bytes += text.len();
    }
    for (name, vector) in &document.vectors {
        match schema.vectors.iter().find(|f| f.name == *name) {
            None => {
                let known: Vec<_> = schema.vectors.iter().map(|f| f.name.as_str()).collect();
                return Some(format!("no vector field {name:?}; the collection has {known:?}"));
            }
            Some(field) => {
                if let Some(fault) = vector_fault(field, vector) {
                    return Some(fault);
                }
            }
        }
    }
    for (name, vectors) in &document.tokens {
        let fault = match schema.tokens.iter().find(|f| f.name == *name) {
            Some(field) => tokens_fault(field, vectors),
            None => {
                let known: Vec<_> = schema.tokens.iter().map(|f| f.name.as_str()).collect();
                Some(format!("no token field {name:?}; the collection has {known:?}"))
            }
        };
        if fault.is_some() {
            return fault;
        }
    }
    if document.payload.values().any(|v| deeper_than(v, MAX_PAYLOAD_DEPTH - 1)) {
        return Some(format!("the payload is nested deeper than {MAX_PAYLOAD_DEPTH} levels"));
    }
    bytes += document.payload.iter().map(|(k, v)| k.len() + json_bytes(v)).sum::<usize>();
    (bytes > MAX_DOCUMENT_BYTES).then(|| {
        format!("id, texts and payload have {bytes} bytes; the limit is {MAX_DOCUMENT_BYTES}")
    })
}

/// What is wrong with a vector of this field, if anything.
pub(crate) fn vector_fault(field: &VectorField, vector: &[f32]) -> Option<String> {
    let square = match square_of(format_args!("vector {:?}", field.name), field.dim, vector) {
        Ok(square) => square,
        Err(fault) => return Some(fault),
    };
    (field.metric == Metric::Cosine && is_zero(square)).then(|| {
        format!(
            "vector {:?} is zero, and a zero vector has no direction for the cosine metric; \
             leave the vector out, or use dot or l2",
            field.name
        )
    })
}

/// What is wrong with a list of token vectors of this field, if anything.
pub(crate) fn tokens_fault(field: &TokenField, vectors: &[Vec<f32>]) -> Option<String> {
    let (name, count) = (&field.name, vectors.len());
    if count == 0 || count > MAX_ROW_TOKENS {
        return Some(format!(
            "{count} token vectors {name:?}; 1 to {MAX_ROW_TOKENS} are allowed, or leave them out"
        ));
    }
    vectors.iter().enumerate().find_map(|(i, vector)| {
        match square_of(format_args!("token vector {i} of {name:?}"), field.dim, vector) {
            Ok(square) => is_zero(square).then(|| {
                format!("token vector {i} of {name:?} is zero and has no direction; leave it out")
            }),
            Err(fault) => Some(fault),
        }
    })
}

/// True if a vector with this squared length has no direction.
fn is_zero(square: f64) -> bool {
    square < f64::from(f32::MIN_POSITIVE)
}

/// The squared length of a vector, or what is wrong with it; `what` is its name.
fn square_of(
    what: std::fmt::Arguments<'_>,
    dim: usize,
    vector: &[f32],
) -> std::result::Result<f64, String> {
    if vector.len() != dim {
        return Err(format!("{what} has {} components; the field has {dim}", vector.len()));
    }
    if let Some((at, x)) = vector.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        return Err(format!("{what} has {x} at component {at}"));
    }
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    // Two vectors this long are at most the largest float apart, squared.
    if square > f64::from(f32::MAX) / 4.0 {
        return Err(format!("{what} is too long: its squared length overflows"));
    }
    Ok(square)
}

/// Refuses what a model made if it is no vector of the field it is for.
pub(crate) fn check_embedded(schema: &Schema, model: &dyn Embedder, vector: &[f32]) -> Result<()> {
    let name = schema.embedder.as_ref().map(|r| r.field.as_str());
    let field = schema.vectors.iter().find(|f| Some(f.name.as_str()) == name);
    match field.and_then(|f| vector_fault(f, vector)) {
        None => Ok(()),
        Some(fault) => Err(Error::Embedder(format!("model {}: {fault}", model.name()))),
    }
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
