//! The real file system; with `mapped`, the only place that knows `std::fs`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    CWD, FallocateFlags, FlockOperation, RenameFlags, fallocate, flock, renameat_with, statfs,
    statvfs,
};

use super::{FileInfo, LockGuard, LogFile, Vfs, VfsFile, check_name, wrong_length};
use crate::error::{Error, Result};
use crate::mapped::Bytes;
use crate::names::{LOCK, generation_of};

/// Mode of directories: only the owner may read a collection.
const DIRECTORY_MODE: u32 = 0o700;
/// Mode of sealed files, which cannot be opened for writing; the handle that creates one can still write.
const SEALED_MODE: u32 = 0o444;
const LOCK_MODE: u32 = 0o600;
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

/// A directory on disk.
#[derive(Debug)]
pub struct DiskVfs {
    root: PathBuf,
}

impl DiskVfs {
    /// Opens a directory, made with its parents if it is not there.
    pub fn create_root(path: &Path) -> Result<Self> {
        ensure_directory(path)?;
        Self::open_root(path)
    }

    /// Opens a directory that is there.
    pub fn open_root(path: &Path) -> Result<Self> {
        let meta = fs::metadata(path).map_err(|e| fail("open", path, e))?;
        if !meta.is_dir() {
            return Err(fail("open", path, io::Error::from(io::ErrorKind::NotADirectory)));
        }
        Ok(Self { root: path.to_owned() })
    }

    /// Refuses a network or user-space file system: what durability rests on may not hold there.
    pub fn check_filesystem(&self) -> Result<()> {
        let found = statfs(&self.root).map_err(|e| fail("inspect", &self.root, e.into()))?;
        let magic = found.f_type as u32;
        match UNSAFE_FILESYSTEMS.iter().find(|(known, _)| *known == magic) {
            None => Ok(()),
            Some((_, kind)) => {
                Err(Error::UnsafeFilesystem { path: self.root.display().to_string(), kind })
            }
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        check_name(name)?;
        Ok(self.root.join(name))
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
}

impl LogFile for DiskLog {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, offset).map_err(|e| fail("write", &self.path, e))
    }

    fn sync(&self) -> Result<()> {
        // The length was made durable with the file; only bytes change.
        self.file.sync_data().map_err(|e| fail("sync", &self.path, e))
    }
}

/// The lock of a directory, released on drop.
struct DiskLock {
    file: File,
    /// The process that took the lock.
    owner: u32,
}

impl LockGuard for DiskLock {}

impl Drop for DiskLock {
    fn drop(&mut self) {
        // A child process that another thread is starting has a copy of the descriptor until its program runs, and a
        // lock ends only with the last copy; so it is released by name. A fork must not release its parent's lock.
        if std::process::id() == self.owner {
            let _ = flock(&self.file, FlockOperation::Unlock);
        }
    }
}

impl DiskVfs {
    fn take_lock(&self, name: &str) -> Result<DiskLock> {
        let path = self.path(name)?;
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(LOCK_MODE)
            .open(&path);
        let mut file = opened.map_err(|e| fail("open", &path, e))?;
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(fail("lock", &path, error.into()));
            }
            let mut holder = String::new();
            // The stamp only makes the message better; the lock holds without it.
            let _ = (&file).take(32).read_to_string(&mut holder);
            let path = self.root.display().to_string();
            return Err(Error::Locked { path, pid: holder.trim().parse().ok() });
        }
        let owner = std::process::id();
        let stamp = format!("{owner}\n");
        let stamped = file.set_len(0).and_then(|()| file.write_all(stamp.as_bytes()));
        stamped.map_err(|e| fail("write", &path, e))?;
        Ok(DiskLock { file, owner })
    }
}

impl Vfs for DiskVfs {
    fn create(&self, name: &str) -> Result<Box<dyn VfsFile>> {
        let path = self.path(name)?;
        let opened = OpenOptions::new().write(true).create_new(true).mode(SEALED_MODE).open(&path);
        let file = opened.map_err(|e| fail("create", &path, e))?;
        Ok(Box::new(DiskFile { file, path }))
    }

    fn create_log(&self, name: &str, len: u64) -> Result<Box<dyn LogFile>> {
        let path = self.path(name)?;
        let opened = OpenOptions::new().write(true).create_new(true).mode(LOG_MODE).open(&path);
        let file = opened.map_err(|e| fail("create", &path, e))?;
        let reserved = match fallocate(&file, FallocateFlags::empty(), 0, len) {
            // File systems that cannot reserve: the length alone, then.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(len),
            reserved => reserved.map_err(io::Error::from),
        };
        // The length is synced here, as writes are followed by a sync of bytes alone.
        reserved.and_then(|()| file.sync_all()).map_err(|e| fail("reserve", &path, e))?;
        Ok(Box::new(DiskLog { file, path }))
    }

