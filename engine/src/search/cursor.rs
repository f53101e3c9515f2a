//! A cursor: the ranked list of a request on one generation, read page by page.

use lexivec_query::filter::Filter;
use lexivec_query::rerank::Ranked;
use lexivec_query::{SearchRequest, SearchResponse};

use super::Searcher;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::generation::DocAddress;
use crate::limits::MAX_REACH;

/// The ranked hits of one request on the generation at which the cursor was opened, read in pages.
/// Writes, flushes and compactions do not change it: consecutive pages repeat no hit and miss none, and
/// together they equal, to the bit, one search on that generation for as many hits as the cursor
/// reaches.
///
/// It holds the request and the ranked rows, not their documents: about 220 bytes a row and at most
/// [`MAX_REACH`] rows, so 2.2 MB. It also holds its generation: segment files that a compaction
/// replaces take space on disk, and rows not flushed yet take memory, until the cursor is dropped. It
/// does not hold the collection or its lock.
#[derive(Debug)]
pub struct Cursor {
    searcher: Searcher,
    /// The request with its vectors and rerank removed after ranking; the filter is kept only to count facets.
    request: SearchRequest,
    list: Vec<Ranked<DocAddress>>,
    /// True if the text leg ran.
    by_words: bool,
    /// The parts of the answer that every page repeats.
    head: SearchResponse,
    next: usize,
}

impl Searcher {
    /// Ranks up to `reach` hits of a request, after its offset, and gives them page by page; see [`Cursor`]. The
    /// request's own limit has no part in it. A reranker runs once, for all pages; a deadline is that of the ranking.
    ///
    /// # Errors
    /// As [`search`](Self::search); when `reach` is 0 or, with the offset, over [`MAX_REACH`]; and where the request
    /// asks for groups.
    pub fn cursor(&self, request: &SearchRequest, reach: usize) -> Result<Cursor> {
        let request = self.resolve(request)?;
        self.whole(|| Cursor::open(self, &request, reach))
    }
}

impl Cursor {
    /// Ranks the rows of a request, up to `reach` of them.
    pub(super) fn open(searcher: &Searcher, request: &SearchRequest, reach: usize) -> Result<Self> {
        if request.group_by.is_some() {
            return Err(Error::invalid("group_by", "a cursor has no groups; leave group_by out"));
        }
        if reach == 0 || reach.saturating_add(request.offset) > MAX_REACH {
            let detail = format!("with the offset it must be from 1 to {MAX_REACH}");
            return Err(Error::invalid("reach", detail));
        }
        let mut request = request.clone().limit(reach);
        let prepared = searcher.prepare(&request, Deadline::of(&request))?;
        let wanted = searcher.matching(&request.filter, prepared.time)?;
        let mut ranking = searcher.rank_rows(&prepared, &wanted)?;
        let mut list: Vec<_> = ranking.page(&request).collect();
        // The legs return more rows than the cursor keeps.
        list.iter_mut().for_each(|row| row.fused.contributions.shrink_to_fit());
        list.shrink_to_fit();
        let by_words = ranking.text_query.is_some();
        let head = ranking.into_head(&searcher.generation, &prepared, &wanted);
        (request.vector, request.rerank) = (None, None);
        if request.facets.is_empty() {
            request.filter = Filter::All;
        }
        // Pages ask no model, and each has its own time.
        let budget = searcher.budget.clone().until(Deadline::NEVER);
        let searcher = Searcher { embedder: None, reranker: None, budget, ..searcher.clone() };
        Ok(Self { searcher, request, list, by_words, head, next: 0 })
    }

    /// The next page: up to `limit` hits after those of the pages before; empty once all were returned.
    /// The request's facets are in the first page only. A failed call does not move the cursor. Each
    /// page has the same time budget as the request.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`] after that time; corruption if a block it reads is damaged.
    pub fn next(&mut self, limit: usize) -> Result<SearchResponse> {
        let page = self.page(self.next, limit)?;
        self.next += page.hits.len();
        Ok(page)
    }

    /// The page of up to `limit` hits from index `from` on, counted from 0; it does not move the cursor.
    ///
    /// # Errors
    /// Those of [`next`](Self::next).
    pub fn page(&self, from: usize, limit: usize) -> Result<SearchResponse> {
        self.searcher.whole(|| self.read_page(from, limit))
    }

    fn read_page(&self, from: usize, limit: usize) -> Result<SearchResponse> {
        let (searcher, request) =
            (&self.searcher.within(self.searcher.budget.renewed()), &self.request);
        let time = Deadline::of(request);
        // The query is parsed again: the terms that a prefix stands for are unbounded, so they are not kept.
        let reads = self.by_words && (request.explain || request.highlight.is_some());
        let query = reads.then(|| searcher.text_query(request, time)).transpose()?;
        let facets = match from == 0 && !request.facets.is_empty() {
            true => {
                let wanted = searcher.matching(&request.filter, time)?;
                searcher.facets(request, &wanted, time)?
            }
            false => Vec::new(),
        };
        let rows = self.list.iter().skip(from).take(limit).cloned();
        let hits = searcher.read(request, query.as_ref(), rows, time)?;
        let mut answer = self.head.clone();
        (answer.hits, answer.facets) = (hits, facets);
        Ok(answer)
    }

    /// Number of hits of all pages together.
    pub fn rows(&self) -> usize {
        self.list.len()
    }

    /// Number of hits that [`next`](Self::next) has not returned yet.
    pub fn left(&self) -> usize {
        self.list.len().saturating_sub(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lexivec_query::fusion::Contribution;

    #[test]
    fn a_row_takes_what_is_said() {
        // Both legs found it.
        assert!(size_of::<Ranked<DocAddress>>() + 2 * size_of::<Contribution>() <= 220);
    }
}
