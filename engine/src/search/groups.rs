//! Groups of hits by the values of a payload field, and facet counts of those values.

use std::sync::Arc;

use lexivec_query::SearchRequest;
use lexivec_query::answer::{Group, Groups};
use lexivec_query::facets::{Facet, FacetCounts, GroupBuilder, GroupBy, Key, Tally};
use lexivec_query::limits::{GROUP_WIDENING, MAX_WINDOW};

use super::Searcher;
use super::prepare::Prepared;
use super::ranking::Ranking;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::generation::DocAddress;
use crate::rows::RowSet;

impl Searcher {
    /// Counts the facets of a request.
    pub(super) fn facets(
        &self,
        request: &SearchRequest,
        wanted: &[Arc<RowSet>],
        time: Deadline,
    ) -> Result<Vec<FacetCounts>> {
        request.facets.iter().map(|facet| self.facet_of(facet, wanted, time)).collect()
    }

    pub(super) fn facet_of(
        &self,
        facet: &Facet,
        wanted: &[Arc<RowSet>],
        time: Deadline,
    ) -> Result<FacetCounts> {
        Ok(self.tally(facet, wanted, time)?.into_counts(facet))
    }

    /// Counts all values of a facet.
    pub(super) fn tally(
        &self,
        facet: &Facet,
        wanted: &[Arc<RowSet>],
        time: Deadline,
    ) -> Result<Tally> {
        let mut tally = Tally::default();
        for (live, rows) in self.generation.segments.iter().zip(wanted) {
            time.check()?;
            live.count_values(&self.schema, &facet.field, rows, &mut tally)?;
        }
        Ok(tally)
    }

    /// Groups a request's final list. If it does not fill the groups, the request is ranked again with
    /// wider legs; also returns the last ranking.
    pub(super) fn groups(
        &self,
        prepared: &Prepared<'_>,
        by: &GroupBy,
        mut ranking: Ranking,
        wanted: &[Arc<RowSet>],
    ) -> Result<(Groups, Ranking)> {
        let request = prepared.request;
        let limit = by.limit.unwrap_or(request.limit);
        let mut wider = prepared.clone();
        loop {
            let mut filling = GroupBuilder::new(limit, by.size);
            let threshold = ranking.threshold(request);
            let mut looked_at = 0;
            for (index, row) in ranking.list.iter().enumerate() {
                if filling.are_full() {
                    break;
                }
                prepared.time.check()?;
                looked_at = index + 1;
                if threshold.is_none_or(|t| row.reaches(t)) {
                    let DocAddress { segment, row: number } = row.fused.key;
                    let live = self.generation.segment(segment)?;
                    let payload = live.payload(&self.schema, number)?;
                    filling.push(Key::all_at(&payload, &by.field), row);
                }
            }
            let open = ranking.more && !filling.are_full();
            let narrow = |leg: &lexivec_query::bind::BoundLeg| leg.window < MAX_WINDOW;
            if open && wider.bound.legs.iter().any(narrow) {
                for leg in &mut wider.bound.legs {
                    leg.window = leg.window.max(1).saturating_mul(GROUP_WIDENING).min(MAX_WINDOW);
                }
                // The rerank budget is for the whole answer, not for each of its rankings.
                wider.rerank_budget = wider.rerank_budget.saturating_sub(ranking.rerank_took);
                ranking = self.rank_rows(&wider, wanted)?;
                continue;
            }
            let query = ranking.text_query.as_ref();
            let mut list = Vec::new();
            for (value, rows) in filling.into_groups() {
                let hits = self.read(request, query, rows.into_iter(), prepared.time)?;
                list.push(Group { value, hits });
            }
            return Ok((Groups { list, looked_at, complete: !open }, ranking));
        }
    }
}
