//! Measurement of recall: the hits of a search compared with the exact scan.

use std::sync::Arc;

use lexivec_eval::interval::{Interval, recall_interval};
use lexivec_query::filter::Filter;
use lexivec_query::limits::{DEFAULT_LIMIT, MAX_WINDOW};
use lexivec_query::request::Params;
use serde::Serialize;

use super::Searcher;
use super::merge::merge;
use super::searcher::TASK_ROWS;
use super::vector::{VectorQueries, search_segment};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::fields::check_vector;
use crate::generation::{DocAddress, Generation};
use crate::limits::MAX_RECALL_QUERIES;
use crate::rows::RowSet;
use crate::segment::Segment;
use lexivec_eval::random::SplitMix;

/// Hits that the compaction gate compares: ten, and the query's own row.
const DEPTH: usize = 11;
/// Queries compared with a block of rows at once.
const BATCH: usize = 64;
/// Shares of the rows in the buckets of a report, besides the bucket of all rows.
const SHARES: [f64; 4] = [0.5, 0.1, 0.01, 0.001];

/// Segments that are searched together, each with its live rows.
pub(crate) type Searched<'a> = [(&'a Segment, &'a RowSet)];

/// Options of [`Searcher::recall`](crate::Searcher::recall).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecallOptions {
    /// Vector field; the collection's first if not named.
    pub field: Option<String>,
    /// Hits compared.
    pub k: usize,
    /// Parameters of the measured search.
    pub params: Params,
    /// The rows that are searched.
    pub filter: Filter,
    /// The queries.
    pub queries: RecallQueries,
    /// Seed of the sampled rows and of the buckets' rows.
    pub seed: u64,
}

/// Queries of a measurement of recall.
#[derive(Clone, Debug, PartialEq)]
pub enum RecallQueries {
    /// A number of sampled live rows, each searched among the others. Rows are easier queries than most
    /// of users, so the measured recall is rather too high.
    Sampled(usize),
    /// These vectors.
    Given(Vec<Vec<f32>>),
}

impl Default for RecallOptions {
    fn default() -> Self {
        Self {
            field: None,
            k: DEFAULT_LIMIT,
            params: Params::default(),
            filter: Filter::All,
            queries: RecallQueries::Sampled(100),
            seed: 1,
        }
    }
}

/// Result of a measurement.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RecallReport {
    /// Hits compared.
    pub k: usize,
    /// Number of queries.
    pub queries: usize,
    /// Recall over the whole collection.
    pub recall: Interval,
    /// Recall in each segment.
    pub segments: Vec<SegmentRecall>,
    /// Recall among random shares of the rows.
    pub selectivity: Vec<ShareRecall>,
}

/// Recall in one segment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SegmentRecall {
    /// Its file; `memory` for a segment in memory.
    pub file: String,
    /// Rows that match.
    pub matching: u32,
    /// Recall in the segment.
    pub recall: Interval,
}

/// Recall under a filter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ShareRecall {
    /// Share of the rows that match it.
    pub share: f64,
    /// Rows that match it.
    pub matching: u64,
    /// Recall among these rows.
    pub recall: Interval,
}

/// Rows and their scores, best first.
type Hits = Vec<(DocAddress, f64)>;

/// One query, and the row it equals, if any.
type Query = (Option<DocAddress>, Vec<f32>);

