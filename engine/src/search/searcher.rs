//! The searcher: the read view of a collection.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec_query::filter::Filter;
use lexivec_query::shards::TermStatistics;
use lexivec_query::{Profile, SearchRequest, SearchResponse};
use lexivec_storage::Vfs;
use rayon::prelude::*;

use super::leg_table;
use super::prepare::Prepared;
use crate::budget::Budget;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::generation::{DocAddress, Generation, LiveSegment, admits};
use crate::limits::MAX_BATCH_REQUESTS;
use crate::model::Embedder;
use crate::model::adapters::Adapters;
use crate::model::rerank::RerankerHandle;
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::text::SynonymTable;
use crate::trace::SearchStage;

/// Most requests of a batch that one task answers together.
const TASK_REQUESTS: usize = 32;
/// Most rows that the legs of these requests bring together: 20 MB in each thread.
pub(super) const TASK_ROWS: usize = 1 << 16;

/// A read view of a collection: one generation, which never changes, with the profiles, synonyms, models and query adapters
/// of the moment it was made.
///
/// Every answer of a searcher is from the same rows, whatever is written later. A clone is cheap and is
/// the same view; a searcher can be sent to other threads and outlives the collection's handle. It
/// holds its generation: segment files that a compaction replaces take space on disk until the last
/// searcher of them is dropped.
#[derive(Clone)]
pub struct Searcher {
    /// The files of the generation.
    pub(crate) vfs: Arc<dyn Vfs>,
    pub(crate) generation: Arc<Generation>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) profiles: Arc<BTreeMap<String, Profile>>,
    pub(crate) synonyms: Arc<SynonymTable>,
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
    pub(crate) reranker: Option<RerankerHandle>,
    pub(crate) adapters: Arc<Adapters>,
    /// A mandatory filter of every read.
    pub(crate) scope: Filter,
    /// Term statistics to score with; those of the generation if not given.
    pub(crate) statistics: Option<Arc<TermStatistics>>,
    /// The limit on memory and time of its answers.
    pub(crate) budget: Budget,
}

impl std::fmt::Debug for Searcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Searcher")
            .field("collection", &self.schema.name)
            .field("generation", &self.generation.number)
            .field("seq", &self.generation.seq)
            .field("scope", &self.scope.to_text())
            .finish_non_exhaustive()
    }
}

impl Searcher {
    /// Answers a request.
    ///
    /// The same rows and request give the same answer, byte for byte, unless the request has a reranker
    /// whose time runs out or whose scores differ; the answer reports whether it was applied.
    ///
    /// # Errors
    /// The request's faults ([`Error::Request`]), corruption if a block it reads is damaged, and
    /// [`Error::DeadlineExceeded`] once the request's deadline has passed.
    pub fn search(&self, request: &SearchRequest) -> Result<SearchResponse> {
        self.search_within(request, Deadline::of(request))
    }

    /// Answers a request within a time.
    pub(crate) fn search_within(
        &self,
        request: &SearchRequest,
        time: Deadline,
    ) -> Result<SearchResponse> {
        self.search_until(&*self.resolve(request)?, time)
    }

    /// Answers a request that names no profile, within a time.
    pub(crate) fn search_until(
        &self,
        request: &SearchRequest,
        time: Deadline,
    ) -> Result<SearchResponse> {
        self.whole(|| {
            let prepared = self.prepare(request, time)?;
            let matching = self.matching(&request.filter, time)?;
            let ranking = self.rank_rows(&prepared, &matching)?;
            self.answer(&prepared, ranking, &matching)
        })
    }

