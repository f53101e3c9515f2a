//! The real file system; with `place` and `mapped`, the only place that knows `std::fs`.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Dir, FallocateFlags, FlockOperation, Mode, OFlags, RenameFlags, fallocate, flock,
    fstatfs, fstatvfs, fsync, linkat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use super::place::{Identity, Place, other_kind, utf8};
use super::{FileInfo, FileStamp, LockGuard, LogFile, Vfs, VfsFile, check_name, wrong_length};
use crate::error::{Error, Result};
use crate::mapped::Bytes;
use crate::names::{LOCK, is_file_name, is_of_a_generation};
use crate::output::folder_of;

/// Mode of directories: only the owner may read a collection.
const DIRECTORY_MODE: u32 = 0o700;
/// Mode of sealed files, which cannot be opened for writing; the handle that creates one can still write.
const SEALED_MODE: u32 = 0o444;
const LOCK_MODE: u32 = 0o600;
/// Longest stamp of a lock file, in bytes: the number of a process and a line feed, and some.
const STAMP_BYTES: u64 = 32;
/// Logs are written in place by their owner.
const LOG_MODE: u32 = 0o600;

/// File systems whose locks, syncs or maps do not hold across machines or layers, by the magic
/// number of statfs(2) (linux/magic.h).
const UNSAFE_FILESYSTEMS: [(u32, &str); 12] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
    (0x0bd0_0bd0, "Lustre"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0x564c, "NCP"),
    (0x786f_4256, "a VirtualBox folder"),
];

/// A directory on disk, held by its descriptor.
#[derive(Debug)]
pub struct DiskVfs {
    place: Arc<Place>,
}

impl DiskVfs {
    /// Opens a directory, made with its parents if it is not there.
    pub fn create_root(path: &Path) -> Result<Self> {
        ensure_directory(path)?;
        Self::open_root(path)
    }

    /// Opens a directory that is there.
    pub fn open_root(path: &Path) -> Result<Self> {
        Ok(Self { place: Arc::new(Place::open(path)?) })
    }

    /// Refuses a network or user-space file system: what durability rests on may not hold there.
    pub fn check_filesystem(&self) -> Result<()> {
        let found =
            fstatfs(&self.place).map_err(|e| fail("inspect", self.place.path(), e.into()))?;
        let magic = found.f_type as u32;
        match UNSAFE_FILESYSTEMS.iter().find(|(known, _)| *known == magic) {
            None => Ok(()),
            Some((_, kind)) => Err(Error::UnsafeFilesystem { path: self.describe(), kind }),
        }
    }

    /// Takes the lock of a directory of collections, without waiting.
    ///
    /// # Errors
    /// [`Error::Locked`] if another handle has it.
    pub fn lock_directory(&self) -> Result<Box<dyn LockGuard>> {
        self.lock(LOCK)
    }

    /// Removes a directory of this one and what is in it, if it is the open one `child`. It loses its name first, durably,
    /// so that a crash leaves it there whole or not at all.
    ///
    /// # Errors
    /// [`Error::Displaced`] if this directory or the child's is no longer at its path: nothing was removed.
    pub fn remove_child(&self, name: &str, child: &dyn Vfs) -> Result<()> {
        self.check_place()?;
        child.check_place()?;
        let (doomed, place) = (format!("{name}{REMOVED_ENDING}"), &self.place);
        let path = place.path_of(&doomed);
        let rename =
            |from: &str, to: &str| renameat_with(place, from, place, to, RenameFlags::empty());
        let failed = |e: Errno| fail("remove", &place.path_of(name), e.into());
        remove_all(&path)?;
        rename(name, &doomed).map_err(failed)?;
        // It was at its path a moment ago.
        let identity = child.descriptor().map(Identity::of_file).transpose().map_err(failed)?;
        if let Some(Err(error)) = identity.map(|identity| place.check_file(&doomed, identity)) {
            rename(&doomed, name).map_err(failed)?;
            return Err(error);
        }
        self.sync_dir()?;
        remove_all(&path)
    }

    fn entries(&self) -> std::result::Result<Vec<FileInfo>, Errno> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&self.place)? {
            let entry = entry?;
            // A file may be removed between the listing and the call for its length.
            let found = match statat(&self.place, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                found => found?,
            };
            let Some(name) = utf8(entry.file_name()) else { continue };
            if other_kind(&found).is_none() || is_file_name(&name) {
                files.push(FileInfo { name, len: found.st_size as u64 });
            }
        }
        files.sort();
        Ok(files)
    }
}

