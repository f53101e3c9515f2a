//! Selection of the best rows of a code scan, which are then rescored on their vectors.

use crate::vector::ScoredRow;

/// Keeps the `most` closest of the offered rows. It collects twice as many before it drops the farther
/// half: for hundreds of rows that is cheaper than a heap.
pub(super) struct TopCodes {
    most: usize,
    rows: Vec<ScoredRow>,
    /// No row below this can be among the closest any more.
    least: f32,
}

impl TopCodes {
    pub(super) fn new(most: usize) -> Self {
        Self { most, rows: Vec::new(), least: f32::NEG_INFINITY }
    }

    #[inline]
    pub(super) fn offer(&mut self, score: f32, row: u32) {
        // A row that ties may be the lower one. A NaN, which a file's floats may give, is never kept.
        if score >= self.least {
            self.rows.push(ScoredRow { score, row });
            if self.rows.len() >= 2 * self.most.max(1) {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if self.rows.len() > self.most && self.most > 0 {
            let (_, last, _) = self.rows.select_nth_unstable_by(self.most - 1, |a, b| b.cmp(a));
            self.least = last.score;
        }
        self.rows.truncate(self.most);
    }

    /// The kept rows in no order: the caller reads only a few of them.
    pub(super) fn into_rows(mut self) -> Vec<ScoredRow> {
        self.cut();
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_sorting_everything(
            scores in prop::collection::vec(prop_oneof![(0u8..9).prop_map(f32::from), Just(f32::NAN)], 0..80),
            most in 0usize..20,
        ) {
            let mut best = TopCodes::new(most);
            let mut all: Vec<ScoredRow> = Vec::new();
            for (row, score) in (0u32..).map(|i| i * 7 % 83).zip(scores) {
                best.offer(score, row);
                if !score.is_nan() {
                    all.push(ScoredRow { score, row });
                }
            }
            all.sort_by(|a, b| b.cmp(a));
            all.truncate(most);
            let mut rows = best.into_rows();
            rows.sort_by(|a, b| b.cmp(a));
            prop_assert_eq!(rows, all);
        }
    }
}
