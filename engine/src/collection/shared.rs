//! State shared by a handle and its background threads: the directory, the log, the order of writes and
//! the generation that searches read.
//!
//! Locks are taken in this order: `compacting`, `maintenance`, `building`, `writes`; `directory`
//! last.

use std::collections::{BTreeMap, VecDeque};
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use lexivec_query::Profile;
use lexivec_storage::{Directory, Error as StorageError, Log, Poison, Vfs};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::indexing::Indexing;
use crate::error::{Error, Result};
use crate::generation::Generation;
use crate::generation::Operation;
use crate::limits::{FLUSH_SPACE, MAX_ADMITTED_BYTES};
use crate::options::OpenOptions;
use crate::schema::Schema;
use crate::text::SynonymTable;

pub(super) struct Shared {
    pub(super) schema: Arc<Schema>,
    /// Profiles of the current manifest; changed with `maintenance` held.
    pub(super) profiles: ArcSwap<BTreeMap<String, Profile>>,
    /// Synonyms of the current manifest; changed with `maintenance` held.
    pub(super) synonyms: ArcSwap<SynonymTable>,
    /// The reason that the newest manifest was passed over, if so.
    pub(super) damage: Mutex<Option<String>>,
    /// The sibling stores that the newest manifest names: folder and identifier.
    pub(super) siblings: Mutex<BTreeMap<String, String>>,
    pub(super) options: OpenOptions,
    pub(super) vfs: Arc<dyn Vfs>,
    pub(super) poison: Arc<Poison>,
    pub(super) directory: Mutex<Directory>,
    /// `None` on a read-only handle.
    pub(super) log: Option<Log>,
    /// Held while a write is assigned its number.
    pub(super) writes: Mutex<Writes>,
    /// Held while a generation is derived from the one before it.
    pub(super) building: Mutex<()>,
    pub(super) indexing: Indexing,
    pub(super) current: ArcSwap<Generation>,
    /// Number of the last write that the next search must see.
    pub(super) visible: AtomicU64,
    /// Held while a manifest is committed.
    pub(super) maintenance: Mutex<()>,
    /// Held while segments are merged.
    pub(super) compacting: Mutex<()>,
    /// Segments whose merge the gate refused.
    pub(super) refused: Mutex<Option<Vec<String>>>,
    /// True while the reserve is not whole: it was given up on a full disk, or could not be made.
    pub(super) short: AtomicBool,
    /// Free bytes of the disk when a flush before a write last found too few; `None` if that may be otherwise by now.
    pub(super) full_at: Mutex<Option<u64>>,
    /// Cancels a running compaction.
    pub(super) cancelled: AtomicBool,
    /// Wakes the background thread.
    pub(super) wake_up: WakeUp,
    /// File and byte at which the log ended in a torn write when the handle was opened.
    pub(super) torn: Option<(String, u64)>,
    /// The process that opened the handle.
    pub(super) opener: u32,
}

/// Numbered writes that are in no generation yet.
#[derive(Default)]
pub(super) struct Writes {
    pub(super) pending: VecDeque<Pending>,
    /// Size of the writes that were logged since the last flush began.
    pub(super) logged: Logged,
    /// Bytes up to which the log may grow before the free space is looked at again.
    pub(super) admitted: u64,
}

impl Writes {
    /// Adds a numbered write.
    pub(super) fn push(&mut self, lsn: u64, write: LoggedWrite) {
        self.logged += write.size;
        self.pending.push_back(Pending { lsn, write });
    }

    /// The first writes that wait and take up to `most` bytes of memory together, but one at least.
    fn take_pending(&mut self, most: u64) -> Vec<Pending> {
        let mut memory = 0u64;
        let within = |waits: &&Pending| {
            memory = memory.saturating_add(waits.write.size.memory);
            memory <= most
        };
        let count = self.pending.iter().take_while(within).count();
        self.pending.drain(..count.max(1).min(self.pending.len())).collect()
    }

