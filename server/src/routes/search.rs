//! Searching a collection.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::HeaderMap;
use lexivec::SearchResponse;

use super::{App, read_json};
use crate::error::Answer;
use crate::wire::SearchJson;

pub(super) async fn search(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<SearchResponse>> {
    let collection = state.collection(&name)?;
    let request = read_json::<SearchJson>(&state, &headers, body).await?.into_request()?;
    let answer = state.search(move || Ok(collection.search(&request)?)).await?;
    Ok(Json(answer))
}
