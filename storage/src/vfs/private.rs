//! A directory whose files only their owner may read: replaced whole, or appended to.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat};
use rustix::io::retry_on_intr;

use super::disk::{DiskVfs, ensure_directory, refuse_link};
use super::place::Identity;
use super::{FileStamp, LockGuard, Vfs};
use crate::error::{Error, Result};
use crate::output;

/// Mode of the files.
const FILE_MODE: u32 = 0o600;
/// The part of a mode that is about the group and others.
const OTHERS: u32 = 0o077;

/// A directory of files with secrets. It and its files are refused if the group or others may read or write them, and if
/// they are links.
#[derive(Debug)]
pub struct PrivateDirectory {
    path: PathBuf,
    disk: DiskVfs,
}

impl PrivateDirectory {
    /// Opens a directory that is there.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::NotAFile`] for a link; [`Error::NotPrivate`].
    pub fn open(path: &Path) -> Result<Self> {
        refuse_link(path)?;
        let disk = DiskVfs::open_root(path)?;
        let found = disk.descriptor().map(fstat).transpose();
        let found = found.map_err(|e| failed("inspect", path, e.into()))?;
        if let Some(found) = found {
            check_mode(path, found.st_mode, "700")?;
        }
        Ok(Self { path: path.to_owned(), disk })
    }

    /// Opens a directory, made if it is not there; its parent must be.
    ///
    /// # Errors
    /// [`Error::NotFound`] if its parent is not there, and those of [`open`](Self::open).
    pub fn create(path: &Path) -> Result<Self> {
        refuse_link(path)?;
        let parent = output::folder_of(path);
        if !parent.is_dir() {
            return Err(Error::NotFound { path: parent.display().to_string() });
        }
        ensure_directory(path)?;
        Self::open(path)
    }

    /// The path of a file in it, for messages.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a file of at most `max_len` bytes, with the stamp of the file that was read; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::NotPrivate`], [`Error::NotAFile`], [`Error::Corrupt`] if it is longer.
    pub fn read(&self, name: &str, max_len: u64) -> Result<Option<(Vec<u8>, FileStamp)>> {
        let Some(file) = self.file(name, OFlags::RDONLY)? else { return Ok(None) };
        let path = self.path_of(name);
        let stamp = stamp_of(&file).map_err(|e| failed("inspect", &path, e))?;
        Ok(Some((contents(file, &path, max_len)?, stamp)))
    }

    /// The stamp of a file; `None` if it is not there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn stamp(&self, name: &str) -> Result<Option<FileStamp>> {
        match self.disk.stamp(name) {
            Err(Error::NotFound { .. }) => Ok(None),
            stamp => stamp,
        }
    }

    /// Writes a file, which takes the place of one that is there once it is complete; it and its name are durable then.
    ///
    /// # Errors
    /// When the file cannot be written; the one that was there stays.
    pub fn replace(&self, name: &str, data: &[u8]) -> Result<()> {
        output::replace_with_mode(&self.path_of(name), data, FILE_MODE)?;
        self.disk.sync_dir()
    }

    /// Takes a lock, after waiting for the one that has it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn lock(&self, name: &str) -> Result<Box<dyn LockGuard>> {
        self.disk.wait_for_lock(name)
    }

    /// Opens a file that is appended to; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::NotPrivate`], [`Error::NotAFile`] and those of the file system.
    pub fn open_appended(&self, name: &str) -> Result<Option<AppendedFile>> {
        let file = self.file(name, OFlags::RDWR)?;
        Ok(file.map(|file| AppendedFile { file, path: self.path_of(name) }))
    }

    /// Opens a file that is appended to, made durably if it is not there.
    ///
    /// # Errors
    /// Those of [`open_appended`](Self::open_appended).
    pub fn create_appended(&self, name: &str) -> Result<AppendedFile> {
        if let Some(there) = self.open_appended(name)? {
            return Ok(there);
        }
        let flags = OFlags::RDWR | OFlags::CREATE;
        let file = self.disk.file(name, flags, Mode::from_raw_mode(FILE_MODE))?;
        let path = self.path_of(name);
        file.sync_all().map_err(|e| failed("sync", &path, e))?;
        self.disk.sync_dir()?;
        Ok(AppendedFile { file, path })
    }

    fn file(&self, name: &str, flags: OFlags) -> Result<Option<File>> {
        let file = match self.disk.file(name, flags, Mode::empty()) {
            Err(Error::NotFound { .. }) => return Ok(None),
            file => file?,
        };
        let path = self.path_of(name);
        let found = fstat(&file).map_err(|e| failed("inspect", &path, e.into()))?;
        check_mode(&path, found.st_mode, "600")?;
        Ok(Some(file))
    }
}

/// A file of a [`PrivateDirectory`] that grows at its end. One process at a time may write: the caller has a lock.
#[derive(Debug)]
pub struct AppendedFile {
    file: File,
    path: PathBuf,
}

impl AppendedFile {
    /// Its length in bytes.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(|e| failed("inspect", &self.path, e))?.len())
    }

    /// True for a file without bytes.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Writes bytes from an offset on; they are durable after [`sync`](Self::sync).
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, offset).map_err(|e| failed("write", &self.path, e))
    }

    /// Makes its bytes and its length durable.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| failed("sync", &self.path, e))
    }

    /// Cuts it to a length, durably.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn cut(&self, len: u64) -> Result<()> {
        let cut = self.file.set_len(len).and_then(|()| self.file.sync_all());
        cut.map_err(|e| failed("cut", &self.path, e))
    }

    /// The bytes between two offsets.
    pub fn range(&self, from: u64, to: u64) -> impl Read + '_ {
        Range { file: &self.file, at: from, end: to }
    }
}