impl Searcher {
    /// Measures the recall of vector search against exact search: overall, in each segment, and among
    /// shares of the rows.
    ///
    /// # Errors
    /// When a number is over its limit, a vector is refused, or there are no queries.
    pub fn recall(&self, options: &RecallOptions) -> Result<RecallReport> {
        let field = match &options.field {
            Some(name) => self.schema.vectors.iter().find(|f| f.name == *name),
            None => self.schema.vectors.first(),
        };
        let field =
            field.ok_or_else(|| Error::invalid("field", "the collection has no such field"))?;
        options.params.check()?;
        if options.k == 0 || options.k >= MAX_WINDOW {
            let detail = format!("{} is not from 1 to {}", options.k, MAX_WINDOW - 1);
            return Err(Error::invalid("k", detail));
        }
        let wanted = self.matching(&options.filter, self.budget.time())?;
        let queries = match &options.queries {
            RecallQueries::Given(vectors) => {
                for (index, vector) in vectors.iter().enumerate() {
                    check_vector(field, vector).map_err(|fault| Error::Vector {
                        at: format!("queries[{index}]"),
                        fault,
                    })?;
                }
                vectors.iter().map(|vector| (None, vector.clone())).collect()
            }
            RecallQueries::Sampled(count) => self.sampled(&field.name, *count, options.seed)?,
        };
        if queries.is_empty() || queries.len() > MAX_RECALL_QUERIES {
            let detail = format!("{} are not from 1 to {MAX_RECALL_QUERIES}", queries.len());
            return Err(Error::invalid("queries", detail));
        }
        let measure = Measure {
            generation: &self.generation,
            field: &field.name,
            queries: &queries,
            options,
            time: self.budget.time(),
        };
        let (recall, segments) = measure.among(&wanted)?;
        let mut selectivity = Vec::new();
        for share in SHARES {
            let picked = |(i, rows): (u64, &Arc<RowSet>)| picked(rows, share, options.seed ^ i);
            let rows: Vec<_> = (0..).zip(&wanted).map(picked).map(Arc::new).collect();
            let matching = RowSet::total(&rows);
            if matching > 0 {
                selectivity.push(ShareRecall { share, matching, recall: measure.among(&rows)?.0 });
            }
        }
        Ok(RecallReport { k: options.k, queries: queries.len(), recall, segments, selectivity })
    }
}

/// A share of some rows.
fn picked(rows: &RowSet, share: f64, seed: u64) -> RowSet {
    let mut random = SplitMix::new(seed);
    let mut picked = RowSet::empty(rows.rows());
    rows.iter().filter(|_| random.unit() <= share).for_each(|row| picked.insert(row));
    picked
}

impl Searcher {
    /// Live rows of the scope that have a vector in this field and that a filter admits.
    pub(super) fn rows_with(&self, field: &str, filter: &Filter) -> Result<Vec<DocAddress>> {
        let inside = self.matching(filter, self.budget.time())?;
        let mut rows = Vec::new();
        for ((segment, live), inside) in (0u32..).zip(&self.generation.segments).zip(inside) {
            if let Some(vectors) = live.segment.vectors(field) {
                let mut present = RowSet::clone(&inside);
                present.intersect(&vectors.store.present);
                rows.extend(present.iter().map(|row| DocAddress::new(segment, row)));
            }
        }
        Ok(rows)
    }

    /// Vectors of live rows of the scope, spread evenly.
    fn sampled(&self, field: &str, count: usize, seed: u64) -> Result<Vec<Query>> {
        let generation = &*self.generation;
        let rows = self.rows_with(field, &Filter::All)?;
        let step = (rows.len() / count.max(1)).max(1);
        let first = SplitMix::new(seed).below(step as u64) as usize;
        let mut queries = Vec::with_capacity(count.min(rows.len()));
        for &address in rows.iter().skip(first).step_by(step).take(count) {
            let segment = generation.segments.get(address.segment as usize);
            if let Some(vectors) = segment.and_then(|live| live.segment.vectors(field)) {
                queries.push((Some(address), vectors.store.vector(address.row)?.to_vec()));
            }
        }
        Ok(queries)
    }
}

struct Measure<'a> {
    generation: &'a Generation,
    field: &'a str,
    queries: &'a [Query],
    options: &'a RecallOptions,
    time: Deadline,
}

