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
use crate::limits::MAX_ANSWER_BYTES;
use crate::memory::{Memory, Share};

/// Bytes of a piece: the first one is an answer's own, further ones are taken off the account of memory.
const PIECE_BYTES: usize = 64 << 10;

/// The JSON of a value as an answer.
pub(crate) fn json<T: Serialize>(memory: &Memory, value: &T) -> ApiResult<Response> {
    let mut writer = Writer { memory, pieces: Pieces::default(), last: Vec::new(), refused: None };
    if let Err(error) = serde_json::to_writer(&mut writer, value) {
        return Err(writer.refused.unwrap_or_else(|| {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "internal", "The request failed", error.to_string())
        }));
    }
    let mut response = Response::new(writer.into_body());
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
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
        let memory = match self.pieces.list.is_empty() {
            true => None,
            false => Some(self.memory.take(PIECE_BYTES)?),
        };
        self.pieces.add(std::mem::take(&mut self.last), memory);
        Ok(())
    }

    fn into_body(mut self) -> Body {
        if self.pieces.list.is_empty() {
            return Body::from(self.last);
        }
        self.pieces.add(self.last, None);
        Body::new(self.pieces)
    }
}

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.last.extend_from_slice(bytes);
        if self.last.len() >= PIECE_BYTES
            && let Err(problem) = self.end_piece()
        {
            self.refused = Some(problem);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A body of pieces.
#[derive(Default)]
struct Pieces {
    list: VecDeque<(Bytes, Option<Share>)>,
    /// Bytes that are not sent yet.
    left: u64,
}

impl Pieces {
    fn add(&mut self, piece: Vec<u8>, memory: Option<Share>) {
        self.left += piece.len() as u64;
        self.list.push_back((piece.into(), memory));
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.list.pop_front().map(|(piece, _)| piece);
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
        // Line ends are written as two bytes, each by itself.
        let long = |pieces: usize| "\n".repeat(pieces * piece / 2);
        assert_eq!(sent("a", 0), Ok((3, 0, 0)));
        assert_eq!(sent(&long(1), 0), Ok((piece + 2, 0, 0)));
        assert_eq!(sent(&long(2), 0), Err(503));
        assert_eq!(sent(&long(3), 2 * piece), Ok((3 * piece + 2, 0, 2 * piece)));
        assert_eq!(sent(&long(MAX_ANSWER_BYTES as usize / piece + 1), usize::MAX >> 3), Err(400));
    }
}
