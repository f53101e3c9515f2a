//! The text leg over all segments of a generation.

use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec_query::answer::Passage;
use lexivec_query::request::Highlight;

use super::merge;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::generation::{DocAddress, Generation};
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::text::TextQuery;

/// The `window` best rows by BM25, best first.
pub(super) fn search(
    generation: &Generation,
    query: &TextQuery,
    wanted: &[Arc<RowSet>],
    window: usize,
    time: Deadline,
) -> Result<Vec<(DocAddress, f64)>> {
    let mut hits = Vec::new();
    for ((segment, live), rows) in (0u32..).zip(&generation.segments).zip(wanted) {
        time.check()?;
        let rank = |row| live.rank(row);
        let found = query.search(&live.segment.text, rows, window, rank, time)?;
        hits.extend(found.into_iter().map(|(row, score)| (DocAddress::new(segment, row), score)));
    }
    merge::merge(generation, &mut hits, window);
    Ok(hits)
}

/// The best passage of each text of a row, by field; fields without a match are left out.
pub(super) fn passages(
    schema: &Schema,
    query: &TextQuery,
    texts: &BTreeMap<String, String>,
    options: &Highlight,
) -> BTreeMap<String, Vec<Passage>> {
    let fields = schema.indexed_fields();
    let passage = |(name, text): (&String, &String)| {
        // Texts that are searched as one all belong to the first indexed field.
        let index =
            if schema.join_text { 0 } else { fields.iter().position(|f| f.name == *name)? };
        let parts = query.passage(text, index, fields.get(index)?, options);
        (!parts.is_empty()).then(|| (name.clone(), parts))
    };
    texts.iter().filter_map(passage).collect()
}
