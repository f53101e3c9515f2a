//! A call of a route in Qdrant's shape: its caller, its parameters, and the collection that a name or an alias means.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use lexivec_access::Principal;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::Envelope;
use super::names;
use crate::error::{ApiResult, Problem};
use crate::routes::body::read_json;
use crate::routes::gate::Caller;
use crate::scoped::Scoped;
use crate::state::{State, Turn, blocking};

/// Query parameters that are taken: a write is always waited for, and there is one copy of every point.
const PARAMETERS: [&str; 4] = ["wait", "ordering", "consistency", "timeout"];

/// A call.
pub(super) struct Call {
    pub(super) state: Arc<State>,
    pub(super) caller: Arc<Principal>,
    pub(super) since: Instant,
    headers: HeaderMap,
}

impl FromRequestParts<Arc<State>> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> ApiResult<Self> {
        let names =
            parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let mut names = names.map(|pair| pair.split('=').next().unwrap_or_default());
        if let Some(unknown) = names.find(|name| !PARAMETERS.contains(name)) {
            let detail = format!(
                "the parameter {unknown:?} is not supported; there are {}",
                PARAMETERS.join(", ")
            );
            return Err(Problem::bad_request(detail));
        }
        let since = Instant::now();
        let Caller(caller) =
            <Caller as FromRequestParts<Arc<State>>>::from_request_parts(parts, state).await?;
        Ok(Self { state: state.clone(), caller, since, headers: parts.headers.clone() })
    }
}

impl Call {
    /// The collection that a name, or an alias, means.
    pub(super) async fn collection(&self, name: &str) -> ApiResult<Scoped> {
        let stored = names::collection(name);
        match self.state.collections.get(&self.caller, &stored) {
            Err(problem) if problem.status == StatusCode::NOT_FOUND => {
                let (state, caller, alias) =
                    (self.state.clone(), self.caller.clone(), name.to_owned());
                let find = move || match super::aliases::target(&state, &alias)? {
                    Some(target) => state.collections.get(&caller, &target),
                    None => Err(problem),
                };
                blocking(find).await.map_err(|problem| named(problem, name))
            }
            found => found,
        }
    }

    /// The body.
    pub(super) async fn body<T: DeserializeOwned + Send + 'static>(
        &self,
        body: Body,
    ) -> ApiResult<T> {
        read_json(&self.state, &self.headers, body).await
    }

    /// Answers with up to `rows` points, in an envelope.
    pub(super) async fn find<T: Serialize + 'static>(
        &self,
        collection: &str,
        rows: usize,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        let since = self.since;
        self.state
            .find(Turn::of(&self.caller, collection), rows, move || {
                Ok(Envelope::new(since, work()?))
            })
            .await
    }

    /// Answers with what many queries find, in an envelope.
    pub(super) async fn batch<T: Serialize + 'static>(
        &self,
        collection: &str,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        let since = self.since;
        self.state
            .batch(Turn::of(&self.caller, collection), move || Ok(Envelope::new(since, work()?)))
            .await
    }

    /// Answers with facts, in an envelope.
    pub(super) async fn describe<T: Serialize + 'static>(
        &self,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        let since = self.since;
        self.state.describe(move || Ok(Envelope::new(since, work()?))).await
    }

    /// Answers with the outcome of a write, in an envelope.
    pub(super) async fn write<T: Serialize + Send + 'static>(
        &self,
        collection: &str,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        let written = self.state.write(Turn::of(&self.caller, collection), work).await?;
        Ok(Json(Envelope::new(self.since, written)).into_response())
    }
}

/// The problem of a collection that is not there, under the name that the caller gave it.
fn named(problem: Problem, name: &str) -> Problem {
    match problem.status {
        StatusCode::NOT_FOUND => {
            let detail = format!("Not found: there is no collection {name:?}");
            Problem { detail, ..problem }
        }
        _ => problem,
    }
}
