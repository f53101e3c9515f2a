//! A set of rows of one segment, for example its live rows, or those that a filter admits.

use std::sync::Arc;

use lexivec_storage::SegmentEntry;

use crate::error::{Result, corrupt};

/// A set of rows out of `0..rows`, one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowSet {
    rows: u32,
    count: u32,
    words: Vec<u64>,
}

/// Rows of a set, ascending.
pub(crate) struct Rows<'a> {
    words: std::iter::Enumerate<std::slice::Iter<'a, u64>>,
    /// The remaining bits of the current word, and its first row.
    left: u64,
    first: u32,
}

impl Iterator for Rows<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        while self.left == 0 {
            let (index, word) = self.words.next()?;
            (self.left, self.first) = (*word, index as u32 * 64);
        }
        let bit = self.left.trailing_zeros();
        self.left &= self.left - 1;
        Some(self.first + bit)
    }
}

impl RowSet {
    pub(crate) fn empty(rows: u32) -> Self {
        Self { rows, count: 0, words: vec![0; rows.div_ceil(64) as usize] }
    }

    pub(crate) fn full(rows: u32) -> Self {
        let mut set = Self::empty(rows);
        set.complement();
        set
    }

    /// Number of rows of the segment.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Number of rows in the set.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Number of rows in the sets of several segments together.
    pub(crate) fn total(sets: &[Arc<Self>]) -> u64 {
        sets.iter().map(|set| u64::from(set.count)).sum()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.count == self.rows
    }

    #[inline]
    pub(crate) fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Adds a row; a row outside the segment, a programming error, is ignored.
    #[inline]
    pub(crate) fn insert(&mut self, row: u32) {
        debug_assert!(row < self.rows);
        if let Some(word) = self.words.get_mut(row as usize / 64).filter(|_| row < self.rows) {
            let bit = 1 << (row % 64);
            self.count += u32::from(*word & bit == 0);
            *word |= bit;
        }
    }

    /// Adds rows, in any order and with repetitions.
    pub(crate) fn insert_all(&mut self, rows: &[u32]) {
        rows.iter().for_each(|&row| self.insert(row));
    }

    pub(crate) fn remove(&mut self, row: u32) {
        if self.contains(row) {
            self.words[row as usize / 64] &= !(1 << (row % 64));
            self.count -= 1;
        }
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        self.combine(other, |a, b| a & b);
    }

    pub(crate) fn unite(&mut self, other: &Self) {
        self.combine(other, |a, b| a | b);
    }

    fn combine(&mut self, other: &Self, with: impl Fn(u64, u64) -> u64) {
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a = with(*a, *b);
        }
        self.recount();
    }

    /// Keeps exactly the rows that were not in the set.
    pub(crate) fn complement(&mut self) {
        for word in &mut self.words {
            *word = !*word;
        }
        if let (Some(last), used @ 1..) = (self.words.last_mut(), self.rows % 64) {
            *last &= (1 << used) - 1;
        }
        self.recount();
    }

    fn recount(&mut self) {
        self.count = self.words.iter().map(|w| w.count_ones()).sum();
    }

    /// Rows of the set, ascending.
    pub(crate) fn iter(&self) -> Rows<'_> {
        Rows { words: self.words.iter().enumerate(), left: 0, first: 0 }
    }

    /// The bits as little-endian words; empty for a full set.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        if self.is_full() {
            return Vec::new();
        }
        self.words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    /// The live rows of a segment, from its entry in the manifest.
    pub(crate) fn of(entry: &SegmentEntry) -> Result<Self> {
        Self::from_bytes(entry.rows, &entry.alive).ok_or_else(|| {
            corrupt("the manifest", &entry.file.name, "an alive set of another segment")
        })
    }

    /// Reads [`to_bytes`](Self::to_bytes); `None` if the bytes are not a set of this many rows.
    pub(crate) fn from_bytes(rows: u32, bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::full(rows));
        }
        let (words, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || words.len() != rows.div_ceil(64) as usize {
            return None;
        }
        let mut set = Self::empty(rows);
        set.words = words.iter().map(|w| u64::from_le_bytes(*w)).collect();
        set.recount();
        let beyond = (set.words.last()?).checked_shr(rows % 64).unwrap_or(0);
        (rows.is_multiple_of(64) || beyond == 0).then_some(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn of(rows: u32, members: &BTreeSet<u32>) -> RowSet {
        let mut set = RowSet::empty(rows);
        members.iter().for_each(|&r| set.insert(r));
        set
    }

    proptest! {
        #[test]
        fn behaves_as_a_set(
            rows in 1u32..200,
            a in prop::collection::btree_set(0u32..200, 0..80),
            b in prop::collection::btree_set(0u32..200, 0..80),
        ) {
            let clip = |s: BTreeSet<u32>| s.into_iter().filter(|&r| r < rows).collect::<BTreeSet<_>>();
            let (a, b) = (clip(a), clip(b));
            let (set_a, set_b) = (of(rows, &a), of(rows, &b));
            let check = |set: &RowSet, expected: &BTreeSet<u32>| {
                prop_assert_eq!(&set.iter().collect::<BTreeSet<_>>(), expected);
                prop_assert_eq!(set.count() as usize, expected.len());
                prop_assert_eq!(RowSet::from_bytes(rows, &set.to_bytes()), Some(set.clone()));
                Ok(())
            };
            check(&set_a, &a)?;
            let mut both = set_a.clone();
            both.intersect(&set_b);
            check(&both, &a.intersection(&b).copied().collect())?;
            let mut either = set_a.clone();
            either.unite(&set_b);
            check(&either, &a.union(&b).copied().collect())?;
            let mut either = set_a.clone();
            let rows_b: Vec<u32> = b.iter().rev().chain(&b).copied().collect();
            either.insert_all(&rows_b);
            check(&either, &a.union(&b).copied().collect())?;
            let mut others = set_a.clone();
            others.complement();
            check(&others, &(0..rows).filter(|r| !a.contains(r)).collect())?;
            let mut fewer = set_a.clone();
            b.iter().for_each(|&r| fewer.remove(r));
            check(&fewer, &a.difference(&b).copied().collect())?;
        }
    }

    #[test]
    fn bytes_of_another_segment_are_refused() {
        let mut set = RowSet::empty(70);
        set.insert(69);
        let bytes = set.to_bytes();
        assert_eq!(RowSet::from_bytes(128, &bytes).map(|s| s.count()), Some(1));
        for (rows, bytes) in [(69, &bytes[..]), (70, &bytes[..9]), (200, &bytes[..])] {
            assert_eq!(RowSet::from_bytes(rows, bytes), None, "{rows} {}", bytes.len());
        }
    }
}
