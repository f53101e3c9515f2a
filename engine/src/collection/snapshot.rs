//! Snapshots: a generation kept under a name of its own, as links to the files it shares.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lexivec_storage::{
    Directory, DiskVfs, Error as StorageError, FileInfo, Manifest, SegmentEntry, Vfs, disk, publish,
};
use serde::Serialize;

use super::Collection;
use super::siblings::stores_in;
use crate::error::{Error, Result};

/// Folder of a collection's directory that holds its named snapshots.
const SNAPSHOT_FOLDER: &str = "snapshots";

/// A snapshot: a directory that is a collection, and can be opened for reading as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// The generation it holds.
    pub generation: u64,
    /// Its segment files.
    pub files: usize,
    /// Their bytes, which are shared with the collection as long as it has them.
    pub bytes: u64,
}

impl Snapshot {
    fn of(name: &str, manifest: &Manifest) -> Self {
        Self {
            name: name.to_owned(),
            generation: manifest.generation,
            files: manifest.segments.len(),
            bytes: manifest.segments.iter().map(|s| s.file.len).sum(),
        }
    }
}

impl Collection {
    /// Keeps what is there now, under a name, in the folder `snapshots` of the collection's own
    /// directory. Searches and writes go on; files are linked and not copied where that can be done.
    ///
    /// # Errors
    /// When the name is refused or taken, the collection is in memory, or the machine fails.
    pub fn snapshot(&self, name: &str) -> Result<Snapshot> {
        let root = self.shared.vfs.root().ok_or_else(|| {
            Error::invalid("snapshot", "a collection in memory has no directory to keep one in")
        })?;
        self.snapshot_to(&Self::snapshot_path(root, name)?)
    }

    /// The directory of a named snapshot of the collection in `path`.
    ///
    /// # Errors
    /// When the name is none of a snapshot: it could lead elsewhere.
    pub fn snapshot_path(path: &Path, name: &str) -> Result<PathBuf> {
        crate::schema::check_name("snapshot name", name)?;
        Ok(path.join(SNAPSHOT_FOLDER).join(name))
    }

    /// As [`snapshot`](Self::snapshot), into a directory that is not there yet.
    pub fn snapshot_to(&self, path: &Path) -> Result<Snapshot> {
        let shared = &self.shared;
        let _maintenance = shared.maintenance.lock();
        shared.flush_held()?;
        // Nothing is committed while this is held, so no file goes.
        let manifest = shared.directory.lock().manifest().clone();
        let siblings = |target: &Path| {
            for sibling in self.siblings.iter() {
                if let Some(store) = sibling.store_if_exists()? {
                    store.snapshot_to(&target.join(sibling.folder))?;
                }
            }
            Ok(())
        };
        copy(shared.vfs.as_ref(), &manifest, path, siblings, |_| Ok(()))?;
        Ok(Snapshot::of(&name_of(path), &manifest))
    }

    /// The named snapshots of a collection's directory.
    pub fn snapshots(path: impl AsRef<Path>) -> Result<Vec<Snapshot>> {
        let folder = path.as_ref().join(SNAPSHOT_FOLDER);
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for name in disk::subdirectories(&folder)? {
            let vfs = DiskVfs::open_root(&folder.join(&name))?;
            match Directory::open_read_only(Arc::new(vfs)) {
                Ok(directory) => found.push(Snapshot::of(&name, directory.manifest())),
                // A folder of somebody else's.
                Err(StorageError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    /// Makes a collection of a snapshot, in a directory that is not there yet or empty. It gets its
    /// name after every byte of it was verified.
    ///
    /// # Errors
    /// When something is there already, or the snapshot is damaged: nothing is left behind then.
    pub fn restore(snapshot: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<Snapshot> {
        let vfs = DiskVfs::open_root(snapshot.as_ref())?;
        let directory = Directory::open_read_only(Arc::new(vfs))?;
        let (manifest, path) = (directory.manifest().clone(), path.as_ref());
        let siblings = |target: &Path| {
            stores_in(snapshot.as_ref()).try_for_each(|(folder, store)| {
                Self::restore(&store, target.join(folder)).map(drop)
            })
        };
        copy(directory.vfs().as_ref(), &manifest, path, siblings, check_sound)?;
        Ok(Snapshot::of(&name_of(path), &manifest))
    }
}

/// Makes a copy of a generation in a new directory, which gets its name once it is whole: `siblings` has
/// copied the sibling stores, and `check` found no fault.
fn copy(
    source: &dyn Vfs,
    manifest: &Manifest,
    path: &Path,
    siblings: impl FnOnce(&Path) -> Result<()>,
    check: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    fill(
        path,
        |target| {
            for SegmentEntry { file, .. } in &manifest.segments {
                target.adopt(source, &FileInfo { name: file.name.clone(), len: file.len })?;
            }
            publish(target, manifest)?;
            target.root().map_or(Ok(()), siblings)
        },
        check,
    )
}

/// Makes a directory by `make` beside the place it is for, and gives it its name once `check` has
/// nothing to object. What was made is removed if something fails.
pub(super) fn fill(
    path: &Path,
    make: impl FnOnce(&DiskVfs) -> Result<()>,
    check: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let unnamed = |e| StorageError::Io { op: "find", path: path.display().to_string(), source: e };
    // Without a slash at its end, which a shell completes; and `.` has no place beside it.
    let path: PathBuf = std::path::absolute(path).map_err(unnamed)?.components().collect();
    let staging = disk::staging_directory(&path)?;
    let made = DiskVfs::open_root(&staging)
        .map_err(Error::from)
        .and_then(|target| make(&target))
        .and_then(|()| check(&staging))
        .and_then(|()| Ok(disk::publish_directory(&staging, &path)?));
    if made.is_err() {
        // What cannot be removed now has a name that tells what it is.
        let _ = disk::remove_tree(&staging);
    }
    made
}

/// Refuses a collection in which verification finds a problem.
pub(super) fn check_sound(path: &Path) -> Result<()> {
    let report = Collection::verify(path)?;
    match report.problems.first() {
        None => Ok(()),
        Some(problem) => Err(crate::error::corrupt(&problem.file, "", problem.detail.clone())),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}
