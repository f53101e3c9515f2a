//! Pages of one ranked list.

use std::sync::Mutex;

use lexivec::Cursor;
use pyo3::prelude::*;

use crate::answer::Answer;
use crate::errors::{OrRaise, closed};
use crate::process;

/// A ranked list that is read page by page.
#[pyclass(frozen, module = "lexivec._lexivec")]
pub(crate) struct RawCursor {
    cursor: Mutex<Cursor>,
}

impl RawCursor {
    pub(crate) fn new(cursor: Cursor) -> Self {
        Self { cursor: Mutex::new(cursor) }
    }

    /// Does something with the cursor, without the GIL.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&mut Cursor) -> lexivec::Result<T> + Send,
    ) -> PyResult<T> {
        process::check(py)?;
        let done = py.detach(|| self.cursor.lock().ok().map(|mut cursor| read(&mut cursor)));
        done.ok_or_else(|| closed(py, "cursor"))?.or_raise(py)
    }
}

#[pymethods]
impl RawCursor {
    fn next(&self, py: Python<'_>, limit: usize) -> PyResult<Answer> {
        let answer = self.with(py, |cursor| cursor.next(limit))?;
        Answer::new(py, answer)
    }

    fn page(&self, py: Python<'_>, first: usize, limit: usize) -> PyResult<Answer> {
        let answer = self.with(py, |cursor| cursor.page(first, limit))?;
        Answer::new(py, answer)
    }

    fn rows(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |cursor| Ok(cursor.rows()))
    }

    fn left(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |cursor| Ok(cursor.left()))
    }
}
