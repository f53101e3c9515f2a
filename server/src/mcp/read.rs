//! Tools that read without ranking: the list of collections, a collection's description, documents by id.

use std::collections::BTreeMap;

use lexivec::Searcher;
use lexivec::query::filter::Filter;
use serde_json::{Map, Value};

use super::Tools;
use super::answers::{
    Collections, Described, Document, Documents, Listed, NotOpen, PayloadPath, Text, TextField,
    VectorField,
};
use super::arguments::{DescribeCollection, GetDocuments};
use super::cut::{Room, beginning, part};
use crate::error::{ApiResult, Problem};
use crate::limits::{
    MAX_TOOL_COLLECTIONS, MAX_TOOL_PATHS, MAX_TOOL_READS, SEARCH_DEADLINE, TOOL_PAYLOAD_CHARS,
    TOOL_SAMPLED_ROWS, TOOL_TEXT_CHARS,
};
use crate::scoped::Scoped;
use crate::state::Turn;
use crate::wire::within;

/// Bytes of a document's JSON besides its texts and payload.
const DOCUMENT_BYTES: usize = 256;
/// Bytes of a text's JSON besides the text.
const TEXT_BYTES: usize = 128;

impl Tools {
    pub(super) async fn list_collections(&self) -> ApiResult<Collections> {
        let own = self.clone();
        let list = move || {
            let (state, caller) = (&own.state, &own.caller);
            state.collections.refresh(None)?;
            let all = state.collections.list(caller);
            let listed = |collection: &Scoped| {
                let documents = collection.documents(state.budget(SEARCH_DEADLINE))?;
                Ok(Listed { name: collection.schema().name.clone(), documents })
            };
            let unopened = state.collections.unopened_of(caller).into_iter();
            let unopened = unopened.take(MAX_TOOL_COLLECTIONS).map(|other| NotOpen {
                name: other.name.unwrap_or(other.directory),
                reason: other.reason,
            });
            let shown = all.iter().take(MAX_TOOL_COLLECTIONS);
            Ok(Collections {
                collections: shown.map(listed).collect::<ApiResult<_>>()?,
                left_out: all.len().saturating_sub(MAX_TOOL_COLLECTIONS),
                unopened: unopened.collect(),
            })
        };
        self.state.found(Turn::of(&self.caller, ""), list).await
    }

    pub(super) async fn describe_collection(
        &self,
        asked: DescribeCollection,
    ) -> ApiResult<Described> {
        let (own, name) = (self.clone(), asked.collection.clone());
        let describe = move || own.described(&asked.collection);
        self.state.found(Turn::of(&self.caller, &name), describe).await
    }

    fn described(&self, name: &str) -> ApiResult<Described> {
        let collection = self.open(name)?;
        let view = collection.searcher(self.state.budget(SEARCH_DEADLINE))?;
        let (schema, whole) = (collection.schema(), collection.whole());
        let text = schema.text.iter().map(|field| TextField {
            name: field.name.clone(),
            language: field.analyzer.language.to_string(),
        });
        let vectors = schema.vectors.iter().map(|field| VectorField {
            name: field.name.clone(),
            dim: field.dim,
            metric: field.metric,
        });
        let model = schema.embedder.as_ref().map(|model| model.name.clone());
        Ok(Described {
            name: schema.name.clone(),
            documents: view.count(&Filter::All)?,
            text_fields: text.collect(),
            vector_fields: vectors.collect(),
            makes_vectors: model.is_some() && self.state.config().embedder.is_some(),
            model,
            profiles: whole.map(|c| c.profiles().keys().cloned().collect()).unwrap_or_default(),
            payload: payload_paths(&view)?,
            damage: whole.and_then(|collection| collection.damage()),
        })
    }

    /// The collection of this name, with its newest writes.
    pub(super) fn open(&self, name: &str) -> ApiResult<Scoped> {
        self.state.collections.refresh(Some(name))?;
        self.state.collections.get(&self.caller, name)
    }

