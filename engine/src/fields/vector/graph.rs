//! The graph of a vector field of a new segment: built from scratch, or from the largest graph of a merge.

use crate::error::Result;
use crate::fields::MergeInput;
use crate::progress::{Progress, Stage};
use crate::schema::{Schema, VectorField};
use crate::vector::VectorRows;
use crate::vector::hnsw::{BuildParameters, BuiltGraph, build, extend};

/// A graph is extended if it has at least this share of the merged rows (one in two) ...
const REUSE_MIN_SHARE: u32 = 2;
/// ... and at most this share of its rows is dead (one in three): each dead row leaves others whose
/// links have to be mended.
const REUSE_MAX_LOST: u32 = 3;

/// Source of the graph of a merged segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GraphSource {
    /// The largest graph of the inputs is extended, if that is cheaper than a new build.
    Largest,
    /// The graph is built from scratch, with a beam wider by this factor.
    Scratch(usize),
    /// The segment gets no graph.
    None,
}

/// The input whose graph is extended, and the new number of its first row.
pub(crate) fn largest_graph<'a>(
    inputs: &[MergeInput<'a>],
    field: &str,
) -> Option<(u32, MergeInput<'a>)> {
    let all: u32 = inputs.iter().map(|input| input.alive.count()).sum();
    let mut start = 0;
    let mut largest: Option<(u32, MergeInput<'_>)> = None;
    for &input in inputs {
        let (count, rows) = (input.alive.count(), input.alive.rows());
        let worth = count.saturating_mul(REUSE_MIN_SHARE) >= all
            && (rows - count).saturating_mul(REUSE_MAX_LOST) <= rows;
        let larger = largest.is_none_or(|(_, l)| count > l.alive.count());
        if worth && larger && input.fields.has_graph(field) {
            largest = Some((start, input));
        }
        start += count;
    }
    largest
}

/// Builds the graph of one field of a new segment.
pub(super) struct GraphBuilder<'a> {
    pub(super) schema: &'a Schema,
    pub(super) field: &'a VectorField,
    pub(super) progress: &'a Progress<'a>,
}

impl GraphBuilder<'_> {
    /// Parameters with a beam wider by this factor.
    fn parameters(&self, times: usize) -> BuildParameters {
        BuildParameters {
            m: self.field.m,
            ef_construction: self.field.ef_construction * times,
            seed: self.schema.seed,
        }
    }

    fn report(&self, done: usize, all: usize) -> Result<()> {
        self.progress.report(Stage::Graph, done, all)
    }

    /// Builds it from scratch, with a beam wider by this factor.
    pub(super) fn build(&self, vectors: &VectorRows<'_>, times: usize) -> Result<BuiltGraph> {
        build(vectors, self.parameters(times), &|done, all| self.report(done, all))
    }

    /// Extends the largest graph of the inputs, or builds from scratch where that costs less.
    pub(super) fn extend_largest(
        &self,
        inputs: &[MergeInput<'_>],
        vectors: &VectorRows<'_>,
    ) -> Result<BuiltGraph> {
        let name = &self.field.name;
        let graph = |input: &MergeInput<'_>| input.fields.vectors(name)?.graph.clone();
        let largest = largest_graph(inputs, name);
        let Some((start, input, graph)) =
            largest.and_then(|(start, input)| Some((start, input, graph(&input)?)))
        else {
            return self.build(vectors, 1);
        };
        let mut renumbered = vec![None; input.alive.rows() as usize];
        for (number, row) in (start..).zip(input.alive.iter()) {
            renumbered[row as usize] = Some(number);
        }
        let report = |done, all| self.report(done, all);
        extend(vectors, self.parameters(1), &graph, &renumbered, &report)
    }
}