/// Reads a part of a file by offsets, so that several threads may read one.
struct Range<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Range<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let read = match buffer.get_mut(..wanted) {
            Some(part) if wanted > 0 => self.file.read_at(part, self.at)?,
            _ => 0,
        };
        self.at += read as u64;
        Ok(read)
    }
}

/// Reads a file of at most `max_len` bytes anywhere, through links; if it holds a secret, one that the group or others
/// may read or write is refused.
///
/// # Errors
/// [`Error::NotPrivate`], [`Error::NotFound`], [`Error::Corrupt`] if it is longer.
pub fn read_key_file(path: &Path, is_secret: bool, max_len: u64) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| failed("open", path, e))?;
    let found = file.metadata().map_err(|e| failed("inspect", path, e))?;
    if !found.is_file() {
        return Err(failed("read", path, io::ErrorKind::IsADirectory.into()));
    }
    if is_secret {
        check_mode(path, found.mode(), "600")?;
    }
    contents(file, path, max_len)
}

fn contents(file: File, path: &Path, max_len: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = file.take(max_len.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|e| failed("read", path, e))?;
    if bytes.len() as u64 > max_len {
        let detail = format!("{} is longer than the {max_len} bytes it may have", path.display());
        return Err(Error::Invalid { detail });
    }
    Ok(bytes)
}

fn stamp_of(file: &File) -> io::Result<FileStamp> {
    let found = file.metadata()?;
    let identity = Identity::of_file(file)?;
    Ok(FileStamp {
        file: identity.numbers(),
        len: found.len(),
        modified: (found.mtime(), found.mtime_nsec()),
    })
}

fn check_mode(path: &Path, mode: u32, wanted: &'static str) -> Result<()> {
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let path = path.display().to_string();
    Err(Error::NotPrivate { path, mode: mode & 0o777, wanted })
}

fn failed(op: &'static str, path: &Path, error: io::Error) -> Error {
    Error::io(op, path.display().to_string(), error)
}

impl DiskVfs {
    /// Takes a lock, after waiting for the one that has it.
    fn wait_for_lock(&self, name: &str) -> Result<Box<dyn LockGuard>> {
        let file =
            self.file(name, OFlags::RDWR | OFlags::CREATE, Mode::from_raw_mode(FILE_MODE))?;
        let locked = retry_on_intr(|| flock(&file, FlockOperation::LockExclusive));
        locked.map_err(|e| {
            failed("lock", &self.root().unwrap_or(Path::new("")).join(name), e.into())
        })?;
        Ok(self.guard(file))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn files_are_private_and_those_of_others_are_refused() {
        let scratch = tempfile::tempdir().expect("a directory");
        let path = scratch.path().join("secret");
        let directory = PrivateDirectory::create(&path).expect("made");
        assert_eq!(directory.read("a", 10).expect("read").map(|(bytes, _)| bytes), None);
        directory.replace("a", b"one").expect("written");
        let (bytes, stamp) = directory.read("a", 10).expect("read").expect("there");
        assert_eq!((bytes.as_slice(), Some(stamp)), (&b"one"[..], directory.stamp("a").unwrap()));
        assert_eq!((mode(&path), mode(&path.join("a"))), (0o700, 0o600));
        directory.replace("a", b"two").expect("written");
        assert_ne!(directory.stamp("a").unwrap(), Some(stamp));
        assert!(directory.read("a", 2).is_err(), "too long");

        for bits in [0o640, 0o604, 0o620, 0o666] {
            chmod(&path.join("a"), bits);
            let refused = directory.read("a", 10).expect_err("others may");
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
            assert!(read_key_file(&path.join("a"), true, 10).is_err());
            assert_eq!(read_key_file(&path.join("a"), false, 10).expect("no secret"), b"two");
        }
        chmod(&path.join("a"), 0o600);
        symlink(path.join("a"), path.join("b")).expect("linked");
        assert!(matches!(directory.read("b", 10), Err(Error::NotAFile { .. })));
        chmod(&path, 0o755);
        let refused = PrivateDirectory::open(&path).expect_err("others may");
        assert!(refused.to_string().contains("chmod 700"), "{refused}");
        chmod(&path, 0o700);
        symlink(&path, scratch.path().join("link")).expect("linked");
        let link = PrivateDirectory::create(&scratch.path().join("link"));
        assert!(matches!(link, Err(Error::NotAFile { .. })));
        let orphan = PrivateDirectory::create(&scratch.path().join("none/secret"));
        assert!(matches!(orphan, Err(Error::NotFound { .. })));
    }

    #[test]
    fn a_file_grows_is_read_by_ranges_and_is_cut() {
        let scratch = tempfile::tempdir().expect("a directory");
        let directory = PrivateDirectory::create(&scratch.path().join("d")).expect("made");
        assert!(directory.open_appended("log").expect("looked").is_none());
        let file = directory.create_appended("log").expect("made");
        assert!(file.is_empty().expect("length"));
        file.write_at(0, b"abcdef").expect("written");
        file.sync().expect("synced");
        let mut part = String::new();
        file.range(2, 5).read_to_string(&mut part).expect("read");
        assert_eq!(part, "cde");
        file.cut(3).expect("cut");
        let again = directory.open_appended("log").expect("looked").expect("there");
        assert_eq!(again.len().expect("length"), 3);
        let _one = directory.lock("one").expect("locked");
        let _other = directory.lock("other").expect("locked");
    }
}
