//! Other names of collections. A collection keeps them, a row for each, so that they are as durable as any write.

use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use lexivec::{Document, Filter, WriteOptions, field};
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::names;
use crate::error::{ApiResult, Problem};
use crate::scoped::Scoped;
use crate::state::State;

/// The key of a row's payload that names the collection.
const TARGET: &str = "collection";
/// Most aliases of a server: they are listed in one answer.
const MAX_ALIASES: usize = 10_000;

/// Body of a change of aliases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeJson {
    actions: Vec<Action>,
}

#[derive(Deserialize)]
enum Action {
    #[serde(rename = "create_alias")]
    Create(CreateJson),
    #[serde(rename = "delete_alias")]
    Delete(DeleteJson),
    #[serde(rename = "rename_alias")]
    Rename(RenameJson),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateJson {
    collection_name: String,
    alias_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteJson {
    alias_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenameJson {
    old_alias_name: String,
    new_alias_name: String,
}

/// The collection that an alias names; `None` if there is no such alias.
pub(super) fn target(state: &State, alias: &str) -> ApiResult<Option<String>> {
    let Some(registry) = state.collections.aliases() else { return Ok(None) };
    let row = registry.searcher()?.get(alias)?;
    Ok(row.and_then(|row| row.payload.get(TARGET)?.as_str().map(str::to_owned)))
}

/// Removes the aliases of a collection that was dropped.
pub(super) fn forget(state: &State, collection: &str) -> ApiResult<()> {
    if let Some(registry) = state.collections.aliases() {
        registry.writer(WriteOptions::new()).delete_where(&field(TARGET).is(collection))?;
    }
    Ok(())
}

/// The aliases of collections that the caller reaches, in order.
fn aliases_of(state: &State, reached: &[Scoped]) -> ApiResult<Value> {
    let rows = match state.collections.aliases() {
        Some(registry) => registry.searcher()?.scroll(&Filter::All, None, MAX_ALIASES)?.documents,
        None => Vec::new(),
    };
    let shown = |row: Document| {
        let stored = row.payload.get(TARGET)?.as_str()?;
        let reached = reached.iter().any(|collection| collection.schema().name == stored);
        let name = names::collection_of(stored);
        reached.then(|| json!({ "alias_name": row.id, "collection_name": name }))
    };
    Ok(json!({ "aliases": rows.into_iter().filter_map(shown).collect::<Vec<_>>() }))
}

pub(super) async fn list(call: Call) -> ApiResult<Response> {
    let (state, caller) = (call.state.clone(), call.caller.clone());
    call.describe(move || aliases_of(&state, &state.collections.list(&caller))).await
}

pub(super) async fn of_collection(call: Call, Path(name): Path<String>) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let state = call.state.clone();
    call.describe(move || aliases_of(&state, &[collection])).await
}

/// Makes all changes, one after the other.
pub(super) async fn change(call: Call, body: Body) -> ApiResult<Response> {
    let asked: ChangeJson = call.body(body).await?;
    let (state, caller) = (call.state.clone(), call.caller.clone());
    let work = move || {
        // Aliases are found by every caller, so that only one that holds a collection whole may give it another name.
        let own = |alias: &str| -> ApiResult<Option<String>> {
            let target = target(&state, alias)?;
            if let Some(target) = &target {
                state.collections.whole(&caller, target)?;
            }
            Ok(target)
        };
        let set = |alias: &str, collection: &str| -> ApiResult<()> {
            state.collections.whole(&caller, collection)?;
            if !caller.scope.collections.contains(&names::collection(alias)) {
                let detail = format!("alias_name: {alias:?} is outside the names of the key");
                return Err(Problem::forbidden(detail));
            }
            if state.collections.get(&caller, &names::collection(alias)).is_ok() {
                let detail = format!("alias_name: there is a collection {alias:?}");
                return Err(Problem::bad_request(detail));
            }
            own(alias)?;
            let registry = state.collections.make_aliases()?;
            if registry.searcher()?.count(&Filter::All)? >= MAX_ALIASES as u64 {
                return Err(Problem::bad_request(format!(
                    "there are {MAX_ALIASES} aliases already"
                )));
            }
            registry.upsert(Document::new(alias).payload(TARGET, collection))?;
            Ok(())
        };
        let remove = |alias: &str| -> ApiResult<()> {
            own(alias)?;
            match state.collections.aliases() {
                Some(registry) => Ok(registry.delete(&[alias]).map(drop)?),
                None => Ok(()),
            }
        };
        for action in asked.actions {
            match action {
                Action::Create(CreateJson { collection_name, alias_name }) => {
                    set(&alias_name, &names::collection(&collection_name))?;
                }
                Action::Delete(DeleteJson { alias_name }) => remove(&alias_name)?,
                Action::Rename(RenameJson { old_alias_name, new_alias_name }) => {
                    let target = own(&old_alias_name)?.ok_or_else(|| no_alias(&old_alias_name))?;
                    set(&new_alias_name, &target)?;
                    remove(&old_alias_name)?;
                }
            }
        }
        Ok(true)
    };
    call.write(crate::scoped::ALIASES, work).await
}

fn no_alias(alias: &str) -> Problem {
    let detail = format!("Not found: there is no alias {alias:?}");
    Problem::new(StatusCode::NOT_FOUND, "alias_not_found", "No such alias", detail)
}
