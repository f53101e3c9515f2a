//! Fail-stop: after a failed sync it is unknown what is on disk, so no more is written.
//!
//! A second sync after a failed one may succeed without the data having reached the disk (Rebello
//! et al., "Can Applications Recover from fsync Failures?", 2020), so it is not tried.

use parking_lot::Mutex;

use crate::error::{Error, Result};

/// Remembers the first failure that makes further writes unsafe; shared by all writers of one
/// directory.
#[derive(Debug, Default)]
pub struct Poison {
    reason: Mutex<Option<String>>,
}

impl Poison {
    /// Refuses if an earlier step failed.
    ///
    /// # Errors
    /// [`Error::Poisoned`] with the first failure.
    pub fn check(&self) -> Result<()> {
        match &*self.reason.lock() {
            None => Ok(()),
            Some(reason) => Err(Error::Poisoned { reason: reason.clone() }),
        }
    }

    /// Refuses all writes from now on; the first reason is kept.
    pub fn fail(&self, reason: impl Into<String>) {
        self.reason.lock().get_or_insert_with(|| reason.into());
    }

    /// Passes a result on, and remembers a failure.
    pub(crate) fn guard<T>(&self, result: Result<T>) -> Result<T> {
        match &result {
            Ok(_) => {}
            // The way out stands in the error of later writes.
            Err(Error::Displaced { path, change }) => {
                self.fail(format!("{path}: {change} since it was opened"));
            }
            Err(error) => self.fail(error.to_string()),
        }
        result
    }

    /// A guard for one write. A write that panics leaves its state half changed, so the guard refuses all later ones.
    pub fn panic_guard(&self) -> PanicGuard<'_> {
        PanicGuard { poison: self }
    }
}

/// Refuses later writes if its write panics; dropped when the write ends.
pub struct PanicGuard<'a> {
    poison: &'a Poison,
}

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.poison.fail("a write that ended abnormally");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_kept() {
        let poison = Poison::default();
        poison.check().expect("nothing failed");
        poison.fail("one");
        poison.fail("two");
        assert!(poison.check().is_err_and(|e| e.to_string().ends_with(": one")));
    }

    #[test]
    fn a_write_that_panics_ends_later_ones() {
        let poison = Poison::default();
        drop(poison.panic_guard());
        poison.check().expect("it ended well");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = poison.panic_guard();
            panic!("a fault");
        }));
        assert!(panicked.is_err() && poison.check().is_err());
    }
}
