//! The trace of searches: the time that each stage took, and the plans, for a program that logs or measures them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lexivec_query::plan::SegmentPlan;

/// Plans that a trace keeps: those of one search in a collection of many segments. Further ones are counted.
pub const MAX_TRACED_PLANS: usize = 16;

/// A stage of a search, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchStage {
    /// The request is checked, and its words are embedded if it has no vector.
    Prepare,
    /// The filter is evaluated.
    Filter,
    /// The text leg runs.
    Text,
    /// The vector leg runs.
    Vector,
    /// The lists of the legs are fused.
    Fuse,
    /// The fused list is reranked.
    Rerank,
    /// Documents, facets and groups of the answer are read. Groups that one ranked list does not fill run the legs again
    /// within this stage.
    Read,
}

impl SearchStage {
    /// Every stage, in the order in which they run.
    pub const ALL: [Self; 7] = [
        Self::Prepare,
        Self::Filter,
        Self::Text,
        Self::Vector,
        Self::Fuse,
        Self::Rerank,
        Self::Read,
    ];

    /// Its name, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Filter => "filter",
            Self::Text => "text",
            Self::Vector => "vector",
            Self::Fuse => "fuse",
            Self::Rerank => "rerank",
            Self::Read => "read",
        }
    }
}

/// The time that the searches of a reader took by stage, and their plans; see [`Budget::traced`](crate::Budget::traced).
///
/// Times are not part of an answer, which is the same for the same rows and request. A clone is the same trace, and
/// searches on several threads add up.
///
/// ```
/// use lexivec::{Budget, Collection, Document, Options, SearchRequest, SearchStage, SearchTrace};
///
/// let papers = Collection::in_memory(Options::new())?;
/// papers.upsert(vec![Document::new("a").text("a wing in a slipstream")])?;
/// let trace = SearchTrace::new();
/// let view = papers.searcher()?.within(Budget::new().traced(&trace));
/// view.search(&SearchRequest::text("slipstream"))?;
/// assert!(trace.took(SearchStage::Text) > std::time::Duration::ZERO);
/// # Ok::<(), lexivec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SearchTrace(Arc<Record>);

#[derive(Debug)]
struct Record {
    began: Instant,
    stages: [Span; SearchStage::ALL.len()],
    plans: Mutex<Plans>,
}

/// The time of one stage, in nanoseconds.
#[derive(Debug)]
struct Span {
    /// From the beginning of the trace to that of the stage; `u64::MAX` if it has not run.
    start: AtomicU64,
    took: AtomicU64,
}

#[derive(Debug, Default)]
struct Plans {
    kept: Vec<SegmentPlan>,
    left_out: usize,
}

impl Default for SearchTrace {
    fn default() -> Self {
        Self::new()
    }
}

impl SearchTrace {
    /// A trace that begins now.
    pub fn new() -> Self {
        let span = |_| Span { start: AtomicU64::new(u64::MAX), took: AtomicU64::new(0) };
        let stages = SearchStage::ALL.map(span);
        Self(Arc::new(Record { began: Instant::now(), stages, plans: Mutex::default() }))
    }

    /// Time that a stage took, of all searches together; zero if it did not run.
    pub fn took(&self, stage: SearchStage) -> Duration {
        let took = self.span(stage).map_or(0, |span| span.took.load(Ordering::Relaxed));
        Duration::from_nanos(took)
    }

    /// Time from the beginning of the trace to the first run of a stage, if it ran.
    pub fn start(&self, stage: SearchStage) -> Option<Duration> {
        let start = self.span(stage)?.start.load(Ordering::Relaxed);
        (start != u64::MAX).then(|| Duration::from_nanos(start))
    }

    /// The plans of the segments that were searched, [`MAX_TRACED_PLANS`] at most, and the number of those left out.
    pub fn plans(&self) -> (Vec<SegmentPlan>, usize) {
        let plans = self.0.plans.lock().unwrap_or_else(PoisonError::into_inner);
        (plans.kept.clone(), plans.left_out)
    }

