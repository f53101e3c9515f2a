//! Creating, describing, listing and dropping collections.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use lexivec::Stats;
use serde_json::{Value, json};

use super::{App, read_json};
use crate::error::Answer;
use crate::state::blocking;
use crate::wire::CreateJson;

pub(super) async fn list(Shared(state): App) -> Json<Value> {
    let stats: Vec<_> = state
        .all()
        .iter()
        .map(|c| c.stats())
        .map(|s| json!({ "name": s.name, "documents": s.documents, "bytes": s.bytes }))
        .collect();
    Json(json!({ "collections": stats }))
}

pub(super) async fn describe(Shared(state): App, Path(name): Path<String>) -> Answer<Json<Stats>> {
    Ok(Json(state.collection(&name)?.stats()))
}

pub(super) async fn create(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<(StatusCode, Json<Stats>)> {
    let wanted: CreateJson = read_json(&state, &headers, body).await?;
    let options = wanted.into_options(&name, state.config().embedder.as_ref())?;
    let collection = blocking(move || state.create(&name, options)).await?;
    Ok((StatusCode::CREATED, Json(collection.stats())))
}

pub(super) async fn delete(Shared(state): App, Path(name): Path<String>) -> Answer<StatusCode> {
    blocking(move || state.drop_collection(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
