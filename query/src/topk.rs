//! The best k of many, under one tie rule: score descending, then key ascending.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Orders two scores, the higher first. The two zeros are one score.
pub fn descending(a: f64, b: f64) -> Ordering {
    (b + 0.0).total_cmp(&(a + 0.0))
}

/// Keeps the `k` best of everything pushed.
pub struct TopK<K> {
    k: usize,
    /// The worst kept is on top.
    heap: BinaryHeap<Entry<K>>,
}

struct Entry<K> {
    score: f64,
    key: K,
}

impl<K: Ord> Ord for Entry<K> {
    /// Worse is greater, so that the heap gives the worst up first.
    fn cmp(&self, other: &Self) -> Ordering {
        descending(self.score, other.score).then_with(|| self.key.cmp(&other.key))
    }
}

impl<K: Ord> PartialOrd for Entry<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord> PartialEq for Entry<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<K: Ord> Eq for Entry<K> {}

impl<K: Ord> TopK<K> {
    /// Keeps up to `k`.
    pub fn new(k: usize) -> Self {
        // A k far above the rows there are must not reserve memory for them.
        Self { k, heap: BinaryHeap::with_capacity(k.min(1_024) + 1) }
    }

    /// Offers one; a NaN is never kept.
    pub fn push(&mut self, score: f64, key: K) {
        if score.is_nan() || self.k == 0 {
            return;
        }
        let entry = Entry { score, key };
        if self.heap.len() < self.k {
            self.heap.push(entry);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && entry < *worst
        {
            *worst = entry;
        }
    }

    /// The worst kept score once `k` are kept: a lower one cannot enter any more.
    pub fn threshold(&self) -> Option<f64> {
        if self.heap.len() < self.k { None } else { self.heap.peek().map(|e| e.score) }
    }

    /// The kept items, best first.
    pub fn into_sorted(self) -> Vec<(f64, K)> {
        self.heap.into_sorted_vec().into_iter().map(|e| (e.score, e.key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_sorting_everything(scores in prop::collection::vec(0u8..6, 0..60), k in 0usize..20) {
            let mut top = TopK::new(k);
            let mut all: Vec<(f64, usize)> = Vec::new();
            for (key, &score) in scores.iter().enumerate() {
                let key = key * 7 % 61;
                top.push(f64::from(score), key);
                all.push((f64::from(score), key));
                if all.len() < k {
                    prop_assert_eq!(top.threshold(), None);
                }
            }
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            all.truncate(k);
            prop_assert_eq!(top.into_sorted(), all);
        }
    }

    #[test]
    fn both_zeros_are_one_score() {
        let mut top = TopK::new(2);
        top.push(0.0, 2);
        top.push(-0.0, 1);
        assert_eq!(top.into_sorted().into_iter().map(|t| t.1).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_nan_never_enters() {
        let mut top = TopK::new(2);
        top.push(f64::NAN, 1);
        top.push(1.0, 2);
        assert_eq!(top.into_sorted(), [(1.0, 2)]);
    }
}
