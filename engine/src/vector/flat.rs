//! The exact scan of stored vectors; over all matching rows it is the ground truth of every recall figure.

use super::store::Query;
use crate::error::Result;
use crate::rows::TopRows;

/// Rows that all queries are compared with before the next ones: they stay in the L1 cache.
const BLOCK: usize = 8;

/// The `k` closest of some rows for each query of one store, in one pass, best first. Ties go to the
/// lower `rank`, the index of a row's id among the segment's sorted ids.
pub(crate) fn scan_many(
    queries: &[Query<'_>],
    mut rows: impl Iterator<Item = u32>,
    k: usize,
    rank: impl Fn(u32) -> Result<u32>,
) -> Result<Vec<Vec<(u32, f64)>>> {
    let mut all: Vec<_> = queries.iter().map(|_| TopRows::new(k, &rank)).collect();
    let Some(first) = queries.first() else {
        return Ok(Vec::new());
    };
    let (mut block, mut next) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
    first.take(&mut rows, BLOCK, &mut block)?;
    while !block.is_empty() {
        // Prefetched while the block before them is compared.
        first.take(&mut rows, BLOCK, &mut next)?;
        for (query, best) in queries.iter().zip(&mut all) {
            for stored in &block {
                best.offer(stored.row, f64::from(query.similarity(stored)))?;
            }
        }
        std::mem::swap(&mut block, &mut next);
    }
    Ok(all.into_iter().map(TopRows::into_sorted).collect())
}
