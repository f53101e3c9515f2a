//! What all requests share: the collections, the places for searches, the metrics.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::StatusCode;
use lexivec::storage::disk;
use lexivec::{Collection, Options};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::cursors::Cursors;
use crate::error::{Answer, Problem, StartError};
use crate::limits::{
    MAX_BODIES_BYTES, MAX_COLLECTIONS, MAX_MEASUREMENTS, MAX_WAITING_MODEL_CALLS,
    MAX_WAITING_SEARCHES, MAX_WAITING_WRITES, MODEL_DEADLINE, SEARCH_DEADLINE,
};
use crate::metrics::Metrics;

/// Shared by all requests of one server.
pub(crate) struct State {
    config: Config,
    /// True when the directory is one collection, which can be neither dropped nor joined.
    single: bool,
    collections: RwLock<BTreeMap<String, Served>>,
    searches: Queue,
    /// Places for texts that are embedded or reranked for themselves. Many texts take seconds: in the places
    /// for searches they would keep these waiting.
    models: Queue,
    writes: Arc<Semaphore>,
    /// Places for evaluations.
    measurements: Arc<Semaphore>,
    pub(crate) bodies: Arc<Semaphore>,
    pub(crate) cursors: Arc<Cursors>,
    pub(crate) metrics: Metrics,
}

#[derive(Clone)]
struct Served {
    collection: Arc<Collection>,
    path: PathBuf,
}

