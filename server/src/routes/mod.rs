//! The route table, and what every request passes through before and after its route.

mod adapters;
mod audit;
pub(crate) mod body;
mod collections;
mod documents;
mod evaluation;
pub(crate) mod gate;
mod head;
mod health;
mod keys;
mod maintenance;
mod mcp;
mod models;
mod page;
mod profiles;
mod record;
mod search;
mod suggest;
mod synonyms;
pub(crate) mod table;

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, State as Shared};
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;

use crate::error::Problem;
use crate::state::State;

use table::{COLLECTION, table};
pub use table::{Route, routes};

type App = Shared<Arc<State>>;

/// All routes, with what every request passes through.
pub(crate) fn router(state: Arc<State>) -> Router {
    let routes = table().into_iter();
    routes
        .fold(Router::new(), |router, row| router.route(row.route.path, row.handlers))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(state.clone(), gate::pass))
        .layer(from_fn_with_state(state.clone(), head::check))
        .layer(from_fn_with_state(state.clone(), record::record))
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
