//! JSON of requests and answers: what callers write, turned into what the engine means.

pub(crate) mod judged;
pub(crate) mod models;

use lexivec::limits::DEFAULT_REACH;
use lexivec::query::filter::Filter;
use lexivec::query::gather::{DEFAULT_FACET_LIMIT, Facet, GroupBy};
use lexivec::query::plan::StrategyKind;
use lexivec::query::profile::Floor;
use lexivec::query::request::{
    AdapterChoice, Bm25, Fusion, Highlight, LegOptions, Mode, Params, SearchRequest, Syntax,
};
use lexivec::query::rerank::Rerank;
use lexivec::schema::{TextField, TokenField, VectorField};
use lexivec::{Metric, Options, RecallOptions, RecallQueries, SearchResponse};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Answer, Problem};
use crate::limits::MAX_RECALL_QUERIES;

/// Body of `POST /v1/collections/{c}/search`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchJson {
    text: Option<String>,
    #[serde(default)]
    syntax: Syntax,
    vector: Option<Vec<f32>>,
    vector_field: Option<String>,
    #[serde(default)]
    adapter: AdapterChoice,
    filter: Option<Value>,
    #[serde(alias = "k", alias = "top_k")]
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
    mode: Option<Mode>,
    #[serde(default)]
    legs: LegsJson,
    bm25: Option<Bm25>,
    fusion: Option<Fusion>,
    rerank: Option<Rerank>,
    score_threshold: Option<f64>,
    profile: Option<String>,
    floor: Option<Floor>,
    group_by: Option<GroupBy>,
    #[serde(default)]
    facets: Vec<Facet>,
    #[serde(default)]
    params: ParamsJson,
    #[serde(default = "yes")]
    with_payload: bool,
    #[serde(default)]
    with_text: bool,
    highlight: Option<Highlight>,
    #[serde(default)]
    explain: bool,
    cursor: Option<CursorJson>,
    deadline_ms: Option<u64>,
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

/// What `POST /v1/collections/{c}/search` may be asked.
pub(crate) enum SearchBody {
    /// Hits.
    Search(SearchRequest),
    /// Hits, and a cursor for those after them, up to so many.
    Open(SearchRequest, usize),
    /// The hits after those of an answer before.
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
    /// Reads a body.
    pub(crate) fn read(bytes: &[u8]) -> Answer<Self> {
        let mut search: SearchJson = json(bytes)?;
        Ok(match search.cursor.take() {
            None => Self::Search(search.into_request()?),
            Some(CursorJson::Open(open)) => Self::Open(search.into_request()?, open.reach),
            // Read once more, as nothing else may be said.
            Some(CursorJson::Next(cursor)) => Self::Next(NextJson { cursor, ..json(bytes)? }),
        })
    }
}

/// An answer, and the token for the hits after it while there are more.
#[derive(Serialize)]
pub(crate) struct PageJson {
    #[serde(flatten)]
    pub(crate) answer: SearchResponse,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
}

/// Reads the JSON of a body.
pub(crate) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    serde_json::from_slice(bytes).map_err(|e| Problem::bad_request(format!("the body: {e}")))
}

/// Refuses more of something than one request may bring.
pub(crate) fn within(what: &str, count: usize, most: usize) -> Answer<()> {
    if count > most {
        let detail = format!("{count} {what} are over the limit of {most}");
        return Err(Problem::bad_request(detail));
    }
    Ok(())
}

