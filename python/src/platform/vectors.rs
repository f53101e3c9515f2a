//! Cosines of a query with many rows, and numbers out of Python.

use lexivec_platform::rag;
use numpy::ndarray::{Dimension, Ix1, Ix2};
use numpy::{Element, PyArray, PyArray1, PyArray2, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::raised;
use crate::convert::array_of;
use crate::errors::{Part, invalid};

/// The array of a value; see [`array_of`].
fn array<'py, T: Element, D: Dimension>(
    what: &str,
    value: &Bound<'py, PyAny>,
    kind: &str,
) -> PyResult<Bound<'py, PyArray<T, D>>> {
    array_of(value, kind).map_err(|error| match error.is_instance_of::<PyTypeError>(value.py()) {
        true => {
            let expected = format!("{} of equally many numbers each are expected", shape::<D>());
            invalid(value.py(), Part::Argument, what, &expected)
        }
        false => invalid(value.py(), Part::Argument, what, &error.to_string()),
    })
}

fn shape<D: Dimension>() -> &'static str {
    if D::NDIM == Some(2) { "rows" } else { "a list or a one-dimensional array" }
}

/// One-dimensional numbers: a list, an array, or anything that NumPy makes one of.
fn numbers<T>(what: &str, value: &Bound<'_, PyAny>, kind: &str) -> PyResult<Vec<T>>
where
    T: Element + Copy + for<'a, 'py> FromPyObject<'a, 'py>,
{
    if value.is_exact_instance_of::<PyList>()
        && let Ok(list) = value.extract()
    {
        return Ok(list);
    }
    Ok(array::<T, Ix1>(what, value, kind)?.readonly().as_array().to_vec())
}

pub(super) fn floats(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    numbers(what, value, "float64")
}

pub(super) fn integers(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    numbers(what, value, "int64")
}

/// The cosines of a query with rows: an array of float32 or float64 in row order is read in place, without the GIL.
#[pyfunction]
fn cosines<'py>(
    py: Python<'py>,
    query: &Bound<'py, PyAny>,
    documents: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let query = floats("query_embedding", query)?;
    let what = "document_embeddings";
    if documents.cast::<PyArray2<f32>>().is_ok() {
        return cosines_of(py, &query, &array::<f32, Ix2>(what, documents, "float32")?);
    }
    if documents.len()? == 0 {
        return Ok(PyArray1::from_vec(py, Vec::new()));
    }
    cosines_of(py, &query, &array::<f64, Ix2>(what, documents, "float64")?)
}

fn cosines_of<'py, T: Element + Copy + Into<f64> + Sync>(
    py: Python<'py>,
    query: &[f64],
    rows: &Bound<'py, PyArray2<T>>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let [count, dim] = [rows.shape().first(), rows.shape().get(1)].map(|n| n.copied().unwrap_or(0));
    if count > 0 && dim != query.len() {
        let fault = format!("its rows have {dim} components, the query has {}", query.len());
        return Err(invalid(py, Part::Argument, "document_embeddings", &fault));
    }
    if count == 0 {
        return Ok(PyArray1::from_vec(py, Vec::new()));
    }
    let in_row_order = rows.is_c_contiguous();
    let rows = rows.readonly();
    let cosines = match rows.as_slice() {
        Ok(rows) if in_row_order => py.detach(|| rag::cosines(query, rows)),
        // In another order, such as that of columns: brought into that of rows.
        _ => {
            let rows: Vec<T> = rows.as_array().iter().copied().collect();
            py.detach(|| rag::cosines(query, &rows))
        }
    };
    Ok(PyArray1::from_vec(py, cosines.map_err(|error| raised(py, &error))?))
}

/// Places and scores, the highest first and ties by place; the first `limit` of them.
#[pyfunction]
#[pyo3(signature = (scores, limit = None))]
fn rank_scores(scores: &Bound<'_, PyAny>, limit: Option<usize>) -> PyResult<Vec<(usize, f64)>> {
    Ok(rag::rank_scores(&floats("scores", scores)?, limit.unwrap_or(usize::MAX)))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(cosines, module)?)?;
    module.add_function(wrap_pyfunction!(rank_scores, module)?)
}