    /// Counts only the writes that still wait from now on, as a flush takes the others; gives the size of those.
    pub(super) fn begin_flush(&mut self) -> Logged {
        self.admitted = 0;
        let mut left = Logged::default();
        self.pending.iter().for_each(|waits| left += waits.write.size);
        let all = std::mem::replace(&mut self.logged, left);
        Logged {
            bytes: all.bytes.saturating_sub(left.bytes),
            rows: all.rows.saturating_sub(left.rows),
            memory: all.memory.saturating_sub(left.memory),
        }
    }
}

/// Size of writes: bytes in the log, rows, and bytes of memory that their rows take once they are read.
#[derive(Clone, Copy, Default)]
pub(super) struct Logged {
    pub(super) bytes: u64,
    pub(super) rows: usize,
    pub(super) memory: u64,
}

impl AddAssign for Logged {
    fn add_assign(&mut self, more: Self) {
        self.bytes += more.bytes;
        self.rows += more.rows;
        self.memory += more.memory;
    }
}

/// A write in the form of the log, as its rows may take a hundred times as much memory; and what is asked of it later.
#[derive(Clone)]
pub(super) struct LoggedWrite {
    pub(super) frame: Arc<[u8]>,
    pub(super) size: Logged,
    /// True if it only deletes.
    pub(super) deletes: bool,
    text_bytes: usize,
}

impl LoggedWrite {
    /// The form of an operation in the log, and its size.
    pub(super) fn new(operation: &Operation) -> Result<Self> {
        Ok(Self::of(operation, operation.encode()?))
    }

    /// An operation whose form in the log is `frame`.
    pub(super) fn of(operation: &Operation, frame: Vec<u8>) -> Self {
        let (bytes, memory) = (frame.len() as u64, operation.memory() as u64);
        Self {
            frame: frame.into(),
            size: Logged { bytes, rows: operation.rows(), memory },
            deletes: matches!(operation, Operation::Delete(_)),
            text_bytes: operation.text_bytes(),
        }
    }
}

/// A write that waits to be applied, under its number.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) lsn: u64,
    write: LoggedWrite,
}

impl Pending {
    fn read(&self) -> Result<Operation> {
        Operation::decode(&format!("write {} of the log", self.lsn), &self.write.frame)
    }
}

/// Wake-up of the background thread.
#[derive(Default)]
pub(super) struct WakeUp {
    pub(super) state: Mutex<BellState>,
    pub(super) changed: Condvar,
}

#[derive(Default)]
pub(super) struct BellState {
    pub(super) stop: bool,
    pub(super) due: bool,
    /// Error of the background thread's last run.
    pub(super) failure: Option<String>,
}

impl Shared {
    pub(super) fn read_only(&self) -> bool {
        self.log.is_none()
    }

    /// The log of a handle that may write; an error for a read-only handle, a handle inherited by a
    /// fork, and a handle after a failure.
    pub(super) fn writable(&self) -> Result<&Log> {
        let Some(log) = &self.log else {
            return Err(StorageError::ReadOnly.into());
        };
        check_process(self.opener, std::process::id())?;
        self.poison.check()?;
        Ok(log)
    }

    fn sees_all(&self, generation: &Generation) -> bool {
        generation.seq >= self.visible.load(Ordering::Acquire)
    }

    /// True if the current generation lacks a visible write.
    pub(super) fn is_behind(&self) -> bool {
        !self.sees_all(&self.current.load())
    }

    /// Bytes of the texts of writes that are in no generation yet.
    pub(super) fn waiting_text_bytes(&self) -> usize {
        self.writes.lock().pending.iter().map(|waits| waits.write.text_bytes).sum()
    }

    /// The schema with the present profiles, synonyms and sibling stores.
    pub(super) fn present_schema(&self) -> Schema {
        Schema {
            profiles: (*self.profiles.load_full()).clone(),
            synonyms: self.synonyms.load().source().clone(),
            siblings: self.siblings.lock().clone(),
            ..(*self.schema).clone()
        }
    }

