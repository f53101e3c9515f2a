//! Progress reports of a long write, and its cancellation.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// Stages of a long write, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Texts are being turned into vectors.
    Embed,
    /// The inverted index is being written.
    Text,
    /// The graph is being built.
    Graph,
}

/// Progress reports and cancellation of a long write.
pub(crate) struct Progress<'a> {
    /// Receives the stage, the rows done and all rows.
    pub(crate) report: &'a (dyn Fn(Stage, usize, usize) + Sync),
    /// Set to cancel the write.
    pub(crate) cancelled: &'a AtomicBool,
}

impl Progress<'_> {
    /// Reports progress; fails with [`Error::Cancelled`] once the write is cancelled.
    pub(crate) fn report(&self, stage: Stage, done: usize, all: usize) -> Result<()> {
        (self.report)(stage, done, all);
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// A flag that is never set.
pub(crate) static NEVER: AtomicBool = AtomicBool::new(false);
