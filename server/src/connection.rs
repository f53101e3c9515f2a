//! The stream of a connection: what the heads of its requests say about the length of bodies, as they were sent; and the
//! end of answers that are not read.
//!
//! hyper drops the Content-Length of a request that has a Transfer-Encoding as well. Two servers that take such a request
//! differently see different requests after it, so it has to be refused, and is found here, among the bytes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::limits::{LEAST_READ_BYTES, WRITE_DEADLINE};

/// True once a request of the connection had two lengths.
#[derive(Clone, Default)]
pub(crate) struct TwoLengths(Arc<AtomicBool>);

impl TwoLengths {
    /// True if the connection cannot be trusted any more.
    pub(crate) fn seen(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream whose heads are read along, and whose answers have to be read.
pub(crate) struct Connection<S> {
    stream: S,
    heads: Heads,
    two_lengths: TwoLengths,
    /// The moment until which the client has to read, while an answer waits for it.
    unread: Option<Pin<Box<Sleep>>>,
    /// Bytes that the client has read since then was set.
    read: usize,
    /// Time in which it has to read enough.
    patience: Duration,
}

impl<S> Connection<S> {
    /// A connection that begins.
    pub(crate) fn new(stream: S) -> Self {
        let (heads, two_lengths) = (Heads::default(), TwoLengths::default());
        Self { stream, heads, two_lengths, unread: None, read: 0, patience: WRITE_DEADLINE }
    }

    /// The finding about its requests.
    pub(crate) fn two_lengths(&self) -> TwoLengths {
        self.two_lengths.clone()
    }
}

impl<S: Unpin> Connection<S> {
    /// The outcome of a write, unless the client reads too slowly: a client that reads nothing, or a byte now and then,
    /// would hold its answer in memory for ever.
    fn in_time(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = written {
            self.read += result.as_ref().copied().unwrap_or(0);
            if self.read >= LEAST_READ_BYTES {
                self.unread = None;
            }
            return Poll::Ready(result);
        }
        if self.unread.is_none() {
            self.read = 0;
        }
        let patience = self.patience;
        let end = || Box::pin(tokio::time::sleep(patience));
        match self.unread.get_or_insert_with(end).as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if self.heads.read(read) {
            self.two_lengths.0.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.in_time(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when it has written all that it has.
        self.unread = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The position of the next byte of a connection: in a head, in a body of known length, or past all heads that matter.
///
/// A request with a Transfer-Encoding is the last one of its connection (`routes/head.rs` closes it), so that chunks need
/// not be counted. What is no head in HTTP, hyper refuses, and ends the connection as well.
#[derive(Default)]
struct Heads {
    /// Bytes that are left of a body.
    body: u64,
    /// The line of the head that is being read.
    line: Vec<u8>,
    head: Head,
    ended: bool,
}

#[derive(Default)]
struct Head {
    /// True after the request line.
    begun: bool,
    length: Option<u64>,
    encoded: bool,
}

impl Heads {
    /// Reads bytes; true if a head ended that has both a Content-Length and a Transfer-Encoding.
    fn read(&mut self, mut bytes: &[u8]) -> bool {
        while !self.ended && !bytes.is_empty() {
            let skipped = usize::try_from(self.body).unwrap_or(usize::MAX).min(bytes.len());
            self.body -= skipped as u64;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                return false;
            };
            let (line, rest) = bytes.split_at(end + 1);
            self.line.extend_from_slice(line);
            bytes = rest;
            let line = std::mem::take(&mut self.line);
            if self.line_ends(line.trim_ascii()) {
                return true;
            }
        }
        false
    }

    /// Takes a whole line; true if it ends a head with both.
    fn line_ends(&mut self, line: &[u8]) -> bool {
        let head = &mut self.head;
        match (head.begun, line.is_empty()) {
            // Empty lines before a request are allowed.
            (false, true) => {}
            (false, false) => head.begun = true,
            (true, false) => head.header(line),
            (true, true) => {
                let head = std::mem::take(head);
                self.ended = head.encoded;
                self.body = head.length.unwrap_or(0);
                return head.encoded && head.length.is_some();
            }
        }
        false
    }
}

impl Head {
    fn header(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { return };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.encoded = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let value = std::str::from_utf8(value.get(1..).unwrap_or_default());
            // hyper refuses what is no number.
            self.length = Some(value.ok().and_then(|v| v.trim().parse().ok()).unwrap_or(0));
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;

    #[test]
    fn a_head_with_two_lengths_is_found_wherever_reads_cut_it() {
        let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let sized = "POST / HTTP/1.1\r\nContent-Length: 5\r\nhost: a\r\n\r\nab\n\n:";
        let both = "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        let reversed = "POST / HTTP/1.1\ntransfer-encoding:chunked\ncontent-length:5\n\n";
        let chunked =
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab\n\n:\r\n0\r\n\r\n";
        // Its body looks like the head of another request.
        let hidden = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{both}", both.len());
        for (sent, expected) in [
            (get.to_owned(), false),
            (sized.to_owned(), false),
            (chunked.to_owned(), false),
            (hidden.clone(), false),
            (both.to_owned(), true),
            (reversed.to_owned(), true),
            (format!("\r\n{get}{sized}\r\n{hidden}{both}"), true),
        ] {
            for piece in [1, 2, 7, sent.len()] {
                let mut heads = Heads::default();
                let found = sent.as_bytes().chunks(piece).any(|bytes| heads.read(bytes));
                assert_eq!(found, expected, "{sent:?} in pieces of {piece}");
            }
        }
    }
    #[test]
    fn an_answer_that_is_not_read_ends_its_connection() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (server, client) = tokio::io::duplex(8);
            let mut server = Connection { patience: Duration::ZERO, ..Connection::new(server) };
            let mut write = async |bytes: usize| {
                let bytes = vec![0; bytes];
                tokio::io::AsyncWriteExt::write_all(&mut server, &bytes).await.map_err(|e| e.kind())
            };
            assert_eq!(write(8).await, Ok(()), "nothing waits");
            assert_eq!(write(1).await, Err(io::ErrorKind::TimedOut));
            drop(client);
        });
    }

    #[test]
    fn only_enough_that_is_read_gives_an_answer_more_time() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(std::future::poll_fn(|context| {
            let mut connection = Connection::new(());
            for (written, waits) in [
                (Poll::Ready(Ok(LEAST_READ_BYTES - 1)), false),
                (Poll::Pending, true),
                (Poll::Ready(Ok(1)), true),
                (Poll::Pending, true),
                (Poll::Ready(Ok(LEAST_READ_BYTES - 2)), true),
                (Poll::Ready(Ok(1)), false),
                (Poll::Pending, true),
            ] {
                let pending = written.is_pending();
                assert_eq!(connection.in_time(written, context).is_pending(), pending);
                assert_eq!(connection.unread.is_some(), waits);
            }
            Poll::Ready(())
        }));
    }
}
