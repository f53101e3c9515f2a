//! Merging segments: the live rows of several, one after another, in a new segment file.

use std::borrow::Cow;
use std::sync::Arc;

use lexivec_storage::{SegmentFile, SegmentWriter, Vfs};

use super::Segment;
use super::builder::{Progress, Stage};
use super::documents::write_records;
use crate::error::Result;
use crate::rows::RowSet;
use crate::schema::{Schema, VectorField};
use crate::text::{SegmentStatistics, merge_text, write_columns};
use crate::vector::hnsw::{BuildParameters, BuiltGraph, build, extend, write_graph};
use crate::vector::{VectorRows, write_codes, write_tokens, write_vectors};

/// A graph is extended if it has at least this share of the merged rows (one in two) ...
const REUSE_MIN_SHARE: u32 = 2;
/// ... and at most this share of its rows is dead (one in three): each dead row leaves others whose
/// links have to be mended.
const REUSE_MAX_LOST: u32 = 3;

/// A segment to be merged, and its live rows.
pub(crate) struct Input {
    pub(crate) segment: Arc<Segment>,
    pub(crate) alive: RowSet,
}

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
pub(crate) fn largest_graph<'a>(inputs: &'a [Input], field: &str) -> Option<(u32, &'a Input)> {
    let all: u32 = inputs.iter().map(|input| input.alive.count()).sum();
    let mut start = 0;
    let mut largest: Option<(u32, &Input)> = None;
    for input in inputs {
        let (count, rows) = (input.alive.count(), input.segment.rows);
        let worth = count.saturating_mul(REUSE_MIN_SHARE) >= all
            && (rows - count).saturating_mul(REUSE_MAX_LOST) <= rows;
        let larger = largest.is_none_or(|(_, l)| count > l.alive.count());
        if worth && larger && input.segment.has_graph(field) {
            largest = Some((start, input));
        }
        start += count;
    }
    largest
}

/// Writes the merged segment.
pub(crate) struct SegmentMerger<'a> {
    pub(crate) vfs: &'a dyn Vfs,
    pub(crate) schema: &'a Schema,
    pub(crate) inputs: &'a [Input],
    pub(crate) graph: GraphSource,
    pub(crate) progress: &'a Progress<'a>,
}

impl SegmentMerger<'_> {
    /// Live rows of all inputs.
    pub(crate) fn rows(&self) -> u32 {
        self.inputs.iter().map(|input| input.alive.count()).sum()
    }

    /// Writes and syncs the segment file; row numbers are given input by input.
    pub(crate) fn write(
        &self,
        name: &str,
        segment: u128,
    ) -> Result<(SegmentFile, SegmentStatistics)> {
        let rows = self.rows();
        let mut out = SegmentWriter::create(self.vfs, name, segment)?;
        let all = || self.inputs.iter().flat_map(|i| i.alive.iter().map(move |row| (i, row)));
        let records = all().map(|(i, row)| i.segment.documents.record(row).map(Cow::Borrowed));
        write_records(&mut out, records, &self.order()?)?;
        let payloads = all().map(|(i, row)| {
            Ok(Cow::Owned(i.segment.documents.document(self.schema, row)?.payload))
        });
        write_columns(&mut out, rows, payloads)?;

        self.progress.report(Stage::Text, 0, rows as usize)?;
        let texts: Vec<_> = self.inputs.iter().map(|i| (&i.segment.text, &i.alive)).collect();
        let statistics = merge_text(&mut out, &self.schema.indexed_fields(), &texts)?;
        self.progress.report(Stage::Text, rows as usize, rows as usize)?;

        for field in &self.schema.vectors {
            let mut given = Vec::with_capacity(rows as usize);
            for (input, row) in all() {
                given.push(match input.segment.vectors(&field.name) {
                    Some(v) if v.store.present.contains(row) => Some(v.store.vector(row)?),
                    _ => None,
                });
            }
            let vectors = VectorRows::new(field, rows, given.into_iter());
            write_vectors(&mut out, &field.name, &vectors)?;
            let present = vectors.present.count();
            if self.schema.wants_codes(present) {
                write_codes(&mut out, field, &vectors, self.schema.seed)?;
            }
            if self.schema.wants_graph(present) && self.graph != GraphSource::None {
                write_graph(&mut out, &field.name, &self.build(field, &vectors)?)?;
            }
        }
        for field in &self.schema.tokens {
            // Token codes are copied, so that scores are the same before and after.
            let codes = all().map(|(input, row)| match input.segment.tokens(&field.name) {
                Some(store) => store.codes(row).map(Cow::Borrowed),
                None => Ok(Cow::Borrowed(&[][..])),
            });
            write_tokens(&mut out, field, codes)?;
        }
        Ok((out.finish()?, statistics))
    }

    fn build(&self, field: &VectorField, vectors: &VectorRows<'_>) -> Result<BuiltGraph> {
        let report = |done, all| self.progress.report(Stage::Graph, done, all);
        let parameters = |times: usize| BuildParameters {
            m: field.m,
            ef_construction: field.ef_construction * times,
            seed: self.schema.seed,
        };
        if let GraphSource::Scratch(times) = self.graph {
            return build(vectors, parameters(times), &report);
        }
        let graph = |input: &Input| input.segment.vectors(&field.name)?.graph.clone();
        let largest = largest_graph(self.inputs, &field.name);
        match largest.and_then(|(start, input)| Some((start, input, graph(input)?))) {
            None => build(vectors, parameters(1), &report),
            Some((start, input, graph)) => {
                let mut renumbered = vec![None; input.segment.rows as usize];
                for (number, row) in (start..).zip(input.alive.iter()) {
                    renumbered[row as usize] = Some(number);
                }
                extend(vectors, parameters(1), &graph, &renumbered, &report)
            }
        }
    }

    /// All rows ordered by id: a merge of the inputs, each of which is sorted.
    fn order(&self) -> Result<Vec<u32>> {
        let mut queues = Vec::with_capacity(self.inputs.len());
        let mut start = 0;
        for input in self.inputs {
            let mut numbers = vec![0; input.segment.rows as usize];
            for (number, row) in (start..).zip(input.alive.iter()) {
                numbers[row as usize] = number;
            }
            start += input.alive.count();
            let mut rows = Vec::with_capacity(input.alive.count() as usize);
            for rank in (0..input.segment.rows).rev() {
                match input.segment.documents.row_at(rank)? {
                    Some(row) if input.alive.contains(row) => rows.push(row),
                    _ => {}
                }
            }
            queues.push((input, numbers, rows));
        }
        let mut order = Vec::with_capacity(start as usize);
        loop {
            let mut least: Option<(usize, &str)> = None;
            for (index, (input, _, rows)) in queues.iter().enumerate() {
                if let Some(&row) = rows.last() {
                    let id = input.segment.documents.id(row)?;
                    if least.is_none_or(|(_, other)| id < other) {
                        least = Some((index, id));
                    }
                }
            }
            let Some((_, numbers, rows)) = least.and_then(|(index, _)| queues.get_mut(index))
            else {
                return Ok(order);
            };
            if let Some(row) = rows.pop() {
                order.push(numbers[row as usize]);
            }
        }
    }
}
