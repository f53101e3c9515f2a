//! The envelope of answers and refusals in Qdrant's shape.

use std::time::{Duration, Instant};

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{ApiResult, Problem};

/// The version of Qdrant whose interface the routes have the shape of: its clients compare it with their own.
const INTERFACE: &str = "1.20.0";

/// An answer.
#[derive(Serialize)]
pub(super) struct Envelope<T> {
    result: T,
    status: &'static str,
    /// Seconds that the request took.
    time: f64,
}

impl<T> Envelope<T> {
    /// The answer to a request that came at a moment.
    pub(super) fn new(since: Instant, result: T) -> Self {
        Self { result, status: "ok", time: since.elapsed().as_secs_f64() }
    }
}

/// The result of a write.
#[derive(Serialize)]
pub(super) struct Updated {
    operation_id: u64,
    status: &'static str,
}

impl Updated {
    pub(super) fn at(seq: u64) -> Self {
        Self { operation_id: seq, status: "completed" }
    }
}

/// A refusal.
pub(crate) fn refusal(problem: &Problem, took: Duration) -> Response {
    let body = json!({ "status": { "error": problem.detail }, "time": took.as_secs_f64() });
    let mut response = (problem.status, Json(body)).into_response();
    if problem.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// `GET /`, by which clients learn the version of the interface.
pub(crate) async fn root() -> ApiResult<Json<Value>> {
    let title = concat!("lexivec ", env!("CARGO_PKG_VERSION"), ", in the shape of Qdrant");
    Ok(Json(json!({ "title": title, "version": INTERFACE })))
}
