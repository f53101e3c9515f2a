//! Commits against crashes at every operation, faults at every operation, and other handles.

use std::sync::Arc;

use super::*;
use crate::segment::{SegmentFile, SegmentReader, SegmentWriter};
use crate::vfs::disk::DiskVfs;
use crate::vfs::faulty::{CrashPolicy, Fault, FaultyVfs, IgnoredSync};
use crate::vfs::memory::MemoryVfs;

/// Seeds for each policy that uses chance, at each cut. One of eight cases shows an unsynced name
/// that a renamed manifest needs, so that 48 miss it once in six hundred.
const SEEDS: u64 = 48;
/// Seeds of runs in which every image is crashed again at each of its operations.
const SEEDS_OF_TWO: u64 = 3;

/// A commit that was tried, and when.
struct Tried {
    generation: u64,
    next: NextManifest,
    /// Operations before it began.
    began: usize,
    /// Operations when it returned; `None` if it failed.
    acknowledged: Option<usize>,
}

/// Content of the segment file of this number: more than a sector, less than a block.
fn content(segment: u128) -> Vec<u8> {
    (0..1300u32).map(|i| (i as u8) ^ (segment as u8)).collect()
}

fn build(directory: &mut Directory, segment: u128) -> Result<SegmentEntry> {
    let name = directory.new_segment_name();
    let mut writer = SegmentWriter::create(directory.vfs().as_ref(), &name, segment)?;
    writer.section("rows", &content(segment))?;
    writer.section("none", &[])?;
    Ok(entry(writer.finish()?, segment))
}

fn entry(file: SegmentFile, segment: u128) -> SegmentEntry {
    SegmentEntry {
        file,
        segment,
        rows: 5,
        alive: Vec::new(),
        statistics: vec![1, 2],
        curves: Vec::new(),
    }
}

/// Creates, grows, merges, reopens and deletes; `log` records the steps tried up to a failure.
fn workload(disk: &FaultyVfs, log: &mut Vec<Tried>) -> Result<()> {
    let mut next =
        NextManifest { schema: b"one".to_vec(), log_start: 1, ..NextManifest::default() };
    log.push(Tried { generation: 1, next: next.clone(), began: disk.ops(), acknowledged: None });
    let mut directory = Directory::create(Arc::new(disk.clone()), next.schema.clone())?;
    acknowledge(disk, log);
    for segment in 1..=3 {
        next.segments.push(build(&mut directory, segment)?);
        commit(disk, log, &mut directory, &next)?;
    }
    next.segments = vec![build(&mut directory, 4)?];
    next.schema = b"two".to_vec();
    commit(disk, log, &mut directory, &next)?;
    drop(directory);

    let mut directory = Directory::open(Arc::new(disk.clone()))?;
    next.segments[0].alive = vec![7; 600];
    commit(disk, log, &mut directory, &next)?;
    next.segments.push(build(&mut directory, 5)?);
    next.log_start = 9;
    commit(disk, log, &mut directory, &next)
}

fn commit(
    disk: &FaultyVfs,
    log: &mut Vec<Tried>,
    directory: &mut Directory,
    next: &NextManifest,
) -> Result<()> {
    log.push(Tried {
        generation: directory.manifest().generation + 1,
        next: next.clone(),
        began: disk.ops(),
        acknowledged: None,
    });
    directory.commit(next.clone())?;
    acknowledge(disk, log);
    Ok(())
}

fn acknowledge(disk: &FaultyVfs, log: &mut [Tried]) {
    if let Some(last) = log.last_mut() {
        last.acknowledged = Some(disk.ops());
    }
}

