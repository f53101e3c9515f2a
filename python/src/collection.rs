//! A collection: its lifecycle, its writes and its upkeep, without the GIL. Reads are those of its read view.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lexivec::storage::output;
use lexivec::{
    AdapterOptions, Budget, Collection, CompactOptions, CopyOptions, Document, Durability,
    Feedback, OpenOptions, Options, Profile, Receipt, RewriteOptions, Searcher, Snapshot, Synonyms,
    VerifyLevel, WriteOptions,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::{filter_of, read, to_json, to_python};
use crate::documents::{documents_of, documents_of_columns};
use crate::errors::{OrRaise, Part, invalid, unread};
use crate::handle::Handle;
use crate::interrupt::{UntilInterrupted, interruptible, interruptible_by};
use crate::models::{RawEmbedder, RawReranker};
use crate::process;
use crate::searcher::RawSearcher;

/// Documents of a write from which Ctrl-C is looked for: a smaller one is done in a moment.
const LONG_WRITE: usize = 1_000;

/// A collection.
#[pyclass(frozen, module = "lexivec._lexivec")]
pub(crate) struct RawCollection {
    handle: Handle<Collection>,
}

impl RawCollection {
    pub(crate) fn new(collection: Arc<Collection>) -> Self {
        Self { handle: Handle::new("collection", collection) }
    }

    /// A call of the engine, without the GIL.
    fn call<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Collection) -> lexivec::Result<T> + Send,
    ) -> PyResult<T> {
        let collection = self.handle.get(py)?;
        py.detach(|| call(&collection)).or_raise(py)
    }

    fn write(
        &self,
        py: Python<'_>,
        documents: Vec<Document>,
        durability: Option<Durability>,
    ) -> PyResult<Receipt> {
        let collection = self.handle.get(py)?;
        let long = documents.len() >= LONG_WRITE;
        let write = move |cancelled: &AtomicBool| {
            collection.writer(write_options(durability).cancelled(cancelled)).upsert(documents)
        };
        match long {
            true => interruptible(py, write),
            false => py.detach(|| write(&AtomicBool::new(false))).or_raise(py),
        }
    }
}

/// The options of a new collection, from their JSON form, with the model that makes its vectors.
pub(crate) fn options_of(
    options: &Bound<'_, PyAny>,
    embedder: Option<&RawEmbedder>,
    embed_tokens: bool,
) -> PyResult<Options> {
    let options: Options = read(Part::Argument, "options", options)?;
    Ok(match embedder {
        None => options,
        Some(embedder) => options.embedder(embedder.model.clone()).embed_tokens(embed_tokens),
    })
}

/// Sets the models of an opened collection.
fn with_models(
    collection: Collection,
    embedder: Option<&RawEmbedder>,
    reranker: Option<&RawReranker>,
) -> lexivec::Result<Collection> {
    let collection = match embedder {
        None => collection,
        Some(embedder) => collection.with_embedder(embedder.model.clone())?,
    };
    Ok(match reranker {
        None => collection,
        Some(reranker) => collection.with_reranker(reranker.model.clone()),
    })
}