    fn map(&self, name: &str, expected_len: u64) -> Result<Bytes> {
        let path = self.path(name)?;
        let file = File::open(&path).map_err(|e| fail("open", &path, e))?;
        let len = file.metadata().map_err(|e| fail("inspect", &path, e))?.len();
        if len != expected_len {
            return Err(wrong_length(name, len, expected_len));
        }
        Bytes::map(&file).map_err(|e| fail("map", &path, e))
    }

    fn read(&self, name: &str, max_len: u64) -> Result<Vec<u8>> {
        let path = self.path(name)?;
        let file = File::open(&path).map_err(|e| fail("open", &path, e))?;
        let mut bytes = Vec::new();
        let read = file.take(max_len.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|e| fail("read", &path, e))?;
        if bytes.len() as u64 > max_len {
            let detail = format!("it is longer than the {max_len} bytes such a file may have");
            return Err(Error::corrupt(name, max_len as usize, detail));
        }
        Ok(bytes)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (source, target) = (self.path(from)?, self.path(to)?);
        match renameat_with(CWD, &source, CWD, &target, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            // File systems without that flag: a link never takes an existing name either.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                fs::hard_link(&source, &target).map_err(|e| fail("rename to", &target, e))?;
                fs::remove_file(&source).map_err(|e| fail("remove", &source, e))
            }
            Err(e) => Err(fail("rename to", &target, e.into())),
        }
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        fs::remove_file(&path).map_err(|e| fail("remove", &path, e))
    }

    fn list(&self) -> Result<Vec<FileInfo>> {
        let listed = fs::read_dir(&self.root).and_then(|entries| {
            let mut files = Vec::new();
            for entry in entries {
                let entry = entry?;
                // A file may be removed between the listing and the call for its length.
                let Ok(meta) = entry.metadata() else { continue };
                if let (true, Ok(name)) = (meta.is_file(), entry.file_name().into_string()) {
                    files.push(FileInfo { name, len: meta.len() });
                }
            }
            files.sort();
            Ok(files)
        });
        listed.map_err(|e| fail("list", &self.root, e))
    }

    fn sync_dir(&self) -> Result<()> {
        sync_directory(&self.root)
    }

    fn lock(&self, name: &str) -> Result<Box<dyn LockGuard>> {
        Ok(Box::new(self.take_lock(name)?))
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn free_bytes(&self) -> Result<Option<u64>> {
        let found = statvfs(&self.root).map_err(|e| fail("inspect", &self.root, e.into()))?;
        Ok(Some(found.f_bavail.saturating_mul(found.f_frsize)))
    }

    fn root(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn adopt(&self, source: &dyn Vfs, file: &FileInfo) -> Result<()> {
        let target = self.path(&file.name)?;
        if let Some(root) = source.root()
            && fs::hard_link(root.join(&file.name), &target).is_ok()
        {
            return Ok(());
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
    let parent = parent(path);
    ensure_directory(&parent)?;
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(fail("create", path, e)),
        _ => sync_directory(&parent),
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// True for a directory that holds a collection.
pub fn is_collection(path: &Path) -> bool {
    let Ok(vfs) = DiskVfs::open_root(path) else {
        return false;
    };
    vfs.list().is_ok_and(|files| files.iter().any(|f| generation_of(&f.name).is_some()))
}

/// Takes the lock of a directory of collections, without waiting.
///
/// # Errors
/// [`Error::Locked`] if another handle has it.
pub fn lock_directory(path: &Path) -> Result<Box<dyn LockGuard>> {
    DiskVfs::open_root(path)?.lock(LOCK)
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

/// Creates an empty directory next to `path`, which [`publish_directory`] renames to it once its
/// contents are complete. Its name is unique, so that no existing directory is ever removed.
pub fn staging_directory(path: &Path) -> Result<PathBuf> {
    if path.exists() && !(path.is_dir() && is_empty(path)?) {
        return Err(fail("create", path, io::ErrorKind::AlreadyExists.into()));
    }
    let mut staging = path.as_os_str().to_owned();
    staging.push(format!(".{}{STAGING_ENDING}", fresh_name()));
    let staging = PathBuf::from(staging);
    ensure_directory(&staging)?;
    Ok(staging)
}

/// Gives a directory its name, durably; an empty one of that name is replaced.
pub fn publish_directory(staging: &Path, path: &Path) -> Result<()> {
    fs::rename(staging, path).map_err(|e| fail("rename to", path, e))?;
    sync_directory(&parent(path))
}

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
    match fs::remove_dir_all(&doomed) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fail("remove", &doomed, e)),
        _ => {}
    }
    fs::rename(path, &doomed).map_err(|e| fail("remove", path, e))?;
    sync_directory(&parent(path))?;
    fs::remove_dir_all(&doomed).map_err(|e| fail("remove", &doomed, e))
}

/// Removes what interrupted removals of directories with a [`fresh_name`] left in a directory.
pub fn sweep_removed(path: &Path) -> Result<()> {
    let listed = fs::read_dir(path).and_then(|entries| {
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let ours = name.strip_suffix(REMOVED_ENDING).is_some_and(is_fresh_name);
            if ours && entry.file_type()?.is_dir() {
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
