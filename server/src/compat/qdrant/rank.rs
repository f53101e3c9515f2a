//! The ranking of points: a plan of searches, run on one view of a collection.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lexivec::query::request::{AdapterChoice, Params};
use lexivec::schema::VectorField;
use lexivec::{Document, Filter, Metric, Mode, SearchRequest, Searcher};

use super::fusion::{Fusion, Scored};
use super::select::{ScoredPoint, Select};
use crate::error::{ApiResult, Problem};
use crate::limits::SEARCH_DEADLINE;
use crate::scoped::Scoped;
use crate::state::State;

/// The score of a point that nothing ranks.
const UNRANKED: f64 = 1.0;

/// A query with its prefetches.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) source: Source,
    pub(super) prefetch: Vec<Plan>,
    /// The vector that is compared.
    pub(super) field: Option<VectorField>,
    pub(super) filter: Filter,
    pub(super) params: Params,
    pub(super) threshold: Option<f64>,
    pub(super) limit: usize,
    pub(super) offset: usize,
}

/// The measure by which points are ranked.
#[derive(Clone)]
pub(super) enum Source {
    /// Their ids.
    ById,
    /// Their distance to one example.
    Near(Example),
    /// Their distance to the mean of examples, moved away from the mean of others.
    Recommended { positive: Vec<Example>, negative: Vec<Example> },
    /// Their places in the lists of the prefetches.
    Fused(Fusion),
}

/// A vector.
#[derive(Clone)]
pub(super) enum Example {
    Vector(Vec<f32>),
    /// The vector of the point with this id.
    Point(String),
}

impl Plan {
    /// Points that it brings, those of its prefetches included.
    pub(super) fn rows(&self) -> usize {
        let own = self.limit.saturating_add(self.offset);
        self.prefetch.iter().map(Self::rows).fold(own, usize::saturating_add)
    }
}

/// A view of a collection, and the time that is left for a call.
pub(super) struct View {
    searcher: Searcher,
    since: Instant,
}

impl View {
    /// The view of this moment, of a call that came at another one.
    pub(super) fn of(collection: &Scoped, state: &State, since: Instant) -> ApiResult<Self> {
        let left = SEARCH_DEADLINE.saturating_sub(since.elapsed());
        Ok(Self { searcher: collection.searcher(state.budget(left))?, since })
    }

    pub(super) fn searcher(&self) -> &Searcher {
        &self.searcher
    }

    /// The points of a plan.
    pub(super) fn points(&self, plan: &Plan, select: &Select) -> ApiResult<Vec<ScoredPoint>> {
        self.fetch(self.ranked(plan)?, select)
    }

    /// Points with their selected parts.
    pub(super) fn fetch(
        &self,
        ranked: Vec<Scored>,
        select: &Select,
    ) -> ApiResult<Vec<ScoredPoint>> {
        if select.is_nothing() {
            return Ok(ranked.iter().map(|(id, score)| Select::bare(id).scored(*score)).collect());
        }
        let mut rows = self.rows(ranked.iter().map(|(id, _)| id.clone()).collect())?;
        let point = |(id, score): Scored| Some(select.record(rows.remove(&id)?).scored(score));
        Ok(ranked.into_iter().filter_map(point).collect())
    }

    /// Rows by their ids.
    pub(super) fn rows(&self, ids: Vec<String>) -> ApiResult<HashMap<String, Document>> {
        let limit = ids.len();
        let page = self.searcher.scroll(&Filter::Ids(ids), None, limit)?;
        Ok(page.documents.into_iter().map(|row| (row.id.clone(), row)).collect())
    }

    /// The ranked rows of a plan, best first, without those that its offset passes over.
    pub(super) fn ranked(&self, plan: &Plan) -> ApiResult<Vec<Scored>> {
        let most = plan.limit.saturating_add(plan.offset);
        let lists = plan.prefetch.iter().map(|inner| self.ranked(inner));
        let lists = lists.collect::<ApiResult<Vec<_>>>()?;
        let mut ranked = match &plan.source {
            Source::ById => self.by_id(plan, most)?,
            Source::Fused(fusion) => fusion.fuse(&lists)?,
            Source::Near(_) | Source::Recommended { .. } => {
                let filter = match plan.prefetch.is_empty() {
                    true => plan.filter.clone(),
                    // The filters of prefetches have that of the plan in them.
                    false => Filter::Ids(ids_of(&lists)),
                };
                self.nearest(plan, filter, most)?
            }
        };
        if let Some(threshold) = plan.threshold {
            let far = plan.field.as_ref().is_some_and(|field| field.metric == Metric::L2);
            ranked.retain(|(_, score)| if far { *score <= threshold } else { *score >= threshold });
        }
        ranked.truncate(most);
        ranked.drain(..plan.offset.min(ranked.len()));
        Ok(ranked)
    }

