//! Writing the log: frames appended in order, one sync for all that wait.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::MAX_LOG_FILE_BYTES;
use super::end::EndFile;
use super::frame::{FIRST_FRAME, FRAME_BYTES, HEADER_BYTES, Header, Home, MARK_AT, Prepared};
use super::replay::LogContent;
use crate::error::{Error, Result};
use crate::names::{TEMPORARY_ENDING, log_name, log_number};
use crate::poison::Poison;
use crate::vfs::{LogFile, Vfs};

/// Parts of a log file, of which a short one has the length: 256 KiB of the usual 16 MiB, which is room for thousands of
/// deletes, and a third of the space that is kept for them.
const SHORT_PARTS: u64 = 64;
/// Whole log files that the disk must have room for before one is made: less space is left to what brings the rows of the
/// log into segment files.
const FREE_FILES: u64 = 16;

/// The log of a collection that is open for writing.
pub struct Log {
    vfs: Arc<dyn Vfs>,
    collection: u128,
    file_bytes: u64,
    poison: Arc<Poison>,
    inner: Mutex<Inner>,
    synced: Condvar,
}

struct Inner {
    /// The file frames go to; made when the first one comes.
    file: Option<Open>,
    /// The record of the log's end; made with the first file.
    end: Option<EndFile>,
    /// Number of the next file.
    next_file: u64,
    next_lsn: u64,
    /// Every write up to this one is durable.
    durable: u64,
    /// A sync is under way, for all that was written before it began.
    syncing: bool,
    /// The log as it was found, if there was no space to copy it; it is copied before the next write.
    waiting: Option<LogContent>,
}

struct Open {
    file: Arc<dyn LogFile>,
    home: Home,
    at: u64,
    len: u64,
    /// Number that the file's mark records as durable.
    marked: u64,
}

impl Open {
    /// Writes the mark that the file is whole up to this write.
    fn mark(&self, durable: u64) -> Result<()> {
        self.file.write_at(MARK_AT as u64, Prepared::mark().finish(self.home, durable, durable))
    }
}

impl Log {
    /// Goes on after what [`read_log`](super::read_log) found. Its frames are copied to a new file
    /// and synced: after a failed sync the pages that were read back may never have been on disk. Without space for the
    /// copy it is made before the next write.
    pub fn open(
        vfs: Arc<dyn Vfs>,
        collection: u128,
        poison: Arc<Poison>,
        file_bytes: u64,
        content: &LogContent,
        first_file: u64,
    ) -> Result<Self> {
        // Not even the number of an unfinished file is taken again: were its removal and its
        // making undone by a power cut and its renaming not, its old bytes would get the name.
        let number = |name: &str| log_number(name.strip_suffix(TEMPORARY_ENDING).unwrap_or(name));
        let taken = vfs.list()?.iter().filter_map(|f| number(&f.name)).max();
        let next_file = taken.map_or(first_file, |number| first_file.max(number + 1));
        let durable = content.next_lsn - 1;
        let end = EndFile::open(vfs.as_ref(), collection)?;
        let next_lsn = content.next_lsn;
        let (file, waiting, syncing) = (None, None, false);
        let inner = Inner { file, end, next_file, next_lsn, durable, syncing, waiting };
        let log = Self {
            vfs,
            collection,
            file_bytes: file_bytes.min(MAX_LOG_FILE_BYTES),
            poison,
            inner: Mutex::new(inner),
            synced: Condvar::new(),
        };
        let mut inner = log.inner.lock();
        match log.copy(&mut inner, content) {
            Err(Error::OutOfSpace { .. }) => inner.waiting = Some(content.clone()),
            copied => copied?,
        }
        drop(inner);
        Ok(log)
    }

    /// True if the disk is too full for the copy of the log that writing begins with. The next write tries it again.
    pub fn is_waiting(&self) -> bool {
        self.inner.lock().waiting.is_some()
    }

    /// Forgets a log that waits to be copied, once everything before this number is in segments.
    pub fn forget_before(&self, lsn: u64) {
        let mut inner = self.inner.lock();
        if inner.waiting.as_ref().is_some_and(|content| content.next_lsn <= lsn) {
            inner.waiting = None;
        }
    }

    fn copy(&self, inner: &mut Inner, content: &LogContent) -> Result<()> {
        if let Some(first) = content.frames.first() {
            let mut frames: Vec<(u64, Prepared)> =
                content.frames.iter().map(|f| (f.lsn, Prepared::write(&f.payload))).collect();
            let size = frames.iter().map(|(_, f)| f.size()).sum();
            let durable = inner.durable;
            let make = |open: &mut Open| {
                for (lsn, frame) in &mut frames {
                    open.file.write_at(open.at, frame.finish(open.home, *lsn, durable))?;
                    open.at += frame.size();
                }
                open.mark(durable)
            };
            let open = self.create(inner, first.lsn, size, make)?;
            inner.file = Some(open);
        } else if let (Some(end), false) = (&mut inner.end, content.files.is_empty()) {
            // The files that go now were made and held nothing.
            self.poison.guard(end.record(0, content.next_lsn - 1))?;
        }
        for &number in &content.files {
            self.vfs.remove(&log_name(number))?;
        }
        Ok(())
    }

