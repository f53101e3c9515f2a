//! Documents: written as JSON or line by line, changed, deleted, read one by one or page by page.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use lexivec::query::ids;
use lexivec::query::json::{from_value, parse as parse_json, without_mark};
use lexivec::{Document, DocumentFault, Durability, Error, Filter, Receipt, WriteOptions};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::App;
use super::body::{BodyKind, body_kind, read_body, read_json};
use super::gate::Caller;
use crate::answer;
use crate::error::{ApiResult, Problem};
use crate::limits::{MAX_DOCUMENTS, SEARCH_DEADLINE};
use crate::state::Turn;
use crate::wire::json;

/// One document, several, or several under a key.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a document, a list of documents or {\"documents\": [...]} is expected"
)]
enum Documents {
    List(Vec<Value>),
    One(Map<String, Value>),
}

/// Bytes of the receipt of one line, besides its id.
const RECEIPT_BYTES: usize = 128;

/// Query parameters of a write.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteQuery {
    /// The durability it is acknowledged with; that of the collection if it is left out.
    durability: Option<Durability>,
}

impl WriteQuery {
    fn options(&self) -> WriteOptions<'static> {
        let options = WriteOptions::new();
        self.durability.map_or(options, |durability| options.durability(durability))
    }
}

/// A list of ids.
#[derive(Deserialize)]
pub(super) struct Ids(#[serde(deserialize_with = "ids::list")] Vec<String>);

/// Body of a delete: ids, or a filter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteJson {
    ids: Option<Ids>,
    filter: Option<Filter>,
}

/// Body of a count.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountJson {
    filter: Option<Filter>,
}

/// Body of a scroll.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScrollJson {
    filter: Option<Filter>,
    #[serde(default, deserialize_with = "ids::optional")]
    after: Option<String>,
    #[serde(default = "page")]
    limit: usize,
}

fn page() -> usize {
    100
}

/// Deletes by ids or by filter, all of them in one write.
pub(super) async fn delete(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    Query(query): Query<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Receipt>> {
    let collection = state.collections.get(&caller, &name)?;
    let asked: DeleteJson = read_json(&state, &headers, body).await?;
    let work = move || match (asked.ids, asked.filter) {
        (Some(Ids(ids)), None) => Ok(collection.writer(query.options()).delete(&ids)?),
        (None, Some(filter)) => Ok(collection.writer(query.options()).delete_where(&filter)?),
        _ => {
            Err(Problem::bad_request("give either \"ids\" or \"filter\"; {} admits every document"))
        }
    };
    Ok(Json(state.write(Turn::of(&caller, &name), work).await?))
}

/// Changes the payload of a document (RFC 7396).
pub(super) async fn patch(
    Shared(state): App,
    Caller(caller): Caller,
    Path((name, id)): Path<(String, String)>,
    Query(query): Query<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Receipt>> {
    let collection = state.collections.get(&caller, &name)?;
    let changes: PatchJson = read_json(&state, &headers, body).await?;
    let work = move || {
        let patched = collection.writer(query.options()).patch(&id, &changes.payload)?;
        patched.ok_or_else(|| no_document(&id))
    };
    Ok(Json(state.write(Turn::of(&caller, &name), work).await?))
}

/// Body of a patch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchJson {
    payload: Map<String, Value>,
}

/// Counts the documents that a filter admits.
pub(super) async fn count(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let CountJson { filter } = read_json(&state, &headers, body).await?;
    let (filter, budget) = (filter.unwrap_or_default(), state.budget(SEARCH_DEADLINE));
    let count = move || {
        let count = collection.searcher(budget)?.count(&filter)?;
        Ok(serde_json::json!({ "count": count }))
    };
    state.search(Turn::of(&caller, &name), count).await
}

/// A page of documents by id.
pub(super) async fn scroll(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let ScrollJson { filter, after, limit } = read_json(&state, &headers, body).await?;
    let (filter, budget) = (filter.unwrap_or_default(), state.budget(SEARCH_DEADLINE));
    let page = move || Ok(collection.searcher(budget)?.scroll(&filter, after.as_deref(), limit)?);
    state.find(Turn::of(&caller, &name), limit, page).await
}

fn no_document(id: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "document_not_found",
        "No such document",
        format!("there is no document {id:?}"),
    )
}

