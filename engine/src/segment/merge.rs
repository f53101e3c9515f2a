//! Merging segments: the live rows of several, one after another, in a new segment file.

use std::borrow::Cow;
use std::sync::Arc;

use lexivec_storage::{SegmentFile, SegmentWriter, Vfs};

use super::Segment;
use super::documents::write_records;
use crate::error::Result;
use crate::fields::{GraphSource, KINDS, Merge, MergeInput, TextOf};
use crate::progress::Progress;
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::text::write_columns;

/// A segment to be merged, and its live rows.
pub(crate) struct Input {
    pub(crate) segment: Arc<Segment>,
    pub(crate) alive: RowSet,
}

impl Input {
    /// The fields of the segment, with its live rows.
    pub(crate) fn fields(&self) -> MergeInput<'_> {
        MergeInput { fields: &self.segment.fields, alive: &self.alive }
    }
}

/// Writes the merged segment.
pub(crate) struct SegmentMerger<'a> {
    pub(crate) vfs: &'a dyn Vfs,
    pub(crate) schema: &'a Schema,
    pub(crate) inputs: &'a [Input],
    pub(crate) graph: GraphSource,
    /// True to analyze the texts again, by the analyzers of `schema`; false to merge the inverted indexes.
    pub(crate) analyze: bool,
    pub(crate) progress: &'a Progress<'a>,
}

impl SegmentMerger<'_> {
    /// Live rows of all inputs.
    pub(crate) fn rows(&self) -> u32 {
        self.inputs.iter().map(|input| input.alive.count()).sum()
    }

    /// Writes and syncs the segment file; row numbers are given input by input.
    pub(crate) fn write(&self, name: &str, segment: u128) -> Result<SegmentFile> {
        let rows = self.rows();
        let mut out = SegmentWriter::create(self.vfs, name, segment)?;
        let all = || self.inputs.iter().flat_map(|i| i.alive.iter().map(move |row| (i, row)));
        let records = all().map(|(i, row)| i.segment.documents.record(row).map(Cow::Borrowed));
        write_records(&mut out, records, &self.order()?)?;
        let payloads = all().map(|(i, row)| {
            Ok(Cow::Owned(i.segment.documents.document(self.schema, row)?.payload))
        });
        write_columns(&mut out, rows, payloads)?;

        let inputs: Vec<MergeInput<'_>> = self.inputs.iter().map(Input::fields).collect();
        let &Self { schema, graph, progress, .. } = self;
        let rows: Vec<(&Input, u32)> = all().collect();
        let text = |number: u32, field: &str| match rows.get(number as usize) {
            Some((input, row)) => {
                Ok(input.segment.documents.document(schema, *row)?.indexed_text(schema, field))
            }
            None => Ok(String::new()),
        };
        let texts: Option<&TextOf<'_>> = if self.analyze { Some(&text) } else { None };
        let merge = Merge { schema, inputs: &inputs, graph, texts, progress };
        KINDS.iter().try_for_each(|kind| kind.merge(&merge, &mut out))?;
        Ok(out.finish()?)
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