/// The durability of this name.
fn durability_of(name: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Durability>> {
    name.map(|name| read(Part::Argument, "durability", name)).transpose()
}

/// Options of a write with this durability.
fn write_options<'a>(durability: Option<Durability>) -> WriteOptions<'a> {
    let mut options = WriteOptions::new();
    options.durability = durability;
    options
}

#[pymethods]
impl RawCollection {
    /// Creates a collection in a directory, or in memory without a path.
    #[staticmethod]
    #[allow(clippy::too_many_arguments)] // the parameters of one Python call
    fn create(
        py: Python<'_>,
        path: Option<PathBuf>,
        options: &Bound<'_, PyAny>,
        background: bool,
        open_existing: bool,
        embedder: Option<&RawEmbedder>,
        embed_tokens: bool,
        reranker: Option<&RawReranker>,
    ) -> PyResult<Self> {
        process::check(py)?;
        let options = options_of(options, embedder, embed_tokens)?;
        let options = options.open(OpenOptions::new().background(background));
        let made = py.detach(|| {
            let made = match path {
                None => Collection::in_memory(options)?,
                Some(path) if open_existing => Collection::open_or_create(path, options)?,
                Some(path) => Collection::create(path, options)?,
            };
            with_models(made, None, reranker)
        });
        Ok(Self::new(Arc::new(made.or_raise(py)?)))
    }

    /// Opens a collection.
    #[staticmethod]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        read_only: bool,
        background: bool,
        embedder: Option<&RawEmbedder>,
        reranker: Option<&RawReranker>,
    ) -> PyResult<Self> {
        process::check(py)?;
        let opened = py.detach(|| {
            let opened = match read_only {
                true => Collection::open_read_only(path)?,
                false => OpenOptions::new().background(background).open(path)?,
            };
            with_models(opened, embedder, reranker)
        });
        Ok(Self::new(Arc::new(opened.or_raise(py)?)))
    }

    fn close(&self, py: Python<'_>) {
        self.handle.close(py);
    }

    #[getter]
    fn closed(&self) -> bool {
        self.handle.is_closed()
    }

    #[getter]
    fn read_only(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.handle.get(py)?.is_read_only())
    }

    #[getter]
    fn generation(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.handle.get(py)?.generation())
    }

    /// The schema in its JSON form.
    #[getter]
    fn schema<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, self.handle.get(py)?.schema())
    }

    /// The read view of this moment, made within a time.
    fn searcher(&self, py: Python<'_>, deadline_ms: Option<u64>) -> PyResult<RawSearcher> {
        let searcher: Searcher = self.call(py, |collection| match deadline_ms {
            None => collection.searcher(),
            Some(ms) => {
                let time = lexivec::model::Deadline::after(std::time::Duration::from_millis(ms));
                Ok(collection.searcher_within(Budget::new().until(time))?.within(Budget::new()))
            }
        })?;
        Ok(RawSearcher::new(searcher))
    }

    fn refresh(&self, py: Python<'_>) -> PyResult<bool> {
        self.call(py, Collection::refresh)
    }

    fn upsert<'py>(
        &self,
        py: Python<'py>,
        documents: &Bound<'py, PyList>,
        durability: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let durability = durability_of(durability)?;
        let receipt = self.write(py, documents_of(documents)?, durability)?;
        to_python(py, &receipt)
    }

    fn upsert_columns<'py>(
        &self,
        py: Python<'py>,
        ids: &Bound<'py, PyList>,
        texts: &Bound<'py, PyDict>,
        vectors: &Bound<'py, PyDict>,
        payloads: Option<&Bound<'py, PyList>>,
        durability: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let durability = durability_of(durability)?;
        let documents = documents_of_columns(ids, texts, vectors, payloads)?;
        let receipt = self.write(py, documents, durability)?;
        to_python(py, &receipt)
    }

    fn check(&self, py: Python<'_>, documents: &Bound<'_, PyList>) -> PyResult<()> {
        let documents = documents_of(documents)?;
        self.call(py, |collection| collection.check(&documents))
    }

    fn patch<'py>(
        &self,
        py: Python<'py>,
        id: &str,
        changes: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let serde_json::Value::Object(changes) = to_json(Part::Argument, "changes", changes)?
        else {
            return Err(invalid(py, Part::Argument, "changes", "a dictionary is expected"));
        };
        let receipt = self.call(py, |collection| collection.patch(id, &changes))?;
        to_python(py, &receipt)
    }

    fn delete<'py>(
        &self,
        py: Python<'py>,
        ids: Vec<String>,
        durability: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = write_options(durability_of(durability)?);
        let receipt = self.call(py, |collection| collection.writer(options).delete(&ids))?;
        to_python(py, &receipt)
    }

    fn delete_where<'py>(
        &self,
        py: Python<'py>,
        filter: &Bound<'py, PyAny>,
        durability: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let filter = filter_of(Some(filter))?;
        let options = write_options(durability_of(durability)?);
        let receipt =
            self.call(py, |collection| collection.writer(options).delete_where(&filter))?;
        to_python(py, &receipt)
    }

    fn flush(&self, py: Python<'_>) -> PyResult<u64> {
        let collection = self.handle.get(py)?;
        interruptible(py, |_| collection.flush())
    }

    fn compact<'py>(&self, py: Python<'py>, memory: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
        let collection = self.handle.get(py)?;
        let options = match memory {
            None => CompactOptions::new(),
            Some(bytes) => CompactOptions::new().memory(bytes),
        };
        let cancel = || collection.cancel_compaction();
        let report = interruptible_by(py, cancel, |_| collection.compact(options))?;
        to_python(py, &report)
    }

    fn cancel_compaction(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.get(py)?.cancel_compaction();
        Ok(())
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let stats = self.call(py, Collection::stats)?;
        to_python(py, &stats)
    }

    /// A fault of the collection that does not keep it from being open.
    fn damage(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.call(py, |collection| Ok(collection.damage()))
    }

    fn snapshot<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let snapshot = self.call(py, |collection| collection.snapshot(name))?;
        to_python(py, &snapshot)
    }

    fn export(&self, py: Python<'_>, path: PathBuf) -> PyResult<u64> {
        let collection = self.handle.get(py)?;
        interruptible(py, |_| {
            output::create(&path, |out| collection.export(&mut UntilInterrupted(out)))?
        })
    }

    fn profiles<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &*self.handle.get(py)?.profiles())
    }

    fn set_profile(&self, py: Python<'_>, name: &str, profile: &Bound<'_, PyAny>) -> PyResult<u64> {
        let profile: Profile = read(Part::Request, "profile", profile)?;
        self.call(py, |collection| collection.set_profile(name, profile))
    }

    fn remove_profile(&self, py: Python<'_>, name: &str) -> PyResult<u64> {
        self.call(py, |collection| collection.remove_profile(name))
    }

    fn synonyms(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.handle.get(py)?.synonyms().text().to_owned())
    }

    fn set_synonyms(&self, py: Python<'_>, rules: &str) -> PyResult<u64> {
        let synonyms: Synonyms = rules.parse().map_err(lexivec::Error::from).or_raise(py)?;
        self.call(py, |collection| collection.set_synonyms(synonyms))
    }

    fn remove_synonyms(&self, py: Python<'_>) -> PyResult<u64> {
        self.call(py, Collection::remove_synonyms)
    }

    fn add_feedback<'py>(
        &self,
        py: Python<'py>,
        feedback: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let feedback: Vec<Feedback> = read(Part::Argument, "feedback", feedback)?;
        let receipt = self.call(py, |collection| collection.add_feedback(&feedback))?;
        to_python(py, &receipt)
    }

    #[pyo3(signature = (*, rank, alpha, rate, epochs, folds, seed))]
    #[allow(clippy::too_many_arguments)] // the parameters of one Python call
    fn train_adapter<'py>(
        &self,
        py: Python<'py>,
        rank: Option<usize>,
        alpha: Option<f32>,
        rate: Option<f32>,
        epochs: Option<usize>,
        folds: Option<usize>,
        seed: Option<u64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut options = AdapterOptions::default();
        let training = &mut options.training;
        training.rank = rank.unwrap_or(training.rank);
        training.alpha = alpha.unwrap_or(training.alpha);
        training.rate = rate.unwrap_or(training.rate);
        training.epochs = epochs.unwrap_or(training.epochs);
        training.seed = seed.unwrap_or(training.seed);
        options.folds = folds.unwrap_or(options.folds);
        options.seed = seed.unwrap_or(options.seed);
        let collection = self.handle.get(py)?;
        let report = interruptible(py, |_| collection.train_adapter(&options))?;
        to_python(py, &report)
    }

    fn adapters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let adapters = self.call(py, Collection::adapters)?;
        to_python(py, &adapters)
    }

    fn activate_adapter(&self, py: Python<'_>, version: Option<u32>) -> PyResult<()> {
        self.call(py, |collection| collection.activate_adapter(version))
    }

    fn delete_adapter(&self, py: Python<'_>, version: u32) -> PyResult<()> {
        self.call(py, |collection| collection.delete_adapter(version))
    }

    /// Looks at every file of a collection's directory.
    #[staticmethod]
    fn verify<'py>(py: Python<'py>, path: PathBuf, level: &str) -> PyResult<Bound<'py, PyAny>> {
        let level = match level {
            "quick" => VerifyLevel::Quick,
            "full" => VerifyLevel::Full,
            "deep" => VerifyLevel::Deep,
            _ => {
                return Err(invalid(
                    py,
                    Part::Argument,
                    "level",
                    "\"quick\", \"full\" or \"deep\" is expected",
                ));
            }
        };
        let report = interruptible(py, |_| Collection::verify(&path, level))?;
        let dict = to_python(py, &report)?;
        dict.set_item("sound", report.is_sound())?;
        Ok(dict)
    }

    #[staticmethod]
    fn repair<'py>(
        py: Python<'py>,
        source: PathBuf,
        target: PathBuf,
    ) -> PyResult<Bound<'py, PyAny>> {
        let report =
            interruptible(py, |_| Collection::repair(&source, &target, CopyOptions::new()))?;
        to_python(py, &report)
    }

    #[staticmethod]
    fn import_from(
        py: Python<'_>,
        path: PathBuf,
        export: PathBuf,
        name: Option<String>,
    ) -> PyResult<()> {
        let input = File::open(&export).map_err(|error| unread(py, &export, &error))?;
        let input = BufReader::new(input);
        let options = name.into_iter().fold(CopyOptions::new(), CopyOptions::name);
        interruptible(py, |_| Collection::import(path, &mut UntilInterrupted(input), options))
    }

    #[staticmethod]
    fn restore<'py>(
        py: Python<'py>,
        snapshot: PathBuf,
        path: PathBuf,
        name: Option<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = name.into_iter().fold(CopyOptions::new(), CopyOptions::name);
        let restored = interruptible(py, |_| Snapshot::restore(&snapshot, &path, options))?;
        to_python(py, &restored)
    }

    #[staticmethod]
    fn snapshots<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
        let list = py.detach(|| Snapshot::list(path)).or_raise(py)?;
        to_python(py, &list)
    }

    #[staticmethod]
    fn reembed<'py>(
        py: Python<'py>,
        path: PathBuf,
        embedder: &RawEmbedder,
    ) -> PyResult<Bound<'py, PyAny>> {
        let model = embedder.model.clone();
        let report = interruptible(py, |cancelled| {
            let mut options = RewriteOptions::default();
            options.cancelled = cancelled;
            Collection::reembed(&path, model, &options)
        })?;
        to_python(py, &report)
    }

    #[staticmethod]
    fn reindex<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
        let report = interruptible(py, |cancelled| {
            let mut options = RewriteOptions::default();
            options.cancelled = cancelled;
            Collection::reindex(&path, &options)
        })?;
        to_python(py, &report)
    }
}
