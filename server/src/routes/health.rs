//! The health of the server, and its counters.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::IntoResponse;
use lexivec::Collection;
use lexivec_access::Principal;
use serde_json::{Value, json};

use super::App;
use super::gate::Caller;
use crate::error::ApiResult;
use crate::state::{State, blocking};

/// Answers as long as the event loop runs; collections are open before the server listens. Those that cannot be
/// opened, and those that answer without something that is damaged, are listed for a caller that holds them.
pub(super) async fn health(Shared(state): App, caller: Option<Caller>) -> Json<Value> {
    let mut answer = json!({ "status": "ok" });
    if let Some(Caller(caller)) = caller {
        add_faults(&state, &caller, &mut answer);
    }
    Json(answer)
}

/// Adds the collections that cannot be opened, and the damage of open ones, if there are any.
pub(super) fn add_faults(state: &State, caller: &Arc<Principal>, answer: &mut Value) {
    let unopened = state.collections.unopened_of(caller);
    if !unopened.is_empty() {
        answer["unopened"] = json!(unopened);
    }
    let damaged = state.collections.damaged(caller);
    if !damaged.is_empty() {
        answer["damaged"] = json!(damaged);
    }
}

pub(super) async fn metrics(
    Shared(state): App,
    Caller(caller): Caller,
) -> ApiResult<impl IntoResponse> {
    let text = blocking(move || {
        let (mut stats, mut failed) = (Vec::new(), Vec::new());
        for collection in state.collections.list(&caller) {
            match collection.whole().map(Collection::stats) {
                Some(Ok(counted)) => stats.push(counted),
                // The others are reported.
                _ => failed.push(collection.schema().name.clone()),
            }
        }
        let cursors = state.cursors.count();
        Ok(state.metrics.render(&stats, &failed, &state.loads(), cursors))
    });
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text.await?))
}

/// The statistics of the server: its collections, added up and one by one, and its keys.
pub(super) async fn stats(Shared(state): App, Caller(caller): Caller) -> ApiResult<Json<Value>> {
    let stats = move || {
        let (mut collections, mut documents, mut bytes) = (Vec::new(), 0, 0);
        for collection in state.collections.list(&caller) {
            let Some(s) = collection.whole().map(Collection::stats).transpose()? else { continue };
            (documents, bytes) = (documents + s.documents, bytes + s.bytes);
            collections.push(json!({ "name": s.name, "documents": s.documents, "bytes": s.bytes,
                "dead_rows": s.dead_rows, "segments": s.segments.len(), "seq": s.seq }));
        }
        let keys = state.admission.access().map_or(0, |access| access.keys.len());
        let mut answer = json!({ "collections": collections, "documents": documents,
            "bytes": bytes, "keys": keys });
        add_faults(&state, &caller, &mut answer);
        Ok(answer)
    };
    Ok(Json(blocking(stats).await?))
}
