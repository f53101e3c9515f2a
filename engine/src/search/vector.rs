//! The vector leg over all segments: each is scanned or walked by the planner's choice; queries that
//! share their rows are answered together.

use std::borrow::Cow;
use std::sync::Arc;

use lexivec_query::SearchRequest;
use lexivec_query::bind::BoundLeg;
use lexivec_query::limits::{DEFAULT_EF, PAGE_BYTES, USUAL_RECALL};
use lexivec_query::plan::{SegmentFacts, SegmentPlan, Strategy, Work};
use lexivec_query::planner::{costs_of, plan_vector};
use lexivec_query::request::{Leg, Params};
use lexivec_query::topk::descending;

use super::Searcher;
use super::leg::{LegFound, LegSearch, RowTrace};
use super::merge::{by_id, merge};
use super::prepare::Prepared;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::fields::Vectors;
use crate::generation::{DocAddress, Generation};
use crate::rows::RowSet;
use crate::segment::Segment;
use crate::trace::SearchStage;
use crate::vector::distance::machine;
use crate::vector::hnsw::{self, CodeRows, PageBudget, Widen};
use crate::vector::{CodeQuery, Codes, Pages, Query, ScoredRow, rescore, scan_many};

/// Factor by which the last wanted row may be farther out than expected: for ten hits among random rows
/// a standard deviation is a third of that.
const RIM: f64 = 1.5;
/// Factor by which a beam has to be wider than the depth of the last wanted row, if that row is farther
/// out than expected: with half this factor, a filter that admits the half of 100,000 rows farthest
/// from a query had a recall of 0.9675.
const DEEP: usize = 4;

/// The queries of the vector leg.
#[derive(Clone, Copy)]
pub(super) struct VectorQueries<'a> {
    pub(super) field: &'a str,
    pub(super) vectors: &'a [&'a [f32]],
    pub(super) window: usize,
    pub(super) params: &'a Params,
    pub(super) time: Deadline,
}

/// The leg of vectors: similarity in one vector field.
pub(super) struct VectorLeg;

impl LegSearch for VectorLeg {
    fn stage(&self) -> SearchStage {
        SearchStage::Vector
    }

