//! The log against power cuts at every operation, damage in every byte, and a full disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::error::{Error, Result};
use crate::names::{LOG_END, log_name};
use crate::poison::Poison;
use crate::vfs::faulty::{CrashPolicy, Fault, FaultyVfs, IgnoredSync};
use crate::vfs::memory::MemoryVfs;
use crate::vfs::{LogFile, Vfs};

const COLLECTION: u128 = 77;
/// Small, so that a few frames fill a file.
const FILE_BYTES: u64 = 2_048;

fn payload(lsn: u64) -> Vec<u8> {
    // Some are longer than a sector, some longer than a file.
    let len = [0, 5, 700, 64, 3_000, 8][lsn as usize % 6];
    (0..len).map(|i| (i as u64 * 7 + lsn) as u8).collect()
}

fn open(vfs: Arc<dyn Vfs>) -> Result<Log> {
    let content = read_log(vfs.as_ref(), COLLECTION, 1, 0)?;
    Log::open(vfs, COLLECTION, Arc::new(Poison::default()), FILE_BYTES, &content, 0)
}

/// Opens the log, writes `count` frames, some synced at once and some together, and records after how
/// many operations each number was durable.
fn write(disk: &FaultyVfs, count: u64, acknowledged: &mut Vec<(usize, u64)>) -> Result<Log> {
    let log = open(Arc::new(disk.clone()))?;
    for _ in 0..count {
        let lsn = log.append(&payload(log.last() + 1))?;
        if lsn % 3 != 0 {
            log.sync(lsn)?;
            acknowledged.push((disk.ops(), lsn));
        }
    }
    Ok(log)
}

/// The highest number found, after every frame was checked.
fn read(vfs: &dyn Vfs) -> std::result::Result<u64, String> {
    let content = read_log(vfs, COLLECTION, 1, 0).map_err(|e| e.to_string())?;
    for (place, frame) in (1u64..).zip(&content.frames) {
        if frame.lsn != place || frame.payload != payload(frame.lsn) {
            return Err(format!("frame {} at place {place}", frame.lsn));
        }
    }
    Ok(content.next_lsn - 1)
}

/// Cuts the power at every operation of two sessions, and again while what is left is recovered.
fn cut_everywhere(ignored: IgnoredSync) -> std::result::Result<usize, String> {
    let disk = FaultyVfs::new();
    disk.ignore_syncs(ignored);
    let mut acknowledged = vec![(0, 0)];
    for _ in 0..2 {
        let log = write(&disk, 9, &mut acknowledged).map_err(|e| e.to_string())?;
        log.close().map_err(|e| e.to_string())?;
        acknowledged.push((disk.ops(), log.last()));
    }
    let mut states = 0;
    for cut in 0..=disk.ops() {
        let durable = acknowledged.iter().rfind(|(ops, _)| *ops <= cut).map_or(0, |a| a.1);
        for policy in [CrashPolicy::DropUnsynced, CrashPolicy::KeepAll, CrashPolicy::Torn]
            .into_iter()
            .chain([CrashPolicy::Random; 12])
        {
            states += 1;
            let with_case = |what: String| format!("cut {cut}, {policy:?}: {what}");
            let image = disk.crash_image(cut, policy, states);
            let found = read(&image).map_err(with_case)?;
            if found < durable {
                return Err(with_case(format!("{durable} was durable, {found} is there")));
            }
            let again = FaultyVfs::over(&image);
            let log = open(Arc::new(again.clone())).map_err(|e| with_case(e.to_string()))?;
            let recovered = again.ops();
            let lsn = log.append(&payload(found + 1)).map_err(|e| with_case(e.to_string()))?;
            log.sync(lsn).map_err(|e| with_case(e.to_string()))?;
            for second in 0..=again.ops() {
                let image = again.crash_image(second, CrashPolicy::Random, states);
                let left =
                    read(&image).map_err(|e| with_case(format!("again at {second}: {e}")))?;
                if left < found || (second > recovered && second == again.ops() && left != lsn) {
                    return Err(with_case(format!("again at {second}: {found} shrank to {left}")));
                }
            }
        }
    }
    Ok(states as usize)
}

