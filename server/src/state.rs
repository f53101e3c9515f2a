//! The state that all requests share: the collections, the permits for work, the metrics.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::Response;
use lexivec::model::Deadline;
use lexivec::{Budget, DatabaseOptions};
use lexivec_access::{AccessOptions, Principal};
use serde::Serialize;

use crate::accept::most_places;
use crate::admission::Admission;
use crate::answer;
use crate::config::Config;
use crate::cursors::Cursors;
use crate::error::{ApiResult, StartError};
use crate::limits::{
    BACKGROUND_WAIT, MAX_QUICK_ROWS, MAX_WAITING_BACKGROUND, MAX_WAITING_MODEL_CALLS,
    MAX_WAITING_WRITES, MAX_WRITES, MIN_WAITING_SEARCHES, MODEL_DEADLINE, SEARCH_DEADLINE,
};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::queue::Queue;
pub(crate) use crate::queue::blocking;
use crate::scoped::Collections;
use crate::tls::Tls;
use crate::trace;

/// Shared by all requests of one server.
pub(crate) struct State {
    config: Config,
    /// The collections, each of which a caller reaches through its scope.
    pub(crate) collections: Collections,
    searches: Queue,
    /// Permits for work that takes long, by its kind: none of one kind waits for another kind.
    batches: Queue,
    measurements: Queue,
    maintenance: Queue,
    large_bodies: Queue,
    /// Permits for texts that are embedded or reranked without a collection. Many texts take seconds, so with the permits
    /// of searches they would keep searches waiting.
    models: Queue,
    writes: Queue,
    /// Keys, rates and the audit log.
    pub(crate) admission: Admission,
    /// TLS, if connections are encrypted.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) cursors: Arc<Cursors>,
    pub(crate) metrics: Metrics,
}

/// The turn of a call among those that wait: the calls of one lane wait for each other, and not those of another lane.
#[derive(Clone, Copy)]
pub(crate) struct Turn<'a> {
    caller: &'a Principal,
    collection: &'a str,
}

impl<'a> Turn<'a> {
    /// The turn of a caller's call for a collection; the name is empty for a call for none.
    pub(crate) fn of(caller: &'a Principal, collection: &'a str) -> Self {
        Self { caller, collection }
    }

    /// The lane: that of the caller's tenant, or else of its key, or of the collection where there are no keys.
    fn lane(&self) -> &'a str {
        match &self.caller.scope.tenant {
            Some(tenant) => tenant,
            None if self.caller.id.is_empty() => self.collection,
            None => &self.caller.id,
        }
    }
}

impl State {
    /// Opens every collection of the directory that can be opened.
    pub(crate) fn open(config: Config) -> Result<Self, StartError> {
        Self::with(config, DatabaseOptions::new(), Admission::open)
    }

    /// Opens them for one caller, which shows no key: to write as well, or for reading alone, next to a process that
    /// writes.
    pub(crate) fn open_for_one(config: Config, write: bool) -> Result<Self, StartError> {
        let options = DatabaseOptions::new().read_only(!write);
        Self::with(config, options, |path, access| Ok(Admission::of_one_caller(path, access)))
    }

    fn with(
        config: Config,
        options: DatabaseOptions,
        admission: impl FnOnce(&Path, AccessOptions) -> Result<Admission, StartError>,
    ) -> Result<Self, StartError> {
        let mut options = options.open_options(config.open.clone()).leave_out_unopened(true);
        if let Some(embedder) = &config.embedder {
            options = options.embedder(embedder.clone());
        }
        if let Some(reranker) = &config.reranker {
            options = options.reranker(reranker.clone());
        }
        // Absolute, as in the messages of what is below it, so that no client is shown the path.
        let database = options.open(std::path::absolute(&config.directory)?)?;
        let background =
            |what, permits| Queue::new(what, permits, MAX_WAITING_BACKGROUND, BACKGROUND_WAIT);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let tls = config.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
        // Opened after the database, which makes its directory and has the lock of it.
        let admission = admission(database.path(), config.access.clone())?;
        Ok(Self {
            admission,
            tls,
            cursors: Arc::new(Cursors::new(config.cursor_idle)),
            config,
            collections: Collections::new(database),
            searches: Queue::new("search", 2 * cores, MIN_WAITING_SEARCHES, SEARCH_DEADLINE),
            batches: background("batch", 1),
            // These take minutes, and the calls of one collection have one permit of two.
            measurements: background("measurement", 2),
            maintenance: background("compaction or verification", 2),
            large_bodies: background("large body", 1),
            models: Queue::new("call of a model", cores, MAX_WAITING_MODEL_CALLS, MODEL_DEADLINE),
            writes: Queue::new("write", MAX_WRITES, MAX_WAITING_WRITES, BACKGROUND_WAIT),
            memory: Arc::new(Memory::new(Arc::new(Places::new(most_places())))),
            metrics: Metrics::new(),
        })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Closes cursors that are not used, and reads again what has changed of the keys and the files of TLS.
    pub(crate) fn keep_up(&self) {
        self.cursors.sweep(Instant::now());
        self.admission.keep_up();
        match self.tls.as_ref().map(|tls| tls.reload()) {
            None | Some(Ok(false)) => {}
            Some(Ok(true)) => tracing::info!("read the certificate and its key again"),
            Some(Err(fault)) => {
                tracing::error!(fault, "the changed certificate is not used, the one before is");
            }
        }
    }

    /// Reads the limits of keys and tenants again. Those before stay if the new ones cannot be used.
    pub(crate) fn reload_limits(&self) {
        let Some(source) = &self.config.limits else { return };
        let limits = source().and_then(|limits| limits.check().map(|()| limits));
        match limits {
            Ok(limits) => self.admission.set_limits(limits),
            Err(fault) => {
                tracing::error!(fault, "the changed limits are not used, those before are")
            }
        }
    }

    /// The load of each sort of work.
    pub(crate) fn loads(&self) -> Vec<(&'static str, usize, usize)> {
        let queues = [
            &self.searches,
            &self.batches,
            &self.measurements,
            &self.maintenance,
            &self.large_bodies,
            &self.models,
            &self.writes,
        ];
        queues.into_iter().map(Queue::load).collect()
    }

    /// Answers with what a search finds, once there is a permit for it.
    pub(crate) async fn search<T: Serialize + 'static>(
        &self,
        turn: Turn<'_>,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        self.found(turn, self.as_json(work)).await
    }

