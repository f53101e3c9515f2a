//! The arguments of the tools. Their doc lines are what a client's model reads.

use lexivec::query::filter::Filter;
use lexivec::query::ids;
use lexivec::query::request::Mode;
use rmcp::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Arguments of `list_collections`: none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ListCollections {}

/// Arguments of `describe_collection`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct DescribeCollection {
    /// Name of the collection, from list_collections.
    pub(super) collection: String,
}

/// Arguments of `search`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Search {
    /// Name of the collection, from list_collections.
    pub(super) collection: String,
    /// Words or a question. Give text, vector, or both.
    pub(super) text: Option<String>,
    /// Query vector with as many components as the vector field has. It is seldom needed: a collection with a model
    /// makes the vector of the text.
    pub(super) vector: Option<Vec<f32>>,
    /// Condition on the payload that every hit satisfies: a text such as "year >= 2020 AND lang IN ('en', 'de')", or an
    /// object such as {"year": {"$gte": 2020}}. describe_collection lists the paths.
    #[schemars(schema_with = "filter")]
    pub(super) filter: Option<Filter>,
    /// Number of hits; 10 if it is left out.
    #[schemars(range(min = 1, max = 50))]
    pub(super) limit: Option<usize>,
    /// Number of best hits to skip; 0 if it is left out.
    pub(super) offset: Option<usize>,
    /// The search by words ("text"), by vectors ("vector"), by both ("hybrid"), or by all that the collection and the
    /// arguments allow ("auto", the default).
    #[schemars(schema_with = "mode")]
    pub(super) mode: Option<Mode>,
    /// Name of a profile, which is a set of search settings that was saved with the collection.
    pub(super) profile: Option<String>,
    /// Rule that makes one list of the lists by words and by vectors: normalized scores ("scores"), reciprocal ranks
    /// ("rrf"), or the distribution of scores ("dbsf"); that of the collection if it is left out.
    pub(super) fusion: Option<FusionName>,
    /// Share of vectors in the fusion "scores", from 0 to 1; 0.5 if it is left out.
    #[schemars(range(min = 0, max = 1))]
    pub(super) vector_share: Option<f64>,
    /// True to read the text as a query with operators: +must -not "a phrase"~2 field:word prefix* fuzzy~1 (a b)^2.
    #[serde(default)]
    pub(super) query_string: bool,
    /// True to find words with typing errors, too.
    #[serde(default)]
    pub(super) typos: bool,
    /// Passages of each text of a hit; 1 if it is left out, 0 for none.
    #[schemars(range(min = 0, max = 5))]
    pub(super) passages: Option<usize>,
    /// Characters of a passage; 400 if it is left out.
    #[schemars(range(min = 1, max = 2_000))]
    pub(super) passage_chars: Option<usize>,
    /// True to return the plan of the search, and for each hit the ledger, which shows how its score was made.
    #[serde(default)]
    pub(super) explain: bool,
}

/// A fusion by its name.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(crate = "rmcp::schemars")]
pub(super) enum FusionName {
    Scores,
    Rrf,
    Dbsf,
}

/// Arguments of `get_documents`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct GetDocuments {
    /// Name of the collection, from list_collections.
    pub(super) collection: String,
    /// Ids of the documents, up to 50.
    #[serde(deserialize_with = "ids::list")]
    #[schemars(with = "Vec<String>", length(min = 1, max = 50))]
    pub(super) ids: Vec<String>,
    /// Characters of each text; 8000 if it is left out. Together an answer has about 60000.
    #[schemars(range(min = 1))]
    pub(super) max_chars: Option<usize>,
    /// Character of each text to begin at; 0 if it is left out. A text that was cut says where to continue.
    #[serde(default)]
    pub(super) from_char: usize,
}

/// Arguments of `add_documents`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct AddDocuments {
    /// Name of the collection, from list_collections.
    pub(super) collection: String,
    /// The documents, up to 500.
    #[schemars(with = "Vec<NewDocument>", length(min = 1, max = 500))]
    pub(super) documents: Vec<Value>,
}

/// A document to write; the engine reads it.
#[derive(JsonSchema)]
#[allow(dead_code)] // it declares a form
#[schemars(crate = "rmcp::schemars", deny_unknown_fields)]
struct NewDocument {
    /// Its id, 1 to 512 bytes. A document with this id is replaced.
    id: String,
    /// Its title.
    title: Option<String>,
    /// Its text, or an object with a text for each text field.
    #[schemars(schema_with = "text_or_fields")]
    text: Option<Value>,
    /// Facts for filters: any object.
    payload: Option<Map<String, Value>>,
    /// Its vector; a collection with a model makes it of the text.
    vector: Option<Vec<f32>>,
}

/// Arguments of `delete_documents`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct DeleteDocuments {
    /// Name of the collection, from list_collections.
    pub(super) collection: String,
    /// Ids of the documents, up to 500.
    #[serde(deserialize_with = "ids::list")]
    #[schemars(with = "Vec<String>", length(min = 1, max = 500))]
    pub(super) ids: Vec<String>,
}

fn filter(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "object", "null"] })
}

fn mode(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = Mode::ALL.iter().map(|mode| mode.name()).collect();
    json_schema!({ "enum": names })
}

fn text_or_fields(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "object"] })
}
