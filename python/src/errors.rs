//! Errors of the engine as the exceptions of `lexivec.errors`.

use std::io;
use std::path::Path;

use lexivec::{Error, ErrorKind, storage};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// The exception of an engine error.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    let kind = match error {
        // A path that is missing is a `FileNotFoundError` in Python, a name that is missing a `KeyError`.
        Error::Storage(storage::Error::NotFound { .. }) => "path_not_found",
        error => error.kind().name(),
    };
    let exception = exception(py, kind, &error.to_string());
    match cause(error) {
        // Ctrl-C and the end of the program are no faults of the model in which they came.
        Some(cause) if !cause.is_instance_of::<PyException>(py) => cause.clone_ref(py),
        cause => {
            exception.set_cause(py, cause.map(|cause| cause.clone_ref(py)));
            exception
        }
    }
}

/// The exception of a Python callable that an error came of.
fn cause(error: &Error) -> Option<&PyErr> {
    match error {
        Error::Model { source, .. } => source.downcast_ref(),
        Error::InBatch { source, .. } | Error::Open { source, .. } => cause(source),
        _ => None,
    }
}

/// The whole of which a refused value is part; it decides the class of the exception.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// An option or another argument.
    Argument,
    /// A search request, a filter, a profile.
    Request,
    /// A document that is to be written.
    Document,
}

/// The exception of a refused value.
pub(crate) fn invalid(py: Python<'_>, part: Part, what: &str, fault: &str) -> PyErr {
    refused(py, part, &format!("{what}: {fault}"))
}

/// The exception of a refused value, whose message names it.
pub(crate) fn refused(py: Python<'_>, part: Part, message: &str) -> PyErr {
    let kind = match part {
        Part::Argument => lexivec::ErrorKind::InvalidArgument,
        Part::Request => lexivec::ErrorKind::InvalidRequest,
        Part::Document => lexivec::ErrorKind::InvalidDocument,
    };
    exception(py, kind.name(), message)
}

/// The exception of a call on a handle that was closed.
pub(crate) fn closed(py: Python<'_>, what: &str) -> PyErr {
    exception(py, "closed", &format!("the {what} is closed; open it again"))
}

/// The exception of a file that cannot be read.
pub(crate) fn unread(py: Python<'_>, path: &Path, error: &io::Error) -> PyErr {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => "path_not_found",
        _ => ErrorKind::Io.name(),
    };
    let reason = storage::reason(error);
    exception(py, kind, &format!("cannot read {}: {reason}", path.display()))
}

/// The exception of this kind, from the table `lexivec.errors.BY_KIND`.
pub(crate) fn exception(py: Python<'_>, kind: &str, message: &str) -> PyErr {
    static TABLE: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let table = TABLE.get_or_try_init(py, || {
        let table = py.import("lexivec.errors")?.getattr("BY_KIND")?;
        Ok::<_, PyErr>(table.cast_into::<PyDict>()?.unbind())
    });
    let made = table.and_then(|table| {
        let class = table.bind(py).as_any().get_item(kind)?;
        class.call1((message,))
    });
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// Results of the engine as results of Python.
pub(crate) trait OrRaise<T> {
    /// Raises the exception of an error.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for lexivec::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raised(py, &error))
    }
}
