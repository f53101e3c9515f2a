//! Creating, describing, listing and dropping collections.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lexivec::{Schema, Stats};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::App;
use super::body::read_json;
use super::gate::Caller;
use super::health::add_faults;
use crate::error::ApiResult;
use crate::limits::SEARCH_DEADLINE;
use crate::scoped::Scoped;
use crate::state::blocking;
use crate::wire::CreateJson;

pub(super) async fn list(Shared(state): App, Caller(caller): Caller) -> ApiResult<Response> {
    let own = state.clone();
    let list = move || {
        let one = |collection: &Scoped| match collection.whole() {
            Some(whole) => {
                let s = whole.stats()?;
                Ok(json!({ "name": s.name, "documents": s.documents, "bytes": s.bytes }))
            }
            None => {
                let documents = collection.documents(own.budget(SEARCH_DEADLINE))?;
                Ok(json!({ "name": collection.schema().name, "documents": documents }))
            }
        };
        let collections =
            own.collections.list(&caller).iter().map(one).collect::<ApiResult<Vec<_>>>()?;
        let mut answer = json!({ "collections": collections });
        add_faults(&own, &caller, &mut answer);
        Ok(answer)
    };
    state.describe(list).await
}

/// The description of a collection: all facts, or for a caller that holds some rows the facts about those.
#[derive(Serialize)]
#[serde(untagged)]
enum Described {
    Whole(Box<Stats>),
    Rows { name: String, documents: u64, schema: Box<Schema> },
}

pub(super) async fn describe(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let budget = state.budget(SEARCH_DEADLINE);
    let described = move || match collection.whole() {
        Some(whole) => Ok(Described::Whole(Box::new(whole.stats()?))),
        None => {
            let schema = Box::new(collection.schema().clone());
            let documents = collection.documents(budget)?;
            Ok(Described::Rows { name: schema.name.clone(), documents, schema })
        }
    };
    state.describe(described).await
}

pub(super) async fn create(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<(StatusCode, Json<Stats>)> {
    let wanted = CreateJson::read(read_json(&state, &headers, body).await?)?;
    let options = wanted.into_options(state.config().embedder.as_ref())?;
    let create = move || Ok(state.collections.create(&caller, &name, options)?.stats()?);
    Ok((StatusCode::CREATED, Json(blocking(create).await?)))
}

/// Query parameters of a drop.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DropQuery {
    /// True if its snapshots may go with it.
    #[serde(default)]
    snapshots: bool,
}

pub(super) async fn delete(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    Query(query): Query<DropQuery>,
) -> ApiResult<StatusCode> {
    let remove = move || {
        let dropped = state.collections.remove(&caller, &name, query.snapshots)?;
        state.cursors.close(&dropped);
        Ok(())
    };
    blocking(remove).await?;
    Ok(StatusCode::NO_CONTENT)
}