#[test]
fn a_power_cut_anywhere_loses_nothing_durable() {
    let states = cut_everywhere(IgnoredSync::None).expect("no violation");
    assert!(states > 500, "{states}");
    for ignored in [IgnoredSync::Files, IgnoredSync::Directory] {
        cut_everywhere(ignored).expect_err("a missing sync is noticed");
    }
}

#[test]
fn damage_to_a_closed_log_is_reported_with_its_place() {
    let disk = FaultyVfs::new();
    let log = write(&disk, 9, &mut Vec::new()).expect("written");
    log.close().expect("closed");
    let whole = disk.crash_image(disk.ops(), CrashPolicy::KeepAll, 0);
    let files = whole.contents();
    assert!(files.len() > 2, "{:?}", files.keys());
    let (mut reported, mut harmless) = (0, 0);
    for name in files.keys() {
        let len = files[name].len();
        for at in 0..len * 8 {
            let mut damaged = files.clone();
            damaged.get_mut(name).expect("it is there")[at / 8] ^= 1 << (at % 8);
            let image = MemoryVfs::with_files(damaged);
            match read_log(&image, COLLECTION, 1, 0) {
                Err(Error::Corrupt { file, .. }) if files.contains_key(&file) => reported += 1,
                Err(Error::NewerFormat { .. }) => reported += 1,
                Err(error) => panic!("bit {at} of {name}: {error}"),
                Ok(content) => {
                    assert_eq!(content.frames.len(), 9, "bit {at} of {name}");
                    // Most of the record of the end is never read.
                    harmless += usize::from(name != LOG_END);
                }
            }
        }
        for cut in 0..len {
            let mut damaged = files.clone();
            damaged.get_mut(name).expect("it is there").truncate(cut);
            let error = read_log(&MemoryVfs::with_files(damaged), COLLECTION, 1, 0);
            assert!(matches!(error, Err(Error::Corrupt { .. })), "{name} cut to {cut}");
        }
    }
    // Space that no frame uses, and the mark that says all is durable.
    assert!(reported > harmless / 2, "{reported} reported, {harmless} harmless");
}

#[test]
fn a_log_of_another_place_is_refused() {
    let disk = FaultyVfs::new();
    write(&disk, 2, &mut Vec::new()).expect("written");
    let image = disk.crash_image(disk.ops(), CrashPolicy::KeepAll, 0);
    let other = read_log(&image, COLLECTION + 1, 1, 0);
    assert!(matches!(other, Err(Error::Corrupt { .. })), "{other:?}");
    // From a later write on, the files before it are not wanted; from an earlier one, they are.
    let mut files = image.contents();
    let first = log_name(0);
    assert!(files.remove(&first).is_some());
    let missing = read_log(&MemoryVfs::with_files(files), COLLECTION, 1, 0);
    assert!(matches!(missing, Err(Error::Corrupt { .. })), "the only file is missing: {missing:?}");
}

#[test]
fn a_missing_file_is_damage_also_the_last_one() {
    let disk = FaultyVfs::new();
    let log = write(&disk, 9, &mut Vec::new()).expect("written");
    log.close().expect("closed");
    let files = disk.crash_image(disk.ops(), CrashPolicy::KeepAll, 0).contents();
    let names: Vec<&String> = files.keys().filter(|name| *name != LOG_END).collect();
    assert!(names.len() > 2, "{names:?}");
    for first in 0..names.len() {
        // One, and all from one on.
        for removed in [&names[first..=first], &names[first..]] {
            let mut left = files.clone();
            left.retain(|name, _| !removed.contains(&name));
            let read = |left| read_log(&MemoryVfs::with_files(left), COLLECTION, 1, 0);
            let error = read(left.clone()).expect_err("files are missing");
            assert!(matches!(error, Error::Corrupt { .. }), "without {removed:?}: {error}");
            // The record alone says so where the last file is missing.
            left.remove(LOG_END);
            let silent = first + removed.len() == names.len();
            assert_eq!(read(left).is_ok(), silent, "without {removed:?} and the record");
        }
    }
}

