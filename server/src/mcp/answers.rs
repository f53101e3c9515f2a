//! The answers of the tools. Their doc lines are what a client's model reads.

use std::collections::BTreeMap;

use lexivec::Metric;
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// Answer of `list_collections`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Collections {
    /// The collections by name.
    pub(super) collections: Vec<Listed>,
    /// Number of further collections, which are not listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) left_out: usize,
    /// Collections that cannot be opened, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unopened: Vec<NotOpen>,
}

/// A collection of the list.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Listed {
    /// Its name.
    pub(super) name: String,
    /// Number of its documents.
    pub(super) documents: u64,
}

/// A collection that cannot be opened.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct NotOpen {
    /// Its name, or that of its directory.
    pub(super) name: String,
    /// The reason.
    pub(super) reason: String,
}

/// Answer of `describe_collection`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Described {
    /// Name of the collection.
    pub(super) name: String,
    /// Number of its documents.
    pub(super) documents: u64,
    /// Text fields.
    pub(super) text_fields: Vec<TextField>,
    /// Vector fields; the first is searched.
    pub(super) vector_fields: Vec<VectorField>,
    /// The model with which it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    /// True if text alone is searched by vectors, too, as the server has the model.
    pub(super) makes_vectors: bool,
    /// Profiles that search can name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) profiles: Vec<String>,
    /// Payload paths of some documents, for filters.
    pub(super) payload: Vec<PayloadPath>,
    /// A fault that does not keep the collection from answering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) damage: Option<String>,
}

/// A text field.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct TextField {
    /// Its name.
    pub(super) name: String,
    /// Language of its words.
    pub(super) language: String,
}

/// A vector field.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct VectorField {
    /// Its name.
    pub(super) name: String,
    /// Components of its vectors.
    pub(super) dim: usize,
    /// Similarity: cosine, dot or l2.
    #[schemars(with = "String")]
    pub(super) metric: Metric,
}

/// A payload path.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct PayloadPath {
    /// The path, with dots between its parts.
    pub(super) path: String,
    /// Kinds of the values there: string, number, boolean or null. A list counts by its values.
    pub(super) kinds: Vec<String>,
    /// One of the values.
    pub(super) example: Value,
}

/// Answer of `search`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Found {
    /// The hits, best first.
    pub(super) hits: Vec<Hit>,
    /// Number of documents that the filter admits, whether they match the words or not.
    pub(super) matching: u64,
    /// True if no part of the search was approximate.
    pub(super) exact: bool,
    /// False if the best hit is below the floor of the profile: then no hit is likely to be an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) confident: Option<bool>,
    /// The text with words of the collection in place of words that no document has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) did_you_mean: Option<String>,
    /// Notices about the search.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notices: Vec<String>,
    /// The plan of each segment, with explain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<Value>,
}

/// A hit.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Hit {
    /// The document's id.
    pub(super) id: String,
    /// Its score; higher is better.
    pub(super) score: f64,
    /// Passages of its texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) passages: Vec<Passage>,
    /// Its payload; strings in it that are long are cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<Map<String, Value>>,
    /// The contributions that its score is made of, with explain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ledger: Option<Value>,
}

/// A passage.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Passage {
    /// The text field.
    pub(super) field: String,
    /// The passage. If the words of the search are in no text, it is the beginning of the text.
    pub(super) text: String,
}

/// Answer of `get_documents`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Documents {
    /// The documents, in the order of the ids.
    pub(super) documents: Vec<Document>,
    /// Ids without a document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<String>,
    /// Ids that the answer has no space for: call again with these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_out: Vec<String>,
}

/// A document.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Document {
    /// Its id.
    pub(super) id: String,
    /// Its texts, or parts of them, by field.
    pub(super) texts: BTreeMap<String, Text>,
    /// Its payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<Map<String, Value>>,
    /// True if the payload is too long for the answer and left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) payload_left_out: bool,
}

/// A text, or a part of it.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Text {
    /// The text or the part.
    pub(super) text: String,
    /// Characters of the whole text.
    pub(super) chars: usize,
    /// The from_char that continues the text, if there is more of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_char: Option<usize>,
}

/// Answer of `add_documents`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Written {
    /// Number of documents written.
    pub(super) written: usize,
    /// Sequence number of the write.
    pub(super) seq: u64,
    /// True if it is on disk already.
    pub(super) durable: bool,
}

/// Answer of `delete_documents`.
#[derive(Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Deleted {
    /// Number of documents deleted.
    pub(super) deleted: usize,
    /// Sequence number of the write.
    pub(super) seq: u64,
    /// True if it is on disk already.
    pub(super) durable: bool,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
