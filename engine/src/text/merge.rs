//! Merging inverted indexes: postings of the live rows, row after row, without analyzing again.

use lexivec_storage::{SegmentReader, SegmentWriter};
use tantivy::directory::{OwnedBytes, RamDirectory};
use tantivy::fastfield::{AliveBitSet, write_alive_bitset};
use tantivy::indexer::merge_filtered_segments;
use tantivy::{BitSet, IndexSettings};

use super::index::{TokenCounts, write_index};
use super::{TextIndex, tantivy_error};
use crate::error::{Error, Result};
use crate::rows::RowSet;
use crate::schema::TextField;

/// Bytes of memory for each byte of a section that tantivy builds: the section, and tantivy's overhead.
const BUILD_BYTES: u64 = 3;

/// Bytes of memory that a merge takes for the sections whose names start with `prefix`, as tantivy builds them in
/// memory.
pub(crate) fn merge_bytes(reader: &SegmentReader, prefix: &str) -> u64 {
    let sections = reader.names().filter(|name| name.starts_with(prefix));
    sections.filter_map(|name| reader.find(name)).map(|s| s.len() as u64).sum::<u64>() * BUILD_BYTES
}

/// Writes the sections of the text leg for the live rows of several segments, in their order. The
/// largest frequencies are those of the inputs: bounds, which is all that pruning needs.
pub(crate) fn merge_text(
    out: &mut SegmentWriter,
    fields: &[TextField],
    inputs: &[(&TextIndex, &RowSet)],
) -> Result<()> {
    let failed = |e| tantivy_error("a merged segment", e);
    let handles: Vec<_> = inputs.iter().map(|(index, _)| index.handle.clone()).collect();
    let alive = inputs.iter().map(|(_, rows)| bits(rows)).collect::<Result<Vec<_>>>()?;
    let ram = RamDirectory::create();
    let merged = merge_filtered_segments(&handles, IndexSettings::default(), alive, ram.clone())
        .map_err(failed)?;
    let rows: u32 = inputs.iter().map(|(_, rows)| rows.count()).sum();
    let mut lengths = vec![Vec::with_capacity(rows as usize); fields.len()];
    let mut frequencies = vec![0; fields.len()];
    for (field, (lengths, most)) in lengths.iter_mut().zip(&mut frequencies).enumerate() {
        for (index, alive) in inputs {
            *most = index.max_term_freq(field).max(*most);
            let counted = index.lengths(field)?;
            lengths.extend(alive.iter().map(|row| counted.of(row)));
        }
    }
    let counts = TokenCounts { lengths: &lengths, max_term_freqs: &frequencies };
    write_index(out, fields, &merged, &ram, counts)
}

/// The live rows in tantivy's form; `None` if all are live.
fn bits(rows: &RowSet) -> Result<Option<AliveBitSet>> {
    if rows.is_full() {
        return Ok(None);
    }
    let mut bits = BitSet::with_max_value(rows.rows());
    rows.iter().for_each(|row| {
        bits.insert(row);
    });
    let mut bytes = Vec::new();
    write_alive_bitset(&bits, &mut bytes).map_err(|e| Error::TextIndex {
        file: "a merged segment".to_owned(),
        detail: e.to_string(),
    })?;
    Ok(Some(AliveBitSet::open(OwnedBytes::new(bytes))))
}
