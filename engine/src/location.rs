//! Location of a collection: a directory on disk, or any [`Vfs`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lexivec_storage::{DiskVfs, Vfs};

use crate::error::Result;

/// The place of a collection: a directory on disk, or any [`Vfs`].
///
/// Calls that open, verify or repair a collection take `impl Into<Location>`, so a path is given as it is:
/// `Collection::open("index")`. A [`MemoryVfs`](lexivec_storage::MemoryVfs) in an `Arc` is the other form; tests give
/// one that fails on purpose.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Location {
    /// A directory on disk.
    Directory(PathBuf),
    /// Files behind the seam to the file system.
    Vfs(Arc<dyn Vfs>),
}

impl Location {
    /// The files of a place that exists.
    pub(crate) fn open(self) -> Result<Arc<dyn Vfs>> {
        Ok(match self {
            Self::Directory(path) => Arc::new(DiskVfs::open_root(&path)?),
            Self::Vfs(vfs) => vfs,
        })
    }

    /// The directory, where the place is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) => Some(path),
            Self::Vfs(vfs) => vfs.root(),
        }
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Location {
    fn from(path: &P) -> Self {
        Self::Directory(path.as_ref().to_owned())
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::Directory(path)
    }
}

impl From<String> for Location {
    fn from(path: String) -> Self {
        Self::Directory(path.into())
    }
}

impl<V: Vfs + 'static> From<Arc<V>> for Location {
    fn from(vfs: Arc<V>) -> Self {
        Self::Vfs(vfs)
    }
}

impl From<Arc<dyn Vfs>> for Location {
    fn from(vfs: Arc<dyn Vfs>) -> Self {
        Self::Vfs(vfs)
    }
}
