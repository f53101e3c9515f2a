//! Completion: each leg scores the rows that only other legs brought, for a fusion of complete scores.

use std::collections::HashSet;
use std::sync::Arc;

use lexivec_query::request::Leg;

use super::leg::LegFound;
use super::prepare::Prepared;
use super::{Searcher, leg_table};
use crate::error::Result;
use crate::generation::DocAddress;
use crate::rows::RowSet;

/// For each list of hits, the rows that only the other lists have, in the order of their addresses.
pub(super) fn of_others(lists: &[&[(DocAddress, f64)]]) -> Vec<Vec<DocAddress>> {
    let mut brought: Vec<DocAddress> = lists.iter().copied().flatten().map(|hit| hit.0).collect();
    brought.sort_unstable();
    brought.dedup();
    let others = |list: &&[(DocAddress, f64)]| {
        let own: HashSet<DocAddress> = list.iter().map(|hit| hit.0).collect();
        brought.iter().copied().filter(|address| !own.contains(address)).collect()
    };
    lists.iter().map(others).collect()
}

impl Searcher {
    /// For each leg of a request, its scores of the rows that only other legs brought; empty lists unless the request
    /// fuses complete scores of several legs.
    pub(super) fn completed(
        &self,
        prepared: &Prepared<'_>,
        found: &[LegFound],
    ) -> Result<Vec<Vec<(DocAddress, f64)>>> {
        let legs = &prepared.bound.legs;
        if legs.len() < 2 || !prepared.bound.fusion.is_complete() {
            return Ok(vec![Vec::new(); found.len()]);
        }
        let lists: Vec<_> = found.iter().map(|found| found.hits.as_slice()).collect();
        let legs = legs.iter().zip(found).zip(of_others(&lists));
        legs.map(|((leg, found), rows)| self.score(leg.kind, prepared, found, &rows)).collect()
    }

    /// The scores that a leg gives to rows; those that it does not match are left out.
    pub(super) fn score(
        &self,
        leg: Leg,
        prepared: &Prepared<'_>,
        found: &LegFound,
        rows: &[DocAddress],
    ) -> Result<Vec<(DocAddress, f64)>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let segments = &self.generation.segments;
        let mut sets: Vec<RowSet> =
            segments.iter().map(|live| RowSet::empty(live.segment.rows)).collect();
        for DocAddress { segment, row } in rows {
            if let Some(set) = sets.get_mut(*segment as usize) {
                set.insert(*row);
            }
        }
        let sets: Vec<_> = sets.into_iter().map(Arc::new).collect();
        leg_table::of(leg).complete(self, prepared, found, &sets)
    }
}
