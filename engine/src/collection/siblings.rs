//! Sibling stores: collections in folders of a collection's directory, which hold data that belongs to
//! it besides its rows.
//!
//! [`FOLDERS`] is the one list of them. A copy, an export, a verification and a repair of a collection take every
//! sibling from it, so that none is forgotten.

use std::path::{Path, PathBuf};

use lexivec_storage::disk;
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
    /// The siblings of a collection in a directory; of one without a directory they are in memory.
    pub(super) fn new(root: Option<&Path>) -> Self {
        Self(FOLDERS.map(|folder| Sibling {
            folder,
            path: root.map(|root| root.join(folder)),
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
            let open = OpenOptions::new().background(false);
            let options = || Options::new().name(self.folder);
            *store = Some(Box::new(match &self.path {
                Some(path) if disk::is_collection(path) => open.open(path)?,
                Some(path) => Collection::create(path, options().open(open))?,
                None => Collection::in_memory(options())?,
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

impl Collection {
    /// The sibling store of a folder of [`FOLDERS`].
    pub(crate) fn sibling(&self, folder: &str) -> Result<&Sibling> {
        let found = self.siblings.iter().find(|sibling| sibling.folder == folder);
        found.ok_or_else(|| Error::invalid(folder, "no sibling store has this name"))
    }
}
