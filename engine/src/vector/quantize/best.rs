//! The many best of very many: what a scan of codes keeps to be scored anew.

use crate::vector::Near;

/// Keeps the `most` closest rows of all that are offered. As many again are collected before the farther
/// half is let go: for hundreds of rows that is cheaper than a heap.
pub(super) struct Best {
    most: usize,
    rows: Vec<Near>,
    /// No row below this can be among the closest any more.
    least: f32,
}

impl Best {
    pub(super) fn new(most: usize) -> Self {
        Self { most, rows: Vec::new(), least: f32::NEG_INFINITY }
    }

    #[inline]
    pub(super) fn offer(&mut self, score: f32, row: u32) {
        // One that ties may be the lower row. A NaN, out of a file's floats, is never kept.
        if score >= self.least {
            self.rows.push(Near { score, row });
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

    /// What was kept, in no order: few of many are looked at.
    pub(super) fn into_rows(mut self) -> Vec<Near> {
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
            let mut best = Best::new(most);
            let mut all: Vec<Near> = Vec::new();
            for (row, score) in (0u32..).map(|i| i * 7 % 83).zip(scores) {
                best.offer(score, row);
                if !score.is_nan() {
                    all.push(Near { score, row });
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