    fn by_id(&self, plan: &Plan, most: usize) -> ApiResult<Vec<Scored>> {
        let page = self.searcher.scroll_from(&plan.filter, None, most)?;
        Ok(page.documents.into_iter().map(|row| (row.id, UNRANKED)).collect())
    }

    fn nearest(&self, plan: &Plan, filter: Filter, most: usize) -> ApiResult<Vec<Scored>> {
        let Some(field) = &plan.field else { return Ok(Vec::new()) };
        let mut named = Vec::new();
        let vector = match &plan.source {
            Source::Near(example) => self.vector(field, example, &mut named)?,
            Source::Recommended { positive, negative } => {
                let mut mean = |examples: &[Example]| -> ApiResult<Vec<f64>> {
                    let vectors = examples.iter().map(|e| self.vector(field, e, &mut named));
                    Ok(mean(&vectors.collect::<ApiResult<Vec<_>>>()?))
                };
                let (near, far) = (mean(positive)?, mean(negative)?);
                let moved = near.iter().enumerate().map(|(i, near)| match far.get(i) {
                    Some(far) => (near + near - far) as f32,
                    None => *near as f32,
                });
                moved.collect()
            }
            Source::ById | Source::Fused(_) => return Ok(Vec::new()),
        };
        // Points that are examples are not among the answers.
        let filter = match named.is_empty() {
            true => filter,
            false => with(&filter, !Filter::Ids(named)),
        };
        let left = SEARCH_DEADLINE.saturating_sub(self.since.elapsed());
        let mut request = SearchRequest::vector(vector)
            .vector_field(field.name.as_str())
            .mode(Mode::Vector)
            .adapter(AdapterChoice::Off)
            .params(plan.params)
            .filter(filter)
            .limit(most)
            .with_payload(false);
        request.deadline_ms = Some(millis(left));
        let answer = self.searcher.search(&request)?;
        let score = |score: f64| match field.metric {
            // The engine's is minus the square, so that higher is better everywhere.
            Metric::L2 => (-score).max(0.0).sqrt(),
            _ => score,
        };
        Ok(answer.hits.into_iter().map(|hit| (hit.id, score(hit.score))).collect())
    }

    /// The vector of an example; the id of a point is added to `named`.
    fn vector(
        &self,
        field: &VectorField,
        example: &Example,
        named: &mut Vec<String>,
    ) -> ApiResult<Vec<f32>> {
        let id = match example {
            Example::Vector(vector) => return Ok(vector.clone()),
            Example::Point(id) => id,
        };
        named.push(id.clone());
        let row = self.searcher.get(id)?.ok_or_else(|| no_point(id))?;
        let vector = row.vectors.get(&field.name).cloned();
        vector.ok_or_else(|| Problem::bad_request(format!("query: point {id} has no such vector")))
    }
}

/// The refusal of a point that is not there.
pub(super) fn no_point(id: &str) -> Problem {
    let detail = format!("Not found: No point with id {id} found");
    Problem::new(axum::http::StatusCode::NOT_FOUND, "point_not_found", "No such point", detail)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn with(filter: &Filter, other: Filter) -> Filter {
    match filter {
        Filter::All => other,
        filter => Filter::And(vec![filter.clone(), other]),
    }
}

/// The ids of all lists, each once.
fn ids_of(lists: &[Vec<Scored>]) -> Vec<String> {
    let mut ids: Vec<String> = lists.iter().flatten().map(|(id, _)| id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The mean of vectors of one length; empty if there are none.
fn mean(vectors: &[Vec<f32>]) -> Vec<f64> {
    let mut sum = vec![0.0; vectors.first().map_or(0, Vec::len)];
    for vector in vectors {
        for (sum, x) in sum.iter_mut().zip(vector) {
            *sum += f64::from(*x);
        }
    }
    sum.iter().map(|sum| sum / vectors.len() as f64).collect()
}
