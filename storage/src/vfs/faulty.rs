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
use super::{FileInfo, LockGuard, Vfs, VfsFile};
use crate::error::{Error, Result};
use crate::mapped::Bytes;

/// Bytes that a disk writes or does not write as one.
const SECTOR_BYTES: usize = 512;

/// What a sync is called in errors.
const SYNC: &str = "sync";

/// What becomes of operations that were not synced before the cut.
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
    Write(FileId, Vec<u8>),
    Sync(FileId),
    Rename(String, String),
    Remove(String),
    SyncDir,
}

#[derive(Debug, Default)]
struct Trace {
    /// What was durable before the first operation.
    base: BTreeMap<String, Vec<u8>>,
    ops: Vec<Op>,
    files: FileId,
    /// Operations tried, failed ones too.
    tried: usize,
    /// Syncs that did not fail, ignored ones too.
    syncs: usize,
    fault: Option<(usize, Fault, bool)>,
    ignored: IgnoredSync,
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
        let trace = Trace { base: base.clone(), ..Trace::default() };
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

    /// Counts an operation; tells the fault it is to meet.
    fn step(&self, op: &'static str) -> Option<Fault> {
        let mut trace = self.trace.lock();
        let number = trace.tried;
        trace.tried += 1;
        let (at, fault, persistent) = trace.fault?;
        let met = number == at || (persistent && number > at);
        (met && (fault != Fault::SyncEio || op == SYNC)).then_some(fault)
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

    fn record(&self, op: Op) {
        self.trace.lock().ops.push(op);
    }
}

fn injected(fault: Fault, op: &'static str, name: &str) -> Error {
    let source = match fault {
        Fault::Enospc => io::Error::from(io::ErrorKind::StorageFull),
        Fault::Eio | Fault::ShortWrite | Fault::SyncEio => io::Error::other("injected fault"),
    };
    Error::io(op, name, source)
}

struct FaultyFile {
    inner: Box<dyn VfsFile>,
    disk: FaultyVfs,
    id: FileId,
    name: String,
}

impl VfsFile for FaultyFile {
    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match self.disk.step("write") {
            None => bytes,
            Some(Fault::ShortWrite) => {
                let half = &bytes[..bytes.len() / 2];
                self.inner.write_all(half)?;
                self.disk.record(Op::Write(self.id, half.to_vec()));
                return Err(injected(Fault::ShortWrite, "write", &self.name));
            }
            Some(fault) => return Err(injected(fault, "write", &self.name)),
        };
        self.inner.write_all(written)?;
        self.disk.record(Op::Write(self.id, written.to_vec()));
        Ok(())
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
        let id = {
            let mut trace = self.trace.lock();
            trace.files += 1;
            trace.files
        };
        self.record(Op::Create(name.to_owned(), id));
        Ok(Box::new(FaultyFile { inner, disk: self.clone(), id, name: name.to_owned() }))
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
}

/// The state of the disk while its trace is replayed.
#[derive(Default)]
struct Image {
    /// Synced bytes of each file, and writes since.
    files: BTreeMap<FileId, (Vec<u8>, Vec<Vec<u8>>)>,
    /// Directory as last synced, and operations since.
    names: BTreeMap<String, FileId>,
    pending: Vec<Op>,
    random: u64,
}

impl Image {
    fn of(base: &BTreeMap<String, Vec<u8>>, seed: u64) -> Self {
        let mut image = Self { random: seed, ..Self::default() };
        // Files of the trace are numbered from 1 up, these from the other end.
        for (i, (name, bytes)) in base.iter().enumerate() {
            let id = FileId::MAX - i;
            image.names.insert(name.clone(), id);
            image.files.insert(id, (bytes.clone(), Vec::new()));
        }
        image
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Write(id, bytes) => self.files.entry(*id).or_default().1.push(bytes.clone()),
            Op::Sync(id) => {
                let (durable, pending) = self.files.entry(*id).or_default();
                pending.drain(..).for_each(|bytes| durable.extend(bytes));
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
        pending: Vec<Vec<u8>>,
        policy: CrashPolicy,
    ) -> Vec<u8> {
        let last = pending.len();
        for (i, write) in pending.into_iter().enumerate() {
            match policy {
                CrashPolicy::DropUnsynced => {}
                CrashPolicy::Torn if i + 1 == last => {
                    let sectors = (write.len() / SECTOR_BYTES) as u64 + 1;
                    let kept = (self.next() % sectors) as usize * SECTOR_BYTES;
                    bytes.extend_from_slice(&write[..kept.min(write.len())]);
                }
                CrashPolicy::KeepAll | CrashPolicy::Torn => bytes.extend(write),
                CrashPolicy::Random => {
                    for sector in write.chunks(SECTOR_BYTES) {
                        match self.coin() {
                            true => bytes.extend_from_slice(sector),
                            // The length was recorded and the sector never written.
                            false => bytes.resize(bytes.len() + sector.len(), 0),
                        }
                    }
                    if self.coin() {
                        let kept = self.next() as usize % (bytes.len() + 1);
                        let durable = bytes.len() - write.len();
                        bytes.truncate(kept.max(durable));
                    }
                }
            }
        }
        bytes
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
