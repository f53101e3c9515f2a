//! Bytes and durability of a collection: files, checksums, segments, manifests. It does not know
//! documents. `FORMAT.md` in this crate describes every byte it writes.

mod checksum;
pub mod codec;
mod directory;
mod error;
mod export;
mod manifest;
mod mapped;
mod names;
pub mod output;
mod poison;
mod segment;
mod sigbus;
mod vfs;
mod wal;

pub use directory::{Directory, NextManifest, publish};
pub use error::{Error, Result, reason};
pub use export::{Export, Imported, SiblingDirectory, import};
pub use manifest::{Manifest, SegmentEntry};
pub use mapped::{Bytes, Scratch};
pub use poison::Poison;
pub use segment::{Section, SegmentFile, SegmentReader, SegmentWriter};
pub use sigbus::survive_lost_pages;
pub use vfs::disk::{self, DiskVfs};
pub use vfs::faulty::{CrashPolicy, Fault, FaultyVfs, IgnoredSync};
pub use vfs::memory::MemoryVfs;
pub use vfs::private::{AppendedFile, PrivateDirectory, read_key_file};
pub use vfs::{FileInfo, FileStamp, LockGuard, LogFile, Vfs, VfsFile};
pub use wal::{Frame, LOG_FILE_BYTES, Log, LogContent, Torn, read_log, salvage_log};
