//! Rates of requests, rows and bytes, and searches at once, by key and by tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::principal::Principal;
use crate::recent::Recent;

/// Requests per second of a key: more than an application with a human at it makes.
pub const DEFAULT_REQUESTS_PER_SECOND: f64 = 100.0;
/// Requests of a key at once, before the rate holds.
pub const DEFAULT_BURST: u32 = 200;
/// Half of the keys and tenants whose buckets are remembered, about 200 bytes each; all keys of a database fit.
const BUCKETS: usize = 32_768;
/// Time after which unused buckets may be dropped.
const IDLE: Duration = Duration::from_secs(600);
/// Seconds in which the burst of rows and bytes comes together.
const BURST_SECONDS: f64 = 2.0;

/// The limits of one key, or of one tenant. A member that is `None` is no limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimits {
    /// Requests per second over time.
    pub requests_per_second: Option<f64>,
    /// Requests at once, before the rate holds.
    pub burst: u32,
    /// Searches that run at the same time.
    pub searches_at_once: Option<u32>,
    /// Rows per second over time, with a burst of two seconds.
    pub rows_per_second: Option<f64>,
    /// Bytes per second over time, with a burst of two seconds.
    pub bytes_per_second: Option<f64>,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            requests_per_second: Some(DEFAULT_REQUESTS_PER_SECOND),
            burst: DEFAULT_BURST,
            ..Self::unlimited()
        }
    }
}

impl RateLimits {
    /// No limit.
    pub fn unlimited() -> Self {
        Self {
            requests_per_second: None,
            burst: DEFAULT_BURST,
            searches_at_once: None,
            rows_per_second: None,
            bytes_per_second: None,
        }
    }

    /// Checks that each limit admits something.
    ///
    /// # Errors
    /// A sentence with the member at fault.
    pub fn check(&self) -> Result<(), String> {
        let rates = [
            ("requests_per_second", self.requests_per_second),
            ("rows_per_second", self.rows_per_second),
            ("bytes_per_second", self.bytes_per_second),
        ];
        let wrong = |rate: f64| !rate.is_finite() || rate <= 0.0;
        for (name, rate) in rates {
            if rate.is_some_and(wrong) {
                return Err(format!(
                    "{name} has to be a number above zero; leave it out for no limit"
                ));
            }
        }
        let zero = [("burst", Some(self.burst)), ("searches_at_once", self.searches_at_once)];
        match zero.into_iter().find(|(_, count)| *count == Some(0)) {
            Some((name, _)) => Err(format!("{name} has to be at least 1")),
            None => Ok(()),
        }
    }

    /// The rate and the burst of what is limited.
    fn bucket(&self, what: Limited) -> Option<(f64, f64)> {
        let rate = match what {
            Limited::Requests => {
                return Some((self.requests_per_second?, f64::from(self.burst)));
            }
            Limited::Rows => self.rows_per_second?,
            Limited::Bytes => self.bytes_per_second?,
            Limited::Searches => return None,
        };
        Some((rate, (rate * BURST_SECONDS).max(1.0)))
    }
}

/// The limits of every key and of every tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The limits of each key.
    pub per_key: RateLimits,
    /// The limits of each tenant; none by default.
    pub per_tenant: RateLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_key: RateLimits::default(), per_tenant: RateLimits::unlimited() }
    }
}

impl Limits {
    /// Checks that each limit admits something.
    ///
    /// # Errors
    /// A sentence with the member at fault.
    pub fn check(&self) -> Result<(), String> {
        self.per_key.check()?;
        self.per_tenant.check()
    }

    fn holders<'a>(
        &'a self,
        principal: &'a Principal,
    ) -> impl Iterator<Item = (Holder, &'a str, &'a RateLimits)> {
        let tenant = principal.scope.tenant.as_deref();
        let tenant = tenant.map(|tenant| (Holder::Tenant, tenant, &self.per_tenant));
        [(Holder::Key, principal.id.as_str(), &self.per_key)].into_iter().chain(tenant)
    }
}

