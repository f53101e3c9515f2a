//! Feedback, and the query adapters that are trained from it.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use lexivec::{AdapterInfo, FeedbackReceipt};

use super::App;
use super::body::read_json;
use super::gate::Caller;
use crate::error::ApiResult;
use crate::state::Turn;
use crate::wire::evaluation::{ActiveJson, LearnJson, TrainJson};

pub(super) async fn learn(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<FeedbackReceipt>> {
    let collection = state.collections.whole(&caller, &name)?;
    let feedback = read_json::<LearnJson>(&state, &headers, body).await?.check()?;
    Ok(Json(
        state
            .write(Turn::of(&caller, &name), move || Ok(collection.add_feedback(&feedback)?))
            .await?,
    ))
}

pub(super) async fn list(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let collection = state.collections.whole(&caller, &name)?;
    state.describe(move || Ok(collection.adapters()?)).await
}

pub(super) async fn train(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.whole(&caller, &name)?;
    let mut options = read_json::<TrainJson>(&state, &headers, body).await?.into_options();
    let memory = state.memory.clone();
    let work = move || {
        options.memory = memory.for_found();
        Ok(collection.train_adapter(&options)?)
    };
    state.measure(Turn::of(&caller, &name), work).await
}

pub(super) async fn activate(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Vec<AdapterInfo>>> {
    let collection = state.collections.whole(&caller, &name)?;
    let version = read_json::<ActiveJson>(&state, &headers, body).await?.version;
    let work = move || {
        collection.activate_adapter(version)?;
        Ok(collection.adapters()?)
    };
    Ok(Json(state.write(Turn::of(&caller, &name), work).await?))
}

pub(super) async fn delete(
    Shared(state): App,
    Caller(caller): Caller,
    Path((name, version)): Path<(String, u32)>,
) -> ApiResult<Json<Vec<AdapterInfo>>> {
    let collection = state.collections.whole(&caller, &name)?;
    let work = move || {
        collection.delete_adapter(version)?;
        Ok(collection.adapters()?)
    };
    Ok(Json(state.write(Turn::of(&caller, &name), work).await?))
}
