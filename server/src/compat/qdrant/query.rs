//! Queries as JSON, of the universal route and of the older ones, and what each of them means.

use std::time::Instant;

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use lexivec::query::request::Params;
use lexivec::{Filter, Schema};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::fusion::Fusion;
use super::ids::PointId;
use super::rank::{Example, Plan, Source, View};
use super::select::{ScoredPoint, Select, field_of};
use super::{filter, wire};
use crate::error::{ApiResult, Problem};
use crate::limits::{MAX_QUICK_BATCH, MAX_REQUESTS};
use crate::scoped::Scoped;
use crate::wire::within;

/// Hits if a query names no number.
pub(super) const DEFAULT_LIMIT: usize = 10;
/// Most levels of prefetches within prefetches.
const MAX_PREFETCH_DEPTH: usize = 8;

/// Body of `…/points/query`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryJson {
    pub(super) query: Option<Value>,
    #[serde(default)]
    pub(super) prefetch: Option<Prefetches>,
    pub(super) using: Option<String>,
    pub(super) filter: Option<Value>,
    pub(super) params: Option<ParamsJson>,
    pub(super) score_threshold: Option<f64>,
    pub(super) limit: Option<usize>,
    pub(super) offset: Option<usize>,
    pub(super) with_payload: Option<Value>,
    pub(super) with_vector: Option<Value>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "prefetch: this member of it, or its form, is not supported")]
pub(super) enum Prefetches {
    One(Box<PrefetchJson>),
    Many(Vec<PrefetchJson>),
}

/// A query whose hits another one ranks.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrefetchJson {
    query: Option<Value>,
    #[serde(default)]
    prefetch: Option<Prefetches>,
    using: Option<String>,
    filter: Option<Value>,
    params: Option<ParamsJson>,
    score_threshold: Option<f64>,
    limit: Option<usize>,
}

/// Settings of a search. Codes are always scored again by the vectors, and every segment is searched, so that those
/// about quantization and about filters change no answer.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParamsJson {
    hnsw_ef: Option<usize>,
    exact: Option<bool>,
    #[serde(rename = "quantization")]
    _quantization: Option<IgnoredAny>,
    #[serde(rename = "acorn")]
    _acorn: Option<IgnoredAny>,
    indexed_only: Option<bool>,
}

impl ParamsJson {
    fn read(self) -> ApiResult<Params> {
        if self.indexed_only == Some(true) {
            let detail = "params.indexed_only is not supported: every segment is searched";
            return Err(Problem::bad_request(detail));
        }
        let mut params = Params::default();
        params.exact = self.exact.unwrap_or(false);
        params.ef = self.hnsw_ef.filter(|_| !params.exact);
        Ok(params)
    }
}

impl QueryJson {
    /// The plan of the query, and what its hits have.
    pub(super) fn read(self, schema: &Schema, payload: bool) -> ApiResult<(Plan, Select)> {
        let select = Select::read(self.with_payload.as_ref(), self.with_vector.as_ref(), payload)?;
        let asked = PrefetchJson {
            query: self.query,
            prefetch: self.prefetch,
            using: self.using,
            filter: self.filter,
            params: self.params,
            score_threshold: self.score_threshold,
            limit: self.limit,
        };
        let mut plan = asked.read(schema, &Filter::All, 1)?;
        plan.offset = self.offset.unwrap_or(0);
        Ok((plan, select))
    }
}

impl PrefetchJson {
    /// The plan, of rows that the filter of the query above it admits, too.
    fn read(self, schema: &Schema, above: &Filter, depth: usize) -> ApiResult<Plan> {
        within("levels of prefetch", depth, MAX_PREFETCH_DEPTH)?;
        let filter = above.clone().and(filter::read(self.filter.as_ref())?);
        let prefetch = match self.prefetch {
            None => Vec::new(),
            Some(Prefetches::One(one)) => vec![*one],
            Some(Prefetches::Many(many)) => many,
        };
        let prefetch = prefetch.into_iter().map(|inner| inner.read(schema, &filter, depth + 1));
        let prefetch: Vec<Plan> = prefetch.collect::<ApiResult<_>>()?;
        let query = self.query.filter(|query| !query.is_null());
        let source = match query {
            None if prefetch.is_empty() => Source::ById,
            None => {
                return Err(Problem::bad_request("query: it is missing, and prefetches need one"));
            }
            Some(query) => source(&query)?,
        };
        if matches!(source, Source::Fused(_)) && prefetch.is_empty() {
            return Err(Problem::bad_request("prefetch: a fusion needs prefetches"));
        }
        let field = match source {
            Source::ById | Source::Fused(_) => None,
            _ => Some(field_of(schema, self.using.as_deref())?.clone()),
        };
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 {
            return Err(Problem::bad_request("limit: a number from 1 is expected"));
        }
        Ok(Plan {
            source,
            prefetch,
            field,
            filter,
            params: self.params.unwrap_or_default().read()?,
            threshold: self.score_threshold,
            limit,
            offset: 0,
        })
    }
}