/// The cost of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Requests, usually one.
    pub requests: u64,
    /// Rows that are written or read.
    pub rows: u64,
    /// Bytes of the bodies.
    pub bytes: u64,
}

impl Cost {
    /// One request.
    pub const REQUEST: Self = Self { requests: 1, rows: 0, bytes: 0 };

    fn of(&self, what: Limited) -> f64 {
        match what {
            Limited::Requests => self.requests as f64,
            Limited::Rows => self.rows as f64,
            Limited::Bytes => self.bytes as f64,
            Limited::Searches => 0.0,
        }
    }
}

/// The subject of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limited {
    /// Requests.
    Requests,
    /// Rows.
    Rows,
    /// Bytes.
    Bytes,
    /// Searches at once.
    Searches,
}

impl Limited {
    const BUCKETS: [Self; 3] = [Self::Requests, Self::Rows, Self::Bytes];

    /// The subject in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Rows => "rows",
            Self::Bytes => "bytes",
            Self::Searches => "searches",
        }
    }
}

/// The holder of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Holder {
    /// The key, or the subject of the token.
    Key,
    /// The tenant.
    Tenant,
}

impl Holder {
    /// The holder in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Tenant => "tenant",
        }
    }
}

/// The state of the limit that is nearest to its end, for the headers `RateLimit-Policy` (`limit` as `q`, `window` as `w`)
/// and `RateLimit` (`remaining` as `r`, `reset` as `t`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remaining {
    /// The holder of the limit.
    pub holder: Holder,
    /// Its subject.
    pub what: Limited,
    /// The most that is admitted at once.
    pub limit: u64,
    /// The time in which that comes together; zero for searches at once.
    pub window: Duration,
    /// The part that is left.
    pub remaining: u64,
    /// The time until all of it is there again.
    pub reset: Duration,
}

/// A request is over a limit; nothing was taken for it.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "too many {} of this {}: {} are its limit at once; try again in {} s",
    state.what.name(), state.holder.name(), state.limit, retry_after.as_secs_f64().ceil().max(1.0)
)]
pub struct Exceeded {
    /// The time after which the same request would be admitted.
    pub retry_after: Duration,
    /// The limit.
    pub state: Remaining,
}

/// The buckets and running searches of one holder.
#[derive(Debug, Default)]
struct Account {
    /// Tokens that are missing to a full bucket, in the order of [`Limited::BUCKETS`].
    missing: [f64; 3],
    updated: Option<Instant>,
    searches: Arc<AtomicU32>,
}

/// The accounts of all keys and tenants.
#[derive(Debug)]
pub struct Rates {
    limits: ArcSwap<Limits>,
    accounts: Mutex<Recent<(Holder, String), Account>>,
}

/// A search that runs; it ends when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct SearchPermit(Vec<Arc<AtomicU32>>);