fn fail(op: &'static str, path: &Path, error: io::Error) -> Error {
    Error::io(op, path.display().to_string(), error)
}

fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|d| d.sync_all()).map_err(|e| fail("sync", path, e))
}

struct DiskFile {
    file: File,
    path: PathBuf,
}

impl VfsFile for DiskFile {
    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| fail("write", &self.path, e))
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync_all().map_err(|e| fail("sync", &self.path, e))
    }
}

struct DiskLog {
    file: File,
    path: PathBuf,
    place: Arc<Place>,
    identity: Identity,
}

impl LogFile for DiskLog {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, offset).map_err(|e| fail("write", &self.path, e))
    }

    fn sync(&self) -> Result<()> {
        // The length was made durable with the file; only bytes change.
        self.file.sync_data().map_err(|e| fail("sync", &self.path, e))
    }

    fn check_name(&self, name: &str) -> Result<()> {
        self.place.check_by_path(name, self.identity)
    }
}

/// The lock of a directory, released on drop.
struct DiskLock {
    file: File,
    /// The directory itself, locked together with `LOCK`, so that removing that file lets no second writer in.
    directory: Option<OwnedFd>,
    place: Arc<Place>,
    /// The process that took the lock.
    owner: u32,
}

impl LockGuard for DiskLock {}

impl Drop for DiskLock {
    fn drop(&mut self) {
        // A child process that another thread is starting has a copy of the descriptor until its program runs, and a
        // lock ends only with the last copy; so it is released by name. A fork must not release its parent's lock.
        if std::process::id() != self.owner {
            return;
        }
        let _ = flock(&self.file, FlockOperation::Unlock);
        if let Some(directory) = &self.directory {
            self.place.remember_lock(None);
            let _ = flock(directory, FlockOperation::Unlock);
        }
    }
}

impl DiskVfs {
    /// Opens a file of the directory, whatever it is for.
    pub(super) fn file(&self, name: &str, flags: OFlags, mode: Mode) -> Result<File> {
        self.place.file(name, flags, mode)
    }

    /// Holds a lock that was taken on a file of the directory.
    pub(super) fn guard(&self, file: File) -> Box<dyn LockGuard> {
        let (place, owner) = (self.place.clone(), std::process::id());
        Box::new(DiskLock { file, directory: None, place, owner })
    }

    fn take_lock(&self, name: &str) -> Result<DiskLock> {
        let path = self.place.path_of(name);
        let directory = (name == LOCK).then(|| self.place.again()).transpose()?;
        if let Some(directory) = &directory {
            self.exclude(directory, name, self.place.path())?;
        }
        let file = self.place.file(name, OFlags::RDWR | OFlags::CREATE, mode(LOCK_MODE))?;
        self.exclude(&file, name, &path)?;
        stamp(&file);
        if directory.is_some() {
            let identity =
                Identity::of_file(&file).map_err(|e| fail("inspect", &path, e.into()))?;
            self.place.remember_lock(Some(identity));
        }
        Ok(DiskLock { file, directory, place: self.place.clone(), owner: std::process::id() })
    }

    /// Locks a file or the directory without waiting.
    fn exclude(&self, file: impl AsFd, name: &str, path: &Path) -> Result<()> {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(()),
            Err(Errno::WOULDBLOCK) => {
                // The stamp only makes the message better; the lock holds without it.
                let pid = self.place.file(name, OFlags::RDONLY, Mode::empty()).ok();
                Err(Error::Locked { path: self.describe(), pid: pid.and_then(|f| holder(&f)) })
            }
            Err(e) => Err(fail("lock", path, e.into())),
        }
    }

    fn opened_log(&self, name: &str, file: File) -> Result<Box<dyn LogFile>> {
        let path = self.place.path_of(name);
        let identity = Identity::of_file(&file).map_err(|e| fail("inspect", &path, e.into()))?;
        Ok(Box::new(DiskLog { file, path, place: self.place.clone(), identity }))
    }
}

