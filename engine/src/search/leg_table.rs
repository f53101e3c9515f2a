//! The table of legs, and the run of all legs of some requests.

use std::sync::Arc;

use lexivec_query::request::Leg;

use super::Searcher;
use super::leg::{LegFound, LegSearch};
use super::prepare::Prepared;
use super::text::TextLeg;
use super::vector::VectorLeg;
use crate::error::Result;
use crate::rows::RowSet;

/// The search of a kind of leg.
pub(super) fn of(kind: Leg) -> &'static dyn LegSearch {
    match kind {
        Leg::Text => &TextLeg,
        Leg::Vector => &VectorLeg,
    }
}

/// Runs the legs of requests that are alike; for each request what its legs found, in the order of its legs.
pub(super) fn run(
    searcher: &Searcher,
    task: &[Prepared<'_>],
    matching: &[Arc<RowSet>],
) -> Result<Vec<Vec<LegFound>>> {
    let mut all: Vec<Vec<LegFound>> = task.iter().map(|_| Vec::new()).collect();
    for &kind in Leg::ALL {
        if task.iter().all(|prepared| prepared.leg(kind).is_none()) {
            continue;
        }
        let _stage = searcher.budget.stage(of(kind).stage());
        let found = of(kind).search(searcher, task, matching)?;
        all.iter_mut().zip(found).for_each(|(list, found)| list.extend(found));
    }
    Ok(all)
}
