//! Maintenance of a collection: flush, compaction, verification, snapshots.

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lexivec::{Collection, CompactOptions, Snapshot, VerifyLevel};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::gate::Caller;
use super::head::of_no_form;
use crate::error::ApiResult;
use crate::state::Turn;

pub(super) async fn flush(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Json<Value>> {
    of_no_form(&headers)?;
    let collection = state.collections.whole(&caller, &name)?;
    let generation = state.write(Turn::of(&caller, &name), move || Ok(collection.flush()?)).await?;
    Ok(Json(json!({ "generation": generation })))
}

/// Query parameters of a compaction.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompactQuery {
    /// Bytes of memory it may take.
    memory: Option<u64>,
}

pub(super) async fn compact(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    Query(query): Query<CompactQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    of_no_form(&headers)?;
    let collection = state.collections.whole(&caller, &name)?;
    let work = move || {
        let options = CompactOptions::new();
        let options = query.memory.map_or(options, |bytes| options.memory(bytes));
        Ok(collection.compact(options)?)
    };
    state.maintain(Turn::of(&caller, &name), work).await
}

/// Ends a compaction under way; what it has committed stays.
pub(super) async fn cancel(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    state.collections.whole(&caller, &name)?.cancel_compaction();
    Ok(StatusCode::ACCEPTED)
}

/// Query parameters of a verification.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyQuery {
    /// Its depth.
    #[serde(default)]
    level: VerifyLevel,
}

pub(super) async fn verify(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    Query(query): Query<VerifyQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    of_no_form(&headers)?;
    let path = state.collections.path_of(&caller, &name)?;
    state
        .maintain(Turn::of(&caller, &name), move || Ok(Collection::verify(path, query.level)?))
        .await
}

pub(super) async fn snapshots(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let path = state.collections.path_of(&caller, &name)?;
    state.describe(move || Ok(Snapshot::list(path)?)).await
}

pub(super) async fn snapshot(
    Shared(state): App,
    Caller(caller): Caller,
    Path((name, snapshot)): Path<(String, String)>,
) -> ApiResult<Json<Snapshot>> {
    let collection = state.collections.whole(&caller, &name)?;
    Ok(Json(
        state.write(Turn::of(&caller, &name), move || Ok(collection.snapshot(&snapshot)?)).await?,
    ))
}
