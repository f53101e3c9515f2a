//! Tests of the promises of every file system here, of the real one's further ones, and of what the
//! simulated one may lose.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::disk::{self, DiskVfs};
use super::faulty::{CrashPolicy, Fault, FaultyVfs};
use super::memory::MemoryVfs;
use super::*;

fn write(vfs: &dyn Vfs, name: &str, bytes: &[u8]) {
    let mut file = vfs.create(name).expect("created");
    file.write_all(bytes).expect("written");
    file.sync().expect("synced");
}

/// Runs a check on each kind of file system, empty.
fn on_each(check: impl Fn(&dyn Vfs)) {
    let root = tempfile::tempdir().expect("a directory");
    check(&DiskVfs::open_root(root.path()).expect("opened"));
    check(&MemoryVfs::default());
    check(&FaultyVfs::new());
}

#[test]
fn files_are_written_listed_read_and_mapped() {
    on_each(|vfs| {
        assert!(vfs.list().expect("listed").is_empty());
        write(vfs, "b", b"second");
        write(vfs, "a", b"first");
        vfs.sync_dir().expect("synced");
        let listed = vfs.list().expect("listed");
        let named: Vec<_> = listed.iter().map(|f| (f.name.as_str(), f.len)).collect();
        assert_eq!(named, [("a", 5), ("b", 6)], "{}", vfs.describe());
        assert_eq!(vfs.read("a", 5).expect("read"), b"first");
        assert_eq!(&*vfs.map("b", 6).expect("mapped"), b"second");
    });
}

/// A file system on which anybody gets a lock, or a rename takes any name.
#[derive(Debug)]
struct Careless {
    inner: MemoryVfs,
    locks: bool,
}

impl Vfs for Careless {
    fn create(&self, name: &str) -> Result<Box<dyn VfsFile>> {
        self.inner.create(name)
    }
    fn create_log(&self, name: &str, len: u64) -> Result<Box<dyn LogFile>> {
        self.inner.create_log(name, len)
    }
    fn open_log(&self, name: &str) -> Result<Box<dyn LogFile>> {
        self.inner.open_log(name)
    }
    fn map(&self, name: &str, expected_len: u64) -> Result<Bytes> {
        self.inner.map(name, expected_len)
    }
    fn read(&self, name: &str, max_len: u64) -> Result<Vec<u8>> {
        self.inner.read(name, max_len)
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        if !self.locks {
            let _ = self.inner.remove(to);
        }
        self.inner.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<()> {
        self.inner.remove(name)
    }
    fn list(&self) -> Result<Vec<FileInfo>> {
        self.inner.list()
    }
    fn sync_dir(&self) -> Result<()> {
        self.inner.sync_dir()
    }
    fn lock(&self, name: &str) -> Result<Box<dyn LockGuard>> {
        if self.locks { MemoryVfs::default().lock(name) } else { self.inner.lock(name) }
    }
    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[test]
fn a_careless_file_system_is_found_out() {
    on_each(|vfs| {
        super::probe::probe(vfs).expect("a sound one");
        let left = vfs.list().expect("listed");
        // A lock's file stays on disk.
        assert!(left.iter().all(|f| f.name != "PROBE.tmp" && f.name != "PROBE"), "{left:?}");
    });
    for (locks, kind) in [(true, "locks do not hold"), (false, "renames over a file")] {
        let vfs = Careless { inner: MemoryVfs::default(), locks };
        let refused = super::probe::probe(&vfs).expect_err(kind).to_string();
        assert!(refused.contains(kind), "{refused}");
        assert!(vfs.list().expect("listed").is_empty());
    }
}

#[test]
fn nothing_is_overwritten() {
    on_each(|vfs| {
        write(vfs, "a", b"first");
        write(vfs, "b", b"second");
        let created = vfs.create("a").err();
        assert!(matches!(created, Some(Error::AlreadyExists { .. })));
        let renamed = vfs.rename("a", "b");
        assert!(matches!(renamed, Err(Error::AlreadyExists { .. })));
        assert_eq!(vfs.read("b", 9).expect("read"), b"second");
        vfs.rename("a", "c").expect("the name is free");
        assert_eq!(vfs.read("c", 9).expect("read"), b"first");
        assert!(matches!(vfs.read("a", 9), Err(Error::NotFound { .. })));
    });
}

#[test]
fn missing_and_too_long_files_are_reported() {
    on_each(|vfs| {
        write(vfs, "a", b"first");
        assert!(matches!(vfs.read("x", 9), Err(Error::NotFound { .. })));
        assert!(matches!(vfs.map("x", 9), Err(Error::NotFound { .. })));
        assert!(matches!(vfs.remove("x"), Err(Error::NotFound { .. })));
        assert!(matches!(vfs.rename("x", "y"), Err(Error::NotFound { .. })));
        assert!(matches!(vfs.read("a", 4), Err(Error::Corrupt { .. })));
        for len in [0, 4, 6, u64::MAX] {
            let mapped = vfs.map("a", len);
            assert!(matches!(mapped, Err(Error::Corrupt { .. })), "{len}");
        }
    });
}

#[test]
fn names_that_leave_the_directory_are_refused() {
    on_each(|vfs| {
        write(vfs, "a", b"first");
        let long = "n".repeat(MAX_NAME_BYTES + 1);
        for name in ["", ".", "..", "../a", "/a", "b/a", "b\\a", "a\0", &long] {
            let refused = [
                vfs.create(name).err(),
                vfs.map(name, 1).err(),
                vfs.read(name, 1).err(),
                vfs.rename(name, "b").err(),
                vfs.rename("a", name).err(),
                vfs.remove(name).err(),
                vfs.lock(name).err(),
            ];
            for (call, error) in refused.iter().enumerate() {
                let refused = matches!(error, Some(Error::Invalid { .. }));
                assert!(refused, "{name:?}, call {call}: {error:?}");
            }
        }
        assert_eq!(vfs.read("a", 5).expect("untouched"), b"first");
    });
}

#[test]
fn a_mapped_file_outlives_its_name() {
    on_each(|vfs| {
        write(vfs, "a", b"first");
        let bytes = vfs.map("a", 5).expect("mapped");
        vfs.remove("a").expect("removed");
        assert_eq!(&*bytes, b"first");
        assert!(vfs.list().expect("listed").is_empty());
    });
}

#[test]
fn a_lock_is_held_until_it_is_dropped() {
    on_each(|vfs| {
        let held = vfs.lock("LOCK").expect("free");
        for _ in 0..2 {
            let error = vfs.lock("LOCK").err().expect("held");
            let Error::Locked { pid, .. } = error else {
                panic!("{error}");
            };
            assert_eq!(pid, Some(std::process::id()));
        }
        let _other = vfs.lock("OTHER").expect("another lock is free");
        drop(held);
        let _again = vfs.lock("LOCK").expect("free again");
    });
}

#[test]
fn on_disk_a_lock_holds_whatever_the_path() {
    let root = tempfile::tempdir().expect("a directory");
    let (real, link) = (root.path().join("real"), root.path().join("link"));
    let first = DiskVfs::create_root(&real).expect("made");
    symlink(&real, &link).expect("linked");
    let second = DiskVfs::open_root(&link).expect("opened");
    let _held = first.lock("LOCK").expect("free");
    assert!(matches!(second.lock("LOCK").err(), Some(Error::Locked { .. })));
}

#[test]
fn on_disk_files_are_sealed_and_directories_private() {
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join("a/b");
    let vfs = DiskVfs::create_root(&path).expect("made");
    write(&vfs, "file", b"bytes");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    // The process's mask may take more away, never less.
    assert_eq!(mode(&path.join("file")) & 0o333, 0);
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&root.path().join("a")), 0o700);
    DiskVfs::create_root(&path).expect("there already is fine");
}

