//! Renumbering: rows of several segments that were written into one, in their order.

use std::sync::Arc;

use crate::rows::RowSet;

/// The rows of each input, which have the numbers 0, 1, 2 … in the segment that was made of them.
pub(crate) struct Renumbering {
    inputs: Vec<Arc<RowSet>>,
}

impl Renumbering {
    /// A renumbering of the rows that were taken from each input, in the order of the inputs.
    pub(crate) fn new(inputs: Vec<Arc<RowSet>>) -> Self {
        Self { inputs }
    }

    /// Rows of the new segment that are still alive in their input: `alive` returns the live rows of an input now,
    /// and `None` if the input no longer exists.
    ///
    /// While a segment is written its inputs stay in use: rows deleted or replaced in them during that
    /// time must not come back with it.
    pub(crate) fn alive_where(&self, alive: impl Fn(usize) -> Option<Arc<RowSet>>) -> RowSet {
        let mut set = RowSet::empty(self.inputs.iter().map(|rows| rows.count()).sum());
        let mut number = 0;
        for (input, rows) in self.inputs.iter().enumerate() {
            let now = alive(input);
            for row in rows.iter() {
                if now.as_ref().is_some_and(|alive| alive.contains(row)) {
                    set.insert(number);
                }
                number += 1;
            }
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: u32, members: &[u32]) -> Arc<RowSet> {
        let mut set = RowSet::empty(rows);
        set.insert_all(members);
        Arc::new(set)
    }

    #[test]
    fn rows_that_died_in_their_input_are_dead_in_the_new_segment() {
        let renumbering = Renumbering::new(vec![of(5, &[1, 3, 4]), of(3, &[0, 2]), of(2, &[1])]);
        // New numbers: 0, 1, 2 of the first input, 3 and 4 of the second, 5 of the third.
        let now = [Some(of(5, &[3, 4])), Some(of(3, &[0])), None];
        let alive = renumbering.alive_where(|input| now[input].clone());
        assert_eq!(alive.iter().collect::<Vec<_>>(), [1, 2, 3]);
        assert!(!alive.is_full());
    }
}
