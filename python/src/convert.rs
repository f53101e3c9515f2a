//! Values between Python and the engine: JSON, vectors, filters.

use lexivec::Filter;
use lexivec::query::json;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pythonize::{depythonize, pythonize};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::errors::{Part, invalid, refused};

/// Python's form of a value: what `json.loads` makes of its JSON.
pub(crate) fn to_python<'py, T: Serialize + ?Sized>(
    py: Python<'py>,
    value: &T,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(pythonize(py, value)?)
}

/// The JSON of a Python value. What JSON has no form for (numbers of NumPy, dates, dataclasses, enumerations, paths) is
/// made plain by `lexivec._plain`.
pub(crate) fn to_json(part: Part, what: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(value) = depythonize(value)
        && !has_null(&value)
    {
        return Ok(value);
    }
    let py = value.py();
    let plain = py.import("lexivec._plain")?.call_method1("plain", (what, value));
    let plain = plain.map_err(|error| match error.is_instance_of::<PyValueError>(py) {
        true => refused(py, part, &error.value(py).to_string()),
        false => error,
    })?;
    depythonize(&plain).map_err(|error| invalid(py, part, what, &error.to_string()))
}

/// True if there is a null in a value: it may stand for a number that JSON does not have, which `plain` refuses.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

/// A value of the engine, from its JSON form in Python. A fault names the member, in words of JSON.
pub(crate) fn read<T: DeserializeOwned>(
    part: Part,
    what: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<T> {
    if let Ok(read) = depythonize(value) {
        return Ok(read);
    }
    json::from_value(to_json(part, what, value)?)
        .map_err(|fault| invalid(value.py(), part, what, &fault))
}

/// A filter, from text in the SQL-like notation or a dictionary in a JSON notation.
pub(crate) fn filter_of(value: Option<&Bound<'_, PyAny>>) -> PyResult<Filter> {
    value.map_or(Ok(Filter::All), |value| read(Part::Request, "filter", value))
}

/// The SQL-like text of a filter in any notation.
#[pyfunction]
pub(crate) fn filter_text(filter: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(filter_of(Some(filter))?.to_text())
}

/// The array of this type that a function of NumPy makes of a value.
pub(crate) fn numpy_array<'py>(
    function: &str,
    value: &Bound<'py, PyAny>,
    kind: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let options = PyDict::new(py);
    options.set_item("dtype", kind)?;
    py.import("numpy")?.call_method(function, (value,), Some(&options))
}

/// A vector: a list of numbers, or anything that NumPy makes a one-dimensional array of. An array of float32 is read in
/// place; other kinds of numbers are converted.
pub(crate) fn vector_of(part: Part, what: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<f32>> {
    let py = value.py();
    if value.is_exact_instance_of::<PyList>() {
        return value.extract().or_else(|_| read(part, what, value));
    }
    if let Ok(array) = value.cast::<PyArray1<f32>>() {
        return Ok(array.readonly().as_array().to_vec());
    }
    let no_vector =
        |_| invalid(py, part, what, "a list of numbers or a one-dimensional array is expected");
    let array = numpy_array("asarray", value, "float32").map_err(no_vector)?;
    let array = array.cast_into::<PyArray1<f32>>();
    let array = array.map_err(|error| no_vector(error.into()))?;
    Ok(array.readonly().as_array().to_vec())
}

/// Vectors, one after another; see [`vector_of`].
pub(crate) fn vectors_of(
    part: Part,
    what: &str,
    values: &Bound<'_, PyAny>,
) -> PyResult<Vec<Vec<f32>>> {
    let one = |(index, vector): (usize, PyResult<Bound<'_, PyAny>>)| {
        vector_of(part, &format!("{what}[{index}]"), &vector?)
    };
    values.try_iter()?.enumerate().map(one).collect()
}
