//! Changes of points: keys of their payloads and their vectors, one change or a batch of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use lexivec::{Document, Filter, WriteOptions};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::Updated;
use super::call::Call;
use super::ids::PointId;
use super::rank::no_point;
use super::wire::{Points, PointsJson, UpsertJson, VectorsJson, points, vectors as read_vectors};
use super::{names, points as whole};
use crate::error::{ApiResult, Problem};
use crate::limits::{MAX_DOCUMENTS, SEARCH_DEADLINE};
use crate::scoped::Scoped;
use crate::state::State;
use crate::wire::within;

/// Points that one write of a change by a filter is for; a change of more is several writes.
const CHANGED_AT_ONCE: usize = 1_000;

/// Keys that a payload gets, or the whole payload.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetJson {
    payload: Map<String, Value>,
    points: Option<Vec<PointId>>,
    filter: Option<Value>,
    /// The path of the object that gets the keys.
    key: Option<String>,
}

/// Keys that a payload loses.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnsetJson {
    keys: Vec<String>,
    points: Option<Vec<PointId>>,
    filter: Option<Value>,
}

/// Vectors that points get.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VectorsOfJson {
    points: Vec<PointVectorsJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PointVectorsJson {
    id: PointId,
    vector: VectorsJson,
}

/// Vectors that points lose.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoVectorsJson {
    points: Option<Vec<PointId>>,
    filter: Option<Value>,
    vector: Vec<String>,
}

/// A change of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Operation {
    Upsert(UpsertJson),
    Delete(PointsJson),
    SetPayload(SetJson),
    OverwritePayload(SetJson),
    DeletePayload(UnsetJson),
    ClearPayload(PointsJson),
    UpdateVectors(VectorsOfJson),
    DeleteVectors(NoVectorsJson),
}

/// Body of a batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchJson {
    operations: Vec<Operation>,
}

pub(super) async fn set(call: Call, Path(name): Path<String>, body: Body) -> ApiResult<Response> {
    let asked = call.body(body).await?;
    change(call, name, Operation::SetPayload(asked)).await
}

pub(super) async fn overwrite(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let asked = call.body(body).await?;
    change(call, name, Operation::OverwritePayload(asked)).await
}

pub(super) async fn delete(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let asked = call.body(body).await?;
    change(call, name, Operation::DeletePayload(asked)).await
}

pub(super) async fn clear(call: Call, Path(name): Path<String>, body: Body) -> ApiResult<Response> {
    let asked = call.body(body).await?;
    change(call, name, Operation::ClearPayload(asked)).await
}

pub(super) async fn vectors(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let asked = call.body(body).await?;
    change(call, name, Operation::UpdateVectors(asked)).await
}

pub(super) async fn no_vectors(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let asked = call.body(body).await?;
    change(call, name, Operation::DeleteVectors(asked)).await
}

async fn change(call: Call, name: String, operation: Operation) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let (state, name) = (call.state.clone(), collection.schema().name.clone());
    call.write(&name, move || apply(&state, &collection, operation)).await
}

pub(super) async fn batch(call: Call, Path(name): Path<String>, body: Body) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked: BatchJson = call.body(body).await?;
    let (state, name) = (call.state.clone(), collection.schema().name.clone());
    let work = move || {
        let operations = asked.operations.into_iter();
        operations.map(|one| apply(&state, &collection, one)).collect::<ApiResult<Vec<_>>>()
    };
    call.write(&name, work).await
}

