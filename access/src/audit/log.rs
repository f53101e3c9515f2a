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
    file: AppendedFile,
    queue: Mutex<Queue>,
    written: Condvar,
}

/// Entries that wait for the thread that writes them.
#[derive(Debug)]
struct Queue {
    waiting: Vec<Waiting>,
    /// The end of the log; `None` while a thread writes.
    head: Option<Head>,
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
    /// [`Error::AuditDamaged`] if a line was changed since, or the end was cut; and those of the files.
    pub fn open(database: &Path) -> Result<Self> {
        let directory = PrivateDirectory::create(&database.join(ACCESS_DIRECTORY))?;
        let lock = directory.lock(LOCK)?;
        // A head without a log is one whose log was removed; so the head is there before the log.
        if directory.stamp(HEAD)?.is_none() && directory.stamp(LOG)?.is_none() {
            write_head(&directory, &Head::start())?;
        }
        let head = read_head(&directory)?;
        if head.entries > 0 && directory.stamp(LOG)?.is_none() {
            return Err(damaged(
                &directory.path_of(LOG),
                Head::start().fault("the log is not there"),
            ));
        }
        let file = directory.create_appended(LOG)?;
        let head = caught_up(&directory, &file, head)?;
        write_head(&directory, &head)?;
        drop(lock);
        let queue = Queue { waiting: Vec::new(), head: Some(head), poisoned: None };
        let reader = AuditReader::open(database)?;
        Ok(Self { directory, reader, file, queue: Mutex::new(queue), written: Condvar::new() })
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
            let Some(head) = queue.head.take() else {
                self.written.wait(&mut queue);
                continue;
            };
            let batch = std::mem::take(&mut queue.waiting);
            let poisoned = queue.poisoned.clone();
            drop(queue);
            let written = match poisoned {
                Some(reason) => Err((reason, false)),
                None => self.write(&head, &batch),
            };
            queue = self.queue.lock();
            let refused = match written {
                Ok(head) => {
                    queue.head = Some(head);
                    None
                }
                Err((reason, poisons)) => {
                    queue.head = Some(head);
                    if poisons {
                        queue.poisoned =
                            Some(format!("an earlier sync failed ({reason}); restart"));
                    }
                    Some(reason)
                }
            };
            for waiting in batch {
                let _ = waiting.outcome.set(refused.clone());
            }
            self.written.notify_all();
        };
        refused.map_or(Ok(()), |reason| Err(Error::NotLogged { reason }))
    }

    /// Writes entries after the end of the log, wherever another process has moved it. The error says if the state of the
    /// file is unknown, as it is after a sync that failed.
    fn write(&self, head: &Head, batch: &[Waiting]) -> std::result::Result<Head, (String, bool)> {
        let failed = |e: Error| (e.to_string(), false);
        let directory = &self.directory;
        let _lock = directory.lock(LOCK).map_err(|e| failed(e.into()))?;
        let start = caught_up(directory, &self.file, head.clone()).map_err(failed)?;
        let (mut end, mut bytes) = (start.clone(), Vec::new());
        for waiting in batch {
            let pushed = end.push(waiting.entry.clone(), &mut bytes);
            pushed.map_err(|e| (e.to_string(), false))?;
        }
        if let Err(error) = self.file.write_at(start.bytes, &bytes) {
            // What was written of it is cut, now or before the next entry.
            let _ = self.file.cut(start.bytes);
            return Err((error.to_string(), false));
        }
        self.file.sync().map_err(|e| (e.to_string(), true))?;
        // The log is durable, and one that is ahead of its head verifies.
        let _ = write_head(directory, &end);
        Ok(end)
    }

    /// The log for reading; it may be used while entries are appended.
    pub fn reader(&self) -> &AuditReader {
        &self.reader
    }
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
