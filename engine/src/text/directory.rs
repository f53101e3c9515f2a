//! tantivy's view of a segment: its files are sections, and every byte is verified before tantivy gets
//! it.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lexivec_storage::{Section, SegmentReader};
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    DirectoryLock, FileHandle, Lock, OwnedBytes, WatchCallback, WatchHandle, WritePtr,
};
use tantivy::{Directory, HasLen};

/// tantivy names its files by a random segment id; ours all carry this one, so that the same rows
/// give the same bytes.
pub(super) const SEGMENT_ID: &str = "00000000-0000-0000-0000-000000000000";
/// Prefix of the sections that are tantivy's files.
pub(super) const PREFIX: &str = "text/tantivy/";
/// tantivy's own list of segments and its schema.
pub(super) const META: &str = "meta.json";

/// Section that holds a tantivy file: named by its ending, as there is one segment.
pub(super) fn section_name(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let kind = if name == META { META } else { file.extension()?.to_str()? };
    Some(format!("{PREFIX}{kind}"))
}

/// A read-only directory over the sections of one segment.
#[derive(Clone)]
pub(super) struct SectionDirectory {
    reader: Arc<SegmentReader>,
}

impl SectionDirectory {
    pub(super) fn new(reader: Arc<SegmentReader>) -> Self {
        Self { reader }
    }

    fn section(&self, path: &Path) -> Option<Section> {
        // Only files of the one segment exist; `.managed.json` and locks do not.
        let name = path.file_name()?.to_str()?;
        let plain_id = SEGMENT_ID.replace('-', "");
        if name != META && !name.starts_with(&plain_id) {
            return None;
        }
        self.reader.find(&section_name(path)?)
    }
}

impl fmt::Debug for SectionDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SectionDirectory")
    }
}

struct SectionFile(Section);

impl fmt::Debug for SectionFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SectionFile({})", self.0.name())
    }
}

impl HasLen for SectionFile {
    fn len(&self) -> usize {
        self.0.len()
    }
}

impl FileHandle for SectionFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        // `bytes_of` verifies the blocks the range touches: tantivy itself checks nothing.
        self.0.bytes_of(range).map(OwnedBytes::new).map_err(io::Error::other)
    }
}

impl Directory for SectionDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        match self.section(path) {
            Some(section) => Ok(Arc::new(SectionFile(section))),
            None => Err(OpenReadError::FileDoesNotExist(path.to_owned())),
        }
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.section(path).is_some())
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let Some(section) = self.section(path) else {
            return Err(OpenReadError::FileDoesNotExist(path.to_owned()));
        };
        section.all().map(<[u8]>::to_vec).map_err(|e| OpenReadError::IoError {
            io_error: Arc::new(io::Error::other(e)),
            filepath: path.to_owned(),
        })
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::FileDoesNotExist(path.to_owned()))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), path.to_owned()))
    }

    fn atomic_write(&self, _path: &Path, _data: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn acquire_lock(&self, _lock: &Lock) -> Result<DirectoryLock, LockError> {
        // A sealed segment needs no lock: nothing in it ever changes.
        Ok(DirectoryLock::from(Box::new(PathBuf::new())))
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "a segment is sealed")
}
