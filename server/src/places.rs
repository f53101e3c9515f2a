//! Places of connections: whether the client or the server is waited for, and which connection goes if others need its
//! place or its memory.
//!
//! The server waits for a client between the end of an answer and the end of the next request, and while an answer is
//! read. A client may take that time, but neither the places nor the memory of others: if all places are taken, or the
//! memory of bodies and answers, of the peer that has most of them the connection goes that was waited for longest.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::limits::{LEAST_STAY, OWN_BYTES};

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
    /// Bytes of a body as it arrives, or of an answer that is not written yet.
    held: AtomicU64,
    /// Notified when the connection has to go.
    pub(crate) leave: Notify,
}

impl Places {
    /// Makes free places, `most` of them.
    pub(crate) fn new(most: usize) -> Self {
        let (taken, changed) = (Mutex::default(), Notify::new());
        Self { most, start: Instant::now(), taken, next: AtomicU64::new(0), changed }
    }

    /// Places of a server that has run for a while.
    #[cfg(test)]
    pub(crate) fn running(most: usize) -> Self {
        let start = Instant::now().checked_sub(2 * LEAST_STAY).unwrap_or_else(Instant::now);
        Self { start, ..Self::new(most) }
    }

    /// True if a further connection finds a place.
    pub(crate) fn is_free(&self) -> bool {
        self.lock().len() < self.most
    }

    /// Takes a place.
    pub(crate) fn take(self: &Arc<Self>, peer: IpAddr) -> Taken {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (since, held) = (AtomicU64::new(0), AtomicU64::new(0));
        let (start, leave) = (self.start, Notify::new());
        let place = Arc::new(Place { number, peer, start, since, held, leave });
        place.waits(0);
        self.lock().insert(number, place.clone());
        Taken { places: self.clone(), place }
    }

    /// Makes the connection go whose place is needed; false if there is none.
    pub(crate) fn make_room(&self) -> bool {
        self.go(micros(self.start.elapsed()), |_| 1)
    }

    /// Makes the connection go whose memory is needed; false if there is none.
    pub(crate) fn make_memory(&self) -> bool {
        self.go(micros(self.start.elapsed()), Place::taken)
    }

    /// Makes a connection go: of the peer that has most by this measure, among those that have some, the one whose
    /// client was waited for longest.
    fn go(&self, now: u64, measure: impl Fn(&Place) -> u64) -> bool {
        let mut taken = self.lock();
        let mut of_peer: HashMap<IpAddr, u64> = HashMap::new();
        taken.values().for_each(|place| *of_peer.entry(place.peer).or_default() += measure(place));
        let may_go = |place: &Arc<Place>| {
            let since = place.since.load(Ordering::Relaxed);
            since.saturating_add(micros(LEAST_STAY)) <= now && measure(place) > 0
        };
        let first = taken.values().filter(|place| may_go(place)).min_by_key(|place| {
            let of_peer = of_peer.get(&place.peer).copied().unwrap_or(0);
            (u64::MAX - of_peer, place.since.load(Ordering::Relaxed))
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
    /// The server waits for the client from now on, which has an answer of this length in bytes to read.
    pub(crate) fn waits(&self, answer: u64) {
        self.held.store(answer, Ordering::Relaxed);
        self.since.store(micros(self.start.elapsed()), Ordering::Relaxed);
    }

    /// This many bytes of the answer are written.
    pub(crate) fn wrote(&self, bytes: u64) {
        let less = |held: u64| Some(held.saturating_sub(bytes));
        let _ = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// The answer is written, or given up.
    pub(crate) fn holds_nothing(&self) {
        self.held.store(0, Ordering::Relaxed);
    }

    /// This many bytes of a body have arrived.
    pub(crate) fn received(&self, bytes: u64) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The request is there, and the client waits for the server.
    pub(crate) fn works(&self) {
        self.held.store(0, Ordering::Relaxed);
        self.since.store(WORKING, Ordering::Relaxed);
    }

    /// The client is waited for since the server began.
    #[cfg(test)]
    pub(crate) fn waits_long(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// Bytes that it takes of the memory that all share.
    fn taken(&self) -> u64 {
        self.held.load(Ordering::Relaxed).saturating_sub(OWN_BYTES as u64)
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

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;

    /// Index of the place whose connection goes, of places each with a peer by its last number, the moment since which
    /// the client is waited for, and the bytes it holds.
    fn goes(taken: &[(u8, u64, u64)], now: u64, measure: fn(&Place) -> u64) -> Option<usize> {
        let places = Arc::new(Places::new(taken.len()));
        let take = |&(peer, since, held): &(u8, u64, u64)| {
            let one = places.take(IpAddr::from([127, 0, 0, peer]));
            one.place.since.store(since, Ordering::Relaxed);
            one.place.held.store(held, Ordering::Relaxed);
            one
        };
        let held: Vec<Taken> = taken.iter().map(take).collect();
        assert!(!places.is_free());
        let made = places.go(now, measure);
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
            let places: Vec<_> = taken.iter().map(|&(peer, since)| (peer, since, 0)).collect();
            assert_eq!(goes(&places, now, |_| 1), expected, "{taken:?}");
        }
    }

    #[test]
    fn of_the_peer_with_most_memory_the_one_goes_that_was_waited_for_longest() {
        let (own, now) = (OWN_BYTES as u64, 10 + micros(LEAST_STAY));
        for (taken, expected) in [
            (&[(1, 5, own + 1), (1, 3, own + 1), (1, 1, own)][..], Some(1)),
            // Another peer was waited for longer, has more places, and less memory.
            (&[(1, 5, own + 9), (2, 1, own + 4), (2, 1, own + 4)], Some(0)),
            (&[(1, WORKING, own + 9), (2, 1, own + 1)], Some(1)),
            (&[(1, 1, own), (1, 1, 0)], None),
        ] {
            assert_eq!(goes(taken, now, Place::taken), expected, "{taken:?}");
        }
    }
}