#[test]
fn on_disk_only_plain_files_are_listed() {
    let root = tempfile::tempdir().expect("a directory");
    let vfs = DiskVfs::open_root(root.path()).expect("opened");
    write(&vfs, "file", b"bytes");
    fs::create_dir(root.path().join("directory")).expect("made");
    symlink(root.path().join("file"), root.path().join("link")).expect("linked");
    let listed = vfs.list().expect("listed");
    assert_eq!(listed, [FileInfo { name: "file".to_owned(), len: 5 }]);
}

#[test]
fn missing_roots_are_reported() {
    let root = tempfile::tempdir().expect("a directory");
    let missing = DiskVfs::open_root(&root.path().join("missing"));
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    let file = root.path().join("file");
    fs::write(&file, b"x").expect("written");
    assert!(matches!(DiskVfs::open_root(&file), Err(Error::Io { .. })));
}

#[test]
fn directories_are_listed_and_removed_whole() {
    let root = tempfile::tempdir().expect("a directory");
    assert!(disk::is_empty(root.path()).expect("listed"));
    for name in ["b", "a"] {
        let vfs = DiskVfs::create_root(&root.path().join(name)).expect("made");
        write(&vfs, "file", b"bytes");
    }
    assert!(!disk::is_empty(root.path()).expect("listed"));
    assert_eq!(disk::subdirectories(root.path()).expect("listed"), ["a", "b"]);
    // A removal that a crash interrupted is not listed and not in the way.
    fs::create_dir(root.path().join("a.removed")).expect("made");
    fs::write(root.path().join("a.removed/file"), b"x").expect("written");
    assert_eq!(disk::subdirectories(root.path()).expect("listed"), ["a", "b"]);
    disk::remove_tree(&root.path().join("a")).expect("removed");
    let left: Vec<_> = fs::read_dir(root.path()).expect("listed").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let missing = disk::remove_tree(&root.path().join("a"));
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    assert!(!disk::is_collection(&root.path().join("b")));
}

#[test]
fn a_renamed_file_is_the_same_one() {
    let root = tempfile::tempdir().expect("a directory");
    let vfs = DiskVfs::open_root(root.path()).expect("opened");
    write(&vfs, "a", b"first");
    let inode = |name: &str| fs::metadata(root.path().join(name)).expect("there").ino();
    let before = inode("a");
    vfs.rename("a", "b").expect("renamed");
    assert_eq!(inode("b"), before);
}

