//! Demo data of an education platform, for `lexivec.platform.demo_data_generator`.

use std::time::{SystemTime, UNIX_EPOCH};

use lexivec_demo::{
    Error, Moment, Source, Timeframe, Viewer, chart, class, courses, exercise, funnel, heat_map,
    knowledge_graph, lab_environment, lab_set, learning_path, query_knowledge_graph, quiz, report,
    reviews, sample_students, simulate_execution, slides, syllabus, workflow,
};
use pyo3::exceptions::{PyKeyError, PyPermissionError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::convert::{read, to_python};
use crate::courses::list;
use crate::errors::Part;

/// The exception that a caller of the Python module expects.
fn raised(error: &Error) -> PyErr {
    match error {
        Error::Missing(member) => PyKeyError::new_err(*member),
        Error::Guest(text) => PyPermissionError::new_err(*text),
        error => PyValueError::new_err(error.to_string()),
    }
}

fn given<'py, T: Serialize>(
    py: Python<'py>,
    made: lexivec_demo::Result<T>,
) -> PyResult<Bound<'py, PyAny>> {
    to_python(py, &made.map_err(|error| raised(&error))?)
}

/// The arguments of one record, by name.
struct Arguments<'a, 'py>(&'a Bound<'py, PyDict>);

impl Arguments<'_, '_> {
    fn maybe<T: DeserializeOwned>(&self, name: &str) -> PyResult<Option<T>> {
        match self.0.get_item(name)? {
            Some(value) if !value.is_none() => read(Part::Argument, name, &value).map(Some),
            _ => Ok(None),
        }
    }

    fn get<T: DeserializeOwned>(&self, name: &str) -> PyResult<T> {
        self.maybe(name)?.ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn viewer(&self) -> PyResult<Viewer> {
        let name: Option<String> = self.maybe("name")?;
        let role: String = self.get("role")?;
        Viewer::new(&role, name.as_deref()).map_err(|error| raised(&error))
    }
}

/// The moment from which dates are counted: the argument `now`, a date or a time as text, else the present one.
fn moment(of: &Arguments<'_, '_>) -> PyResult<Moment> {
    let Some(text) = of.maybe::<String>("now")? else { return Ok(now()) };
    Moment::parse(&text).ok_or_else(|| {
        let fault = format!(
            "now: {text:?} is no date and no time; give one as 2026-01-31 or 2026-01-31T12:00:00Z"
        );
        PyValueError::new_err(fault)
    })
}

/// The present moment.
fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment::from_unix(i64::try_from(since.as_secs()).unwrap_or(0))
}

/// One answer of the generator: what it is of, its arguments, and the seed.
#[pyfunction]
fn demo_data<'py>(
    py: Python<'py>,
    what: &str,
    arguments: &Bound<'py, PyDict>,
    seed: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let of = Arguments(arguments);
    let source = Source::new(seed, moment(&of)?);
    let course: Option<String> = of.maybe("course")?;
    let course = course.as_deref();
    match what {
        "courses" => {
            let (viewer, count): (_, u64) = (of.viewer()?, of.get("count")?);
            Ok(list(py, courses(&viewer, count, source))?.into_any())
        }
        "students" => to_python(py, &class(course, source)),
        "labs" => to_python(py, &lab_set(course, source)),
        "feedback" => to_python(py, &reviews(course, source)),
        "report" => {
            let timeframe = Timeframe::parse(&of.get::<String>("timeframe")?);
            let timeframe = timeframe.map_err(|error| raised(&error))?;
            to_python(py, &report(&of.viewer()?, timeframe, source, 0))
        }
        _ => answer(py, what, &of, source),
    }
}

/// An answer that is no list of records of a course.
fn answer<'py>(
    py: Python<'py>,
    what: &str,
    of: &Arguments<'_, 'py>,
    source: Source,
) -> PyResult<Bound<'py, PyAny>> {
    let text = |name: &str| of.get::<String>(name);
    let texts = |name: &str| of.get::<Vec<String>>(name);
    let guest: bool = of.maybe("guest")?.unwrap_or(false);
    let forced: bool = of.maybe("forced")?.unwrap_or(false);
    match what {
        "chart" => given(py, chart(&text("kind")?, &text("course")?, guest, forced, source)),
        "syllabus" => {
            given(py, syllabus(&text("topic")?, &texts("objectives")?, guest, forced, source))
        }
        "slides" => {
            let objectives: Option<Vec<String>> = of.maybe("objectives")?;
            let concepts: Option<Vec<String>> = of.maybe("concepts")?;
            given(py, slides(&text("title")?, objectives.as_deref(), concepts.as_deref(), source))
        }
        "quiz" => given(py, quiz(&texts("topics")?, of.get("count")?, source)),
        "exercise" => given(py, exercise(&texts("topics")?, &text("difficulty")?, source)),
        "graph" => to_python(py, &knowledge_graph(&text("title")?, &texts("modules")?, source)),
        "graph answer" => {
            to_python(py, &query_knowledge_graph(&text("concept")?, &text("kind")?, guest, source))
        }
        "path" => given(py, learning_path(&text("level")?, &text("goal")?, guest, source)),
        "environment" => {
            to_python(py, &lab_environment(&text("ide")?, &text("language")?, guest, source))
        }
        "execution" => given(py, simulate_execution(&text("code")?, guest, source)),
        "heat map" => given(py, heat_map(&text("kind")?, of.get("days")?, source)),
        "funnel" => to_python(py, &funnel(&text("kind")?, source)),
        "workflow" => {
            let viewed: Option<Vec<String>> = of.maybe("viewed")?;
            given(py, workflow(&text("role")?, viewed.as_deref()))
        }
        "sample students" => to_python(py, &sample_students()),
        _ => Err(PyValueError::new_err(format!("{what:?} is no demo data"))),
    }
}

/// The topics of courses by subject.
#[pyfunction]
fn demo_topics(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let topics = PyDict::new(py);
    for subject in &lexivec_demo::SUBJECTS {
        topics.set_item(subject.name, subject.topics.to_vec())?;
    }
    Ok(topics)
}

/// Puts the functions into the native module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(demo_data, module)?)?;
    module.add_function(wrap_pyfunction!(demo_topics, module)?)
}