    /// Appends a write and gives its number. It is not durable before [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that no file holds; nothing was written.
    /// [`Error::OutOfSpace`] and [`Error::NoDescriptors`] when no file can be made for it: nothing was written, and
    /// writing may go on when there is space, or a descriptor. After any other failure all writes are refused.
    pub fn append(&self, payload: &[u8]) -> Result<u64> {
        if payload.len() as u64 > MAX_LOG_FILE_BYTES / 2 {
            let detail = format!("a write of {} bytes is too long for the log", payload.len());
            return Err(Error::Invalid { detail });
        }
        let mut frame = Prepared::write(payload);
        let mut inner = self.inner.lock();
        let fits = |inner: &Inner| {
            inner.file.as_ref().is_some_and(|open| open.at + frame.size() <= open.len)
        };
        if !fits(&inner) {
            self.await_sync(&mut inner);
        }
        self.poison.check()?;
        if let Some(content) = inner.waiting.take() {
            let copied = self.copy(&mut inner, &content);
            if copied.is_err() {
                inner.waiting = Some(content);
            }
            copied?;
        }
        if !fits(&inner) {
            self.make_room(&mut inner, frame.size())?;
        }
        let lsn = inner.next_lsn;
        self.put(&mut inner, &mut frame, lsn)?;
        inner.next_lsn += 1;
        Ok(lsn)
    }

    /// Returns once the write of this number is durable. Concurrent callers share one sync.
    ///
    /// # Errors
    /// [`Error::DurabilityUnknown`] when a sync failed; all later writes are refused.
    pub fn sync(&self, lsn: u64) -> Result<()> {
        let mut inner = self.inner.lock();
        while inner.durable < lsn {
            if let Err(Error::Poisoned { reason }) = self.poison.check() {
                return Err(Error::DurabilityUnknown { reason });
            }
            if inner.syncing {
                self.synced.wait(&mut inner);
                continue;
            }
            let Some(open) = &inner.file else { break };
            let (file, name) = (open.file.clone(), log_name(open.home.number));
            let upto = inner.next_lsn - 1;
            inner.syncing = true;
            // What is synced into a file without a name, or in a directory that is elsewhere, is not kept.
            let kept = || file.sync().and_then(|()| file.check_name(&name));
            let synced = MutexGuard::unlocked(&mut inner, kept);
            inner.syncing = false;
            match synced {
                Ok(()) => inner.durable = inner.durable.max(upto),
                Err(error) => self.poison.fail(error.to_string()),
            }
            self.synced.notify_all();
        }
        Ok(())
    }

    /// Refuses once the log file no longer has its name in the directory that was opened, or the directory its lock.
    fn check_kept(&self, file: &dyn LogFile, name: &str) -> Result<()> {
        file.check_name(name)?;
        self.vfs.check_place()
    }

    /// Number of the last write.
    pub fn last(&self) -> u64 {
        self.inner.lock().next_lsn - 1
    }

    /// Every write up to this one is durable.
    pub fn durable(&self) -> u64 {
        self.inner.lock().durable
    }

    /// Makes all writes durable and lets later ones go to a new file. Gives the number of the next
    /// write and of the file it will be in.
    pub fn seal(&self) -> Result<(u64, u64)> {
        let mut inner = self.inner.lock();
        self.await_sync(&mut inner);
        self.poison.check()?;
        self.sync_open(&mut inner)?;
        inner.file = None;
        self.synced.notify_all();
        Ok((inner.next_lsn, inner.next_file))
    }

