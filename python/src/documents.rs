//! Documents between Python and the engine: one by one as dictionaries, or many as columns.

use std::collections::BTreeMap;

use lexivec::Document;
use numpy::ndarray::Ix2;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList, PyString};
use serde_json::{Map, Value};

use crate::convert::{array_of, read, to_json, to_python, vector_of, vectors_of};
use crate::errors::{Part, invalid};

/// Name of the text that `text` alone stands for.
const TEXT: &str = "text";
/// Name of the text that `title` stands for.
const TITLE: &str = "title";
/// Name of the vector that `vector` alone stands for.
const VECTOR: &str = "vector";
/// Name of the token vectors that a list under `tokens` stands for.
const TOKENS: &str = "tokens";

/// The documents of a list of dictionaries, in the JSON form of a document; vectors may be arrays.
pub(crate) fn documents_of(list: &Bound<'_, PyList>) -> PyResult<Vec<Document>> {
    let document = |(index, item): (usize, Bound<'_, PyAny>)| {
        let what = || format!("documents[{index}]");
        match item.cast::<PyDict>() {
            Ok(dict) => document_of(&what(), dict),
            Err(_) => Err(invalid(item.py(), Part::Document, &what(), "a dictionary is expected")),
        }
    };
    list.iter().enumerate().map(document).collect()
}

fn document_of(what: &str, dict: &Bound<'_, PyDict>) -> PyResult<Document> {
    let py = dict.py();
    let mut document = Document::default();
    let mut has_id = false;
    for (key, value) in dict.iter() {
        let key: String = key.extract()?;
        if value.is_none() {
            continue;
        }
        let at = || format!("{what}.{key}");
        match key.as_str() {
            "id" => {
                document.id = id_of(&at(), &value)?;
                has_id = true;
            }
            "title" => once(py, what, &mut document.text, TITLE, text_of(&at(), &value)?)?,
            "text" => match value.cast::<PyDict>() {
                Err(_) => once(py, what, &mut document.text, TEXT, text_of(&at(), &value)?)?,
                Ok(named) => named.iter().try_for_each(|(name, text)| {
                    let name: String = name.extract()?;
                    let text = text_of(&format!("{what}.text.{name}"), &text)?;
                    once(py, what, &mut document.text, &name, text)
                })?,
            },
            "vector" => {
                once(
                    py,
                    what,
                    &mut document.vectors,
                    VECTOR,
                    vector_of(Part::Document, &at(), &value)?,
                )?;
            }
            "vectors" => members(&at(), &value)?.iter().try_for_each(|(name, vector)| {
                let name: String = name.extract()?;
                let vector = vector_of(Part::Document, &format!("{what}.vectors.{name}"), &vector)?;
                once(py, what, &mut document.vectors, &name, vector)
            })?,
            "tokens" => document.tokens = tokens_of(&at(), &value)?,
            "payload" => document.payload = payload_of(&at(), &value)?,
            _ => {
                let fault = format!(
                    "the member {key:?} is not known; a document has id, title, text, vector, vectors, tokens and \
                     payload, which takes everything else"
                );
                return Err(invalid(py, Part::Document, what, &fault));
            }
        }
    }
    match has_id {
        true => Ok(document),
        false => Err(invalid(py, Part::Document, what, "it has no id")),
    }
}

/// Puts a value under a name that has none yet.
fn once<T>(
    py: Python<'_>,
    what: &str,
    map: &mut BTreeMap<String, T>,
    name: &str,
    value: T,
) -> PyResult<()> {
    match map.insert(name.to_owned(), value) {
        None => Ok(()),
        Some(_) => {
            Err(invalid(py, Part::Document, what, &format!("{name:?} is given twice; keep one")))
        }
    }
}

fn id_of(what: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    if value.is_instance_of::<PyString>() {
        return value.extract();
    }
    let fault = "an id is a text or a whole number";
    let number = match value.is_instance_of::<PyInt>() {
        true => value.clone(),
        // Whole numbers of NumPy say so by `__index__`.
        false => value
            .call_method0("__index__")
            .map_err(|_| invalid(value.py(), Part::Document, what, fault))?,
    };
    match value.is_instance_of::<pyo3::types::PyBool>() {
        true => Err(invalid(value.py(), Part::Document, what, fault)),
        false => number.str()?.extract(),
    }
}

