//! Embedders and rerankers: models that run in the process, and Python callables.

use std::path::PathBuf;
use std::sync::Arc;

use lexivec::model::{CrossEncoder, Precision, open_embedder};
use lexivec::{Candidate, Embedder, Error, RerankQuery, Reranker, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{to_python, vector_of};
use crate::errors::{OrRaise, Part, invalid};
use crate::interrupt::interrupted;
use crate::process;

/// A model that turns texts into vectors.
#[pyclass(frozen, module = "lexivec._lexivec")]
pub(crate) struct RawEmbedder {
    pub(crate) model: Arc<dyn Embedder>,
}

#[pymethods]
impl RawEmbedder {
    /// The model in a folder.
    #[staticmethod]
    #[pyo3(signature = (folder, precision = None))]
    fn folder(py: Python<'_>, folder: PathBuf, precision: Option<&str>) -> PyResult<Self> {
        let precision =
            match precision {
                None => None,
                Some(name) => Some(name.parse::<Precision>().map_err(|fault| {
                    invalid(py, Part::Argument, "precision", &fault.to_string())
                })?),
            };
        let model = py.detach(|| open_embedder(folder, precision)).or_raise(py)?;
        Ok(Self { model })
    }

    /// A callable that takes a list of texts and gives a vector for each, or `None` for a text without one.
    #[staticmethod]
    fn callable(
        call: Py<PyAny>,
        query: Option<Py<PyAny>>,
        name: String,
        hash: String,
        dim: usize,
        batch: usize,
        contextual: bool,
    ) -> Self {
        let model = Callable { call, query, name, hash, dim, batch: batch.max(1), contextual };
        Self { model: Arc::new(model) }
    }

    #[getter]
    fn name(&self) -> &str {
        self.model.name()
    }

    #[getter]
    fn hash(&self) -> &str {
        self.model.hash()
    }

    #[getter]
    fn dim(&self) -> usize {
        self.model.dim()
    }

    /// One vector a text; None for a text without an embedding.
    fn embed(&self, py: Python<'_>, texts: Vec<String>) -> PyResult<Vec<Option<Vec<f32>>>> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        process::check(py)?;
        py.detach(|| self.model.embed(&texts)).or_raise(py)
    }

    /// The vector of a query.
    fn embed_query(&self, py: Python<'_>, text: &str) -> PyResult<Option<Vec<f32>>> {
        process::check(py)?;
        py.detach(|| self.model.embed_query(text)).or_raise(py)
    }
}

/// A Python callable as a model.
struct Callable {
    call: Py<PyAny>,
    query: Option<Py<PyAny>>,
    name: String,
    hash: String,
    dim: usize,
    batch: usize,
    contextual: bool,
}

impl Callable {
    fn failed(&self, error: PyErr) -> Error {
        Error::Model { name: self.name.clone(), source: Box::new(error) }
    }

    /// The vectors that the callable gives for a batch of texts.
    fn vectors(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>> {
        let made = Python::attach(|py| {
            let made = self.call.bind(py).call1((texts,))?;
            let one = |(index, vector): (usize, PyResult<Bound<'_, PyAny>>)| {
                let vector = vector?;
                match vector.is_none() {
                    true => Ok(None),
                    false => {
                        vector_of(Part::Argument, &format!("vector {index}"), &vector).map(Some)
                    }
                }
            };
            made.try_iter()?.enumerate().map(one).collect::<PyResult<Vec<_>>>()
        });
        let made = made.map_err(|error| self.failed(error))?;
        if made.len() != texts.len() {
            let (name, found, texts) = (&self.name, made.len(), texts.len());
            let detail = format!("model {name} gave {found} vectors for {texts} texts");
            return Err(Error::Embedder(detail));
        }
        made.into_iter().map(|vector| vector.map(|v| self.checked(v)).transpose()).collect()
    }

    fn checked(&self, vector: Vec<f32>) -> Result<Vec<f32>> {
        if vector.len() == self.dim {
            return Ok(vector);
        }
        let (name, found, dim) = (&self.name, vector.len(), self.dim);
        let detail = format!("model {name} gave a vector of {found} components; its dim is {dim}");
        Err(Error::Embedder(detail))
    }
}

impl Embedder for Callable {
    fn name(&self) -> &str {
        &self.name
    }

    fn hash(&self) -> &str {
        &self.hash
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn is_contextual(&self) -> bool {
        self.contextual
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>> {
        let batches = texts.chunks(self.batch).map(|batch| match interrupted() {
            true => Err(Error::Cancelled),
            false => self.vectors(batch),
        });
        Ok(batches.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    fn embed_query(&self, text: &str) -> Result<Option<Vec<f32>>> {
        let Some(query) = &self.query else {
            return Ok(self.vectors(&[text])?.pop().flatten());
        };
        let made = Python::attach(|py| {
            let vector = query.bind(py).call1((text,))?;
            match vector.is_none() {
                true => Ok(None),
                false => vector_of(Part::Argument, "the query's vector", &vector).map(Some),
            }
        });
        made.map_err(|error| self.failed(error))?.map(|v| self.checked(v)).transpose()
    }
}

/// A scorer of the best rows of a search.
#[pyclass(frozen, module = "lexivec._lexivec")]
pub(crate) struct RawReranker {
    pub(crate) model: Arc<dyn Reranker>,
}

#[pymethods]
impl RawReranker {
    /// The cross-encoder in a folder.
    #[staticmethod]
    fn folder(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        let model = py.detach(|| CrossEncoder::open(&folder, Precision::default())).or_raise(py)?;
        Ok(Self { model: Arc::new(model) })
    }

    /// A callable that takes the query's text and a list of candidates, and gives a score for each.
    #[staticmethod]
    fn callable(call: Py<PyAny>, name: String, batch: usize) -> Self {
        Self { model: Arc::new(Scorer { call, name, batch: batch.max(1) }) }
    }

    #[getter]
    fn name(&self) -> &str {
        self.model.name()
    }
}

/// A Python callable as a reranker.
struct Scorer {
    call: Py<PyAny>,
    name: String,
    batch: usize,
}

impl Scorer {
    fn scores(&self, query: &RerankQuery, candidates: &[Candidate]) -> PyResult<Vec<f64>> {
        Python::attach(|py| {
            let one = |candidate: &Candidate| {
                let members = PyDict::new(py);
                members.set_item("id", &candidate.id)?;
                members.set_item("rank", candidate.rank)?;
                members.set_item("score", candidate.score)?;
                members.set_item("text", &candidate.text)?;
                members.set_item("payload", to_python(py, &candidate.payload)?)?;
                Ok(members)
            };
            let candidates: Vec<_> = candidates.iter().map(one).collect::<PyResult<_>>()?;
            let scores = self.call.bind(py).call1((query.text.as_deref(), candidates))?;
            scores.try_iter()?.map(|score| score?.extract()).collect()
        })
    }
}

impl Reranker for Scorer {
    fn name(&self) -> &str {
        &self.name
    }

    fn wants(&self) -> lexivec::model::Wants {
        lexivec::model::Wants { text: true, payload: true, vector: false }
    }

    fn rerank(&self, query: &RerankQuery, candidates: &[Candidate]) -> Result<Vec<f64>> {
        let batches = candidates.chunks(self.batch).map(|batch| {
            self.scores(query, batch)
                .map_err(|e| Error::Model { name: self.name.clone(), source: Box::new(e) })
        });
        Ok(batches.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }
}