/// Opens the image after the first `cut` operations. It must have the newest acknowledged generation or
/// the one being committed, complete, with sound files and no file that neither names.
fn recover(vfs: Arc<dyn Vfs>, log: &[Tried], cut: usize) -> std::result::Result<u64, String> {
    let acknowledged = log
        .iter()
        .filter(|t| t.acknowledged.is_some_and(|at| at <= cut))
        .map(|t| t.generation)
        .max()
        .unwrap_or(0);
    let directory = match Directory::open(vfs.clone()) {
        Err(Error::NotFound { .. }) if acknowledged == 0 => {
            let made = Directory::create(vfs, b"one".to_vec());
            return made.map(|_| 0).map_err(|e| format!("create: {e}"));
        }
        opened => opened.map_err(|e| format!("open: {e}"))?,
    };
    let found = directory.manifest();
    let tried = log.iter().find(|t| t.generation == found.generation);
    let Some(tried) = tried.filter(|t| t.began <= cut) else {
        return Err(format!("generation {} is from nowhere", found.generation));
    };
    if found.generation < acknowledged {
        return Err(format!(
            "generation {acknowledged} was acknowledged and is lost, {} is there",
            found.generation
        ));
    }
    let held = NextManifest {
        schema: found.schema.clone(),
        log_start: found.log_start,
        log_file: found.log_file,
        segments: found.segments.clone(),
    };
    if held != tried.next {
        return Err(format!("generation {} is another one", found.generation));
    }
    for entry in &found.segments {
        read_back(vfs.as_ref(), entry).map_err(|e| e.to_string())?;
    }
    let known = |name: &str| {
        name == LOCK
            || live_files(found).contains(name)
            || log.iter().any(|t| {
                t.generation + 1 == found.generation
                    && (name == manifest_name(t.generation)
                        || t.next.segments.iter().any(|s| s.file.name == name))
            })
    };
    let files = vfs.list().map_err(|e| e.to_string())?;
    match files.iter().find(|f| !known(&f.name)) {
        Some(orphan) => Err(format!("{} was not swept", orphan.name)),
        None => Ok(found.generation),
    }
}

fn read_back(vfs: &dyn Vfs, entry: &SegmentEntry) -> Result<()> {
    let reader = SegmentReader::open(vfs, &entry.file)?;
    reader.verify()?;
    assert_eq!(
        reader.section("rows")?.all()?,
        content(entry.segment),
        "a verified section holds what was written"
    );
    Ok(())
}

/// Every policy, those of chance with several seeds.
fn policies(seeds: u64) -> impl Iterator<Item = (CrashPolicy, u64)> {
    let chance = (0..seeds).flat_map(|s| [(CrashPolicy::Torn, s), (CrashPolicy::Random, s)]);
    [(CrashPolicy::DropUnsynced, 0), (CrashPolicy::KeepAll, 0)].into_iter().chain(chance)
}

/// Violations on a disk of this trace after a power cut at each of its operations, and the number of
/// cuts.
fn crash_everywhere(disk: &FaultyVfs, log: &[Tried]) -> (usize, Vec<String>) {
    let (mut images, mut wrong) = (0, Vec::new());
    for cut in 0..=disk.ops() {
        for (policy, seed) in policies(SEEDS) {
            images += 1;
            let image = disk.crash_image(cut, policy, seed);
            if let Err(why) = recover(Arc::new(image), log, cut) {
                wrong.push(format!("cut {cut}, {policy:?}, seed {seed}: {why}"));
            }
        }
    }
    (images, wrong)
}

#[test]
fn a_power_cut_anywhere_loses_nothing_acknowledged() {
    let (disk, mut log) = (FaultyVfs::new(), Vec::new());
    workload(&disk, &mut log).expect("no fault was injected");
    assert!(log.len() == 7 && log.iter().all(|t| t.acknowledged.is_some()));
    let (images, wrong) = crash_everywhere(&disk, &log);
    assert!(wrong.is_empty(), "{} of {images}: {wrong:#?}", wrong.len());
}

/// A collection made and one segment committed: a sync of the directory, the manifest, the
/// directory; the segment; the directory, the manifest, the directory.
fn one_segment(disk: &FaultyVfs) -> Vec<Tried> {
    let first = NextManifest { log_start: 1, ..NextManifest::default() };
    let mut log = vec![Tried { generation: 1, next: first, began: 0, acknowledged: None }];
    let vfs = Arc::new(disk.clone());
    let mut directory = Directory::create(vfs, Vec::new()).expect("no fault was injected");
    acknowledge(disk, &mut log);
    let next = NextManifest {
        segments: vec![build(&mut directory, 1).expect("no fault was injected")],
        ..NextManifest::default()
    };
    commit(disk, &mut log, &mut directory, &next).expect("no fault was injected");
    log
}

