//! A handle that is closed once: what it holds is shared by the calls that run, and given up by the last of them.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use crate::errors::closed;
use crate::process;

/// A collection or a database; nothing once it was closed.
pub(crate) struct Handle<T> {
    kind: &'static str,
    held: Mutex<Option<Arc<T>>>,
}

impl<T: Send + Sync> Handle<T> {
    /// A handle of a kind, as errors name it.
    pub(crate) fn new(kind: &'static str, held: Arc<T>) -> Self {
        Self { kind, held: Mutex::new(Some(held)) }
    }

    /// The collection or database; an exception if it was closed, or in a fork.
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<Arc<T>> {
        process::check(py)?;
        let held = self.held.lock().ok().and_then(|held| held.clone());
        held.ok_or_else(|| closed(py, self.kind))
    }

    /// True once it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.held.lock().map_or(true, |held| held.is_none())
    }

    /// Gives up the collection or database.
    pub(crate) fn close(&self, py: Python<'_>) {
        let held = self.held.lock().ok().and_then(|mut held| held.take());
        py.detach(|| drop(held));
    }
}
