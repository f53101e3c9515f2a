//! Merging the hits of segments under the one tie rule: score, then id.

use std::cell::RefCell;
use std::cmp::Ordering;

use lexivec_query::topk::descending;

use crate::error::{Error, Result};
use crate::generation::{DocAddress, Generation};

/// Runs a sort that orders rows with equal scores by id.
///
/// An id in a damaged block cannot be read. Such a row comes after all others, so that the sort has a total order to the
/// end.
///
/// # Errors
/// The first error of reading an id, as the order is not that of the ids then.
pub(super) fn by_id<T>(generation: &Generation, sort: impl FnOnce(&Ties<'_>) -> T) -> Result<T> {
    let ties = Ties { generation, fault: RefCell::new(None) };
    let sorted = sort(&ties);
    ties.fault.into_inner().map_or(Ok(sorted), Err)
}

/// The order of rows with equal scores.
pub(super) struct Ties<'a> {
    generation: &'a Generation,
    fault: RefCell<Option<Error>>,
}

impl Ties<'_> {
    /// Orders two rows by id; rows of a single-segment generation by the rank of their ids, which is cheaper. All rows
    /// of a generation are ordered in one way: a mixture would not be a total order, and a sort may panic on it.
    pub(super) fn order(&self, a: DocAddress, b: DocAddress) -> Ordering {
        if let [live] = self.generation.segments.as_slice() {
            let rank = |address: DocAddress| self.read(live.rank(address.row));
            return known_first(rank(a), rank(b)).then(a.cmp(&b));
        }
        let id = |address: DocAddress| {
            self.read(
                self.generation.segment(address.segment).and_then(|live| live.id(address.row)),
            )
        };
        known_first(id(a), id(b)).then(a.cmp(&b))
    }

    fn read<T>(&self, read: Result<T>) -> Option<T> {
        read.map_err(|error| self.fault.borrow_mut().get_or_insert(error).kind()).ok()
    }
}

fn known_first<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
    a.is_none().cmp(&b.is_none()).then(a.cmp(&b))
}

/// Keeps the `window` best of all segments' hits, best first.
pub(super) fn merge(
    generation: &Generation,
    hits: &mut Vec<(DocAddress, f64)>,
    window: usize,
) -> Result<()> {
    if generation.segments.len() > 1 {
        by_id(generation, |ties| {
            hits.sort_by(|a, b| descending(a.1, b.1).then_with(|| ties.order(a.0, b.0)));
        })?;
    }
    hits.truncate(window);
    Ok(())
}
