//! The keys in memory, against which each request is checked.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use lexivec_storage::FileStamp;
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use super::record::{KeyState, Record};
use super::secret::{Hash, Presented, hash_in};
use super::store::KeyStore;
use crate::denied::{Denied, Reason};
use crate::error::{Error, Result};
use crate::principal::Principal;

/// The hash that a key with an unknown id is compared with, so that this takes the same time.
const NO_HASH: Hash = [0; 32];

/// The keys of a database, shared by the threads of a server. A request takes no lock.
#[derive(Debug)]
pub struct KeyRing {
    store: KeyStore,
    keys: ArcSwap<HashMap<String, Held>>,
    /// The stamp of the file that was looked at last, also of one that could not be read.
    stamp: Mutex<Option<FileStamp>>,
    /// True if a key was used since the uses were written.
    used: AtomicBool,
}

#[derive(Debug)]
struct Held {
    hash: Hash,
    expires: Option<u64>,
    revoked: Option<u64>,
    principal: Arc<Principal>,
    /// Seconds since the beginning of 1970; zero before the first use.
    last_used: Arc<AtomicU64>,
}

impl KeyRing {
    /// Opens the keys of a database.
    ///
    /// # Errors
    /// Those of [`KeyStore::open`] and of its file.
    pub fn open(database: &Path) -> Result<Self> {
        let store = KeyStore::open(database)?;
        let (records, stamp) = store.load()?;
        Ok(Self {
            store,
            keys: ArcSwap::from_pointee(held(&records, &HashMap::new())),
            stamp: Mutex::new(stamp),
            used: AtomicBool::new(false),
        })
    }

    /// The file of the keys. After a change through it, [`reload_if_changed`](Self::reload_if_changed) takes it up at once.
    pub fn store(&self) -> &KeyStore {
        &self.store
    }

    /// The number of keys, ended ones included.
    pub fn len(&self) -> usize {
        self.keys.load().len()
    }

    /// True without any key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks the text of a key at a time in seconds since the beginning of 1970.
    ///
    /// # Errors
    /// [`Denied`] if no live key has this id and secret.
    pub fn authenticate(
        &self,
        credential: &str,
        now: u64,
    ) -> std::result::Result<Arc<Principal>, Denied> {
        let Some(presented) = Presented::parse(credential) else {
            return Err(Denied::new(Reason::Malformed));
        };
        let denied = |reason| Err(Denied::of_key(reason, presented.id));
        let keys = self.keys.load();
        let found = keys.get(presented.id);
        let expected = found.map_or(&NO_HASH, |key| &key.hash);
        let same = bool::from(expected.ct_eq(&presented.hash));
        let Some(key) = found else { return denied(Reason::UnknownKey) };
        if !same {
            return denied(Reason::WrongSecret);
        }
        match KeyState::at(key.expires, key.revoked, now) {
            KeyState::Revoked => return denied(Reason::Revoked),
            KeyState::Expired => return denied(Reason::Expired),
            KeyState::Live => {}
        }
        if key.last_used.load(Ordering::Relaxed) < now {
            key.last_used.fetch_max(now, Ordering::Relaxed);
            self.used.store(true, Ordering::Relaxed);
        }
        Ok(key.principal.clone())
    }

    /// Takes up the file of the keys if it was changed; true if it was. To be called every second or so.
    ///
    /// # Errors
    /// If the file cannot be read or is not valid: the keys stay as they were. The error is returned once for each state of
    /// the file.
    pub fn reload_if_changed(&self) -> Result<bool> {
        let mut last = self.stamp.lock();
        let stamp = self.store.stamp()?;
        if stamp == *last {
            return Ok(false);
        }
        *last = stamp;
        let (records, read) = self.store.load()?;
        if read.is_none() {
            let path = super::ACCESS_DIRECTORY.to_owned() + "/keys.json";
            let detail = "it was there and is missing now; the keys stay as they were".to_owned();
            return Err(Error::Unreadable { path, detail });
        }
        *last = read;
        let keys = held(&records, &self.keys.load());
        self.keys.store(Arc::new(keys));
        Ok(true)
    }

    /// Writes the last use of each key, if there was one since the last time. To be called every minute or so, and at the
    /// end; a crash loses the uses since.
    ///
    /// # Errors
    /// Those of the files; the uses are written the next time.
    pub fn persist_last_used(&self) -> Result<()> {
        if !self.used.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let keys = self.keys.load();
        let time = |key: &Held| key.last_used.load(Ordering::Relaxed);
        let used = keys.iter().map(|(id, key)| (id.clone(), time(key)));
        let used: Vec<(String, u64)> = used.filter(|(_, time)| *time > 0).collect();
        let kept = self.store.keep_last_used(&used);
        kept.inspect_err(|_| self.used.store(true, Ordering::Relaxed))
    }
}

/// The keys as they are checked; a key that was there before keeps its last use.
fn held(records: &[Record], before: &HashMap<String, Held>) -> HashMap<String, Held> {
    let held = records.iter().filter_map(|record| {
        let last_used = before.get(&record.id).map(|key| key.last_used.clone());
        let mut principal = Principal::new(record.id.clone(), record.role, record.scope.clone());
        principal.name.clone_from(&record.name);
        let held = Held {
            hash: hash_in(&record.sha256)?,
            expires: record.expires,
            revoked: record.revoked,
            principal: Arc::new(principal),
            last_used: last_used.unwrap_or_default(),
        };
        Some((record.id.clone(), held))
    });
    held.collect()
}
