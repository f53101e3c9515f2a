//! Creating, describing, listing and dropping collections.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lexivec::{Collection, Stats};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::body::read_json;
use super::health::add_faults;
use crate::error::ApiResult;
use crate::state::blocking;
use crate::wire::CreateJson;

pub(super) async fn list(Shared(state): App) -> ApiResult<Response> {
    let own = state.clone();
    let list = move || {
        let one = |collection: &Arc<Collection>| {
            let s = collection.stats()?;
            Ok(json!({ "name": s.name, "documents": s.documents, "bytes": s.bytes }))
        };
        let collections = own.database().list().iter().map(one).collect::<ApiResult<Vec<_>>>()?;
        let mut answer = json!({ "collections": collections });
        add_faults(&own, &mut answer);
        Ok(answer)
    };
    state.describe(list).await
}

pub(super) async fn describe(Shared(state): App, Path(name): Path<String>) -> ApiResult<Response> {
    let collection = state.collection(&name)?;
    state.describe(move || Ok(collection.stats()?)).await
}

pub(super) async fn create(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<(StatusCode, Json<Stats>)> {
    let wanted = CreateJson::read(read_json(&state, &headers, body).await?)?;
    let options = wanted.into_options(state.config().embedder.as_ref())?;
    let stats = blocking(move || Ok(state.database().create(&name, options)?.stats()?)).await?;
    Ok((StatusCode::CREATED, Json(stats)))
}

/// Query parameters of a drop.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DropQuery {
    /// True if its snapshots may go with it.
    #[serde(default)]
    snapshots: bool,
}

pub(super) async fn delete(
    Shared(state): App,
    Path(name): Path<String>,
    Query(query): Query<DropQuery>,
) -> ApiResult<StatusCode> {
    blocking(move || state.drop_collection(&name, query.snapshots)).await?;
    Ok(StatusCode::NO_CONTENT)
}
