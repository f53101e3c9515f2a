//! Completions and corrections of a text that is being typed.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, Query, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use lexivec::query::limits::DEFAULT_SUGGESTIONS;
use lexivec::{Filter, SuggestRequest};
use serde::Deserialize;

use super::App;
use super::body::read_json;
use super::gate::Caller;
use super::search::time_left;
use crate::error::ApiResult;
use crate::limits::SEARCH_DEADLINE;
use crate::state::Turn;

/// Query parameters of a request without a body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuggestQuery {
    /// The text.
    text: String,
    /// Completions wanted.
    limit: Option<usize>,
    /// Filter as text.
    filter: Option<String>,
    /// Time it has, in milliseconds.
    deadline_ms: Option<u64>,
}

pub(super) async fn get(
    app: App,
    caller: Caller,
    path: Path<String>,
    Query(query): Query<SuggestQuery>,
) -> ApiResult<Response> {
    let mut request = SuggestRequest::new(query.text);
    request.limit = query.limit.unwrap_or(DEFAULT_SUGGESTIONS);
    request.deadline_ms = query.deadline_ms;
    if let Some(filter) = &query.filter {
        request.filter = Filter::parse(filter).map_err(lexivec::Error::from)?;
    }
    answer(app, caller, path, request).await
}

pub(super) async fn post(
    app: App,
    caller: Caller,
    path: Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let request = read_json(&app.0, &headers, body).await?;
    answer(app, caller, path, request).await
}

async fn answer(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    mut request: SuggestRequest,
) -> ApiResult<Response> {
    let (collection, since) = (state.collections.get(&caller, &name)?, Instant::now());
    let budget = state.budget(SEARCH_DEADLINE);
    let work = move || {
        request.deadline_ms = Some(time_left(request.deadline_ms, since));
        Ok(collection.searcher(budget)?.suggest(&request)?)
    };
    state.search(Turn::of(&caller, &name), work).await
}