#[test]
fn an_older_version_of_the_last_file_is_damage_once_the_log_was_closed_or_went_on() {
    let read = |files| read_log(&MemoryVfs::with_files(files), COLLECTION, 1, 0);
    let disk = FaultyVfs::new();
    let vfs = Arc::new(disk.clone());
    let files = || disk.crash_image(disk.ops(), CrashPolicy::KeepAll, 0).contents();
    let log = open(vfs.clone()).expect("opened");
    let mut last = 0;
    for write in 1..=40 {
        last = log.append(&[9; 60]).expect("written");
        log.sync(last).expect("synced");
        if write == 10 {
            assert_eq!(read(files()).expect("read").next_lsn, 11);
        }
    }
    drop(log);
    // Killed: the record is that of the last new file, the writes since are in no record.
    let killed = files();
    let newest = killed.keys().rfind(|n| n.starts_with("log-")).expect("there").clone();
    let mut log = open(vfs).expect("opened");
    for round in 0..2 {
        // A recovery makes a file that is full.
        log.append(&[8; 6]).expect("written");
        let older = files();
        let newest = older.keys().rfind(|n| n.starts_with("log-")).cloned();
        let newest = newest.expect("there");
        last = log.append(&[7; 6]).expect("written");
        log.sync(last).expect("synced");
        log.close().expect("closed");
        let mut stale = files();
        stale.insert(newest.clone(), older[&newest].clone());
        let error = read(stale).expect_err("an acknowledged write is missing");
        let text = error.to_string();
        assert!(text.contains(&format!("write {last} was acknowledged")), "{round}: {text}");
        drop(log);
        log = open(Arc::new(disk.clone())).expect("opened");
    }
    assert_eq!(log.last(), last);
    assert!(!files().contains_key(&newest), "a recovery goes on in a new file");
}

#[test]
fn those_who_wait_share_a_sync() {
    let disk = FaultyVfs::new();
    let log = open(Arc::new(disk.clone())).expect("opened");
    let first = log.append(b"one").expect("written");
    let last = log.append(b"two").expect("written");
    let before = disk.syncs();
    log.sync(last).expect("synced");
    log.sync(first).expect("it is covered");
    assert_eq!(disk.syncs() - before, 1);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let lsn = log.append(b"more").expect("written");
                    log.sync(lsn).expect("synced");
                    assert!(log.durable() >= lsn);
                }
            });
        }
    });
    assert_eq!(log.last(), 402);
}

#[test]
fn a_failed_sync_ends_writing_and_says_that_it_is_unknown() {
    let disk = FaultyVfs::new();
    let log = open(Arc::new(disk.clone())).expect("opened");
    let first = log.append(b"one").expect("written");
    log.sync(first).expect("synced");
    let second = log.append(b"two").expect("written");
    disk.fail_at(disk.tried(), Fault::SyncEio, false);
    assert!(matches!(log.sync(second), Err(Error::DurabilityUnknown { .. })));
    // The fault is over, and still nothing more is written.
    assert!(matches!(log.append(b"three"), Err(Error::Poisoned { .. })));
    assert!(matches!(log.sync(second), Err(Error::DurabilityUnknown { .. })));
}

#[test]
fn a_full_disk_is_reported_and_writing_goes_on_when_there_is_space() {
    let disk = FaultyVfs::new();
    let log = open(Arc::new(disk.clone())).expect("opened");
    // The record of the log's end takes two blocks.
    disk.limit(Some(FILE_BYTES + 8_192));
    let mut written = 0;
    let full = loop {
        match log.append(&[7; 100]) {
            Ok(lsn) => written = lsn,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::OutOfSpace { .. }), "{full}");
    assert!(written > 5, "what was reserved is used: {written}");
    log.sync(written).expect("what was written is durable");
    assert!(matches!(log.append(&[7; 100]), Err(Error::OutOfSpace { .. })));
    disk.limit(None);
    assert_eq!(log.append(&[7; 100]).expect("there is space"), written + 1);
    log.sync(written + 1).expect("synced");
    let content = read_log(&disk, COLLECTION, 1, 0).expect("read");
    assert_eq!(content.next_lsn, written + 2);
}

