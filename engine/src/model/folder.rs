//! A folder with the files of a model.

use std::path::{Path, PathBuf};

use lexivec_storage::{Bytes, DiskVfs, FileInfo, Vfs};

use crate::error::{Error, Result};
use crate::limits::MAX_MODEL_BYTES;

/// A folder and its files.
pub(super) struct Folder {
    path: PathBuf,
    pub(super) vfs: DiskVfs,
    files: Vec<FileInfo>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let vfs = DiskVfs::open_root(path)?;
        let files = vfs.list()?;
        Ok(Self { path: path.to_owned(), vfs, files })
    }

    /// The folder of this name in it.
    pub(super) fn below(&self, name: &str) -> Result<Self> {
        if name.contains(['/', '\\']) || name.starts_with('.') {
            return Err(self.fault(name, "it is not a folder's name".to_owned()));
        }
        Self::open(&self.path.join(name))
    }

    /// Bytes of a file; `None` if there is no such file.
    pub(super) fn size_of(&self, name: &str) -> Option<u64> {
        self.files.iter().find(|file| file.name == name).map(|file| file.len)
    }

    /// The single file with this ending.
    pub(super) fn the_one(&self, ending: &str) -> Result<(String, u64)> {
        let mut found = self.files.iter().filter(|file| file.name.ends_with(ending));
        match (found.next(), found.next()) {
            (Some(file), None) => {
                self.within_limit(&file.name, file.len)?;
                Ok((file.name.clone(), file.len))
            }
            _ => Err(Error::Embedder(format!(
                "{}: exactly one *{ending} file is expected",
                self.vfs.describe()
            ))),
        }
    }

    /// Maps a file.
    pub(super) fn map(&self, name: &str) -> Result<Bytes> {
        let Some(len) = self.size_of(name) else {
            return Err(Error::Embedder(format!("{}: there is no {name}", self.vfs.describe())));
        };
        self.within_limit(name, len)?;
        Ok(self.vfs.map(name, len)?)
    }

    fn within_limit(&self, name: &str, len: u64) -> Result<()> {
        match len > MAX_MODEL_BYTES {
            true => Err(self.fault(name, format!("{len} bytes; the limit is {MAX_MODEL_BYTES}"))),
            false => Ok(()),
        }
    }

    /// An error that names a file of the folder.
    pub(super) fn fault(&self, name: &str, detail: String) -> Error {
        Error::Embedder(format!("{name} in {}: {detail}", self.vfs.describe()))
    }
}
