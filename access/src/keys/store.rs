//! The file of keys: created, listed, rotated and revoked under a lock.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use lexivec_storage::{FileStamp, PrivateDirectory};
use serde::{Deserialize, Serialize};

use super::record::{KeyInfo, KeyState, Record};
use super::secret::{Secret, hash_in, hex, id_in, is_id};
use crate::document::{self, VERSION};
use crate::error::{Error, Result};
use crate::role::Role;
use crate::scope::Scope;

/// Directory of the files of access, in that of the database.
pub const ACCESS_DIRECTORY: &str = ".access";
/// Most keys of a database, ended ones included; a server holds them all in memory.
pub const MAX_KEYS: usize = 10_000;
/// Longest file of keys, in bytes: 1.6 KiB for each of the most keys.
pub const MAX_KEYS_BYTES: u64 = 16 << 20;
/// Longest name of a key, in characters; lists show it.
pub const MAX_KEY_NAME_CHARS: usize = 64;
/// Longest scope of a key as JSON, in bytes; its filter is evaluated with every request.
pub const MAX_SCOPE_BYTES: usize = 16 << 10;

const KEYS: &str = "keys.json";
const LAST_USED: &str = "last-used.json";
/// File that is locked while keys are changed.
const LOCK: &str = "keys.lock";

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    version: u64,
    keys: Vec<Record>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastUsedFile {
    version: u64,
    last_used: BTreeMap<String, u64>,
}

/// A key that is to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its name, which no other live key has.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its scope.
    pub scope: Scope,
    /// The first second since the beginning of 1970 at which it is refused; `None` for a key without an end.
    pub expires: Option<u64>,
}

/// The keys of a database on disk. The command and a server may change them at once.
#[derive(Debug)]
pub struct KeyStore {
    directory: PrivateDirectory,
}

impl KeyStore {
    /// Opens the keys of a database, or of a single collection; the directory `.access` is made in it if it is not there.
    ///
    /// # Errors
    /// If the directory of the database is not there, or others than the owner may read that of the keys.
    pub fn open(database: &Path) -> Result<Self> {
        Ok(Self { directory: PrivateDirectory::create(&database.join(ACCESS_DIRECTORY))? })
    }

