//! Answers as JSON: written off the event loop in pieces, whose memory is given back as they are sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use serde::Serialize;

use crate::error::{ApiResult, Problem};
use crate::limits::{MAX_ANSWER_BYTES, OWN_BYTES};
use crate::memory::{Memory, Share};
use crate::trace::{self, stage};

/// Bytes of a piece: the first one is an answer's own, further ones are taken off the account of memory.
const PIECE_BYTES: usize = OWN_BYTES;

/// The JSON of a value as an answer.
pub(crate) fn json<T: Serialize>(memory: &Memory, value: &T) -> ApiResult<Response> {
    let _stage = trace::begin(stage::WRITE);
    let mut writer = Writer { memory, pieces: Pieces::default(), last: Vec::new(), refused: None };
    if let Err(error) = serde_json::to_writer(&mut writer, value) {
        return Err(writer.refused.unwrap_or_else(|| {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "internal", "The request failed", error.to_string())
        }));
    }
    writer.end_piece()?;
    Ok(of(Body::new(writer.pieces), "application/json"))
}

/// Memory for an answer of this length at most, which is written when its request is done.
pub(crate) fn memory_for(memory: &Memory, bytes: usize) -> ApiResult<Share> {
    memory.take(bytes.saturating_sub(PIECE_BYTES))
}

/// A text as an answer, which has this memory until it is sent.
pub(crate) fn text(text: String, memory: Share, kind: &'static str) -> Response {
    let piece = Piece { bytes: text.into_bytes(), _memory: Some(memory) };
    of(Body::from(Bytes::from_owner(piece)), kind)
}

fn of(body: Body, kind: &'static str) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Writes pieces.
struct Writer<'a> {
    memory: &'a Memory,
    pieces: Pieces,
    last: Vec<u8>,
    /// Why no more is written.
    refused: Option<Problem>,
}

impl Writer<'_> {
    fn end_piece(&mut self) -> ApiResult<()> {
        if self.pieces.left + self.last.len() as u64 > MAX_ANSWER_BYTES {
            return Err(Problem::over_budget(format!(
                "the answer is longer than {MAX_ANSWER_BYTES} bytes; ask for fewer hits or rows at once, or \
                 without texts and payloads"
            )));
        }
        // What it has grown by in advance is given back.
        self.last.shrink_to_fit();
        let memory = match self.pieces.list.is_empty() {
            true => None,
            false => Some(self.memory.take(self.last.capacity())?),
        };
        self.pieces.add(Piece { bytes: std::mem::take(&mut self.last), _memory: memory });
        Ok(())
    }
}

impl io::Write for Writer<'_> {
    /// Writes as much as the piece has space for: a long text comes in one call.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.last.len() >= PIECE_BYTES
            && let Err(problem) = self.end_piece()
        {
            self.refused = Some(problem);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let written = bytes.len().min(PIECE_BYTES - self.last.len());
        self.last.extend_from_slice(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes of an answer, and their memory, which they have until they are written to the connection.
struct Piece {
    bytes: Vec<u8>,
    _memory: Option<Share>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body of pieces.
#[derive(Default)]
struct Pieces {
    list: VecDeque<Bytes>,
    /// Bytes that are not sent yet.
    left: u64,
}

impl Pieces {
    fn add(&mut self, piece: Piece) {
        self.left += piece.bytes.len() as u64;
        self.list.push_back(Bytes::from_owner(piece));
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.list.pop_front();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.list.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    /// The bytes of an answer, the memory that is left after it was written, and after it was sent.
    fn sent(value: &str, memory: usize) -> Result<(usize, usize, usize), u16> {
        let memory = Memory::of(memory);
        let answer = json(&memory, &value).map_err(|problem| problem.status.as_u16())?;
        let written = memory.left();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let bytes = runtime.block_on(answer.into_body().collect()).expect("bytes").to_bytes();
        assert_eq!(serde_json::from_slice::<String>(&bytes).expect("JSON"), value);
        Ok((bytes.len(), written, memory.left()))
    }

    #[test]
    fn answers_take_memory_for_what_is_over_their_first_piece() {
        let piece = PIECE_BYTES;
        assert_eq!(sent("a", 0), Ok((3, 0, 0)));
        // Line ends are written as two bytes, each by itself; letters all at once.
        for (written, unit) in [("\n", 2), ("a", 1)] {
            let long = |pieces: usize| written.repeat(pieces * piece / unit - 2 / unit);
            assert_eq!(sent(&long(1), 0), Ok((piece, 0, 0)));
            assert_eq!(sent(&long(2), piece - 1), Err(503));
            assert_eq!(sent(&long(3), 2 * piece), Ok((3 * piece, 0, 2 * piece)));
            let most = MAX_ANSWER_BYTES as usize / piece;
            assert_eq!(sent(&long(most + 1), usize::MAX >> 3), Err(400));
        }
    }

    #[test]
    fn a_text_keeps_its_memory_until_it_is_sent() {
        let memory = Memory::of(10);
        assert_eq!(
            memory_for(&memory, PIECE_BYTES + 11).err().map(|p| p.status.as_u16()),
            Some(503)
        );
        let answer = text(
            "a".to_owned(),
            memory_for(&memory, PIECE_BYTES + 10).expect("free"),
            "text/plain",
        );
        assert_eq!(memory.left(), 0);
        drop(answer);
        assert_eq!(memory.left(), 10);
    }
}