    fn search(
        &self,
        searcher: &Searcher,
        task: &[Prepared<'_>],
        matching: &[Arc<RowSet>],
    ) -> Result<Vec<Option<LegFound>>> {
        let runs = |p: &Prepared<'_>| p.leg(Leg::Vector).map(|_| LegFound::default());
        let Some((first, (leg, _))) = task.first().and_then(|p| Some((p, p.vector_leg()?))) else {
            return Ok(task.iter().map(runs).collect());
        };
        let vectors: Vec<&[f32]> = task.iter().filter_map(|p| Some(p.vector_leg()?.1)).collect();
        let field = leg.vector_field.as_deref().unwrap_or_default();
        // Shared work has the earliest deadline of the requests.
        let time = task.iter().fold(first.time, |time, p| time.earlier(p.time));
        let params = &first.request.params;
        let asked = VectorQueries { field, vectors: &vectors, window: leg.window, params, time };
        Ok(search(&searcher.generation, &asked, matching)?.into_iter().map(Some).collect())
    }

    fn complete(
        &self,
        searcher: &Searcher,
        prepared: &Prepared<'_>,
        _: &LegFound,
        rows: &[Arc<RowSet>],
    ) -> Result<Vec<(DocAddress, f64)>> {
        let Some((leg, vector)) = prepared.vector_leg() else { return Ok(Vec::new()) };
        let (field, time) = (leg.vector_field.as_deref().unwrap_or_default(), prepared.time);
        let params = &Params { exact: true, ..Params::default() };
        let window = RowSet::total(rows) as usize;
        let asked = VectorQueries { field, vectors: &[vector], window, params, time };
        let found = search(&searcher.generation, &asked, rows)?.pop();
        Ok(found.map_or(Vec::new(), |found| found.hits))
    }

    fn same_list(&self, _: &SearchRequest, _: &SearchRequest) -> bool {
        true
    }

    fn locate(&self, trace: &RowTrace<'_>, leg: &BoundLeg) -> Result<Option<(usize, f64)>> {
        let Some(vector) = trace.prepared.vector.as_deref() else { return Ok(None) };
        let (generation, address) = (&trace.searcher.generation, trace.address);
        let field = leg.vector_field.as_deref().unwrap_or_default();
        let segments = (0u32..).zip(&generation.segments).zip(trace.matching);
        let stores = segments.filter_map(|((segment, live), rows)| {
            Some((segment, &live.segment.vectors(field)?.store, rows))
        });
        let own = stores.clone().find(|(segment, store, _)| {
            *segment == address.segment && store.present.contains(address.row)
        });
        let Some((_, store, _)) = own else { return Ok(None) };
        let query = store.query(vector);
        let own = f64::from(query.similarity(&query.stored(address.row)?));
        let rank = by_id(generation, |ties| -> Result<usize> {
            let mut rank = 1;
            for (segment, store, rows) in stores {
                trace.prepared.time.check()?;
                let query = store.query(vector);
                for row in rows.iter().filter(|&row| store.present.contains(row)) {
                    let score = f64::from(query.similarity(&query.stored(row)?));
                    let other = DocAddress::new(segment, row);
                    let order = descending(score, own).then_with(|| ties.order(other, address));
                    rank += usize::from(order.is_lt());
                }
            }
            Ok(rank)
        })?;
        Ok(Some((rank?, own)))
    }

    fn absent(&self, trace: &RowTrace<'_>, leg: &BoundLeg) -> String {
        match trace.prepared.vector {
            Some(_) => {
                let field = leg.vector_field.as_deref().unwrap_or_default();
                format!("it has no vector in field {field:?}")
            }
            None => "the model has nothing to say about the words".to_owned(),
        }
    }
}

/// Rows of one segment with their scores, and the segment's plan.
pub(super) type InSegment = (Vec<(u32, f64)>, SegmentPlan);

/// Answers all queries, in their order.
pub(super) fn search(
    generation: &Generation,
    asked: &VectorQueries<'_>,
    wanted: &[Arc<RowSet>],
) -> Result<Vec<LegFound>> {
    let mut all = asked.vectors.iter().map(|_| LegFound::default()).collect::<Vec<_>>();
    for ((segment, live), rows) in (0u32..).zip(&generation.segments).zip(wanted) {
        asked.time.check()?;
        let found = search_segment(&live.segment, live.alive.count(), asked, rows)?;
        for (found, (rows, plan)) in all.iter_mut().zip(found) {
            let hits = rows.into_iter().map(|(row, score)| (DocAddress::new(segment, row), score));
            found.hits.extend(hits);
            found.plans.push(plan);
        }
    }
    for found in &mut all {
        merge(generation, &mut found.hits, asked.window)?;
    }
    Ok(all)
}

/// The closest wanted rows of one segment for each query; `None` if the segment lacks the field.
pub(super) fn search_segment(
    segment: &Segment,
    live: u32,
    asked: &VectorQueries<'_>,
    wanted: &RowSet,
) -> Result<Vec<InSegment>> {
    let Some(vectors) = segment.vectors(asked.field) else {
        return Ok(Vec::new());
    };
    let mut rows = Cow::Borrowed(wanted);
    if !vectors.store.present.is_full() {
        rows.to_mut().intersect(&vectors.store.present);
    }
    let costs = costs_of(machine());
    let facts = facts(vectors, live, &rows, asked);
    let plan = plan_vector(&facts, asked.window, asked.params, costs);
    let search = Search { segment, vectors, asked, rows: &rows, facts };
    search.run(&plan)
}

fn facts(vectors: &Vectors, live: u32, rows: &RowSet, asked: &VectorQueries<'_>) -> SegmentFacts {
    let (codes, curve) = (vectors.codes.as_ref(), vectors.curve.as_ref());
    let target = asked.params.target_recall;
    SegmentFacts {
        rows: vectors.store.present.count(),
        live,
        matching: rows.count(),
        has_codes: codes.is_some(),
        has_graph: vectors.graph.is_some(),
        degree: vectors.graph.as_ref().map_or(0, |g| g.degree() as u32),
        vector_bytes: vectors.store.dim as u32 * 4,
        code_bytes: codes.map_or(0, |c| c.row_bytes() as u32),
        rescored: codes.map_or(0, |c| rescored(c, asked.window, rows) as u32),
        walked_bytes: match (&vectors.graph, codes) {
            (Some(graph), Some(codes)) if !graph.is_by_vectors() => codes.row_bytes() as u32,
            _ => vectors.store.dim as u32 * 4,
        },
        code_recall: match (curve, codes) {
            (Some(curve), _) => Some(curve.scan(asked.window)),
            (None, codes) => codes.and_then(Codes::usual_recall),
        },
        usual_ef: match curve {
            Some(curve) => curve.wide_enough(DEFAULT_EF, USUAL_RECALL, asked.window),
            None => Some(DEFAULT_EF),
        },
        target_ef: target.and_then(|target| curve?.mean_ef(target, asked.window)),
    }
}

/// Rows that a code scan returns, to be rescored on their vectors.
fn rescored(codes: &Codes, window: usize, rows: &RowSet) -> usize {
    window + codes.spare(window, rows.count())
}

/// A search of one segment.
struct Search<'a> {
    segment: &'a Segment,
    vectors: &'a Vectors,
    asked: &'a VectorQueries<'a>,
    rows: &'a RowSet,
    facts: SegmentFacts,
}

