//! The ranking of a request: its legs are run and fused, and the fused list is reranked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lexivec_query::SearchRequest;
use lexivec_query::answer::{RerankReport, SearchResponse};
use lexivec_query::bind::BoundLeg;
use lexivec_query::fusion::{LegHits, fuse};
use lexivec_query::plan::SegmentPlan;
use lexivec_query::request::{Leg, Params};
use lexivec_query::rerank::Ranked;

use super::prepare::Prepared;
use super::vector::{VectorHits, VectorQueries};
use super::{Searcher, merge, text, vector};
use crate::deadline::Deadline;
use crate::error::Result;
use crate::generation::{DocAddress, Generation};
use crate::rows::RowSet;
use crate::text::TextQuery;

/// The ranked list of a request, before the page is cut out.
pub(super) struct Ranking {
    pub(super) list: Vec<Ranked<DocAddress>>,
    pub(super) rerank: Option<RerankReport>,
    pub(super) rerank_took: Duration,
    confident: Option<bool>,
    pub(super) text_query: Option<TextQuery>,
    plans: Vec<SegmentPlan>,
    /// False if the legs returned all rows they match.
    pub(super) more: bool,
}

impl Ranking {
    /// The request's threshold, unless it is on the scale of a reranker that was not applied.
    pub(super) fn threshold(&self, request: &SearchRequest) -> Option<f64> {
        let applied = self.rerank.as_ref().is_none_or(|r| r.applied);
        request.score_threshold.filter(|_| applied)
    }

    /// Removes and returns the rows of the request's page.
    pub(super) fn page(
        &mut self,
        request: &SearchRequest,
    ) -> impl Iterator<Item = Ranked<DocAddress>> + use<> {
        let (threshold, list) = (self.threshold(request), std::mem::take(&mut self.list));
        let list = list.into_iter().filter(move |row| threshold.is_none_or(|t| row.reaches(t)));
        list.skip(request.offset).take(request.limit)
    }

    /// The parts of an answer besides hits, groups and facets.
    pub(super) fn into_head(
        self,
        generation: &Generation,
        prepared: &Prepared<'_>,
        wanted: &[Arc<RowSet>],
    ) -> SearchResponse {
        let mut head = SearchResponse::default();
        head.generation = generation.number;
        head.seq = generation.seq;
        head.exact = self.plans.iter().all(|p| p.strategy.is_exact());
        head.matching = wanted.iter().map(|rows| u64::from(rows.count())).sum();
        head.adapter = prepared.adapter;
        head.rerank = self.rerank;
        head.confident = self.confident;
        head.plan = prepared.request.explain.then_some(self.plans);
        head
    }
}

impl Searcher {
    /// Ranks the rows of one request.
    pub(super) fn rank_rows(
        &self,
        prepared: &Prepared<'_>,
        wanted: &[Arc<RowSet>],
    ) -> Result<Ranking> {
        self.rank_found(prepared, self.find_vectors(prepared, wanted)?, wanted)
    }

    /// Runs the vector leg of one request.
    pub(super) fn find_vectors(
        &self,
        prepared: &Prepared<'_>,
        wanted: &[Arc<RowSet>],
    ) -> Result<VectorHits> {
        let Some((leg, vector)) = prepared.vector_leg() else { return Ok(VectorHits::default()) };
        let how = (&prepared.request.params, prepared.time);
        Ok(self.vector_leg(leg, &[vector], how, wanted)?.pop().unwrap_or_default())
    }

    pub(super) fn vector_leg(
        &self,
        leg: &BoundLeg,
        vectors: &[&[f32]],
        (params, time): (&Params, Deadline),
        wanted: &[Arc<RowSet>],
    ) -> Result<Vec<VectorHits>> {
        let field = leg.vector_field.as_deref().unwrap_or_default();
        let asked = VectorQueries { field, vectors, window: leg.window, params, time };
        vector::search(&self.generation, &asked, wanted)
    }

    /// Runs the legs of a request whose vector leg has been run already.
    pub(super) fn run_legs(
        &self,
        prepared: &Prepared<'_>,
        found: &mut VectorHits,
        wanted: &[Arc<RowSet>],
    ) -> Result<(Vec<LegHits<DocAddress>>, Option<TextQuery>)> {
        let Prepared { request, bound, time, .. } = prepared;
        let (mut legs, mut text_query) = (Vec::with_capacity(bound.legs.len()), None);
        for leg in &bound.legs {
            let hits = match leg.kind {
                Leg::Text => {
                    let query = text_query.insert(self.text_query(request)?);
                    text::search(&self.generation, query, wanted, leg.window, *time)?
                }
                Leg::Vector => std::mem::take(&mut found.hits),
            };
            legs.push(LegHits { leg: leg.kind, weight: leg.weight, hits });
        }
        Ok((legs, text_query))
    }

    /// Ranks the rows of a request whose vector leg has been run.
    pub(super) fn rank_found(
        &self,
        prepared: &Prepared<'_>,
        mut found: VectorHits,
        wanted: &[Arc<RowSet>],
    ) -> Result<Ranking> {
        let Prepared { request, bound, time, .. } = prepared;
        let (legs, text_query) = self.run_legs(prepared, &mut found, wanted)?;
        let more = legs.iter().zip(&bound.legs).any(|(leg, bound)| leg.hits.len() >= bound.window);
        let confident = request.floor.and_then(|floor| {
            let leg = legs.iter().find(|leg| leg.leg == floor.leg)?;
            Some(leg.hits.first().is_some_and(|(_, score)| *score >= floor.score))
        });
        time.check()?;
        let fused = fuse(&legs, &request.fusion, |a, b| merge::by_id(&self.generation, *a, *b));
        time.check()?;
        let (start, plans) = (Instant::now(), found.plans);
        let (list, rerank) = self.rerank(prepared, fused)?;
        let rerank_took = start.elapsed();
        time.check()?;
        Ok(Ranking { list, rerank, rerank_took, confident, text_query, plans, more })
    }
}
