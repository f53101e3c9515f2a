//! A simulated disk for crash tests: it remembers every operation, shows what a power cut after
//! any of them may leave, and fails operations on demand.
//!
//! What may be lost: bytes not followed by a sync of their file, in whole or in 512-byte sectors;
//! creations, renames and removals not followed by a sync of the directory. What is synced stays.
//! Closing a file makes nothing durable.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::memory::MemoryVfs;
use super::{FileInfo, LockGuard, LogFile, Vfs, VfsFile};
use crate::error::{Error, Result};
use crate::mapped::Bytes;

/// Bytes that a disk writes or does not write as one.
const SECTOR_BYTES: usize = 512;

/// Name of a sync in errors.
const SYNC: &str = "sync";

/// Fate of operations that were not synced before the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPolicy {
    /// All are lost.
    DropUnsynced,
    /// All are there.
    KeepAll,
    /// All but the last write of each file, which is cut at a sector.
    Torn,
    /// Each sector and each directory operation is there or lost, by the seed.
    Random,
}

/// A failure to inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The device fails.
    Eio,
    /// The device is full.
    Enospc,
    /// Half of the bytes are written, then the device fails.
    ShortWrite,
    /// The device fails at a sync, and only then.
    SyncEio,
    /// The call was interrupted before it did anything.
    Eintr,
    /// There is no file descriptor left for an operation that needs one.
    Emfile,
}

/// Syncs to be ignored, so that a test can show that it notices a missing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IgnoredSync {
    /// Every sync works.
    #[default]
    None,
    /// Syncs of files do nothing.
    Files,
    /// Syncs of the directory do nothing.
    Directory,
    /// The sync of this number (from 0, files and directory counted together) does nothing: shows
    /// of each single one whether it is needed.
    Nth(usize),
}

type FileId = usize;

#[derive(Clone, Debug)]
enum Op {
    Create(String, FileId),
    /// A write: file, offset and bytes.
    Write(FileId, u64, Vec<u8>),
    Sync(FileId),
    Rename(String, String),
    Remove(String),
    SyncDir,
}

#[derive(Debug, Default)]
struct Trace {
    /// The durable state before the first operation.
    base: BTreeMap<String, Vec<u8>>,
    ops: Vec<Op>,
    /// The files by their present names.
    names: BTreeMap<String, FileId>,
    files: FileId,
    /// Operations tried, failed ones too.
    tried: usize,
    /// Syncs that did not fail, ignored ones too.
    syncs: usize,
    fault: Option<(usize, Fault, bool)>,
    ignored: IgnoredSync,
    /// Bytes the disk holds; no limit if there is none.
    capacity: Option<u64>,
    /// Writes to logs so far, and the first of those that are to vanish.
    log_writes: usize,
    lost_log_write: Option<usize>,
}

/// A simulated disk; clones share it.
#[derive(Clone, Debug, Default)]
pub struct FaultyVfs {
    live: MemoryVfs,
    trace: Arc<Mutex<Trace>>,
}

impl FaultyVfs {
    /// An empty disk on which everything works.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk that holds these files durably: what is left by a crash, to crash again.
    pub fn over(files: &MemoryVfs) -> Self {
        let base = files.contents();
        let names = numbered(&base).map(|(name, id)| (name.clone(), id)).collect();
        let trace = Trace { base: base.clone(), names, ..Trace::default() };
        Self { live: MemoryVfs::with_files(base), trace: Arc::new(Mutex::new(trace)) }
    }

    /// Syncs so far, ignored ones included: the numbers [`IgnoredSync::Nth`] takes.
    pub fn syncs(&self) -> usize {
        self.trace.lock().syncs
    }

    /// Writing operations so far, syncs included.
    pub fn ops(&self) -> usize {
        self.trace.lock().ops.len()
    }

    /// Operations tried so far, failed ones included: the numbers [`fail_at`](Self::fail_at) takes.
    pub fn tried(&self) -> usize {
        self.trace.lock().tried
    }

    /// Fails the operation of this number (from 0), or all from it on.
    pub fn fail_at(&self, op: usize, fault: Fault, persistent: bool) {
        self.trace.lock().fault = Some((op, fault, persistent));
    }

    /// Lets everything work again.
    pub fn heal(&self) {
        self.trace.lock().fault = None;
    }

    /// Lets writes to logs vanish from this number (from 0) on, although they are reported as done, so
    /// that a test can show that it notices lost ones.
    pub fn lose_log_writes(&self, first: usize) {
        self.trace.lock().lost_log_write = Some(first);
    }