/// Everything a cut may leave of a trace: contents of `name`, over all policies and many seeds.
fn outcomes(disk: &FaultyVfs, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    let policies =
        [CrashPolicy::DropUnsynced, CrashPolicy::KeepAll, CrashPolicy::Torn, CrashPolicy::Random];
    let images = policies
        .into_iter()
        .flat_map(|policy| (0..200).map(move |seed| (policy, seed)))
        .map(|(policy, seed)| disk.crash_image(disk.ops(), policy, seed));
    images.map(|i| i.contents().remove(name)).collect()
}

#[test]
fn what_was_synced_survives_every_cut() {
    let disk = FaultyVfs::new();
    write(&disk, "a", &[7; 2000]);
    disk.sync_dir().expect("synced");
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([Some(vec![7; 2000])]));
}

#[test]
fn closing_makes_nothing_durable() {
    let disk = FaultyVfs::new();
    let mut file = disk.create("a").expect("created");
    file.write_all(&[7; 2000]).expect("written");
    drop(file);
    disk.sync_dir().expect("synced");
    let left = outcomes(&disk, "a");
    assert!(left.contains(&Some(Vec::new())), "all of it may be lost");
    assert!(left.contains(&Some(vec![7; 2000])), "or nothing");
    let torn = |b: &Option<Vec<u8>>| b.as_ref().is_some_and(|b| b.len() == 1024);
    assert!(left.iter().any(torn), "or its end, by sectors");
    let holed = |b: &Option<Vec<u8>>| b.as_ref().is_some_and(|b| b.contains(&0));
    assert!(left.iter().any(holed), "or a sector of it");
}

#[test]
fn names_need_a_sync_of_the_directory() {
    let disk = FaultyVfs::new();
    write(&disk, "a", b"first");
    assert!(outcomes(&disk, "a").contains(&None), "creation may be lost");
    disk.sync_dir().expect("synced");
    disk.rename("a", "b").expect("renamed");
    let whole = Some(b"first".to_vec());
    assert_eq!(outcomes(&disk, "a"), BTreeSet::from([None, whole.clone()]));
    assert_eq!(outcomes(&disk, "b"), BTreeSet::from([None, whole.clone()]));
    disk.sync_dir().expect("synced");
    disk.remove("b").expect("removed");
    assert_eq!(outcomes(&disk, "b"), BTreeSet::from([None, whole]));
}

#[test]
fn the_same_seed_leaves_the_same() {
    let disk = FaultyVfs::new();
    for name in ["a", "b", "c"] {
        let mut file = disk.create(name).expect("created");
        file.write_all(&[1; 5000]).expect("written");
    }
    let image = |seed| disk.crash_image(disk.ops(), CrashPolicy::Random, seed).contents();
    assert_eq!(image(3), image(3));
    assert!((0..20).any(|seed| image(seed) != image(3)));
}

#[test]
fn a_disk_over_an_image_begins_with_it_durable() {
    let first = FaultyVfs::new();
    write(&first, "a", b"first");
    let image = first.crash_image(first.ops(), CrashPolicy::KeepAll, 0);
    let second = FaultyVfs::over(&image);
    write(&second, "b", b"second");
    let left = second.crash_image(second.ops(), CrashPolicy::DropUnsynced, 0);
    assert_eq!(left.contents(), image.contents());
    assert_eq!(image.contents().len(), 1, "the image is not written to");
}

#[test]
fn faults_come_when_they_are_due() {
    let disk = FaultyVfs::new();
    disk.fail_at(1, Fault::ShortWrite, false);
    let mut file = disk.create("a").expect("operation 0 works");
    let short = file.write_all(&[7; 100]);
    assert!(matches!(short, Err(Error::Io { .. })), "{short:?}");
    assert_eq!(disk.list().expect("listed")[0].len, 50);
    file.sync().expect("once only");

    disk.fail_at(disk.tried(), Fault::Enospc, true);
    for _ in 0..2 {
        let full = file.write_all(b"x");
        assert!(matches!(full, Err(Error::OutOfSpace { .. })), "{full:?}");
    }
    disk.fail_at(disk.tried(), Fault::SyncEio, true);
    file.write_all(b"x").expect("no sync");
    assert!(matches!(file.sync(), Err(Error::Io { .. })));
    assert!(matches!(disk.sync_dir(), Err(Error::Io { .. })));
    disk.heal();
    disk.sync_dir().expect("healed");
}

#[test]
fn a_reserve_that_a_copy_has_left_holes_in_is_filled_again() {
    let root = tempfile::tempdir().expect("a directory");
    let vfs = DiskVfs::open_root(root.path()).expect("opened");
    let path = root.path().join("RESERVE");
    fs::File::create(&path).expect("made").set_len(64 << 10).expect("a length");
    let blocks = || fs::metadata(&path).expect("there").blocks();
    assert_eq!(blocks(), 0);
    vfs.reserve_again("RESERVE", 64 << 10).expect("reserved");
    assert!(blocks() * 512 >= 64 << 10);
}
