//! Completion: each leg scores the rows that only other legs brought, for a fusion of complete scores.

use std::collections::HashSet;
use std::sync::Arc;

use super::leg::LegFound;
use super::prepare::Prepared;
use super::{Searcher, leg_table};
use crate::error::Result;
use crate::generation::DocAddress;
use crate::rows::RowSet;

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
        let lists: Vec<Vec<DocAddress>> =
            found.iter().map(|f| f.hits.iter().map(|hit| hit.0).collect()).collect();
        let of_leg =
            |(index, (leg, found)): (usize, (&lexivec_query::bind::BoundLeg, &LegFound))| {
                let own: HashSet<DocAddress> =
                    lists.get(index).into_iter().flatten().copied().collect();
                let others =
                    lists.iter().flatten().copied().filter(|address| !own.contains(address));
                let (rows, count) = self.row_sets(others);
                if count == 0 {
                    return Ok(Vec::new());
                }
                leg_table::of(leg.kind).complete(self, prepared, found, &rows, count)
            };
        legs.iter().zip(found).enumerate().map(of_leg).collect()
    }

    /// Rows as a set for each segment, and their number.
    pub(super) fn row_sets(
        &self,
        rows: impl Iterator<Item = DocAddress>,
    ) -> (Vec<Arc<RowSet>>, usize) {
        let segments = &self.generation.segments;
        let mut sets: Vec<RowSet> =
            segments.iter().map(|live| RowSet::empty(live.segment.rows)).collect();
        for DocAddress { segment, row } in rows {
            if let Some(set) = sets.get_mut(segment as usize) {
                set.insert(row);
            }
        }
        let count = sets.iter().map(|set| set.count() as usize).sum();
        (sets.into_iter().map(Arc::new).collect(), count)
    }
}
