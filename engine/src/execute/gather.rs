//! Merging the hits of segments under the one tie rule: score, then id.

use std::cmp::Ordering;

use lexivec_query::topk::descending;

use super::Place;
use crate::collection::Generation;

/// Orders two rows by id; those of a single segment by the places of their ids among all, which is cheaper.
/// A row whose id cannot be read (its block is damaged) is told when its document is loaded; until then it
/// comes after all that can be read, by its number. One way for all rows of a generation: a mixture of both
/// would be no order, and a sort may panic over that.
pub(super) fn by_id(generation: &Generation, a: Place, b: Place) -> Ordering {
    if let [live] = generation.segments.as_slice() {
        let rank = |place: Place| live.segment.documents.rank(place.1).ok();
        return known_first(rank(a), rank(b)).then(a.cmp(&b));
    }
    let id = |(segment, row): Place| {
        let live = generation.segments.get(segment as usize)?;
        live.segment.documents.id(row).ok()
    };
    known_first(id(a), id(b)).then(a.cmp(&b))
}

fn known_first<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
    a.is_none().cmp(&b.is_none()).then(a.cmp(&b))
}

/// Leaves the `window` best of all segments' hits, best first.
pub(super) fn merge(generation: &Generation, hits: &mut Vec<(Place, f64)>, window: usize) {
    if generation.segments.len() > 1 {
        hits.sort_by(|a, b| descending(a.1, b.1).then_with(|| by_id(generation, a.0, b.0)));
    }
    hits.truncate(window);
}
