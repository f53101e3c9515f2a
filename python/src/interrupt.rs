//! Long work that Ctrl-C ends: it runs on a new thread while the calling thread looks for signals.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use crate::errors::raised;
use crate::process;

/// Time between two looks for signals: short for a hand on a keyboard, long compared with the look.
const LOOK: Duration = Duration::from_millis(50);

/// Runs work without the GIL. Once Python has an exception to raise, as for Ctrl-C, the flag is set and the exception is
/// raised after the work has ended.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&AtomicBool) -> lexivec::Result<T> + Send,
) -> PyResult<T> {
    process::check(py)?;
    let cancelled = &AtomicBool::new(false);
    let (done, wait) = mpsc::channel();
    let (outcome, interrupt) = py.detach(move || {
        thread::scope(|scope| {
            let worker = scope.spawn(move || {
                let outcome = work(cancelled);
                // The receiver waits below.
                let _ = done.send(());
                outcome
            });
            let mut interrupt = None;
            while let Err(mpsc::RecvTimeoutError::Timeout) = wait.recv_timeout(LOOK) {
                if interrupt.is_none() {
                    interrupt = Python::attach(|py| py.check_signals()).err();
                    cancelled.store(interrupt.is_some(), Ordering::Relaxed);
                }
            }
            (worker.join(), interrupt)
        })
    });
    match (outcome, interrupt) {
        (Err(panic), _) => std::panic::resume_unwind(panic),
        (Ok(Ok(value)), None) => Ok(value),
        // What was done before the interrupt stays done; the exception reports the interrupt.
        (Ok(_), Some(interrupt)) => Err(interrupt),
        (Ok(Err(error)), None) => Err(raised(py, &error)),
    }
}
