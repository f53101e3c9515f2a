//! Fail-stop: after a failed sync nobody knows what is on disk, so nothing more is written.
//!
//! A second sync after a failed one may succeed without the data having reached the disk (Rebello
//! et al., "Can Applications Recover from fsync Failures?", 2020), so it is not tried.

use crate::error::{Error, Result};

/// Remembers the first failure that makes further writes unsafe.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    reason: Option<String>,
}

impl Poison {
    /// Refuses if an earlier step failed.
    pub(crate) fn check(&self) -> Result<()> {
        match &self.reason {
            None => Ok(()),
            Some(reason) => Err(Error::Poisoned { reason: reason.clone() }),
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
