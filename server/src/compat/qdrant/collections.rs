//! Collections created, described, listed and dropped.

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::answer::{Envelope, Updated};
use super::call::Call;
use super::settings::{self, CreateJson};
use super::{aliases, names};
use crate::error::{ApiResult, Problem};
use crate::limits::SEARCH_DEADLINE;
use crate::state::blocking;

/// Body of a change of a collection: settings that change no answer here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateJson {
    #[serde(rename = "optimizers_config")]
    _optimizers_config: Option<IgnoredAny>,
    #[serde(rename = "params")]
    _params: Option<IgnoredAny>,
    #[serde(rename = "hnsw_config")]
    _hnsw_config: Option<IgnoredAny>,
    #[serde(rename = "quantization_config")]
    _quantization_config: Option<IgnoredAny>,
    #[serde(rename = "vectors")]
    _vectors: Option<IgnoredAny>,
}

/// Body of the creation of an index. Every key of a payload has one already.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexJson {
    #[serde(rename = "field_name")]
    _field_name: String,
    field_schema: Option<Value>,
}

/// Indexes that answer as lexivec's columns do. A full text index would give `match.text` another meaning, and there is
/// no geography.
const INDEXES: [&str; 6] = ["keyword", "integer", "float", "bool", "datetime", "uuid"];

pub(super) async fn list(call: Call) -> ApiResult<Response> {
    let (state, caller) = (call.state.clone(), call.caller.clone());
    let list = move || {
        let names = state.collections.list(&caller);
        let names = names.iter().map(|collection| collection.schema().name.as_str());
        let shown = names.filter(|name| *name != crate::scoped::ALIASES);
        let list = shown.map(|name| json!({ "name": names::collection_of(name) }));
        Ok(json!({ "collections": list.collect::<Vec<_>>() }))
    };
    call.describe(list).await
}

pub(super) async fn describe(call: Call, Path(name): Path<String>) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let budget = call.state.budget(SEARCH_DEADLINE);
    let describe = move || {
        let segments = collection.whole().map(|whole| whole.stats()).transpose()?;
        let segments = segments.map_or(1, |stats| stats.segments.len());
        let points = collection.documents(budget)?;
        Ok(settings::describe(collection.schema(), points, segments))
    };
    call.describe(describe).await
}

pub(super) async fn exists(call: Call, Path(name): Path<String>) -> ApiResult<Response> {
    let exists = match call.collection(&name).await {
        Ok(_) => true,
        Err(problem) if problem.status == StatusCode::NOT_FOUND => false,
        Err(problem) => return Err(problem),
    };
    call.describe(move || Ok(json!({ "exists": exists }))).await
}

pub(super) async fn create(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let options = call.body::<CreateJson>(body).await?.read()?;
    let (state, caller) = (call.state.clone(), call.caller.clone());
    let create = move || {
        if aliases::target(&state, &name)?.is_some() {
            let detail = format!("{name:?} is an alias");
            let status = StatusCode::CONFLICT;
            return Err(Problem::new(status, "alias_exists", "The alias exists", detail));
        }
        state.collections.create(&caller, &names::collection(&name), options)?;
        Ok(true)
    };
    call.describe(create).await
}

/// Takes a change of settings, none of which changes an answer.
pub(super) async fn update(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    call.collection(&name).await?;
    let UpdateJson { .. } = call.body(body).await?;
    call.describe(|| Ok(true)).await
}

pub(super) async fn delete(call: Call, Path(name): Path<String>) -> ApiResult<Response> {
    let (state, caller, since) = (call.state.clone(), call.caller.clone(), call.since);
    let remove = move || {
        let stored = names::collection(&name);
        match state.collections.remove(&caller, &stored, false) {
            Ok(dropped) => {
                state.cursors.close(&dropped);
                aliases::forget(&state, &stored)?;
                Ok(true)
            }
            Err(problem) if problem.status == StatusCode::NOT_FOUND => Ok(false),
            Err(problem) => Err(problem),
        }
    };
    Ok(Json(Envelope::new(since, blocking(remove).await?)).into_response())
}

pub(super) async fn index(call: Call, Path(name): Path<String>, body: Body) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked: IndexJson = call.body(body).await?;
    let kind = match &asked.field_schema {
        None | Some(Value::Null) => None,
        Some(Value::Object(map)) => Some(map.get("type").cloned().unwrap_or_default()),
        Some(kind) => Some(kind.clone()),
    };
    if let Some(kind) = kind
        && !INDEXES.iter().any(|known| kind == *known)
    {
        let detail =
            format!("field_schema: {kind} is not supported; there are {}", INDEXES.join(", "));
        return Err(Problem::bad_request(detail));
    }
    let budget = call.state.budget(SEARCH_DEADLINE);
    call.describe(move || Ok(Updated::at(collection.searcher(budget)?.seq()))).await
}

pub(super) async fn no_index(
    call: Call,
    Path((name, _)): Path<(String, String)>,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let budget = call.state.budget(SEARCH_DEADLINE);
    call.describe(move || Ok(Updated::at(collection.searcher(budget)?.seq()))).await
}