    /// The generation with every visible write. Writes are applied by the first search after them, so
    /// that many of them make one segment in memory.
    pub(super) fn view(&self) -> Result<Arc<Generation>> {
        let seen = |current: &Generation| self.sees_all(current);
        let current = self.current.load_full();
        if seen(&current) {
            return Ok(current);
        }
        let _building = self.building.lock();
        let current = self.current.load_full();
        if seen(&current) {
            return Ok(current);
        }
        let visible = self.visible.load(Ordering::Acquire);
        let waiting: Vec<Pending> = {
            let writes = self.writes.lock();
            writes.pending.iter().take_while(|write| write.lsn <= visible).cloned().collect()
        };
        self.publish(&current, &waiting)
    }

    /// The generation with every write that has a number, all of them durable. Called with
    /// `building` and `writes` held, so that no write comes between.
    pub(super) fn latest(
        &self,
        log: &Log,
        writes: &mut MutexGuard<'_, Writes>,
    ) -> Result<Arc<Generation>> {
        self.latest_within(log, writes, u64::MAX)
    }

    /// [`latest`](Self::latest) without the writes after those that take `most` bytes of memory; they go on waiting.
    pub(super) fn latest_within(
        &self,
        log: &Log,
        writes: &mut MutexGuard<'_, Writes>,
        most: u64,
    ) -> Result<Arc<Generation>> {
        let last = log.last();
        log.sync(last)?;
        self.visible.fetch_max(last, Ordering::AcqRel);
        let waiting = writes.take_pending(most);
        let current = self.current.load_full();
        match self.apply(&current, &waiting) {
            Ok(next) => Ok(next),
            Err(error) => {
                waiting.into_iter().rev().for_each(|write| writes.pending.push_front(write));
                Err(error)
            }
        }
    }

    fn publish(&self, current: &Arc<Generation>, waiting: &[Pending]) -> Result<Arc<Generation>> {
        let next = self.apply(current, waiting)?;
        let mut writes = self.writes.lock();
        while writes.pending.front().is_some_and(|write| write.lsn <= next.seq) {
            writes.pending.pop_front();
        }
        Ok(next)
    }

    fn apply(&self, current: &Arc<Generation>, waiting: &[Pending]) -> Result<Arc<Generation>> {
        // Writes that a flush or a recovery has put into a segment are not applied again.
        let new = waiting.iter().filter(|write| write.lsn > current.seq);
        let Some(last) = waiting.last().filter(|write| write.lsn > current.seq) else {
            return Ok(current.clone());
        };
        let operations = new.map(Pending::read).collect::<Result<Vec<_>>>()?;
        let next = Arc::new(current.after(&self.schema, &operations, last.lsn)?);
        self.current.store(next.clone());
        Ok(next)
    }

    /// Runs `work`; if the disk is full, releases the reserve and runs it again.
    pub(super) fn with_reserve<T>(&self, work: impl Fn() -> Result<T>) -> Result<T> {
        match work() {
            Err(Error::Storage(StorageError::OutOfSpace { .. })) if self.release_reserve() => {
                work()
            }
            done => done,
        }
    }

    /// Gives the reserve up; true if there was one.
    pub(super) fn release_reserve(&self) -> bool {
        self.short.store(true, Ordering::Release);
        self.directory.lock().release_reserve()
    }

    /// Refuses rows of `more` bytes if a flush might find no space for them and for what only the log has.
    ///
    /// # Errors
    /// [`StorageError::OutOfSpace`].
    pub(super) fn check_room(&self, writes: &mut Writes, more: u64) -> Result<()> {
        let bytes = writes.logged.bytes + more;
        if bytes <= writes.admitted {
            return Ok(());
        }
        let Some(free) = self.vfs.free_bytes()? else { return Ok(()) };
        let needed = bytes.saturating_mul(FLUSH_SPACE);
        if free < needed {
            let path = format!("rows and their segment file in {}", self.vfs.describe());
            return Err(StorageError::OutOfSpace { path }.into());
        }
        // Each byte of the log takes one of the free ones, and needs more of them.
        writes.admitted = bytes + ((free - needed) / (2 * FLUSH_SPACE)).min(MAX_ADMITTED_BYTES);
        Ok(())
    }