fn text_of(what: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    value.extract().map_err(|_| invalid(value.py(), Part::Document, what, "a text is expected"))
}

fn members<'a, 'py>(what: &str, value: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyDict>> {
    value
        .cast::<PyDict>()
        .map_err(|_| invalid(value.py(), Part::Document, what, "a dictionary of names is expected"))
}

fn payload_of(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Map<String, Value>> {
    match to_json(Part::Document, what, value)? {
        Value::Object(payload) => Ok(payload),
        _ => Err(invalid(value.py(), Part::Document, what, "a dictionary is expected")),
    }
}

/// Token vectors: a list of vectors or a two-dimensional array, or a dictionary of those.
fn tokens_of(what: &str, value: &Bound<'_, PyAny>) -> PyResult<BTreeMap<String, Vec<Vec<f32>>>> {
    match value.cast::<PyDict>() {
        Err(_) => {
            Ok(BTreeMap::from([(TOKENS.to_owned(), vectors_of(Part::Document, what, value)?)]))
        }
        Ok(named) => {
            let one = |(name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
                let name: String = name.extract()?;
                let vectors = vectors_of(Part::Document, &format!("{what}.{name}"), &value)?;
                Ok((name, vectors))
            };
            named.iter().map(one).collect()
        }
    }
}

/// The documents of columns: ids; texts by field, `None` where a row has none; vectors by field, as arrays of rows x
/// components of float32 in row order, read in place; payloads.
pub(crate) fn documents_of_columns(
    ids: &Bound<'_, PyList>,
    texts: &Bound<'_, PyDict>,
    vectors: &Bound<'_, PyDict>,
    payloads: Option<&Bound<'_, PyList>>,
) -> PyResult<Vec<Document>> {
    let py = ids.py();
    let count = ids.len();
    let check = |what: &str, found: usize| match found == count {
        true => Ok(()),
        false => Err(invalid(
            py,
            Part::Document,
            what,
            &format!("it has {found} rows, and there are {count} ids"),
        )),
    };
    let mut documents = Vec::with_capacity(count);
    for (row, id) in ids.iter().enumerate() {
        documents.push(Document::new(id_of(&format!("ids[{row}]"), &id)?));
    }
    for (name, column) in texts.iter() {
        let name: String = name.extract()?;
        let column: Vec<Option<String>> = read(Part::Document, &name, &column)?;
        check(&name, column.len())?;
        for (document, text) in documents.iter_mut().zip(column) {
            if let Some(text) = text {
                document.text.insert(name.clone(), text);
            }
        }
    }
    for (name, column) in vectors.iter() {
        let name: String = name.extract()?;
        let refused = || {
            invalid(
                py,
                Part::Document,
                &name,
                "an array of rows x components, of float32, is expected",
            )
        };
        let array = array_of::<f32, Ix2>(&column, "float32").map_err(|_| refused())?;
        let array = array.readonly();
        let rows = array.as_array();
        check(&name, rows.nrows())?;
        py.detach(|| {
            for (document, vector) in documents.iter_mut().zip(rows.rows()) {
                document.vectors.insert(name.clone(), vector.to_vec());
            }
        });
    }
    if let Some(payloads) = payloads {
        check("payloads", payloads.len())?;
        for (row, (document, payload)) in documents.iter_mut().zip(payloads.iter()).enumerate() {
            if !payload.is_none() {
                document.payload = payload_of(&format!("payloads[{row}]"), &payload)?;
            }
        }
    }
    Ok(documents)
}

/// The members of a document as Python has them: `id`, `text`, `vectors` and `tokens` as arrays of float32, `payload`.
pub(crate) fn members_of<'py>(py: Python<'py>, document: Document) -> PyResult<Bound<'py, PyDict>> {
    let vectors = PyDict::new(py);
    for (name, vector) in document.vectors {
        vectors.set_item(name, PyArray1::from_vec(py, vector))?;
    }
    let tokens = PyDict::new(py);
    for (name, list) in &document.tokens {
        tokens.set_item(name, PyArray2::from_vec2(py, list)?)?;
    }
    let members = PyDict::new(py);
    members.set_item("id", document.id)?;
    members.set_item("text", document.text)?;
    members.set_item("vectors", vectors)?;
    members.set_item("tokens", tokens)?;
    members.set_item("payload", to_python(py, &document.payload)?)?;
    Ok(members)
}
