//! Merging the hits of segments under the one tie rule: score, then id.

use std::cmp::Ordering;

use lexivec_query::topk::descending;

use super::Place;
use crate::collection::Generation;

/// Orders two rows by id. A row whose id cannot be read (its block is damaged) is told when its
/// document is loaded; until then it comes after all that can be read, by its place. Places among
/// ids would be no order, and a sort may panic over that.
pub(super) fn by_id(generation: &Generation, a: Place, b: Place) -> Ordering {
    let id = |(segment, row): Place| {
        let live = generation.segments.get(segment as usize)?;
        live.segment.documents.id(row).ok()
    };
    match (id(a), id(b)) {
        (Some(x), Some(y)) => x.cmp(y),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(&b),
    }
}

/// Leaves the `window` best of all segments' hits, best first.
pub(super) fn merge(generation: &Generation, hits: &mut Vec<(Place, f64)>, window: usize) {
    if generation.segments.len() > 1 {
        hits.sort_by(|a, b| descending(a.1, b.1).then_with(|| by_id(generation, a.0, b.0)));
    }
    hits.truncate(window);
}
