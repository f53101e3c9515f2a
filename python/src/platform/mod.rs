//! The arithmetic of the drop-in modules in `python/lexivec/platform`, which give it its old names.

mod evaluation;
mod search;
mod vectors;

use pyo3::exceptions::PyZeroDivisionError;
use pyo3::prelude::*;

use lexivec_platform::Error;

use crate::errors::{Part, invalid};

/// The exception that the platform's Python raises for an error, with its text.
fn raised(py: Python<'_>, error: &Error) -> PyErr {
    match error {
        // An index without words divides two whole numbers, as does the fusion of ranks.
        Error::NoWords | Error::ZeroPlace { .. } => {
            PyZeroDivisionError::new_err("division by zero")
        }
        Error::ZeroBaseline { .. } => PyZeroDivisionError::new_err("float division by zero"),
        Error::NoResults => pyo3::exceptions::PyValueError::new_err(error.to_string()),
        error => invalid(py, Part::Argument, "platform", &error.to_string()),
    }
}

/// Puts the functions into the native module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    evaluation::register(module)?;
    search::register(module)?;
    vectors::register(module)
}
