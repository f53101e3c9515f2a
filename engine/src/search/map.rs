//! A map of vectors: rows of the scope, spread evenly, in the plane of their two principal components.

use lexivec_query::filter::Filter;
use lexivec_query::value::scalars_at;
use serde::Serialize;
use serde_json::Value;

use super::Searcher;
use super::principal::project;
use crate::error::{Error, Result};
use crate::limits::{DEFAULT_MAP_POINTS, MAX_MAP_POINTS};
use crate::schema::Metric;

/// Options of [`Searcher::map`](crate::Searcher::map).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MapOptions {
    /// Vector field; the collection's first if not named.
    pub field: Option<String>,
    /// The rows that are drawn.
    pub filter: Filter,
    /// Points, at most.
    pub limit: usize,
    /// Dotted payload path, whose first value each point carries.
    pub value: Option<String>,
}

impl Default for MapOptions {
    fn default() -> Self {
        Self { field: None, filter: Filter::All, limit: DEFAULT_MAP_POINTS, value: None }
    }
}

/// A map of vectors.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VectorMap {
    /// The vector field.
    pub vector: String,
    /// Rows with a vector that the filter admits; there are points for some of them if they are more than the limit.
    pub rows: usize,
    /// Share of the variance among the points that the map keeps.
    pub explained: f64,
    /// The points.
    pub points: Vec<MapPoint>,
}

/// The place of a row on a map.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MapPoint {
    /// The row.
    pub id: String,
    /// Its place along the first principal component.
    pub x: f64,
    /// Its place along the second.
    pub y: f64,
    /// The first value at the payload path that the request names, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

impl Searcher {
    /// Places rows in the plane in which their vectors vary most; those of cosine similarity by their directions. The
    /// same rows give the same map.
    ///
    /// # Errors
    /// When the field is unknown, `limit` is over [`MAX_MAP_POINTS`], the filter is refused, or the budget is used up.
    pub fn map(&self, options: &MapOptions) -> Result<VectorMap> {
        let named = |name: &String| self.schema.vectors.iter().find(|field| field.name == *name);
        let field = options.field.as_ref().map_or(self.schema.vectors.first(), named);
        let field =
            field.ok_or_else(|| Error::invalid("vector", "the collection has no such field"))?;
        if options.limit == 0 || options.limit > MAX_MAP_POINTS {
            let detail = format!("{} is not from 1 to {MAX_MAP_POINTS}", options.limit);
            return Err(Error::invalid("limit", detail));
        }
        self.whole(|| {
            let time = self.budget.time();
            let all = self.rows_with(&field.name, &options.filter)?;
            let count = all.len().min(options.limit);
            self.budget.charge(count * field.dim * size_of::<f32>())?;
            let (mut vectors, mut points) = (Vec::with_capacity(count), Vec::with_capacity(count));
            for &address in spread(&all, count) {
                let live = self.generation.segment(address.segment)?;
                let Some(stored) = live.segment.vectors(&field.name) else { continue };
                let mut vector = stored.store.vector(address.row)?.to_vec();
                if field.metric == Metric::Cosine {
                    turn_to_direction(&mut vector);
                }
                vectors.push(vector);
                let value = match &options.value {
                    None => None,
                    Some(path) => {
                        time.check()?;
                        let document = self.generation.document(&self.schema, address)?;
                        let payload = Value::Object(document.payload);
                        scalars_at(&payload, path).first().map(|value| (*value).clone())
                    }
                };
                let id = live.id(address.row)?.to_owned();
                self.budget.charge_ranked(&id)?;
                points.push(MapPoint { id, x: 0.0, y: 0.0, value });
            }
            let plane = project(&vectors, || time.check())?;
            for (point, place) in points.iter_mut().zip(plane.places) {
                [point.x, point.y] = place;
            }
            let (vector, explained) = (field.name.clone(), plane.explained);
            Ok(VectorMap { vector, rows: all.len(), explained, points })
        })
    }
}

/// `count` of some things, at equal distances.
fn spread<T>(all: &[T], count: usize) -> impl Iterator<Item = &T> {
    (0..count).filter_map(move |i| all.get(i * all.len() / count))
}

/// Gives a vector length 1.
fn turn_to_direction(vector: &mut [f32]) {
    let length = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_spread_over_all() {
        let all: Vec<usize> = (0..10).collect();
        for (count, expected) in [(0, vec![]), (1, vec![0]), (3, vec![0, 3, 6]), (10, all.clone())]
        {
            assert_eq!(spread(&all, count).copied().collect::<Vec<_>>(), expected);
        }
        assert_eq!(spread(&all, 6).copied().collect::<Vec<_>>(), [0, 1, 3, 5, 6, 8]);
    }
}
