//! Places of connections: whether the client or the server is waited for, and which connection goes if one more comes.
//!
//! The server waits for a client between the end of an answer and the end of the next request, and while an answer is
//! read. A client may take that time, but not the places of others: if all places are taken, of the peer that has most of
//! them the connection goes that was waited for longest.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::Notify;

use crate::limits::LEAST_STAY;

/// Value of [`Place::since`] while the server works on a request.
const WORKING: u64 = u64::MAX;

/// All places of a server.
pub(crate) struct Places {
    most: usize,
    start: Instant,
    taken: Mutex<BTreeMap<u64, Arc<Place>>>,
    next: AtomicU64,
    /// Notified when a place may have become free.
    pub(crate) changed: Notify,
}

/// The place of one connection.
pub(crate) struct Place {
    number: u64,
    peer: IpAddr,
    start: Instant,
    /// Microseconds from the start of the server to the moment since which the client is waited for.
    since: AtomicU64,
    /// Notified when the connection has to go.
    pub(crate) leave: Notify,
}

impl Places {
    /// Makes free places, `most` of them.
    pub(crate) fn new(most: usize) -> Self {
        let (taken, changed) = (Mutex::default(), Notify::new());
        Self { most, start: Instant::now(), taken, next: AtomicU64::new(0), changed }
    }

    /// True if a further connection finds a place.
    pub(crate) fn is_free(&self) -> bool {
        self.lock().len() < self.most
    }

    /// Takes a place.
    pub(crate) fn take(self: &Arc<Self>, peer: IpAddr) -> Taken {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let since = AtomicU64::new(0);
        let place =
            Arc::new(Place { number, peer, start: self.start, since, leave: Notify::new() });
        place.waits();
        self.lock().insert(number, place.clone());
        Taken { places: self.clone(), place }
    }

    /// Makes the connection go that has to; false if there is none.
    pub(crate) fn make_room(&self) -> bool {
        self.make_room_at(micros(self.start.elapsed()))
    }

    fn make_room_at(&self, now: u64) -> bool {
        let mut taken = self.lock();
        let mut of_peer: HashMap<IpAddr, usize> = HashMap::new();
        taken.values().for_each(|place| *of_peer.entry(place.peer).or_default() += 1);
        let may_go = |place: &Arc<Place>| {
            let since = place.since.load(Ordering::Relaxed);
            since.saturating_add(micros(LEAST_STAY)) <= now
        };
        let first = taken.values().filter(|place| may_go(place)).min_by_key(|place| {
            let places = of_peer.get(&place.peer).copied().unwrap_or(0);
            (usize::MAX - places, place.since.load(Ordering::Relaxed))
        });
        let first = first.map(|place| place.number);
        match first.and_then(|number| taken.remove(&number)) {
            Some(place) => {
                place.leave.notify_one();
                true
            }
            None => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Place>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(WORKING)
}

impl Place {
    /// The server waits for the client from now on.
    pub(crate) fn waits(&self) {
        self.since.store(micros(self.start.elapsed()), Ordering::Relaxed);
    }

    /// The request is there, and the client waits for the server.
    fn works(&self) {
        self.since.store(WORKING, Ordering::Relaxed);
    }
}

/// A place that is taken; it becomes free when this is dropped.
pub(crate) struct Taken {
    places: Arc<Places>,
    pub(crate) place: Arc<Place>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.places.lock().remove(&self.place.number);
        self.places.changed.notify_one();
    }
}

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

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.place.works();
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

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;

    /// Places, each of a peer by its last number, with the moment since which the client is waited for.
    fn places(taken: &[(u8, u64)]) -> (Arc<Places>, Vec<Taken>) {
        let places = Arc::new(Places::new(taken.len()));
        let take = |&(peer, since): &(u8, u64)| {
            let one = places.take(IpAddr::from([127, 0, 0, peer]));
            one.place.since.store(since, Ordering::Relaxed);
            one
        };
        let taken = taken.iter().map(take).collect();
        (places, taken)
    }

    /// Index of the place whose connection goes.
    fn goes(taken: &[(u8, u64)], now: u64) -> Option<usize> {
        let (places, held) = places(taken);
        assert!(!places.is_free());
        let made = places.make_room_at(now);
        assert_eq!(places.is_free(), made);
        let left = |one: &Taken| places.lock().contains_key(&one.place.number);
        let left_out = held.iter().position(|one| !left(one));
        drop(held);
        assert!(places.lock().is_empty());
        left_out
    }

    #[test]
    fn of_the_peer_with_most_places_the_one_goes_that_was_waited_for_longest() {
        let stay = micros(LEAST_STAY);
        for (taken, now, expected) in [
            (&[(1, 5), (1, 3), (1, 9)][..], 10 + stay, Some(1)),
            // Another peer was waited for longer, and has fewer places.
            (&[(1, 5), (1, 7), (2, 1)], 10 + stay, Some(0)),
            // The server works for the first ones.
            (&[(1, WORKING), (1, WORKING), (2, 1)], 10 + stay, Some(2)),
            (&[(1, WORKING), (2, WORKING)], 10 + stay, None),
            // No client has had the time to send a request.
            (&[(1, 9), (1, 8)], 7 + stay, None),
        ] {
            assert_eq!(goes(taken, now), expected, "{taken:?}");
        }
    }
}
