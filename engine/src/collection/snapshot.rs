//! Snapshots: a generation kept under a name, as links to the files it shares.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lexivec_storage::{
    Directory, DiskVfs, Error as StorageError, FileInfo, Manifest, SegmentEntry, Vfs, disk, publish,
};
use serde::Serialize;

use super::siblings::stores_in;
use super::{Collection, VerifyLevel};
use crate::error::{Error, Result};
use crate::schema::{Schema, check_name};

/// Folder of a collection's directory that holds its named snapshots.
pub(super) const SNAPSHOT_FOLDER: &str = "snapshots";

/// A snapshot: a directory that is a collection and can be opened for reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// The generation it holds.
    pub generation: u64,
    /// Its segment files.
    pub files: usize,
    /// Bytes of its segment files, which are shared with the collection as long as it has them.
    pub bytes: u64,
}

/// The snapshots of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SnapshotList {
    /// Snapshots that can be opened, in the order of their names.
    pub snapshots: Vec<Snapshot>,
    /// Snapshots that cannot be opened, in the order of their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<DamagedSnapshot>,
}

/// A snapshot that cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DamagedSnapshot {
    /// Its name.
    pub name: String,
    /// The reason, with file and byte.
    pub reason: String,
}

/// Options of [`Snapshot::restore`], [`Collection::import`] and [`Collection::repair`].
#[derive(Clone, Debug, Default)]
pub struct CopyOptions {
    name: Option<String>,
    pub(super) unsafe_filesystem: bool,
}

impl CopyOptions {
    /// Options of a copy that has the name of its original.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name of the new collection, so that it can be in one database with its original.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// True to make the copy on a network or user-space file system, where locks, syncs or memory maps may be
    /// unreliable, at the risk of its data.
    #[must_use]
    pub fn unsafe_filesystem(mut self, allow: bool) -> Self {
        self.unsafe_filesystem = allow;
        self
    }

    /// Sets the name in the manifest of the copy.
    pub(super) fn rename(self, manifest: &mut Manifest) -> Result<()> {
        let Some(name) = self.name else { return Ok(()) };
        check_name("collection name", &name)?;
        manifest.schema = Schema { name, ..Schema::of(manifest)? }.to_bytes()?;
        Ok(())
    }
}

impl Snapshot {
    /// The directory of a named snapshot of the collection in `path`.
    ///
    /// # Errors
    /// When the name is not valid for a snapshot, as it could lead out of the folder.
    pub fn path(path: &Path, name: &str) -> Result<PathBuf> {
        check_name("snapshot name", name)?;
        Ok(path.join(SNAPSHOT_FOLDER).join(name))
    }

    /// The named snapshots of a collection's directory, and those of them that cannot be opened.
    ///
    /// # Errors
    /// When the folder of snapshots cannot be listed.
    pub fn list(path: impl AsRef<Path>) -> Result<SnapshotList> {
        let mut found = SnapshotList::default();
        for (name, path) in Self::directories(path.as_ref())? {
            let opened =
                DiskVfs::open_root(&path).and_then(|vfs| Directory::open_read_only(Arc::new(vfs)));
            match opened {
                Ok(directory) => found.snapshots.push(Self::of(&name, directory.manifest())),
                Err(error) => {
                    found.damaged.push(DamagedSnapshot { name, reason: error.to_string() });
                }
            }
        }
        Ok(found)
    }

    /// Name and directory of everything in a collection's folder of snapshots that is neither an unfinished copy nor an
    /// empty folder.
    pub(super) fn directories(path: &Path) -> Result<Vec<(String, PathBuf)>> {
        let folder = path.join(SNAPSHOT_FOLDER);
        disk::refuse_link(&folder)?;
        let names = match disk::names(&folder) {
            Err(StorageError::NotFound { .. }) => Vec::new(),
            names => names?,
        };
        Ok(names.into_iter().map(|name| (name.clone(), folder.join(name))).collect())
    }