    /// Answers a request, with the terms of every score and the plan of every segment.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn explain(&self, request: &SearchRequest) -> Result<SearchResponse> {
        let mut request = request.clone();
        request.explain = true;
        self.search(&request)
    }

    /// Answers many requests, on all threads, in their order. A filter that several of them share is
    /// evaluated once, and rows are scanned once for requests that differ only in words and vectors.
    ///
    /// # Errors
    /// As [`search`](Self::search), with the index of the request; then no request is answered, not
    /// even if only one exceeds its deadline. More than
    /// [`MAX_BATCH_REQUESTS`](crate::limits::MAX_BATCH_REQUESTS) are refused.
    pub fn search_many(&self, requests: &[SearchRequest]) -> Result<Vec<SearchResponse>> {
        let requests = self.resolve_all(requests)?;
        if requests.len() > MAX_BATCH_REQUESTS {
            let detail = format!("{} are over the limit of {MAX_BATCH_REQUESTS}", requests.len());
            return Err(Error::invalid("requests", detail));
        }
        // All requests are checked before any is run.
        let prepared: Vec<_> = requests
            .par_iter()
            .enumerate()
            .map(|(index, request)| {
                self.prepare(request, Deadline::of(request)).map_err(|e| e.of_request(index))
            })
            .collect::<Result<_>>()?;
        // As many tasks as keep all threads busy.
        let share = requests.len().div_ceil(rayon::current_num_threads());
        let tasks: Vec<&[Prepared<'_>]> = prepared
            .chunk_by(|a, b| a.is_like(b))
            .flat_map(|like| {
                let rows = like.iter().map(Prepared::rows).max().unwrap_or(0).max(1);
                like.chunks(share.min(TASK_REQUESTS).min(TASK_ROWS / rows).max(1))
            })
            .collect();
        self.whole(|| {
            let answers = tasks.into_par_iter().map(|task| self.answer_task(task));
            Ok(answers.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
    }

    /// Gives what `read` gives, unless a part of a file that it was read from could not be read or has changed: then zeros
    /// or other bytes may be in it, and an error of it is one of their making. The look at the files follows the read, so
    /// that no change of them before the read is missed; it costs a system call of half a microsecond for each segment.
    pub(super) fn whole<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        let answer = read();
        self.generation.check_whole(&*self.vfs)?;
        answer
    }

    /// Answers requests that differ only in words and vectors.
    fn answer_task(&self, task: &[Prepared<'_>]) -> Result<Vec<SearchResponse>> {
        let Some(first) = task.first() else {
            return Ok(Vec::new());
        };
        // Shared work has the earliest deadline of the requests.
        let time = task.iter().fold(first.time, |time, p| time.earlier(p.time));
        let matching = self.matching(&first.request.filter, time)?;
        let found = leg_table::run(self, task, &matching)?;
        let answers = task.iter().zip(found);
        answers.map(|(p, found)| self.answer(p, self.rank_found(p, found)?, &matching)).collect()
    }

    /// A view of the rows that `filter` admits: the filter is a mandatory part of every read. To the scoped
    /// searcher, and to cursors and clones of it, a row outside does not exist: it is not found, returned, counted or
    /// ranked, and [`why_not`](Self::why_not) reports that it is not in the collection. A scope can be
    /// narrowed, by scoping again, and never widened.
    ///
    /// The statistics of BM25 (document frequencies, number of rows, mean lengths) stay those of the whole collection,
    /// so that a row has one score under every scope. So scores, the terms of a ledger and what a typing error stands
    /// for depend on words of rows outside: for a caller that must learn nothing of these, see
    /// [`isolated`](Self::isolated).
    #[must_use]
    pub fn scoped(&self, filter: Filter) -> Self {
        Self { scope: self.within_scope(&filter).into_owned(), ..self.clone() }
    }

    /// A view that answers as a collection of the rows alone that `filter` admits would, for a tenant that must
    /// learn nothing of the rows of others, not even a count. Like that of [`scoped`](Self::scoped) it can be narrowed and
    /// never widened, and in addition the statistics of BM25 are those of its rows: a word that rows outside alone have
    /// is in no score, ledger, correction or completion. A row may have another score in another such view.
    /// Statistics that were given before are dropped.
    ///
    /// The rows of the scope and their tokens are counted once for each filter and segment, again after a change of the
    /// segment's live rows, and kept within bounds; the rows of a term are counted for each request. Of 100,000 rows of 20
    /// tenants a first view took 0.3 ms, the next ones 1 microsecond, and a search of three words 0.14 ms, where one of
    /// [`scoped`](Self::scoped) took 0.15 ms, as it evaluates the filter for each request.
    ///
    /// A collection of these rows alone would differ in this: numbers of generations and writes; segments, so the files
    /// and rows that the report of a recall and the plan of an explained request are about, where costs show how large
    /// the segments with rows of the scope are; which rows an approximate graph misses, as its links lead over all
    /// rows; time. Of a word that more than a thousand terms of a segment complete, those of most rows of the segment
    /// are looked at. Synonyms, profiles and query adapters are the collection's.
    ///
    /// # Errors
    /// A filter that is refused, a damaged block, or [`Error::DeadlineExceeded`] once the time of the budget is over.
    pub fn isolated(&self, filter: &Filter) -> Result<Self> {
        let (filter, time) = (self.within_scope(filter), self.budget.time());
        let generation = self.whole(|| self.generation.narrowed(&self.schema, &filter, time))?;
        let scope = Filter::All;
        Ok(Self { generation: Arc::new(generation), scope, statistics: None, ..self.clone() })
    }

    /// A view whose answers, all together, take no more than a budget: those that would are refused while they are made.
    /// Clones share it; a cursor has as much for each page.
    #[must_use]
    pub fn within(&self, budget: Budget) -> Self {
        Self { budget, ..self.clone() }
    }

    /// A filter within the scope.
    fn within_scope<'f>(&self, filter: &'f Filter) -> Cow<'f, Filter> {
        match &self.scope {
            Filter::All => Cow::Borrowed(filter),
            scope => Cow::Owned(Filter::And(vec![scope.clone(), filter.clone()])),
        }
    }

    /// Live rows of the scope that a filter admits, per segment.
    pub(super) fn matching(&self, filter: &Filter, time: Deadline) -> Result<Vec<Arc<RowSet>>> {
        let _stage = self.budget.stage(SearchStage::Filter);
        let filter = self.within_scope(filter);
        let matching = |live: &LiveSegment| {
            time.check()?;
            live.matching(&self.schema, &filter)
        };
        self.generation.segments.iter().map(matching).collect()
    }

    /// The address of the live row of the scope with this id.
    pub(super) fn find(&self, id: &str) -> Result<Option<DocAddress>> {
        let Some(address) = self.generation.find(id)? else { return Ok(None) };
        let inside = match &self.scope {
            Filter::All => true,
            scope => {
                let document = self.generation.document(&self.schema, address)?;
                admits(&self.schema, scope, &document)?
            }
        };
        Ok(inside.then_some(address))
    }

    /// The request with the settings of the profile it names.
    pub(super) fn resolve<'r>(&self, request: &'r SearchRequest) -> Result<Cow<'r, SearchRequest>> {
        let Some(name) = &request.profile else { return Ok(Cow::Borrowed(request)) };
        let found = self.profiles.get(name);
        let profile = found.ok_or_else(|| unknown_profile(name, &self.profiles))?;
        let mut request = request.clone();
        profile.apply(&mut request);
        Ok(Cow::Owned(request))
    }

    /// Many requests, each with the settings of the profile it names.
    fn resolve_all<'r>(&self, requests: &'r [SearchRequest]) -> Result<Cow<'r, [SearchRequest]>> {
        if requests.iter().all(|request| request.profile.is_none()) {
            return Ok(Cow::Borrowed(requests));
        }
        let resolved = requests.iter().enumerate().map(|(index, request)| {
            Ok(self.resolve(request).map_err(|e| e.of_request(index))?.into_owned())
        });
        Ok(Cow::Owned(resolved.collect::<Result<_>>()?))
    }

    /// Name, fields and models of the collection.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Number of the generation of segment files that answers.
    pub fn generation(&self) -> u64 {
        self.generation.number
    }

    /// Number of the last write that answers include.
    pub fn seq(&self) -> u64 {
        self.generation.seq
    }
}

/// The error of an unknown profile.
pub(crate) fn unknown_profile(name: &str, profiles: &BTreeMap<String, Profile>) -> Error {
    let known: Vec<&String> = profiles.keys().collect();
    let detail = format!("{name:?} is not known; the collection has {known:?}");
    Error::Request(lexivec_query::Error::Invalid { at: "profile".to_owned(), detail })
}
