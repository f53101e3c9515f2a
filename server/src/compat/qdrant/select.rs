//! The parts of a point that an answer has: selectors of payload and vectors, and the points and records made by them.

use std::collections::BTreeMap;

use lexivec::{Document, Schema};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ids, names};
use crate::error::{ApiResult, Problem};

/// The part of the payload that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum WithPayload {
    None,
    All,
    Include(Vec<String>),
    Exclude(Vec<String>),
}

/// The vectors that are wanted.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum WithVectors {
    None,
    All,
    Named(Vec<String>),
}

/// The parts that an answer has.
#[derive(Clone, Debug)]
pub(super) struct Select {
    payload: WithPayload,
    vectors: WithVectors,
}

/// A point without a score.
#[derive(Serialize)]
pub(super) struct Record {
    pub(super) id: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Vectors>,
}

/// A point with a score.
#[derive(Serialize)]
pub(super) struct ScoredPoint {
    /// Number of changes of the point, which is not kept.
    version: u64,
    score: f64,
    #[serde(flatten)]
    record: Record,
}

/// Vectors of a point: one without a name, or by their names.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Vectors {
    One(Vec<f32>),
    Named(BTreeMap<String, Vec<f32>>),
}

impl Select {
    /// Reads both selectors; `payload` says whether payloads are in the answer if nothing is said.
    pub(super) fn read(
        with_payload: Option<&Value>,
        with_vectors: Option<&Value>,
        payload: bool,
    ) -> ApiResult<Self> {
        let payload = match with_payload {
            None | Some(Value::Null) if payload => WithPayload::All,
            None | Some(Value::Null | Value::Bool(false)) => WithPayload::None,
            Some(Value::Bool(true)) => WithPayload::All,
            Some(Value::Object(map)) => match (map.get("include"), map.get("exclude"), map.len()) {
                (Some(list), None, 1) => WithPayload::Include(paths(list, "with_payload.include")?),
                (None, Some(list), 1) => WithPayload::Exclude(paths(list, "with_payload.exclude")?),
                _ => {
                    return Err(Problem::bad_request(
                        "with_payload: one of include and exclude is expected",
                    ));
                }
            },
            Some(list) => WithPayload::Include(paths(list, "with_payload")?),
        };
        let vectors = match with_vectors {
            None | Some(Value::Null | Value::Bool(false)) => WithVectors::None,
            Some(Value::Bool(true)) => WithVectors::All,
            Some(list) => WithVectors::Named(paths(list, "with_vector")?),
        };
        Ok(Self { payload, vectors })
    }

    /// True if a point has nothing but its id.
    pub(super) fn is_nothing(&self) -> bool {
        self.payload == WithPayload::None && self.vectors == WithVectors::None
    }

    /// The selected parts of a row.
    pub(super) fn record(&self, document: Document) -> Record {
        let payload = match &self.payload {
            WithPayload::None => None,
            WithPayload::All => Some(document.payload),
            WithPayload::Include(list) => {
                let keep = |path: &str| list.iter().any(|wanted| is_on_way(wanted, path));
                Some(keep_members(document.payload, &keep, ""))
            }
            WithPayload::Exclude(list) => {
                let keep = |path: &str| !list.iter().any(|unwanted| is_within(unwanted, path));
                Some(keep_members(document.payload, &keep, ""))
            }
        };
        let vector = match &self.vectors {
            WithVectors::None => None,
            WithVectors::All => Some(vectors(document.vectors, |_| true)),
            WithVectors::Named(list) => {
                Some(vectors(document.vectors, |name| list.iter().any(|wanted| wanted == name)))
            }
        };
        Record { id: ids::to_json(&document.id), payload, vector }
    }

    /// A point of which only the id is wanted.
    pub(super) fn bare(id: &str) -> Record {
        Record { id: ids::to_json(id), payload: None, vector: None }
    }
}

impl Record {
    pub(super) fn scored(self, score: f64) -> ScoredPoint {
        ScoredPoint { version: 0, score, record: self }
    }
}

fn vectors(stored: BTreeMap<String, Vec<f32>>, wanted: impl Fn(&str) -> bool) -> Vectors {
    let named = stored.into_iter().map(|(field, vector)| (names::vector_of(&field), vector));
    let mut named: BTreeMap<_, _> = named.filter(|(name, _)| wanted(name)).collect();
    match (named.len(), named.remove("")) {
        (1, Some(vector)) => Vectors::One(vector),
        (_, Some(vector)) => {
            named.insert(String::new(), vector);
            Vectors::Named(named)
        }
        (_, None) => Vectors::Named(named),
    }
}

fn paths(list: &Value, at: &str) -> ApiResult<Vec<String>> {
    let strings = list.as_array().and_then(|items| {
        items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    });
    strings.ok_or_else(|| Problem::bad_request(format!("{at}: an array of names is expected")))
}

/// The parts of a path: keys, each followed by the brackets of its arrays.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split_inclusive(['.', '[']).map(|part| part.trim_end_matches(['.', '[']))
}

/// True if one of two paths leads through the other.
fn is_on_way(wanted: &str, path: &str) -> bool {
    parts(wanted).zip(parts(path)).all(|(wanted, part)| wanted == part)
}

/// True if a path is an unwanted one or below it.
fn is_within(unwanted: &str, path: &str) -> bool {
    parts(unwanted).count() <= parts(path).count() && is_on_way(unwanted, path)
}

fn keep_members(
    map: Map<String, Value>,
    keep: &impl Fn(&str) -> bool,
    above: &str,
) -> Map<String, Value> {
    let mut kept = Map::new();
    for (key, value) in map {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        if keep(&path) {
            kept.insert(key, keep_parts(value, keep, &path));
        }
    }
    kept
}

fn keep_parts(value: Value, keep: &impl Fn(&str) -> bool, path: &str) -> Value {
    match value {
        Value::Object(map) => Value::Object(keep_members(map, keep, path)),
        Value::Array(items) => {
            let path = format!("{path}[]");
            match keep(&path) {
                true => items.into_iter().map(|item| keep_parts(item, keep, &path)).collect(),
                false => Value::Array(Vec::new()),
            }
        }
        other => other,
    }
}

/// The metric of a vector, by its name.
pub(super) fn field_of<'s>(
    schema: &'s Schema,
    name: Option<&str>,
) -> ApiResult<&'s lexivec::schema::VectorField> {
    let name = name.unwrap_or_default();
    let field = names::field(name);
    schema.vectors.iter().find(|known| known.name == field).ok_or_else(|| {
        let known: Vec<String> = schema.vectors.iter().map(|f| names::vector_of(&f.name)).collect();
        Problem::bad_request(format!(
            "using: Not existing vector name error: {name:?}; the collection has {known:?}"
        ))
    })
}
