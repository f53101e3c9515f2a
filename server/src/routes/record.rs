//! The record of a request: its id, its line in the log, its counts, and the last look at its answer.

use std::time::SystemTime;

use axum::extract::{MatchedPath, Request, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::App;
use super::gate::Seen;
use crate::compat::qdrant;
use crate::error::Problem;
use crate::limits::MAX_REQUEST_ID_BYTES;
use crate::observer::Answered;
use crate::trace::{Trace, milliseconds_of};

/// The header of a request's id, in requests and answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of W3C Trace Context.
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// Answers a request and records it. Paths of documents, texts, vectors and keys are not recorded: of the path the log
/// has the route, and the name of the collection.
pub(super) async fn record(Shared(state): App, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let id = id_of(request.headers());
    let method = request.method().clone();
    let collection = collection_of(&route, request.uri().path()).to_owned();
    let parent = request.headers().get(TRACE_PARENT).cloned();
    let began = SystemTime::now();
    let trace = Trace::new(state.config().log_queries);
    let mut response = trace.of(next.run(request)).await;
    let seen = response.extensions_mut().remove::<Seen>().unwrap_or_default();
    let mut response = described(response);
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = problem {
        let shown = problem.without(state.collections.directory());
        if qdrant::is_route(&route) {
            let problem = shown.as_ref().unwrap_or(&problem);
            response = in_place_of(&response, qdrant::refusal(problem, trace.elapsed()));
        } else if let Some(shown) = shown {
            response = in_place_of(&response, shown.into_response());
        }
    }
    let (status, took, stages) = (response.status().as_u16(), trace.elapsed(), trace.stages());
    state.metrics.count(&route, status, took.as_secs_f64(), &stages);
    let milliseconds = took.as_secs_f64() * 1_000.0;
    let name = id.to_str().unwrap_or_default();
    tracing::info!(
        target: "lexivec::request",
        id = name, %method, route, collection, status, milliseconds,
        caller = seen.caller(), tenant = seen.tenant(),
    );
    if took >= state.config().slow_query && trace.has_searched() {
        tracing::warn!(
            target: "lexivec::slow",
            id = name, route, collection, milliseconds,
            caller = seen.caller(), tenant = seen.tenant(),
            stages = %milliseconds_of(&stages), plan = %trace.plans(), body = trace.body(),
        );
    }
    if let Some(observe) = &state.config().observer {
        observe(&Answered {
            id: name,
            method: method.as_str(),
            route: &route,
            collection: &collection,
            status,
            began,
            took,
            stages: &stages,
            traceparent: parent.as_ref().and_then(|parent| parent.to_str().ok()),
        });
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// An answer with the headers of the one in whose place it comes.
fn in_place_of(before: &Response, mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in before.headers() {
        if *name != header::CONTENT_LENGTH && !headers.contains_key(name) {
            headers.insert(name, value.clone());
        }
    }
    response
}

/// The id that the client gave, if it is short and plain, or a new one.
fn id_of(headers: &HeaderMap) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    let given = headers.get(REQUEST_ID).filter(|value| {
        let bytes = value.as_bytes();
        !bytes.is_empty() && bytes.len() <= MAX_REQUEST_ID_BYTES && bytes.iter().all(plain)
    });
    let new = || HeaderValue::from_str(&Uuid::new_v4().simple().to_string());
    given.cloned().or_else(|| new().ok()).unwrap_or(HeaderValue::from_static("none"))
}

/// The collection that a path names, as it is written there.
pub(super) fn collection_of<'p>(route: &str, path: &'p str) -> &'p str {
    let named = route.split('/').zip(path.split('/')).find(|(part, _)| *part == "{collection}");
    named.map(|(_, name)| name).unwrap_or_default()
}

/// The answer, and in place of a refusal of the framework, which is plain text, one in the form of the routes.
fn described(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let described =
        kind.is_some_and(|k| k == "application/problem+json" || k == "application/json");
    match status.is_client_error() && !described {
        false => response,
        true => {
            // As of a path that is not UTF-8.
            let detail = "the request's path or head cannot be read";
            Problem::new(status, "invalid_request", "The request is not valid", detail)
                .into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_if_it_is_short_and_plain() {
        let long = "x".repeat(MAX_REQUEST_ID_BYTES + 1);
        for (given, kept) in [
            ("abc-1.2:3/4+5=_", true),
            (&long[1..], true),
            (long.as_str(), false),
            ("", false),
            ("a b", false),
            ("a\tb", false),
            ("\u{e9}", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(given.as_bytes()).expect("a value"));
            let id = id_of(&headers);
            assert_eq!(id.as_bytes() == given.as_bytes(), kept, "{given:?}");
            assert!(kept || id.len() == 32, "{given:?} is replaced by a new one");
        }
    }

    #[test]
    fn the_collection_is_that_of_the_path() {
        let one = "/v1/collections/{collection}";
        let below = "/v1/collections/{collection}/documents/{id}";
        for (route, path, collection) in [
            (one, "/v1/collections/papers", "papers"),
            (below, "/v1/collections/papers/documents/secret", "papers"),
            ("/collections/{collection}/points/{id}", "/collections/papers/points/7", "papers"),
            ("/v1/collections", "/v1/collections", ""),
            ("none", "/v1/collections/papers/nothing", ""),
            ("/v1/models", "/v1/models", ""),
        ] {
            assert_eq!(collection_of(route, path), collection, "{path}");
        }
    }
}
