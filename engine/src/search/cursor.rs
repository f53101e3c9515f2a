//! A cursor: the ranked list of a request on one generation, read page by page.

use lexivec_query::filter::Filter;
use lexivec_query::rerank::Ranked;
use lexivec_query::{SearchRequest, SearchResponse};

use super::{Searcher, text};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::generation::DocAddress;
use crate::limits::MAX_REACH;

/// The hits of one request as they were ranked when the cursor was opened, to be read in pages. Whatever
/// is written, flushed or compacted meanwhile: pages that follow each other have no hit twice and lack
/// none, and together they are, to the bit, what one search for as many hits as the cursor reaches gave
/// on that generation.
///
/// It keeps the request and the ranked rows, not their documents: about 220 bytes a row and at most
/// [`MAX_REACH`] rows, so 2.2 MB. It holds its generation, too: segment files that a compaction replaces
/// take space on disk, and rows not flushed yet take memory, until the cursor is dropped. It holds
/// neither the collection nor its lock.
#[derive(Debug)]
pub struct Cursor {
    searcher: Searcher,
    /// The request with its vectors and rerank removed after ranking; the filter is kept only to count facets.
    request: SearchRequest,
    list: Vec<Ranked<DocAddress>>,
    /// True if the text leg ran.
    by_words: bool,
    /// What every page says besides its hits.
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
        Cursor::open(self, &request, reach)
    }
}

impl Cursor {
    /// Ranks the rows of a request, up to `reach` of them.
    pub(super) fn open(searcher: &Searcher, request: &SearchRequest, reach: usize) -> Result<Self> {
        if request.group_by.is_some() {
            return Err(Error::invalid("group_by", "a cursor reads hits; leave the groups out"));
        }
        if reach == 0 || reach.saturating_add(request.offset) > MAX_REACH {
            let detail = format!("a number from 1 to {MAX_REACH}, with the offset, is expected");
            return Err(Error::invalid("reach", detail));
        }
        let mut request = request.clone().limit(reach);
        let prepared = searcher.prepare(&request, Deadline::of(&request))?;
        let wanted = searcher.matching(&request.filter, prepared.time)?;
        let mut ranking = searcher.rank_rows(&prepared, &wanted)?;
        let mut list: Vec<_> = ranking.page(&request).collect();
        // The legs bring more than is kept.
        list.iter_mut().for_each(|row| row.fused.contributions.shrink_to_fit());
        list.shrink_to_fit();
        let by_words = ranking.text_query.is_some();
        let head = ranking.into_head(&searcher.generation, &prepared, &wanted);
        (request.vector, request.rerank) = (None, None);
        if request.facets.is_empty() {
            request.filter = Filter::All;
        }
        // Pages ask no model.
        let searcher = Searcher { embedder: None, reranker: None, ..searcher.clone() };
        Ok(Self { searcher, request, list, by_words, head, next: 0 })
    }

    /// The next page: up to `limit` hits after those of the pages before; none when all were given.
    /// Facets that the request asks for are in the first page alone. If it fails the cursor stays where
    /// it is. Each page has the time that the request had for all of its ranking.
    ///
    /// # Errors
    /// The end of that time; corruption, where a touched block is damaged.
    pub fn next(&mut self, limit: usize) -> Result<SearchResponse> {
        let page = self.page(self.next, limit)?;
        self.next += page.hits.len();
        Ok(page)
    }

    /// The page of up to `limit` hits from place `from` on, counted from 0; as often as it is asked for.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn page(&self, from: usize, limit: usize) -> Result<SearchResponse> {
        let (searcher, request) = (&self.searcher, &self.request);
        let time = Deadline::of(request);
        // Read anew: the terms that a prefix stands for have no bound, so they are not kept.
        let reads = self.by_words && (request.explain || request.highlight.is_some());
        let query = reads
            .then(|| text::query(&searcher.generation, &searcher.schema, request))
            .transpose()?;
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

    /// Hits of all pages together.
    pub fn rows(&self) -> usize {
        self.list.len()
    }

    /// Hits that [`next`](Self::next) has not given yet.
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