    /// Makes the disk this large; a write beyond it finds it full.
    pub fn limit(&self, capacity: Option<u64>) {
        self.trace.lock().capacity = capacity;
    }

    /// Refuses a write for which the disk has no room.
    fn make_room(&self, bytes: u64, name: &str) -> Result<()> {
        let Some(capacity) = self.trace.lock().capacity else { return Ok(()) };
        let used: u64 = self.live.list()?.iter().map(|f| f.len).sum();
        if used + bytes <= capacity {
            return Ok(());
        }
        Err(injected(Fault::Enospc, "write", name))
    }

    /// Lets some syncs do nothing from now on.
    pub fn ignore_syncs(&self, ignored: IgnoredSync) {
        self.trace.lock().ignored = ignored;
    }

    /// A disk as a power cut after the first `cut` operations may leave it.
    pub fn crash_image(&self, cut: usize, policy: CrashPolicy, seed: u64) -> MemoryVfs {
        let trace = self.trace.lock();
        // Of the cut too: with one sequence of coins for all cuts, few seeds meet few cases.
        let mut image = Image::of(&trace.base, seed ^ (cut as u64).rotate_left(32));
        for op in trace.ops.iter().take(cut) {
            image.apply(op);
        }
        image.after_cut(policy)
    }

    /// Counts an operation; returns the fault to inject into it.
    fn step(&self, op: &'static str) -> Option<Fault> {
        let mut trace = self.trace.lock();
        let number = trace.tried;
        trace.tried += 1;
        let (at, fault, persistent) = trace.fault?;
        let met = number == at || (persistent && number > at);
        let possible = match fault {
            Fault::SyncEio => op == SYNC,
            Fault::Emfile => ["create", "open", "map", "read", "list"].contains(&op),
            _ => true,
        };
        (met && possible).then_some(fault)
    }

    fn pass(&self, op: &'static str, name: &str) -> Result<()> {
        match self.step(op) {
            None => Ok(()),
            Some(fault) => Err(injected(fault, op, name)),
        }
    }

    /// Records a sync of this kind unless it is to be ignored.
    fn sync(&self, kind: IgnoredSync, op: Op) {
        let mut trace = self.trace.lock();
        let number = IgnoredSync::Nth(trace.syncs);
        trace.syncs += 1;
        if trace.ignored != kind && trace.ignored != number {
            trace.ops.push(op);
        }
    }

    /// A number for a file just created.
    fn created(&self, name: &str) -> FileId {
        let mut trace = self.trace.lock();
        trace.files += 1;
        let id = trace.files;
        trace.ops.push(Op::Create(name.to_owned(), id));
        trace.names.insert(name.to_owned(), id);
        id
    }

    fn record(&self, op: Op) {
        self.trace.lock().ops.push(op);
    }
}

fn injected(fault: Fault, op: &'static str, name: &str) -> Error {
    let source = match fault {
        Fault::Enospc => io::Error::from(io::ErrorKind::StorageFull),
        Fault::Eintr => io::Error::from(io::ErrorKind::Interrupted),
        Fault::Emfile => io::Error::from(rustix::io::Errno::MFILE),
        Fault::Eio | Fault::ShortWrite | Fault::SyncEio => io::Error::other("injected fault"),
    };
    Error::io(op, name, source)
}

struct FaultyFile {
    inner: Box<dyn VfsFile>,
    disk: FaultyVfs,
    id: FileId,
    name: String,
    len: u64,
}

impl FaultyFile {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.inner.write_all(bytes)?;
        self.disk.record(Op::Write(self.id, self.len, bytes.to_vec()));
        self.len += bytes.len() as u64;
        Ok(())
    }
}

struct FaultyLog {
    inner: Box<dyn LogFile>,
    disk: FaultyVfs,
    id: FileId,
    name: String,
}

impl LogFile for FaultyLog {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let (bytes, fault) = match self.disk.step("write") {
            None => (bytes, None),
            Some(Fault::ShortWrite) => (&bytes[..bytes.len() / 2], Some(Fault::ShortWrite)),
            Some(fault) => (&bytes[..0], Some(fault)),
        };
        let lost = {
            let mut trace = self.disk.trace.lock();
            trace.log_writes += 1;
            trace.lost_log_write.is_some_and(|first| trace.log_writes > first)
        };
        if !bytes.is_empty() && !lost {
            self.inner.write_at(offset, bytes)?;
            self.disk.record(Op::Write(self.id, offset, bytes.to_vec()));
        }
        fault.map_or(Ok(()), |fault| Err(injected(fault, "write", &self.name)))
    }

    fn sync(&self) -> Result<()> {
        self.disk.pass(SYNC, &self.name)?;
        self.disk.sync(IgnoredSync::Files, Op::Sync(self.id));
        Ok(())
    }
}