/// The measure that a query ranks by.
fn source(query: &Value) -> ApiResult<Source> {
    let map = match query {
        Value::Object(map) => map,
        other => return Ok(Source::Near(example(other, "query")?)),
    };
    let given: Vec<(&String, &Value)> = map.iter().filter(|(_, value)| !value.is_null()).collect();
    match given.as_slice() {
        [(kind, value)] => match kind.as_str() {
            "nearest" => Ok(Source::Near(example(value, "query.nearest")?)),
            "recommend" => recommended(value),
            "fusion" => Ok(Source::Fused(Fusion::named(value)?)),
            "rrf" => Ok(Source::Fused(Fusion::rrf(value)?)),
            other => Err(Problem::bad_request(format!("query.{other} is not supported"))),
        },
        [_, (other, _), ..] => Err(Problem::bad_request(format!("query.{other} is not supported"))),
        _ => Err(Problem::bad_request(format!("query: {query} is not supported"))),
    }
}

/// A vector, or the id of a point whose vector is meant.
fn example(value: &Value, at: &str) -> ApiResult<Example> {
    match value {
        Value::Array(_) => Ok(Example::Vector(wire::dense(value, at)?)),
        Value::Object(map) => {
            let member = map.keys().next().map(String::as_str).unwrap_or_default();
            let detail =
                format!("{at}.{member} is not supported; a dense vector or an id is expected");
            Err(Problem::bad_request(detail))
        }
        other => match PointId::read(other) {
            Some(id) => Ok(Example::Point(id.0)),
            None => Err(Problem::bad_request(format!("{at}: {other} is no vector and no id"))),
        },
    }
}

fn recommended(value: &Value) -> ApiResult<Source> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RecommendJson {
        #[serde(default)]
        positive: Option<Vec<Value>>,
        #[serde(default)]
        negative: Option<Vec<Value>>,
        strategy: Option<String>,
    }
    let refused = |detail: String| Problem::bad_request(format!("query.recommend: {detail}"));
    let asked = RecommendJson::deserialize(value).map_err(|e| refused(e.to_string()))?;
    if let Some(other) = asked.strategy.filter(|name| name != "average_vector") {
        return Err(refused(format!("strategy {other:?} is not supported; average_vector is")));
    }
    let list = |values: Option<Vec<Value>>, name: &str| -> ApiResult<Vec<Example>> {
        let at = format!("query.recommend.{name}");
        values.unwrap_or_default().iter().map(|value| example(value, &at)).collect()
    };
    let (positive, negative) =
        (list(asked.positive, "positive")?, list(asked.negative, "negative")?);
    match positive.is_empty() {
        true => Err(refused("positive: one example at least is expected".to_owned())),
        false => Ok(Source::Recommended { positive, negative }),
    }
}

/// Bodies of a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchJson<T> {
    searches: Vec<T>,
}

/// Body of `…/points/search`: the older form of a query by one vector.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchJson {
    pub(super) vector: Value,
    pub(super) filter: Option<Value>,
    pub(super) params: Option<ParamsJson>,
    pub(super) limit: Option<usize>,
    pub(super) offset: Option<usize>,
    pub(super) with_payload: Option<Value>,
    pub(super) with_vector: Option<Value>,
    pub(super) score_threshold: Option<f64>,
}

impl SearchJson {
    /// The query that it is.
    pub(super) fn into_query(self) -> ApiResult<QueryJson> {
        let (vector, using) = match self.vector {
            Value::Object(mut map) => match (map.remove("vector"), map.remove("name"), map.len()) {
                (Some(vector), Some(Value::String(name)), 0) => (vector, Some(name)),
                (Some(vector), None | Some(Value::Null), 0) => (vector, None),
                _ => return Err(Problem::bad_request("vector: name and vector are expected")),
            },
            vector => (vector, None),
        };
        Ok(QueryJson {
            query: Some(json!({ "nearest": vector })),
            using,
            filter: self.filter,
            params: self.params,
            score_threshold: self.score_threshold,
            limit: self.limit,
            offset: self.offset,
            with_payload: self.with_payload,
            with_vector: self.with_vector,
            prefetch: None,
        })
    }
}

