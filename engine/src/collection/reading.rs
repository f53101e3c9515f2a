//! Reading from a handle: its searcher of the moment, and one-line conveniences that go through it.

use lexivec_query::facets::FacetCounts;
use lexivec_query::filter::Filter;
use lexivec_query::suggest::{SuggestRequest, Suggestions};
use lexivec_query::why_not::WhyNot;
use lexivec_query::{SearchRequest, SearchResponse};

use super::Collection;
use crate::budget::Budget;
use crate::deadline::Deadline;
use crate::document::Document;
use crate::error::Result;
use crate::search::{Cursor, ScrollPage, Searcher};

impl Collection {
    /// The read view of this moment: every write acknowledged before it is in its answers, and no later one.
    ///
    /// # Errors
    /// When pending writes cannot be applied.
    pub fn searcher(&self) -> Result<Searcher> {
        self.searcher_until(Deadline::NEVER)
    }

    /// The read view of this moment, whose answers take no more than a budget; see [`Searcher::within`].
    ///
    /// # Errors
    /// When pending writes cannot be applied, or not within the time of the budget.
    pub fn searcher_within(&self, budget: Budget) -> Result<Searcher> {
        Ok(self.searcher_until(budget.time())?.within(budget))
    }

    /// The read view of this moment, if it can be had in time.
    fn searcher_until(&self, time: Deadline) -> Result<Searcher> {
        Ok(Searcher {
            vfs: self.shared.vfs.clone(),
            generation: self.shared.view_until(time)?,
            schema: self.shared.schema.clone(),
            profiles: self.profiles(),
            synonyms: self.shared.synonyms.load_full(),
            embedder: self.embedder.clone(),
            reranker: self.reranker.clone(),
            adapters: self.adapters.load_full(),
            scope: Filter::All,
            statistics: None,
            budget: Budget::new(),
        })
    }

    /// Answers a request from every write acknowledged before it; see [`Searcher::search`].
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn search(&self, request: &SearchRequest) -> Result<SearchResponse> {
        let time = Deadline::of(request);
        self.searcher_until(time)?.search_within(request, time)
    }

    /// Suggests completions and a correction of a text; see [`Searcher::suggest`].
    ///
    /// # Errors
    /// As [`Searcher::suggest`].
    pub fn suggest(&self, request: &SuggestRequest) -> Result<Suggestions> {
        let time = Deadline::of_suggestions(request);
        self.searcher_until(time)?.suggest_within(request, time)
    }

    /// Answers many requests from one state of the collection; see [`Searcher::search_many`].
    ///
    /// # Errors
    /// As [`Searcher::search_many`].
    pub fn search_many(&self, requests: &[SearchRequest]) -> Result<Vec<SearchResponse>> {
        self.searcher()?.search_many(requests)
    }

    /// Ranks up to `reach` hits of a request, to be read page by page; see [`Searcher::cursor`].
    ///
    /// # Errors
    /// As [`Searcher::cursor`].
    pub fn cursor(&self, request: &SearchRequest, reach: usize) -> Result<Cursor> {
        self.searcher_until(Deadline::of(request))?.cursor(request, reach)
    }

    /// Finds the stage of a request that dropped a row; see [`Searcher::why_not`].
    ///
    /// # Errors
    /// As [`Searcher::why_not`].
    pub fn why_not(&self, request: &SearchRequest, id: &str) -> Result<WhyNot> {
        self.searcher_until(Deadline::of(request))?.why_not(request, id)
    }

    /// The whole row with this id; `None` if there is no such row.
    ///
    /// # Errors
    /// Corruption, where a touched block is damaged.
    pub fn get(&self, id: &str) -> Result<Option<Document>> {
        self.searcher()?.get(id)
    }

    /// Number of rows that a filter admits; see [`Searcher::count`].
    ///
    /// # Errors
    /// As [`Searcher::count`].
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        self.searcher()?.count(filter)
    }

    /// Counts of the values at a payload path; see [`Searcher::facet`].
    ///
    /// # Errors
    /// As [`Searcher::facet`].
    pub fn facet(&self, field: &str, filter: &Filter, limit: usize) -> Result<FacetCounts> {
        self.searcher()?.facet(field, filter, limit)
    }

    /// A page of rows in the order of their ids; see [`Searcher::scroll`].
    ///
    /// # Errors
    /// As [`Searcher::scroll`].
    pub fn scroll(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<ScrollPage> {
        self.searcher()?.scroll(filter, after, limit)
    }
}