    /// Gives what a search finds, once there is a permit for it.
    pub(crate) async fn found<T: Send + 'static>(
        &self,
        turn: Turn<'_>,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let work = self.as_search(turn, work)?;
        self.searches.run(turn.lane(), work).await
    }

    /// Answers with up to `rows` hits or rows, as a search or as a batch of them.
    pub(crate) async fn find<T: Serialize + 'static>(
        &self,
        turn: Turn<'_>,
        rows: usize,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        self.admission.take_rows(turn.caller, rows)?;
        match rows > MAX_QUICK_ROWS {
            true => self.batch(turn, work).await,
            false => self.search(turn, work).await,
        }
    }

    /// Answers with what many searches find, once there is a permit for it, in the background.
    pub(crate) async fn batch<T: Serialize + 'static>(
        &self,
        turn: Turn<'_>,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        let work = self.as_search(turn, work)?;
        self.batches.run_in_background(turn.lane(), self.as_json(work)).await
    }

    /// Answers with what a model makes of a caller's texts, once there is a permit for it.
    pub(crate) async fn model<T: Serialize + 'static>(
        &self,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        self.models.run("", self.as_json(work)).await
    }

    /// Answers with what is read off the event loop: facts about a collection, and no rows of it.
    pub(crate) async fn describe<T: Serialize + 'static>(
        &self,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        blocking(self.as_json(work)).await
    }

    /// Reads a large body, once there is a permit for it, in the background.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.large_bodies.run_in_background("", work).await
    }

    /// Answers with a measurement by many searches, once there is a permit for it, in the background.
    pub(crate) async fn measure<T: Serialize + 'static>(
        &self,
        turn: Turn<'_>,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        self.measurements.run_in_background(turn.lane(), self.as_json(work)).await
    }

    /// Answers with the outcome of a compaction or a verification, once there is a permit for it, in the background.
    pub(crate) async fn maintain<T: Serialize + 'static>(
        &self,
        turn: Turn<'_>,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Response> {
        self.maintenance.run_in_background(turn.lane(), self.as_json(work)).await
    }

    /// Runs a write to a collection off the event loop, once there is a permit for it. Its caller waits until it ends,
    /// as it is not known before whether it was done.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        turn: Turn<'_>,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.writes.run_to_end(turn.lane(), work).await
    }

    /// The limit on memory and time of one request's answers.
    pub(crate) fn budget(&self, time: Duration) -> Budget {
        let budget = Budget::new().bytes(self.memory.for_found()).until(Deadline::after(time));
        match trace::of_searches() {
            Some(trace) => budget.traced(&trace),
            None => budget,
        }
    }

    /// Work that counts among the searches of its caller until it ends.
    fn as_search<T, W: FnOnce() -> ApiResult<T>>(
        &self,
        turn: Turn<'_>,
        work: W,
    ) -> ApiResult<impl FnOnce() -> ApiResult<T> + use<T, W>> {
        let permit = self.admission.search(turn.caller)?;
        Ok(move || {
            let _until_it_ends = permit;
            work()
        })
    }

    /// Work whose outcome is written as JSON where it is done.
    fn as_json<T: Serialize, W: FnOnce() -> ApiResult<T>>(
        &self,
        work: W,
    ) -> impl FnOnce() -> ApiResult<Response> + use<T, W> {
        let memory = self.memory.clone();
        move || answer::json(&memory, &work()?)
    }
}
