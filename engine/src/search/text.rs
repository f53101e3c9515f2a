//! The text leg over all segments of a generation.

use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec_query::SearchRequest;
use lexivec_query::answer::Passage;
use lexivec_query::bind::BoundLeg;
use lexivec_query::request::{Highlight, Leg, Syntax};

use super::Searcher;
use super::leg::{LegFound, LegSearch, RowTrace};
use super::merge::merge;
use super::prepare::Prepared;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::generation::{DocAddress, Generation};
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::text::{Looked, TextQuery};
use crate::trace::SearchStage;

/// The leg of words: BM25 over the inverted index.
pub(super) struct TextLeg;

impl LegSearch for TextLeg {
    fn stage(&self) -> SearchStage {
        SearchStage::Text
    }

    fn search(
        &self,
        searcher: &Searcher,
        task: &[Prepared<'_>],
        matching: &[Arc<RowSet>],
    ) -> Result<Vec<Option<LegFound>>> {
        let found = |p: &Prepared<'_>| {
            let Some(leg) = p.leg(Leg::Text) else { return Ok(None) };
            let query = searcher.text_query(p.request, p.time)?;
            let hits = search(&searcher.generation, &query, matching, leg.window, p.time)?;
            Ok(Some(LegFound { hits, plans: Vec::new(), query: Some(query) }))
        };
        task.iter().map(found).collect()
    }

    fn complete(
        &self,
        searcher: &Searcher,
        prepared: &Prepared<'_>,
        found: &LegFound,
        rows: &[Arc<RowSet>],
    ) -> Result<Vec<(DocAddress, f64)>> {
        let Some(query) = &found.query else { return Ok(Vec::new()) };
        let window = RowSet::total(rows) as usize;
        search(&searcher.generation, query, rows, window, prepared.time)
    }

    fn same_list(&self, one: &SearchRequest, other: &SearchRequest) -> bool {
        one.bm25 == other.bm25
            && one.field_weights == other.field_weights
            && one.synonyms == other.synonyms
            && one.typos == other.typos
    }

    fn locate(&self, trace: &RowTrace<'_>, leg: &BoundLeg) -> Result<Option<(usize, f64)>> {
        let RowTrace { searcher, prepared, address, matching } = trace;
        let query = searcher.text_query(prepared.request, prepared.time)?;
        let window = (RowSet::total(matching) as usize).max(leg.window);
        let hits = search(&searcher.generation, &query, matching, window, prepared.time)?;
        let found = hits.iter().position(|(found, _)| found == address);
        Ok(found.and_then(|i| Some((i + 1, hits.get(i)?.1))))
    }

    fn absent(&self, trace: &RowTrace<'_>, _: &BoundLeg) -> String {
        let reason = match trace.prepared.request.syntax {
            Syntax::Words => "it has no term of the query",
            Syntax::QueryString => {
                "it matches no clause of the query, lacks a required clause, or has what it excludes"
            }
        };
        reason.to_owned()
    }
}

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
        if rows.count() == 0 {
            continue;
        }
        time.check()?;
        let rank = |row| live.rank(row);
        let found = query.search(live.segment.text(), rows, window, rank, time)?;
        hits.extend(found.into_iter().map(|(row, score)| (DocAddress::new(segment, row), score)));
    }
    merge(generation, &mut hits, window)?;
    Ok(hits)
}

/// The best passages of each text of a row, by field; fields without a match are left out.
pub(super) fn passages(
    schema: &Schema,
    query: &TextQuery,
    texts: &BTreeMap<String, String>,
    options: &Highlight,
    time: Deadline,
) -> Result<BTreeMap<String, Vec<Passage>>> {
    let fields = schema.indexed_fields();
    let mut looked = Looked::new(time);
    let mut passages = BTreeMap::new();
    for (name, text) in texts {
        // Texts that are searched as one are all in the first indexed field.
        let joined = schema.join_text.then_some(0);
        let own = fields.iter().position(|f| f.name == *name).filter(|own| Some(*own) != joined);
        let indices: Vec<usize> = joined.into_iter().chain(own).collect();
        let Some(field) = indices.first().and_then(|&index| fields.get(index)) else { continue };
        let found = query.passages(text, &indices, field, options, &mut looked)?;
        if !found.is_empty() {
            passages.insert(name.clone(), found);
        }
    }
    Ok(passages)
}
