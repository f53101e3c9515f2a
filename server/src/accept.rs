//! The accept loop: places for connections, a deadline on every request's head, a graceful end.
//!
//! It is our own because `axum::serve` sets no timer, which leaves hyper's header deadline idle.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::limits::{
    ACCEPT_PAUSE, BACKLOG, DRAIN_DEADLINE, HEADER_DEADLINE, MAX_CONNECTIONS, MAX_HEADER_BYTES,
    SEND_BUFFER_BYTES,
};
use crate::places::Places;
use crate::routes;
use crate::state::State;
use crate::transfer::{Arriving, Leaving};

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
    let (places, router) = (state.memory.places().clone(), routes::router(state));
    let ending = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        let taken = places.take(peer);
        let stream = Connection::new(stream);
        let (two_lengths, place) = (stream.two_lengths(), taken.place.clone());
        let routes = TowerToHyperService::new(router.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let place = place.clone();
            let mut request = request.map(|body| Arriving::new(body, place.clone()));
            request.extensions_mut().insert(two_lengths.clone());
            let answer = routes.call(request);
            async move { answer.await.map(|answer| Leaving::of(answer, place)) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_DEADLINE)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = ending.watch(connection);
        tokio::spawn(async move {
            // A broken connection concerns no other.
            tokio::select! {
                _ = connection => (),
                () = taken.place.leave.notified() => (),
            }
        });
    }
    drop(listener);
    let _ = timeout(DRAIN_DEADLINE, ending.shutdown()).await;
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
