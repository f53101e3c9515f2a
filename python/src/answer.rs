//! Answers: hits with attributes, made into Python objects when they are looked at.

use std::hash::{DefaultHasher, Hash, Hasher};

use lexivec::{Hit as EngineHit, SearchResponse};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};
use serde::Serialize;

use crate::convert::{read, to_python};
use crate::errors::Part;

/// One document found.
///
/// Attributes are made into Python objects when they are first read, so a hit of which only the id is read costs little.
#[pyclass(frozen, module = "lexivec")]
pub(crate) struct Hit {
    hit: EngineHit,
    payload: PyOnceLock<Py<PyAny>>,
    ledger: PyOnceLock<Py<PyAny>>,
}

impl Hit {
    fn new(hit: EngineHit) -> Self {
        Self { hit, payload: PyOnceLock::new(), ledger: PyOnceLock::new() }
    }
}

/// A part of a hit, converted at the first look.
fn part<'py, T: Serialize>(
    py: Python<'py>,
    cell: &PyOnceLock<Py<PyAny>>,
    value: &T,
) -> PyResult<Bound<'py, PyAny>> {
    let made = cell.get_or_try_init(py, || Ok::<_, PyErr>(to_python(py, value)?.unbind()))?;
    Ok(made.bind(py).clone())
}

#[pymethods]
impl Hit {
    /// The document's id.
    #[getter]
    fn id(&self) -> &str {
        &self.hit.id
    }

    /// Its final score; higher is better.
    #[getter]
    fn score(&self) -> f64 {
        self.hit.score
    }

    /// Its payload, or None if the request left payloads out.
    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        part(py, &self.payload, &self.hit.payload)
    }

    /// The parts of the score: contributions of the legs, terms, rerank.
    #[getter]
    fn ledger<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        part(py, &self.ledger, &self.hit.ledger)
    }

    /// Its texts by field, or None unless the request asks for them.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.hit.text)
    }

    /// The best passages by text field, or None unless the request asks for them.
    #[getter]
    fn highlight<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.hit.highlight)
    }

    /// The hit as a dictionary, as JSON has it.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.hit)
    }

    fn __repr__(&self) -> String {
        format!("Hit(id={:?}, score={})", self.hit.id, self.hit.score)
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.hit == other.hit
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.hit.id, self.hit.score.to_bits()).hash(&mut hasher);
        hasher.finish()
    }

    /// A pickle has the hit as a dictionary.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Pickle<'py>> {
        pickle(self.to_dict(py)?, "hit_of")
    }
}

/// A function of the native module, and the dictionary from which it makes the object again.
type Pickle<'py> = (Bound<'py, PyAny>, (Bound<'py, PyAny>,));

fn pickle<'py>(members: Bound<'py, PyAny>, function: &str) -> PyResult<Pickle<'py>> {
    let native = members.py().import("lexivec._lexivec")?;
    Ok((native.getattr(function)?, (members,)))
}

/// The hit that a pickle has as a dictionary.
#[pyfunction]
pub(crate) fn hit_of(members: &Bound<'_, PyAny>) -> PyResult<Hit> {
    Ok(Hit::new(read(Part::Argument, "hit", members)?))
}

/// The answer that a pickle has as a dictionary.
#[pyfunction]
pub(crate) fn answer_of(py: Python<'_>, members: &Bound<'_, PyAny>) -> PyResult<Answer> {
    Answer::new(py, read(Part::Argument, "answer", members)?)
}

/// The hits with one value of the field by which they are grouped.
#[pyclass(frozen, module = "lexivec")]
pub(crate) struct Group {
    value: Py<PyAny>,
    hits: Py<PyList>,
}

#[pymethods]
impl Group {
    /// The value.
    #[getter]
    fn value(&self, py: Python<'_>) -> Py<PyAny> {
        self.value.clone_ref(py)
    }

    /// Its hits, best first.
    #[getter]
    fn hits(&self, py: Python<'_>) -> Py<PyList> {
        self.hits.clone_ref(py)
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> PyResult<bool> {
        Ok(self.value.bind(py).eq(other.value.bind(py))?
            && self.hits.bind(py).eq(other.hits.bind(py))?)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let hits = self.hits.bind(py).len();
        Ok(format!("Group(value={}, hits={hits})", self.value.bind(py).repr()?))
    }
}

/// The answer to a search: a sequence of hits, best first, and the report of how it came about.
#[pyclass(frozen, sequence, module = "lexivec")]
pub(crate) struct Answer {
    hits: Py<PyList>,
    groups: Option<Py<PyList>>,
    /// The answer without its hits and groups.
    rest: SearchResponse,
}

impl Answer {
    pub(crate) fn new(py: Python<'_>, mut answer: SearchResponse) -> PyResult<Self> {
        let hits = list(py, std::mem::take(&mut answer.hits))?;
        let groups = match &mut answer.groups {
            None => None,
            Some(groups) => {
                let made = PyList::empty(py);
                for group in std::mem::take(&mut groups.list) {
                    let value = to_python(py, &group.value)?.unbind();
                    made.append(Group { value, hits: list(py, group.hits)?.unbind() })?;
                }
                Some(made.unbind())
            }
        };
        Ok(Self { hits: hits.unbind(), groups, rest: answer })
    }
}

fn list(py: Python<'_>, hits: Vec<EngineHit>) -> PyResult<Bound<'_, PyList>> {
    let hits: Vec<Bound<'_, Hit>> =
        hits.into_iter().map(|hit| Bound::new(py, Hit::new(hit))).collect::<PyResult<_>>()?;
    PyList::new(py, hits)
}

#[pymethods]
impl Answer {
    /// The hits, best first; empty if the request asks for groups.
    #[getter]
    fn hits(&self, py: Python<'_>) -> Py<PyList> {
        self.hits.clone_ref(py)
    }

    /// The groups, or None unless the request asks for them.
    #[getter]
    fn groups(&self, py: Python<'_>) -> Option<Py<PyList>> {
        self.groups.as_ref().map(|groups| groups.clone_ref(py))
    }

    /// The counts of payload values that the request asks for.
    #[getter]
    fn facets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.rest.facets)
    }