impl Drop for SearchPermit {
    fn drop(&mut self) {
        for searches in &self.0 {
            searches.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Rates {
    /// Rates with these limits.
    pub fn new(limits: Limits) -> Self {
        let limits = ArcSwap::from_pointee(limits);
        Self { limits, accounts: Mutex::new(Recent::new(BUCKETS, IDLE)) }
    }

    /// Puts other limits in place of those before. What callers have used of them stays used.
    pub fn set(&self, limits: Limits) {
        self.limits.store(Arc::new(limits));
    }

    /// True if bytes of a key or tenant are limited.
    pub fn limit_bytes(&self) -> bool {
        let limits = self.limits.load();
        [&limits.per_key, &limits.per_tenant].iter().any(|limits| limits.bytes_per_second.is_some())
    }

    /// Takes the cost of a request from its key and its tenant, or nothing from either. A cost above a burst is admitted once
    /// the bucket is full, and is paid off afterwards. `None` without a limit.
    ///
    /// # Errors
    /// [`Exceeded`] with the limit that takes longest.
    pub fn take(
        &self,
        principal: &Principal,
        cost: Cost,
        now: Instant,
    ) -> Result<Option<Remaining>, Exceeded> {
        let all = self.limits.load();
        let mut accounts = self.accounts.lock();
        let mut exceeded: Option<Exceeded> = None;
        for (holder, name, limits) in all.holders(principal) {
            let account = accounts.entry((holder, name.to_owned()), now, Account::default);
            account.refill(limits, now);
            for over in account.over(holder, limits, cost) {
                if exceeded.is_none_or(|worst| worst.retry_after < over.retry_after) {
                    exceeded = Some(over);
                }
            }
        }
        if let Some(exceeded) = exceeded {
            return Err(exceeded);
        }
        Ok(pay(&all, &mut accounts, principal, cost, now))
    }

    /// Takes a cost that is known only after the work, as the rows of an answer, in any case; the next requests wait for it.
    pub fn charge(&self, principal: &Principal, cost: Cost, now: Instant) {
        pay(&self.limits.load(), &mut self.accounts.lock(), principal, cost, now);
    }

    /// Begins a search of a caller.
    ///
    /// # Errors
    /// [`Exceeded`] if as many run as may run at once.
    pub fn search(&self, principal: &Principal, now: Instant) -> Result<SearchPermit, Exceeded> {
        let all = self.limits.load();
        let mut accounts = self.accounts.lock();
        let mut running = Vec::new();
        for (holder, name, limits) in all.holders(principal) {
            let Some(limit) = limits.searches_at_once else { continue };
            let account = accounts.entry((holder, name.to_owned()), now, Account::default);
            if account.searches.load(Ordering::Relaxed) >= limit {
                // Searches take milliseconds, and headers have whole seconds.
                let retry_after = Duration::from_secs(1);
                let state = Remaining {
                    holder,
                    what: Limited::Searches,
                    limit: limit.into(),
                    window: Duration::ZERO,
                    remaining: 0,
                    reset: retry_after,
                };
                return Err(Exceeded { retry_after, state });
            }
            running.push(account.searches.clone());
        }
        for searches in &running {
            searches.fetch_add(1, Ordering::Relaxed);
        }
        Ok(SearchPermit(running))
    }
}

/// Takes a cost off the buckets of a caller, and gives the state of the one that is nearest to its end.
fn pay(
    limits: &Limits,
    accounts: &mut Recent<(Holder, String), Account>,
    principal: &Principal,
    cost: Cost,
    now: Instant,
) -> Option<Remaining> {
    let mut nearest: Option<Remaining> = None;
    for (holder, name, limits) in limits.holders(principal) {
        let account = accounts.entry((holder, name.to_owned()), now, Account::default);
        account.refill(limits, now);
        for (what, missing) in Limited::BUCKETS.into_iter().zip(&mut account.missing) {
            let Some((rate, burst)) = limits.bucket(what) else { continue };
            *missing += cost.of(what);
            let state = state(holder, what, rate, burst, *missing);
            if nearest.is_none_or(|nearest| state.share() < nearest.share()) {
                nearest = Some(state);
            }
        }
    }
    nearest
}

impl Account {
    fn refill(&mut self, limits: &RateLimits, now: Instant) {
        let passed =
            self.updated.map_or(Duration::ZERO, |then| now.saturating_duration_since(then));
        // A caller with an older time does not turn the clock back.
        self.updated = self.updated.max(Some(now));
        for (what, missing) in Limited::BUCKETS.into_iter().zip(&mut self.missing) {
            // What is not limited is missed by no later limit.
            *missing = match limits.bucket(what) {
                Some((rate, _)) => (*missing - rate * passed.as_secs_f64()).max(0.0),
                None => 0.0,
            };
        }
    }

    /// The limits that a cost is over.
    fn over(&self, holder: Holder, limits: &RateLimits, cost: Cost) -> Vec<Exceeded> {
        let over = Limited::BUCKETS.into_iter().zip(self.missing).filter_map(|(what, missing)| {
            let (rate, burst) = limits.bucket(what)?;
            let short = missing + cost.of(what).min(burst) - burst;
            let retry_after = seconds(short / rate);
            let over = cost.of(what) > 0.0 && short > 0.0 && !retry_after.is_zero();
            over.then(|| Exceeded { retry_after, state: state(holder, what, rate, burst, missing) })
        });
        over.collect()
    }
}

impl Remaining {
    fn share(&self) -> f64 {
        self.remaining as f64 / self.limit.max(1) as f64
    }
}

fn state(holder: Holder, what: Limited, rate: f64, burst: f64, missing: f64) -> Remaining {
    Remaining {
        holder,
        what,
        limit: burst as u64,
        window: seconds(burst / rate),
        remaining: (burst - missing).max(0.0) as u64,
        reset: seconds(missing / rate),
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;
    use crate::scope::{CollectionNames, Scope};

    fn caller(id: &str, tenant: Option<&str>) -> Principal {
        let scope = tenant
            .map_or(Scope::everything(), |tenant| Scope::of_tenant(CollectionNames::all(), tenant));
        Principal::new(id, Role::Reader, scope)
    }

    #[test]
    fn other_limits_hold_at_once_and_what_was_used_stays_used() {
        let of = |burst| Limits {
            per_key: RateLimits { requests_per_second: Some(1.0), burst, ..RateLimits::default() },
            ..Limits::default()
        };
        let (rates, start, one) = (Rates::new(of(3)), Instant::now(), caller("one", None));
        let take = || rates.take(&one, Cost::REQUEST, start).map(|left| left.map(|l| l.remaining));
        assert_eq!((take(), take()), (Ok(Some(2)), Ok(Some(1))));
        rates.set(of(2));
        assert!(take().is_err(), "two of two are used");
        rates.set(of(5));
        assert_eq!(take(), Ok(Some(2)));
        rates.set(Limits { per_key: RateLimits::unlimited(), ..Limits::default() });
        assert_eq!(take(), Ok(None));
        rates.set(of(2));
        assert_eq!(take(), Ok(Some(1)), "nothing is missed of a time without limit");
    }

    #[test]
    fn a_key_has_its_burst_and_then_its_rate() {
        let (rates, start) = (Rates::new(Limits::default()), Instant::now());
        let (one, other) = (caller("one", None), caller("other", None));
        for left in (0..200).rev() {
            let state =
                rates.take(&one, Cost::REQUEST, start).expect("in the burst").expect("a limit");
            assert_eq!((state.limit, state.remaining), (200, left));
            assert_eq!(state.window, Duration::from_secs(2));
        }
        let exceeded = rates.take(&one, Cost::REQUEST, start).expect_err("the burst is over");
        assert_eq!(exceeded.retry_after, Duration::from_millis(10));
        assert_eq!((exceeded.state.remaining, exceeded.state.reset), (0, Duration::from_secs(2)));
        rates.take(&other, Cost::REQUEST, start).expect("another key");
        let mut admitted = 0;
        for tick in 1..=1_000 {
            let now = start + Duration::from_millis(tick);
            admitted += u32::from(rates.take(&one, Cost::REQUEST, now).is_ok());
        }
        assert!((99..=100).contains(&admitted), "{admitted}");
        // A clock that went back gives nothing.
        assert!(rates.take(&one, Cost::REQUEST, start).is_err());
    }

    #[test]
    fn a_tenant_shares_its_limit_and_what_is_refused_costs_nothing() {
        let tenants =
            RateLimits { requests_per_second: Some(1.0), burst: 3, ..RateLimits::unlimited() };
        let (rates, start) =
            (Rates::new(Limits { per_tenant: tenants, ..Limits::default() }), Instant::now());
        let (one, other) = (caller("one", Some("t")), caller("other", Some("t")));
        for caller in [&one, &other, &one] {
            let state =
                rates.take(caller, Cost::REQUEST, start).expect("admitted").expect("a limit");
            assert_eq!(state.holder, Holder::Tenant);
        }
        for _ in 0..500 {
            let exceeded = rates.take(&other, Cost::REQUEST, start).expect_err("of the tenant");
            assert_eq!(
                (exceeded.state.holder, exceeded.retry_after),
                (Holder::Tenant, Duration::from_secs(1))
            );
        }
        let later = start + Duration::from_secs(1);
        rates.take(&other, Cost::REQUEST, later).expect("its key has lost nothing");
        rates.take(&caller("other", None), Cost::REQUEST, later).expect("the same key");
    }

    #[test]
    fn rows_are_paid_off_before_or_after() {
        let limits = RateLimits {
            rows_per_second: Some(10.0),
            bytes_per_second: Some(1e3),
            ..RateLimits::unlimited()
        };
        let (rates, start) =
            (Rates::new(Limits { per_key: limits, ..Limits::default() }), Instant::now());
        let rows = |rows| Cost { rows, ..Cost::default() };
        let at = |seconds| start + Duration::from_secs(seconds);
        let key = caller("one", None);
        // More than the burst of 20 is admitted from a full bucket.
        rates.take(&key, rows(50), start).expect("full");
        let exceeded = rates.take(&key, rows(1), start).expect_err("in debt");
        assert_eq!(
            (exceeded.state.what, exceeded.retry_after),
            (Limited::Rows, Duration::from_millis(3_100))
        );
        rates.take(&key, Cost { bytes: 2_000, ..Cost::default() }, start).expect("bytes are apart");
        rates.take(&key, rows(20), at(5)).expect("full again");
        rates.charge(&key, rows(10), at(7));
        rates.take(&key, rows(10), at(7)).expect("half");
        rates.charge(&key, rows(10), at(7));
        assert_eq!(
            rates.take(&key, rows(10), at(7)).expect_err("in debt").retry_after,
            Duration::from_secs(2)
        );
    }

    #[test]
    fn searches_run_at_once_up_to_their_limit() {
        let limits = RateLimits { searches_at_once: Some(2), ..RateLimits::unlimited() };
        let (rates, now) =
            (Rates::new(Limits { per_key: limits.clone(), per_tenant: limits }), Instant::now());
        let (one, other) = (caller("one", Some("t")), caller("other", Some("t")));
        let first = rates.search(&one, now).expect("free");
        let _second = rates.search(&other, now).expect("free");
        assert_eq!(
            rates.search(&one, now).expect_err("of the tenant").state.holder,
            Holder::Tenant
        );
        drop(first);
        let _third = rates.search(&one, now).expect("free again");
        assert!(rates.search(&one, now).is_err());
        assert_eq!(rates.take(&one, Cost::REQUEST, now), Ok(None), "no rate is limited");
    }

    #[test]
    fn limits_are_read_and_checked() {
        let read = |text| serde_json::from_str::<RateLimits>(text);
        assert_eq!(read("{}").expect("read"), RateLimits::default());
        let ok = read(r#"{"requests_per_second": 0.5, "burst": 1, "rows_per_second": null}"#)
            .expect("read");
        assert_eq!(ok.check(), Ok(()));
        assert!(read(r#"{"request_per_second": 1}"#).is_err());
        for bad in [
            r#"{"requests_per_second": 0}"#,
            r#"{"burst": 0}"#,
            r#"{"bytes_per_second": -1}"#,
            r#"{"searches_at_once": 0}"#,
        ] {
            assert!(read(bad).expect("read").check().is_err(), "{bad}");
        }
    }
}