    /// Creates a collection from a snapshot, in a directory that does not exist or is empty. It gets
    /// its name after every byte of it was verified.
    ///
    /// # Errors
    /// When the directory is not empty, the name is refused, or the snapshot is damaged; then nothing is left behind.
    pub fn restore(
        snapshot: impl AsRef<Path>,
        path: impl AsRef<Path>,
        options: CopyOptions,
    ) -> Result<Self> {
        let vfs = DiskVfs::open_root(snapshot.as_ref())?;
        let directory = Directory::open_read_only(Arc::new(vfs))?;
        let (mut manifest, path) = (directory.manifest().clone(), path.as_ref());
        let unsafe_filesystem = options.unsafe_filesystem;
        options.rename(&mut manifest)?;
        let siblings = |target: &Path| {
            stores_in(snapshot.as_ref()).try_for_each(|(folder, store)| {
                let options = CopyOptions::new().unsafe_filesystem(unsafe_filesystem);
                Self::restore(&store, target.join(folder), options).map(drop)
            })
        };
        let target = Target { path, unsafe_filesystem };
        copy(directory.vfs().as_ref(), &manifest, target, siblings, check_sound)?;
        Ok(Self::of(&name_of(path), &manifest))
    }

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
    /// Keeps the present state under a name, in the folder `snapshots` of the collection's directory.
    /// Searches and writes continue; files are hard-linked, and copied only if they cannot be linked.
    ///
    /// # Errors
    /// When the name is refused or taken, the collection is in memory, or the machine fails.
    pub fn snapshot(&self, name: &str) -> Result<Snapshot> {
        let root = self.shared.vfs.root().ok_or_else(|| {
            Error::invalid("snapshot", "a collection in memory has no directory to keep one in")
        })?;
        disk::refuse_link(&root.join(SNAPSHOT_FOLDER))?;
        self.snapshot_to(&Snapshot::path(root, name)?)
    }

    /// Like [`snapshot`](Self::snapshot), into a directory that does not exist yet.
    pub fn snapshot_to(&self, path: &Path) -> Result<Snapshot> {
        let shared = &self.shared;
        let _maintenance = shared.maintenance.lock();
        // The snapshot is kept at the path, and so in another collection's directory if one is there by now.
        shared.vfs.check_place()?;
        shared.flush_held()?;
        // No commit can come while this is held, so no file is removed.
        let manifest = shared.directory.lock().manifest().clone();
        let siblings = |target: &Path| {
            for sibling in self.siblings.iter() {
                if let Some(store) = self.existing_store(sibling.folder)? {
                    store.snapshot_to(&target.join(sibling.folder))?;
                }
            }
            Ok(())
        };
        let target = Target { path, unsafe_filesystem: shared.options.unsafe_filesystem };
        copy(shared.vfs.as_ref(), &manifest, target, siblings, |_| Ok(()))?;
        Ok(Snapshot::of(&name_of(path), &manifest))
    }
}

/// The directory of a copy, and whether any file system will do for it.
struct Target<'a> {
    path: &'a Path,
    unsafe_filesystem: bool,
}

/// Makes a copy of a generation in a new directory, which gets its name once it is whole: `siblings` has
/// copied the sibling stores, and `check` found no fault.
fn copy(
    source: &dyn Vfs,
    manifest: &Manifest,
    Target { path, unsafe_filesystem }: Target<'_>,
    siblings: impl FnOnce(&Path) -> Result<()>,
    check: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    fill(
        path,
        unsafe_filesystem,
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

/// Creates a directory by `make` next to its target, and renames it once `check` accepts it. It is
/// removed if a step fails. Unless `unsafe_filesystem` is true, its file system must be one that a collection can be
/// created on.
pub(super) fn fill(
    path: &Path,
    unsafe_filesystem: bool,
    make: impl FnOnce(&DiskVfs) -> Result<()>,
    check: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let unnamed = |e| StorageError::Io { op: "find", path: path.display().to_string(), source: e };
    // Without the slash at its end that a shell completes; `.` has no parent to create a directory in.
    let path: PathBuf = std::path::absolute(path).map_err(unnamed)?.components().collect();
    let staging = disk::Staging::new(&path)?;
    let target = DiskVfs::open_root(staging.path())?;
    if !unsafe_filesystem {
        target.check_filesystem()?;
    }
    make(&target)?;
    check(staging.path())?;
    Ok(staging.publish(&path)?)
}

/// Refuses a collection in which verification finds a problem.
pub(super) fn check_sound(path: &Path) -> Result<()> {
    let report = Collection::verify(path, VerifyLevel::Full)?;
    match report.problems.first() {
        None => Ok(()),
        Some(problem) => Err(crate::error::corrupt(&problem.file, "", problem.detail.clone())),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}