    /// Says in the file what is durable, so that damage to the last writes is not taken for a torn tail
    /// after a kill either. This itself is not synced.
    pub fn mark_durable(&self) -> Result<()> {
        let mut inner = self.inner.lock();
        let durable = inner.durable;
        match &mut inner.file {
            Some(open) if open.marked < durable => {
                self.poison.guard(open.mark(durable))?;
                open.marked = durable;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Makes all writes durable and marks them so in the file, so that damage to the last ones is not
    /// taken for a torn tail.
    pub fn close(&self) -> Result<()> {
        let mut inner = self.inner.lock();
        self.await_sync(&mut inner);
        self.poison.check()?;
        self.sync_open(&mut inner)?;
        let Some(open) = &inner.file else { return Ok(()) };
        self.poison.guard(open.mark(inner.durable))?;
        let number = open.home.number;
        self.sync_file(&inner)?;
        self.record_end(&mut inner, number)
    }

    /// Records durably that this file was made, and what is durable.
    fn record_end(&self, inner: &mut Inner, number: u64) -> Result<()> {
        let durable = inner.durable;
        match &mut inner.end {
            Some(end) => self.poison.guard(end.record(number + 1, durable)),
            None => Ok(()),
        }
    }

    /// Makes the record of the log's end, if there is none. Its name is made durable with that of the log file.
    fn ensure_end(&self, inner: &mut Inner) -> Result<()> {
        if inner.end.is_some() {
            return Ok(());
        }
        match EndFile::create(self.vfs.as_ref(), self.collection, inner.durable) {
            Err(clean @ (Error::OutOfSpace { .. } | Error::NoDescriptors { .. })) => Err(clean),
            made => {
                inner.end = Some(self.poison.guard(made)?);
                Ok(())
            }
        }
    }

    /// Waits for a running sync. The system reports a failed sync once: of two concurrent ones, one
    /// would fail and the other succeed.
    fn await_sync(&self, inner: &mut MutexGuard<'_, Inner>) {
        while inner.syncing {
            self.synced.wait(inner);
        }
    }

    /// Opens a new file, with room for a frame of this size.
    fn make_room(&self, inner: &mut Inner, size: u64) -> Result<()> {
        // What the full file holds must be durable before there is a file that goes on after it.
        self.sync_open(inner)?;
        let first = inner.next_lsn;
        inner.file = Some(self.create(inner, first, size, |_| Ok(()))?);
        Ok(())
    }

    fn sync_open(&self, inner: &mut Inner) -> Result<()> {
        if inner.durable < inner.next_lsn - 1 {
            self.sync_file(inner)?;
            inner.durable = inner.next_lsn - 1;
        }
        Ok(())
    }

    fn sync_file(&self, inner: &Inner) -> Result<()> {
        let Some(open) = &inner.file else { return Ok(()) };
        let name = log_name(open.home.number);
        let synced = open.file.sync().and_then(|()| self.check_kept(&*open.file, &name));
        self.poison.guard(synced)
    }

    /// Writes a frame behind the last one.
    fn put(&self, inner: &mut Inner, frame: &mut Prepared, lsn: u64) -> Result<()> {
        let durable = inner.durable;
        let Some(open) = &mut inner.file else { return Ok(()) };
        match open.file.write_at(open.at, frame.finish(open.home, lsn, durable)) {
            Ok(()) => {
                open.at += frame.size();
                Ok(())
            }
            Err(full @ Error::OutOfSpace { .. }) => {
                // What was written of it must not be taken for a write.
                self.poison.guard(open.file.write_at(open.at, &[0; FRAME_BYTES]))?;
                Err(full)
            }
            failed => self.poison.guard(failed),
        }
    }

    /// Makes an unfinished log file: a whole one on a disk with much space, else a short one, else one of `least` bytes.
    fn take_space(&self, name: &str, least: u64) -> Result<(Arc<dyn LogFile>, u64)> {
        let whole = self.file_bytes.max(least);
        let plenty = |free: u64| free / FREE_FILES >= whole;
        let short = (self.file_bytes / SHORT_PARTS).max(least);
        let first = if self.vfs.free_bytes()?.is_none_or(plenty) { whole } else { short };
        for len in [first, short, least] {
            match self.vfs.create_log(name, len) {
                Err(Error::OutOfSpace { .. }) if len > least => {
                    let _ = self.vfs.remove(name);
                }
                created => return Ok((Arc::from(created?), len)),
            }
        }
        Err(Error::OutOfSpace { path: name.to_owned() })
    }

    /// Makes a log file. It gets its name once its length, its header and what `fill` puts in are
    /// durable: a file with a name that cannot be read is damage, never a torn write.
    fn create(
        &self,
        inner: &mut Inner,
        first_lsn: u64,
        size: u64,
        fill: impl FnOnce(&mut Open) -> Result<()>,
    ) -> Result<Open> {
        self.ensure_end(inner)?;
        let home = Home { collection: self.collection, number: inner.next_file };
        inner.next_file += 1;
        let name = log_name(home.number);
        let temporary = format!("{name}{TEMPORARY_ENDING}");
        let needed = FIRST_FRAME as u64 + size;
        let least = needed.next_multiple_of(HEADER_BYTES as u64);
        let made = || {
            let (file, len) = self.take_space(&temporary, least)?;
            let header = Header { home, first_lsn, len };
            file.write_at(0, &header.encode())?;
            let mut open = Open { file, home, at: FIRST_FRAME as u64, len, marked: 0 };
            fill(&mut open)?;
            open.file.sync()?;
            Ok(open)
        };
        let open = match made() {
            Err(clean @ (Error::OutOfSpace { .. } | Error::NoDescriptors { .. })) => {
                // It has no name yet; if it cannot go now, the next open sweeps it.
                let _ = self.vfs.remove(&temporary);
                return Err(clean);
            }
            made => self.poison.guard(made)?,
        };
        let named = self.vfs.rename(&temporary, &name).and_then(|()| self.vfs.sync_dir());
        self.poison.guard(named.and_then(|()| self.check_kept(&*open.file, &name)))?;
        self.record_end(inner, home.number)?;
        Ok(open)
    }
}
