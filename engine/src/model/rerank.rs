//! Reranking of a few candidates: the trait a caller implements, and calls that may outlive their budget.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};

use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Map, Value};

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::limits::MAX_RUNNING_RERANKS;
use crate::schema::JOINED_TEXT_FIELD;

/// A scorer of the best rows of a search: a cross-encoder, late interaction, rules.
///
/// The caller gives a reranker to a collection with
/// [`Collection::with_reranker`](crate::Collection::with_reranker); requests ask for it by
/// [`RerankMethod::Model`](lexivec_query::rerank::RerankMethod::Model).
pub trait Reranker: Send + Sync {
    /// Name, for messages.
    fn name(&self) -> &str;

    /// The parts of the candidates that it reads; no other parts are fetched.
    fn wants(&self) -> Wants {
        Wants::default()
    }

    /// Returns one finite score per candidate, in their order; higher is better. An error, a panic,
    /// another number of scores or one that is not finite is a failure: the search answers in fused
    /// order and reports why.
    ///
    /// The call runs on a separate pool of as many threads as processors, where its rayon work stays,
    /// too. The search waits for it until the budget ends and discards a later answer; the thread is
    /// not stopped, so a slow reranker should check the query's [`deadline`](RerankQuery::deadline)
    /// regularly. While [`MAX_RUNNING_RERANKS`] calls are running no further one is made.
    fn rerank(&self, query: &RerankQuery, candidates: &[Candidate]) -> Result<Vec<f64>>;
}

/// Parts of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Its texts.
    pub text: bool,
    /// Its payload.
    pub payload: bool,
    /// Its vector, of the request's vector field.
    pub vector: bool,
}

impl Default for Wants {
    fn default() -> Self {
        Self { text: true, payload: false, vector: false }
    }
}

/// The query of a rerank call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RerankQuery {
    /// The request's words.
    pub text: Option<String>,
    /// The request's vector, or the embedding of its words if the search computed one.
    pub vector: Option<Vec<f32>>,
    /// The moment at which the search stops waiting.
    pub deadline: Deadline,
}

/// A row to be scored.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The document's id.
    pub id: String,
    /// Its rank in the fused list, from 1.
    pub rank: usize,
    /// Its fused score.
    pub score: f64,
    /// Its texts by field; empty unless wanted.
    pub text: BTreeMap<String, String>,
    /// Its payload; empty unless wanted.
    pub payload: Map<String, Value>,
    /// Its vector, if it is wanted and the row has one.
    pub vector: Option<Vec<f32>>,
}

/// Scores texts outside any collection; returns one finite score per text, in their order. It runs on
/// the caller's thread, and ends early if the reranker checks the deadline.
///
/// # Errors
/// Those of the reranker; [`Error::Embedder`] when it does not return one finite score for each text.
pub fn score_texts(
    reranker: &dyn Reranker,
    query: &str,
    texts: Vec<String>,
    deadline: Deadline,
) -> Result<Vec<f64>> {
    let candidate = |(index, text): (usize, String)| Candidate {
        id: index.to_string(),
        rank: index + 1,
        score: 0.0,
        text: BTreeMap::from([(JOINED_TEXT_FIELD.to_owned(), text)]),
        payload: Map::new(),
        vector: None,
    };
    let candidates: Vec<Candidate> = texts.into_iter().enumerate().map(candidate).collect();
    let query = RerankQuery { text: Some(query.to_owned()), vector: None, deadline };
    let scores = reranker.rerank(&query, &candidates)?;
    checked(reranker.name(), scores, candidates.len()).map_err(Error::Embedder)
}

/// The scores, if there is a finite one for each candidate.
fn checked(name: &str, scores: Vec<f64>, count: usize) -> std::result::Result<Vec<f64>, String> {
    if scores.len() != count {
        let found = scores.len();
        return Err(format!("reranker {name} gave {found} scores for {count} candidates"));
    }
    match scores.iter().enumerate().find(|(_, s)| !s.is_finite()) {
        Some((index, score)) => {
            Err(format!("reranker {name} gave candidate {index} the score {score}"))
        }
        None => Ok(scores),
    }
}

/// A collection's reranker and the number of its running calls.
#[derive(Clone)]
pub(crate) struct RerankerHandle {
    reranker: Arc<dyn Reranker>,
    running: Arc<AtomicUsize>,
    /// The reranker's thread pool, built at its first call. The threads of searches wait for the
    /// reranker, so it must not depend on them.
    pool: Arc<OnceLock<std::result::Result<ThreadPool, String>>>,
}

/// Counts one call as running until it ends or panics.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn begin(count: &Arc<AtomicUsize>) -> Option<Self> {
        let running = Self(count.clone());
        (count.fetch_add(1, Ordering::AcqRel) < MAX_RUNNING_RERANKS).then_some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl RerankerHandle {
    pub(crate) fn new(reranker: Arc<dyn Reranker>) -> Self {
        Self { reranker, running: Arc::default(), pool: Arc::default() }
    }

    pub(crate) fn name(&self) -> &str {
        self.reranker.name()
    }

    pub(crate) fn wants(&self) -> Wants {
        self.reranker.wants()
    }

    /// The scores, or the reason for their absence.
    pub(crate) fn call(
        &self,
        query: RerankQuery,
        candidates: Vec<Candidate>,
    ) -> std::result::Result<Vec<f64>, String> {
        let name = self.reranker.name().to_owned();
        if query.deadline.passed() {
            return Err(out_of_time(&name));
        }
        let Some(running) = Running::begin(&self.running) else {
            return Err(format!("{MAX_RUNNING_RERANKS} calls of reranker {name} have not ended"));
        };
        let (count, deadline) = (candidates.len(), query.deadline);
        let (sender, receiver) = channel();
        let (reranker, pool) = (self.reranker.clone(), self.pool.clone());
        let work = move || {
            let named = ThreadPoolBuilder::new().thread_name(|index| format!("rerank-{index}"));
            let scores = match pool.get_or_init(|| named.build().map_err(|e| e.to_string())) {
                Ok(pool) => pool.install(|| reranker.rerank(&query, &candidates)),
                Err(error) => Err(Error::Embedder(format!("no threads: {error}"))),
            };
            drop(running);
            // The search may have stopped waiting.
            let _ = sender.send(scores);
        };
        if let Err(error) = std::thread::Builder::new().name("rerank".to_owned()).spawn(work) {
            return Err(format!("no thread for reranker {name}: {error}"));
        }
        let scores = match receiver.recv_timeout(deadline.left()) {
            Ok(scores) => scores.map_err(|e| format!("reranker {name} failed: {e}"))?,
            Err(RecvTimeoutError::Timeout) => return Err(out_of_time(&name)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(format!("reranker {name} panicked"));
            }
        };
        checked(&name, scores, count)
    }
}

/// The reason that an answer reports when the budget is used up.
pub(crate) fn out_of_time(name: &str) -> String {
    format!("the time of reranker {name} ran out")
}
