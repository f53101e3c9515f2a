//! Fail-stop: after a failed sync nobody knows what is on disk, so nothing more is written.
//!
//! A second sync after a failed one may succeed without the data having reached the disk (Rebello
//! et al., "Can Applications Recover from fsync Failures?", 2020), so it is not tried.

use crate::error::{Error, Result};

/// Remembers the first failure that makes further writes unsafe.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    reason: Option<String>,
    /// A write is under way; still so at the next one if it panicked.
    writing: bool,
}

impl Poison {
    /// Refuses if an earlier step failed.
    pub(crate) fn check(&self) -> Result<()> {
        match &self.reason {
            None => Ok(()),
            Some(reason) => Err(Error::Poisoned { reason: reason.clone() }),
        }
    }

    /// Begins a write; refused if the one before it never ended.
    pub(crate) fn begin(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.writing, true) && self.reason.is_none() {
            self.reason = Some("a write that ended abnormally".to_owned());
        }
        self.check()
    }

    /// Ends a write, for good or with a failure that leaves unknown what is on disk.
    pub(crate) fn end(&mut self, failure: Option<String>) {
        self.writing = false;
        if self.reason.is_none() {
            self.reason = failure;
        }
    }

    /// Passes a result on, and remembers a failure.
    pub(crate) fn guard<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result
            && self.reason.is_none()
        {
            self.reason = Some(error.to_string());
        }
        result
    }
}
