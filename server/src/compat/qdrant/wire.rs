//! JSON of points as they are written.

use std::collections::BTreeMap;

use lexivec::schema::VectorField;
use lexivec::{Document, Filter, Metric, Schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::ids::PointId;
use super::{filter, names};
use crate::error::{ApiResult, Problem};

/// Vectors of a point: one without a name, or by their names.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "vector: one dense vector, or an object of dense vectors by name, is expected"
)]
pub(super) enum VectorsJson {
    One(Vec<f32>),
    Named(BTreeMap<String, Value>),
}

/// A point.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PointJson {
    pub(super) id: PointId,
    vector: Option<VectorsJson>,
    payload: Option<Map<String, Value>>,
}

/// Body of an upsert.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpsertJson {
    points: Option<Vec<PointJson>>,
    batch: Option<BatchJson>,
}

/// Points in columns.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchJson {
    ids: Vec<PointId>,
    vectors: BatchVectorsJson,
    payloads: Option<Vec<Option<Map<String, Value>>>>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "batch.vectors: a list of dense vectors, or an object of such lists by name, is expected"
)]
enum BatchVectorsJson {
    One(Vec<Vec<f32>>),
    Named(BTreeMap<String, Vec<Value>>),
}

/// Points by their ids, or by a filter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PointsJson {
    points: Option<Vec<PointId>>,
    filter: Option<Value>,
}

/// Points that a change is for.
pub(super) enum Points {
    Ids(Vec<String>),
    Where(Filter),
}

impl PointsJson {
    pub(super) fn read(self) -> ApiResult<Points> {
        points(self.points, self.filter.as_ref())
    }
}

/// Points by ids or filter; both together mean the points with these ids that the filter admits.
pub(super) fn points(ids: Option<Vec<PointId>>, filter: Option<&Value>) -> ApiResult<Points> {
    let filter = filter.filter(|filter| !filter.is_null());
    match (ids, filter) {
        (Some(ids), None) => Ok(Points::Ids(ids.into_iter().map(|id| id.0).collect())),
        (None, Some(filter)) => Ok(Points::Where(filter::read(Some(filter))?)),
        _ => Err(Problem::bad_request("either \"points\" or \"filter\" is expected")),
    }
}

impl UpsertJson {
    /// The points as rows.
    pub(super) fn read(self, schema: &Schema) -> ApiResult<Vec<Document>> {
        let points = match (self.points, self.batch) {
            (Some(points), None) => points,
            (None, Some(batch)) => batch.points()?,
            _ => return Err(Problem::bad_request("either \"points\" or \"batch\" is expected")),
        };
        let mut rows: BTreeMap<String, (usize, Document)> = BTreeMap::new();
        for (position, point) in points.into_iter().enumerate() {
            let mut row = Document::new(point.id.writable()?);
            row.payload = point.payload.unwrap_or_default();
            row.vectors = point.vector.map_or(Ok(BTreeMap::new()), |v| vectors(schema, v))?;
            // The last of several points with one id counts.
            rows.insert(row.id.clone(), (position, row));
        }
        let mut rows: Vec<(usize, Document)> = rows.into_values().collect();
        rows.sort_by_key(|(position, _)| *position);
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }
}

impl BatchJson {
    fn points(self) -> ApiResult<Vec<PointJson>> {
        let count = self.ids.len();
        let same = |what: &str, length: usize| match length == count {
            true => Ok(()),
            false => Err(Problem::bad_request(format!("batch.{what}: {length} for {count} ids"))),
        };
        let mut vectors: Vec<Option<VectorsJson>> = Vec::new();
        match self.vectors {
            BatchVectorsJson::One(list) => {
                same("vectors", list.len())?;
                vectors.extend(list.into_iter().map(|vector| Some(VectorsJson::One(vector))));
            }
            BatchVectorsJson::Named(lists) => {
                let mut maps: Vec<BTreeMap<String, Value>> = vec![BTreeMap::new(); count];
                for (name, list) in lists {
                    same(&format!("vectors.{name}"), list.len())?;
                    for (map, vector) in maps.iter_mut().zip(list) {
                        map.insert(name.clone(), vector);
                    }
                }
                vectors.extend(maps.into_iter().map(|map| Some(VectorsJson::Named(map))));
            }
        }
        let payloads = self.payloads.unwrap_or_else(|| self.ids.iter().map(|_| None).collect());
        same("payloads", payloads.len())?;
        let points = self.ids.into_iter().zip(vectors).zip(payloads);
        Ok(points.map(|((id, vector), payload)| PointJson { id, vector, payload }).collect())
    }
}

/// The vectors by their fields, as they are stored.
pub(super) fn vectors(
    schema: &Schema,
    given: VectorsJson,
) -> ApiResult<BTreeMap<String, Vec<f32>>> {
    let named = match given {
        VectorsJson::One(vector) => vec![(String::new(), vector)],
        VectorsJson::Named(map) => map
            .into_iter()
            .map(|(name, value)| Ok((name.clone(), dense(&value, &format!("vector.{name}"))?)))
            .collect::<ApiResult<_>>()?,
    };
    let stored = named.into_iter().map(|(name, vector)| {
        let field = names::field(&name);
        let known = schema.vectors.iter().find(|known| known.name == field);
        let unknown = || {
            let detail = format!("vector: Not existing vector name error: {name:?}");
            Problem::bad_request(detail)
        };
        Ok((field, as_stored(known.ok_or_else(unknown)?, vector)))
    });
    stored.collect()
}

/// One dense vector.
pub(super) fn dense(value: &Value, at: &str) -> ApiResult<Vec<f32>> {
    let components = value.as_array().and_then(|items| {
        // The nearest single-precision number, as vectors are stored in.
        items.iter().map(|item| item.as_f64().map(|x| x as f32)).collect::<Option<Vec<f32>>>()
    });
    components.ok_or_else(|| {
        let detail = format!(
            "{at}: a dense vector is expected; sparse and multiple vectors are not supported"
        );
        Problem::bad_request(detail)
    })
}

/// A vector as it is stored: for the cosine at unit length, so that it is read back as Qdrant's clients expect it.
fn as_stored(field: &VectorField, mut vector: Vec<f32>) -> Vec<f32> {
    if field.metric == Metric::Cosine {
        let norm = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
        if norm > 0.0 && norm.is_finite() {
            vector.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
        }
    }
    vector
}
