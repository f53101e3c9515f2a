//! JSON of the wire: envelopes of requests and answers. The JSON of a request itself is that of its type.

pub(crate) mod evaluation;
pub(crate) mod models;
pub(crate) mod weight;

use std::sync::Arc;

use lexivec::limits::DEFAULT_REACH;
use lexivec::query::facets::Facet;
use lexivec::query::ids;
use lexivec::query::json::{from_value, parse};
use lexivec::query::limits::{DEFAULT_FACET_LIMIT, DEFAULT_LIMIT};
use lexivec::query::request::Params;
use lexivec::{
    Embedder, Filter, MapOptions, Options, RecallOptions, RecallQueries, SearchRequest,
    SearchResponse,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::error::{ApiResult, Problem};
use crate::limits::MAX_RECALL_QUERIES;

/// Reads the JSON of a body.
pub(crate) fn json<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    parse(bytes).map_err(|fault| Problem::bad_request(format!("the body: {fault}")))
}

/// The `cursor` of a search.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "\"cursor\" is {\"reach\": n}, which opens one, or the token of the last answer"
)]
enum CursorJson {
    Next(String),
    Open(ReachJson),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReachJson {
    #[serde(default = "reach")]
    reach: usize,
}

fn reach() -> usize {
    DEFAULT_REACH
}

/// The one member of a body of `POST /v1/collections/{c}/search` that is not part of the request.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default, deserialize_with = "present")]
    cursor: Option<Option<CursorJson>>,
}

/// Reads a member that is there, be it null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The meaning of a body of `POST /v1/collections/{c}/search`.
pub(crate) enum SearchBody {
    /// A search.
    Search(SearchRequest),
    /// A search that opens a cursor of this reach.
    Open(SearchRequest, usize),
    /// The next page of a cursor.
    Next(NextJson),
}

/// A request for the next page, which has no other members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextJson {
    pub(crate) cursor: String,
    #[serde(alias = "k", alias = "top_k")]
    pub(crate) limit: Option<usize>,
}

impl SearchBody {
    /// Hits of the answer, at most.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Search(request) | Self::Open(request, _) => request.limit,
            Self::Next(next) => next.limit.unwrap_or(DEFAULT_LIMIT),
        }
    }

    /// Reads a body: first its envelope, then the request in it.
    pub(crate) fn read(bytes: &[u8]) -> ApiResult<Self> {
        let request = || -> ApiResult<SearchRequest> {
            let mut members: Map<String, Value> = json(bytes)?;
            members.remove("cursor");
            from_members(members)
        };
        Ok(match json::<Envelope>(bytes)?.cursor {
            None => Self::Search(json(bytes)?),
            Some(None) => Self::Search(request()?),
            Some(Some(CursorJson::Open(open))) => Self::Open(request()?, open.reach),
            Some(Some(CursorJson::Next(cursor))) => Self::Next(NextJson { cursor, ..json(bytes)? }),
        })
    }
}

/// Reads an object whose envelope was taken off.
fn from_members<T: DeserializeOwned>(members: Map<String, Value>) -> ApiResult<T> {
    from_value(Value::Object(members))
        .map_err(|fault| Problem::bad_request(format!("the body: {fault}")))
}

/// An answer, and the token for the hits after it while there are more.
#[derive(Serialize)]
pub(crate) struct PageJson {
    #[serde(flatten)]
    pub(crate) answer: SearchResponse,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
}

/// Refuses more of something than one request may bring.
pub(crate) fn within(what: &str, count: usize, most: usize) -> ApiResult<()> {
    if count > most {
        let detail = format!("{count} {what} are over the limit of {most}");
        return Err(Problem::bad_request(detail));
    }
    Ok(())
}

/// Body of `POST /v1/collections/{c}/facet`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FacetJson {
    field: String,
    filter: Option<Filter>,
    limit: Option<usize>,
}

impl FacetJson {
    /// The filter and the facet of the body.
    pub(crate) fn into_facet(self) -> (Filter, Facet) {
        let limit = self.limit.unwrap_or(DEFAULT_FACET_LIMIT);
        (self.filter.unwrap_or_default(), Facet::new(self.field, limit))
    }
}

/// Body of `POST /v1/collections/{c}/search/batch`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchJson {
    pub(crate) requests: Vec<SearchRequest>,
}

/// Body of `POST /v1/collections/{c}/explain`: a search, and the id of a row to explain.
pub(crate) struct ExplainJson {
    pub(crate) request: SearchRequest,
    pub(crate) why_not: Option<String>,
}

impl ExplainJson {
    /// Takes the one member that a search does not have.
    pub(crate) fn read(mut body: Map<String, Value>) -> ApiResult<Self> {
        let why_not = match body.remove("why_not") {
            None => None,
            Some(id) => {
                Some(ids::one(id).map_err(|e| Problem::bad_request(format!("why_not: {e}")))?)
            }
        };
        let mut request: SearchRequest = from_members(body)?;
        request.explain = true;
        Ok(Self { request, why_not })
    }
}

