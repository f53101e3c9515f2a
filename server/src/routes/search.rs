//! Searching a collection, explaining what was found, and measuring how well that goes.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use lexivec::query::limits::MAX_DEADLINE_MS;
use lexivec::query::why_not::WhyNot;
use lexivec::{SearchRequest, SearchResponse, Searcher};
use serde::Serialize;
use serde_json::{Map, Value};

use super::App;
use super::body::{read_as, read_json};
use super::gate::Caller;
use crate::error::ApiResult;
use crate::limits::{MAX_QUICK_BATCH, MAX_REQUESTS, MEASURE_DEADLINE, SEARCH_DEADLINE};
use crate::scoped::Scoped;
use crate::state::{State, Turn};
use crate::wire::json;
use crate::wire::{
    BatchJson, ExplainJson, FacetJson, MapJson, NextJson, PageJson, RecallJson, SearchBody, within,
};

/// The shorter of a request's time and the server's, less the time it has waited for its turn, in milliseconds. So a
/// search ends when the server has given up its answer.
pub(super) fn time_left(given: Option<u64>, since: Instant) -> u64 {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let most = millis(SEARCH_DEADLINE);
    match given.unwrap_or(most) {
        given if given <= MAX_DEADLINE_MS => {
            given.min(most).saturating_sub(millis(since.elapsed()))
        }
        // The search refuses it.
        longer => longer,
    }
}

/// The request with the time that is left.
fn late(mut request: SearchRequest, since: Instant) -> SearchRequest {
    request.deadline_ms = Some(time_left(request.deadline_ms, since));
    request
}

/// The view by which a request is answered: its time is over when that of the request is.
fn view(state: &State, collection: &Scoped, request: &SearchRequest) -> ApiResult<Searcher> {
    let most = u64::try_from(SEARCH_DEADLINE.as_millis()).unwrap_or(u64::MAX);
    let time = Duration::from_millis(request.deadline_ms.unwrap_or(most).min(most));
    Ok(collection.searcher(state.budget(time))?)
}

/// The answer to a search, or a page of a cursor.
#[derive(Serialize)]
#[serde(untagged)]
enum Found {
    Answer(SearchResponse),
    Page(PageJson),
}

pub(super) async fn search(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let asked = read_as(&state, &headers, body, SearchBody::read).await?;
    let rows = asked.rows();
    let (own, since) = (state.clone(), Instant::now());
    let answer = state.find(Turn::of(&caller, &name), rows, move || {
        Ok(match asked {
            SearchBody::Search(request) => {
                let request = late(request, since);
                Found::Answer(view(&own, &collection, &request)?.search(&request)?)
            }
            SearchBody::Open(request, reach) => {
                let request = late(request, since);
                let cursor = view(&own, &collection, &request)?.cursor(&request, reach)?;
                Found::Page(own.cursors.open(&collection, cursor, request.limit, Instant::now())?)
            }
            SearchBody::Next(NextJson { cursor, limit }) => {
                Found::Page(own.cursors.page(&collection, &cursor, limit, Instant::now())?)
            }
        })
    });
    answer.await
}

/// The answer to a search, or why it does not return a row.
#[derive(Serialize)]
#[serde(untagged)]
enum Explained {
    Answer(SearchResponse),
    WhyNot(WhyNot),
}

pub(super) async fn explain(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let read = |bytes: &[u8]| ExplainJson::read(json::<Map<String, Value>>(bytes)?);
    let ExplainJson { request, why_not } = read_as(&state, &headers, body, read).await?;
    let rows = request.limit;
    let (own, since) = (state.clone(), Instant::now());
    let answer = state.find(Turn::of(&caller, &name), rows, move || {
        let request = late(request, since);
        let view = view(&own, &collection, &request)?;
        Ok(match why_not {
            Some(id) => Explained::WhyNot(view.why_not(&request, &id)?),
            None => Explained::Answer(view.search(&request)?),
        })
    });
    answer.await
}

pub(super) async fn batch(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let requests = read_json::<BatchJson>(&state, &headers, body).await?.requests;
    within("requests", requests.len(), MAX_REQUESTS)?;
    let rows = requests.iter().map(|request| request.limit).fold(0, usize::saturating_add);
    let quick = requests.len() <= MAX_QUICK_BATCH;
    let (own, since) = (state.clone(), Instant::now());
    let work = move || {
        // A large one has waited for others, and its time begins now.
        let since = if quick { since } else { Instant::now() };
        let late = requests.into_iter().map(|request| late(request, since));
        let late: Vec<SearchRequest> = late.collect();
        let view = collection.searcher(own.budget(SEARCH_DEADLINE))?;
        Ok(view.search_many(&late)?)
    };
    match quick {
        true => state.find(Turn::of(&caller, &name), rows, work).await,
        false => state.batch(Turn::of(&caller, &name), work).await,
    }
}

pub(super) async fn facet(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let (filter, facet) = read_json::<FacetJson>(&state, &headers, body).await?.into_facet();
    let budget = state.budget(SEARCH_DEADLINE);
    let count =
        move || Ok(collection.searcher(budget)?.facet(&facet.field, &filter, facet.limit)?);
    state.search(Turn::of(&caller, &name), count).await
}

pub(super) async fn recall(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let options = read_json::<RecallJson>(&state, &headers, body).await?.into_options()?;
    let own = state.clone();
    let work = move || Ok(collection.searcher(own.budget(MEASURE_DEADLINE))?.recall(&options)?);
    state.measure(Turn::of(&caller, &name), work).await
}

pub(super) async fn map(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let options = read_json::<MapJson>(&state, &headers, body).await?.into_options();
    let own = state.clone();
    let work = move || Ok(collection.searcher(own.budget(MEASURE_DEADLINE))?.map(&options)?);
    state.measure(Turn::of(&caller, &name), work).await
}
