//! Long work that Ctrl-C ends: it runs on a new thread while the calling thread looks for signals.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use crate::errors::raised;
use crate::process;

/// Time between two looks for signals. A person at a keyboard does not notice it, and a look takes less than a thousandth of it.
const LOOK: Duration = Duration::from_millis(50);

thread_local! {
    /// The flag of the work that this thread does; set once the work was interrupted.
    static INTERRUPTED: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// True if the work of this thread was interrupted, so that what it would do next is of no use.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.with_borrow(|flag| flag.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)))
}

/// Runs work without the GIL. Once Python has an exception to raise, as for Ctrl-C, the flag is set and the exception is
/// raised after the work has ended.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&AtomicBool) -> lexivec::Result<T> + Send,
) -> PyResult<T> {
    interruptible_by(py, || (), work)
}

/// Runs work as [`interruptible`] does; after an interrupt it also calls `cancel` at each look, until the work ends.
pub(crate) fn interruptible_by<T: Send>(
    py: Python<'_>,
    cancel: impl Fn() + Send,
    work: impl FnOnce(&AtomicBool) -> lexivec::Result<T> + Send,
) -> PyResult<T> {
    process::check(py)?;
    let flag = Arc::new(AtomicBool::new(false));
    let (done, wait) = mpsc::channel();
    let (outcome, interrupt) = py.detach(move || {
        thread::scope(|scope| {
            let cancelled = flag.clone();
            let worker = scope.spawn(move || {
                INTERRUPTED.set(Some(cancelled.clone()));
                let outcome = work(&cancelled);
                // The receiver waits below.
                let _ = done.send(());
                outcome
            });
            let mut interrupt = None;
            while let Err(mpsc::RecvTimeoutError::Timeout) = wait.recv_timeout(LOOK) {
                if interrupt.is_none() {
                    interrupt = Python::attach(|py| py.check_signals()).err();
                }
                if interrupt.is_some() {
                    flag.store(true, Ordering::Relaxed);
                    cancel();
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

/// A reader or writer that fails once the work of this thread was interrupted.
pub(crate) struct UntilInterrupted<T>(pub(crate) T);

fn go_on() -> io::Result<()> {
    if interrupted() { Err(io::Error::other("interrupted")) } else { Ok(()) }
}

impl<R: Read> Read for UntilInterrupted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        go_on()?;
        self.0.read(buffer)
    }
}

impl<W: Write> Write for UntilInterrupted<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        go_on()?;
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
