//! The health of the server, and its counters.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::IntoResponse;
use lexivec::{Collection, Unopened};
use serde_json::{Value, json};

use super::App;
use crate::error::{ApiResult, without_path};
use crate::state::{State, blocking};

/// Answers as long as the event loop runs; collections are open before the server listens. Those that cannot be
/// opened, and those that answer without something that is damaged, are listed.
pub(super) async fn health(Shared(state): App) -> Json<Value> {
    let mut answer = json!({ "status": "ok" });
    add_faults(&state, &mut answer);
    Json(answer)
}

/// Adds the collections that cannot be opened, and the damage of open ones, if there are any.
pub(super) fn add_faults(state: &State, answer: &mut Value) {
    let directory = state.database().path();
    let shown = |other: &Unopened| {
        let mut other = other.clone();
        other.reason = without_path(&other.reason, directory);
        other
    };
    let unopened: Vec<Unopened> = state.database().unopened().iter().map(shown).collect();
    if !unopened.is_empty() {
        answer["unopened"] = json!(unopened);
    }
    let damage = |collection: &Arc<Collection>| {
        let reason = without_path(&collection.damage()?, directory);
        Some(json!({ "name": collection.schema().name, "reason": reason }))
    };
    let damaged: Vec<Value> = state.database().list().iter().filter_map(damage).collect();
    if !damaged.is_empty() {
        answer["damaged"] = json!(damaged);
    }
}

pub(super) async fn metrics(Shared(state): App) -> ApiResult<impl IntoResponse> {
    let text = blocking(move || {
        let (mut stats, mut failed) = (Vec::new(), Vec::new());
        for collection in state.database().list() {
            match collection.stats() {
                Ok(counted) => stats.push(counted),
                // The others are reported.
                Err(_) => failed.push(collection.schema().name.clone()),
            }
        }
        Ok(state.metrics.render(&stats, &failed))
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text.await?))
}