impl VfsFile for FaultyFile {
    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        match self.disk.step("write") {
            None => {
                self.disk.make_room(bytes.len() as u64, &self.name)?;
                self.put(bytes)
            }
            Some(Fault::ShortWrite) => {
                self.put(&bytes[..bytes.len() / 2])?;
                Err(injected(Fault::ShortWrite, "write", &self.name))
            }
            Some(fault) => Err(injected(fault, "write", &self.name)),
        }
    }

    fn sync(&mut self) -> Result<()> {
        self.disk.pass(SYNC, &self.name)?;
        self.disk.sync(IgnoredSync::Files, Op::Sync(self.id));
        Ok(())
    }
}

impl Vfs for FaultyVfs {
    fn create(&self, name: &str) -> Result<Box<dyn VfsFile>> {
        self.pass("create", name)?;
        let inner = self.live.create(name)?;
        let (disk, id, name) = (self.clone(), self.created(name), name.to_owned());
        Ok(Box::new(FaultyFile { inner, disk, id, name, len: 0 }))
    }

    fn create_log(&self, name: &str, len: u64) -> Result<Box<dyn LogFile>> {
        self.pass("create", name)?;
        self.make_room(len, name)?;
        let inner = self.live.create_log(name, len)?;
        let (disk, id, name) = (self.clone(), self.created(name), name.to_owned());
        self.record(Op::Write(id, 0, vec![0; len as usize]));
        let log = FaultyLog { inner, disk, id, name };
        // As on a real disk, where the length has to be durable before bytes alone are synced.
        log.sync()?;
        Ok(Box::new(log))
    }

    fn open_log(&self, name: &str) -> Result<Box<dyn LogFile>> {
        self.pass("open", name)?;
        let inner = self.live.open_log(name)?;
        let Some(id) = self.trace.lock().names.get(name).copied() else {
            return Err(Error::NotFound { path: name.to_owned() });
        };
        Ok(Box::new(FaultyLog { inner, disk: self.clone(), id, name: name.to_owned() }))
    }

    fn map(&self, name: &str, expected_len: u64) -> Result<Bytes> {
        self.pass("map", name)?;
        self.live.map(name, expected_len)
    }

    fn read(&self, name: &str, max_len: u64) -> Result<Vec<u8>> {
        self.pass("read", name)?;
        self.live.read(name, max_len)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.pass("rename", from)?;
        self.live.rename(from, to)?;
        {
            let names = &mut self.trace.lock().names;
            let id = names.remove(from);
            names.extend(id.map(|id| (to.to_owned(), id)));
        }
        self.record(Op::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.pass("remove", name)?;
        self.live.remove(name)?;
        self.record(Op::Remove(name.to_owned()));
        Ok(())
    }

    fn list(&self) -> Result<Vec<FileInfo>> {
        self.pass("list", "the directory")?;
        self.live.list()
    }

    fn sync_dir(&self) -> Result<()> {
        self.pass(SYNC, "the directory")?;
        self.sync(IgnoredSync::Directory, Op::SyncDir);
        Ok(())
    }

    fn lock(&self, name: &str) -> Result<Box<dyn LockGuard>> {
        self.live.lock(name)
    }

    fn describe(&self) -> String {
        "a simulated disk".to_owned()
    }

    fn free_bytes(&self) -> Result<Option<u64>> {
        let Some(capacity) = self.trace.lock().capacity else { return Ok(None) };
        let used: u64 = self.live.list()?.iter().map(|f| f.len).sum();
        Ok(Some(capacity.saturating_sub(used)))
    }
}

/// A write that was not synced: where, and what.
type Pending = (u64, Vec<u8>);

/// The state of the disk while its trace is replayed.
#[derive(Default)]
struct Image {
    /// Synced bytes of each file, and writes since.
    files: BTreeMap<FileId, (Vec<u8>, Vec<Pending>)>,
    /// Directory as last synced, and operations since.
    names: BTreeMap<String, FileId>,
    pending: Vec<Op>,
    random: u64,
}

impl Image {
    fn of(base: &BTreeMap<String, Vec<u8>>, seed: u64) -> Self {
        let mut image = Self { random: seed, ..Self::default() };
        for (name, id) in numbered(base) {
            image.names.insert(name.clone(), id);
            image.files.insert(id, (base[name].clone(), Vec::new()));
        }
        image
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Write(id, at, bytes) => {
                self.files.entry(*id).or_default().1.push((*at, bytes.clone()));
            }
            Op::Sync(id) => {
                let (durable, pending) = self.files.entry(*id).or_default();
                pending.drain(..).for_each(|(at, bytes)| put(durable, at as usize, &bytes));
            }
            Op::SyncDir => {
                for op in std::mem::take(&mut self.pending) {
                    change(&mut self.names, &op);
                }
            }
            other => {
                if let Op::Create(_, id) = other {
                    self.files.entry(*id).or_default();
                }
                self.pending.push(other.clone());
            }
        }
    }