    /// Opens the keys of a database for reading; `None` if it has none.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_existing(database: &Path) -> Result<Option<Self>> {
        Ok(access_of(database)?.map(|directory| Self { directory }))
    }

    /// True if a database has a file of keys, whether it can be read or not.
    pub(crate) fn is_at(database: &Path) -> bool {
        database.join(ACCESS_DIRECTORY).join(KEYS).symlink_metadata().is_ok()
    }

    /// Makes a key. The secret is returned once. When there are as many keys as there may be, those that ended first make
    /// room.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name, a scope or an end that is refused; [`Error::NameTaken`] by a live key; and those of the
    /// files.
    pub fn create(&self, new: NewKey, now: u64) -> Result<(Secret, KeyInfo)> {
        check_name(&new.name)?;
        check_scope(&new.scope)?;
        if new.expires.is_some_and(|expires| expires <= now) {
            return Err(Error::invalid("the key would be expired already; choose a later end"));
        }
        self.change(|keys| {
            let mut live = keys.iter().filter(|key| key.is_live(now));
            if let Some(other) = live.find(|key| key.name == new.name) {
                return Err(Error::NameTaken { name: new.name.clone(), id: other.id.clone() });
            }
            let (secret, record) = fresh(keys, new, None, now)?;
            let info = KeyInfo::of(&record, None, now);
            keys.push(record);
            Ok((secret, info))
        })
    }

    /// Makes a key with the name, role and scope of another, which ends after `overlap`, if it does not end before. The new
    /// key lives as long as the old one was to live.
    ///
    /// # Errors
    /// [`Error::NoKey`]; [`Error::Ended`]; [`Error::Invalid`] if the key was rotated already; and those of the files.
    pub fn rotate(&self, id: &str, overlap: Duration, now: u64) -> Result<(Secret, KeyInfo)> {
        self.change(|keys| {
            let id = id_in(id);
            let later = keys.iter().find(|k| k.is_live(now) && k.replaces.as_deref() == Some(id));
            if let Some(later) = later {
                let detail = format!("the key {id} was rotated into {}; rotate that one", later.id);
                return Err(Error::invalid(detail));
            }
            let old = find(keys, id)?;
            let state = old.state(now);
            if state != KeyState::Live {
                return Err(Error::Ended { id: id.to_owned(), state: state.name() });
            }
            let lifetime = old.expires.map(|expires| expires.saturating_sub(old.created));
            let expires = lifetime.map(|seconds| now.saturating_add(seconds));
            let end = now.saturating_add(overlap.as_secs());
            old.expires = Some(old.expires.map_or(end, |expires| expires.min(end)));
            let (name, role, scope) = (old.name.clone(), old.role, old.scope.clone());
            let new = NewKey { name, role, scope, expires };
            let (secret, record) = fresh(keys, new, Some(id.to_owned()), now)?;
            let info = KeyInfo::of(&record, None, now);
            keys.push(record);
            Ok((secret, info))
        })
    }

    /// Revokes a key, which cannot be undone. A key that is revoked stays as it is.
    ///
    /// # Errors
    /// [`Error::NoKey`] and those of the files.
    pub fn revoke(&self, id: &str, now: u64) -> Result<KeyInfo> {
        self.change(|keys| {
            let key = find(keys, id_in(id))?;
            key.revoked = key.revoked.or(Some(now));
            Ok(KeyInfo::of(key, None, now))
        })
    }

    /// All keys in the order of their creation, without secrets and hashes.
    ///
    /// # Errors
    /// Those of the files.
    pub fn list(&self, now: u64) -> Result<Vec<KeyInfo>> {
        let (keys, _) = self.load()?;
        let used = self.last_used()?;
        Ok(keys.iter().map(|key| KeyInfo::of(key, used.get(&key.id).copied(), now)).collect())
    }

    /// One key of the list, by its id or its prefix.
    ///
    /// # Errors
    /// [`Error::NoKey`] and those of the files.
    pub fn get(&self, id: &str, now: u64) -> Result<KeyInfo> {
        let found = self.list(now)?.into_iter().find(|key| key.id == id_in(id));
        found.ok_or_else(|| Error::NoKey { id: id.to_owned() })
    }

    /// The records, with the stamp of the file they were read from.
    pub(crate) fn load(&self) -> Result<(Vec<Record>, Option<FileStamp>)> {
        let read = document::read::<KeysFile>(&self.directory, KEYS, MAX_KEYS_BYTES)?;
        let Some((file, stamp)) = read else { return Ok((Vec::new(), None)) };
        self.check(&file.keys)?;
        Ok((file.keys, Some(stamp)))
    }

    pub(crate) fn stamp(&self) -> Result<Option<FileStamp>> {
        Ok(self.directory.stamp(KEYS)?)
    }

    /// Last uses on disk, by id. A file that cannot be read is taken for none: it informs, and protects no key.
    fn last_used(&self) -> Result<BTreeMap<String, u64>> {
        match document::read::<LastUsedFile>(&self.directory, LAST_USED, MAX_KEYS_BYTES) {
            Err(Error::Unreadable { .. }) => Ok(BTreeMap::new()),
            read => Ok(read?.map(|(file, _)| file.last_used).unwrap_or_default()),
        }
    }

    /// Writes last uses: the later ones of these and of those on disk, for keys that are there.
    pub(crate) fn keep_last_used(&self, used: &[(String, u64)]) -> Result<()> {
        let _lock = self.directory.lock(LOCK)?;
        let (keys, _) = self.load()?;
        let ids: HashSet<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        let mut last_used = self.last_used()?;
        for (id, time) in used {
            let kept = last_used.entry(id.clone()).or_default();
            *kept = (*kept).max(*time);
        }
        last_used.retain(|id, _| ids.contains(id.as_str()));
        let file = LastUsedFile { version: VERSION, last_used };
        document::write(&self.directory, LAST_USED, MAX_KEYS_BYTES, &file)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Record>) -> Result<T>) -> Result<T> {
        let _lock = self.directory.lock(LOCK)?;
        let (mut keys, _) = self.load()?;
        let changed = change(&mut keys)?;
        let file = KeysFile { version: VERSION, keys };
        document::write(&self.directory, KEYS, MAX_KEYS_BYTES, &file)?;
        Ok(changed)
    }

    /// Checks what the form of the file does not.
    fn check(&self, keys: &[Record]) -> Result<()> {
        let unreadable = |detail: String| {
            let path = self.directory.path_of(KEYS).display().to_string();
            Err(Error::Unreadable { path, detail })
        };
        if keys.len() > MAX_KEYS {
            return unreadable(format!("it has {} keys, {MAX_KEYS} are the limit", keys.len()));
        }
        let mut ids = HashSet::new();
        for key in keys {
            if !is_id(&key.id) || hash_in(&key.sha256).is_none() {
                return unreadable(format!("the id or the hash of key {:?} is malformed", key.id));
            }
            if !ids.insert(key.id.as_str()) {
                return unreadable(format!("two keys have the id {}", key.id));
            }
        }
        Ok(())
    }
}

