//! The health of the server, and its counters.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::App;
use crate::error::ApiResult;
use crate::state::blocking;

/// Answers as long as the event loop runs; collections are open before the server listens.
pub(super) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(super) async fn metrics(Shared(state): App) -> ApiResult<impl IntoResponse> {
    let text = blocking(move || {
        // A collection that cannot be counted is left out, so that the others are reported.
        let stats: Vec<_> = state.database().list().iter().filter_map(|c| c.stats().ok()).collect();
        Ok(state.metrics.render(&stats))
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text.await?))
}