/// The process whose number stands in a lock file.
fn holder(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(STAMP_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Writes the number of this process into a lock file, which only serves messages: so it needs no space on a full disk,
/// and a file that is not a lock file, or that has a second name elsewhere, stays as it is.
fn stamp(file: &File) {
    let Ok(meta) = file.metadata() else { return };
    let ours = meta.len() == 0 || (meta.len() <= STAMP_BYTES && holder(file).is_some());
    if ours && meta.nlink() == 1 {
        let stamp = format!("{}\n", std::process::id());
        // In place: a file that was cut first would need a new block.
        let _ =
            file.write_all_at(stamp.as_bytes(), 0).and_then(|()| file.set_len(stamp.len() as u64));
    }
}

fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode(bits)
}

/// Gives a file a length, and the space for it.
fn reserve(file: &File, len: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, len) {
        // File systems that cannot reserve: the length alone, then.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(len),
        reserved => reserved.map_err(io::Error::from),
    }
}

impl Vfs for DiskVfs {
    fn create(&self, name: &str) -> Result<Box<dyn VfsFile>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let file = self.place.file(name, flags, mode(SEALED_MODE))?;
        Ok(Box::new(DiskFile { file, path: self.place.path_of(name) }))
    }

    fn create_log(&self, name: &str, len: u64) -> Result<Box<dyn LogFile>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let file = self.place.file(name, flags, mode(LOG_MODE))?;
        // The length is synced here, as writes are followed by a sync of bytes alone.
        let reserved = reserve(&file, len).and_then(|()| file.sync_all());
        reserved.map_err(|e| fail("reserve", &self.place.path_of(name), e))?;
        self.opened_log(name, file)
    }

    fn reserve_again(&self, name: &str, len: u64) -> Result<()> {
        let file = self.place.file(name, OFlags::WRONLY, Mode::empty())?;
        reserve(&file, len).map_err(|e| fail("reserve", &self.place.path_of(name), e))
    }

    fn open_log(&self, name: &str) -> Result<Box<dyn LogFile>> {
        let file = self.place.file(name, OFlags::WRONLY, Mode::empty())?;
        self.opened_log(name, file)
    }

    fn map(&self, name: &str, expected_len: u64) -> Result<Bytes> {
        let file = self.place.file(name, OFlags::RDONLY, Mode::empty())?;
        let path = self.place.path_of(name);
        let len = file.metadata().map_err(|e| fail("inspect", &path, e))?.len();
        if len != expected_len {
            return Err(wrong_length(name, len, expected_len));
        }
        Bytes::map(&file).map_err(|e| fail("map", &path, e))
    }

    fn read(&self, name: &str, max_len: u64) -> Result<Vec<u8>> {
        let file = self.place.file(name, OFlags::RDONLY, Mode::empty())?;
        let mut bytes = Vec::new();
        let read = file.take(max_len.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|e| fail("read", &self.place.path_of(name), e))?;
        if bytes.len() as u64 > max_len {
            let detail = format!("it is longer than the {max_len} bytes such a file may have");
            return Err(Error::corrupt(name, max_len as usize, detail));
        }
        Ok(bytes)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        check_name(from)?;
        check_name(to)?;
        let place = &self.place;
        let failed = |op, name| move |e: Errno| fail(op, &place.path_of(name), e.into());
        match renameat_with(place, from, place, to, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            // File systems without that flag: a link never takes an existing name either.
            Err(Errno::INVAL | Errno::NOSYS) => {
                linkat(place, from, place, to, AtFlags::empty())
                    .map_err(failed("rename to", to))?;
                unlinkat(place, from, AtFlags::empty()).map_err(failed("remove", from))
            }
            Err(e) => Err(failed("rename to", to)(e)),
        }
    }

    fn remove(&self, name: &str) -> Result<()> {
        check_name(name)?;
        match unlinkat(&self.place, name, AtFlags::empty()) {
            Ok(()) => Ok(()),
            Err(Errno::ISDIR) => Err(self.place.not_a_file(name)),
            Err(e) => Err(fail("remove", &self.place.path_of(name), e.into())),
        }
    }

    fn list(&self) -> Result<Vec<FileInfo>> {
        self.entries().map_err(|e| fail("list", self.place.path(), e.into()))
    }

    fn sync_dir(&self) -> Result<()> {
        fsync(&self.place).map_err(|e| fail("sync", self.place.path(), e.into()))
    }

    fn lock(&self, name: &str) -> Result<Box<dyn LockGuard>> {
        Ok(Box::new(self.take_lock(name)?))
    }

    fn check_place(&self) -> Result<()> {
        self.place.check()
    }

    fn stamp(&self, name: &str) -> Result<Option<FileStamp>> {
        check_name(name)?;
        let found = statat(&self.place, name, AtFlags::SYMLINK_NOFOLLOW);
        let found = found.map_err(|e| fail("inspect", &self.place.path_of(name), e.into()))?;
        Ok(Some(FileStamp {
            file: (found.st_dev, found.st_ino),
            len: found.st_size as u64,
            modified: (found.st_mtime, found.st_mtime_nsec as i64),
        }))
    }

    fn describe(&self) -> String {
        self.place.path().display().to_string()
    }

    fn free_bytes(&self) -> Result<Option<u64>> {
        let found = fstatvfs(&self.place);
        let found = found.map_err(|e| fail("inspect", self.place.path(), e.into()))?;
        Ok(Some(found.f_bavail.saturating_mul(found.f_frsize)))
    }

    fn root(&self) -> Option<&Path> {
        Some(self.place.path())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.place.as_fd())
    }

    fn adopt(&self, source: &dyn Vfs, file: &FileInfo) -> Result<()> {
        check_name(&file.name)?;
        if let Some(origin) = source.descriptor()
            && linkat(origin, &file.name, &self.place, &file.name, AtFlags::empty()).is_ok()
        {
            // The link may be one to something that is no file, or another file than the one that was opened.
            return self.map(&file.name, file.len).map(drop);
        }
        // Another file system, or one without links.
        let bytes = source.map(&file.name, file.len)?;
        let mut copy = self.create(&file.name)?;
        copy.write_all(&bytes)?;
        copy.sync()
    }
}

