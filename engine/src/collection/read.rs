//! Reading rows without ranking them: by id, by filter, counted, and page by page.

use std::sync::Arc;

use lexivec_query::facets::{Facet, FacetCounts, Tally};
use lexivec_query::filter::Filter;
use serde::Serialize;
use serde_json::Value;

use super::Collection;
use super::generation::LiveSegment;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::execute;
use crate::limits::MAX_SCROLL_ROWS;
use crate::schema::Schema;
use crate::segment::{RowSet, Segment};
use crate::text::StoredFields;

/// A page of rows in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ScrollPage {
    /// The rows, whole.
    pub documents: Vec<Document>,
    /// The id after which the next page begins; nothing on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Collection {
    /// The whole row with this id, if it is there.
    pub fn get(&self, id: &str) -> Result<Option<Document>> {
        let generation = self.shared.view()?;
        match generation.find(id)? {
            None => Ok(None),
            Some((segment, row)) => segment.segment.document(self.schema(), row).map(Some),
        }
    }

    /// How many rows a filter admits, exactly.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        let mut count = 0;
        for live in &self.shared.view()?.segments {
            count += u64::from(live.matching(self.schema(), filter)?.count());
        }
        Ok(count)
    }

    /// Counts the values at a dotted payload path over the rows that a filter admits, exactly: the `limit`
    /// values of most rows, ties by value. A row with several values counts for each of them, once.
    ///
    /// # Errors
    /// When the path is none, or `limit` is over
    /// [`MAX_FACET_LIMIT`](lexivec_query::limits::MAX_FACET_LIMIT).
    pub fn facet(&self, field: &str, filter: &Filter, limit: usize) -> Result<FacetCounts> {
        let facet = Facet::new(field, limit);
        facet.check()?;
        execute::facet(&self.source(&*self.shared.view()?), &facet, filter)
    }

    /// Up to `limit` rows that a filter admits, by id, those after the id `after` if one is given. A
    /// row that is there from the first page to the last is met once, whatever is written meanwhile.
    ///
    /// # Errors
    /// When `limit` is over [`MAX_SCROLL_ROWS`].
    pub fn scroll(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<ScrollPage> {
        if limit > MAX_SCROLL_ROWS {
            let detail = format!("{limit} is over the limit of {MAX_SCROLL_ROWS}");
            return Err(Error::invalid("limit", detail));
        }
        let generation = self.shared.view()?;
        let mut rows = Vec::new();
        for live in &generation.segments {
            let wanted = live.matching(self.schema(), filter)?;
            let documents = &live.segment.documents;
            let first = match after {
                None => 0,
                Some(after) => documents.rank_after(after)?,
            };
            let mut found = 0;
            for rank in first..live.segment.rows {
                // One more than wanted tells whether there is a next page.
                if found > limit {
                    break;
                }
                if let Some(row) = documents.row_at(rank)?.filter(|&row| wanted.contains(row)) {
                    rows.push((documents.id(row)?, live, row));
                    found += 1;
                }
            }
        }
        rows.sort_unstable_by_key(|&(id, _, _)| id);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let documents = rows
            .iter()
            .map(|(_, live, row)| live.segment.document(self.schema(), *row))
            .collect::<Result<Vec<_>>>()?;
        let next = documents.last().filter(|_| more).map(|d| d.id.clone());
        Ok(ScrollPage { documents, next })
    }
}

impl LiveSegment {
    /// Live rows that a filter admits.
    pub(crate) fn matching(&self, schema: &Schema, filter: &Filter) -> Result<Arc<RowSet>> {
        let beside = Rows { segment: &self.segment, schema };
        self.segment.columns.matching(filter, &self.alive, &beside)
    }

    /// Counts rows by their values at a payload path.
    pub(crate) fn count_values(
        &self,
        schema: &Schema,
        path: &str,
        wanted: &RowSet,
        tally: &mut Tally,
    ) -> Result<()> {
        let beside = Rows { segment: &self.segment, schema };
        self.segment.columns.count_values(path, wanted, &beside, tally)
    }
}

/// The rows of a segment, for what columns do not tell of them.
struct Rows<'a> {
    segment: &'a Segment,
    schema: &'a Schema,
}

impl StoredFields for Rows<'_> {
    fn payload(&self, row: u32) -> Result<Value> {
        self.segment.documents.payload(self.schema, row)
    }

    fn id(&self, row: u32) -> Result<&str> {
        self.segment.documents.id(row)
    }

    fn row_of(&self, id: &str) -> Result<Option<u32>> {
        self.segment.documents.row_of(id)
    }

    fn rows_with(&self, field: Option<&str>, words: &str) -> Result<RowSet> {
        let fields = self.schema.indexed_fields();
        if let Some(name) = field.filter(|name| fields.iter().all(|f| f.name != *name)) {
            return Err(Error::Request(lexivec_query::Error::UnknownField {
                at: "filter: $text".to_owned(),
                kind: "text",
                name: name.to_owned(),
                known: fields.into_iter().map(|f| f.name).collect(),
            }));
        }
        self.segment.text.rows_with(&fields, field, words)
    }
}