fn yes() -> bool {
    true
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LegsJson {
    #[serde(default)]
    text: LegJson,
    #[serde(default)]
    vector: LegJson,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LegJson {
    weight: Option<f64>,
    candidates: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParamsJson {
    ef: Option<usize>,
    target_recall: Option<f64>,
    #[serde(default)]
    exact: bool,
    strategy: Option<StrategyKind>,
    max_page_reads: Option<usize>,
}

impl SearchJson {
    /// The request these words mean.
    pub(crate) fn into_request(self) -> Answer<SearchRequest> {
        if self.cursor.is_some() {
            return Err(Problem::bad_request("cursor: only the route /search gives pages"));
        }
        let mut request = SearchRequest::default();
        request.text = self.text;
        request.syntax = self.syntax;
        request.bm25 = self.bm25;
        request.vector = self.vector;
        request.vector_field = self.vector_field;
        request.adapter = self.adapter;
        request.filter = filter(self.filter.as_ref())?;
        request.limit = self.limit.unwrap_or(request.limit);
        request.offset = self.offset;
        request.mode = self.mode.unwrap_or_default();
        request.text_leg = leg(self.legs.text);
        request.vector_leg = leg(self.legs.vector);
        request.fusion = self.fusion.unwrap_or_default();
        request.rerank = self.rerank;
        request.score_threshold = self.score_threshold;
        request.profile = self.profile;
        request.floor = self.floor;
        request.group_by = self.group_by;
        request.facets = self.facets;
        request.params = self.params.into_params();
        request.with_payload = self.with_payload;
        request.with_text = self.with_text;
        request.highlight = self.highlight;
        request.explain = self.explain;
        request.deadline_ms = self.deadline_ms;
        Ok(request)
    }
}

impl ParamsJson {
    fn into_params(self) -> Params {
        let Self { ef, target_recall, exact, strategy, max_page_reads } = self;
        Params { ef, target_recall, exact, strategy, max_page_reads }
    }
}

fn filter(json: Option<&Value>) -> Answer<Filter> {
    match json {
        None => Ok(Filter::All),
        Some(json) => Filter::from_json(json).map_err(|e| Problem::bad_request(e.to_string())),
    }
}

/// Body of `POST /v1/collections/{c}/facet`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FacetJson {
    field: String,
    filter: Option<Value>,
    limit: Option<usize>,
}

impl FacetJson {
    /// The filter and the facet these words mean.
    pub(crate) fn into_facet(self) -> Answer<(Filter, Facet)> {
        let limit = self.limit.unwrap_or(DEFAULT_FACET_LIMIT);
        Ok((filter(self.filter.as_ref())?, Facet::new(self.field, limit)))
    }
}

/// Body of `POST /v1/collections/{c}/search/batch`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchJson {
    pub(crate) requests: Vec<SearchJson>,
}

/// Body of `POST /v1/collections/{c}/explain`: a search, and the id of a row to be told of.
pub(crate) struct ExplainJson {
    pub(crate) request: SearchRequest,
    pub(crate) why_not: Option<String>,
}

impl ExplainJson {
    /// Takes the one member that a search does not have.
    pub(crate) fn read(mut body: Map<String, Value>) -> Answer<Self> {
        let why_not = match body.remove("why_not") {
            None => None,
            Some(Value::String(id)) => Some(id),
            Some(_) => return Err(Problem::bad_request("why_not: the id of a row is expected")),
        };
        let search: SearchJson = serde_json::from_value(Value::Object(body))
            .map_err(|e| Problem::bad_request(format!("the body: {e}")))?;
        let mut request = search.into_request()?;
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
    params: ParamsJson,
    filter: Option<Value>,
    /// Vectors asked; rows of the collection without them.
    queries: Option<Vec<Vec<f32>>>,
    /// Rows that ask.
    samples: Option<usize>,
    seed: Option<u64>,
}

impl RecallJson {
    /// The options these words mean.
    pub(crate) fn into_options(self) -> Answer<RecallOptions> {
        let mut options = RecallOptions::default();
        options.field = self.field;
        options.k = self.k.unwrap_or(options.k);
        options.params = self.params.into_params();
        options.filter = filter(self.filter.as_ref())?;
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

fn leg(json: LegJson) -> LegOptions {
    let default = LegOptions::default();
    LegOptions { weight: json.weight.unwrap_or(default.weight), candidates: json.candidates }
}

/// Body of `PUT /v1/collections/{c}`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateJson {
    text: Option<Vec<TextField>>,
    join_text: Option<bool>,
    bm25: Option<Bm25>,
    #[serde(default)]
    vectors: Vec<VectorField>,
    /// Fields of token vectors.
    #[serde(default)]
    tokens: Vec<TokenField>,
    /// True: the server's model makes the vectors.
    #[serde(default)]
    embed: bool,
    /// True: it makes token vectors, too.
    #[serde(default)]
    late_interaction: bool,
    metric: Option<Metric>,
    seed: Option<u64>,
}

impl CreateJson {
    /// The options these words mean.
    pub(crate) fn into_options(
        self,
        model: Option<&std::sync::Arc<dyn lexivec::model::Embedder>>,
    ) -> Answer<Options> {
        let mut options = Options::new();
        if let Some(fields) = self.text {
            options = options.text_fields(fields);
        }
        if let Some(bm25) = self.bm25 {
            options = options.bm25(bm25);
        }
        if let Some(join) = self.join_text {
            options = options.join_text(join);
        }
        for field in self.vectors {
            options = options.vector_field(field);
        }
        for field in self.tokens {
            options = options.token_field(field);
        }
        if let Some(metric) = self.metric {
            options = options.metric(metric);
        }
        if let Some(seed) = self.seed {
            options = options.seed(seed);
        }
        if self.late_interaction && !self.embed {
            return Err(Problem::bad_request(
                "\"late_interaction\" is true and \"embed\" is not: the server's model makes both or none",
            ));
        }
        options = options.embed_tokens(self.late_interaction);
        if self.embed {
            let Some(model) = model else {
                return Err(Problem::bad_request(
                    "\"embed\" is true and the server has no model; start it with --model FOLDER",
                ));
            };
            options = options.embedder(model.clone());
        }
        Ok(options)
    }
}
