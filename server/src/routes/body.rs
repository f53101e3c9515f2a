//! Reading of request bodies, within limits of size and time and within the memory that all bodies share.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::error::{ApiResult, Problem};
use crate::limits::{
    BODY_DEADLINE, BODY_IDLE_DEADLINE, LARGE_BODY_BYTES, MAX_BODY_BYTES, MAX_JSON_BYTES, OWN_BYTES,
};
use crate::memory::{Memory, Share};
use crate::state::State;
use crate::trace::{self, stage};
use crate::wire::json;
use crate::wire::weight::weight;

/// Form of a body of documents.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    Json,
    Lines,
}

/// The kind of a request's body, by its content type; anything else is refused, so that a form on
/// a foreign page cannot reach the server.
pub(super) fn body_kind(headers: &HeaderMap) -> ApiResult<BodyKind> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(BodyKind::Json),
        "application/x-ndjson" | "application/jsonl" => Ok(BodyKind::Lines),
        other => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Unsupported media type",
            format!("content type {other:?}; send application/json or application/x-ndjson"),
        )),
    }
}

/// A body, and its share of the memory for bodies, which it has as long as it is held.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    memory: Option<Share>,
}

/// Reads a body.
pub(super) async fn read_body(state: &State, headers: &HeaderMap, body: Body) -> ApiResult<Held> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            "Unsupported content encoding",
            "send the body without a content encoding",
        ));
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    let most = declared.unwrap_or(MAX_BODY_BYTES);
    if most > MAX_BODY_BYTES {
        return Err(too_large());
    }
    let _stage = trace::begin(stage::BODY);
    let read = Held::receive(body, most, &state.memory, BODY_IDLE_DEADLINE);
    let held = timeout(BODY_DEADLINE, read).await;
    let held = held.unwrap_or_else(|_| Err(too_slow("whole", BODY_DEADLINE)))?;
    trace::keep_body(&held.bytes);
    Ok(held)
}

/// Reads a JSON body.
pub(crate) async fn read_json<T: DeserializeOwned + Send + 'static>(
    state: &State,
    headers: &HeaderMap,
    body: Body,
) -> ApiResult<T> {
    read_as(state, headers, body, json).await
}

/// Reads a body of one JSON document by `read`, off the event loop if it is large.
pub(super) async fn read_as<T: Send + 'static>(
    state: &State,
    headers: &HeaderMap,
    body: Body,
    read: impl FnOnce(&[u8]) -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    let held = read_one(state, headers, body).await?;
    if held.bytes.len() < LARGE_BODY_BYTES {
        return read(&held.bytes);
    }
    let memory = state.memory.clone();
    let work = move || {
        let _tree = held.tree(&memory)?;
        read(&held.bytes)
    };
    state.read(work).await
}

/// Reads a body of one JSON document.
pub(super) async fn read_one(state: &State, headers: &HeaderMap, body: Body) -> ApiResult<Held> {
    if body_kind(headers)? != BodyKind::Json {
        return Err(Problem::bad_request("this route takes one JSON document"));
    }
    read_body(state, headers, body).await
}

impl Held {
    /// Takes the memory that the JSON of the body needs while it is read.
    pub(super) fn tree(&self, memory: &Memory) -> ApiResult<Option<Share>> {
        if self.bytes.len() < LARGE_BODY_BYTES {
            return Ok(None);
        }
        let bytes = weight(&self.bytes);
        if bytes > MAX_JSON_BYTES {
            return Err(Problem::over_budget(format!(
                "the values of the body would take about {bytes} bytes of memory; the limit is {MAX_JSON_BYTES}; \
                 send it in parts"
            )));
        }
        memory.take(bytes).map(Some)
    }

