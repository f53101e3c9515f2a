//! Bodies of requests as they arrive, and of answers as they leave. They record at the place of their connection whether
//! the server waits for the client, and the bytes that it holds for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use crate::places::Place;

/// A request's body, at whose end the client begins to wait for the server.
pub(crate) struct Arriving {
    body: Incoming,
    place: Arc<Place>,
}

impl Arriving {
    /// The body of a request whose head is there.
    pub(crate) fn new(body: Incoming, place: Arc<Place>) -> Self {
        if body.is_end_stream() {
            place.works();
        }
        Self { body, place }
    }
}

/// Bytes of data in a frame.
fn bytes_of(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) if !self.body.is_end_stream() => self.place.received(bytes_of(frame)),
            Some(Err(_)) => {}
            _ => self.place.works(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, which the client is waited for to read.
pub(crate) struct Leaving {
    body: Body,
    place: Arc<Place>,
}

impl Leaving {
    /// The answer to a request.
    pub(crate) fn of(answer: Response, place: Arc<Place>) -> axum::http::Response<Self> {
        place.waits(answer.body().size_hint().exact().unwrap_or(0));
        answer.map(|body| Self { body, place })
    }
}

impl Drop for Leaving {
    /// The answer takes no memory any more, also if its body was not asked for, as by HEAD.
    fn drop(&mut self) {
        self.place.holds_nothing();
    }
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.place.wrote(bytes_of(frame));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
