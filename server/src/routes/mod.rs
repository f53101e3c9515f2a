//! The route table, and what every request passes through before and after its route.

mod adapters;
mod body;
mod collections;
mod documents;
mod evaluation;
mod gate;
mod head;
mod health;
mod maintenance;
mod models;
mod profiles;
mod search;
mod suggest;
mod synonyms;
mod table;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State as Shared};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::error::Problem;
use crate::state::State;

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
        .layer(from_fn_with_state(state.clone(), gate::pass))
        .layer(from_fn_with_state(state.clone(), head::check))
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
    let taken: Vec<_> = taken.flat_map(|route| route.methods).map(|(method, _)| method).collect();
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
    if let Some(problem) = problem.and_then(|p| p.without(state.collections.directory())) {
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