    pub(super) async fn get_documents(&self, asked: GetDocuments) -> ApiResult<Documents> {
        within("ids", asked.ids.len(), MAX_TOOL_READS)?;
        if asked.ids.is_empty() {
            return Err(Problem::bad_request("ids: name at least one document"));
        }
        let (own, name, rows) = (self.clone(), asked.collection.clone(), asked.ids.len());
        let read = move || {
            let collection = own.open(&asked.collection)?;
            let view = collection.searcher(own.state.budget(SEARCH_DEADLINE))?;
            documents(&view, asked)
        };
        self.state.admission.take_rows(&self.caller, rows)?;
        self.state.found(Turn::of(&self.caller, &name), read).await
    }
}

/// The documents of a call, as far as the answer has space for them.
fn documents(view: &Searcher, asked: GetDocuments) -> ApiResult<Documents> {
    let mut answer = Documents { documents: Vec::new(), missing: Vec::new(), left_out: Vec::new() };
    let mut room = Room::new();
    let chars = asked.max_chars.unwrap_or(TOOL_TEXT_CHARS);
    for id in asked.ids {
        // The first one gets as much as there is.
        let full = !answer.documents.is_empty() && room.left() < chars.min(TOOL_TEXT_CHARS);
        if full {
            answer.left_out.push(id);
            continue;
        }
        match view.get(&id)? {
            None => answer.missing.push(id),
            Some(document) => {
                answer.documents.push(shown(document, asked.from_char, chars, &mut room));
            }
        }
    }
    Ok(answer)
}

/// A document, or what of it the answer has space for: a payload takes half of the space at most.
fn shown(document: lexivec::Document, from: usize, chars: usize, room: &mut Room) -> Document {
    let lexivec::Document { id, text, payload, .. } = document;
    let fits = payload.is_empty() || room.takes(&payload, room.left() / 2);
    let text = text.into_iter().map(|(field, text)| {
        let bytes = room.left().saturating_sub(DOCUMENT_BYTES + TEXT_BYTES);
        let (part, count) = part(&text, from, chars, bytes);
        let (total, end) = (text.chars().count(), from.saturating_add(count));
        let next_char = (end < total).then_some(end);
        let shown = Text { text: part.to_owned(), chars: total, next_char };
        room.takes(&(&field, &shown), usize::MAX);
        (field, shown)
    });
    let texts: BTreeMap<String, Text> = text.collect();
    room.takes(&id, usize::MAX);
    let whole = (fits && !payload.is_empty()).then_some(payload);
    Document { id, texts, payload: whole, payload_left_out: !fits }
}

/// The payload paths of some rows.
fn payload_paths(view: &Searcher) -> ApiResult<Vec<PayloadPath>> {
    let page = view.scroll(&Filter::All, None, TOOL_SAMPLED_ROWS)?;
    let mut paths: BTreeMap<String, PayloadPath> = BTreeMap::new();
    for document in &page.documents {
        add_paths("", &document.payload, &mut paths);
    }
    Ok(paths.into_values().collect())
}

fn add_paths(
    parent: &str,
    members: &Map<String, Value>,
    paths: &mut BTreeMap<String, PayloadPath>,
) {
    for (key, value) in members {
        let path = if parent.is_empty() { key.clone() } else { format!("{parent}.{key}") };
        add_values(&path, value, paths);
    }
}

fn add_values(path: &str, value: &Value, paths: &mut BTreeMap<String, PayloadPath>) {
    let kind = match value {
        Value::Object(members) => return add_paths(path, members, paths),
        Value::Array(values) => return values.iter().for_each(|v| add_values(path, v, paths)),
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
    };
    if let Some(known) = paths.get_mut(path) {
        if !known.kinds.iter().any(|k| k == kind) {
            known.kinds.push(kind.to_owned());
        }
        return;
    }
    if paths.len() >= MAX_TOOL_PATHS || path.len() > TOOL_PAYLOAD_CHARS {
        return;
    }
    let example = match value {
        Value::String(text) => Value::String(beginning(text, TOOL_PAYLOAD_CHARS)),
        other => other.clone(),
    };
    let first = PayloadPath { path: path.to_owned(), kinds: vec![kind.to_owned()], example };
    paths.insert(path.to_owned(), first);
}
