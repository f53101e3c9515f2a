//! The gate: every request passes it, with the caller that its key names, before its route; a route gets the caller from
//! here and reaches collections by it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use axum::extract::{
    FromRequestParts, MatchedPath, OptionalFromRequestParts, Request, State as Shared,
};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lexivec_access::{Principal, Verb};

use super::App;
use super::table::routes;
use crate::error::{ApiResult, Problem};

/// The caller of a request. A route that was reached around the gate has none, and answers 500.
pub(super) struct Caller(pub(super) Arc<Principal>);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let caller = parts.extensions.get::<Arc<Principal>>().cloned();
        caller.map(Self).ok_or_else(|| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The request failed",
                "the request did not pass the gate",
            )
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Option<Self>> {
        Ok(parts.extensions.get::<Arc<Principal>>().cloned().map(Self))
    }
}

/// The verbs of the routes, by path and method.
static VERBS: LazyLock<HashMap<(&str, Method), Verb>> = LazyLock::new(|| {
    let of_route = |route: super::Route| {
        let path = route.path;
        let methods = route.methods.into_iter();
        methods.filter_map(move |(method, verb)| {
            Some(((path, Method::from_bytes(method.as_bytes()).ok()?), verb))
        })
    };
    routes().into_iter().flat_map(of_route).collect()
});

/// The verb of a request; `None` if no route takes it.
fn verb_of(request: &Request) -> Option<Verb> {
    let path = request.extensions().get::<MatchedPath>()?;
    // A route of GET answers HEAD as well.
    let method = match *request.method() {
        Method::HEAD => Method::GET,
        ref method => method.clone(),
    };
    VERBS.get(&(path.as_str(), method)).copied()
}

/// Finds the caller, and refuses what it may not do.
pub(super) async fn pass(Shared(state): App, mut request: Request, next: Next) -> Response {
    let caller = Arc::new(Principal::anyone());
    let allowed = verb_of(&request).map_or(Ok(()), |verb| caller.may(verb));
    if let Err(refused) = allowed {
        return Problem::from(refused).into_response();
    }
    let _ = state;
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The caller as the record of a request names it.
#[derive(Clone, Default)]
pub(super) struct Seen(Option<Arc<Principal>>);

impl Seen {
    /// The id of its key; empty without one.
    pub(super) fn caller(&self) -> &str {
        self.0.as_ref().map_or("", |caller| &caller.id)
    }

    /// Its tenant; empty without one.
    pub(super) fn tenant(&self) -> &str {
        self.0.as_ref().and_then(|caller| caller.scope.tenant.as_deref()).unwrap_or_default()
    }
}
