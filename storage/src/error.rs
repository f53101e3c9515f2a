//! Errors of bytes and files.

use std::io;

use rustix::io::Errno;

/// Result of every storage call.
pub type Result<T> = std::result::Result<T, Error>;

/// The reason of a failed file operation, in words without the system's number of the error.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    use io::ErrorKind;
    let words = match error.kind() {
        ErrorKind::NotFound => "it does not exist",
        ErrorKind::AlreadyExists => "it exists already",
        ErrorKind::PermissionDenied => "this user has no permission for it",
        ErrorKind::IsADirectory => "it is a folder",
        ErrorKind::NotADirectory => "a part of its path is no folder",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "there is no space left; free some",
        ErrorKind::ReadOnlyFilesystem => "its file system is mounted read-only",
        _ => {
            let text = error.to_string();
            return text.split(" (os error").next().unwrap_or(&text).to_owned();
        }
    };
    words.to_owned()
}

/// A storage error; each says what, where and what now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation.
    #[error("cannot {op} {path}: {}", reason(source))]
    Io {
        /// The operation.
        op: &'static str,
        /// The file.
        path: String,
        /// The reason.
        source: io::Error,
    },
    /// The disk, or the quota on it, is full. Nothing was published; free space and try again.
    #[error("no space left to write {path}; free some and try again")]
    OutOfSpace {
        /// The file being written.
        path: String,
    },
    /// Bytes are not what was written. Other files are not concerned.
    #[error(
        "{file}{}: damaged at byte {offset}: {detail}; run `lexivec verify DIR` to see the extent",
        section.as_ref().map(|s| format!(", section {s:?}")).unwrap_or_default()
    )]
    Corrupt {
        /// The file.
        file: String,
        /// The section in it, where it has sections.
        section: Option<String>,
        /// Byte in the section, or in the file where there is none.
        offset: u64,
        /// The fault.
        detail: String,
    },
    /// An exported stream is damaged; no collection was made of it.
    #[error(
        "the export is damaged ({detail}), and no collection was made of it; export the collection again"
    )]
    BadExport {
        /// The fault and its position.
        detail: String,
    },
    /// A newer release wrote the file; no file was changed.
    #[error(
        "{file} has format {}.{}, this release reads up to {}.{}; use a newer release",
        found.0, found.1, supported.0, supported.1
    )]
    NewerFormat {
        /// The file.
        file: String,
        /// Its version.
        found: (u16, u16),
        /// The newest version this release reads.
        supported: (u16, u16),
    },
    /// The name is taken.
    #[error("{path} is already there")]
    AlreadyExists {
        /// The existing path.
        path: String,
    },
    /// The named file or directory does not exist.
    #[error("{path} is not there")]
    NotFound {
        /// The missing path.
        path: String,
    },
    /// Another handle writes to the collection.
    #[error(
        "{path} is open for writing{}; wait until it is closed, or open it for reading only, which needs no lock",
        pid.map(|p| format!(" in process {p}")).unwrap_or_default()
    )]
    Locked {
        /// The directory.
        path: String,
        /// Process that holds its lock, if known.
        pid: Option<u32>,
    },
    /// An earlier write failed in a way that leaves unknown what reached the disk.
    #[error("writes are refused, and reads go on, until the collection is opened again: {reason}")]
    Poisoned {
        /// The reason.
        reason: String,
    },
    /// A sync failed under this write. It may be there or not once the collection is opened again.
    #[error("it is unknown whether the write is on disk: {reason}; reopen the collection to see")]
    DurabilityUnknown {
        /// The reason.
        reason: String,
    },
    /// The handle came into this process by a fork.
    #[error(
        "the collection was opened by process {opener}, of which this one is a fork; open it again \
         here, read-only as long as the other one writes"
    )]
    Forked {
        /// The process that opened it.
        opener: u32,
    },
    /// A file system that does not keep the promises durability rests on.
    #[error(
        "{path} is on {kind}, where locks, syncs or maps may not hold; use a local disk, or allow it \
         (`--unsafe-filesystem`) at the risk of the data"
    )]
    UnsafeFilesystem {
        /// The directory.
        path: String,
        /// Kind of its file system.
        kind: &'static str,
    },
    /// The name of a collection's file belongs to something that is not a plain file; it was not touched.
    #[error(
        "{path} is {kind}, and a collection has plain files and folders; put back what was there, or remove what is \
         there if the collection had nothing of this name"
    )]
    NotAFile {
        /// Its path.
        path: String,
        /// Kind of what is there.
        kind: &'static str,
    },
    /// A file or directory with secrets that others than its owner may read or write; it was not used.
    #[error(
        "{path} may be read or changed by others than its owner (mode {mode:o}), and it holds secrets; find out \
         which users had access, then run `chmod {wanted} {path}`"
    )]
    NotPrivate {
        /// Its path.
        path: String,
        /// Its mode.
        mode: u32,
        /// The mode that it has to have.
        wanted: &'static str,
    },
    /// The directory is no longer the one that was opened, or its lock was taken away. Nothing was removed.
    #[error("{path}: {change} since it was opened; open the collection again where it is now")]
    Displaced {
        /// The path by which the directory was opened.
        path: String,
        /// The change that was found.
        change: String,
    },
    /// The process, or the system, has no file descriptor left. Nothing was written.
    #[error(
        "no file descriptor is left to open {path}; close other files or raise the limit (`ulimit -n`), and try again"
    )]
    NoDescriptors {
        /// The file.
        path: String,
    },
    /// The handle was opened for reading.
    #[error("the collection is open for reading only")]
    ReadOnly,
    /// A name or argument was refused.
    #[error("{detail}")]
    Invalid {
        /// The refused argument and the reason.
        detail: String,
    },
}

impl Error {
    /// Wraps an operating system error, telling apart those a caller can act on.
    pub(crate) fn io(op: &'static str, path: impl Into<String>, source: io::Error) -> Self {
        let path = path.into();
        let errno = Errno::from_io_error(&source);
        if matches!(errno, Some(Errno::MFILE | Errno::NFILE)) {
            return Self::NoDescriptors { path };
        }
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::AlreadyExists => Self::AlreadyExists { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::OutOfSpace { path },
            _ => Self::Io { op, path, source },
        }
    }

    pub(crate) fn corrupt(file: &str, offset: usize, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::Corrupt { file: file.to_owned(), section: None, offset: offset as u64, detail }
    }
}
