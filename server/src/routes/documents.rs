//! Writing documents, as JSON or line by line, and reading one.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lexivec::Document;
use serde::Deserialize;
use serde_json::json;

use super::{App, BodyKind, body_kind, read_body};
use crate::error::{Answer, Problem};
use crate::limits::MAX_DOCUMENTS;
use crate::state::blocking;

/// One document, several, or several under a key.
#[derive(Deserialize)]
#[serde(untagged)]
enum Documents {
    List(Vec<serde_json::Value>),
    Named { documents: Vec<serde_json::Value> },
    One(serde_json::Value),
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
    let bytes = read_body(&state, &headers, body).await?;
    let (documents, receipt) = blocking(move || {
        let documents = match kind {
            BodyKind::Json => from_json(&bytes)?,
            BodyKind::Lines => from_lines(&bytes)?,
        };
        if documents.len() > MAX_DOCUMENTS {
            return Err(Problem::bad_request(format!(
                "{} documents; the limit of one request is {MAX_DOCUMENTS}",
                documents.len()
            )));
        }
        let ids: Vec<String> = documents.iter().map(|d| d.id.clone()).collect();
        let receipt = collection.upsert(documents)?;
        Ok((ids, receipt))
    })
    .await?;
    if kind == BodyKind::Json {
        return Ok(Json(receipt).into_response());
    }
    let mut lines = String::new();
    for (place, id) in documents.iter().enumerate() {
        let line =
            json!({ "line": place + 1, "id": id, "generation": receipt.generation }).to_string();
        lines.push_str(&line);
        lines.push('\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

fn from_json(bytes: &[u8]) -> Answer<Vec<Document>> {
    let body: Documents = serde_json::from_slice(bytes)
        .map_err(|e| Problem::bad_request(format!("the body: {e}")))?;
    let values = match body {
        Documents::List(values) | Documents::Named { documents: values } => values,
        Documents::One(value) => vec![value],
    };
    let parse = |(place, value)| {
        serde_json::from_value(value)
            .map_err(|e| Problem::bad_request(format!("document {place} of the body: {e}")))
    };
    values.into_iter().enumerate().map(parse).collect()
}

fn from_lines(bytes: &[u8]) -> Answer<Vec<Document>> {
    let parse = |(line, bytes): (usize, &[u8])| {
        serde_json::from_slice(bytes).map_err(|e| {
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