fn apply(state: &Arc<State>, collection: &Scoped, operation: Operation) -> ApiResult<Updated> {
    match operation {
        Operation::Upsert(asked) => whole::write(collection, asked),
        Operation::Delete(asked) => whole::remove(collection, asked.read()?),
        Operation::SetPayload(asked) => {
            let path = asked.key.as_deref().map(keys).transpose()?.unwrap_or_default();
            let changes = asked.payload;
            let points = points(asked.points, asked.filter.as_ref())?;
            each(state, collection, points, |row| add(&mut row.payload, &path, &changes))
        }
        Operation::OverwritePayload(asked) => {
            if asked.key.is_some() {
                return Err(Problem::bad_request("key: it is for keys that are added"));
            }
            let payload = asked.payload;
            let points = points(asked.points, asked.filter.as_ref())?;
            each(state, collection, points, |row| row.payload.clone_from(&payload))
        }
        Operation::DeletePayload(asked) => {
            let paths = asked.keys.iter().map(|key| keys(key)).collect::<ApiResult<Vec<_>>>()?;
            let points = points(asked.points, asked.filter.as_ref())?;
            let remove = |row: &mut Document| {
                paths.iter().for_each(|path| take(&mut row.payload, path));
            };
            each(state, collection, points, remove)
        }
        Operation::ClearPayload(asked) => {
            each(state, collection, asked.read()?, |row| row.payload.clear())
        }
        Operation::UpdateVectors(asked) => {
            let mut given: HashMap<String, BTreeMap<String, Vec<f32>>> = HashMap::new();
            for point in asked.points {
                let vectors = read_vectors(collection.schema(), point.vector)?;
                given.entry(point.id.0).or_default().extend(vectors);
            }
            let points = Points::Ids(given.keys().cloned().collect());
            each(state, collection, points, |row| {
                if let Some(vectors) = given.get(&row.id) {
                    row.vectors.extend(vectors.clone());
                }
            })
        }
        Operation::DeleteVectors(asked) => {
            let fields: Vec<String> = asked.vector.iter().map(|name| names::field(name)).collect();
            let points = points(asked.points, asked.filter.as_ref())?;
            each(state, collection, points, |row| {
                row.vectors.retain(|field, _| !fields.contains(field));
            })
        }
    }
}

/// Changes points. Those of a filter are changed by the page, and each page in one write.
fn each(
    state: &Arc<State>,
    collection: &Scoped,
    points: Points,
    change: impl Fn(&mut Document),
) -> ApiResult<Updated> {
    let writer = collection.writer(WriteOptions::new());
    match points {
        Points::Ids(mut ids) => {
            ids.sort_unstable();
            ids.dedup();
            within("points", ids.len(), MAX_DOCUMENTS)?;
            let receipt = writer.update(&ids, &change)?;
            if receipt.written < ids.len() {
                // Those that are there are changed.
                let view = collection.searcher(state.budget(SEARCH_DEADLINE))?;
                for id in &ids {
                    if view.count(&Filter::ids([id]))? == 0 {
                        return Err(no_point(id));
                    }
                }
            }
            Ok(Updated::at(receipt.seq))
        }
        Points::Where(filter) => {
            let mut after: Option<String> = None;
            let mut seq = writer.update::<&str>(&[], &change)?.seq;
            loop {
                let view = collection.searcher(state.budget(SEARCH_DEADLINE))?;
                let page = view.scroll(&filter, after.as_deref(), CHANGED_AT_ONCE)?;
                let ids: Vec<String> = page.documents.into_iter().map(|row| row.id).collect();
                seq = seq.max(writer.update(&ids, &change)?.seq);
                match page.next {
                    Some(next) => after = Some(next),
                    None => return Ok(Updated::at(seq)),
                }
            }
        }
    }
}

/// The keys of a path that leads through objects.
fn keys(path: &str) -> ApiResult<Vec<String>> {
    let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
    match keys.iter().any(|key| key.is_empty() || key.contains(['[', ']', '"'])) {
        true => {
            let detail = format!("key: {path:?} is not supported; a path through objects is");
            Err(Problem::bad_request(detail))
        }
        false => Ok(keys),
    }
}

/// Adds keys to the object at a path, which is made if it is not there.
fn add(payload: &mut Map<String, Value>, path: &[String], changes: &Map<String, Value>) {
    let Some((key, rest)) = path.split_first() else {
        payload.extend(changes.clone());
        return;
    };
    let below = payload.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
    if !below.is_object() {
        *below = Value::Object(Map::new());
    }
    if let Value::Object(map) = below {
        add(map, rest, changes);
    }
}

/// Removes the member at a path.
fn take(payload: &mut Map<String, Value>, path: &[String]) {
    match path {
        [] => {}
        [key] => {
            payload.remove(key);
        }
        [key, rest @ ..] => {
            if let Some(Value::Object(map)) = payload.get_mut(key) {
                take(map, rest);
            }
        }
    }
}