    fn span(&self, stage: SearchStage) -> Option<&Span> {
        self.0.stages.get(stage as usize)
    }

    /// Keeps the plans of a search.
    pub(crate) fn keep(&self, searched: &[SegmentPlan]) {
        let mut plans = self.0.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let free = MAX_TRACED_PLANS - plans.kept.len();
        plans.kept.extend(searched.iter().take(free).cloned());
        plans.left_out += searched.len().saturating_sub(free);
    }

    /// Begins a stage, which ends when the returned guard is dropped.
    pub(crate) fn begin(&self, stage: SearchStage) -> StageGuard {
        let start = Instant::now();
        if let Some(span) = self.span(stage) {
            span.start.fetch_min(nanos(start.duration_since(self.0.began)), Ordering::Relaxed);
        }
        StageGuard { trace: self.clone(), stage, start }
    }
}

/// A stage that runs.
pub(crate) struct StageGuard {
    trace: SearchTrace,
    stage: SearchStage,
    start: Instant,
}

impl Drop for StageGuard {
    fn drop(&mut self) {
        if let Some(span) = self.trace.span(self.stage) {
            span.took.fetch_add(nanos(self.start.elapsed()), Ordering::Relaxed);
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;
    use crate::{Budget, Collection, Document, Metric, Options, Rerank, SearchRequest};

    #[test]
    fn the_stages_that_ran_have_a_time_and_the_others_have_none() {
        let options = Options::new().vector(2, Metric::Cosine);
        let papers = Collection::in_memory(options).expect("made");
        let rows = (0..20u8)
            .map(|i| Document::new(i.to_string()).text("a wing").vector([f32::from(i), 1.0]));
        papers.upsert(rows.collect::<Vec<_>>()).expect("written");
        let ran = |request: SearchRequest| -> Vec<&str> {
            let trace = SearchTrace::new();
            let view = papers.searcher().expect("a view").within(Budget::new().traced(&trace));
            let answer = view.search(&request).expect("answered");
            let plain = papers.search(&request).expect("answered");
            assert_eq!(answer, plain, "a trace changes no answer");
            let (plans, left_out) = trace.plans();
            assert_eq!((plans.is_empty(), left_out), (request.vector.is_none(), 0));
            let ran = SearchStage::ALL.into_iter().filter(|s| trace.start(*s).is_some());
            ran.inspect(|s| assert!(trace.took(*s) > Duration::ZERO, "{s:?}"))
                .map(SearchStage::name)
                .collect()
        };
        let text = ran(SearchRequest::text("wing"));
        assert_eq!(text, ["prepare", "filter", "text", "fuse", "read"]);
        let vector = ran(SearchRequest::vector([1.0, 1.0]).rerank(Rerank::mmr(0.5)));
        assert_eq!(vector, ["prepare", "filter", "vector", "fuse", "rerank", "read"]);
        let hybrid = ran(SearchRequest::hybrid("wing", [1.0, 1.0]));
        assert_eq!(hybrid, ["prepare", "filter", "text", "vector", "fuse", "read"]);
    }

    #[test]
    fn plans_are_bounded_and_those_left_out_counted() {
        let options = Options::new().vector(1, Metric::L2);
        let papers = Collection::in_memory(options).expect("made");
        papers.upsert(vec![Document::new("a").vector([1.0])]).expect("written");
        let trace = SearchTrace::new();
        let view = papers.searcher().expect("a view").within(Budget::new().traced(&trace));
        let requests = vec![SearchRequest::vector([1.0]); MAX_TRACED_PLANS + 3];
        view.search_many(&requests).expect("answered");
        let (plans, left_out) = trace.plans();
        assert_eq!((plans.len(), left_out), (MAX_TRACED_PLANS, 3));
    }
}
