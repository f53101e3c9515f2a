//! The beam of a walk: the closest rows so far, in order, and the set of rows seen.

use crate::vector::ScoredRow;

/// The rows that a walk has seen and found; reused by the next walk, so that walks do not allocate.
#[derive(Default)]
pub(crate) struct Beam {
    /// Best first, no more than `width`.
    entries: Vec<Entry>,
    width: usize,
    /// Index of the first entry that may be unexpanded.
    next: usize,
    /// Entries that did not fit, kept if the beam may become wider.
    spilled: Option<Vec<Entry>>,
    /// One bit a row.
    seen: Vec<u64>,
    /// Indices of the words of `seen` that are not zero, some repeated.
    touched: Vec<u32>,
}

/// A row and its score in one word, ordered like [`ScoredRow`]: the score's bits mapped so that they
/// order like the score, then 31 bits of the row, inverted; the lowest bit is set until the row is
/// expanded. One word compares faster and is half as long as its parts: keeping order takes most of a
/// walk's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u64);

impl Entry {
    #[inline]
    fn new(near: ScoredRow) -> Self {
        let bits = near.score.to_bits();
        let turned = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
        Self(u64::from(turned) << 32 | u64::from(!(near.row << 1)))
    }

    #[inline]
    fn near(self) -> ScoredRow {
        let turned = (self.0 >> 32) as u32;
        let bits = if turned >> 31 == 1 { turned & !(1 << 31) } else { !turned };
        ScoredRow { score: f32::from_bits(bits), row: !(self.0 as u32) >> 1 }
    }
}

impl Beam {
    /// Begins a walk over a graph of `rows` rows that keeps the `width` closest; `widens` if it may be
    /// made wider later.
    pub(super) fn start(&mut self, rows: u32, width: usize, widens: bool) {
        self.entries.clear();
        self.spilled = widens.then(|| {
            let mut spilled = self.spilled.take().unwrap_or_default();
            spilled.clear();
            spilled
        });
        self.width = width.max(1);
        self.next = 0;
        // Only the touched words are cleared, not an array as long as the segment.
        for word in self.touched.drain(..) {
            if let Some(word) = self.seen.get_mut(word as usize) {
                *word = 0;
            }
        }
        let words = (rows as usize).div_ceil(64);
        if self.seen.len() < words {
            self.seen.resize(words, 0);
        }
    }

    /// Marks a row as seen; true the first time.
    #[inline]
    pub(super) fn first(&mut self, row: u32) -> bool {
        let Some(word) = self.seen.get_mut(row as usize / 64) else { return false };
        let bit = 1 << (row % 64);
        if *word == 0 {
            self.touched.push(row / 64);
        }
        let first = *word & bit == 0;
        *word |= bit;
        first
    }

    /// Adds a row if it is among the closest.
    #[inline]
    pub(super) fn offer(&mut self, near: ScoredRow) {
        let entry = Entry::new(near);
        if self.entries.len() == self.width {
            let enters = self.entries.last().is_some_and(|worst| entry > *worst);
            let out = if enters { self.entries.pop() } else { Some(entry) };
            if let Some(spilled) = &mut self.spilled {
                spilled.extend(out);
            }
            if !enters {
                return;
            }
        }
        let index = self.entries.partition_point(|other| *other > entry);
        self.entries.insert(index, entry);
        self.next = self.next.min(index);
    }

    /// Makes the beam wider, as if it had been so from the start: the closest of the entries that did
    /// not fit come back.
    pub(super) fn widen(&mut self, width: usize) {
        self.width = self.width.max(width);
        let room = self.width - self.entries.len();
        if let Some(spilled) = &mut self.spilled {
            spilled.sort_unstable_by(|a, b| b.cmp(a));
            let fits = room.min(spilled.len());
            self.entries.extend(spilled.drain(..fits));
        }
    }

    /// The closest unexpanded row of the beam, which is marked as expanded.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<ScoredRow> {
        while let Some(entry) = self.entries.get_mut(self.next) {
            self.next += 1;
            if entry.0 & 1 == 1 {
                entry.0 &= !1;
                return Some(entry.near());
            }
        }
        None
    }

    /// The row that is likely to be expanded next.
    #[inline]
    pub(super) fn peek(&self) -> Option<u32> {
        self.entries.get(self.next).map(|entry| entry.near().row)
    }

    /// The rows found, best first.
    pub(crate) fn found(&self) -> impl Iterator<Item = ScoredRow> {
        self.entries.iter().map(|entry| entry.near())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_GRAPH_ROWS;

    #[test]
    fn entries_are_ordered_as_rows_and_scores_are() {
        let scores = [f32::NEG_INFINITY, -2.5, -1e-40, -0.0, 0.0, 1e-40, 0.5, 7.0, f32::INFINITY];
        let rows = [0, 1, 63, MAX_GRAPH_ROWS - 1];
        let all: Vec<ScoredRow> = scores
            .iter()
            .flat_map(|&score| rows.iter().map(move |&row| ScoredRow { score, row }))
            .collect();
        for a in &all {
            let back = Entry::new(*a).near();
            assert_eq!((back.score.to_bits(), back.row), (a.score.to_bits(), a.row));
            for b in &all {
                assert_eq!(Entry::new(*a).cmp(&Entry::new(*b)), a.cmp(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_widened_beam_equals_one_that_was_wide_from_the_start() {
        let near = |row: u32| ScoredRow { score: f32::from((row * 37 % 101) as i8), row };
        // Each row leads to five others.
        let walk = |beam: &mut Beam, steps: usize| {
            let mut walked = Vec::new();
            while walked.len() < steps
                && let Some(current) = beam.pop()
            {
                walked.push(current.row);
                for row in (1..6).map(|i| (current.row * 7 + i * 13) % 100) {
                    if beam.first(row) {
                        beam.offer(near(row));
                    }
                }
            }
            walked
        };
        let (mut grown, mut wide) = (Beam::default(), Beam::default());
        for (beam, width, widens) in [(&mut grown, 4, true), (&mut wide, 9, false)] {
            beam.start(100, width, widens);
            beam.first(0);
            beam.offer(near(0));
        }
        let narrow = walk(&mut grown, usize::MAX);
        assert!(narrow.len() > 4, "{narrow:?}");
        assert_eq!(narrow, walk(&mut wide, narrow.len()));
        grown.widen(9);
        assert_eq!(grown.entries, wide.entries);
        let rest = walk(&mut grown, usize::MAX);
        assert!(!rest.is_empty());
        assert_eq!(rest, walk(&mut wide, usize::MAX));
        assert_eq!(grown.entries, wide.entries);
    }

    #[test]
    fn the_closest_are_kept_in_order_and_walked_from_once() {
        let mut beam = Beam::default();
        for _ in 0..2 {
            beam.start(100, 3, false);
            let near =
                |row: u32| ScoredRow { score: f32::from([3i8, 9, 1, 9, 5][row as usize]), row };
            for row in 0..5 {
                assert!(beam.first(row) && !beam.first(row));
                beam.offer(near(row));
            }
            // Among equals the lower row.
            let rows: Vec<u32> = beam.found().map(|n| n.row).collect();
            assert_eq!(rows, [1, 3, 4]);
            assert_eq!(beam.pop().map(|n| n.row), Some(1));
            assert_eq!(beam.peek(), Some(3));
            beam.offer(ScoredRow { score: 20.0, row: 77 });
            assert_eq!(beam.pop().map(|n| n.row), Some(77));
            assert_eq!(beam.pop().map(|n| n.row), Some(3));
            assert_eq!(beam.pop(), None, "row 4 was pushed out");
        }
    }
}
