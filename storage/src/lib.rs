//! Bytes and durability of a collection: files, checksums, segments, manifests. This crate does not
//! know documents. Its `FORMAT.md` describes every byte it writes.

mod checksum;
pub mod codec;
mod container;
mod directory;
mod error;
mod manifest;
mod mapped;
mod poison;
mod segment;
mod vfs;
mod wal;

pub use container::{Export, SiblingDirectory, import};
pub use directory::{Directory, NextManifest, publish};
pub use error::{Error, Result};
pub use manifest::{Manifest, SegmentEntry};
pub use mapped::{Bytes, Scratch};
pub use poison::Poison;
pub use segment::{Section, SegmentFile, SegmentReader, SegmentWriter};
pub use vfs::disk::{self, DiskVfs};
pub use vfs::faulty::{CrashPolicy, Fault, FaultyVfs, IgnoredSync};
pub use vfs::memory::MemoryVfs;
pub use vfs::probe::probe;
pub use vfs::{FileInfo, LockGuard, LogFile, Vfs, VfsFile};
pub use wal::{Frame, LOG_FILE_BYTES, Log, LogContent, Torn, read_log, salvage_log};
