//! The seam to the file system: everything durable goes through [`Vfs`].

use std::os::fd::BorrowedFd;
use std::path::Path;

pub mod disk;
pub(crate) mod faulty;
pub(crate) mod memory;
mod place;
pub(crate) mod private;
pub(crate) mod probe;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::mapped::Bytes;

/// Longest file name, in bytes; what common file systems allow.
const MAX_NAME_BYTES: usize = 255;

/// The plain files of one directory.
///
/// Names are single path components. A file's bytes are durable after [`VfsFile::sync`]; that it
/// is there under its name (or no longer there) is durable after [`Vfs::sync_dir`]. Closing a file
/// makes nothing durable.
pub trait Vfs: Send + Sync + std::fmt::Debug {
    /// Creates a file that must not be there yet; it is written once and then sealed.
    fn create(&self, name: &str) -> Result<Box<dyn VfsFile>>;

    /// Creates a file of `len` zeros that must not be there yet, to be written at any place. Its
    /// space is taken at once where the file system can, so that a later write finds room.
    fn create_log(&self, name: &str, len: u64) -> Result<Box<dyn LogFile>>;

    /// Opens a file that [`create_log`](Self::create_log) made, to be written at any place.
    fn open_log(&self, name: &str) -> Result<Box<dyn LogFile>>;

    /// Maps a sealed file read-only; its length must be the expected one.
    fn map(&self, name: &str, expected_len: u64) -> Result<Bytes>;

    /// Reads a small file whole; a longer one than `max_len` is refused.
    fn read(&self, name: &str, max_len: u64) -> Result<Vec<u8>>;

    /// Renames a file; never over another one.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Removes a file. Existing maps of it stay readable.
    fn remove(&self, name: &str) -> Result<()>;

    /// The files there are, by name; and whatever has the name of a collection's file without being one, so that it
    /// is met and not passed over.
    fn list(&self) -> Result<Vec<FileInfo>>;

    /// Makes creations, renames and removals so far durable.
    fn sync_dir(&self) -> Result<()>;

    /// Takes the lock of this name without waiting; it is released when the guard is dropped, and
    /// by the system when the process ends.
    fn lock(&self, name: &str) -> Result<Box<dyn LockGuard>>;

    /// Refuses once the place is no longer the one that was opened: its path leads to another directory or to none, or
    /// the file that was locked has lost its name. What is written then would be lost, or be another's.
    ///
    /// # Errors
    /// [`Error::Displaced`].
    fn check_place(&self) -> Result<()> {
        Ok(())
    }

    /// The place, for messages.
    fn describe(&self) -> String;

    /// Bytes that can still be written; `None` if unknown.
    fn free_bytes(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// The directory on disk, where there is one.
    fn root(&self) -> Option<&Path> {
        None
    }

    /// Makes sure that a file made by [`create_log`](Self::create_log) still has its space: a copy may have lost it, as its
    /// zeros need none.
    ///
    /// # Errors
    /// [`Error::OutOfSpace`].
    fn reserve_again(&self, _name: &str, _len: u64) -> Result<()> {
        Ok(())
    }

    /// The state of a file by its name, where the place keeps one.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    fn stamp(&self, _name: &str) -> Result<Option<FileStamp>> {
        Ok(None)
    }

    /// The open directory on disk, where there is one.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Takes a sealed file of another place over, under its name: as a link where that can be done,
    /// otherwise as a synced copy.
    fn adopt(&self, source: &dyn Vfs, file: &FileInfo) -> Result<()> {
        let bytes = source.map(&file.name, file.len)?;
        let mut copy = self.create(&file.name)?;
        copy.write_all(&bytes)?;
        copy.sync()
    }
}

/// A file being written, from its start to its end.
pub trait VfsFile: Send {
    /// Appends bytes.
    fn write_all(&mut self, bytes: &[u8]) -> Result<()>;

    /// Makes everything written so far durable.
    fn sync(&mut self) -> Result<()>;
}

/// A file of fixed length, written at any place. Writes and syncs may run at once.
pub trait LogFile: Send + Sync {
    /// Writes bytes at this offset, within the length of the file.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Makes everything written so far durable.
    fn sync(&self) -> Result<()>;

    /// Refuses once the path of the directory no longer leads to the file by this name, or to the directory's lock.
    ///
    /// # Errors
    /// [`Error::Displaced`].
    fn check_name(&self, _name: &str) -> Result<()> {
        Ok(())
    }
}

/// Holds a lock until dropped.
pub trait LockGuard: Send + Sync {}

/// The state of a file: two that differ show that it was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// Device and inode.
    file: (u64, u64),
    /// Length in bytes.
    len: u64,
    /// Seconds and nanoseconds of the last modification.
    modified: (i64, i64),
}

impl FileStamp {
    /// True for two states of one file.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

/// A file of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileInfo {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
}

/// Refuses names that are not one plain path component.
fn check_name(name: &str) -> Result<()> {
    let plain = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name != "."
        && name != ".."
        && !name.contains(['/', '\\', '\0']);
    if plain {
        return Ok(());
    }
    Err(Error::Invalid { detail: format!("{name:?} is not a file name") })
}

/// The error of a file that is not as long as the manifest says.
fn wrong_length(name: &str, found: u64, expected: u64) -> Error {
    let detail = format!("it has {found} bytes, {expected} are expected");
    Error::corrupt(name, found.min(expected) as usize, detail)
}