/// Makes a directory and its parents, durably; one that is there is left as it is.
pub fn ensure_directory(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = folder_of(path);
    ensure_directory(parent)?;
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(fail("create", path, e)),
        _ => sync_directory(parent),
    }
}

/// True for a directory that holds a collection, be it one whose manifest is missing; and for one that cannot be looked
/// into, as it may hold one: the error of its opening says why.
pub fn is_collection(path: &Path) -> bool {
    match DiskVfs::open_root(path).and_then(|vfs| vfs.list()) {
        Ok(files) => files.iter().any(|f| is_of_a_generation(&f.name)),
        Err(Error::NotFound { .. }) => false,
        Err(Error::Io { source, .. }) => source.kind() != io::ErrorKind::NotADirectory,
        Err(_) => true,
    }
}

/// Refuses a symbolic link: a folder in a collection's directory holds what is its own, and a link may lead to what is
/// another's.
///
/// # Errors
/// [`Error::NotAFile`].
pub fn refuse_link(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => {
            let path = path.display().to_string();
            Err(Error::NotAFile { path, kind: "a symbolic link" })
        }
        _ => Ok(()),
    }
}

/// True for a directory without anything in it.
pub fn is_empty(path: &Path) -> Result<bool> {
    let mut entries = fs::read_dir(path).map_err(|e| fail("list", path, e))?;
    Ok(entries.next().is_none())
}

/// Names of the directories in a directory, sorted; those being filled or removed are left out.
pub fn subdirectories(path: &Path) -> Result<Vec<String>> {
    entries(path, fs::FileType::is_dir)
}

/// Names of everything in a directory, whatever it is, in order; without directories that are empty, being filled or
/// being removed.
pub fn names(path: &Path) -> Result<Vec<String>> {
    let mut names = entries(path, |_| true)?;
    // What cannot be listed is not known to be empty.
    names.retain(|name| !is_empty(&path.join(name)).unwrap_or(false));
    Ok(names)
}

fn entries(path: &Path, wanted: impl Fn(&fs::FileType) -> bool) -> Result<Vec<String>> {
    let listed = fs::read_dir(path).and_then(|entries| {
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let (true, Ok(name)) = (wanted(&entry.file_type()?), entry.file_name().into_string())
                && !name.ends_with(REMOVED_ENDING)
                && !name.ends_with(STAGING_ENDING)
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    });
    listed.map_err(|e| fail("list", path, e))
}

/// A directory that is being filled, inside one that is locked as long as this is held, so that no [`sweep`] takes it for
/// one that a killed process left.
#[derive(Debug)]
pub struct Staging {
    outer: PathBuf,
    inner: PathBuf,
    _lock: OwnedFd,
}

