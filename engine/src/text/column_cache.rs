//! An LRU cache of the sorted payload columns that filters read, up to a number of bytes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::sorted_columns::PathColumns;

/// Sorted columns by path; the least recently used are dropped when all become too large.
pub(super) struct ColumnCache {
    most: usize,
    clock: AtomicU64,
    paths: RwLock<HashMap<String, Path>>,
}

struct Path {
    columns: Arc<PathColumns>,
    bytes: usize,
    used: AtomicU64,
}

impl ColumnCache {
    /// A cache of up to `most` bytes; the newest entry stays whatever its size.
    pub(super) fn new(most: usize) -> Self {
        Self { most, clock: AtomicU64::new(0), paths: RwLock::default() }
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn get(&self, path: &str) -> Option<Arc<PathColumns>> {
        let paths = self.paths.read();
        let found = paths.get(path)?;
        found.used.store(self.now(), Ordering::Relaxed);
        Some(found.columns.clone())
    }

    /// Caches the columns of a path unless another thread did so first; returns the cached ones.
    pub(super) fn insert(&self, path: &str, columns: PathColumns) -> Arc<PathColumns> {
        let (bytes, used) = (columns.bytes(), AtomicU64::new(self.now()));
        let mut paths = self.paths.write();
        let new = || Path { columns: Arc::new(columns), bytes, used };
        let kept = paths.entry(path.to_owned()).or_insert_with(new).columns.clone();
        while paths.len() > 1 && paths.values().map(|p| p.bytes).sum::<usize>() > self.most {
            let used = |path: &Path| path.used.load(Ordering::Relaxed);
            let oldest = paths.iter().min_by_key(|(_, path)| used(path));
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { break };
            paths.remove(&oldest);
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tantivy::columnar::{ColumnarReader, ColumnarWriter};

    fn columns(rows: u32) -> PathColumns {
        let mut writer = ColumnarWriter::default();
        (0..rows).for_each(|row| writer.record_bool(row, "path", row % 2 == 0));
        let mut bytes = Vec::new();
        writer.serialize(rows, None, &mut bytes).expect("written");
        let reader = ColumnarReader::open(bytes).expect("opened");
        let columns = reader.read_columns("path").expect("read");
        let columns = columns.iter().map(|c| c.open().expect("a column")).collect();
        PathColumns::new(columns, rows).expect("sorted")
    }

    #[test]
    fn the_least_recently_used_is_dropped_first() {
        let one = columns(1_000).bytes();
        assert!((4_000..8_000).contains(&one), "{one}");
        let kept = ColumnCache::new(2 * one);
        let there = |paths: &[&str]| {
            let of = kept.paths.read();
            let mut found: Vec<&str> = of.keys().map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, paths);
        };
        kept.insert("a", columns(1_000));
        kept.insert("b", columns(1_000));
        there(&["a", "b"]);
        assert!(kept.get("a").is_some());
        let first = kept.insert("c", columns(1_000));
        there(&["a", "c"]);
        // Another thread sorted the same path.
        assert!(Arc::ptr_eq(&first, &kept.insert("c", columns(1_000))));
        // The newest stays, however large.
        kept.insert("large", columns(100_000));
        there(&["large"]);
        assert!(kept.get("a").is_none());
    }
}