impl Search<'_> {
    fn run(&self, plan: &SegmentPlan) -> Result<Vec<InSegment>> {
        let (asked, store) = (self.asked, &self.vectors.store);
        let queries: Vec<_> = asked.vectors.iter().map(|vector| store.query(vector)).collect();
        let codes = match (&plan.strategy, &self.vectors.codes) {
            (Strategy::Empty, _) => {
                let nothing = || (Vec::new(), self.done(plan, Work::default(), |_| ()));
                return Ok(queries.iter().map(|_| nothing()).collect());
            }
            (Strategy::Exact, _) | (_, None) => return self.exact(plan, &queries),
            (_, Some(codes)) => codes,
        };
        let near: Vec<_> =
            queries.iter().map(|q| codes.query(q.vector(), q.inverse_norm())).collect();
        match (&plan.strategy, &self.vectors.graph) {
            (Strategy::Graph { ef } | Strategy::FilteredGraph { ef }, Some(graph)) => {
                let asked = queries.iter().zip(&near);
                asked
                    .map(|(query, near)| self.by_walk(plan, graph, codes, *ef, query, near))
                    .collect()
            }
            _ => self.by_codes(plan, codes, &queries, &near),
        }
    }

    /// The plan that was run; `touch` counts its pages if the request bounds them.
    fn done(&self, plan: &SegmentPlan, work: Work, touch: impl FnOnce(&mut Pages)) -> SegmentPlan {
        let page_reads = self.pages().map(|mut pages| {
            touch(&mut pages);
            pages.count()
        });
        SegmentPlan {
            page_reads,
            work,
            actual: plan.costs.micros(&self.facts, &work),
            ..plan.clone()
        }
    }

    fn rank(&self, row: u32) -> Result<u32> {
        self.segment.documents.rank(row)
    }

    fn exact(&self, plan: &SegmentPlan, queries: &[Query<'_>]) -> Result<Vec<InSegment>> {
        let (store, rows, time) = (&self.vectors.store, self.rows.iter(), self.asked.time);
        let (window, rank) = (self.asked.window, |row| self.rank(row));
        let found = match time.is_bounded() {
            false => scan_many(queries, rows, window, rank)?,
            true => scan_many(queries, time.rows(rows), window, rank)?,
        };
        time.check()?;
        let work = Work { scored: u64::from(self.rows.count()), ..Work::default() };
        let plan = self.done(plan, work, |pages| {
            self.rows.iter().for_each(|row| store.touch(row, pages));
        });
        Ok(found.into_iter().map(|rows| (rows, plan.clone())).collect())
    }

    fn by_codes(
        &self,
        plan: &SegmentPlan,
        codes: &Codes,
        queries: &[Query<'_>],
        near: &[CodeQuery],
    ) -> Result<Vec<InSegment>> {
        let (window, store) = (self.asked.window, &self.vectors.store);
        let found = self.scan(codes, near)?;
        let mut all = Vec::with_capacity(queries.len());
        for (query, mut best) in queries.iter().zip(found) {
            let (found, scored) = rescore(query, &mut best, window, |row| self.rank(row))?;
            let scanned = u64::from(self.rows.count());
            let work = Work { scanned, scored: scored as u64, ..Work::default() };
            let plan = self.done(plan, work, |pages| {
                self.rows.iter().for_each(|row| codes.touch(row, pages));
                best.iter().take(scored).for_each(|near| store.touch(near.row, pages));
            });
            all.push((found, plan));
        }
        Ok(all)
    }

    /// The rows closest by their codes, for each query.
    fn scan(&self, codes: &Codes, near: &[CodeQuery]) -> Result<Vec<Vec<ScoredRow>>> {
        let (rows, time) = (self.rows.iter(), self.asked.time);
        let most = rescored(codes, self.asked.window, self.rows);
        let found = match time.is_bounded() {
            false => codes.scan_many(near, rows, most)?,
            true => codes.scan_many(near, time.rows(rows), most)?,
        };
        time.check()?;
        Ok(found)
    }

    /// Walks the graph; scans if the walk met too few wanted rows, as no hit may be missing.
    fn by_walk(
        &self,
        plan: &SegmentPlan,
        graph: &hnsw::Graph,
        codes: &Codes,
        ef: usize,
        query: &Query<'_>,
        near: &CodeQuery,
    ) -> Result<InSegment> {
        let (window, store) = (self.asked.window, &self.vectors.store);
        let wanted = window.min(self.rows.count() as usize);
        self.asked.time.check()?;
        let mut pages = self.pages();
        let (found, walked, width) = self.walk(graph, codes, (query, near), ef, pages.as_mut())?;
        let mut work = Work { walked, ..Work::default() };
        let mut plan = plan.clone();
        if let Strategy::Graph { ef } | Strategy::FilteredGraph { ef } = &mut plan.strategy {
            *ef = width;
        }
        let mut best: Vec<ScoredRow>;
        if self.is_sure(&found, wanted) {
            let wanted = found.into_iter().filter(|near| self.rows.contains(near.row));
            let most = match plan.strategy {
                Strategy::Graph { .. } => graph.scored(codes, window),
                _ => rescored(codes, window, self.rows),
            };
            best = wanted.take(most).collect();
        } else {
            plan.tried = Some(std::mem::replace(&mut plan.strategy, Strategy::Codes));
            work.scanned = u64::from(self.rows.count());
            best = self.scan(codes, std::slice::from_ref(near))?.pop().unwrap_or_default();
            if let Some(pages) = &mut pages {
                self.rows.iter().for_each(|row| codes.touch(row, pages));
                // The order decides which rows are dropped when the page budget ends.
                best.sort_unstable_by(|a, b| b.cmp(a));
            }
        }
        if let Some(pages) = &mut pages {
            let mut count = 0;
            best.retain(|near| {
                count += 1;
                let keep = count <= wanted || pages.left() > 0;
                if keep {
                    store.touch(near.row, pages);
                }
                keep
            });
        }
        let (rows, scored) = rescore(query, &mut best, window, |row| self.rank(row))?;
        work.scored = scored as u64;
        let page_reads = pages.map(|pages| pages.count());
        Ok((rows, SegmentPlan { page_reads, ..self.done(&plan, work, |_| ()) }))
    }

    /// The page counter, if the request bounds pages.
    fn pages(&self) -> Option<Pages> {
        self.asked.params.max_page_reads.map(Pages::new)
    }

    /// False if the walk met fewer wanted rows than there are; or if it met the last of them near the
    /// rim of the beam, where it misses many, although wanted rows are frequent enough for it to be
    /// nearer: the filter admits rows far from the query.
    fn is_sure(&self, found: &[ScoredRow], enough: usize) -> bool {
        if enough == 0 {
            return true;
        }
        let mut indices = (0..found.len()).filter(|&index| self.rows.contains(found[index].row));
        let Some(index) = indices.nth(enough - 1) else {
            return false;
        };
        let expected = enough as f64 / self.share();
        index as f64 <= expected * RIM || index * DEEP <= found.len()
    }

    /// Share of the rows that the filter admits.
    fn share(&self) -> f64 {
        f64::from(self.rows.count()) / f64::from(self.vectors.store.present.count().max(1))
    }

    /// Walks the graph with a beam of width `ef`, or of the width that the query needs for the target
    /// recall; returns the rows found, the number of rows compared, and the width.
    fn walk(
        &self,
        graph: &hnsw::Graph,
        codes: &Codes,
        (query, near): (&Query<'_>, &CodeQuery),
        ef: usize,
        pages: Option<&mut Pages>,
    ) -> Result<(Vec<ScoredRow>, u64, usize)> {
        let steps = |ef: usize, widen: Widen<'_>, bound: Option<PageBudget<'_>>| match graph
            .is_by_vectors()
        {
            true => hnsw::search(graph, query, &[], ef, widen, bound),
            false => hnsw::search(graph, &CodeRows::new(codes, near)?, &[], ef, widen, bound),
        };
        // A vector and its norm may each lie on two pages.
        let spare = self.asked.window * (self.vectors.store.dim * 4 / PAGE_BYTES + 3);
        let bound = pages.map(|pages| PageBudget { spare: spare.min(pages.left() / 2), pages });
        let (Some(target), Some(curve)) = (self.asked.params.target_recall, &self.vectors.curve)
        else {
            let (found, walked) = steps(ef, Widen::Never, bound)?;
            return Ok((found, walked, ef));
        };
        let window = self.asked.window;
        let share = self.share();
        let mut width = None;
        let mut widen = |beam: &hnsw::Beam| match width {
            Some(_) => None,
            None => {
                let ef = curve.ef(beam, target, window) as f64 / share;
                width = Some(ef.ceil() as usize);
                width
            }
        };
        let first = curve.first(window);
        let widen = Widen::With(&mut widen);
        let (found, walked) = steps(first, widen, bound)?;
        Ok((found, walked, width.unwrap_or(ef)))
    }
}