/// Body of `POST /v1/collections/{c}/recall`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecallJson {
    field: Option<String>,
    #[serde(alias = "limit")]
    k: Option<usize>,
    #[serde(default)]
    params: Params,
    filter: Option<Filter>,
    /// Vectors asked; rows of the collection without them.
    queries: Option<Vec<Vec<f32>>>,
    /// Rows that ask.
    samples: Option<usize>,
    seed: Option<u64>,
}

impl RecallJson {
    /// The options these words mean.
    pub(crate) fn into_options(self) -> ApiResult<RecallOptions> {
        let mut options = RecallOptions::default();
        options.field = self.field;
        options.k = self.k.unwrap_or(options.k);
        options.params = self.params;
        options.filter = self.filter.unwrap_or_default();
        options.seed = self.seed.unwrap_or(options.seed);
        options.queries = match (self.queries, self.samples) {
            (Some(_), Some(_)) => {
                return Err(Problem::bad_request("give either \"queries\" or \"samples\""));
            }
            (Some(queries), None) => RecallQueries::Given(queries),
            (None, Some(samples)) => RecallQueries::Sampled(samples),
            (None, None) => options.queries,
        };
        let count = match &options.queries {
            RecallQueries::Given(queries) => queries.len(),
            RecallQueries::Sampled(count) => *count,
        };
        within("queries", count, MAX_RECALL_QUERIES)?;
        Ok(options)
    }
}

/// Body of `POST /v1/collections/{c}/map`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapJson {
    /// Vector field.
    #[serde(alias = "field")]
    vector: Option<String>,
    filter: Option<Filter>,
    /// Points, at most.
    limit: Option<usize>,
    /// Payload path, whose first value each point carries.
    value: Option<String>,
}

impl MapJson {
    /// The options these words mean.
    pub(crate) fn into_options(self) -> MapOptions {
        let mut options = MapOptions::default();
        options.field = self.vector;
        options.filter = self.filter.unwrap_or_default();
        options.limit = self.limit.unwrap_or(options.limit);
        options.value = self.value;
        options
    }
}

/// Body of `PUT /v1/collections/{c}`: the options of a collection, and the part that the server's model has in it.
pub(crate) struct CreateJson {
    options: Options,
    /// True: the server's model makes the vectors.
    embed: bool,
    /// True: it makes token vectors, too.
    late_interaction: bool,
}

impl CreateJson {
    /// Takes the members that are the server's own, and refuses a name, which the path has.
    pub(crate) fn read(mut body: Map<String, Value>) -> ApiResult<Self> {
        if body.contains_key("name") {
            let detail = "the body: \"name\" is the last part of the path; leave it out";
            return Err(Problem::bad_request(detail));
        }
        let mut flag = |name: &str| match body.remove(name) {
            None => Ok(false),
            Some(value) => from_value(value)
                .map_err(|fault| Problem::bad_request(format!("the body: {name}: {fault}"))),
        };
        let (embed, late_interaction) = (flag("embed")?, flag("late_interaction")?);
        Ok(Self { options: from_members(body)?, embed, late_interaction })
    }

    /// The options these words mean.
    pub(crate) fn into_options(self, model: Option<&Arc<dyn Embedder>>) -> ApiResult<Options> {
        if self.late_interaction && !self.embed {
            return Err(Problem::bad_request(
                "\"late_interaction\" is true and \"embed\" is not: the server's model makes both or none",
            ));
        }
        let options = self.options.embed_tokens(self.late_interaction);
        if !self.embed {
            return Ok(options);
        }
        let Some(model) = model else {
            return Err(Problem::bad_request(
                "\"embed\" is true and the server has no model; start it with --model FOLDER",
            ));
        };
        Ok(options.embedder(model.clone()))
    }
}

#[cfg(test)]
mod tests {
    use lexivec::Document;

    use super::*;

    #[test]
    fn faults_of_values_keep_what_was_given() {
        use serde_json::json;
        for (document, expected) in [
            (json!({"id": true}), "id: an id is a text or a whole number"),
            (
                json!({"id": "a", "payload": "x at line 3"}),
                "payload: an object is expected, not \"x at line 3\"",
            ),
            (
                json!({"id": "a", "payload": "a `b` c`"}),
                "payload: an object is expected, not \"a `b` c`\"",
            ),
            (json!({"id": "a", "text": 5}), "\"text\" is a text, or an object of texts by field"),
            (
                json!({"id": "a", "tokens": 1}),
                "\"tokens\" is a list of vectors, or an object of such lists by field",
            ),
        ] {
            let fault = from_value::<Document>(document).expect_err(expected);
            assert_eq!(fault, expected);
        }
    }
}
