//! The audit log on disk: entries are appended under a lock, and threads that wait share one sync.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use lexivec_storage::{AppendedFile, PrivateDirectory};
use parking_lot::{Condvar, Mutex};

use super::chain::{Fault, Head, Lines, Next};
use super::entry::Entry;
use super::read::AuditReader;
use crate::document::VERSION;
use crate::error::{Error, Result};
use crate::keys::ACCESS_DIRECTORY;

pub(super) const LOG: &str = "audit.jsonl";
pub(super) const HEAD: &str = "audit.head";
const LOCK: &str = "audit.lock";
/// Longest head, in bytes: two numbers and a hash.
const MAX_HEAD_BYTES: u64 = 1 << 10;

/// The audit log of a database. Several threads, and several processes, may append to it.
#[derive(Debug)]
pub struct AuditLog {
    directory: PrivateDirectory,
    reader: AuditReader,
    queue: Mutex<Queue>,
    written: Condvar,
}

/// Entries that wait for the thread that writes them.
#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// True while a thread writes.
    writing: bool,
    /// The reason for which the log takes no more entries.
    poisoned: Option<String>,
}

/// An entry, and the reason for which it was not written, once that is known.
#[derive(Debug)]
struct Waiting {
    entry: Entry,
    outcome: Arc<OnceLock<Option<String>>>,
}

impl AuditLog {
    /// Opens the log of a database, or begins one. The beginning of a line at its end, which a crash left, is cut.
    ///
    /// # Errors
    /// [`Error::AuditDamaged`] if an entry after the head was changed, or the end was cut; and those of the files.
    pub fn open(database: &Path) -> Result<Self> {
        let directory = PrivateDirectory::create(&database.join(ACCESS_DIRECTORY))?;
        let lock = directory.lock(LOCK)?;
        let (_, head) = end_of(&directory)?;
        write_head(&directory, &head)?;
        drop(lock);
        let reader = AuditReader::open(database)?;
        Ok(Self { directory, reader, queue: Mutex::default(), written: Condvar::new() })
    }

    /// Appends an entry, whose texts are cut to their bounds. It is on disk when this returns; threads that append at once
    /// share one sync.
    ///
    /// # Errors
    /// [`Error::NotLogged`] if it may not be on disk; the act should not be done then, or be reported as not logged.
    pub fn append(&self, entry: Entry) -> Result<()> {
        let outcome = Arc::new(OnceLock::new());
        let mut queue = self.queue.lock();
        queue.waiting.push(Waiting { entry: entry.bounded(), outcome: outcome.clone() });
        let refused = loop {
            if let Some(refused) = outcome.get() {
                break refused.clone();
            }
            if queue.writing {
                self.written.wait(&mut queue);
                continue;
            }
            queue.writing = true;
            let batch = std::mem::take(&mut queue.waiting);
            let poisoned = queue.poisoned.clone();
            drop(queue);
            let written =
                poisoned.map_or_else(|| self.write(&batch), |reason| Err(Failed::before(reason)));
            queue = self.queue.lock();
            queue.writing = false;
            let refused = written.err().map(|failed| {
                if failed.in_sync {
                    let reason = format!("an earlier sync failed ({}); restart", failed.reason);
                    queue.poisoned = Some(reason);
                }
                failed.reason
            });
            for waiting in batch {
                let _ = waiting.outcome.set(refused.clone());
            }
            self.written.notify_all();
        };
        refused.map_or(Ok(()), |reason| Err(Error::NotLogged { reason }))
    }

