//! All of access to one database: what a server opens, and asks with each request.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::audit::AuditLog;
use crate::denied::{Denied, Reason};
use crate::error::{Error, Result};
use crate::failures::{Failures, Paused};
use crate::keys::{KeyRing, KeyStore, looks_like_a_key, seconds_of};
use crate::principal::Principal;
use crate::rate::{Limits, Rates};
use crate::token::{JwtOptions, Tokens};

/// Choices of a server about access.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AccessOptions {
    /// The tokens that are accepted; none without it.
    pub tokens: Option<JwtOptions>,
    /// The limits of keys and tenants.
    pub limits: Limits,
}

/// Access to one database.
#[derive(Debug)]
#[non_exhaustive]
pub struct Access {
    /// The keys.
    pub keys: KeyRing,
    /// The check of tokens, if they are accepted.
    pub tokens: Option<Tokens>,
    /// The audit log.
    pub audit: AuditLog,
    /// The rates of keys and tenants.
    pub rates: Rates,
    /// Failed authentications by address.
    pub failures: Failures,
}

/// A request without a caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unauthenticated {
    /// The key or token is not accepted.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The address has to pause.
    #[error(transparent)]
    Paused(#[from] Paused),
}

impl Access {
    /// Opens the access of a database, or of a single collection; its directory has to be there.
    ///
    /// # Errors
    /// Those of the keys, of the key of tokens, of the audit log, and [`Error::Invalid`] for limits.
    pub fn open(database: &Path, options: AccessOptions) -> Result<Self> {
        options.limits.check().map_err(Error::invalid)?;
        Ok(Self {
            keys: KeyRing::open(database)?,
            tokens: options.tokens.as_ref().map(Tokens::open).transpose()?,
            audit: AuditLog::open(database)?,
            rates: Rates::new(options.limits),
            failures: Failures::default(),
        })
    }

    /// True if a database, or a single collection, has keys.
    pub fn is_used(database: &Path) -> bool {
        KeyStore::is_at(database)
    }

    /// The caller with a key or token, which comes from an address. Wrong ones count against the address; the module
    /// `failures` says what a pause means to clients that share it.
    ///
    /// # Errors
    /// [`Unauthenticated`].
    pub fn authenticate(
        &self,
        credential: &str,
        address: IpAddr,
        time: SystemTime,
        now: Instant,
    ) -> std::result::Result<Arc<Principal>, Unauthenticated> {
        let paused = self.failures.check(address, now);
        let is_key = looks_like_a_key(credential);
        if let (Err(paused), false) = (paused, is_key) {
            return Err(paused.into());
        }
        let seconds = seconds_of(time);
        let checked = match &self.tokens {
            _ if is_key => self.keys.authenticate(credential, seconds),
            Some(tokens) => tokens.authenticate(credential, seconds),
            None => Err(Denied::new(Reason::NoTokens)),
        };
        checked.map_err(|denied| {
            self.failures.record(address, now);
            paused.map_or_else(Unauthenticated::from, |()| denied.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failures::{FAILURE_PAUSE, MAX_FAILURES};
    use crate::keys::NewKey;
    use crate::rate::RateLimits;
    use crate::role::Role;
    use crate::scope::Scope;

    #[test]
    fn a_key_passes_during_the_pause_that_wrong_ones_at_its_address_brought() {
        let scratch = tempfile::tempdir().expect("a directory");
        let access = Access::open(scratch.path(), AccessOptions::default()).expect("opened");
        let new = NewKey {
            name: "app".to_owned(),
            role: Role::Reader,
            scope: Scope::everything(),
            expires: None,
        };
        let time = SystemTime::now();
        let seconds = seconds_of(time);
        let (secret, _) = access.keys.store().create(new, seconds).expect("made");
        access.keys.reload_if_changed().expect("read");
        let (now, address) = (Instant::now(), IpAddr::from([192, 0, 2, 1]));
        let ask = |text: &str, now| access.authenticate(text, address, time, now);
        let wrong_secret = format!("lxv_{}_{}", secret.id(), "A".repeat(43));
        let unknown = format!("lxv_000000000000_{}", "A".repeat(43));
        for _ in 0..MAX_FAILURES {
            let denied = ask("a.b.c", now).expect_err("no tokens");
            assert!(matches!(denied, Unauthenticated::Denied(_)), "{denied}");
        }
        assert_eq!(ask(&secret.reveal(), now).expect("its key").name, "app");
        let paused = ask("a.b.c", now).expect_err("paused");
        assert_eq!(ask(&wrong_secret, now), Err(paused.clone()));
        assert_eq!(
            ask(&unknown, now),
            Err(paused.clone()),
            "a known id gets the answer of an unknown one"
        );
        assert!(matches!(paused, Unauthenticated::Paused(_)));
        let later = now + FAILURE_PAUSE;
        assert!(matches!(ask(&unknown, later), Err(Unauthenticated::Denied(_))));
    }

    #[test]
    fn limits_that_admit_nothing_are_refused() {
        let scratch = tempfile::tempdir().expect("a directory");
        let per_key = RateLimits { burst: 0, ..RateLimits::default() };
        let limits = Limits { per_key, ..Limits::default() };
        let options = AccessOptions { limits, ..AccessOptions::default() };
        assert!(Access::open(scratch.path(), options).is_err());
    }
}
