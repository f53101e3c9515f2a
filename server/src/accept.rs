//! The accept loop: places for connections, a deadline on every request's head, a graceful end.
//!
//! It is our own because `axum::serve` sets no timer, which leaves hyper's header deadline idle.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::limits::{
    ACCEPT_PAUSE, DRAIN_DEADLINE, HEADER_DEADLINE, MAX_CONNECTIONS, MAX_HEADER_BYTES,
};
use crate::places::{Arriving, Places};

/// Serves connections until `stop` resolves, then lets requests under way end.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let places = Arc::new(Places::new(most_places()));
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
            async move {
                let answer = answer.await;
                place.waits();
                answer
            }
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
            // No descriptor, or a client that has left: another connection makes room, and the loop waits, as the same
            // error would come again at once.
            Err(_) => {
                places.make_room();
                let _ = timeout(ACCEPT_PAUSE, places.changed.notified()).await;
            }
        }
    }
}

/// Places for connections: half of the descriptors that the process may have, as collections need others.
fn most_places() -> usize {
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
