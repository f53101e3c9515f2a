//! The account of memory: what the bodies, the JSON read from them and the answers of all requests take together.

use std::sync::Arc;

use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{ApiResult, Problem, StartError};
use crate::limits::{LEAST_ADDRESS_SPACE, MAX_FOUND_BYTES, MAX_MEMORY_BYTES, MEMORY_PAUSE};
use crate::places::Places;

/// Share of the address space that is left (one in this many) which one answer may take, if it is limited.
const ADDRESS_SHARE: u64 = 4;
/// Multiple of the bytes of a body or an answer that has to be left of a limited address space: words of a text take
/// sixteen times their bytes while they are indexed, and a body grows twofold.
const WORK_SHARE: u64 = 32;
/// Bytes of a page, in which the kernel counts.
const PAGE_BYTES: u64 = 4_096;

/// The account of one server.
pub(crate) struct Memory {
    left: Arc<Semaphore>,
    /// Bytes of address space that the process may have, if they are limited (`ulimit -v`).
    address_space: Option<u64>,
    /// The connections, of which those go whose memory is needed.
    places: Arc<Places>,
}

/// Memory taken off the account, and given back when it is dropped.
pub(crate) type Share = OwnedSemaphorePermit;

impl Memory {
    /// The whole account of the connections of these places.
    pub(crate) fn new(places: Arc<Places>) -> Self {
        let address_space = getrlimit(Resource::As).current;
        let most = address_space.map_or(MAX_MEMORY_BYTES as u64, |bytes| bytes / ADDRESS_SHARE);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(MAX_MEMORY_BYTES);
        Self { left: Arc::new(Semaphore::new(most)), address_space, places }
    }

    /// An account of this many bytes.
    #[cfg(test)]
    pub(crate) fn of(bytes: usize) -> Self {
        let (left, places) = (Arc::new(Semaphore::new(bytes)), Arc::new(Places::running(9)));
        Self { left, address_space: None, places }
    }

    /// The connections.
    pub(crate) fn places(&self) -> &Arc<Places> {
        &self.places
    }

    /// Takes bytes for as long as the share is held. If too few are left, a connection goes that holds some for a client
    /// that is waited for, so that a later request finds more.
    pub(crate) fn take(&self, bytes: usize) -> ApiResult<Share> {
        let bytes = self.checked(bytes)?;
        self.left.clone().try_acquire_many_owned(bytes).map_err(|_| {
            self.places.make_memory();
            full()
        })
    }

    /// Takes bytes for a body. If too few are left, it waits for those of connections that go for it.
    pub(crate) async fn take_for_body(&self, bytes: usize) -> ApiResult<Share> {
        let bytes = self.checked(bytes)?;
        loop {
            if let Ok(share) = self.left.clone().try_acquire_many_owned(bytes) {
                return Ok(share);
            }
            if !self.places.make_memory() {
                return Err(full());
            }
            let free = self.left.clone().acquire_many_owned(bytes);
            if let Ok(Ok(share)) = timeout(MEMORY_PAUSE, free).await {
                return Ok(share);
            }
        }
    }

    /// The number of bytes, if the address space has them.
    fn checked(&self, bytes: usize) -> ApiResult<u32> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let wanted = u64::from(bytes).saturating_mul(WORK_SHARE);
        if bytes > 0 && self.address_space_left().is_some_and(|left| wanted > left) {
            return Err(Problem::overloaded("the process has too little memory left for it"));
        }
        Ok(bytes)
    }

    /// Bytes that no request has.
    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.left.available_permits()
    }

    /// Bytes that what one request finds may take: less where the process has little address space left.
    pub(crate) fn for_found(&self) -> u64 {
        self.address_space_left()
            .map_or(MAX_FOUND_BYTES, |left| MAX_FOUND_BYTES.min(left / ADDRESS_SHARE))
    }

    /// Bytes of address space that the process may still take, if they are limited.
    fn address_space_left(&self) -> Option<u64> {
        self.address_space.map(|all| all.saturating_sub(address_space_used()))
    }
}

fn full() -> Problem {
    Problem::overloaded("other requests fill the memory for bodies and answers")
}

/// Refuses to serve in a process whose address space is limited to less than serving takes.
pub(crate) fn check_address_space() -> Result<(), StartError> {
    match getrlimit(Resource::As).current {
        Some(limit) if limit < LEAST_ADDRESS_SPACE => {
            Err(StartError::AddressSpace { limit, least: LEAST_ADDRESS_SPACE })
        }
        _ => Ok(()),
    }
}

/// Bytes of address space that the process has; 0 if the system does not say.
fn address_space_used() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').next().and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::limits::OWN_BYTES;

    #[test]
    fn little_address_space_leaves_little_for_requests() {
        let limited = |left: u64| {
            let address_space = Some(address_space_used() + left);
            Memory { address_space, ..Memory::of(1 << 30) }
        };
        let (little, much) = (limited(64 << 20), limited(1 << 40));
        assert!(little.take(0).is_ok() && little.take(1 << 20).is_ok());
        assert!(little.take(3 << 20).is_err() && much.take(3 << 20).is_ok());
        assert!(little.for_found() <= 16 << 20);
        assert_eq!(much.for_found(), MAX_FOUND_BYTES);
        assert_eq!(Memory::of(0).for_found(), MAX_FOUND_BYTES, "no limit");
    }

    #[test]
    fn a_body_gets_the_memory_of_one_whose_client_is_waited_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let memory = Arc::new(Memory::of(10));
            let share = memory.take(8).expect("free");
            assert!(memory.take_for_body(5).await.is_err(), "nobody is waited for");
            let taken = memory.places.take(IpAddr::from([127, 0, 0, 1]));
            taken.place.received(OWN_BYTES as u64 + 8);
            assert!(memory.take_for_body(5).await.is_err(), "it has only begun");
            taken.place.waits_long();
            let own = memory.clone();
            let waits = tokio::spawn(async move { own.take_for_body(5).await.map(drop) });
            taken.place.leave.notified().await;
            drop(share);
            waits.await.expect("ended").expect("free");
        });
    }
}
