//! A directory held by its descriptor: the one way to open a file in it, and whether its path still names it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, StatxFlags, fcntl_getfl, fcntl_setfl, fstat,
    makedev, open, openat, statat, statx,
};
use rustix::io::Errno;

use super::check_name;
use crate::error::{Error, Result};
use crate::names::LOCK;

/// Flags of every open: the descriptor is not inherited, a link is not followed, and nothing waits, as a FIFO would
/// for its other end.
const CAREFULLY: OFlags =
    OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Device and inode: two files that are there at once differ in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(found: &Stat) -> Self {
        Self { device: found.st_dev, inode: found.st_ino }
    }

    /// The identity of an open file.
    pub(super) fn of_file(file: impl AsFd) -> std::result::Result<Self, Errno> {
        fstat(file).map(|found| Self::of(&found))
    }

    /// Device and inode.
    pub(super) fn numbers(self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// The identity of what a path names. The times of a log file are not asked for: the system would then note a new one
    /// with every write, which costs each sync a write of the file's inode.
    fn at(directory: impl AsFd, path: &Path, flags: AtFlags) -> std::result::Result<Self, Errno> {
        match statx(&directory, path, flags, StatxFlags::TYPE | StatxFlags::INO) {
            Ok(found) => Ok(Self {
                device: makedev(found.stx_dev_major, found.stx_dev_minor),
                inode: found.stx_ino,
            }),
            // A system, or a sandbox, without this call.
            Err(Errno::NOSYS | Errno::PERM) => {
                statat(directory, path, flags).map(|found| Self::of(&found))
            }
            Err(e) => Err(e),
        }
    }
}

/// An open directory. What is done through it is done in this directory, whatever its path names by now.
#[derive(Debug)]
pub(super) struct Place {
    /// The path by which it was opened, for messages.
    path: PathBuf,
    /// This path, independent of the working directory.
    absolute: PathBuf,
    directory: OwnedFd,
    identity: Identity,
    /// The file `LOCK`, while this handle holds it.
    lock: Mutex<Option<Identity>>,
}

impl AsFd for Place {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Place {
    /// Opens a directory; its path may be a link.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(path, flags, Mode::empty()).map_err(|e| fail("open", path, e))?;
        let identity = Identity::of_file(&directory).map_err(|e| fail("inspect", path, e))?;
        let absolute = std::path::absolute(path)
            .map_err(|e| Error::io("find", path.display().to_string(), e))?;
        let (path, lock) = (path.to_owned(), Mutex::new(None));
        Ok(Self { path, absolute, directory, identity, lock })
    }

    /// The path by which it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file, for messages.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A second descriptor of the directory, whose locks are apart from the first one's.
    pub(super) fn again(&self) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(self, ".", flags, Mode::empty()).map_err(|e| fail("open", &self.path, e))
    }

    /// Opens a file of the directory. Every open of a file goes through here.
    ///
    /// # Errors
    /// [`Error::NotAFile`] for a link, a FIFO, a directory or a device under this name, which stays as it is.
    pub(super) fn file(&self, name: &str, access: OFlags, mode: Mode) -> Result<File> {
        check_name(name)?;
        let path = self.path_of(name);
        let failed = |op: &'static str| move |e: Errno| fail(op, &self.path_of(name), e);
        let opened = match openat(self, name, access | CAREFULLY, mode) {
            Ok(opened) => opened,
            // A link; a socket, or a FIFO without a reader; a directory that was to be written.
            Err(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => return Err(self.not_a_file(name)),
            Err(e) if access.contains(OFlags::CREATE) => return Err(fail("create", &path, e)),
            Err(e) => return Err(fail("open", &path, e)),
        };
        let found = fstat(&opened).map_err(failed("inspect"))?;
        if let Some(kind) = other_kind(&found) {
            return Err(Error::NotAFile { path: path.display().to_string(), kind });
        }
        let flags = fcntl_getfl(&opened).map_err(failed("inspect"))?;
        fcntl_setfl(&opened, flags - OFlags::NONBLOCK).map_err(failed("open"))?;
        Ok(File::from(opened))
    }

    /// The error of a name that belongs to something other than a plain file.
    pub(super) fn not_a_file(&self, name: &str) -> Error {
        let path = self.path_of(name);
        match statat(self, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(e) => fail("inspect", &path, e),
            Ok(found) => {
                let kind = other_kind(&found).unwrap_or("a file that was replaced just now");
                Error::NotAFile { path: path.display().to_string(), kind }
            }
        }
    }

    /// Remembers the file `LOCK` that this handle has locked, or that it let it go.
    pub(super) fn remember_lock(&self, lock: Option<Identity>) {
        *self.lock.lock() = lock;
    }

    /// Refuses once the path names another directory, or `LOCK` another file than the one this handle has locked.
    pub(super) fn check(&self) -> Result<()> {
        match Identity::at(CWD, &self.absolute, AtFlags::empty()) {
            Ok(found) if found == self.identity => {}
            Ok(_) => return Err(self.displaced("another directory is at its path")),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                return Err(self.displaced("the directory was moved or removed"));
            }
            Err(e) => return Err(fail("inspect", &self.path, e)),
        }
        match *self.lock.lock() {
            Some(lock) => self.check_file(LOCK, lock),
            None => Ok(()),
        }
    }

    /// Refuses once the path no longer leads to the file of this identity by this name, or to `LOCK`. It asks for two files
    /// and not for the directory, which [`check`](Self::check) does: a sync of the log waits for it.
    pub(super) fn check_by_path(&self, name: &str, identity: Identity) -> Result<()> {
        let is = |name: &str, identity: Identity| {
            let path = self.absolute.join(name);
            Identity::at(CWD, &path, AtFlags::SYMLINK_NOFOLLOW) == Ok(identity)
        };
        let lock = *self.lock.lock();
        if is(name, identity) && lock.is_none_or(|lock| is(LOCK, lock)) {
            return Ok(());
        }
        // The reason.
        self.check()?;
        self.check_file(name, identity)
    }

    /// Refuses once this name no longer belongs to the file of this identity.
    pub(super) fn check_file(&self, name: &str, identity: Identity) -> Result<()> {
        match Identity::at(self, Path::new(name), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if found == identity => Ok(()),
            Ok(_) => Err(self.displaced(format!("its file {name} was replaced"))),
            Err(Errno::NOENT) => Err(self.displaced(format!("its file {name} was removed"))),
            Err(e) => Err(fail("inspect", &self.path_of(name), e)),
        }
    }

    fn displaced(&self, change: impl Into<String>) -> Error {
        Error::Displaced { path: self.path.display().to_string(), change: change.into() }
    }
}

/// The kind of something that is not a plain file.
pub(super) fn other_kind(found: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a directory"),
        FileType::Symlink => Some("a symbolic link"),
        FileType::Fifo => Some("a FIFO"),
        FileType::Socket => Some("a socket"),
        FileType::CharacterDevice | FileType::BlockDevice => Some("a device"),
        FileType::Unknown => Some("of an unknown kind"),
    }
}

fn fail(op: &'static str, path: &Path, errno: Errno) -> Error {
    Error::io(op, path.display().to_string(), io::Error::from(errno))
}

/// A name as the system gives it, if it is UTF-8.
pub(super) fn utf8(name: &std::ffi::CStr) -> Option<String> {
    OsStr::from_bytes(name.to_bytes()).to_str().map(str::to_owned)
}
