//! Checks of documents against the schema, and their size, before they are written.

use std::collections::HashMap;

use serde_json::Value;

use super::KINDS;
use crate::document::Document;
use crate::error::{DocumentFault, Error, Result};
use crate::limits::{MAX_BATCH_DOCUMENTS, MAX_DOCUMENT_BYTES, MAX_ID_BYTES, MAX_PAYLOAD_DEPTH};
use crate::schema::{Field, Schema};

/// Checks a whole batch, so that a bad batch is refused before any row is written.
pub(crate) fn check_batch(schema: &Schema, documents: &[Document]) -> Result<()> {
    if documents.len() > MAX_BATCH_DOCUMENTS {
        return Err(Error::invalid(
            "batch",
            format!("{} documents; the limit is {MAX_BATCH_DOCUMENTS}", documents.len()),
        ));
    }
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(documents.len());
    for (position, document) in documents.iter().enumerate() {
        let first = seen.insert(&document.id, position);
        let fault = match first {
            Some(first) => Err(DocumentFault::Duplicate { first }),
            None => check(schema, document),
        };
        fault.map_err(|fault| {
            let id = document.id.chars().take(64).collect();
            Error::Document { position, id, fault }
        })?;
    }
    Ok(())
}

/// Checks one document.
fn check(schema: &Schema, document: &Document) -> std::result::Result<(), DocumentFault> {
    let id = document.id.len();
    if id == 0 || id > MAX_ID_BYTES {
        return Err(DocumentFault::Id { bytes: id });
    }
    KINDS.iter().try_for_each(|kind| kind.check(schema, document))?;
    if document.payload.values().any(|v| deeper_than(v, MAX_PAYLOAD_DEPTH - 1)) {
        return Err(DocumentFault::PayloadDepth);
    }
    let text: usize = document.text.values().map(String::len).sum();
    match id + text + payload_bytes(document) {
        bytes if bytes > MAX_DOCUMENT_BYTES => Err(DocumentFault::TooLarge { bytes }),
        _ => Ok(()),
    }
}

/// The declared field of this name, or the fault that there is none.
pub(super) fn declared<'a, F: Field>(
    fields: &'a [F],
    name: &str,
) -> std::result::Result<&'a F, DocumentFault> {
    let unknown = || {
        let known = fields.iter().map(|field| field.name().to_owned()).collect();
        DocumentFault::UnknownField { kind: F::kind(), field: name.to_owned(), known }
    };
    fields.iter().find(|field| field.name() == name).ok_or_else(unknown)
}

/// Estimated bytes of a batch in the log.
pub(crate) fn logged_bytes(documents: &[Document]) -> usize {
    let values = |d: &Document| KINDS.iter().map(|kind| kind.logged_bytes(d)).sum::<usize>();
    documents.iter().map(|d| d.id.len() + values(d) + payload_bytes(d)).sum()
}

/// Length of the payload as compact JSON, good to a few bytes of escapes.
fn payload_bytes(document: &Document) -> usize {
    document.payload.iter().map(|(key, value)| key.len() + json_bytes(value)).sum()
}

fn deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|v| deeper_than(v, levels - 1)),
        Value::Object(map) => levels == 0 || map.values().any(|v| deeper_than(v, levels - 1)),
        _ => false,
    }
}

/// Length of a value as compact JSON.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(s) => s.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|v| json_bytes(v) + 1).sum::<usize>(),
        Value::Object(map) => {
            2 + map.iter().map(|(k, v)| k.len() + 4 + json_bytes(v)).sum::<usize>()
        }
    }
}
