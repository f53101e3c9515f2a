//! A directory of collections.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use lexivec::{Database, DatabaseOptions, Options};
use pyo3::prelude::*;

use crate::collection::RawCollection;
use crate::convert::read;
use crate::errors::{OrRaise, Part, closed};
use crate::models::{RawEmbedder, RawReranker};
use crate::process;

/// A directory of collections, open for writing.
#[pyclass(frozen, module = "lexivec._lexivec")]
pub(crate) struct RawDatabase {
    database: Mutex<Option<Arc<Database>>>,
}

impl RawDatabase {
    fn database(&self, py: Python<'_>) -> PyResult<Arc<Database>> {
        process::check(py)?;
        let open = self.database.lock().ok().and_then(|open| open.clone());
        open.ok_or_else(|| closed("database"))
    }
}

#[pymethods]
impl RawDatabase {
    #[new]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        embedder: Option<&RawEmbedder>,
        reranker: Option<&RawReranker>,
    ) -> PyResult<Self> {
        process::check(py)?;
        let mut options = DatabaseOptions::new();
        if let Some(embedder) = embedder {
            options = options.embedder(embedder.model.clone());
        }
        if let Some(reranker) = reranker {
            options = options.reranker(reranker.model.clone());
        }
        let database = py.detach(|| options.open(path)).or_raise(py)?;
        Ok(Self { database: Mutex::new(Some(Arc::new(database))) })
    }

    fn create(
        &self,
        py: Python<'_>,
        name: &str,
        options: &Bound<'_, PyAny>,
        embedder: Option<&RawEmbedder>,
        embed_tokens: bool,
    ) -> PyResult<RawCollection> {
        let mut options: Options = read(Part::Argument, "options", options)?;
        if let Some(embedder) = embedder {
            options = options.embedder(embedder.model.clone()).embed_tokens(embed_tokens);
        }
        let database = self.database(py)?;
        let made = py.detach(|| database.create(name, options)).or_raise(py)?;
        Ok(RawCollection::new(made))
    }

    fn get(&self, py: Python<'_>, name: &str) -> PyResult<RawCollection> {
        Ok(RawCollection::new(self.database(py)?.get(name).or_raise(py)?))
    }

    fn names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.database(py)?.names())
    }

    fn path_of(&self, py: Python<'_>, name: &str) -> PyResult<PathBuf> {
        self.database(py)?.path_of(name).or_raise(py)
    }

    fn drop(&self, py: Python<'_>, name: &str, snapshots: bool) -> PyResult<()> {
        let database = self.database(py)?;
        let dropped = py.detach(|| match snapshots {
            true => database.drop_with_snapshots(name),
            false => database.drop_collection(name),
        });
        dropped.or_raise(py)
    }

    fn close(&self, py: Python<'_>) {
        let open = self.database.lock().ok().and_then(|mut open| open.take());
        py.detach(|| drop(open));
    }
}
