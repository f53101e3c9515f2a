//! Values between Python and the engine: JSON, vectors, filters.

use lexivec::Filter;
use lexivec::query::json;
use numpy::ndarray::{Dimension, Ix1};
use numpy::{Element, PyArray, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::{PyRecursionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PySequence, PyString};
use pythonize::{depythonize, pythonize};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::errors::{Part, invalid, refused};

/// Levels of dictionaries and lists of a value that is read. The engine takes 64 in a payload; as many again are for what is
/// around it.
const MAX_DEPTH: usize = 128;

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
    check_depth(part, what, value)?;
    json_of(part, what, value)
}

/// The JSON of a value whose depth was checked.
fn json_of(part: Part, what: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(value) = depythonize(value)
        && !has_null(&value)
    {
        return Ok(value);
    }
    let py = value.py();
    let plain = py.import("lexivec._plain")?.call_method1("plain", (what, value));
    let plain = plain.map_err(|error| {
        if error.is_instance_of::<PyRecursionError>(py) {
            return invalid(py, part, what, "it is nested too deep, or contains itself");
        }
        match error.is_instance_of::<PyValueError>(py) {
            true => refused(py, part, &error.value(py).to_string()),
            false => error,
        }
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

/// Refuses a value that is nested too deep to be read: each level takes a part of the thread's stack.
fn check_depth(part: Part, what: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    match is_deeper(value, MAX_DEPTH)? {
        false => Ok(()),
        true => {
            let fault = format!("it is nested deeper than {MAX_DEPTH} levels, or contains itself");
            Err(invalid(value.py(), part, what, &fault))
        }
    }
}

/// True if there are more levels of dictionaries and lists in a value than these.
fn is_deeper(value: &Bound<'_, PyAny>, levels: usize) -> PyResult<bool> {
    if value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyInt>()
    {
        return Ok(false);
    }
    let below = |inner: &Bound<'_, PyAny>| Ok(levels == 0 || is_deeper(inner, levels - 1)?);
    if let Ok(dict) = value.cast::<PyDict>() {
        return any(dict.iter().map(|(_, inner)| Ok(inner)), below);
    }
    if let Ok(list) = value.cast::<PyList>() {
        return any(list.iter().map(Ok), below);
    }
    if let Ok(mapping) = value.cast::<PyMapping>() {
        return any(mapping.values()?.iter().map(Ok), below);
    }
    // Dataclasses are read as dictionaries of their members.
    if value.hasattr("__dataclass_fields__")? && value.hasattr("__dict__")? {
        return is_deeper(&value.getattr("__dict__")?, levels);
    }
    match value.cast::<PySequence>() {
        Ok(sequence) if !value.is_instance_of::<PyBytes>() => any(sequence.try_iter()?, below),
        _ => Ok(false),
    }
}

/// True if one of some values passes a test.
fn any<'py>(
    values: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    test: impl Fn(&Bound<'py, PyAny>) -> PyResult<bool>,
) -> PyResult<bool> {
    for value in values {
        if test(&value?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A value of the engine, from its JSON form in Python. A fault names the member, in words of JSON.
pub(crate) fn read<T: DeserializeOwned>(
    part: Part,
    what: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<T> {
    check_depth(part, what, value)?;
    if let Ok(read) = depythonize(value) {
        return Ok(read);
    }
    json::from_value(json_of(part, what, value)?).map_err(|fault| match fault.starts_with('[') {
        // The place in a list.
        true => refused(value.py(), part, &format!("{what}{fault}")),
        false => invalid(value.py(), part, what, &fault),
    })
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

/// A vector: a list of numbers, or anything that NumPy makes a one-dimensional array of. An array of float32 is read in
/// place; other kinds of numbers are converted.
pub(crate) fn vector_of(part: Part, what: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<f32>> {
    let py = value.py();
    if value.is_exact_instance_of::<PyList>() {
        return value.extract().or_else(|_| read(part, what, value));
    }
    let no_vector =
        |_| invalid(py, part, what, "a list of numbers or a one-dimensional array is expected");
    let array = array_of::<f32, Ix1>(value, "float32").map_err(no_vector)?;
    Ok(array.readonly().as_array().to_vec())
}

/// The array of a value: the value itself if it is one of this type, and else what NumPy makes of it.
///
/// Fields of structured arrays and views of bytes may lie at any address, which Rust's references may not; they are copied.
pub(crate) fn array_of<'py, T: Element, D: Dimension>(
    value: &Bound<'py, PyAny>,
    kind: &str,
) -> PyResult<Bound<'py, PyArray<T, D>>> {
    if let Ok(array) = value.cast::<PyArray<T, D>>()
        && is_aligned(array)
    {
        return Ok(array.clone());
    }
    // NumPy would leave out the imaginary parts.
    let dtype = value.getattr("dtype").and_then(|dtype| dtype.getattr("kind"));
    if dtype.is_ok_and(|kind| kind.eq("c").unwrap_or(false)) {
        return Err(PyTypeError::new_err("a vector has no complex components"));
    }
    let py = value.py();
    let options = PyDict::new(py);
    options.set_item("dtype", kind)?;
    let made = py.import("numpy")?.call_method("array", (value,), Some(&options))?;
    Ok(made.cast_into::<PyArray<T, D>>()?)
}

fn is_aligned<T: Element, D: Dimension>(array: &Bound<'_, PyArray<T, D>>) -> bool {
    let size = size_of::<T>().cast_signed();
    array.data().is_aligned() && array.strides().iter().all(|stride| stride % size == 0)
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
