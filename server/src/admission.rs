//! The admission of callers: no key is asked for until there are keys or tokens, and from then on each caller shows one.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwapOption;
use lexivec_access::audit::Entry;
use lexivec_access::{Access, AccessOptions, Cost, Limits, Principal, SearchPermit, seconds_of};

use crate::error::{ApiResult, Problem, StartError};
use crate::limits::LAST_USE_PAUSE;

/// The access of a server's directory, once callers have to show keys.
pub(crate) struct Admission {
    directory: PathBuf,
    options: Mutex<AccessOptions>,
    opened: ArcSwapOption<Access>,
    /// The last time that the uses of keys were written.
    written: Mutex<Instant>,
}

impl Admission {
    /// The admission of a process that has one caller, which shows no key.
    pub(crate) fn of_one_caller(directory: &Path, options: AccessOptions) -> Self {
        Self {
            directory: directory.to_owned(),
            options: Mutex::new(options),
            opened: ArcSwapOption::empty(),
            written: Mutex::new(Instant::now()),
        }
    }

    /// Opens the access of a directory if there are keys in it, or tokens are accepted.
    pub(crate) fn open(directory: &Path, options: AccessOptions) -> Result<Self, StartError> {
        let used = options.tokens.is_some() || Access::is_used(directory);
        let admission = Self::of_one_caller(directory, options);
        if used {
            admission.begin()?;
        }
        Ok(admission)
    }

    /// The access, if callers have to show keys.
    pub(crate) fn access(&self) -> Option<Arc<Access>> {
        self.opened.load_full()
    }

    /// Opens the access if it is not open, so that callers have to show keys from then on, also if all of them are removed.
    pub(crate) fn begin(&self) -> lexivec_access::Result<Arc<Access>> {
        if let Some(access) = self.access() {
            return Ok(access);
        }
        // Held until it is open: it is opened once, with the limits of this moment.
        let options = self.options();
        if let Some(access) = self.access() {
            return Ok(access);
        }
        let access = Arc::new(Access::open(&self.directory, options.clone())?);
        self.opened.store(Some(access.clone()));
        Ok(access)
    }

    /// Takes up keys that were made, changed or revoked by the command, and writes when keys were used last.
    pub(crate) fn keep_up(&self) {
        let Some(access) = self.access() else {
            if Access::is_used(&self.directory) {
                match self.begin() {
                    Ok(_) => tracing::info!("there are keys now, and requests have to show one"),
                    Err(fault) => {
                        tracing::error!(%fault, "the keys cannot be read; none is asked for")
                    }
                }
            }
            return;
        };
        match access.keys.reload_if_changed() {
            Ok(false) => {}
            Ok(true) => tracing::info!("read the changed keys"),
            Err(fault) => {
                tracing::error!(%fault, "the changed keys are not used, those before are")
            }
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.elapsed() >= LAST_USE_PAUSE {
            *written = Instant::now();
            drop(written);
            self.write_last_uses();
        }
    }

    /// Writes when keys were used last.
    pub(crate) fn write_last_uses(&self) {
        let written = self.access().map_or(Ok(()), |access| access.keys.persist_last_used());
        if let Err(fault) = written {
            tracing::warn!(%fault, "the last uses of keys are not written");
        }
    }

    /// Puts other limits in place of those before.
    pub(crate) fn set_limits(&self, limits: Limits) {
        let mut options = self.options();
        if options.limits == limits {
            return;
        }
        options.limits = limits.clone();
        // While the options are held, so that access that is opened at the same time has them too.
        if let Some(access) = self.access() {
            access.rates.set(limits);
        }
        tracing::info!("the changed limits of keys and tenants hold from now on");
    }

    fn options(&self) -> MutexGuard<'_, AccessOptions> {
        self.options.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes rows off what a caller may write and read in a second.
    pub(crate) fn take_rows(&self, caller: &Principal, rows: usize) -> ApiResult<()> {
        let Some(access) = self.access() else { return Ok(()) };
        let cost = Cost { rows: rows as u64, ..Cost::default() };
        access.rates.take(caller, cost, Instant::now())?;
        Ok(())
    }

    /// True if bytes of callers are limited.
    pub(crate) fn limits_bytes(&self) -> bool {
        self.access().is_some_and(|access| access.rates.limit_bytes())
    }

    /// Takes bytes that have arrived off what a caller may send in a second: its next requests wait for them.
    pub(crate) fn charge_bytes(&self, caller: &Principal, bytes: usize) {
        if let Some(access) = self.access() {
            let cost = Cost { bytes: bytes as u64, ..Cost::default() };
            access.rates.charge(caller, cost, Instant::now());
        }
    }

    /// Begins a search of a caller, which ends when the permit is dropped.
    pub(crate) fn search(&self, caller: &Principal) -> ApiResult<Option<SearchPermit>> {
        let access = self.access();
        let permit = access.map(|access| access.rates.search(caller, Instant::now()));
        Ok(permit.transpose()?)
    }

    /// Appends an entry to the audit log, if callers have to show keys. Blocks until it is on disk.
    pub(crate) fn log(&self, entry: Entry) -> ApiResult<()> {
        let Some(access) = self.access() else { return Ok(()) };
        access.audit.append(entry).map_err(|fault| {
            tracing::error!(%fault, "an act is not in the audit log");
            Problem::from(fault)
        })
    }
}

/// An entry of an act of a caller now.
pub(crate) fn entry(action: &str, caller: Option<&Principal>, address: IpAddr) -> Entry {
    let mut entry = Entry::new(action, SystemTime::now());
    if let Some(caller) = caller {
        entry.user_id.clone_from(&caller.id);
        entry.user_name.clone_from(&caller.name);
        entry.organization_id = caller.scope.tenant.clone().unwrap_or_default();
    }
    entry.ip_address = address.to_string();
    entry
}

/// Seconds since the beginning of 1970.
pub(crate) fn now_in_seconds() -> u64 {
    seconds_of(SystemTime::now())
}
