//! Search requests, from the keywords of a search in Python.

use lexivec::SearchRequest;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString};

use crate::convert::{read, vector_of};
use crate::errors::{Part, invalid};

/// The members of a request, from the keywords of a search, in the form that JSON has: what is at its default is left
/// out, and short forms are written out. The keywords of a method may have its `self` among them.
#[pyfunction]
pub(crate) fn request<'py>(keywords: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let members = PyDict::new(keywords.py());
    for (name, value) in keywords {
        if value.is_none() {
            continue;
        }
        if let Some(value) = member(&name.cast::<PyString>()?.to_cow()?, value)? {
            members.set_item(name, value)?;
        }
    }
    Ok(members)
}

/// The form of a member; `None` where it says what it says by default.
fn member<'py>(name: &str, value: Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    let given = value.is_truthy();
    Ok(match name {
        "self" => None,
        "offset" | "with_text" | "explain" => given?.then_some(value),
        "with_payload" => (!given?).then(|| PyBool::new(py, false).to_owned().into_any()),
        "highlight" if value.is(&*PyBool::new(py, true)) => Some(PyDict::new(py).into_any()),
        "highlight" => given?.then_some(value),
        "fusion" | "rerank" if value.is_instance_of::<PyString>() => {
            let options = PyDict::new(py);
            options.set_item(value, PyDict::new(py))?;
            Some(options.into_any())
        }
        "group_by" => Some(of_field(value)?),
        "facets" => {
            if value.is_instance_of::<PyString>() {
                return Err(invalid(py, Part::Request, "facets", "a list of fields is expected"));
            }
            let facets: Vec<_> =
                value.try_iter()?.map(|facet| of_field(facet?)).collect::<PyResult<_>>()?;
            Some(PyList::new(py, facets)?.into_any())
        }
        // An expression of `lexivec.field` has its text.
        "filter" if value.hasattr("_to_filter")? => Some(value.call_method0("_to_filter")?),
        _ => Some(value),
    })
}

/// Options of a field, for which its name may stand.
fn of_field(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if !value.is_instance_of::<PyString>() {
        return Ok(value);
    }
    let options = PyDict::new(value.py());
    options.set_item("field", value)?;
    Ok(options.into_any())
}

/// A search request, from a dictionary of its members.
pub(crate) fn request_of(members: &Bound<'_, PyDict>) -> PyResult<SearchRequest> {
    let Some(vector) = members.get_item("vector")? else {
        return read(Part::Request, "request", members.as_any());
    };
    let vector = vector_of(Part::Request, "vector", &vector)?;
    let others = members.copy()?;
    others.del_item("vector")?;
    let mut request: SearchRequest = read(Part::Request, "request", others.as_any())?;
    request.vector = Some(vector);
    Ok(request)
}
