//! A bounded table of what was used lately.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Entries that were used lately, at most `2 * capacity` of them. There are two halves: entries that are used move to the
/// young one, and when that is full, or after the idle time, it becomes the old one, whose entries are dropped. So each
/// step takes constant time, whatever clients send.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    capacity: usize,
    idle: Duration,
    turned: Option<Instant>,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    pub(crate) fn new(capacity: usize, idle: Duration) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), capacity, idle, turned: None }
    }

    /// The entry of a key, made if it is not there.
    pub(crate) fn entry(&mut self, key: K, now: Instant, new: impl FnOnce() -> V) -> &mut V {
        // Before the halves turn, which drops it, and after, when it may be in the old half.
        let before = self.old.remove(&key);
        let turned = *self.turned.get_or_insert(now);
        let idle = now.saturating_duration_since(turned) >= self.idle;
        let full = self.young.len() >= self.capacity && !self.young.contains_key(&key);
        if idle || full {
            self.old = std::mem::take(&mut self.young);
            self.turned = Some(now);
        }
        let old = before.or_else(|| self.old.remove(&key));
        self.young.entry(key).or_insert_with(|| old.unwrap_or_else(new))
    }

    /// The entry of a key, if it is there; this is no use of it.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let start = Instant::now();
        let mut table = Recent::new(4, Duration::from_secs(10));
        for number in 0..100 {
            *table.entry(0, start, || 0) += 1;
            *table.entry(number + 1, start, || 0) += 1;
            assert!(table.len() <= 8);
        }
        assert_eq!((table.get(&0), table.get(&100), table.get(&1)), (Some(&100), Some(&1), None));
        let later = start + Duration::from_secs(10);
        table.entry(0, later, || 0);
        table.entry(0, later + Duration::from_secs(10), || 0);
        assert_eq!((table.get(&0), table.len()), (Some(&100), 1));
        table.entry(1, later + Duration::from_secs(30), || 0);
        table.entry(1, later + Duration::from_secs(50), || 0);
        assert_eq!(table.get(&0), None);
    }
}