impl Staging {
    /// Creates an empty directory next to `path`, which [`publish`](Self::publish) renames to it once its contents are
    /// complete. Its name is unique, so that no existing directory is ever removed. What killed processes left next to it
    /// is removed first.
    pub fn new(path: &Path) -> Result<Self> {
        if path.exists() && !(path.is_dir() && is_empty(path)?) {
            return Err(fail("create", path, io::ErrorKind::AlreadyExists.into()));
        }
        // What cannot be removed does not disturb.
        let _ = sweep(folder_of(path));
        let mut outer = path.as_os_str().to_owned();
        outer.push(format!(".{}{STAGING_ENDING}", fresh_name()));
        let outer = PathBuf::from(outer);
        ensure_directory(&outer)?;
        let place = Place::open(&outer)?;
        let lock = place.again()?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|e| fail("lock", &outer, e.into()))?;
        // Before it was locked, another process may have swept it.
        place.check()?;
        let inner = outer.join(FILLED);
        ensure_directory(&inner)?;
        Ok(Self { outer, inner, _lock: lock })
    }

    /// Path of the directory that is being filled.
    pub fn path(&self) -> &Path {
        &self.inner
    }

    /// Gives the directory its name, durably; an empty one of that name is replaced.
    pub fn publish(self, path: &Path) -> Result<()> {
        fs::rename(&self.inner, path).map_err(|e| fail("rename to", path, e))?;
        sync_directory(folder_of(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is swept later.
        let _ = fs::remove_dir_all(&self.outer);
    }
}

/// Name of the directory that is being filled, in the one that is locked.
const FILLED: &str = "filled";

/// Ending of a directory that is being filled.
const STAGING_ENDING: &str = ".unfinished";

/// Ending of a directory that is being removed.
const REMOVED_ENDING: &str = ".removed";

/// Removes a directory and what is in it. It loses its name first, durably, so that a crash leaves
/// it there whole or not at all.
pub fn remove_tree(path: &Path) -> Result<()> {
    let mut doomed = path.as_os_str().to_owned();
    doomed.push(REMOVED_ENDING);
    let doomed = PathBuf::from(doomed);
    // What an interrupted removal of the same name left would be in the way.
    remove_all(&doomed)?;
    fs::rename(path, &doomed).map_err(|e| fail("remove", path, e))?;
    sync_directory(folder_of(path))?;
    remove_all(&doomed)
}

/// Removes a directory, if it is there, and what is in it.
fn remove_all(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(fail("remove", path, e)),
        _ => Ok(()),
    }
}

/// Removes what killed processes left in a directory: directories with a [`fresh_name`] that were being removed, and those
/// that were being filled.
pub fn sweep(path: &Path) -> Result<()> {
    let listed = fs::read_dir(path).and_then(|entries| {
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let removed = name.strip_suffix(REMOVED_ENDING).is_some_and(is_fresh_name);
            let filled = || {
                let stem = name.strip_suffix(STAGING_ENDING)?;
                stem.rsplit_once('.').filter(|(_, unique)| is_fresh_name(unique))
            };
            // One that is being filled is locked.
            let left = || {
                let place = Place::open(&entry.path()).ok()?;
                flock(&place, FlockOperation::NonBlockingLockExclusive).ok()
            };
            if (removed || filled().is_some() && left().is_some()) && entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    });
    listed.map_err(|e| fail("sweep", path, e))
}

/// True for a name that [`fresh_name`] gives.
fn is_fresh_name(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

/// A unique directory name: 32 hexadecimal digits.
pub fn fresh_name() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_released_while_a_child_process_still_has_its_descriptor() {
        let scratch = tempfile::tempdir().expect("a directory");
        let vfs = DiskVfs::create_root(&scratch.path().join("collection")).expect("created");
        let held = vfs.take_lock("LOCK").expect("free");
        let inherited = held.file.try_clone().expect("a copy of the descriptor");
        assert!(matches!(vfs.take_lock("LOCK").err(), Some(Error::Locked { .. })));
        drop(held);
        let mut of_a_fork = vfs.take_lock("LOCK").expect("released");
        drop(inherited);
        // A fork drops its copy of the handle; the lock stays with the process that took it.
        let parent = of_a_fork.file.try_clone().expect("the parent's descriptor");
        of_a_fork.owner += 1;
        drop(of_a_fork);
        assert!(matches!(vfs.take_lock("LOCK").err(), Some(Error::Locked { .. })));
        drop(parent);
        vfs.take_lock("LOCK").expect("released with its last descriptor");
    }
}