/// The directory of access of a database that is there; `None` if it has none.
pub(crate) fn access_of(database: &Path) -> Result<Option<PrivateDirectory>> {
    match PrivateDirectory::open(&database.join(ACCESS_DIRECTORY)) {
        Err(lexivec_storage::Error::NotFound { .. }) if database.is_dir() => Ok(None),
        Err(lexivec_storage::Error::NotFound { .. }) => {
            let path = database.display().to_string();
            Err(lexivec_storage::Error::NotFound { path }.into())
        }
        directory => Ok(Some(directory?)),
    }
}

/// A new key, for which there is room.
fn fresh(
    keys: &mut Vec<Record>,
    new: NewKey,
    replaces: Option<String>,
    now: u64,
) -> Result<(Secret, Record)> {
    if keys.len() >= MAX_KEYS {
        let ended = keys.iter().enumerate().filter(|(_, key)| !key.is_live(now));
        match ended.min_by_key(|(_, key)| key.end()) {
            Some((index, _)) => drop(keys.remove(index)),
            None => {
                let detail = format!("there are {MAX_KEYS} live keys, which is the limit");
                return Err(Error::invalid(detail + "; revoke one first"));
            }
        }
    }
    let secret = loop {
        let secret = Secret::random()?;
        if keys.iter().all(|key| key.id != secret.id()) {
            break secret;
        }
    };
    let record = Record {
        id: secret.id().to_owned(),
        name: new.name,
        role: new.role,
        scope: new.scope,
        sha256: hex(&secret.hash()),
        created: now,
        expires: new.expires,
        revoked: None,
        replaces,
    };
    Ok((secret, record))
}

fn find<'a>(keys: &'a mut [Record], id: &str) -> Result<&'a mut Record> {
    let found = keys.iter_mut().find(|key| key.id == id);
    found.ok_or_else(|| Error::NoKey { id: id.to_owned() })
}

fn check_name(name: &str) -> Result<()> {
    let chars = name.chars().count();
    let printable = !name.chars().any(char::is_control) && name.trim() == name;
    if (1..=MAX_KEY_NAME_CHARS).contains(&chars) && printable {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the name of a key has 1 to {MAX_KEY_NAME_CHARS} printable characters and no space at its ends; {name:?} has not"
    )))
}

fn check_scope(scope: &Scope) -> Result<()> {
    scope.check().map_err(Error::invalid)?;
    let bytes = serde_json::to_vec(scope).map_or(usize::MAX, |json| json.len());
    if bytes > MAX_SCOPE_BYTES {
        return Err(Error::invalid(format!(
            "the scope takes {bytes} bytes, {MAX_SCOPE_BYTES} are the limit; use a shorter filter or patterns"
        )));
    }
    Ok(())
}
