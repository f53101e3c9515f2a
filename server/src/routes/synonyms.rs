//! Synonyms of a collection.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use lexivec::query::Synonyms;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::App;
use super::body::read_json;
use super::gate::Caller;
use crate::error::ApiResult;
use crate::state::Turn;

/// The body of a request and of an answer.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SynonymsJson {
    /// The rules, one a line.
    rules: Synonyms,
}

pub(super) async fn show(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let collection = state.collections.whole(&caller, &name)?;
    state.describe(move || Ok(SynonymsJson { rules: collection.synonyms() })).await
}

pub(super) async fn set(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Value>> {
    let collection = state.collections.whole(&caller, &name)?;
    let SynonymsJson { rules } = read_json(&state, &headers, body).await?;
    let generation =
        state.write(Turn::of(&caller, &name), move || Ok(collection.set_synonyms(rules)?)).await?;
    Ok(Json(json!({ "generation": generation })))
}

pub(super) async fn remove(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> ApiResult<Json<Value>> {
    let collection = state.collections.whole(&caller, &name)?;
    let generation =
        state.write(Turn::of(&caller, &name), move || Ok(collection.remove_synonyms()?)).await?;
    Ok(Json(json!({ "generation": generation })))
}
