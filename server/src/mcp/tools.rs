//! The table of tools: name, declaration with schemas, verb, and what runs a call.

use std::sync::{Arc, LazyLock};

use lexivec::query::json::from_value;
use lexivec_access::Verb;
use rmcp::handler::server::common::schema_for_output;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use rmcp::schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Tools;
use super::answers::{Collections, Deleted, Described, Documents, Found, Written};
use super::arguments::{
    AddDocuments, DeleteDocuments, DescribeCollection, GetDocuments, ListCollections, Search,
};
use crate::error::{ApiResult, Problem};

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolKind {
    ListCollections,
    DescribeCollection,
    Search,
    GetDocuments,
    AddDocuments,
    DeleteDocuments,
}

/// The declarations, in the order of [`ToolKind::ALL`].
static DECLARATIONS: LazyLock<Vec<Tool>> =
    LazyLock::new(|| ToolKind::ALL.into_iter().map(ToolKind::declare).collect());

impl ToolKind {
    /// Every tool.
    pub(super) const ALL: [Self; 6] = [
        Self::ListCollections,
        Self::DescribeCollection,
        Self::Search,
        Self::GetDocuments,
        Self::AddDocuments,
        Self::DeleteDocuments,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ListCollections => "list_collections",
            Self::DescribeCollection => "describe_collection",
            Self::Search => "search",
            Self::GetDocuments => "get_documents",
            Self::AddDocuments => "add_documents",
            Self::DeleteDocuments => "delete_documents",
        }
    }

    /// The verb that its caller has to be allowed.
    pub(super) fn verb(self) -> Verb {
        match self {
            Self::ListCollections | Self::DescribeCollection => Verb::Describe,
            Self::Search | Self::GetDocuments => Verb::Search,
            Self::AddDocuments | Self::DeleteDocuments => Verb::Write,
        }
    }

    /// The tool as clients are shown it.
    pub(super) fn declaration(self) -> &'static Tool {
        &DECLARATIONS[self as usize]
    }

    fn declare(self) -> Tool {
        match self {
            Self::ListCollections => self.reads::<ListCollections, Collections>(
                "List collections",
                "Lists the collections, with the number of documents of each.",
            ),
            Self::DescribeCollection => self.reads::<DescribeCollection, Described>(
                "Describe a collection",
                "Describes a collection: its text and vector fields, whether it makes vectors of words itself, its \
                 profiles, and the payload paths that filters can use, with examples.",
            ),
            Self::Search => self.reads::<Search, Found>(
                "Search a collection",
                "Searches a collection by words, by a vector, or by both, and returns the best hits with passages of \
                 their texts, their payload and their ids.",
            ),
            Self::GetDocuments => self.reads::<GetDocuments, Documents>(
                "Read documents",
                "Reads documents by their ids. Of a long text it returns a part; from_char continues it.",
            ),
            Self::AddDocuments => self.writes::<AddDocuments, Written>(
                "Add documents",
                "Writes documents to a collection, all of them or none; documents with the same ids are replaced.",
            ),
            Self::DeleteDocuments => self.writes::<DeleteDocuments, Deleted>(
                "Delete documents",
                "Deletes documents from a collection by their ids; ids without a document are passed over.",
            ),
        }
    }

    fn reads<A: JsonSchema + 'static, O: JsonSchema + 'static>(
        self,
        title: &str,
        description: &'static str,
    ) -> Tool {
        self.declared::<A, O>(title, description, ToolAnnotations::new().read_only(true))
    }

    fn writes<A: JsonSchema + 'static, O: JsonSchema + 'static>(
        self,
        title: &str,
        description: &'static str,
    ) -> Tool {
        let annotations = ToolAnnotations::new().read_only(false).destructive(true);
        self.declared::<A, O>(title, description, annotations)
    }

    /// Every tool may be called again with the same outcome, and reaches nothing but the collections.
    fn declared<A: JsonSchema + 'static, O: JsonSchema + 'static>(
        self,
        title: &str,
        description: &'static str,
        annotations: ToolAnnotations,
    ) -> Tool {
        Tool::new(self.name(), description, JsonObject::new())
            .with_title(title)
            .with_input_schema::<A>()
            .with_raw_output_schema(schema_for_output::<O>())
            .with_annotations(annotations.idempotent(true).open_world(false))
            .without_formats()
    }

    /// Runs a call.
    pub(super) async fn run(self, tools: &Tools, arguments: JsonObject) -> ApiResult<Value> {
        match self {
            Self::ListCollections => {
                self.read::<ListCollections>(arguments)?;
                value(tools.list_collections().await)
            }
            Self::DescribeCollection => {
                value(tools.describe_collection(self.read(arguments)?).await)
            }
            Self::Search => value(tools.search(self.read(arguments)?).await),
            Self::GetDocuments => value(tools.get_documents(self.read(arguments)?).await),
            Self::AddDocuments => value(tools.add_documents(self.read(arguments)?).await),
            Self::DeleteDocuments => value(tools.delete_documents(self.read(arguments)?).await),
        }
    }

    fn read<T: DeserializeOwned>(self, arguments: JsonObject) -> ApiResult<T> {
        from_value(Value::Object(arguments)).map_err(|fault| {
            Problem::bad_request(format!("the arguments of {}: {fault}", self.name()))
        })
    }
}

fn value<T: Serialize>(answer: ApiResult<T>) -> ApiResult<Value> {
    serde_json::to_value(answer?).map_err(|error| Problem::bad_request(error.to_string()))
}

/// Schemas without the formats of Rust's numbers, which validators of clients do not know.
trait WithoutFormats {
    fn without_formats(self) -> Self;
}

impl WithoutFormats for Tool {
    fn without_formats(mut self) -> Self {
        self.input_schema = plain(&self.input_schema);
        self.output_schema = self.output_schema.as_ref().map(plain);
        self
    }
}

/// A schema without its dialect and its formats.
fn plain(schema: &Arc<JsonObject>) -> Arc<JsonObject> {
    let mut schema = schema.as_ref().clone();
    schema.remove("$schema");
    // Some clients look for it also where there are none.
    schema.entry("properties").or_insert_with(|| Value::Object(JsonObject::new()));
    schema.values_mut().for_each(remove_formats);
    Arc::new(schema)
}

fn remove_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("format").is_some_and(Value::is_string) {
                members.remove("format");
            }
            members.values_mut().for_each(remove_formats);
        }
        Value::Array(values) => values.iter_mut().for_each(remove_formats),
        _ => {}
    }
}