    /// Takes the reserve back, if it was given up.
    ///
    /// # Errors
    /// [`StorageError::OutOfSpace`] without space for it: a write of rows would take the space that deletes, flushes and
    /// compactions need to free some.
    pub(super) fn retake_reserve(&self) -> Result<()> {
        if !self.short.load(Ordering::Acquire) {
            return Ok(());
        }
        if self.directory.lock().keep_reserve(self.options.reserve_bytes) {
            self.short.store(false, Ordering::Release);
            return Ok(());
        }
        let path = format!("rows and the reserve for deletes in {}", self.vfs.describe());
        Err(StorageError::OutOfSpace { path }.into())
    }

    /// Takes the reserve back if it was given up and there is space for it again: whatever freed the space, the next
    /// program that fills the disk finds the reserve.
    pub(super) fn retake_reserve_if_free(&self) {
        let free = || self.vfs.free_bytes().ok().flatten();
        if self.short.load(Ordering::Acquire)
            && free().is_none_or(|bytes| bytes > self.options.reserve_bytes)
        {
            // What does not succeed is tried again.
            let _ = self.retake_reserve();
        }
    }

    /// Records the last error of background work, which `stats` reports until the work succeeds.
    pub(super) fn note(&self, done: Result<()>) {
        self.wake_up.state.lock().failure = done.err().map(|error| error.to_string());
    }

    /// Wakes the background thread; true if there is no thread and the caller has to do the work.
    pub(super) fn ring(&self) -> bool {
        if !self.options.background {
            return true;
        }
        self.wake_up.state.lock().due = true;
        self.wake_up.changed.notify_all();
        false
    }
}

/// True for work that the disk was too full for.
pub(super) fn is_full<T>(done: &Result<T>) -> bool {
    done.as_ref().is_err_and(is_out_of_space)
}

/// True for the error of a full disk.
pub(super) fn is_out_of_space(error: &Error) -> bool {
    matches!(error, Error::Storage(StorageError::OutOfSpace { .. }))
}

/// Refuses a handle in a fork of the process that opened it: both processes would write to one log.
fn check_process(opener: u32, process: u32) -> Result<()> {
    if opener == process { Ok(()) } else { Err(StorageError::Forked { opener }.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_does_not_try_the_flush_again_that_found_the_disk_as_full() {
        let disk = lexivec_storage::FaultyVfs::new();
        let open = OpenOptions::new().background(false).log_file_bytes(4 << 10).reserve_bytes(0);
        let options = crate::options::Options::new().open(open);
        let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
        let collection = crate::collection::Collection::create(vfs, options).expect("made");
        disk.limit(Some(100 << 10));
        let mut id = 0;
        let mut write = || {
            id += 1;
            let row = crate::document::Document::new(id.to_string()).text("wing ".repeat(100));
            collection.upsert([row]).is_ok()
        };
        while write() {}
        // Each flush takes the number of a segment file.
        let tried = || collection.shared.directory.lock().manifest().next_file;
        let before = tried();
        assert!(!write() && !write() && tried() == before);
        collection.delete(&["1"]).expect("deleted");
        write();
        assert!(tried() > before, "fewer rows are to be written");
        let before = tried();
        disk.limit(None);
        assert!(write());
        assert!(tried() > before || collection.shared.full_at.lock().is_some());
    }

    #[test]
    fn a_forked_handle_is_refused() {
        check_process(7, 7).expect("the same process");
        let refused = check_process(7, 8).expect_err("a fork").to_string();
        assert!(refused.contains("opened by process 7"), "{refused}");
    }
}
