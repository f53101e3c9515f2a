//! Points read by id, page by page, and counted.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use lexivec::query::limits::MAX_IN_VALUES;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::filter;
use super::ids::{self, PointId};
use super::rank::{View, no_point};
use super::select::{Record, Select};
use crate::error::ApiResult;
use crate::wire::within;

/// Points of a page if a body names no number.
const DEFAULT_LIMIT: usize = 10;

/// Body of a retrieval.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetrieveJson {
    ids: Vec<PointId>,
    with_payload: Option<Value>,
    with_vector: Option<Value>,
}

/// Body of a scroll.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScrollJson {
    offset: Option<PointId>,
    limit: Option<usize>,
    filter: Option<Value>,
    with_payload: Option<Value>,
    with_vector: Option<Value>,
}

/// Body of a count. Counts are exact, whatever `exact` is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountJson {
    filter: Option<Value>,
    #[serde(rename = "exact")]
    _exact: Option<bool>,
}

/// A page of points.
#[derive(Serialize)]
struct Page {
    points: Vec<Record>,
    next_page_offset: Option<Value>,
}

pub(super) async fn retrieve(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked: RetrieveJson = call.body(body).await?;
    within("ids", asked.ids.len(), MAX_IN_VALUES)?;
    let select = Select::read(asked.with_payload.as_ref(), asked.with_vector.as_ref(), true)?;
    let (state, since, count) = (call.state.clone(), call.since, asked.ids.len());
    let name = collection.schema().name.clone();
    let work = move || {
        let view = View::of(&collection, &state, since)?;
        let ids: Vec<String> = asked.ids.into_iter().map(|id| id.0).collect();
        let mut rows = view.rows(ids.clone())?;
        let records = ids.iter().filter_map(|id| Some(select.record(rows.remove(id)?)));
        Ok(records.collect::<Vec<Record>>())
    };
    call.find(&name, count, work).await
}

pub(super) async fn one(
    call: Call,
    Path((name, id)): Path<(String, String)>,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let (state, since, id) = (call.state.clone(), call.since, PointId::of_path(&id).0);
    let name = collection.schema().name.clone();
    let select = Select::read(None, Some(&Value::Bool(true)), true)?;
    let work = move || {
        let row = View::of(&collection, &state, since)?.searcher().get(&id)?;
        Ok(select.record(row.ok_or_else(|| no_point(&id))?))
    };
    call.find(&name, 1, work).await
}

pub(super) async fn scroll(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked: ScrollJson = call.body(body).await?;
    let select = Select::read(asked.with_payload.as_ref(), asked.with_vector.as_ref(), true)?;
    let filter = filter::read(asked.filter.as_ref())?;
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT);
    let (state, since) = (call.state.clone(), call.since);
    let name = collection.schema().name.clone();
    let work = move || {
        let from = asked.offset.as_ref().map(|id| id.0.as_str());
        let view = View::of(&collection, &state, since)?;
        let page = view.searcher().scroll_from(&filter, from, limit)?;
        let points = page.documents.into_iter().map(|row| select.record(row)).collect();
        Ok(Page { points, next_page_offset: page.next.as_deref().map(ids::to_json) })
    };
    call.find(&name, limit, work).await
}

pub(super) async fn count(call: Call, Path(name): Path<String>, body: Body) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked: CountJson = call.body(body).await?;
    let filter = filter::read(asked.filter.as_ref())?;
    let (state, since) = (call.state.clone(), call.since);
    let name = collection.schema().name.clone();
    let work = move || {
        let view = View::of(&collection, &state, since)?;
        Ok(json!({ "count": view.searcher().count(&filter)? }))
    };
    call.find(&name, 1, work).await
}
