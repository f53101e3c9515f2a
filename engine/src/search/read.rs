//! Reads without ranking: rows by id and by filter, counts, facets and pages.

use lexivec_query::facets::{Facet, FacetCounts};
use lexivec_query::filter::Filter;
use serde::Serialize;

use super::Searcher;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::limits::MAX_SCROLL_ROWS;
use crate::rows::RowSet;
use crate::segment::NumberedId;

/// A page of rows in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ScrollPage {
    /// The rows, whole.
    pub documents: Vec<Document>,
    /// The id after which the next page begins; `None` on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Searcher {
    /// The whole row with this id; `None` if there is no such row.
    pub fn get(&self, id: &str) -> Result<Option<Document>> {
        self.whole(|| {
            let address = self.find(id)?;
            address.map(|address| self.generation.document(&self.schema, address)).transpose()
        })
    }

    /// Exact number of rows that a filter admits.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        self.whole(|| Ok(RowSet::total(&self.matching(filter, self.budget.time())?)))
    }

    /// Counts the values at a dotted payload path over the rows that a filter admits, exactly: the `limit`
    /// values of most rows, ties by value. A row with several values counts for each of them, once.
    ///
    /// # Errors
    /// When the path is invalid, or `limit` is over
    /// [`MAX_FACET_LIMIT`](lexivec_query::limits::MAX_FACET_LIMIT).
    pub fn facet(&self, field: &str, filter: &Filter, limit: usize) -> Result<FacetCounts> {
        let facet = Facet::new(field, limit);
        facet.check()?;
        let time = self.budget.time();
        self.whole(|| self.facet_of(&facet, &self.matching(filter, time)?, time))
    }

    /// Up to `limit` rows that a filter admits, ordered by id, after the id `after` if one is given. A
    /// row that exists from the first page to the last is returned once, whatever is written between
    /// pages.
    ///
    /// # Errors
    /// When `limit` is over [`MAX_SCROLL_ROWS`].
    pub fn scroll(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<ScrollPage> {
        within_page(limit)?;
        self.whole(|| self.page_after(filter, after, limit))
    }

    /// Up to `limit` rows that a filter admits, from the id `from` on if one is given, in the order in which Qdrant has
    /// ids: those that are whole numbers by value, then the others by their bytes. `next` is the id with which the next
    /// page begins.
    ///
    /// # Errors
    /// When `limit` is over [`MAX_SCROLL_ROWS`].
    pub fn scroll_from(
        &self,
        filter: &Filter,
        from: Option<&str>,
        limit: usize,
    ) -> Result<ScrollPage> {
        within_page(limit)?;
        self.whole(|| self.page_from(filter, from.map(NumberedId::of), limit))
    }

    fn page_from(
        &self,
        filter: &Filter,
        from: Option<NumberedId<'_>>,
        limit: usize,
    ) -> Result<ScrollPage> {
        let mut rows = Vec::new();
        let time = self.budget.time();
        let matching = self.matching(filter, time)?;
        for (live, wanted) in self.generation.segments.iter().zip(matching) {
            time.check()?;
            // One more than wanted is the first of the next page.
            let found = live.segment.documents.numbered_from(from, limit + 1, &wanted)?;
            rows.extend(found.into_iter().map(|(id, row)| (id, live, row)));
        }
        rows.sort_unstable_by_key(|&(id, _, _)| id);
        let next = rows.get(limit).map(|(_, live, row)| live.segment.documents.id(*row));
        let next = next.transpose()?.map(str::to_owned);
        rows.truncate(limit);
        let documents = rows.iter().map(|(_, live, row)| {
            time.check()?;
            let document = live.segment.document(&self.schema, *row)?;
            self.budget.charge_document(&document)?;
            Ok(document)
        });
        Ok(ScrollPage { documents: documents.collect::<Result<_>>()?, next })
    }

    fn page_after(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<ScrollPage> {
        let mut rows = Vec::new();
        let time = self.budget.time();
        let matching = self.matching(filter, time)?;
        for (live, wanted) in self.generation.segments.iter().zip(matching) {
            let documents = &live.segment.documents;
            let first = match after {
                None => 0,
                Some(after) => documents.rank_after(after)?,
            };
            let mut found = 0;
            for rank in first..live.segment.rows {
                // One more than wanted shows if there is a next page.
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
            .map(|(_, live, row)| {
                time.check()?;
                let document = live.segment.document(&self.schema, *row)?;
                self.budget.charge_document(&document)?;
                Ok(document)
            })
            .collect::<Result<Vec<_>>>()?;
        let next = documents.last().filter(|_| more).map(|d| d.id.clone());
        Ok(ScrollPage { documents, next })
    }
}

fn within_page(limit: usize) -> Result<()> {
    if limit > MAX_SCROLL_ROWS {
        let detail = format!("{limit} is over the limit of {MAX_SCROLL_ROWS}");
        return Err(Error::invalid("limit", detail));
    }
    Ok(())
}
