//! Walking the graph: greedy descent through the upper levels, then a beam on level 0; by codes.

use std::cell::RefCell;

use super::beam::Beam;
use super::layout::Graph;
use crate::error::Result;
use crate::vector::quantize::CodeQuery;
use crate::vector::{Codes, Near, Pages};

thread_local! {
    /// What the walks of this thread write into.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

#[derive(Default)]
struct Scratch {
    beam: Beam,
    fresh: Vec<u32>,
    products: Vec<i32>,
    scores: Vec<f32>,
}

/// Whether a walk goes on with a wider beam when it has come to its end.
pub(crate) enum Widen<'a> {
    /// It does not.
    Never,
    /// It does if this, shown what was found, gives the width. A walk that went on has found what one
    /// finds that was so wide from the start.
    As(&'a mut dyn FnMut(&Beam) -> Option<usize>),
}

/// How many pages a walk may touch.
pub(crate) struct Bound<'a> {
    pub(crate) pages: &'a mut Pages,
    /// Pages it leaves for what comes after it.
    pub(crate) spare: usize,
}

/// The closest rows that a beam of width `ef`, or as wide as it becomes, reaches, best first, by their
/// codes; and how many were compared on level 0. Where pages are counted it ends when no more than `Bound::spare` of them are left; the upper
/// levels, a few pages that all walks share, are not counted.
pub(crate) fn search(
    graph: &Graph,
    codes: &Codes,
    query: &CodeQuery,
    ef: usize,
    mut widen: Widen<'_>,
    mut bound: Option<Bound<'_>>,
) -> Result<(Vec<Near>, u64)> {
    SCRATCH.with_borrow_mut(|scratch| {
        let Some(entry) = descend(graph, codes, query, scratch)? else {
            return Ok((Vec::new(), 0));
        };
        let mut compared = 1;
        let ahead = codes.ahead()?;
        let Scratch { beam, fresh, products, scores } = scratch;
        beam.start(graph.rows, ef, matches!(widen, Widen::As(_)));
        beam.first(entry.row);
        beam.offer(entry);
        loop {
            let Some(current) = beam.pop() else {
                match &mut widen {
                    Widen::As(width) => match width(beam) {
                        Some(width) => beam.widen(width),
                        None => break,
                    },
                    Widen::Never => break,
                }
                // What comes back may have been walked from already, all of it.
                continue;
            };
            if let Some(bound) = &mut bound {
                if bound.pages.left() <= bound.spare {
                    break;
                }
                graph.touch(current.row, bound.pages);
            }
            // Likely to be next: its neighbours come while those of this one are compared.
            if let Some(next) = beam.peek() {
                graph.prefetch(next);
            }
            fresh.clear();
            graph.each_neighbour(current.row, |n| {
                if beam.first(n) {
                    ahead.ask(n);
                    fresh.push(n);
                }
            })?;
            if let Some(bound) = &mut bound {
                fresh.iter().for_each(|&row| codes.touch(row, bound.pages));
            }
            compared += fresh.len() as u64;
            codes.scores(query, fresh, products, scores)?;
            for (&row, &score) in fresh.iter().zip(&*scores) {
                beam.offer(Near { score, row });
            }
            if let Some(next) = beam.peek() {
                graph.prefetch(next);
            }
        }
        Ok((beam.found().collect(), compared))
    })
}

/// Greedy steps on each upper level, from the highest; gives the row to enter level 0 at.
fn descend(
    graph: &Graph,
    codes: &Codes,
    query: &CodeQuery,
    scratch: &mut Scratch,
) -> Result<Option<Near>> {
    let Some(mut slot) = graph.entry else {
        return Ok(None);
    };
    let ahead = codes.ahead()?;
    let Scratch { fresh, products, scores, .. } = scratch;
    let one = |row: u32, products: &mut Vec<i32>, scores: &mut Vec<f32>| -> Result<f32> {
        codes.scores(query, &[row], products, scores)?;
        Ok(scores.first().copied().unwrap_or(f32::NEG_INFINITY))
    };
    for (i, &level) in graph.levels.iter().enumerate().rev() {
        let score = one(graph.row_of(level, slot)?, products, scores)?;
        let mut nearest = Near { score, row: slot };
        loop {
            let before = nearest;
            let slots = graph.upper_neighbours(level, before.row)?;
            fresh.clear();
            for &n in slots {
                let row = graph.row_of(level, n)?;
                ahead.ask(row);
                fresh.push(row);
            }
            codes.scores(query, fresh, products, scores)?;
            for (&n, &score) in slots.iter().zip(&*scores) {
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
    let score = one(slot, products, scores)?;
    Ok(Some(Near { score, row: slot }))
}
