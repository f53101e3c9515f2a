//! Walking the graph: greedy descent through the upper levels, then a beam on level 0.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::layout::Graph;
use crate::error::Result;
use crate::segment::RowSet;
use crate::vector::{Near, VectorStore};

thread_local! {
    /// Rows seen in the current walk of this thread, by epoch; reused so that a query does not
    /// clear an array as long as the segment.
    static SEEN: RefCell<Seen> = const { RefCell::new(Seen { epochs: Vec::new(), epoch: 0 }) };
}

struct Seen {
    epochs: Vec<u32>,
    epoch: u32,
}

impl Seen {
    fn start(&mut self, rows: u32) {
        if self.epochs.len() < rows as usize {
            self.epochs.resize(rows as usize, 0);
        }
        self.epoch = match self.epoch.checked_add(1) {
            Some(epoch) => epoch,
            None => {
                self.epochs.fill(0);
                1
            }
        };
    }

    /// True the first time a row is shown.
    #[inline]
    fn first(&mut self, row: u32) -> bool {
        std::mem::replace(&mut self.epochs[row as usize], self.epoch) != self.epoch
    }
}

/// The `ef` closest of the `wanted` rows that a beam of that width reaches, best first. Rows that
/// are not wanted are walked through and never returned.
pub(crate) fn search(
    graph: &Graph,
    store: &VectorStore,
    vector: &[f32],
    wanted: &RowSet,
    ef: usize,
) -> Result<Vec<Near>> {
    let query = store.query(vector);
    let Some(mut slot) = graph.entry else {
        return Ok(Vec::new());
    };
    for (i, &level) in graph.levels.iter().enumerate().rev() {
        let row = graph.row_of(level, slot)?;
        let mut nearest = Near { score: query.similarity(row)?, row: slot };
        loop {
            let before = nearest;
            for &n in graph.upper_neighbours(level, before.row)? {
                let score = query.similarity(graph.row_of(level, n)?)?;
                nearest = nearest.max(Near { score, row: n });
            }
            if nearest == before {
                break;
            }
        }
        let limit = match i.checked_sub(1).and_then(|below| graph.levels.get(below)) {
            Some(below) => below.members as u32,
            None => graph.rows,
        };
        slot = graph.slot_below(level, nearest.row, limit)?;
    }

    SEEN.with_borrow_mut(|seen| {
        seen.start(graph.rows);
        let entry = Near { score: query.similarity(slot)?, row: slot };
        let mut open = BinaryHeap::with_capacity(ef * 2);
        let mut best: BinaryHeap<Reverse<Near>> = BinaryHeap::with_capacity(ef + 1);
        seen.first(slot);
        open.push(entry);
        if wanted.contains(slot) {
            best.push(Reverse(entry));
        }
        while let Some(current) = open.pop() {
            if best.len() >= ef && best.peek().is_some_and(|worst| current < worst.0) {
                break;
            }
            for &n in graph.neighbours(current.row)? {
                if !seen.first(n) {
                    continue;
                }
                let near = Near { score: query.similarity(n)?, row: n };
                if best.len() >= ef && best.peek().is_some_and(|worst| near <= worst.0) {
                    continue;
                }
                open.push(near);
                if wanted.contains(n) {
                    best.push(Reverse(near));
                    if best.len() > ef {
                        best.pop();
                    }
                }
            }
        }
        let mut rows: Vec<Near> = best.into_iter().map(|Reverse(near)| near).collect();
        rows.sort_unstable_by(|a, b| b.cmp(a));
        Ok(rows)
    })
}
