//! When work has to end, and the looks at the clock that tell.

use std::time::{Duration, Instant};

use lexivec_query::SearchRequest;

use crate::error::{Error, Result};

/// Rows of a scan between two looks at the clock: they take about a tenth of a millisecond.
const LOOK_ROWS: u32 = 4_096;

/// A moment after which an answer is of no use.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// That of a budget, from now on.
    pub fn after(budget: Duration) -> Self {
        Self(Instant::now() + budget)
    }

    /// True once it is over.
    pub fn passed(&self) -> bool {
        self.left().is_zero()
    }

    /// The time left.
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// The time of a search. The engine looks at the clock between steps, segments and documents, and now and
/// then in a scan; where there is no deadline it does not look.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    /// As long as it takes.
    Endless,
    /// Until then.
    Until(Deadline),
    /// For so many looks.
    #[cfg(test)]
    Looks(&'static std::sync::atomic::AtomicUsize),
}

impl Time {
    /// That of a request, from now on.
    pub(crate) fn of(request: &SearchRequest) -> Self {
        let until = |millis| Self::Until(Deadline::after(Duration::from_millis(millis)));
        request.deadline_ms.map_or(Self::Endless, until)
    }

    /// Fails once it is over.
    #[inline]
    pub(crate) fn look(self) -> Result<()> {
        let over = match self {
            Self::Endless => false,
            Self::Until(deadline) => deadline.passed(),
            #[cfg(test)]
            Self::Looks(left) => {
                use std::sync::atomic::Ordering::Relaxed;
                left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err()
            }
        };
        if over { Err(Error::DeadlineExceeded) } else { Ok(()) }
    }

    /// True where it can be over.
    pub(crate) fn ends(self) -> bool {
        !matches!(self, Self::Endless)
    }

    /// The earlier of both ends.
    pub(crate) fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::Until(own), Self::Until(others)) if others.0 < own.0 => other,
            (Self::Endless, _) => other,
            _ => self,
        }
    }

    /// That budget, from now on, or what is left if it is less.
    pub(crate) fn cut(self, budget: Duration) -> Deadline {
        let budget = Deadline::after(budget);
        match self {
            Self::Until(end) if end.0 < budget.0 => end,
            _ => budget,
        }
    }

    /// The rows, until it is over: who goes through them looks once more at the end.
    pub(crate) fn rows(self, rows: impl Iterator<Item = u32>) -> impl Iterator<Item = u32> {
        let mut seen = 0u32;
        rows.take_while(move |_| {
            seen = seen.wrapping_add(1);
            !seen.is_multiple_of(LOOK_ROWS) || self.look().is_ok()
        })
    }
}
