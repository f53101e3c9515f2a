//! Merging the hits of segments under the one tie rule: score, then id.

use std::cmp::Ordering;

use lexivec_query::topk::descending;

use crate::generation::{DocAddress, Generation};

/// Orders two rows by id; those of a single segment by the places of their ids among all, which is cheaper.
/// A row whose id cannot be read (its block is damaged) is told when its document is loaded; until then it
/// comes after all that can be read, by its number. One way for all rows of a generation: a mixture of both
/// would be no order, and a sort may panic over that.
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

/// Leaves the `window` best of all segments' hits, best first.
pub(super) fn merge(generation: &Generation, hits: &mut Vec<(DocAddress, f64)>, window: usize) {
    if generation.segments.len() > 1 {
        hits.sort_by(|a, b| descending(a.1, b.1).then_with(|| by_id(generation, a.0, b.0)));
    }
    hits.truncate(window);
}
