//! Writing documents, as JSON or line by line, and reading one.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lexivec::{Document, Error};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{App, BodyKind, body_kind, read_body};
use crate::error::{Answer, Problem};
use crate::limits::MAX_DOCUMENTS;
use crate::state::blocking;

/// One document, several, or several under a key.
#[derive(Deserialize)]
#[serde(untagged)]
enum Documents {
    List(Vec<Value>),
    One(Map<String, Value>),
}

/// Writes all documents of the body, or none.
pub(super) async fn write(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let collection = state.collection(&name)?;
    let kind = body_kind(&headers)?;
    let held = read_body(&state, &headers, body).await?;
    let work = move || {
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
        let (lines, documents): (Vec<usize>, Vec<Document>) = numbered.into_iter().unzip();
        let ids: Vec<String> = documents.iter().map(|d| d.id.clone()).collect();
        match collection.upsert(documents) {
            Ok(receipt) => Ok((lines, ids, receipt)),
            // A document is known to its sender by its line.
            Err(Error::Document { position, id, detail }) if kind == BodyKind::Lines => {
                let line = lines.get(position).copied().unwrap_or_default();
                let detail = format!("line {line} (id {id:?}): {detail}; nothing was written");
                Err(Problem::bad_request(detail))
            }
            Err(error) => Err(error.into()),
        }
    };
    let (lines, ids, receipt) = state.write(work).await?;
    if kind == BodyKind::Json {
        return Ok(Json(receipt).into_response());
    }
    let mut answer = String::new();
    for (line, id) in lines.iter().zip(ids) {
        let told = json!({ "line": line, "id": id, "generation": receipt.generation });
        answer.push_str(&told.to_string());
        answer.push('\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], answer).into_response())
}

/// Documents of a JSON body, numbered from 0.
fn from_json(bytes: &[u8]) -> Answer<Vec<(usize, Document)>> {
    let body: Documents = serde_json::from_slice(bytes)
        .map_err(|e| Problem::bad_request(format!("the body: {e}")))?;
    let values = match body {
        Documents::List(values) => values,
        Documents::One(mut map) => match map.remove("documents") {
            Some(Value::Array(values)) if map.is_empty() => values,
            Some(_) => {
                let detail = "\"documents\" is an array, with no other key beside it";
                return Err(Problem::bad_request(detail));
            }
            None => vec![Value::Object(map)],
        },
    };
    let parse = |(place, value)| {
        serde_json::from_value(value)
            .map(|document| (place, document))
            .map_err(|e| Problem::bad_request(format!("document {place} of the body: {e}")))
    };
    values.into_iter().enumerate().map(parse).collect()
}

/// Documents of a body of lines, numbered by their lines from 1.
fn from_lines(bytes: &[u8]) -> Answer<Vec<(usize, Document)>> {
    let parse = |(line, bytes): (usize, &[u8])| {
        serde_json::from_slice(bytes).map(|document| (line + 1, document)).map_err(|e| {
            Problem::bad_request(format!("line {}: {e}; nothing was written", line + 1))
        })
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
    Path((name, id)): Path<(String, String)>,
) -> Answer<Json<Document>> {
    let collection = state.collection(&name)?;
    let document = blocking(move || {
        let found = collection.get(&id)?;
        found.ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_FOUND,
                "document_not_found",
                "No such document",
                format!("there is no document {id:?}"),
            )
        })
    })
    .await?;
    Ok(Json(document))
}
