//! Keeping a collection in order: flushed, compacted, verified, snapshots of it taken.

use axum::Json;
use axum::extract::{Path, State as Shared};
use lexivec::{Collection, CompactReport, Snapshot, VerifyReport};
use serde_json::{Value, json};

use super::App;
use crate::error::Answer;
use crate::state::blocking;

pub(super) async fn flush(Shared(state): App, Path(name): Path<String>) -> Answer<Json<Value>> {
    let collection = state.collection(&name)?;
    let generation = state.write(move || Ok(collection.flush()?)).await?;
    Ok(Json(json!({ "generation": generation })))
}

pub(super) async fn compact(
    Shared(state): App,
    Path(name): Path<String>,
) -> Answer<Json<CompactReport>> {
    let collection = state.collection(&name)?;
    Ok(Json(state.write(move || Ok(collection.compact()?)).await?))
}

pub(super) async fn verify(
    Shared(state): App,
    Path(name): Path<String>,
) -> Answer<Json<VerifyReport>> {
    let path = state.path(&name)?;
    Ok(Json(state.write(move || Ok(Collection::verify(path)?)).await?))
}

pub(super) async fn snapshots(Shared(state): App, Path(name): Path<String>) -> Answer<Json<Value>> {
    let path = state.path(&name)?;
    let found = blocking(move || Ok(Collection::snapshots(path)?)).await?;
    Ok(Json(json!({ "snapshots": found })))
}

pub(super) async fn snapshot(
    Shared(state): App,
    Path((name, snapshot)): Path<(String, String)>,
) -> Answer<Json<Snapshot>> {
    let collection = state.collection(&name)?;
    Ok(Json(state.write(move || Ok(collection.snapshot(&snapshot)?)).await?))
}
