//! The legs of a request before their fusion, by id, as a root of shards merges and fuses them.

use lexivec_query::SearchRequest;
use lexivec_query::facets::Key;
use lexivec_query::shards::{Candidate, LegCandidates, Legs};

use super::{Searcher, leg_table};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::generation::DocAddress;
use crate::rows::RowSet;

impl Searcher {
    /// Runs the legs of a request and gives their candidates before the fusion: ids and raw scores, with the keys of
    /// groups and the counts of facets that the request asks for. [`Legs::merge`] joins those of several shards and
    /// [`Legs::page`] fuses them: with the statistics of all shards
    /// ([`with_statistics`](Self::with_statistics)) and exact legs, scores and order are those of one collection.
    /// A rerank is the root's: the windows are as wide as it needs, and it does not run here.
    ///
    /// # Errors
    /// As [`search`](Self::search); and where the request names a profile, which has to be applied before the request
    /// is sent to the shards.
    pub fn legs(&self, request: &SearchRequest) -> Result<Legs> {
        if request.profile.is_some() {
            let detail =
                "legs are fused elsewhere; apply the profile to the request before it is sent";
            return Err(Error::invalid("profile", detail));
        }
        let prepared = self.prepare(request, Deadline::of(request))?;
        let matching = self.matching(&request.filter, prepared.time)?;
        let found = leg_table::run(self, std::slice::from_ref(&prepared), &matching)?.pop();
        let found = found.unwrap_or_default();
        let completed = self.completed(&prepared, &found)?;
        let (mut lists, mut exact) = (Vec::with_capacity(prepared.bound.legs.len()), true);
        for ((leg, found), completed) in prepared.bound.legs.iter().zip(found).zip(completed) {
            exact &= found.plans.iter().all(|plan| plan.strategy.is_exact());
            let candidate = |(address, score)| self.candidate(request, address, score);
            let candidates = found.hits.into_iter().map(candidate).collect::<Result<_>>()?;
            let completed = completed.into_iter().map(candidate).collect::<Result<_>>()?;
            let (weight, window) = (leg.weight, leg.window);
            lists.push(LegCandidates { leg: leg.kind, weight, window, candidates, completed });
        }
        let tally = |facet| self.tally(facet, &matching, prepared.time);
        Ok(Legs {
            legs: lists,
            fusion: prepared.bound.fusion,
            matching: RowSet::total(&matching),
            exact,
            facets: request.facets.iter().map(tally).collect::<Result<_>>()?,
        })
    }

    fn candidate(
        &self,
        request: &SearchRequest,
        DocAddress { segment, row }: DocAddress,
        score: f64,
    ) -> Result<Candidate> {
        let live = self.generation.segment(segment)?;
        let groups = match &request.group_by {
            Some(by) => Key::all_at(&live.payload(&self.schema, row)?, &by.field),
            None => Vec::new(),
        };
        Ok(Candidate { id: live.id(row)?.to_owned(), score, groups })
    }
}