#[test]
fn each_missing_sync_is_noticed() {
    let disk = FaultyVfs::new();
    let log = one_segment(&disk);
    assert_eq!(disk.syncs(), 7);
    assert_eq!(crash_everywhere(&disk, &log).1, [""; 0]);
    let noticed = |ignored| {
        let disk = FaultyVfs::new();
        disk.ignore_syncs(ignored);
        let log = one_segment(&disk);
        !crash_everywhere(&disk, &log).1.is_empty()
    };
    assert!(noticed(IgnoredSync::Files));
    assert!(noticed(IgnoredSync::Directory));
    // The first has nothing to make durable: before the first generation there is no segment.
    let needed: Vec<usize> = (0..7).filter(|&n| noticed(IgnoredSync::Nth(n))).collect();
    assert_eq!(needed, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_second_power_cut_during_recovery_loses_nothing() {
    let disk = FaultyVfs::new();
    let mut log = Vec::new();
    workload(&disk, &mut log).expect("no fault was injected");
    for cut in 0..=disk.ops() {
        for (policy, seed) in policies(SEEDS_OF_TWO) {
            let again = FaultyVfs::over(&disk.crash_image(cut, policy, seed));
            let first =
                recover(Arc::new(again.clone()), &log, cut).expect("see the test of one cut");
            if first == 0 {
                continue;
            }
            for second in 0..=again.ops() {
                for policy in [CrashPolicy::DropUnsynced, CrashPolicy::KeepAll, CrashPolicy::Random]
                {
                    let image = again.crash_image(second, policy, seed);
                    let found = recover(Arc::new(image), &log, cut);
                    assert_eq!(found, Ok(first), "cuts {cut} and {second}, {policy:?}, {seed}");
                }
            }
        }
    }
}

#[test]
fn a_fault_anywhere_is_an_error_and_loses_nothing_acknowledged() {
    let disk = FaultyVfs::new();
    workload(&disk, &mut Vec::new()).expect("no fault was injected");
    let operations = disk.tried();
    let mut failed = 0;
    for at in 0..operations {
        for fault in [Fault::Eio, Fault::Enospc, Fault::ShortWrite, Fault::SyncEio] {
            for persistent in [false, true] {
                let disk = FaultyVfs::new();
                disk.fail_at(at, fault, persistent);
                let mut log = Vec::new();
                if let Err(error) = workload(&disk, &mut log) {
                    failed += 1;
                    let expected = match fault {
                        // At the rename a full disk is no clean refusal any more.
                        Fault::Enospc => {
                            let publish = matches!(error, Error::Io { op: "publish", .. });
                            publish || matches!(error, Error::OutOfSpace { .. })
                        }
                        _ => matches!(error, Error::Io { .. }),
                    };
                    assert!(expected, "{fault:?} at {at}: {error}");
                }
                disk.heal();
                let context = format!("{fault:?} at {at}, persistent {persistent}");
                let cut = disk.ops();
                for (policy, seed) in policies(SEEDS_OF_TWO) {
                    let image = Arc::new(disk.crash_image(cut, policy, seed));
                    recover(image, &log, cut).unwrap_or_else(|e| panic!("{context}, cut: {e}"));
                }
                // The process ended and the machine did not: the state found now may not be durable
                // yet, and must be so once it was opened.
                let found = recover(Arc::new(disk.clone()), &log, cut);
                let found = found.unwrap_or_else(|e| panic!("{context}: {e}"));
                if found > 0 {
                    let image = disk.crash_image(disk.ops(), CrashPolicy::DropUnsynced, 0);
                    let after = recover(Arc::new(image), &log, cut);
                    assert_eq!(after, Ok(found), "{context}: opened, then cut");
                }
            }
        }
    }
    assert!(failed > operations, "only {failed} faults were met");
}

#[test]
fn after_a_failed_sync_writes_are_refused_and_reads_go_on() {
    let disk = FaultyVfs::new();
    let mut directory = Directory::create(Arc::new(disk.clone()), Vec::new()).expect("created");
    let kept = NextManifest {
        segments: vec![build(&mut directory, 1).expect("built")],
        ..NextManifest::default()
    };
    directory.commit(kept.clone()).expect("committed");
    disk.fail_at(disk.tried(), Fault::SyncEio, false);
    let failed = directory.commit(kept.clone()).expect_err("its sync fails");
    assert!(matches!(failed, Error::Io { op: "sync", .. }), "{failed}");
    let before = disk.ops();
    let refused = directory.commit(kept.clone()).expect_err("refused");
    assert!(matches!(refused, Error::Poisoned { .. }), "{refused}");
    assert_eq!(disk.ops(), before, "a poisoned handle writes nothing");
    read_back(&disk, &kept.segments[0]).expect("reads go on");
    drop(directory);
    let mut directory = Directory::open(Arc::new(disk)).expect("opened again");
    directory.commit(kept).expect("writes again");
}

#[test]
fn a_full_disk_is_reported_and_writing_resumes() {
    let disk = FaultyVfs::new();
    let mut directory = Directory::create(Arc::new(disk.clone()), Vec::new()).expect("created");
    // One sync of the directory, one creation: the third operation writes the manifest.
    disk.fail_at(disk.tried() + 2, Fault::Enospc, false);
    let full = directory.commit(NextManifest::default());
    assert!(matches!(full, Err(Error::OutOfSpace { .. })), "{full:?}");
    directory.commit(NextManifest::default()).expect("resumed");
    assert_eq!(directory.manifest().generation, 2);
}

#[test]
fn without_descriptors_a_commit_is_refused_and_committing_goes_on() {
    let disk = FaultyVfs::new();
    let mut directory = Directory::create(Arc::new(disk.clone()), Vec::new()).expect("created");
    disk.fail_at(disk.tried(), Fault::Emfile, true);
    let refused = directory.commit(NextManifest::default());
    assert!(matches!(refused, Err(Error::NoDescriptors { .. })), "{refused:?}");
    disk.heal();
    directory.commit(NextManifest::default()).expect("it goes on");
    assert_eq!(directory.manifest().generation, 2);
}

#[test]
fn one_writer_at_a_time() {
    let root = tempfile::tempdir().expect("a directory");
    let disk = || Arc::new(DiskVfs::open_root(root.path()).expect("opened")) as Arc<dyn Vfs>;
    let memory = MemoryVfs::default();
    let memory = || Arc::new(memory.clone()) as Arc<dyn Vfs>;
    for vfs in [&disk as &dyn Fn() -> Arc<dyn Vfs>, &memory] {
        let writer = Directory::create(vfs(), b"schema".to_vec()).expect("created");
        let second = Directory::open(vfs()).err().expect("it is locked");
        let pid = Some(std::process::id());
        assert!(matches!(second, Error::Locked { pid: p, .. } if p == pid), "{second}");
        let again = Directory::create(vfs(), Vec::new()).err().expect("it is there");
        assert!(matches!(again, Error::AlreadyExists { .. }), "{again}");
        let reader = Directory::open_read_only(vfs()).expect("readers need no lock");
        assert_eq!(reader.manifest(), writer.manifest());
        drop(writer);
        Directory::open(vfs()).expect("the lock went with its handle");
    }
}

#[test]
fn a_foreign_directory_is_left_as_it_is() {
    for name in ["notes.txt", "notes.tmp", "segment-1.lxv"] {
        let vfs = MemoryVfs::with_files([(name.to_owned(), b"mine".to_vec())]);
        let before = vfs.contents();
        let error = Directory::create(Arc::new(vfs.clone()), Vec::new()).err();
        assert!(matches!(error, Some(Error::Invalid { .. })), "{error:?}");
        let error = Directory::open(Arc::new(vfs.clone())).err();
        assert!(matches!(error, Some(Error::NotFound { .. })), "{error:?}");
        assert_eq!(vfs.contents(), before);
    }
}

/// Another handle makes a whole collection just before the lock is taken.
#[derive(Debug)]
struct Raced(MemoryVfs);

impl Vfs for Raced {
    fn lock(&self, name: &str) -> Result<Box<dyn LockGuard>> {
        let mut other = Directory::create(Arc::new(self.0.clone()), b"theirs".to_vec())?;
        for segment in 1..=3 {
            let segments = vec![build(&mut other, segment)?];
            let schema = b"theirs".to_vec();
            other.commit(NextManifest { schema, segments, ..NextManifest::default() })?;
        }
        drop(other);
        self.0.lock(name)
    }
    fn create(&self, name: &str) -> Result<Box<dyn crate::vfs::VfsFile>> {
        self.0.create(name)
    }
    fn open_log(&self, name: &str) -> Result<Box<dyn crate::vfs::LogFile>> {
        self.0.open_log(name)
    }
    fn map(&self, name: &str, expected_len: u64) -> Result<crate::mapped::Bytes> {
        self.0.map(name, expected_len)
    }
    fn read(&self, name: &str, max_len: u64) -> Result<Vec<u8>> {
        self.0.read(name, max_len)
    }
    fn create_log(&self, name: &str, len: u64) -> Result<Box<dyn crate::vfs::LogFile>> {
        self.0.create_log(name, len)
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<()> {
        self.0.remove(name)
    }
    fn list(&self) -> Result<Vec<crate::vfs::FileInfo>> {
        self.0.list()
    }
    fn sync_dir(&self) -> Result<()> {
        self.0.sync_dir()
    }
    fn describe(&self) -> String {
        self.0.describe()
    }
}

#[test]
fn a_collection_made_meanwhile_is_not_overwritten() {
    let memory = MemoryVfs::default();
    let error = Directory::create(Arc::new(Raced(memory.clone())), b"ours".to_vec()).err();
    assert!(matches!(error, Some(Error::AlreadyExists { .. })), "{error:?}");
    let theirs = Directory::open(Arc::new(memory.clone())).expect("it is theirs");
    assert_eq!(theirs.manifest().schema, b"theirs");
    assert_eq!(theirs.manifest().generation, 4);
    read_back(&memory, &theirs.manifest().segments[0]).expect("whole");
}

#[test]
fn a_commit_leaves_a_segment_alone_that_is_being_written() {
    let memory = MemoryVfs::default();
    let mut directory = Directory::create(Arc::new(memory.clone()), Vec::new()).expect("created");
    let name = directory.new_segment_name();
    let mut writer = SegmentWriter::create(&memory, &name, 1).expect("created");
    writer.section("rows", &content(1)).expect("written");
    for _ in 0..3 {
        directory.commit(NextManifest::default()).expect("committed");
    }
    let segments = vec![entry(writer.finish().expect("finished"), 1)];
    directory
        .commit(NextManifest { segments: segments.clone(), ..NextManifest::default() })
        .expect("committed");
    read_back(&memory, &segments[0]).expect("it is still there");
}

#[test]
fn files_stay_for_one_more_generation() {
    let memory = MemoryVfs::default();
    let mut writer = Directory::create(Arc::new(memory.clone()), Vec::new()).expect("created");
    let old = build(&mut writer, 1).expect("built");
    let with_old = NextManifest { segments: vec![old.clone()], ..NextManifest::default() };
    // In two generations, so that it is in the one before when it is dropped, and in the one before
    // that as well.
    writer.commit(with_old.clone()).expect("committed");
    writer.commit(with_old).expect("committed");
    let mut reader = Directory::open_read_only(Arc::new(memory.clone())).expect("opened");
    assert!(!reader.refresh().expect("read"), "nothing is newer yet");

    writer.commit(NextManifest::default()).expect("committed");
    read_back(&memory, &old).expect("the generation before is kept");
    writer.commit(NextManifest::default()).expect("committed");
    let missing = read_back(&memory, &old);
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    assert!(reader.refresh().expect("read"), "there is a newer one");
    assert_eq!(reader.manifest(), writer.manifest());
}

#[test]
fn a_reader_cannot_write() {
    let memory = MemoryVfs::default();
    drop(Directory::create(Arc::new(memory.clone()), Vec::new()).expect("created"));
    let before = memory.contents();
    let mut reader = Directory::open_read_only(Arc::new(memory.clone())).expect("opened");
    assert!(reader.read_only());
    let refused = reader.commit(NextManifest::default());
    assert!(matches!(refused, Err(Error::ReadOnly)), "{refused:?}");
    assert_eq!(memory.contents(), before);
}

/// A collection with an orphan, its newest manifest changed.
fn with_newest(change: impl Fn(&mut Vec<u8>)) -> MemoryVfs {
    let memory = MemoryVfs::default();
    let mut directory = Directory::create(Arc::new(memory.clone()), Vec::new()).expect("created");
    directory.commit(NextManifest::default()).expect("committed");
    build(&mut directory, 1).expect("an orphan");
    let mut files = memory.contents();
    files.entry(manifest_name(2)).and_modify(change);
    MemoryVfs::with_files(files)
}

#[test]
fn a_damaged_newest_manifest_is_passed_over_and_kept() {
    let vfs = with_newest(|bytes| bytes[20] ^= 1);
    let before = vfs.contents();
    let reader = Directory::open_read_only(Arc::new(vfs.clone())).expect("opened");
    assert_eq!(reader.manifest().generation, 1);
    assert!(matches!(reader.damage(), Some(Error::Corrupt { .. })));
    let mut writer = Directory::open(Arc::new(vfs.clone())).expect("opened");
    assert!(writer.damage().is_some());
    let kept = |vfs: &MemoryVfs| before.iter().all(|(name, b)| vfs.contents().get(name) == Some(b));
    assert!(kept(&vfs), "nothing is removed or rewritten");
    // The damaged one keeps its number.
    writer.commit(NextManifest::default()).expect("committed");
    assert_eq!(writer.manifest().generation, 3);
    assert!(writer.damage().is_none() && kept(&vfs));
    drop(writer);
    let again = Directory::open(Arc::new(vfs.clone())).expect("opened");
    assert!(again.damage().is_none());
    assert_eq!(again.manifest().generation, 3);
}

#[test]
fn what_cannot_be_passed_over_is_refused_and_nothing_touched() {
    let mut only = with_newest(|bytes| bytes[20] ^= 1).contents();
    only.remove(&manifest_name(1));
    let damaged = MemoryVfs::with_files(only);
    let newer = with_newest(|bytes| bytes[8] = 9);
    let is_damage: fn(&Error) -> bool = |e| matches!(e, Error::Corrupt { .. });
    let is_newer: fn(&Error) -> bool = |e| matches!(e, Error::NewerFormat { .. });
    for (vfs, expected) in [(damaged, is_damage), (newer, is_newer)] {
        let before = vfs.contents();
        for open in [Directory::open, Directory::open_read_only] {
            let error = open(Arc::new(vfs.clone())).err().expect("refused");
            assert!(expected(&error), "{error}");
            assert!(error.to_string().contains(&manifest_name(2)), "{error}");
        }
        assert_eq!(vfs.contents(), before);
    }
}

#[test]
fn the_sweep_leaves_foreign_files_alone() {
    let memory = with_newest(|_| {});
    let mut files = memory.contents();
    for name in ["README", "MANIFEST-0000000000000003.tmp", "segments"] {
        files.insert(name.to_owned(), Vec::new());
    }
    let vfs = MemoryVfs::with_files(files);
    drop(Directory::open(Arc::new(vfs.clone())).expect("opened"));
    let left: Vec<String> = vfs.contents().into_keys().collect();
    let kept = [manifest_name(1), manifest_name(2)];
    assert_eq!(left, [&kept[0], &kept[1], "README", "segments"]);
}

#[test]
fn a_commit_beyond_a_limit_writes_nothing() {
    let memory = MemoryVfs::default();
    let mut directory = Directory::create(Arc::new(memory.clone()), Vec::new()).expect("created");
    let before = memory.contents();
    let refused =
        directory.commit(NextManifest { schema: vec![0; 2 << 20], ..NextManifest::default() });
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    assert_eq!(memory.contents(), before);
    directory.commit(NextManifest::default()).expect("goes on");
}

#[test]
fn on_disk_a_collection_is_there_again() {
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join("data/collection");
    let vfs = Arc::new(DiskVfs::create_root(&path).expect("made"));
    let mut writer = Directory::create(vfs, b"schema".to_vec()).expect("created");
    let next = NextManifest {
        schema: b"schema".to_vec(),
        log_start: 3,
        log_file: 1,
        segments: vec![build(&mut writer, 1).expect("built")],
    };
    writer.commit(next).expect("committed");
    let written = writer.manifest().clone();
    drop(writer);
    let vfs = Arc::new(DiskVfs::open_root(&path).expect("there"));
    let reader = Directory::open(vfs.clone()).expect("opened");
    assert_eq!(reader.manifest(), &written);
    read_back(vfs.as_ref(), &written.segments[0]).expect("whole");
}
