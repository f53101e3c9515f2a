//! The source of a run's records, and the random choices of one record: a stream of numbers that the kind of the
//! record, the seed and the record's index determine. So threads, batches and machines make no difference.

use lexivec_eval::random::SplitMix;

use crate::id::Id;
use crate::moment::{DAY, Moment};

/// Rounds of a permutation: enough that neighbours do not stay neighbours.
const ROUNDS: usize = 3;

/// The source of records: the same source gives the same records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    seed: u64,
    now: Moment,
}

impl Source {
    /// The source of a seed. Dates of records are counted from `now`; nothing else depends on it.
    #[must_use]
    pub fn new(seed: u64, now: Moment) -> Self {
        Self { seed, now }
    }

    /// The moment that dates are counted from.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The source of what belongs to one course: another course has other records.
    pub(crate) fn within(self, course: Option<&str>) -> Self {
        match course {
            None => self,
            Some(course) => Self { seed: mixed(self.seed ^ hash(course)), ..self },
        }
    }

    /// The choices of the record of a kind with an index from 0.
    pub(crate) fn draw(&self, kind: &str, index: u64) -> Draw {
        // Both steps are bijections of 64 bits, so no two indices of a kind have the same stream.
        let base = mixed(self.seed ^ hash(kind));
        Draw { random: SplitMix::new(mixed(base ^ index)), now: self.now }
    }

    /// The place of an index below `count` in a random order of all these indices, which the kind and the seed
    /// determine: multiplications and shifts that permute the next power of two, repeated until the result is below
    /// `count` (cycle walking: Black and Rogaway, 2002).
    pub(crate) fn place(&self, kind: &str, index: u64, count: u64) -> u64 {
        let mut keys = SplitMix::new(mixed(self.seed ^ hash(kind)) ^ count);
        let keys: [(u64, u64); ROUNDS] = std::array::from_fn(|_| (keys.bits() | 1, keys.bits()));
        let mask = count.max(2).next_power_of_two() - 1;
        let shift = mask.count_ones() / 2 + 1;
        let mut at = index;
        loop {
            for (factor, sum) in keys {
                at = at.wrapping_mul(factor).wrapping_add(sum) & mask;
                at ^= at >> shift;
            }
            if at < count {
                return at;
            }
        }
    }
}

/// The hash of a text (FNV-1a, 64 bits).
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

fn mixed(number: u64) -> u64 {
    SplitMix::new(number).bits()
}

/// The choices of one record.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    random: SplitMix,
    now: Moment,
}

impl Draw {
    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.random.below(u64::from(high.saturating_sub(low)) + 1) as u32
    }

    /// A number from `low` to `high`, both in tenths, as `3.8` for 38.
    pub(crate) fn tenths(&mut self, low: u32, high: u32) -> f64 {
        f64::from(self.between(low, high)) / 10.0
    }

    /// A number from `low` to `high`, both in hundredths.
    pub(crate) fn hundredths(&mut self, low: u32, high: u32) -> f64 {
        f64::from(self.between(low, high)) / 100.0
    }

    /// True with a chance in percent.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.random.below(100) < chance
    }

    /// One of some values, of which there is at least one.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        *self.choose(from)
    }

    /// A reference to one of some values.
    pub(crate) fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.random.below(from.len() as u64) as usize]
    }

    /// Different ones of some values, in random order: `count`, or all if there are fewer.
    pub(crate) fn sample<T: Copy>(&mut self, from: &[T], count: u32) -> Vec<T> {
        let count = (count as usize).min(from.len());
        let mut chosen: Vec<usize> = Vec::with_capacity(count);
        while chosen.len() < count {
            let index = self.random.below(from.len() as u64) as usize;
            if !chosen.contains(&index) {
                chosen.push(index);
            }
        }
        chosen.into_iter().map(|index| from[index]).collect()
    }

    /// Values in random order.
    pub(crate) fn shuffled<T, const N: usize>(&mut self, mut values: [T; N]) -> [T; N] {
        self.random.shuffle(&mut values);
        values
    }

    pub(crate) fn id(&mut self) -> Id {
        Id::from_bits(self.random.bits(), self.random.bits())
    }

    /// A number of hexadecimal digits, 16 at most.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        format!("{:016x}", self.random.bits()).split_off(16 - digits.min(16))
    }

    /// A moment from `first` to `last` days before the reference moment, at any second between them.
    pub(crate) fn days_ago(&mut self, first: u32, last: u32) -> Moment {
        self.now.plus(-self.seconds(first, last))
    }

    /// A moment from `first` to `last` days after the reference moment.
    pub(crate) fn days_ahead(&mut self, first: u32, last: u32) -> Moment {
        self.now.plus(self.seconds(first, last))
    }

    fn seconds(&mut self, first: u32, last: u32) -> i64 {
        let span = u64::from(last.saturating_sub(first)) * DAY as u64;
        i64::from(first) * DAY + self.random.below(span + 1) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_a_permutation_that_the_seed_determines() {
        let orders: Vec<Vec<u64>> = (0..3)
            .flat_map(|seed| {
                let source = Source::new(seed, Moment::from_unix(0));
                [1, 2, 24, 1000].map(|count| {
                    let order: Vec<u64> = (0..count).map(|i| source.place("x", i, count)).collect();
                    let mut sorted = order.clone();
                    sorted.sort_unstable();
                    assert_eq!(sorted, (0..count).collect::<Vec<_>>());
                    order
                })
            })
            .collect();
        assert_ne!(orders[3], orders[7]);
        // Neighbours do not stay neighbours.
        let steps: std::collections::BTreeSet<i64> =
            orders[3].windows(2).map(|pair| pair[1] as i64 - pair[0] as i64).collect();
        assert!(steps.len() > 100, "{} different steps", steps.len());
    }

    #[test]
    fn both_ends_of_a_range_are_drawn_and_nothing_outside() {
        let mut draw = Source::new(1, Moment::from_unix(0)).draw("x", 0);
        let drawn: Vec<u32> = (0..1000).map(|_| draw.between(3, 8)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&8)));
        let tenths: Vec<f64> = (0..1000).map(|_| draw.tenths(38, 49)).collect();
        assert!(tenths.contains(&3.8) && tenths.contains(&4.9));
        assert!(tenths.iter().all(|t| (3.8..=4.9).contains(t)));
        let sample = draw.sample(&[1, 2, 3], 9);
        assert_eq!(sample.len(), 3);
        assert!([1, 2, 3].iter().all(|value| sample.contains(value)));
        assert_eq!(draw.hex(12).len(), 12);
    }

    #[test]
    fn kind_seed_index_and_course_each_change_the_choices_and_now_does_not() {
        let first = |source: Source, kind: &str, index: u64| source.draw(kind, index).id();
        let source = Source::new(7, Moment::from_unix(0));
        let id = first(source, "a", 0);
        assert_eq!(id, first(Source::new(7, Moment::from_unix(99)), "a", 0));
        for other in [
            first(source, "b", 0),
            first(source, "a", 1),
            first(Source::new(8, Moment::from_unix(0)), "a", 0),
            first(source.within(Some("c-1")), "a", 0),
        ] {
            assert_ne!(id, other);
        }
        assert_eq!(first(source.within(None), "a", 0), id);
    }
}