    /// Receives a body of `most` bytes at most. It takes its memory as bytes arrive, so that one that is announced and
    /// not sent takes none.
    async fn receive(
        mut body: Body,
        most: usize,
        memory: &Memory,
        idle: Duration,
    ) -> ApiResult<Self> {
        let mut held = Self { bytes: Vec::new(), memory: None };
        loop {
            let next = timeout(idle, body.frame()).await;
            match next.map_err(|_| too_slow("on, without a longer pause,", idle))? {
                None => return Ok(held),
                Some(Err(e)) => {
                    return Err(Problem::bad_request(format!("the body broke off: {e}")));
                }
                Some(Ok(frame)) => {
                    // Trailers say nothing to us.
                    if let Ok(data) = frame.into_data() {
                        held.add(&data, most, memory).await?;
                    }
                }
            }
        }
    }

    /// Adds bytes. The space grows twofold, and up to [`OWN_BYTES`] it is each body's own.
    async fn add(&mut self, data: &[u8], most: usize, memory: &Memory) -> ApiResult<()> {
        let length = self.bytes.len() + data.len();
        if length > most {
            return Err(too_large());
        }
        if length > self.bytes.capacity() {
            let space = length.max(2 * self.bytes.capacity()).min(most);
            let has = OWN_BYTES + self.memory.as_ref().map_or(0, |m| m.num_permits());
            let more = memory.take_for_body(space.saturating_sub(has)).await?;
            match &mut self.memory {
                Some(memory) => memory.merge(more),
                memory => *memory = Some(more),
            }
            self.bytes.reserve_exact(space - self.bytes.len());
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "The body is too large",
        format!("the limit is {MAX_BODY_BYTES} bytes; send it in parts"),
    )
}

fn too_slow(how: &str, within: Duration) -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "body_timeout",
        "The body came too slowly",
        format!("it has to be sent {how} within {} s", within.as_secs()),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::Bytes;
    use axum::response::IntoResponse;
    use hyper::body::Frame;

    use super::*;

    /// Pieces of a body; after them it ends, or nothing more comes.
    struct Pieces {
        pieces: VecDeque<usize>,
        ends: bool,
    }

    impl hyper::body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.pieces.pop_front() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; bytes]))))),
                None if self.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    /// Receives pieces with so much shared memory: the bytes received and the memory taken, or the status of the
    /// refusal.
    fn receive(
        pieces: &[usize],
        ends: bool,
        most: usize,
        shared: usize,
    ) -> Result<(usize, usize), u16> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let (memory, pieces) = (Memory::of(shared), pieces.iter().copied().collect());
        let body = Body::new(Pieces { pieces, ends });
        let read = Held::receive(body, most, &memory, Duration::ZERO);
        let held = runtime.expect("a runtime").block_on(read);
        let held = held.map_err(|problem| problem.into_response().status().as_u16())?;
        Ok((held.bytes.len(), shared - memory.left()))
    }

    #[test]
    fn a_body_takes_its_memory_as_it_arrives() {
        let own = OWN_BYTES;
        for (pieces, ends, most, shared, expected) in [
            (&[][..], true, MAX_BODY_BYTES, 0, Ok((0, 0))),
            (&[], false, MAX_BODY_BYTES, 0, Err(408)),
            (&[5, 5], false, MAX_BODY_BYTES, 0, Err(408)),
            // Small ones need no memory of others.
            (&[5, 5], true, MAX_BODY_BYTES, 0, Ok((10, 0))),
            (&[own], true, MAX_BODY_BYTES, 0, Ok((own, 0))),
            (&[own, 1], true, MAX_BODY_BYTES, own - 1, Err(503)),
            (&[own, 1], true, MAX_BODY_BYTES, own, Ok((own + 1, own))),
            (&[own, 1], true, own + 1, own, Ok((own + 1, 1))),
            (&[own, own, own, own, own], true, 5 * own, 9 * own, Ok((5 * own, 4 * own))),
            (&[own, 2], true, own + 1, own, Err(413)),
        ] {
            assert_eq!(receive(pieces, ends, most, shared), expected, "{pieces:?} {most} {shared}");
        }
    }
}
