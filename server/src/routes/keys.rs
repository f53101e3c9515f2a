//! Keys: made, listed, rotated and revoked by administrators within their own scope.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use lexivec_access::{Access, KeyInfo, NewKey, Principal, Role, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::App;
use super::body::read_json;
use super::gate::{Act, Caller};
use crate::admission::now_in_seconds;
use crate::error::{ApiResult, Problem};
use crate::limits::DEFAULT_KEY_OVERLAP;
use crate::state::blocking;

/// Body of a request for a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKeyJson {
    name: String,
    role: Role,
    /// Its scope; that of the caller if it is left out.
    scope: Option<Scope>,
    /// RFC 3339.
    expires: Option<String>,
}

/// Body of a request for the key in place of another.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateJson {
    /// Time for which the other key is accepted as well.
    overlap_seconds: Option<u64>,
}

/// A new key. Its text is shown once.
#[derive(Serialize)]
struct MadeKey {
    key: String,
    #[serde(flatten)]
    info: KeyInfo,
}

pub(super) async fn list(Shared(state): App, Caller(caller): Caller) -> ApiResult<Json<Value>> {
    let list = move || {
        let Some(access) = state.admission.access() else { return Ok(Vec::new()) };
        state.admission.write_last_uses();
        let mut keys = access.keys.store().list(now_in_seconds())?;
        keys.retain(|key| governs(&caller, key));
        Ok(keys)
    };
    Ok(Json(json!({ "keys": blocking(list).await? })))
}

pub(super) async fn create(
    Shared(state): App,
    Caller(caller): Caller,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let asked: NewKeyJson = read_json(&state, &headers, body).await?;
    let create = move || {
        let scope = asked.scope.unwrap_or_else(|| caller.scope.clone());
        if asked.role > caller.role || !caller.scope.includes(&scope) {
            return Err(Problem::forbidden(
                "a key may have the role of the key that makes it or a lower one, its collections or some of them, its \
                 tenant and its rows",
            ));
        }
        let expires = asked.expires.as_deref().map(seconds_of).transpose()?;
        let new = NewKey { name: asked.name, role: asked.role, scope, expires };
        // The first key is made while none is asked for.
        let access = state.admission.begin()?;
        let (secret, info) = access.keys.store().create(new, now_in_seconds()).map_err(unnamed)?;
        take_up(&access)?;
        Ok((secret.reveal(), info))
    };
    let (key, info) = blocking(create).await?;
    Ok(made("key.create", key, info))
}

pub(super) async fn rotate(
    Shared(state): App,
    Caller(caller): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let asked: RotateJson = read_json(&state, &headers, body).await?;
    let overlap = asked.overlap_seconds.map_or(DEFAULT_KEY_OVERLAP, Duration::from_secs);
    let rotate = move || {
        let access = governed(&state, &caller, &id)?;
        let (secret, info) = access.keys.store().rotate(&id, overlap, now_in_seconds())?;
        take_up(&access)?;
        Ok((secret.reveal(), info))
    };
    let (key, info) = blocking(rotate).await?;
    Ok(made("key.rotate", key, info))
}

pub(super) async fn revoke(
    Shared(state): App,
    Caller(caller): Caller,
    Path(id): Path<String>,
) -> ApiResult<Response> {
    let revoke = move || {
        let access = governed(&state, &caller, &id)?;
        let info = access.keys.store().revoke(&id, now_in_seconds())?;
        take_up(&access)?;
        Ok(info)
    };
    let info = blocking(revoke).await?;
    Ok(acted("key.revoke", &info.id.clone(), Json(info).into_response()))
}

/// The answer with a new key.
fn made(action: &'static str, key: String, info: KeyInfo) -> Response {
    let id = info.id.clone();
    acted(action, &id, (StatusCode::CREATED, Json(MadeKey { key, info })).into_response())
}

/// An answer with its act for the audit log.
fn acted(action: &'static str, id: &str, mut response: Response) -> Response {
    response.extensions_mut().insert(Act { action, kind: "key", target: id.to_owned() });
    response
}

/// True for a key that the caller may list, rotate and revoke.
fn governs(caller: &Principal, key: &KeyInfo) -> bool {
    key.role <= caller.role && caller.scope.includes(&key.scope)
}

/// The access, if the caller governs the key; a key of others is missed like one that does not exist.
fn governed(
    state: &crate::state::State,
    caller: &Principal,
    id: &str,
) -> ApiResult<std::sync::Arc<Access>> {
    let missing = || lexivec_access::Error::NoKey { id: id.to_owned() };
    let access = state.admission.access().ok_or_else(missing)?;
    let key = access.keys.store().get(id, now_in_seconds())?;
    if !governs(caller, &key) {
        return Err(missing().into());
    }
    Ok(access)
}

/// Lets the change of a key count at once.
fn take_up(access: &Access) -> ApiResult<()> {
    access.keys.reload_if_changed()?;
    Ok(())
}

/// The error of a name that is taken, without the id of the key that has it, which may be of others.
fn unnamed(error: lexivec_access::Error) -> Problem {
    match error {
        lexivec_access::Error::NameTaken { name, .. } => Problem::new(
            StatusCode::CONFLICT,
            "conflict",
            "Conflict",
            format!("a key has the name {name:?}; choose another name"),
        ),
        other => other.into(),
    }
}

fn seconds_of(text: &str) -> ApiResult<u64> {
    lexivec_access::unix_seconds(text).ok_or_else(|| {
        Problem::bad_request(format!(
            "expires: {text:?} is no time; write one as 2027-01-31T12:00:00Z"
        ))
    })
}
