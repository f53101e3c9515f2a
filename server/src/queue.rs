//! Permits for one sort of work, the calls that wait for one, and when one more is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;

use crate::error::{ApiResult, Problem};
use crate::lanes::{Entry, Lanes, Permit};
use crate::limits::{BACKGROUND_NICE, MAX_WAIT, MAX_WAITING};
use crate::trace::{self, stage};

/// Permits for one sort of work, and for calls that wait for one.
///
/// As many may wait as are done within [`MAX_WAIT`] at the speed of the last ones: a refusal costs as much as a quick
/// search, so that quick work is rather waited for, and of slow work no more is taken than is answered in time.
///
/// The calls of each collection wait in a separate lane, and do not get the last permit while there is more than one.
/// A permit that becomes free goes to the lanes in turn. So however many the calls of one collection are, one of another
/// collection finds a permit, or waits for one call of each lane that waits as well.
///
/// The limits of `tower` do not fit: they release a permit when the future is dropped, as after a timeout, while the
/// blocking work goes on; here the work holds its permit until it ends.
pub(crate) struct Queue {
    what: &'static str,
    /// Number of permits.
    size: usize,
    lanes: Arc<Lanes>,
    /// Calls that may wait however slow the work is.
    least_waiting: usize,
    /// Mean time of the last ones, in microseconds.
    mean: Arc<AtomicU64>,
    deadline: Duration,
}

impl Queue {
    /// A queue whose calls wait no longer than `deadline`.
    pub(crate) fn new(
        what: &'static str,
        size: usize,
        least_waiting: usize,
        deadline: Duration,
    ) -> Self {
        let (lanes, mean) = (Arc::new(Lanes::new(size)), Arc::default());
        Self { what, size, lanes, least_waiting, mean, deadline }
    }

    /// The sort of work, the calls that run and the calls that wait.
    pub(crate) fn load(&self) -> (&'static str, usize, usize) {
        let (running, waiting) = self.lanes.load();
        (self.what, running, waiting)
    }

    /// Runs work off the event loop once there is a permit; the caller waits until the deadline for both.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: &str,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let end = tokio::time::Instant::now() + self.deadline;
        match tokio::time::timeout_at(end, self.run_to_end(lane, work)).await {
            Ok(answer) => answer,
            Err(_) => {
                let detail = format!("the {} did not end within its deadline", self.what);
                Err(Problem::overloaded(detail))
            }
        }
    }

    /// Runs work off the event loop once there is a permit, however long it takes.
    pub(crate) async fn run_to_end<T: Send + 'static>(
        &self,
        lane: &str,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        let waits = trace::begin(stage::WAIT);
        let permit = self.permit(lane).await?;
        drop(waits);
        blocking(self.holding(permit, work)).await
    }

    /// Runs work that takes long once there is a permit, on separate threads: half of the processors, which other work
    /// gets first. So it delays searches little, however long it takes.
    pub(crate) async fn run_in_background<T: Send + 'static>(
        &self,
        lane: &str,
        work: impl FnOnce() -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<T> {
        self.run_to_end(lane, || in_background(work)).await
    }

    /// A permit, once there is one.
    async fn permit(&self, lane: &str) -> ApiResult<Permit> {
        let waits = match self.lanes.enter(lane, self.may_wait()) {
            Entry::Free(permit) => return Ok(permit),
            Entry::Waits(waits) => waits,
            Entry::Full => {
                let detail = format!("too many requests wait until another {} ends", self.what);
                return Err(Problem::overloaded(detail));
            }
        };
        match tokio::time::timeout(self.deadline, waits).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Problem::overloaded(format!("no other {} ended in time", self.what))),
        }
    }

    /// Calls that may wait.
    fn may_wait(&self) -> usize {
        let mean = Duration::from_micros(self.mean.load(Ordering::Relaxed).max(1));
        let ended = MAX_WAIT.as_micros() / mean.as_micros() * self.size as u128;
        usize::try_from(ended).unwrap_or(usize::MAX).clamp(self.least_waiting, MAX_WAITING)
    }

    /// Work that is timed and keeps a permit until it ends, even if its caller no longer waits.
    fn holding<T, W: FnOnce() -> T>(
        &self,
        permit: Permit,
        work: W,
    ) -> impl FnOnce() -> T + use<T, W> {
        let mean = self.mean.clone();
        move || {
            let start = Instant::now();
            let answer = work();
            let took = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            // Calls that end at once may overwrite each other; the mean is of the others then.
            let before = mean.load(Ordering::Relaxed);
            mean.store(before - before / 8 + took / 8, Ordering::Relaxed);
            drop(permit);
            answer
        }
    }
}

/// Runs work on threads made for it. They end with it: threads that several works share take up one while they wait for
/// the other, and with it its locks.
fn in_background<T: Send>(work: impl FnOnce() -> ApiResult<T> + Send) -> ApiResult<T> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads((processors / 2).max(1))
        .thread_name(|_| "lexivec-background".to_owned())
        // Without the leave to be nice, it is as any other work.
        .start_handler(|_| {
            let _ = rustix::process::nice(BACKGROUND_NICE);
        })
        .build();
    match threads {
        Ok(threads) => threads.install(trace::carried(work)),
        Err(_) => Err(Problem::overloaded("the system gives no thread")),
    }
}

/// Runs blocking work on a thread where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    match tokio::task::spawn_blocking(trace::carried(work)).await {
        Ok(answer) => answer,
        Err(_) => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The request failed",
            "the work on this request ended abnormally",
        )),
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;

    #[test]
    fn as_many_wait_as_are_done_in_time() {
        let queue = Queue::new("search", 4, 16, Duration::from_secs(10));
        for (micros, expected) in [
            (0, MAX_WAITING),
            (1_000, MAX_WAITING),
            (20_000, 4 * MAX_WAIT.as_micros() as usize / 20_000),
            (10_000_000, 16),
        ] {
            queue.mean.store(micros, Ordering::Relaxed);
            assert_eq!(queue.may_wait(), expected, "{micros}");
        }
    }

    #[test]
    fn calls_wait_for_a_permit_and_one_too_many_is_refused() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let queue = Arc::new(Queue::new("search", 2, 1, Duration::from_secs(60)));
            queue.mean.store(u64::MAX / 2, Ordering::Relaxed);
            let held = queue.permit("a").await.expect("free");
            let own = queue.clone();
            let waits = tokio::spawn(async move { own.run("a", || Ok(1)).await });
            while queue.lanes.waiting("a") == 0 {
                tokio::task::yield_now().await;
            }
            let refused = queue.run("a", || Ok(2)).await.expect_err("one too many");
            assert_eq!(refused.code, "overloaded");
            // Another collection has another permit and another lane.
            assert_eq!(queue.run("b", || Ok(3)).await.expect("answered"), 3);
            drop(held);
            assert_eq!(waits.await.expect("ended").expect("answered"), 1);
            let threads = queue.run_in_background("a", || Ok(rayon::current_num_threads()));
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            assert_eq!(threads.await.expect("answered"), (processors / 2).max(1));
        });
    }
}
