//! Iteration over postings: seeking to one row, and intersecting several lists.

use tantivy::DocSet;
use tantivy::postings::{Postings, SegmentPostings};

use crate::deadline::Watch;
use crate::error::Result;
use crate::rows::RowSet;

/// Cost of a seek in steps. The wanted rows drive the iteration instead of the postings when there are
/// fewer than an eighth as many of them.
pub(super) const SEEK_COST: u64 = 8;

/// Advances postings to a row; true if the term occurs in it.
#[inline]
pub(super) fn seek_to(postings: &mut impl DocSet, row: u32) -> bool {
    // A seek must not go backwards.
    if postings.doc() < row {
        postings.seek(row);
    }
    postings.doc() == row
}

/// The frequency of a term in a row, 0 if it does not occur there; rows are asked for in ascending order.
#[inline]
pub(super) fn frequency_at(postings: &mut Option<SegmentPostings>, row: u32) -> u32 {
    postings
        .as_mut()
        .map_or(0, |postings| if seek_to(postings, row) { postings.term_freq() } else { 0 })
}

/// Calls `visit` with each row of `among` that all lists contain, ascending, until the time of the watch is over.
#[inline]
pub(super) fn intersect<P: DocSet>(
    lists: &mut [P],
    among: &RowSet,
    watch: &mut Watch,
    mut visit: impl FnMut(u32, &mut [P], &mut Watch) -> Result<()>,
) -> Result<()> {
    let least = lists.iter().map(|list| u64::from(list.size_hint())).min().unwrap_or(0);
    let mut offer = |row: u32, lists: &mut [P], watch: &mut Watch| {
        watch.steps(1)?;
        match lists.iter_mut().all(|list| seek_to(list, row)) {
            true => visit(row, lists, watch),
            false => Ok(()),
        }
    };
    if u64::from(among.count()) * SEEK_COST < least {
        return among.iter().try_for_each(|row| offer(row, lists, watch));
    }
    while let Some(row) = lists.first().map(DocSet::doc).filter(|&row| row < among.rows()) {
        if among.contains(row) {
            offer(row, lists, watch)?;
        }
        if let Some(first) = lists.first_mut() {
            first.advance();
        }
    }
    Ok(())
}
