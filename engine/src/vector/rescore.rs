//! Rescoring of the rows that codes found on their stored vectors, as far down as it can change the result.

use lexivec_query::limits::LEAST_RESCORED;

use super::ScoredRow;
use super::store::Query;
use crate::error::Result;
use crate::rows::TopRows;

/// Rows scored between two checks for the end.
const STEP: usize = 16;
/// Standard deviations by which the codes would have to be off for the best row that is left out to enter.
const DEVIATIONS: f64 = 4.0;

/// The `k` closest of some rows, best first, and the number of rows scored, which come first in `near`
/// afterwards. `near` has the rows with the scores of their codes, in any order. A code's score differs
/// from the similarity by a constant of the query and by an error whose spread is that of the rows
/// scored so far; scoring ends once no remaining row is likely to enter. Ties go to the lower rank, as
/// in [`scan_many`](super::scan_many).
pub(crate) fn rescore(
    query: &Query<'_>,
    near: &mut [ScoredRow],
    k: usize,
    rank: impl Fn(u32) -> Result<u32>,
) -> Result<(Vec<(u32, f64)>, usize)> {
    let (mut best, mut off) = (TopRows::new(k, rank), Spread::default());
    let (mut block, mut next) = (Vec::new(), Vec::new());
    let (mut scored, mut ordered) = (0, 0);
    let mut take = |near: &mut [ScoredRow], count: usize, block: &mut Vec<_>| {
        let closest = closest(near.get_mut(ordered..).unwrap_or_default(), count);
        ordered += closest.len();
        closest.iter().for_each(|near| query.ask(near.row));
        query.take(&mut closest.iter().map(|near| near.row), count, block)
    };
    take(near, k.saturating_add(LEAST_RESCORED), &mut block)?;
    while !block.is_empty() {
        // Prefetched while the block before them is scored.
        take(near, STEP, &mut next)?;
        for stored in &block {
            let score = f64::from(query.similarity(stored));
            if let Some(near) = near.get(scored) {
                off.add(score - f64::from(near.score));
            }
            scored += 1;
            best.offer(stored.row, score)?;
        }
        let highest = near.get(scored).map(|left| f64::from(left.score) + off.high());
        if let (Some(highest), Some(least)) = (highest, best.threshold())
            && highest < least
        {
            break;
        }
        std::mem::swap(&mut block, &mut next);
    }
    Ok((best.into_sorted(), scored))
}

/// Moves the closest of some rows to the front, in order, and returns them.
fn closest(near: &mut [ScoredRow], count: usize) -> &mut [ScoredRow] {
    if (1..near.len()).contains(&count) {
        near.select_nth_unstable_by(count - 1, |a, b| b.cmp(a));
    }
    let count = count.min(near.len());
    let closest = &mut near[..count];
    closest.sort_unstable_by(|a, b| b.cmp(a));
    closest
}

/// Mean and spread of numbers that come one by one (Welford, "Note on a method for calculating corrected sums
/// of squares and products", 1962).
#[derive(Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, number: f64) {
        self.count += 1.0;
        let before = number - self.mean;
        self.mean += before / self.count;
        self.squares += before * (number - self.mean);
    }

    /// Upper bound that a number is unlikely to exceed.
    fn high(&self) -> f64 {
        self.mean + DEVIATIONS * (self.squares / self.count.max(1.0)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_come_to_the_front() {
        let near = |score: u8| ScoredRow { score: f32::from(score), row: 0 };
        for count in 0..8 {
            let mut rows = [3, 1, 5, 2, 4].map(near);
            let expected: Vec<ScoredRow> =
                [5, 4, 3, 2, 1].map(near).into_iter().take(count).collect();
            assert_eq!(closest(&mut rows, count), expected, "{count}");
        }
    }

    #[test]
    fn a_spread_is_that_of_its_numbers() {
        let mut spread = Spread::default();
        [1.0, 3.0, 3.0, 5.0].into_iter().for_each(|number| spread.add(number));
        assert!((spread.high() - (3.0 + DEVIATIONS * 2f64.sqrt())).abs() < 1e-12);
    }
}
