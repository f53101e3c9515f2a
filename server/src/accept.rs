//! The accept loop: places for connections, a deadline on every request's head, a graceful end.
//!
//! It is our own because `axum::serve` sets no timer, which leaves hyper's header deadline idle.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::connection::Connection;
use crate::limits::{
    ACCEPT_PAUSE, BACKLOG, DRAIN_DEADLINE, HEADER_DEADLINE, MAX_CONNECTIONS, MAX_HEADER_BYTES,
    SEND_BUFFER_BYTES,
};
use crate::places::{Place, Places};
use crate::routes;
use crate::state::State;
use crate::tls::Tls;
use crate::transfer::{Arriving, Leaving};

/// The first byte of a connection that begins with a handshake of TLS (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// The answer to a request in the clear where TLS is served.
const SPEAKS_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n\
    This port speaks TLS: use https://.\n";

/// The address of the client that a request came from.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Listens on an address. The connections have send buffers of [`SEND_BUFFER_BYTES`].
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that starts again finds its address.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves connections until `stop` resolves, then lets requests under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    state: Arc<State>,
    stop: impl Future<Output = ()>,
) {
    let (places, tls) = (state.memory.places().clone(), state.tls.clone());
    let router = routes::router(state);
    let ending = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        let taken = places.take(peer);
        let (place, ending) = (taken.place.clone(), ending.watcher());
        let (router, tls) = (router.clone(), tls.clone());
        tokio::spawn(async move {
            let connection = async {
                match tls {
                    None => answer(stream, peer, router, &taken.place, ending).await,
                    Some(tls) => {
                        if let Some(stream) = encrypted(stream, &tls).await {
                            answer(stream, peer, router, &taken.place, ending).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = connection => (),
                () = place.leave.notified() => (),
            }
        });
    }
    drop(listener);
    let _ = timeout(DRAIN_DEADLINE, ending.shutdown()).await;
}

/// The TLS side of a connection, once the client has shaken hands. A client that speaks HTTP without TLS is answered in the
/// clear.
async fn encrypted(stream: TcpStream, tls: &Tls) -> Option<TlsStream<TcpStream>> {
    let shake_hands = async {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? > 0 && first.first() != Some(&TLS_HANDSHAKE) {
            let _ = stream.try_write(SPEAKS_TLS);
            return None;
        }
        tls.acceptor().accept(stream).await.ok()
    };
    timeout(HEADER_DEADLINE, shake_hands).await.ok().flatten()
}

/// Answers the requests of one connection until it ends.
async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: IpAddr,
    router: Router,
    place: &Arc<Place>,
    ending: Watcher,
) {
    let stream = Connection::new(stream);
    let (two_lengths, place) = (stream.two_lengths(), place.clone());
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| {
        let place = place.clone();
        let mut request = request.map(|body| Arriving::new(body, place.clone()));
        request.extensions_mut().insert(two_lengths.clone());
        request.extensions_mut().insert(Peer(peer));
        let answer = routes.call(request);
        async move { answer.await.map(|answer| Leaving::of(answer, place)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // A broken connection concerns no other.
    let _ = ending.watch(connection).await;
}

/// The next connection, once there is a place and a descriptor for it.
async fn accept(listener: &TcpListener, places: &Places) -> (TcpStream, IpAddr) {
    loop {
        while !places.is_free() && !places.make_room() {
            // The kernel keeps those that come: that costs least.
            let _ = timeout(ACCEPT_PAUSE, places.changed.notified()).await;
        }
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip()),
            // Another connection makes room, and the loop waits, as the same error would come again at once.
            Err(error) if lacks_room(&error) => {
                places.make_room();
                let _ = timeout(ACCEPT_PAUSE, places.changed.notified()).await;
            }
            // The client has left, or the network between.
            Err(_) => {}
        }
    }
}

/// True if the system had no descriptor or no memory for a connection.
fn lacks_room(error: &io::Error) -> bool {
    let lacking = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|error| lacking.contains(&error))
}

/// Places for connections: half of the descriptors that the process may have, as collections need others.
pub(crate) fn most_places() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current;
    let half = descriptors.map_or(MAX_CONNECTIONS, |most| usize::try_from(most / 2).unwrap_or(1));
    half.clamp(1, MAX_CONNECTIONS)
}

/// Lets the process have as many descriptors as the system allows it: the usual limit is for programs that use `select`.
pub(crate) fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without leave the limit stays, and there are fewer places.
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::limits::LEAST_READ_BYTES;

    #[test]
    fn only_a_lack_of_descriptors_or_memory_costs_a_connection() {
        for (error, expected) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::NOBUFS, true),
            (Errno::NOMEM, true),
            (Errno::CONNABORTED, false),
            (Errno::PROTO, false),
            (Errno::HOSTUNREACH, false),
        ] {
            assert_eq!(lacks_room(&error.into()), expected, "{error}");
        }
        assert!(!lacks_room(&io::Error::other("another one")));
    }

    #[test]
    fn the_kernel_takes_little_of_an_answer_in_advance() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = listen(([127, 0, 0, 1], 0).into()).expect("listening");
            let client = TcpSocket::new_v4().expect("a socket");
            client.set_recv_buffer_size(64 << 10).expect("a small buffer");
            let client = client.connect(listener.local_addr().expect("an address")).await;
            let (mut client, (server, _)) =
                (client.expect("connected"), listener.accept().await.expect("accepted"));
            for _ in 0..10 {
                server.writable().await.expect("open");
                let mut written = 0;
                while let Ok(bytes) = server.try_write(&[0; 16 << 10]) {
                    written += bytes;
                }
                assert!(written <= 4 * LEAST_READ_BYTES, "{written} bytes");
                client.read_exact(&mut vec![0; written]).await.expect("read");
            }
        });
    }
}