    /// Writes entries after the end of the log, which another process may have moved.
    fn write(&self, batch: &[Waiting]) -> std::result::Result<(), Failed> {
        let _lock = self.directory.lock(LOCK).map_err(Failed::before)?;
        let (file, start) = end_of(&self.directory).map_err(Failed::before)?;
        let (mut end, mut bytes) = (start.clone(), Vec::new());
        for waiting in batch {
            end.push(waiting.entry.clone(), &mut bytes).map_err(Failed::before)?;
        }
        if let Err(error) = file.write_at(start.bytes, &bytes) {
            // What was written of it is cut, now or before the next entry.
            let _ = file.cut(start.bytes);
            return Err(Failed::before(error));
        }
        file.sync().map_err(|e| Failed { reason: e.to_string(), in_sync: true })?;
        // The log is durable, and one that is ahead of its head verifies.
        let _ = write_head(&self.directory, &end);
        Ok(())
    }

    /// The log for reading; it may be used while entries are appended.
    pub fn reader(&self) -> &AuditReader {
        &self.reader
    }
}

/// A write that failed. After a sync that failed it is unknown what is on disk.
struct Failed {
    reason: String,
    in_sync: bool,
}

impl Failed {
    fn before(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), in_sync: false }
    }
}

/// The log and its end, of a log that is begun if there is none.
fn end_of(directory: &PrivateDirectory) -> Result<(AppendedFile, Head)> {
    let is_there = directory.stamp(LOG)?.is_some();
    // A head without a log is one whose log was removed; so the head is there before the log.
    if !is_there && directory.stamp(HEAD)?.is_none() {
        write_head(directory, &Head::start())?;
    }
    let head = read_head(directory)?;
    if head.entries > 0 && !is_there {
        return Err(damaged(&directory.path_of(LOG), Head::start().fault("the log is not there")));
    }
    let file = directory.create_appended(LOG)?;
    let head = caught_up(directory, &file, head)?;
    Ok((file, head))
}

/// The end of a log that was known up to `head`: lines after it are followed, and the beginning of a line is cut.
fn caught_up(directory: &PrivateDirectory, file: &AppendedFile, head: Head) -> Result<Head> {
    let length = file.len()?;
    let mut head = head;
    if length < head.bytes {
        let detail = format!("it ends at byte {length}, and its head is at byte {}", head.bytes);
        return Err(damaged(&directory.path_of(LOG), head.fault(detail)));
    }
    let mut lines = Lines::new(file.range(head.bytes, length));
    loop {
        match lines.next().map_err(|e| unreadable(&directory.path_of(LOG), &e))? {
            Next::Line(line) => {
                drop(head.follow(line).map_err(|f| damaged(&directory.path_of(LOG), f))?)
            }
            Next::TooLong => {
                return Err(damaged(&directory.path_of(LOG), head.fault("it has no end")));
            }
            Next::Torn(_) => {
                file.cut(head.bytes)?;
                return Ok(head);
            }
            Next::End => return Ok(head),
        }
    }
}

pub(super) fn read_head(directory: &PrivateDirectory) -> Result<Head> {
    let fault = |detail: &str| damaged(&directory.path_of(LOG), Head::start().fault(detail));
    let Some((bytes, _)) = directory.read(HEAD, MAX_HEAD_BYTES)? else {
        return Err(fault("audit.head, which says how far the log goes, is missing"));
    };
    let head: Head = serde_json::from_slice(&bytes).map_err(|e| {
        fault(&format!("audit.head, which says how far the log goes, is damaged: {e}"))
    })?;
    if head.version > VERSION {
        let path = directory.path_of(HEAD).display().to_string();
        return Err(Error::NewerVersion { path, found: head.version, supported: VERSION });
    }
    if head_bytes(&head) != bytes {
        return Err(fault("audit.head is not written as this program writes it"));
    }
    Ok(head)
}

fn write_head(directory: &PrivateDirectory, head: &Head) -> Result<()> {
    Ok(directory.replace(HEAD, &head_bytes(head))?)
}

fn head_bytes(head: &Head) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(head).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

pub(super) fn damaged(log: &Path, fault: Fault) -> Error {
    Error::AuditDamaged { path: log.display().to_string(), fault }
}

pub(super) fn unreadable(log: &Path, error: &io::Error) -> Error {
    let path = log.display().to_string();
    Error::Unreadable { path, detail: lexivec_storage::reason(error) }
}