    fn after_cut(mut self, policy: CrashPolicy) -> MemoryVfs {
        let mut names = std::mem::take(&mut self.names);
        for op in std::mem::take(&mut self.pending) {
            let kept = match policy {
                CrashPolicy::DropUnsynced => false,
                CrashPolicy::KeepAll | CrashPolicy::Torn => true,
                CrashPolicy::Random => self.coin(),
            };
            if kept {
                change(&mut names, &op);
            }
        }
        let mut contents = Vec::new();
        for (name, id) in names {
            let (durable, pending) = self.files.get(&id).cloned().unwrap_or_default();
            contents.push((name, self.survivor(durable, pending, policy)));
        }
        MemoryVfs::with_files(contents)
    }

    fn survivor(
        &mut self,
        mut bytes: Vec<u8>,
        pending: Vec<Pending>,
        policy: CrashPolicy,
    ) -> Vec<u8> {
        let last = pending.len();
        for (i, (at, write)) in pending.into_iter().enumerate() {
            let at = at as usize;
            match policy {
                CrashPolicy::DropUnsynced => {}
                CrashPolicy::Torn if i + 1 == last => {
                    let sectors = (write.len() / SECTOR_BYTES) as u64 + 1;
                    let kept = (self.next() % sectors) as usize * SECTOR_BYTES;
                    put(&mut bytes, at, &write[..kept.min(write.len())]);
                }
                CrashPolicy::KeepAll | CrashPolicy::Torn => put(&mut bytes, at, &write),
                CrashPolicy::Random => self.scatter(&mut bytes, at, &write),
            }
        }
        bytes
    }

    /// Writes some sectors of a write, by the seed. Sectors are those of the file, so that a write
    /// that begins in the middle of one is torn where a disk would tear it.
    fn scatter(&mut self, bytes: &mut Vec<u8>, at: usize, write: &[u8]) {
        let before = bytes.len();
        let mut place = at;
        while place < at + write.len() {
            let next = (place / SECTOR_BYTES + 1) * SECTOR_BYTES;
            let end = next.min(at + write.len());
            match self.coin() {
                true => put(bytes, place, &write[place - at..end - at]),
                // The length was recorded and the sector never written.
                false if bytes.len() < end => bytes.resize(end, 0),
                false => {}
            }
            place = end;
        }
        if bytes.len() > before && self.coin() {
            let kept = self.next() as usize % (bytes.len() + 1);
            bytes.truncate(kept.max(before));
        }
    }

    fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    fn next(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The names of a disk's first files and their numbers: from the last number down, as those of the trace go up from 1.
fn numbered(base: &BTreeMap<String, Vec<u8>>) -> impl Iterator<Item = (&String, FileId)> {
    base.keys().enumerate().map(|(i, name)| (name, FileId::MAX - i))
}

/// Writes into a file, longer afterwards if need be.
fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Carries out one directory operation; one whose file a lost operation left missing does nothing.
fn change(names: &mut BTreeMap<String, FileId>, op: &Op) {
    match op {
        Op::Create(name, id) => {
            names.insert(name.clone(), *id);
        }
        Op::Rename(from, to) => {
            if let Some(id) = names.remove(from) {
                names.insert(to.clone(), id);
            }
        }
        Op::Remove(name) => {
            names.remove(name);
        }
        Op::Write(..) | Op::Sync(_) | Op::SyncDir => {}
    }
}
