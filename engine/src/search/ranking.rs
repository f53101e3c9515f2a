//! The ranking of a request: its legs are run and fused, and the fused list is reranked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lexivec_query::SearchRequest;
use lexivec_query::answer::{RerankReport, SearchResponse};
use lexivec_query::fusion::{LegHits, fuse};
use lexivec_query::plan::SegmentPlan;
use lexivec_query::request::{Leg, Syntax};
use lexivec_query::rerank::Ranked;

use super::leg::LegFound;
use super::merge::by_id;
use super::prepare::Prepared;
use super::{Searcher, leg_table};
use crate::error::Result;
use crate::generation::{DocAddress, Generation};
use crate::rows::RowSet;
use crate::text::TextQuery;
use crate::trace::SearchStage;

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
    /// True if plain words were looked for, and no row has one.
    pub(super) unmatched: bool,
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
        head.matching = RowSet::total(wanted);
        head.text_cut = prepared.request.text_cut();
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
        let found = leg_table::run(self, std::slice::from_ref(prepared), wanted)?.pop();
        self.rank_found(prepared, found.unwrap_or_default())
    }

    /// Ranks the rows of a request whose legs have been run.
    pub(super) fn rank_found(
        &self,
        prepared: &Prepared<'_>,
        found: Vec<LegFound>,
    ) -> Result<Ranking> {
        let stage = self.budget.stage(SearchStage::Fuse);
        let Prepared { request, bound, time, .. } = prepared;
        let (mut text_query, mut plans, mut more) = (None, Vec::new(), false);
        let mut unmatched = false;
        let completed = self.completed(prepared, &found)?;
        let mut legs = Vec::with_capacity(bound.legs.len());
        for ((leg, found), completed) in bound.legs.iter().zip(found).zip(completed) {
            more |= found.hits.len() >= leg.window;
            unmatched |= leg.kind == Leg::Text && found.hits.is_empty() && leg.window > 0;
            plans.extend(found.plans);
            text_query = found.query.or(text_query);
            let (weight, hits) = (leg.weight, found.hits);
            legs.push(LegHits { leg: leg.kind, weight, hits, completed });
        }
        let confident = request.floor.and_then(|floor| {
            let leg = legs.iter().find(|leg| leg.leg == floor.leg)?;
            Some(leg.hits.first().is_some_and(|(_, score)| *score >= floor.score))
        });
        time.check()?;
        let fused =
            by_id(&self.generation, |ties| fuse(&legs, &bound.fusion, |a, b| ties.order(*a, *b)))?;
        time.check()?;
        self.budget.trace_plans(&plans);
        drop(stage);
        let _stage = request.rerank.as_ref().and_then(|_| self.budget.stage(SearchStage::Rerank));
        let start = Instant::now();
        let (list, rerank) = self.rerank(prepared, fused)?;
        let rerank_took = start.elapsed();
        time.check()?;
        let unmatched = unmatched && request.syntax == Syntax::Words;
        Ok(Ranking { list, rerank, rerank_took, confident, text_query, plans, more, unmatched })
    }
}
