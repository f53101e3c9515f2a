//! Going through postings: to one row, or through all rows that some lists have in common.

use tantivy::DocSet;

use crate::segment::RowSet;

/// The wanted rows drive instead of the postings when they are fewer than this share (1/8) of them: a
/// seek costs about as much as eight steps.
pub(super) const SEEK_COST: u64 = 8;

/// Moves postings on to a row; true if the term occurs in it.
#[inline]
pub(super) fn reach(postings: &mut impl DocSet, row: u32) -> bool {
    // A seek must not go back.
    if postings.doc() < row {
        postings.seek(row);
    }
    postings.doc() == row
}

/// Shows each row among some that all lists have, ascending.
#[inline]
pub(super) fn walk<P: DocSet>(
    lists: &mut [P],
    among: &RowSet,
    mut show: impl FnMut(u32, &mut [P]),
) {
    let least = lists.iter().map(|list| u64::from(list.size_hint())).min().unwrap_or(0);
    let mut offer = |row: u32, lists: &mut [P]| {
        if lists.iter_mut().all(|list| reach(list, row)) {
            show(row, lists);
        }
    };
    if u64::from(among.count()) * SEEK_COST < least {
        among.iter().for_each(|row| offer(row, lists));
        return;
    }
    while let Some(row) = lists.first().map(DocSet::doc).filter(|&row| row < among.rows()) {
        if among.contains(row) {
            offer(row, lists);
        }
        if let Some(first) = lists.first_mut() {
            first.advance();
        }
    }
}
