//! Walking the graph: greedy descent through the upper levels, then a beam on level 0; by codes, or by
//! vectors where the codes of close rows do not differ.

use std::cell::RefCell;

use super::beam::Beam;
use super::layout::Graph;
use crate::error::Result;
use crate::vector::quantize::{Ahead, CodeQuery};
use crate::vector::{Codes, Pages, Query, ScoredRow};

thread_local! {
    /// Scratch memory of the walks of this thread.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

#[derive(Default)]
struct Scratch {
    beam: Beam,
    fresh: Vec<u32>,
    products: Vec<i32>,
    scores: Vec<f32>,
}

/// A query as a walk compares it with rows.
pub(crate) trait Near {
    /// Prefetches what [`scores`](Self::scores) reads of a row.
    fn ask(&self, row: u32);

    /// Counts the pages that [`scores`](Self::scores) reads of a row.
    fn touch(&self, row: u32, pages: &mut Pages);

    /// Similarities of some rows, up to a constant of the query, in `scores`; `products` is scratch.
    fn scores(&self, rows: &[u32], products: &mut Vec<i32>, scores: &mut Vec<f32>) -> Result<()>;
}

/// A query and the codes it is compared with.
pub(crate) struct CodeRows<'a> {
    codes: &'a Codes,
    query: &'a CodeQuery,
    ahead: Ahead<'a>,
}

impl<'a> CodeRows<'a> {
    pub(crate) fn new(codes: &'a Codes, query: &'a CodeQuery) -> Result<Self> {
        Ok(Self { codes, query, ahead: codes.ahead()? })
    }
}

impl Near for CodeRows<'_> {
    #[inline]
    fn ask(&self, row: u32) {
        self.ahead.ask(row);
    }

    fn touch(&self, row: u32, pages: &mut Pages) {
        self.codes.touch(row, pages);
    }

    #[inline]
    fn scores(&self, rows: &[u32], products: &mut Vec<i32>, scores: &mut Vec<f32>) -> Result<()> {
        self.codes.scores(self.query, rows, products, scores)
    }
}

impl Near for Query<'_> {
    fn ask(&self, row: u32) {
        Query::ask(self, row);
    }

    fn touch(&self, row: u32, pages: &mut Pages) {
        Query::touch(self, row, pages);
    }

    fn scores(&self, rows: &[u32], _: &mut Vec<i32>, scores: &mut Vec<f32>) -> Result<()> {
        scores.clear();
        for &row in rows {
            scores.push(self.similarity(&self.stored(row)?));
        }
        Ok(())
    }
}

/// Rule by which a walk continues with a wider beam once it has ended.
pub(crate) enum Widen<'a> {
    /// The walk ends.
    Never,
    /// The walk continues if the function, given the beam, returns a width. It then finds what a walk
    /// of that width finds from the start.
    With(&'a mut dyn FnMut(&Beam) -> Option<usize>),
}

/// The pages that a walk may touch.
pub(crate) struct PageBudget<'a> {
    pub(crate) pages: &'a mut Pages,
    /// Pages that the walk leaves untouched for the rescoring after it.
    pub(crate) spare: usize,
}

/// The closest rows that a beam of width `ef`, or of the width it grows to, reaches, best first; and the number of rows compared on level 0. With a budget the walk ends when no more
/// than [`PageBudget::spare`] pages are left; the upper levels, a few pages that all walks share, are
/// not counted. The walk goes round the `hidden` rows, as if they were not in the graph.
pub(crate) fn search(
    graph: &Graph,
    near: &impl Near,
    hidden: &[u32],
    ef: usize,
    mut widen: Widen<'_>,
    mut budget: Option<PageBudget<'_>>,
) -> Result<(Vec<ScoredRow>, u64)> {
    SCRATCH.with_borrow_mut(|scratch| {
        let Some(entry) = descend(graph, near, scratch)? else {
            return Ok((Vec::new(), 0));
        };
        let mut compared = 1;
        let Scratch { beam, fresh, products, scores } = scratch;
        beam.start(graph.rows, ef, matches!(widen, Widen::With(_)));
        for &row in hidden {
            beam.first(row);
        }
        beam.first(entry.row);
        beam.offer(entry);
        loop {
            let Some(current) = beam.pop() else {
                match &mut widen {
                    Widen::With(width) => match width(beam) {
                        Some(width) => beam.widen(width),
                        None => break,
                    },
                    Widen::Never => break,
                }
                // The rows that come back may all have been expanded already.
                continue;
            };
            if let Some(budget) = &mut budget {
                if budget.pages.left() <= budget.spare {
                    break;
                }
                graph.touch(current.row, budget.pages);
            }
            // Likely to be next: its neighbours are prefetched while those of this row are compared.
            if let Some(next) = beam.peek() {
                graph.prefetch(next);
            }
            fresh.clear();
            graph.each_neighbour(current.row, |n| {
                if beam.first(n) {
                    near.ask(n);
                    fresh.push(n);
                }
            })?;
            if let Some(budget) = &mut budget {
                fresh.iter().for_each(|&row| near.touch(row, budget.pages));
            }
            compared += fresh.len() as u64;
            near.scores(fresh, products, scores)?;
            for (&row, &score) in fresh.iter().zip(&*scores) {
                beam.offer(ScoredRow { score, row });
            }
            if let Some(next) = beam.peek() {
                graph.prefetch(next);
            }
        }
        Ok((beam.found().collect(), compared))
    })
}

/// Greedy steps on each upper level, from the highest; returns the row at which the walk enters level 0.
fn descend(graph: &Graph, near: &impl Near, scratch: &mut Scratch) -> Result<Option<ScoredRow>> {
    let Some(mut slot) = graph.entry else {
        return Ok(None);
    };
    let Scratch { fresh, products, scores, .. } = scratch;
    let one = |row: u32, products: &mut Vec<i32>, scores: &mut Vec<f32>| -> Result<f32> {
        near.scores(&[row], products, scores)?;
        Ok(scores.first().copied().unwrap_or(f32::NEG_INFINITY))
    };
    for (i, &level) in graph.levels.iter().enumerate().rev() {
        let score = one(graph.row_of(level, slot)?, products, scores)?;
        let mut nearest = ScoredRow { score, row: slot };
        loop {
            let before = nearest;
            let slots = graph.upper_neighbours(level, before.row)?;
            fresh.clear();
            for &n in slots {
                let row = graph.row_of(level, n)?;
                near.ask(row);
                fresh.push(row);
            }
            near.scores(fresh, products, scores)?;
            for (&n, &score) in slots.iter().zip(&*scores) {
                nearest = nearest.max(ScoredRow { score, row: n });
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
    let score = one(slot, products, scores)?;
    Ok(Some(ScoredRow { score, row: slot }))
}
