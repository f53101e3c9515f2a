//! The state that all requests share: the collections, the permits for work, the metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use lexivec::{Collection, Database, DatabaseOptions, Unopened};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::cursors::Cursors;
use crate::error::{ApiResult, Problem, StartError};
use crate::limits::{
    MAX_BODIES_BYTES, MAX_MEASUREMENTS, MAX_WAITING_MODEL_CALLS, MAX_WAITING_SEARCHES,
    MAX_WAITING_WRITES, MODEL_DEADLINE, SEARCH_DEADLINE,
};
use crate::metrics::Metrics;

/// Shared by all requests of one server.
pub(crate) struct State {
    config: Config,
    database: Database,
    searches: Queue,
    /// Permits for texts that are embedded or reranked without a collection. Many texts take seconds, so with the permits
    /// of searches they would keep searches waiting.
    models: Queue,
    writes: Arc<Semaphore>,
    /// Permits for evaluations.
    measurements: Arc<Semaphore>,
    pub(crate) bodies: Arc<Semaphore>,
    pub(crate) cursors: Arc<Cursors>,
    pub(crate) metrics: Metrics,
}

impl State {
    /// Opens every collection of the directory that can be opened.
    pub(crate) fn open(config: Config) -> Result<Self, StartError> {
        let mut options = DatabaseOptions::new().open_options(config.open.clone());
        options = options.leave_out_unopened(true);
        if let Some(embedder) = &config.embedder {
            options = options.embedder(embedder.clone());
        }
        if let Some(reranker) = &config.reranker {
            options = options.reranker(reranker.clone());
        }
        // Absolute, as in the messages of what is below it, so that no client is shown the path.
        let database = options.open(std::path::absolute(&config.directory)?)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            cursors: Arc::new(Cursors::new(config.cursor_idle)),
            config,
            database,
            searches: Queue::new(2 * cores, MAX_WAITING_SEARCHES, SEARCH_DEADLINE),
            models: Queue::new(cores, MAX_WAITING_MODEL_CALLS, MODEL_DEADLINE),
            writes: Arc::new(Semaphore::new(MAX_WAITING_WRITES)),
            measurements: Arc::new(Semaphore::new(MAX_MEASUREMENTS)),
            bodies: Arc::new(Semaphore::new(MAX_BODIES_BYTES)),
            metrics: Metrics::new(),
        })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The collections.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The collection of this name.
    pub(crate) fn collection(&self, name: &str) -> ApiResult<Arc<Collection>> {
        self.database.get(name).map_err(|error| {
            let of_name = |other: &&Unopened| other.name.as_deref() == Some(name);
            match self.database.unopened().iter().find(of_name) {
                Some(other) => Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "collection_not_open",
                    "The collection cannot be opened",
                    other.reason.clone(),
                ),
                None => error.into(),
            }
        })
    }

    /// Drops a collection and its files, its snapshots only if `snapshots` is true. Its cursors are closed;
    /// running searches keep what they have mapped.
    pub(crate) fn drop_collection(&self, name: &str, snapshots: bool) -> ApiResult<()> {
        let collection = self.database.get(name);
        match snapshots {
            true => self.database.drop_with_snapshots(name)?,
            false => self.database.drop_collection(name)?,
        }
        self.cursors.close(&collection?);
        Ok(())
    }

    /// Runs a search off the event loop, once there is a permit for it.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.searches.run("search", work).await
    }

    /// Runs a model on a caller's texts off the event loop, once there is a permit for it.
    pub(crate) async fn model<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.models.run("call of a model", work).await
    }

    /// Runs many searches off the event loop, unless others run already.
    pub(crate) async fn measure<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let Ok(permit) = self.measurements.clone().try_acquire_owned() else {
            return Err(Problem::overloaded("another evaluation is running"));
        };
        blocking(holding(permit, work)).await
    }

    /// Runs a write off the event loop, unless too many wait already.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let Ok(permit) = self.writes.clone().try_acquire_owned() else {
            return Err(Problem::overloaded("too many writes are waiting"));
        };
        blocking(holding(permit, work)).await
    }
}

/// Permits for one sort of work, and for calls that wait for one.
///
/// The limits of `tower` do not fit: they release a permit when the future is dropped, as after a timeout, while the
/// blocking work goes on; here the work holds its permit until it ends.
struct Queue {
    permits: Arc<Semaphore>,
    waiting: Semaphore,
    deadline: Duration,
}

impl Queue {
    fn new(permits: usize, waiting: usize, deadline: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(permits));
        Self { permits, waiting: Semaphore::new(waiting), deadline }
    }

    async fn run<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let Ok(waiting) = self.waiting.try_acquire() else {
            return Err(Problem::overloaded(format!(
                "too many requests wait until another {what} ends; try again later"
            )));
        };
        let run = async {
            let permit = self.permits.clone().acquire_owned().await;
            drop(waiting);
            blocking(holding(permit, work)).await
        };
        match tokio::time::timeout(self.deadline, run).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(Problem::overloaded(format!("the {what} did not end within its deadline")))
            }
        }
    }
}

/// Work that keeps a permit until it ends, even if its caller no longer waits.
fn holding<P, T>(permit: P, work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    move || {
        let answer = work();
        drop(permit);
        answer
    }
}

/// Runs blocking work on a thread where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(_) => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The request failed",
            "the work on this request ended abnormally",
        )),
    }
}