    /// The generation of segment files that answered.
    #[getter]
    fn generation(&self) -> u64 {
        self.rest.generation
    }

    /// The number of the last write that the answer includes.
    #[getter]
    fn seq(&self) -> u64 {
        self.rest.seq
    }

    /// True if no leg was approximate.
    #[getter]
    fn exact(&self) -> bool {
        self.rest.exact
    }

    /// Rows that the filter admits, whether they match the words or not.
    #[getter]
    fn matching(&self) -> u64 {
        self.rest.matching
    }

    /// False if no hit is likely to be an answer; None without a confidence floor.
    #[getter]
    fn confident(&self) -> Option<bool> {
        self.rest.confident
    }

    /// Notices as text.
    #[getter]
    fn notices(&self) -> Vec<String> {
        self.rest.notices.clone()
    }

    /// The text with near words of the rows in place of words that are in none, or None.
    #[getter]
    fn did_you_mean(&self) -> Option<&str> {
        self.rest.did_you_mean.as_deref()
    }

    /// The report of the rerank, or None unless the request asks for one.
    #[getter]
    fn rerank<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.rest.rerank)
    }

    /// The version of the query adapter that was applied, or None.
    #[getter]
    fn adapter(&self) -> Option<u32> {
        self.rest.adapter
    }

    /// The plan of each segment's vector leg, or None unless the request asks for an explanation.
    #[getter]
    fn plan<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.rest.plan)
    }

    /// The ids of the hits, best first.
    fn ids(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let hits = self.hits.bind(py);
        hits.iter().map(|hit| Ok(hit.cast::<Hit>()?.get().hit.id.clone())).collect()
    }

    /// The answer as a dictionary, as JSON has it.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let dict = to_python(py, &self.rest)?;
        dict.set_item("hits", dicts(self.hits.bind(py))?)?;
        if let Some(groups) = &self.groups {
            let made = PyList::empty(py);
            for group in groups.bind(py) {
                let group = group.cast::<Group>()?.get();
                let members = PyDict::new(py);
                members.set_item("value", group.value.bind(py))?;
                members.set_item("hits", dicts(group.hits.bind(py))?)?;
                made.append(members)?;
            }
            dict.get_item("groups")?.set_item("list", made)?;
        }
        Ok(dict)
    }

    /// The hits as an Arrow table: id, score, the text fields, and the payload's keys as columns. Needs `pyarrow`.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("lexivec._frames")?.call_method1("to_arrow", (slf,))
    }

    /// The hits as a pandas DataFrame, with the columns of [`to_arrow`]. Needs `pandas`.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("lexivec._frames")?.call_method1("to_pandas", (slf,))
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> PyResult<bool> {
        let groups = |answer: &Self| answer.groups.as_ref().map(|groups| groups.bind(py).clone());
        let same_groups = match (groups(self), groups(other)) {
            (Some(one), Some(two)) => one.eq(two)?,
            (one, two) => one.is_none() && two.is_none(),
        };
        Ok(same_groups && self.rest == other.rest && self.hits.bind(py).eq(other.hits.bind(py))?)
    }

    /// A pickle has the answer as a dictionary.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Pickle<'py>> {
        pickle(self.to_dict(py)?, "answer_of")
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.hits.bind(py).len()
    }

    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        index: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.hits.bind(py).as_any().get_item(index)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.hits.bind(py).as_any().try_iter()?.into_any())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let hits = self.hits.bind(py);
        let first = match hits.is_empty() {
            true => String::new(),
            false => format!(", first={}", hits.get_item(0)?.repr()?),
        };
        Ok(format!("Answer(hits={}, matching={}{first})", hits.len(), self.rest.matching))
    }
}

fn dicts<'py>(hits: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
    let py = hits.py();
    let dicts: Vec<_> = hits
        .iter()
        .map(|hit| to_python(py, &hit.cast::<Hit>()?.get().hit))
        .collect::<PyResult<_>>()?;
    PyList::new(py, dicts)
}
