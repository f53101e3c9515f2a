//! Profiles: named search settings of a collection.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lexivec::Profile;
use serde_json::{Value, json};

use super::App;
use super::body::read_json;
use super::gate::Caller;
use crate::error::{ApiResult, Problem};
use crate::state::{State, Turn};

pub(super) async fn list(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let collection = state.collections.whole(&caller, &name)?;
    state.describe(move || Ok((*collection.profiles()).clone())).await
}

pub(super) async fn set(
    Shared(state): App,
    Caller(caller): Caller,
    Path((name, profile)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Value>> {
    let collection = state.collections.whole(&caller, &name)?;
    let settings = read_json::<Profile>(&state, &headers, body).await?;
    change(&state, Turn::of(&caller, &name), move || collection.set_profile(&profile, settings))
        .await
}

pub(super) async fn remove(
    Shared(state): App,
    Caller(caller): Caller,
    Path((name, profile)): Path<(String, String)>,
) -> ApiResult<Json<Value>> {
    let collection = state.collections.whole(&caller, &name)?;
    if !collection.profiles().contains_key(&profile) {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "profile_not_found",
            "No such profile",
            format!("there is no profile {profile:?}"),
        ));
    }
    change(&state, Turn::of(&caller, &name), move || collection.remove_profile(&profile)).await
}

async fn change(
    state: &State,
    turn: Turn<'_>,
    work: impl FnOnce() -> lexivec::Result<u64> + Send + 'static,
) -> ApiResult<Json<Value>> {
    let generation = state.write(turn, move || Ok(work()?)).await?;
    Ok(Json(json!({ "generation": generation })))
}
