//! The best rows of a segment, ordered by the one tie rule: score, then the rank of the id.

use lexivec_query::topk::TopK;

use crate::error::Result;

/// Keeps the best of the offered rows. `R` gives a row's rank among the segment's ids; it is called
/// only for rows that may enter.
pub(crate) struct TopRows<R> {
    top: TopK<(u32, u32)>,
    rank: R,
}

impl<R: Fn(u32) -> Result<u32>> TopRows<R> {
    pub(crate) fn new(k: usize, rank: R) -> Self {
        Self { top: TopK::new(k), rank }
    }

    /// The lowest kept score once enough rows are kept: a lower one cannot enter any more.
    #[inline]
    pub(crate) fn threshold(&self) -> Option<f64> {
        self.top.threshold()
    }

    #[inline]
    pub(crate) fn offer(&mut self, row: u32, score: f64) -> Result<()> {
        if self.threshold().is_none_or(|least| score >= least) {
            self.top.push(score, ((self.rank)(row)?, row));
        }
        Ok(())
    }

    /// The rows with their scores, best first.
    pub(crate) fn into_sorted(self) -> Vec<(u32, f64)> {
        self.top.into_sorted().into_iter().map(|(score, (_, row))| (row, score)).collect()
    }
}