impl Measure<'_> {
    /// Recall among some rows: of all segments together, and of each.
    fn among(&self, wanted: &[Arc<RowSet>]) -> Result<(Interval, Vec<SegmentRecall>)> {
        let k = self.options.k;
        let exact = Params { exact: true, ..Params::default() };
        let mut all = Vec::with_capacity(self.queries.len());
        let mut each = vec![Vec::new(); self.generation.segments.len()];
        for batch in self.queries.chunks(BATCH.min(TASK_ROWS / k.max(1)).max(1)) {
            self.time.check()?;
            let right = self.lists(batch, wanted, &exact)?;
            let found = self.lists(batch, wanted, &self.options.params)?;
            for (right, found) in right.iter().zip(&found) {
                for (each, (right, found)) in each.iter_mut().zip(right.iter().zip(found)) {
                    each.extend(share_found(right, found));
                }
                let together = |lists: &Vec<Hits>| -> Result<Hits> {
                    let mut hits = lists.concat();
                    merge(self.generation, &mut hits, k)?;
                    Ok(hits)
                };
                all.extend(share_found(&together(right)?, &together(found)?));
            }
        }
        let segments = self.generation.segments.iter().zip(wanted).zip(each);
        let segments = segments.filter(|(_, each)| !each.is_empty());
        let segments = segments.map(|((live, rows), each)| SegmentRecall {
            file: live.segment.name.clone(),
            matching: rows.count(),
            recall: recall_interval(&each, k),
        });
        Ok((recall_interval(&all, k), segments.collect()))
    }

    /// The `k` closest rows of each segment for each query, without the query's own row.
    fn lists(
        &self,
        batch: &[Query],
        wanted: &[Arc<RowSet>],
        params: &Params,
    ) -> Result<Vec<Vec<Hits>>> {
        let k = self.options.k;
        let vectors: Vec<&[f32]> = batch.iter().map(|(_, vector)| vector.as_slice()).collect();
        let own = batch.iter().any(|(own, _)| own.is_some());
        let window = k + usize::from(own);
        let time = self.time;
        let asked = VectorQueries { field: self.field, vectors: &vectors, window, params, time };
        let mut lists = vec![Vec::new(); batch.len()];
        for ((segment, live), rows) in (0u32..).zip(&self.generation.segments).zip(wanted) {
            let found = search_segment(&live.segment, live.alive.count(), &asked, rows)?;
            for ((lists, (own, _)), (rows, _)) in lists.iter_mut().zip(batch).zip(found) {
                let hits =
                    rows.into_iter().map(|(row, score)| (DocAddress::new(segment, row), score));
                lists.push(hits.filter(|(hit, _)| Some(*hit) != *own).take(k).collect());
            }
        }
        Ok(lists)
    }
}

/// Share of the exact hits that were found; `None` if there are no exact hits. A hit counts if it is no
/// farther than the last exact one, as equally close rows are equally right.
fn share_found<T>(right: &[(T, f64)], found: &[(T, f64)]) -> Option<f64> {
    let (_, least) = right.last()?;
    let close = found.iter().filter(|(_, score)| score >= least).count();
    Some(close.min(right.len()) as f64 / right.len() as f64)
}

/// Recall@10 of the usual searches of two sets of segments with the same rows, for up to `queries` of
/// their vectors. A hit counts if it is no farther than the last exact one. Where a graph is known to find
/// too little, the usual search takes another way.
pub(crate) fn measure_recall(
    before: &Searched<'_>,
    after: &Searched<'_>,
    field: &str,
    queries: usize,
    seed: u64,
) -> Result<(f64, f64)> {
    let exact = Params { exact: true, ..Params::default() };
    let usual = Params::default();
    let (mut asked, mut old, mut new) = (0.0, 0.0, 0.0);
    for &(segment, alive) in after {
        let Some(vectors) = segment.vectors(field) else { continue };
        let mut rows = alive.clone();
        rows.intersect(&vectors.store.present);
        let step = (rows.count() as usize / queries.max(1)).max(1);
        let rows = rows.iter().skip(seed as usize % step).step_by(step).take(queries);
        let vectors = rows.map(|row| vectors.store.vector(row)).collect::<Result<Vec<_>>>()?;
        for batch in vectors.chunks(BATCH) {
            let right = closest(after, field, batch, &exact)?;
            let (was, is) =
                (closest(before, field, batch, &usual)?, closest(after, field, batch, &usual)?);
            for (right, (was, is)) in right.iter().zip(was.iter().zip(&is)) {
                if let (Some(was), Some(is)) = (share_found(right, was), share_found(right, is)) {
                    (asked, old, new) = (asked + 1.0, old + was, new + is);
                }
            }
        }
    }
    let share = |found: f64| if asked == 0.0 { 1.0 } else { found / asked };
    Ok((share(old), share(new)))
}

/// The closest live rows of all segments, best first, for each vector.
fn closest(
    segments: &Searched<'_>,
    field: &str,
    vectors: &[&[f32]],
    params: &Params,
) -> Result<Vec<Vec<(u32, f64)>>> {
    let asked = VectorQueries { field, vectors, window: DEPTH, params, time: Deadline::NEVER };
    let mut lists = vec![Vec::new(); vectors.len()];
    for &(segment, alive) in segments {
        let found = search_segment(segment, alive.count(), &asked, alive)?;
        lists.iter_mut().zip(found).for_each(|(list, (rows, _))| list.extend(rows));
    }
    for list in &mut lists {
        list.sort_by(|a, b| b.1.total_cmp(&a.1));
        list.truncate(DEPTH);
    }
    Ok(lists)
}
