//! Scoring rows on their vectors, exactly; over all wanted rows the oracle of every recall figure.

use lexivec_query::topk::TopK;

use super::store::Query;
use crate::error::Result;

/// Rows that all queries are compared with before the next ones: they stay in the nearest cache.
const BLOCK: usize = 16;

/// The `k` closest of some rows, best first; ties go to the lower rank, `rank` being the place of a
/// row's id among the segment's ids.
pub(crate) fn scan(
    query: &Query<'_>,
    rows: impl Iterator<Item = u32>,
    k: usize,
    rank: impl Fn(u32) -> Result<u32>,
) -> Result<Vec<(u32, f64)>> {
    let found = scan_many(std::slice::from_ref(query), rows, k, rank)?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// As [`scan`], for several queries of one store in one pass.
pub(crate) fn scan_many(
    queries: &[Query<'_>],
    rows: impl Iterator<Item = u32>,
    k: usize,
    rank: impl Fn(u32) -> Result<u32>,
) -> Result<Vec<Vec<(u32, f64)>>> {
    let mut tops: Vec<_> = queries.iter().map(|_| TopK::new(k)).collect();
    let mut rows = rows.peekable();
    let mut block = Vec::with_capacity(BLOCK);
    while rows.peek().is_some() {
        block.clear();
        block.extend(rows.by_ref().take(BLOCK));
        for (query, top) in queries.iter().zip(&mut tops) {
            let ahead = block.iter().skip(1).chain(rows.peek());
            let mut ahead = ahead.copied();
            for &row in &block {
                if let Some(next) = ahead.next() {
                    query.prefetch(next);
                }
                let score = f64::from(query.similarity(row)?);
                // Most rows are far: only one that may enter pays for its rank.
                if top.threshold().is_none_or(|t| score >= t) {
                    top.push(score, (rank(row)?, row));
                }
            }
        }
    }
    let sorted = |top: TopK<(u32, u32)>| {
        top.into_sorted().into_iter().map(|(score, (_, row))| (row, score)).collect()
    };
    Ok(tops.into_iter().map(sorted).collect())
}
