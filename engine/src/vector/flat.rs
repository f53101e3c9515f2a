//! Scoring rows on their vectors, exactly; over all wanted rows the oracle of every recall figure.

use lexivec_query::topk::TopK;

use super::store::Query;
use crate::error::Result;

/// The `k` closest of some rows, best first; ties go to the lower rank, `rank` being the place of a
/// row's id among the segment's ids.
pub(crate) fn scan(
    query: &Query<'_>,
    rows: impl Iterator<Item = u32>,
    k: usize,
    rank: impl Fn(u32) -> Result<u32>,
) -> Result<Vec<(u32, f64)>> {
    let mut top = TopK::new(k);
    let mut rows = rows.peekable();
    while let Some(row) = rows.next() {
        if let Some(&next) = rows.peek() {
            query.prefetch(next);
        }
        let score = f64::from(query.similarity(row)?);
        // Most rows are far: only one that may enter pays for its rank.
        if top.threshold().is_none_or(|t| score >= t) {
            top.push(score, (rank(row)?, row));
        }
    }
    Ok(top.into_sorted().into_iter().map(|(score, (_, row))| (row, score)).collect())
}
