//! A directory of collections.

use std::path::PathBuf;
use std::sync::Arc;

use lexivec::{Database, DatabaseOptions};
use pyo3::prelude::*;

use crate::collection::{RawCollection, options_of};
use crate::errors::OrRaise;
use crate::handle::Handle;
use crate::models::{RawEmbedder, RawReranker};
use crate::process;

/// A directory of collections, open for writing.
#[pyclass(frozen, module = "lexivec._lexivec")]
pub(crate) struct RawDatabase {
    handle: Handle<Database>,
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
        Ok(Self { handle: Handle::new("database", Arc::new(database)) })
    }

    fn create(
        &self,
        py: Python<'_>,
        name: &str,
        options: &Bound<'_, PyAny>,
        embedder: Option<&RawEmbedder>,
        embed_tokens: bool,
    ) -> PyResult<RawCollection> {
        let options = options_of(options, embedder, embed_tokens)?;
        let database = self.handle.get(py)?;
        let made = py.detach(|| database.create(name, options)).or_raise(py)?;
        Ok(RawCollection::new(made))
    }

    fn get(&self, py: Python<'_>, name: &str) -> PyResult<RawCollection> {
        Ok(RawCollection::new(self.handle.get(py)?.get(name).or_raise(py)?))
    }

    fn names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.handle.get(py)?.names())
    }

    fn path_of(&self, py: Python<'_>, name: &str) -> PyResult<PathBuf> {
        self.handle.get(py)?.path_of(name).or_raise(py)
    }

    fn drop(&self, py: Python<'_>, name: &str, snapshots: bool) -> PyResult<()> {
        let database = self.handle.get(py)?;
        let dropped = py.detach(|| match snapshots {
            true => database.drop_with_snapshots(name),
            false => database.drop_collection(name),
        });
        dropped.or_raise(py)
    }

    fn close(&self, py: Python<'_>) {
        self.handle.close(py);
    }
}
