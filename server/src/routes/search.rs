//! Searching a collection, explaining what was found, and measuring how well that goes.

use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use lexivec::query::facets::FacetCounts;
use lexivec::query::limits::MAX_DEADLINE_MS;
use lexivec::{RecallReport, SearchRequest, SearchResponse};
use serde_json::{Map, Value};

use super::App;
use super::body::{read_json, read_one};
use crate::error::ApiResult;
use crate::limits::{MAX_REQUESTS, SEARCH_DEADLINE};
use crate::wire::{BatchJson, ExplainJson, FacetJson, NextJson, RecallJson, SearchBody, within};

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

pub(super) async fn search(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collection(&name)?;
    let asked = SearchBody::read(&read_one(&state, &headers, body).await?.bytes)?;
    let (cursors, since) = (state.cursors.clone(), Instant::now());
    let answer = state.search(move || {
        Ok(match asked {
            SearchBody::Search(request) => {
                Json(collection.search(&late(request, since))?).into_response()
            }
            SearchBody::Open(request, reach) => {
                let request = late(request, since);
                let cursor = collection.cursor(&request, reach)?;
                let page = cursors.open(&collection, cursor, request.limit, Instant::now())?;
                Json(page).into_response()
            }
            SearchBody::Next(NextJson { cursor, limit }) => {
                Json(cursors.page(&collection, &cursor, limit, Instant::now())?).into_response()
            }
        })
    });
    answer.await
}

pub(super) async fn explain(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collection(&name)?;
    let body = read_json::<Map<String, Value>>(&state, &headers, body).await?;
    let ExplainJson { request, why_not } = ExplainJson::read(body)?;
    let since = Instant::now();
    let answer = state.search(move || {
        let request = late(request, since);
        Ok(match why_not {
            Some(id) => Json(collection.why_not(&request, &id)?).into_response(),
            None => Json(collection.search(&request)?).into_response(),
        })
    });
    answer.await
}

pub(super) async fn batch(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Vec<SearchResponse>>> {
    let collection = state.collection(&name)?;
    let requests = read_json::<BatchJson>(&state, &headers, body).await?.requests;
    within("requests", requests.len(), MAX_REQUESTS)?;
    let since = Instant::now();
    let work = move || {
        let late = requests.into_iter().map(|request| late(request, since));
        Ok(collection.search_many(&late.collect::<Vec<_>>())?)
    };
    Ok(Json(state.search(work).await?))
}

pub(super) async fn facet(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<FacetCounts>> {
    let collection = state.collection(&name)?;
    let (filter, facet) = read_json::<FacetJson>(&state, &headers, body).await?.into_facet();
    let count = move || Ok(collection.facet(&facet.field, &filter, facet.limit)?);
    Ok(Json(state.search(count).await?))
}

pub(super) async fn recall(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<RecallReport>> {
    let collection = state.collection(&name)?;
    let options = read_json::<RecallJson>(&state, &headers, body).await?.into_options()?;
    Ok(Json(state.search(move || Ok(collection.searcher()?.recall(&options)?)).await?))
}
