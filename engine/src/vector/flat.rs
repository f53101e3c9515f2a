//! The exact scan: every wanted row compared with the query; the oracle of every recall figure.

use lexivec_query::topk::TopK;

use super::store::VectorStore;
use crate::error::Result;
use crate::segment::RowSet;

/// The `k` closest of `wanted`, best first; ties go to the lower rank, `rank` being the place of a
/// row's id among the segment's ids.
pub(crate) fn scan(
    store: &VectorStore,
    vector: &[f32],
    wanted: &RowSet,
    k: usize,
    rank: impl Fn(u32) -> Result<u32>,
) -> Result<Vec<(u32, f64)>> {
    let query = store.query(vector);
    let mut top = TopK::new(k);
    for row in wanted.iter() {
        let score = f64::from(query.similarity(row)?);
        // Most rows are far: only one that may enter pays for its rank.
        if top.threshold().is_none_or(|t| score >= t) {
            top.push(score, (rank(row)?, row));
        }
    }
    Ok(top.into_sorted().into_iter().map(|(score, (_, row))| (row, score)).collect())
}
