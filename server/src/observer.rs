//! The observer of a server's requests: the seam for traces and metrics of the program that runs it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Called after each request, on the event loop: it has to return at once.
pub type Observer = Arc<dyn Fn(&Answered<'_>) + Send + Sync>;

/// A request that was answered. It has no text, vector, id of a document or key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answered<'a> {
    /// The request's id, as in the log and in the header `x-request-id`.
    pub id: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// The pattern of the path, as in [`routes`](crate::routes).
    pub route: &'a str,
    /// The collection that the path names; empty if it names none.
    pub collection: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// The moment at which its head had arrived.
    pub began: SystemTime,
    /// Time until the head of the answer.
    pub took: Duration,
    /// The stages that ran, those of searches after the others.
    pub stages: &'a [StageTime],
    /// The header of W3C Trace Context, if the client sent one; it is not checked.
    pub traceparent: Option<&'a str>,
}

/// The time of a stage of a request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StageTime {
    /// Its name: `body`, `wait` and `write`, and the names of [`lexivec::SearchStage`].
    pub name: &'static str,
    /// Time from the beginning of the request to that of the stage.
    pub start: Duration,
    /// Time that it took; of a stage that ran several times, all of them together.
    pub took: Duration,
}