impl State {
    /// Opens every collection of the directory.
    pub(crate) fn open(config: Config) -> Result<Self, StartError> {
        let directory = &config.directory;
        let fail = |path: &Path| {
            let path = path.display().to_string();
            move |source| StartError::Open { path, source }
        };
        let single = disk::is_collection(directory);
        let mut found = BTreeMap::new();
        let paths = if single {
            vec![directory.clone()]
        } else {
            disk::ensure_directory(directory).map_err(|e| fail(directory)(e.into()))?;
            disk::sweep_removed(directory).map_err(|e| fail(directory)(e.into()))?;
            let names = disk::subdirectories(directory).map_err(|e| fail(directory)(e.into()))?;
            names
                .into_iter()
                .map(|n| directory.join(n))
                .filter(|p| disk::is_collection(p))
                .collect()
        };
        for path in paths {
            let opened = Collection::open_with(&path, config.open.clone());
            let mut collection = opened.map_err(fail(&path))?;
            if let (Some(_), Some(model)) = (&collection.schema().embedder, &config.embedder) {
                collection = collection.with_embedder(model.clone()).map_err(fail(&path))?;
            }
            let collection = with_reranker(collection, &config);
            let name = collection.schema().name.clone();
            let served = Served { collection: Arc::new(collection), path: path.clone() };
            if let Some(other) = found.insert(name.clone(), served) {
                return Err(StartError::TwoOfOneName {
                    name,
                    first: other.path.display().to_string(),
                    second: path.display().to_string(),
                });
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            cursors: Arc::new(Cursors::new(config.cursor_idle)),
            config,
            single,
            collections: RwLock::new(found),
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

    /// The collection of this name.
    pub(crate) fn collection(&self, name: &str) -> Answer<Arc<Collection>> {
        let collections = self.collections.read().unwrap_or_else(PoisonError::into_inner);
        match collections.get(name) {
            Some(served) => Ok(served.collection.clone()),
            None => Err(Problem::no_collection(name)),
        }
    }

    /// The directory of the collection of this name.
    pub(crate) fn path(&self, name: &str) -> Answer<PathBuf> {
        let collections = self.collections.read().unwrap_or_else(PoisonError::into_inner);
        let served = collections.get(name).ok_or_else(|| Problem::no_collection(name))?;
        Ok(served.path.clone())
    }

    pub(crate) fn all(&self) -> Vec<Arc<Collection>> {
        let collections = self.collections.read().unwrap_or_else(PoisonError::into_inner);
        collections.values().map(|s| s.collection.clone()).collect()
    }

    /// Creates a collection. Its directory has a name of its own: what a caller names is never a
    /// path.
    pub(crate) fn create(&self, name: &str, options: Options) -> Answer<Arc<Collection>> {
        self.refuse_if_single()?;
        let mut collections = self.collections.write().unwrap_or_else(PoisonError::into_inner);
        if collections.contains_key(name) {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "collection_exists",
                "The collection exists",
                format!("there is a collection {name:?} already"),
            ));
        }
        if collections.len() >= MAX_COLLECTIONS {
            return Err(Problem::bad_request(format!(
                "the server has {MAX_COLLECTIONS} collections, which is the limit"
            )));
        }
        let path = self.config.directory.join(disk::fresh_name());
        let options = options.open(self.config.open.clone());
        let collection = with_reranker(Collection::create(&path, options)?, &self.config);
        let collection = Arc::new(collection);
        let served = Served { collection: collection.clone(), path };
        collections.insert(name.to_owned(), served);
        Ok(collection)
    }

    /// Drops a collection and its files, its snapshots only if they may go too. Its cursors are closed;
    /// searches under way keep what they have mapped.
    pub(crate) fn drop_collection(&self, name: &str, snapshots: bool) -> Answer<()> {
        self.refuse_if_single()?;
        let kept = if snapshots { 0 } else { Collection::snapshots(self.path(name)?)?.len() };
        if kept > 0 {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "has_snapshots",
                "The collection has snapshots",
                format!(
                    "{kept} snapshots of {name:?} would go with it; say ?snapshots=true if they may"
                ),
            ));
        }
        let taken = self.change(|all| all.remove(name));
        let Some(served) = taken else {
            return Err(Problem::no_collection(name));
        };
        self.cursors.close(&served.collection);
        // Outside the lock, as it takes time. If the directory still has its name, nothing was
        // removed and the collection is served on; else a later start sweeps what is left.
        match disk::remove_tree(&served.path) {
            Ok(()) => Ok(()),
            Err(error) => {
                if disk::is_collection(&served.path) {
                    self.change(|all| {
                        all.entry(name.to_owned()).or_insert(served);
                    });
                }
                Err(lexivec::Error::from(error).into())
            }
        }
    }

    fn change<T>(&self, with: impl FnOnce(&mut BTreeMap<String, Served>) -> T) -> T {
        with(&mut self.collections.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn refuse_if_single(&self) -> Answer<()> {
        if !self.single {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::CONFLICT,
            "single_collection",
            "The server serves one collection",
            "it was started on a collection's own directory; start it on a directory of \
             collections to create or drop some",
        ))
    }

    /// Runs a search off the event loop, once there is a place for it.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.searches.run("search", work).await
    }

    /// Runs a model on a caller's texts off the event loop, once there is a place for it.
    pub(crate) async fn model<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.models.run("call of a model", work).await
    }

    /// Runs many searches off the event loop, unless others run already.
    pub(crate) async fn measure<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let Ok(place) = self.measurements.clone().try_acquire_owned() else {
            return Err(Problem::overloaded("another evaluation is running"));
        };
        blocking(holding(place, work)).await
    }

    /// Runs a write off the event loop, unless too many wait already.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let Ok(place) = self.writes.clone().try_acquire_owned() else {
            return Err(Problem::overloaded("too many writes are waiting"));
        };
        blocking(holding(place, work)).await
    }
}

/// Places for work of one sort, and for those who wait for one.
struct Queue {
    places: Arc<Semaphore>,
    waiting: Semaphore,
    deadline: Duration,
}

impl Queue {
    fn new(places: usize, waiting: usize, deadline: Duration) -> Self {
        let places = Arc::new(Semaphore::new(places));
        Self { places, waiting: Semaphore::new(waiting), deadline }
    }

    async fn run<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce() -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let Ok(waiting) = self.waiting.try_acquire() else {
            return Err(Problem::overloaded(format!(
                "too many wait for the end of another {what}"
            )));
        };
        let run = async {
            let place = self.places.clone().acquire_owned().await;
            drop(waiting);
            blocking(holding(place, work)).await
        };
        match tokio::time::timeout(self.deadline, run).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(Problem::overloaded(format!("the {what} did not end within its deadline")))
            }
        }
    }
}

/// Hands in the server's reranker, if it has one.
fn with_reranker(collection: Collection, config: &Config) -> Collection {
    match &config.reranker {
        Some(reranker) => collection.with_reranker(reranker.clone()),
        None => collection,
    }
}

/// Work that keeps a place until it ends, whoever still waits for it.
fn holding<P, T>(place: P, work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    move || {
        let answer = work();
        drop(place);
        answer
    }
}

/// Runs blocking work on a thread where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Answer<T> {
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