/// Body of `…/points/recommend`: the older form of a query by examples.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecommendJson {
    positive: Option<Vec<Value>>,
    negative: Option<Vec<Value>>,
    strategy: Option<String>,
    using: Option<String>,
    filter: Option<Value>,
    params: Option<ParamsJson>,
    limit: Option<usize>,
    offset: Option<usize>,
    with_payload: Option<Value>,
    with_vector: Option<Value>,
    score_threshold: Option<f64>,
}

impl RecommendJson {
    fn into_query(self) -> QueryJson {
        let recommend = json!({
            "positive": self.positive, "negative": self.negative, "strategy": self.strategy,
        });
        QueryJson {
            query: Some(json!({ "recommend": recommend })),
            using: self.using,
            filter: self.filter,
            params: self.params,
            score_threshold: self.score_threshold,
            limit: self.limit,
            offset: self.offset,
            with_payload: self.with_payload,
            with_vector: self.with_vector,
            prefetch: None,
        }
    }
}

/// The form of an answer to queries.
#[derive(Clone, Copy)]
enum Form {
    /// Points under a key.
    Points,
    /// Points alone.
    List,
}

/// Answers one query.
async fn one(call: Call, collection: Scoped, query: QueryJson, form: Form) -> ApiResult<Response> {
    let (plan, select) = query.read(collection.schema(), false)?;
    let (state, since, rows) = (call.state.clone(), call.since, plan.rows());
    let name = collection.schema().name.clone();
    let work = move || {
        let points = View::of(&collection, &state, since)?.points(&plan, &select)?;
        Ok(form.answer(points))
    };
    call.find(&name, rows, work).await
}

/// Answers several queries, from one view of the collection.
async fn many(
    call: Call,
    collection: Scoped,
    queries: Vec<QueryJson>,
    form: Form,
) -> ApiResult<Response> {
    within("searches", queries.len(), MAX_REQUESTS)?;
    let read = queries.into_iter().map(|query| query.read(collection.schema(), false));
    let plans: Vec<(Plan, Select)> = read.collect::<ApiResult<_>>()?;
    let rows = plans.iter().map(|(plan, _)| plan.rows()).fold(0, usize::saturating_add);
    let (state, since, count) = (call.state.clone(), call.since, plans.len());
    let name = collection.schema().name.clone();
    let work = move || {
        // A large batch has waited for others, and its time begins now.
        let since = if count <= MAX_QUICK_BATCH { since } else { Instant::now() };
        let view = View::of(&collection, &state, since)?;
        let answer = |(plan, select): &(Plan, Select)| Ok(form.answer(view.points(plan, select)?));
        plans.iter().map(answer).collect::<ApiResult<Vec<_>>>()
    };
    match count <= MAX_QUICK_BATCH {
        true => call.find(&name, rows, work).await,
        false => call.batch(&name, work).await,
    }
}

/// The points of one query.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Points { points: Vec<ScoredPoint> },
    List(Vec<ScoredPoint>),
}

impl Form {
    fn answer(self, points: Vec<ScoredPoint>) -> Answer {
        match self {
            Self::Points => Answer::Points { points },
            Self::List => Answer::List(points),
        }
    }
}

pub(super) async fn query(call: Call, Path(name): Path<String>, body: Body) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked = call.body(body).await?;
    one(call, collection, asked, Form::Points).await
}

pub(super) async fn search(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked = call.body::<SearchJson>(body).await?.into_query()?;
    one(call, collection, asked, Form::List).await
}

pub(super) async fn recommend(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked = call.body::<RecommendJson>(body).await?.into_query();
    one(call, collection, asked, Form::List).await
}

pub(super) async fn query_batch(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked: BatchJson<QueryJson> = call.body(body).await?;
    many(call, collection, asked.searches, Form::Points).await
}

pub(super) async fn search_batch(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked = call.body::<BatchJson<SearchJson>>(body).await?.searches;
    let queries = asked.into_iter().map(SearchJson::into_query).collect::<ApiResult<_>>()?;
    many(call, collection, queries, Form::List).await
}

pub(super) async fn recommend_batch(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked = call.body::<BatchJson<RecommendJson>>(body).await?.searches;
    let queries = asked.into_iter().map(RecommendJson::into_query).collect();
    many(call, collection, queries, Form::List).await
}
