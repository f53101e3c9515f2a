//! A pause for addresses from which wrong keys come.
//!
//! Secrets of 256 bits cannot be guessed. The pause bounds what a flood of wrong ones costs, in checks and in the audit
//! log. It lasts one minute and never longer, and several clients may share an address. So during a pause a key whose id is
//! known is checked all the same ([`Access::authenticate`](crate::Access::authenticate)): the right one passes, and the
//! wrong one gets the answer of the pause, so that the caller does not learn which ids are known. A client with a key is
//! never locked out by another. Tokens have no such id and wait for the end of the pause.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::recent::Recent;

/// Failures from one address within [`FAILURE_WINDOW`] after which it has to pause: a client that was set up wrongly and
/// tries again has fewer.
pub const MAX_FAILURES: u32 = 20;
/// The time within which failures are counted.
pub const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// Length of a pause.
pub const FAILURE_PAUSE: Duration = Duration::from_secs(60);
/// Half of the addresses that are remembered, about 100 bytes each. An attacker with more addresses forgets their own.
const ADDRESSES: usize = 32_768;

/// The failed authentications by address. IPv6 addresses count by their first 64 bits, which one network has.
#[derive(Debug)]
pub struct Failures(Mutex<Recent<IpAddr, Count>>);

#[derive(Debug)]
struct Count {
    since: Instant,
    failures: u32,
    paused_until: Option<Instant>,
}

/// An address has to pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong keys came from this address; try again in {} s", retry_after.as_secs().max(1))]
pub struct Paused {
    /// The time until the end of the pause.
    pub retry_after: Duration,
}

impl Default for Failures {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(ADDRESSES, FAILURE_WINDOW + FAILURE_PAUSE)))
    }
}

impl Failures {
    /// Checks that an address may try.
    ///
    /// # Errors
    /// [`Paused`] after too many failures.
    pub fn check(&self, address: IpAddr, now: Instant) -> Result<(), Paused> {
        let counts = self.0.lock();
        let until = counts.get(&network(address)).and_then(|count| count.paused_until);
        match until.map(|until| until.saturating_duration_since(now)) {
            Some(retry_after) if !retry_after.is_zero() => Err(Paused { retry_after }),
            _ => Ok(()),
        }
    }

    /// Counts a failure. One during a pause does not make it longer.
    pub fn record(&self, address: IpAddr, now: Instant) {
        let mut counts = self.0.lock();
        let fresh = || Count { since: now, failures: 0, paused_until: None };
        let count = counts.entry(network(address), now, fresh);
        match count.paused_until {
            Some(until) if now < until => return,
            Some(_) => *count = fresh(),
            None if now.saturating_duration_since(count.since) >= FAILURE_WINDOW => {
                *count = fresh()
            }
            None => {}
        }
        count.failures += 1;
        if count.failures >= MAX_FAILURES {
            count.paused_until = Some(now + FAILURE_PAUSE);
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> IpAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn an_address_pauses_after_too_many_failures_and_then_may_try_again() {
        let (failures, start) = (Failures::default(), Instant::now());
        let address = at("192.0.2.1");
        for _ in 0..MAX_FAILURES {
            assert_eq!(failures.check(address, start), Ok(()));
            failures.record(address, start);
        }
        let retry_after = FAILURE_PAUSE - Duration::from_secs(9);
        let later = start + Duration::from_secs(9);
        assert_eq!(failures.check(address, later), Err(Paused { retry_after }));
        assert_eq!(failures.check(at("192.0.2.2"), later), Ok(()));
        assert!(failures.check(at("::ffff:192.0.2.1"), later).is_err(), "the same in IPv6");
        for _ in 0..1_000 {
            failures.record(address, later);
        }
        assert_eq!(failures.check(address, start + FAILURE_PAUSE), Ok(()));
        failures.record(address, start + FAILURE_PAUSE);
        assert_eq!(failures.check(address, start + FAILURE_PAUSE), Ok(()));
    }

    #[test]
    fn slow_failures_do_not_pause_and_networks_of_ipv6_count_as_one() {
        let (failures, start) = (Failures::default(), Instant::now());
        let address = at("192.0.2.1");
        for minute in 0..10 {
            let now = start + FAILURE_WINDOW * minute;
            for _ in 1..MAX_FAILURES {
                failures.record(address, now);
            }
            assert_eq!(failures.check(address, now), Ok(()));
        }
        for host in 0..MAX_FAILURES {
            failures.record(at(&format!("2001:db8:0:1::{host:x}")), start);
        }
        assert!(failures.check(at("2001:db8:0:1:ffff::1"), start).is_err());
        assert!(failures.check(at("2001:db8:0:2::1"), start).is_ok());
    }
}