#[test]
fn without_descriptors_a_write_that_needs_a_file_is_refused_and_writing_goes_on() {
    let disk = FaultyVfs::new();
    let log = open(Arc::new(disk.clone())).expect("opened");
    for expected in 1..=6 {
        // Each frame needs a new file; of the first one also the record of the end.
        disk.fail_at(disk.tried(), Fault::Emfile, true);
        for _ in 0..2 {
            let refused = log.append(&[5; 1_500]).expect_err("no descriptor is left");
            assert!(matches!(refused, Error::NoDescriptors { .. }), "{refused}");
        }
        disk.heal();
        assert_eq!(log.append(&[5; 1_500]).expect("it goes on"), expected);
        // A sync needs none.
        disk.fail_at(disk.tried(), Fault::Emfile, true);
        log.sync(expected).expect("synced");
        disk.heal();
    }
    drop(log);
    assert_eq!(read_log(&disk, COLLECTION, 1, 0).expect("read").next_lsn, 7);
}

/// A disk whose next sync of a log waits until it is released, and then fails. Like a real one, it
/// reports a failure once.
#[derive(Clone, Debug, Default)]
struct Gated {
    live: MemoryVfs,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    armed: AtomicBool,
    entered: AtomicBool,
    open: AtomicBool,
}

struct GatedLog {
    inner: Box<dyn LogFile>,
    gate: Arc<Gate>,
}

impl LogFile for GatedLog {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.inner.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<()> {
        if !self.gate.armed.swap(false, Ordering::SeqCst) {
            return self.inner.sync();
        }
        self.gate.entered.store(true, Ordering::SeqCst);
        while !self.gate.open.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        Err(Error::io("sync", "the log", std::io::Error::other("injected fault")))
    }
}

impl Vfs for Gated {
    fn create(&self, name: &str) -> Result<Box<dyn crate::vfs::VfsFile>> {
        self.live.create(name)
    }
    fn create_log(&self, name: &str, len: u64) -> Result<Box<dyn LogFile>> {
        let (inner, gate) = (self.live.create_log(name, len)?, self.gate.clone());
        Ok(Box::new(GatedLog { inner, gate }))
    }
    fn open_log(&self, name: &str) -> Result<Box<dyn LogFile>> {
        self.live.open_log(name)
    }
    fn map(&self, name: &str, expected_len: u64) -> Result<crate::mapped::Bytes> {
        self.live.map(name, expected_len)
    }
    fn read(&self, name: &str, max_len: u64) -> Result<Vec<u8>> {
        self.live.read(name, max_len)
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.live.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<()> {
        self.live.remove(name)
    }
    fn list(&self) -> Result<Vec<crate::vfs::FileInfo>> {
        self.live.list()
    }
    fn sync_dir(&self) -> Result<()> {
        self.live.sync_dir()
    }
    fn lock(&self, name: &str) -> Result<Box<dyn crate::vfs::LockGuard>> {
        self.live.lock(name)
    }
    fn describe(&self) -> String {
        self.live.describe()
    }
}

#[test]
fn a_failing_sync_is_reported_to_all_that_need_it() {
    let disk = Gated::default();
    let log = open(Arc::new(disk.clone())).expect("opened");
    let first = log.append(&[1; 1_500]).expect("written");
    disk.gate.armed.store(true, Ordering::SeqCst);
    std::thread::scope(|scope| {
        let synced = scope.spawn(|| log.sync(first));
        while !disk.gate.entered.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        // It needs a new file, before which the full one has to be durable: it waits for the running
        // sync, and must not start a second one and trust its result.
        let next = scope.spawn(|| log.append(&[2; 1_500]));
        disk.gate.open.store(true, Ordering::SeqCst);
        let synced = synced.join().expect("it ended");
        assert!(matches!(synced, Err(Error::DurabilityUnknown { .. })), "{synced:?}");
        let next = next.join().expect("it ended");
        assert!(matches!(next, Err(Error::Poisoned { .. })), "{next:?}");
    });
    assert_eq!(log.durable(), 0);
}
