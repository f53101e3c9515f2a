//! The trace of a request: the time of each of its stages, kept wherever the work on it runs.

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use lexivec::{SearchStage, SearchTrace};
use serde_json::{Map, Value, json};

use crate::limits::MAX_LOGGED_BODY_BYTES;
use crate::observer::StageTime;

tokio::task_local! {
    static CURRENT: Trace;
}

/// The stages of a request around its search, each with its name in logs and metrics.
pub(crate) mod stage {
    /// The body arrives.
    pub(crate) const BODY: &str = "body";
    /// The work waits for a permit.
    pub(crate) const WAIT: &str = "wait";
    /// The answer is written as JSON.
    pub(crate) const WRITE: &str = "write";
}

/// The trace of one request. A clone is the same trace.
#[derive(Clone)]
pub(crate) struct Trace(Arc<Record>);

struct Record {
    began: Instant,
    search: SearchTrace,
    stages: Mutex<Vec<StageTime>>,
    /// The beginning of the body, if the log is to have it.
    body: Option<OnceLock<String>>,
}

/// The milliseconds of each stage by its name, as JSON.
pub(crate) fn milliseconds_of(stages: &[StageTime]) -> Value {
    let mut sums = std::collections::BTreeMap::<&str, Duration>::new();
    for span in stages {
        *sums.entry(span.name).or_default() += span.took;
    }
    sums.into_iter()
        .map(|(name, took)| (name.to_owned(), json!(took.as_secs_f64() * 1_000.0)))
        .collect()
}

impl Trace {
    /// A trace that begins now, and keeps the beginning of the request's body if `keep_body` is true.
    pub(crate) fn new(keep_body: bool) -> Self {
        Self(Arc::new(Record {
            began: Instant::now(),
            search: SearchTrace::new(),
            stages: Mutex::default(),
            body: keep_body.then(OnceLock::new),
        }))
    }

    /// Answers the request, with this trace as the current one.
    pub(crate) async fn of<T>(&self, answer: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), answer).await
    }

    /// Time since the request began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// The stages that ran, those of searches after the others.
    pub(crate) fn stages(&self) -> Vec<StageTime> {
        let mut stages = self.0.stages.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let search = &self.0.search;
        stages.extend(SearchStage::ALL.into_iter().filter_map(|stage| {
            Some(StageTime {
                name: stage.name(),
                start: search.start(stage)?,
                took: search.took(stage),
            })
        }));
        stages
    }

    /// True if the request has searched.
    pub(crate) fn has_searched(&self) -> bool {
        SearchStage::ALL.into_iter().any(|stage| self.0.search.start(stage).is_some())
    }

    /// The plans of the segments that were searched, as JSON; without the costs of the machine, which are the same in all.
    pub(crate) fn plans(&self) -> Value {
        let (plans, left_out) = self.0.search.plans();
        let brief = |plan: &lexivec::query::plan::SegmentPlan| {
            json!({ "strategy": plan.strategy, "tried": plan.tried, "matching": plan.matching,
                "cost": plan.cost, "actual": plan.actual, "work": plan.work })
        };
        let mut answer = Map::new();
        answer.insert("segments".to_owned(), plans.iter().map(brief).collect());
        if left_out > 0 {
            answer.insert("left_out".to_owned(), json!(left_out));
        }
        Value::Object(answer)
    }

    /// The beginning of the body, if it is kept.
    pub(crate) fn body(&self) -> Option<&str> {
        self.0.body.as_ref()?.get().map(String::as_str)
    }
}

/// A stage of the current request that runs until this is dropped.
pub(crate) struct Running {
    trace: Option<Trace>,
    name: &'static str,
    start: Instant,
}

/// Begins a stage of the current request, if there is one.
pub(crate) fn begin(name: &'static str) -> Running {
    Running { trace: current(), name, start: Instant::now() }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(Trace(record)) = &self.trace else { return };
        let start = self.start.duration_since(record.began);
        let span = StageTime { name: self.name, start, took: self.start.elapsed() };
        record.stages.lock().unwrap_or_else(PoisonError::into_inner).push(span);
    }
}

/// The trace of the searches of the current request, if there is one.
pub(crate) fn of_searches() -> Option<SearchTrace> {
    Some(current()?.0.search.clone())
}

/// Keeps the beginning of the current request's body, if its log is to have it.
pub(crate) fn keep_body(bytes: &[u8]) {
    let Some(trace) = current() else { return };
    if let Some(kept) = &trace.0.body {
        let beginning = bytes.get(..MAX_LOGGED_BODY_BYTES).unwrap_or(bytes);
        // A request has one body.
        let _ = kept.set(String::from_utf8_lossy(beginning).into_owned());
    }
}

/// Work that belongs to the current request on whichever thread it runs.
pub(crate) fn carried<T, W: FnOnce() -> T>(work: W) -> impl FnOnce() -> T + use<T, W> {
    let trace = current();
    move || match trace {
        Some(trace) => CURRENT.sync_scope(trace, work),
        None => work(),
    }
}

fn current() -> Option<Trace> {
    CURRENT.try_with(Clone::clone).ok()
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;

    #[test]
    fn stages_are_those_of_the_request_on_every_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let names = |trace: &Trace| trace.stages().iter().map(|s| s.name).collect::<Vec<_>>();
        let (one, other) = (Trace::new(true), Trace::new(false));
        runtime.block_on(async {
            let work = one.of(async {
                drop(begin(stage::BODY));
                keep_body(b"{}");
                carried(|| drop(begin(stage::WRITE)))
            });
            let work = work.await;
            other.of(async { keep_body(b"{}") }).await;
            std::thread::spawn(work).join().expect("ended");
        });
        // Of no request.
        drop(begin(stage::WAIT));
        assert_eq!((names(&one), one.body()), (vec!["body", "write"], Some("{}")));
        assert_eq!((names(&other), other.body()), (vec![], None));
    }

    #[test]
    fn the_kept_body_is_bounded() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let trace = Trace::new(true);
        let long = vec![b'x'; MAX_LOGGED_BODY_BYTES + 1];
        runtime.block_on(trace.of(async { keep_body(&long) }));
        assert_eq!(trace.body().map(str::len), Some(MAX_LOGGED_BODY_BYTES));
    }
}