/// Writes all documents of the body, or none.
pub(super) async fn write(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    Query(asked): Query<WriteQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let kind = body_kind(&headers)?;
    let held = read_body(&state, &headers, body).await?;
    let (memory, own, writer) = (state.memory.clone(), state.clone(), caller.clone());
    let work = move || {
        let _tree = held.tree(&memory)?;
        let numbered = match kind {
            BodyKind::Json => from_json(&held.bytes)?,
            BodyKind::Lines => from_lines(&held.bytes)?,
        };
        if numbered.len() > MAX_DOCUMENTS {
            return Err(Problem::bad_request(format!(
                "{} documents; the limit of one request is {MAX_DOCUMENTS}",
                numbered.len()
            )));
        }
        own.admission.take_rows(&writer, numbered.len())?;
        collection.check_rows(numbered.len())?;
        let (lines, documents): (Vec<usize>, Vec<Document>) = numbered.into_iter().unzip();
        let ids: Vec<String> = documents.iter().map(|d| d.id.clone()).collect();
        // Taken before the write, as nothing may refuse an answer to one that is done.
        let answered = match kind {
            BodyKind::Json => 0,
            BodyKind::Lines => receipt_bytes(&ids),
        };
        let share = answer::memory_for(&memory, answered)?;
        match collection.writer(asked.options()).upsert(documents) {
            Ok(receipt) if kind == BodyKind::Json => Ok(Json(receipt).into_response()),
            Ok(receipt) => {
                let text = receipts(&lines, &ids, receipt);
                Ok(answer::text(text, share, "application/x-ndjson"))
            }
            // A document is known to its sender by its line.
            Err(Error::Document { position, id, fault }) if kind == BodyKind::Lines => {
                let line = |index| lines.get(index).copied().unwrap_or_default();
                let fault = match fault {
                    DocumentFault::Duplicate { first } => {
                        format!("line {} has the same id", line(first))
                    }
                    fault => fault.to_string(),
                };
                Err(refused(&format!("line {} (id {id:?})", line(position)), &fault))
            }
            Err(error) => Err(error.into()),
        }
    };
    state.write(Turn::of(&caller, &name), work).await
}

/// A receipt for each line that was written.
fn receipts(lines: &[usize], ids: &[String], receipt: Receipt) -> String {
    let mut answer = String::new();
    for (line, id) in lines.iter().zip(ids) {
        let line = serde_json::json!({ "line": line, "id": id, "seq": receipt.seq, "durable": receipt.durable });
        answer.push_str(&line.to_string());
        answer.push('\n');
    }
    answer
}

/// Bytes of such receipts, at most: the signs of an id that JSON escapes take six bytes.
fn receipt_bytes(ids: &[String]) -> usize {
    ids.iter().map(|id| RECEIPT_BYTES + 6 * id.len()).sum()
}

fn refused(place: &str, fault: &str) -> Problem {
    Problem::bad_request(format!("{place}: {fault}; nothing was written"))
}

/// Documents of a JSON body, numbered from 0.
fn from_json(bytes: &[u8]) -> ApiResult<Vec<(usize, Document)>> {
    let values = match json::<Documents>(bytes)? {
        Documents::List(values) => values,
        Documents::One(mut map) => match map.remove("documents") {
            Some(Value::Array(values)) if map.is_empty() => values,
            Some(_) => {
                let detail = "\"documents\" is an array, without another key next to it";
                return Err(Problem::bad_request(detail));
            }
            None => vec![Value::Object(map)],
        },
    };
    let parse = |(index, value)| {
        from_value(value)
            .map(|document| (index, document))
            .map_err(|fault| refused(&format!("documents[{index}]"), &fault))
    };
    values.into_iter().enumerate().map(parse).collect()
}

/// Documents of a body of lines, numbered by their lines from 1.
fn from_lines(bytes: &[u8]) -> ApiResult<Vec<(usize, Document)>> {
    let bytes = without_mark(bytes);
    let parse = |(line, bytes): (usize, &[u8])| {
        parse_json(bytes)
            .map(|document| (line + 1, document))
            .map_err(|fault| refused(&format!("line {}", line + 1), &fault))
    };
    bytes
        .split(|&b| b == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(parse)
        .collect()
}

pub(super) async fn read(
    Shared(state): App,
    Caller(caller): Caller,
    Path((name, id)): Path<(String, String)>,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let budget = state.budget(SEARCH_DEADLINE);
    let read = move || collection.searcher(budget)?.get(&id)?.ok_or_else(|| no_document(&id));
    state.search(Turn::of(&caller, &name), read).await
}
