//! The deadline of a search or of a call to a model, and the checks that end work once it has passed.

use std::time::{Duration, Instant};

use lexivec_query::SearchRequest;
use lexivec_query::suggest::SuggestRequest;

use crate::error::{Error, Result};

/// Rows of a scan between two checks of the deadline; a scan of this many takes about 0.1 ms.
const CHECK_ROWS: u32 = 4_096;

/// A moment after which an answer is of no use, or no limit at all.
///
/// The engine checks it between steps, segments and documents, and every few thousand rows of a scan. A
/// search without a deadline never reads the clock.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Limit);

#[derive(Clone, Copy, Debug)]
enum Limit {
    Never,
    At(Instant),
    /// Passes after this number of checks, so that a test ends a search at every one of them.
    #[cfg(test)]
    Checks(&'static std::sync::atomic::AtomicUsize),
}

/// A deadline within a loop, which is checked once for a number of steps. A step takes about as long as one row of a
/// scan: a posting, a position, a token.
#[derive(Debug)]
pub(crate) struct Watch {
    deadline: Deadline,
    left: u32,
}

impl Watch {
    /// A watch of a loop that begins.
    pub(crate) fn new(deadline: Deadline) -> Self {
        Self { deadline, left: CHECK_ROWS }
    }

    /// Counts steps, and fails with [`Error::DeadlineExceeded`] if a check is due and the moment has passed.
    #[inline]
    pub(crate) fn steps(&mut self, steps: usize) -> Result<()> {
        match u32::try_from(steps).ok().and_then(|steps| self.left.checked_sub(steps)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.check(),
        }
    }

    #[cold]
    fn check(&mut self) -> Result<()> {
        self.left = CHECK_ROWS;
        self.deadline.check()
    }
}

impl Deadline {
    /// No limit: the work takes as long as it takes.
    pub(crate) const NEVER: Self = Self(Limit::Never);

    /// The deadline of a budget that begins now.
    pub fn after(budget: Duration) -> Self {
        Self(Limit::At(Instant::now() + budget))
    }

    /// The deadline of a request whose budget begins now.
    pub(crate) fn of(request: &SearchRequest) -> Self {
        Self::in_millis(request.deadline_ms)
    }

    /// The deadline of a request for suggestions that arrives now.
    pub(crate) fn of_suggestions(request: &SuggestRequest) -> Self {
        Self::in_millis(request.deadline_ms)
    }

    fn in_millis(millis: Option<u64>) -> Self {
        millis.map_or(Self::NEVER, |millis| Self::after(Duration::from_millis(millis)))
    }

    /// A deadline that passes after a number of checks.
    #[cfg(test)]
    pub(crate) fn after_checks(left: &'static std::sync::atomic::AtomicUsize) -> Self {
        Self(Limit::Checks(left))
    }

    /// True once the moment has passed.
    pub fn passed(&self) -> bool {
        match self.0 {
            Limit::Never => false,
            Limit::At(end) => end <= Instant::now(),
            #[cfg(test)]
            Limit::Checks(left) => {
                use std::sync::atomic::Ordering::Relaxed;
                left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err()
            }
        }
    }

    /// The time until then: zero once it has passed, [`Duration::MAX`] without a limit.
    pub fn left(&self) -> Duration {
        match self.0 {
            Limit::At(end) => end.saturating_duration_since(Instant::now()),
            _ => Duration::MAX,
        }
    }

    /// Fails with [`Error::DeadlineExceeded`] once the moment has passed.
    #[inline]
    pub(crate) fn check(self) -> Result<()> {
        if self.passed() { Err(Error::DeadlineExceeded) } else { Ok(()) }
    }

    /// True if the deadline can pass.
    pub(crate) fn is_bounded(self) -> bool {
        !matches!(self.0, Limit::Never)
    }

    /// The earlier of two deadlines.
    pub(crate) fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Limit::At(own), Limit::At(others)) if others < own => other,
            (Limit::Never, _) => other,
            _ => self,
        }
    }

    /// The deadline of a budget that begins now and ends no later than this deadline.
    pub(crate) fn within(self, budget: Duration) -> Self {
        let budget = Self::after(budget);
        if matches!(self.0, Limit::At(_)) { budget.earlier(self) } else { budget }
    }

    /// The rows until the deadline passes. The caller checks the deadline after the last row, as the
    /// rows end without an error.
    pub(crate) fn rows(self, rows: impl Iterator<Item = u32>) -> impl Iterator<Item = u32> {
        let mut seen = 0u32;
        rows.take_while(move |_| {
            seen = seen.wrapping_add(1);
            !seen.is_multiple_of(CHECK_ROWS) || !self.passed()
        })
    }
}
