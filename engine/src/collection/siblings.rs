//! Sibling stores: collections in folders of a collection's directory, which hold data that belongs to
//! it besides its rows.
//!
//! [`FOLDERS`] is the one list of them. A copy, an export, a verification and a repair of a collection take every
//! sibling from it, so that none is forgotten.

use std::path::{Path, PathBuf};

use lexivec_storage::{Error as StorageError, disk};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};

use super::Collection;
use crate::error::{Error, Result};
use crate::options::{OpenOptions, Options};

/// The folder of feedback and query adapters.
pub(crate) const LEARNING: &str = "learning";
/// The folders of all sibling stores.
pub(super) const FOLDERS: [&str; 1] = [LEARNING];

/// The existing sibling stores in a collection's directory: folder and path of each.
pub(super) fn stores_in(root: &Path) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let stores = FOLDERS.into_iter().map(|folder| (folder, root.join(folder)));
    stores.filter(|(_, path)| disk::is_collection(path))
}

/// The sibling stores of an open collection, each opened when it is first needed.
pub(super) struct Siblings([Sibling; FOLDERS.len()]);

impl Siblings {
    /// The siblings of a collection in a directory; of one without a directory they are in memory. They are opened on
    /// the file systems that `options` allows.
    pub(super) fn new(root: Option<&Path>, options: &OpenOptions) -> Self {
        let allow = options.unsafe_filesystem;
        Self(FOLDERS.map(|folder| Sibling {
            folder,
            path: root.map(|root| root.join(folder)),
            options: OpenOptions::new().background(false).unsafe_filesystem(allow),
            store: Mutex::new(None),
        }))
    }

    /// All siblings, existing or not.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Sibling> {
        self.0.iter()
    }
}

/// One sibling store.
pub(crate) struct Sibling {
    pub(super) folder: &'static str,
    path: Option<PathBuf>,
    options: OpenOptions,
    store: Mutex<Option<Box<Collection>>>,
}

/// An open sibling store; it is locked as long as this is held.
pub(crate) type OpenSibling<'a> = MappedMutexGuard<'a, Collection>;

impl Sibling {
    fn exists(&self) -> bool {
        self.store.lock().is_some() || self.path.as_deref().is_some_and(disk::is_collection)
    }

    /// The store for writing; `None` if it is not there.
    pub(crate) fn store_if_exists(&self) -> Result<Option<OpenSibling<'_>>> {
        self.exists().then(|| self.store()).transpose()
    }

    /// The store for writing; created if it is not there.
    pub(crate) fn store(&self) -> Result<OpenSibling<'_>> {
        let mut store = self.store.lock();
        if store.is_none() {
            let new = || Options::new().name(self.folder).open(self.options.clone());
            *store = Some(Box::new(match &self.path {
                Some(path) if disk::is_collection(path) => self.options.clone().open(path)?,
                Some(path) => {
                    refuse_if_dropped(path)?;
                    Collection::create(path, new())?
                }
                None => Collection::in_memory(new())?,
            }));
        }
        MutexGuard::try_map(store, Option::as_deref_mut)
            .map_err(|_| Error::invalid(self.folder, "the folder could not be opened"))
    }

    /// Reads the store, which takes no lock of its directory; `None` if it is not there.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Collection) -> Result<T>) -> Result<Option<T>> {
        match (&*self.store.lock(), &self.path) {
            (Some(store), _) => read(store).map(Some),
            (None, Some(path)) if disk::is_collection(path) => {
                read(&Collection::open_read_only(path)?).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Refuses to make a sibling store of a collection whose directory was removed: it would make the directory again.
fn refuse_if_dropped(path: &Path) -> Result<()> {
    match path.parent() {
        Some(root) if !disk::is_collection(root) => {
            Err(StorageError::NotFound { path: root.display().to_string() }.into())
        }
        _ => Ok(()),
    }
}

impl Collection {
    /// The sibling store of a folder of [`FOLDERS`].
    pub(crate) fn sibling(&self, folder: &str) -> Result<&Sibling> {
        let found = self.siblings.iter().find(|sibling| sibling.folder == folder);
        found.ok_or_else(|| Error::invalid(folder, "no sibling store has this name"))
    }
}
