//! Merging the hits of segments under the one tie rule: score, then id.

use std::cmp::Ordering;

use lexivec_query::topk::descending;

use crate::generation::{DocAddress, Generation};

/// Orders two rows by id; rows of a single-segment generation by the rank of their ids, which is
/// cheaper. A row whose id cannot be read, as its block is damaged, comes after all others, by its
/// number; the error is reported when its document is loaded. All rows of a generation are ordered in
/// one way: a mixture would not be a total order, and a sort may panic on it.
pub(super) fn by_id(generation: &Generation, a: DocAddress, b: DocAddress) -> Ordering {
    if let [live] = generation.segments.as_slice() {
        let rank = |address: DocAddress| live.rank(address.row).ok();
        return known_first(rank(a), rank(b)).then(a.cmp(&b));
    }
    let id = |address: DocAddress| {
        let live = generation.segments.get(address.segment as usize)?;
        live.id(address.row).ok()
    };
    known_first(id(a), id(b)).then(a.cmp(&b))
}

fn known_first<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
    a.is_none().cmp(&b.is_none()).then(a.cmp(&b))
}

/// Keeps the `window` best of all segments' hits, best first.
pub(super) fn merge(generation: &Generation, hits: &mut Vec<(DocAddress, f64)>, window: usize) {
    if generation.segments.len() > 1 {
        hits.sort_by(|a, b| descending(a.1, b.1).then_with(|| by_id(generation, a.0, b.0)));
    }
    hits.truncate(window);
}
