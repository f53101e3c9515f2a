//! The route table, and what every request passes through before and after its route.

mod adapters;
mod collections;
mod documents;
mod evaluation;
mod health;
mod maintenance;
mod models;
mod profiles;
mod search;
mod table;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::{ApiResult, Problem};
use crate::limits::{BODY_DEADLINE, MAX_BODY_BYTES};
use crate::state::State;
use crate::wire::body::json;

use table::table;
pub use table::{Route, routes};

type App = Shared<Arc<State>>;

/// The path below which a collection's own routes are.
const COLLECTION: &str = "/v1/collections/{collection}";

/// All routes, with what every request passes through.
pub(crate) fn router(state: Arc<State>) -> Router {
    let routes = table().into_iter();
    routes
        .fold(Router::new(), |router, row| router.route(row.route.path, row.handlers))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(state.clone(), check_host))
        .layer(from_fn_with_state(state.clone(), count))
        .with_state(state)
}

async fn no_route() -> Problem {
    let mut paths: Vec<&str> = routes().iter().map(|route| route.path).collect();
    let of_collection: Vec<&str> = paths
        .iter()
        .filter_map(|path| path.strip_prefix(COLLECTION))
        .filter(|p| !p.is_empty())
        .collect();
    paths.retain(|path| *path == COLLECTION || !path.starts_with(COLLECTION));
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_route",
        "No such route",
        format!(
            "the routes are {}, and of a collection {COLLECTION} followed by {}",
            paths.join(", "),
            of_collection.join(", ")
        ),
    )
}

async fn no_method(method: Method, path: Option<MatchedPath>) -> Problem {
    let path = path.as_ref().map_or("", MatchedPath::as_str);
    let taken = routes().into_iter().filter(|route| route.path == path);
    let taken: Vec<_> = taken.flat_map(|route| route.methods).collect();
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "Method not allowed",
        format!("this route does not take {method}; it takes {}", taken.join(", ")),
    )
}

async fn count(Shared(state): App, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let start = Instant::now();
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() && !is_described(&response) {
        // The framework's own refusals, as of a path that is not UTF-8; they are plain text.
        let detail = "the request's path or head cannot be read";
        response = Problem::new(status, "invalid_request", "The request is not valid", detail)
            .into_response();
    }
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = problem.and_then(|p| p.without(state.database().path())) {
        response = problem.into_response();
    }
    let seconds = start.elapsed().as_secs_f64();
    state.metrics.count(&route, response.status().as_u16(), seconds);
    response
}

/// True for a refusal in a form that the routes use.
fn is_described(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|k| k == "application/problem+json" || k == "application/json")
}

/// Refuses requests for other hosts: a page in the user's browser may have had its own name
/// pointed at this machine.
async fn check_host(Shared(state): App, request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .map(without_port)
        .unwrap_or_default();
    let loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str());
    if loopback || state.config().hosts.contains(&host) {
        return next.run(request).await;
    }
    Problem::new(
        StatusCode::FORBIDDEN,
        "host_refused",
        "Host refused",
        format!("host {host:?} is not served; start the server with --host-name to allow it"),
    )
    .into_response()
}

fn without_port(host: &str) -> String {
    let bare = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    bare.to_ascii_lowercase()
}

/// Form of a body of documents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyKind {
    Json,
    Lines,
}

/// The kind of a request's body, by its content type; anything else is refused, so that a form on
/// a foreign page cannot reach the server.
fn body_kind(headers: &HeaderMap) -> ApiResult<BodyKind> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(BodyKind::Json),
        "application/x-ndjson" | "application/jsonl" => Ok(BodyKind::Lines),
        other => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Unsupported media type",
            format!("content type {other:?}; send application/json or application/x-ndjson"),
        )),
    }
}

/// A body, and the share of the memory for bodies that it takes as long as it is held.
struct Held {
    bytes: Bytes,
    _memory: OwnedSemaphorePermit,
}

/// Reads a body within its limits of size and time, and within the memory all bodies share.
async fn read_body(state: &State, headers: &HeaderMap, body: Body) -> ApiResult<Held> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            "Unsupported content encoding",
            "send the body without a content encoding",
        ));
    }
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "The body is too large",
            format!("the limit is {MAX_BODY_BYTES} bytes; send it in parts"),
        )
    };
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<usize>().ok())
        .unwrap_or(MAX_BODY_BYTES);
    if declared > MAX_BODY_BYTES && headers.contains_key(header::CONTENT_LENGTH) {
        return Err(too_large());
    }
    let Ok(memory) = state.bodies.clone().try_acquire_many_owned(declared as u32) else {
        return Err(Problem::overloaded("the bodies of other requests fill the memory for them"));
    };
    let read = Limited::new(body, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_DEADLINE, read).await {
        Ok(Ok(body)) => Ok(Held { bytes: body.to_bytes(), _memory: memory }),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(e)) => Err(Problem::bad_request(format!("the body broke off: {e}"))),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "The body came too slowly",
            format!("it has to be sent within {} s", BODY_DEADLINE.as_secs()),
        )),
    }
}

/// Reads a JSON body.
async fn read_json<T: DeserializeOwned>(
    state: &State,
    headers: &HeaderMap,
    body: Body,
) -> ApiResult<T> {
    json(&read_one(state, headers, body).await?.bytes)
}

/// Reads a body of one JSON document.
async fn read_one(state: &State, headers: &HeaderMap, body: Body) -> ApiResult<Held> {
    if body_kind(headers)? != BodyKind::Json {
        return Err(Problem::bad_request("this route takes one JSON document"));
    }
    read_body(state, headers, body).await
}
