//! The process that uses the package. Threads do not survive a fork, so a fork of a process that worked is refused before
//! it waits for threads that it does not have.

use std::sync::OnceLock;

use lexivec::ErrorKind;
use pyo3::prelude::*;

use crate::errors::exception;

/// The number of the process in which the package worked first.
static FIRST: OnceLock<u32> = OnceLock::new();

/// Refuses a fork of the process in which the package worked first.
pub(crate) fn check(py: Python<'_>) -> PyResult<()> {
    let here = std::process::id();
    let first = *FIRST.get_or_init(|| here);
    if first == here {
        return Ok(());
    }
    let message = format!(
        "this process is a fork of process {first}, in which lexivec worked already; its threads are not here. Start \
         processes by \"spawn\" (multiprocessing.get_context(\"spawn\")), or open collections only after the fork"
    );
    Err(exception(py, ErrorKind::Forked.name(), &message))
}
