//! BM25, fusion, types of queries and scores of texts for the drop-in search modules.

use std::time::Duration;

use lexivec::model::{Deadline, score_texts};
use lexivec_platform::okapi::{Okapi, tokens};
use lexivec_platform::query_type::QueryType;
use lexivec_platform::rank_fusion::{self, Places};
use lexivec_platform::{lexical, rag};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::raised;
use crate::convert::to_python;
use crate::errors::{OrRaise, Part, invalid};
use crate::models::{RawEmbedder, RawReranker};

/// Time that a cross-encoder has: no caller sets one, and a model on a slow machine may score a thousand texts.
const LONGEST_RERANK: Duration = Duration::from_secs(3600);

/// The words of a text that are indexed.
#[pyfunction]
fn okapi_tokens(text: &str) -> Vec<String> {
    tokens(text)
}

/// An index of documents by the `BM25Okapi` of rank-bm25.
#[pyclass(frozen, module = "lexivec._lexivec")]
struct RawOkapi {
    index: Okapi,
}

#[pymethods]
impl RawOkapi {
    /// An index of texts.
    #[new]
    fn new(py: Python<'_>, texts: Vec<String>, k1: f64, b: f64) -> PyResult<Self> {
        let index = py.detach(|| Okapi::of_texts(&texts, k1, b));
        Ok(Self { index: index.map_err(|error| raised(py, &error))? })
    }

    /// An index of documents that are parted into words already.
    #[staticmethod]
    fn of_tokens(py: Python<'_>, documents: Vec<Vec<String>>, k1: f64, b: f64) -> PyResult<Self> {
        let index = py.detach(|| Okapi::of_tokens(&documents, k1, b));
        Ok(Self { index: index.map_err(|error| raised(py, &error))? })
    }

    /// The score of every document.
    fn get_scores<'py>(&self, py: Python<'py>, query: Vec<String>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_vec(py, py.detach(|| self.index.scores(&query)))
    }

    /// Places and scores of the best documents.
    fn top(&self, py: Python<'_>, query: Vec<String>, limit: usize) -> Vec<(usize, f64)> {
        py.detach(|| self.index.top(&query, limit))
    }

    #[getter]
    fn k1(&self) -> f64 {
        self.index.k1()
    }

    #[getter]
    fn b(&self) -> f64 {
        self.index.b()
    }

    #[getter]
    fn corpus_size(&self) -> usize {
        self.index.lengths().len()
    }

    #[getter]
    fn doc_len(&self) -> Vec<usize> {
        self.index.lengths().to_vec()
    }

    #[getter]
    fn avgdl(&self) -> f64 {
        self.index.average_length()
    }

    #[getter]
    fn average_idf(&self) -> f64 {
        self.index.average_idf()
    }

    #[getter]
    fn idf<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let words = PyDict::new(py);
        for (word, idf) in self.index.idf() {
            words.set_item(word, idf)?;
        }
        Ok(words)
    }
}

/// Rank and score in the dense list, then in the sparse one; `None` where a list has not got the document.
type Row = (Option<(usize, f64)>, Option<(usize, f64)>);

fn places(rows: Vec<Row>) -> Vec<Places> {
    rows.into_iter().map(|(dense, sparse)| Places { dense, sparse }).collect()
}

/// Sums of reciprocal ranks.
#[pyfunction]
fn fuse_ranks(py: Python<'_>, rows: Vec<Row>, k: f64) -> PyResult<Vec<f64>> {
    rank_fusion::reciprocal(&places(rows), k).map_err(|error| raised(py, &error))
}

/// Weighted sums of scores.
#[pyfunction]
fn fuse_scores(rows: Vec<Row>, dense_weight: f64, sparse_weight: f64) -> Vec<f64> {
    rank_fusion::weighted(&places(rows), dense_weight, sparse_weight)
}

/// The type of a query.
#[pyfunction]
fn query_type<'py>(py: Python<'py>, query: &str) -> PyResult<Bound<'py, PyAny>> {
    to_python(py, &QueryType::of(query))
}

/// Scores of texts for a query by a cross-encoder.
#[pyfunction]
fn cross_scores(
    py: Python<'_>,
    model: &RawReranker,
    query: String,
    texts: Vec<String>,
) -> PyResult<Vec<f64>> {
    let deadline = Deadline::after(LONGEST_RERANK);
    py.detach(|| score_texts(&*model.model, &query, texts, deadline)).or_raise(py)
}

/// Cosines of the vectors of texts with that of a query; 0 for a text without a vector.
#[pyfunction]
fn bi_scores(
    py: Python<'_>,
    model: &RawEmbedder,
    query: String,
    texts: Vec<String>,
) -> PyResult<Vec<f64>> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let made = py.detach(|| {
        let Some(query) = model.model.embed_query(&query)? else { return Ok(None) };
        Ok(Some((query, model.model.embed(&texts)?)))
    });
    let Some((query, vectors)) = made.or_raise(py)? else { return Ok(vec![0.0; texts.len()]) };
    let query: Vec<f64> = query.into_iter().map(f64::from).collect();
    let cosine = |vector: Option<Vec<f32>>| match vector {
        None => Ok(0.0),
        Some(vector) => rag::cosines(&query, &vector)
            .map(|cosines| cosines.first().copied().unwrap_or(0.0))
            .map_err(|error| invalid(py, Part::Argument, model.model.name(), &error.to_string())),
    };
    vectors.into_iter().map(cosine).collect()
}

/// Scores of texts by the words of a query alone.
#[pyfunction]
fn lexical_scores(py: Python<'_>, query: String, texts: Vec<String>) -> Vec<f64> {
    py.detach(|| lexical::scores(&query, &texts))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RawOkapi>()?;
    module.add_function(wrap_pyfunction!(okapi_tokens, module)?)?;
    module.add_function(wrap_pyfunction!(fuse_ranks, module)?)?;
    module.add_function(wrap_pyfunction!(fuse_scores, module)?)?;
    module.add_function(wrap_pyfunction!(query_type, module)?)?;
    module.add_function(wrap_pyfunction!(cross_scores, module)?)?;
    module.add_function(wrap_pyfunction!(bi_scores, module)?)?;
    module.add_function(wrap_pyfunction!(lexical_scores, module)?)
}
