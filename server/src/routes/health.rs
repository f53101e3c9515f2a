//! Whether the server lives, and its counters.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::App;

/// Answers as long as the event loop runs; collections are open before the server listens.
pub(super) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(super) async fn metrics(Shared(state): App) -> impl IntoResponse {
    let stats: Vec<_> = state.all().iter().map(|c| c.stats()).collect();
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, state.metrics.render(&stats))
}
