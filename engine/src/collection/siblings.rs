//! Sibling stores: collections in folders of a collection's directory, which hold data that belongs to
//! it besides its rows.
//!
//! [`FOLDERS`] is the one list of them, and the manifest names those that were made. A copy, an export, a verification and a repair of a collection take every
//! sibling from it, so that none is forgotten.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lexivec_storage::{Directory, DiskVfs, Error as StorageError, Manifest, disk};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};

use super::Collection;
use super::shared::Shared;
use crate::error::{Error, Result, corrupt};
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

/// Checks that the folder of a sibling store which a manifest names is there and is that store.
///
/// # Errors
/// Damage with the way out if it is missing, is the store of another collection, or has no readable manifest.
pub(super) fn check_named(folder: &str, path: &Path, named: &str) -> Result<()> {
    let fault = |detail: String| {
        let way = format!(
            "put the folder `{folder}` of a snapshot in its place, or make a collection without it by `lexivec repair`"
        );
        corrupt(folder, "", format!("{detail}; {way}"))
    };
    match identifier(path) {
        Ok(found) if found == named => Ok(()),
        Ok(_) => Err(fault("the store there belongs to another collection".to_owned())),
        Err(Error::Storage(StorageError::NotFound { .. })) => {
            Err(fault("the collection names this store, and it is missing".to_owned()))
        }
        Err(error) => Err(fault(format!("the store cannot be read: {error}"))),
    }
}

/// The identifier of the collection in a directory, as manifests name it.
pub(super) fn identifier(path: &Path) -> Result<String> {
    let directory = Directory::open_read_only(Arc::new(DiskVfs::open_root(path)?))?;
    Ok(shown(directory.manifest()))
}

/// The identifier of a collection, 32 hexadecimal digits.
pub(super) fn shown(manifest: &Manifest) -> String {
    format!("{:032x}", manifest.collection)
}

impl Sibling {
    /// Opens the store for writing, if it is not open; created if it is not there.
    fn open(&self) -> Result<OpenSibling<'_>> {
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

    fn is_open(&self) -> bool {
        self.store.lock().is_some()
    }

    /// The path of the store if it is there.
    fn existing(&self) -> Option<&Path> {
        self.path.as_deref().filter(|path| disk::is_collection(path))
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
    ///
    /// # Errors
    /// When the collection's directory is no longer the one that was opened: the store would be another collection's.
    fn sibling(&self, folder: &str) -> Result<&Sibling> {
        if let Err(displaced) = self.shared.vfs.check_place() {
            self.shared.vfs.root().map_or(Ok(()), |root| refuse_if_dropped(&root.join(folder)))?;
            return Err(displaced.into());
        }
        let found = self.siblings.iter().find(|sibling| sibling.folder == folder);
        found.ok_or_else(|| Error::invalid(folder, "no sibling store has this name"))
    }

    /// Refuses a store on disk that is not the one which the manifest names.
    fn check_sibling(&self, sibling: &Sibling) -> Result<()> {
        sibling.path.as_deref().map_or(Ok(()), disk::refuse_link)?;
        let named = self.shared.siblings.lock().get(sibling.folder).cloned();
        match (named, &sibling.path) {
            (Some(named), Some(path)) if !sibling.is_open() => {
                check_named(sibling.folder, path, &named)
            }
            _ => Ok(()),
        }
    }

    /// The store of a folder of [`FOLDERS`] for writing, created if it is not there. The manifest names it before
    /// anything is written to it, so that its loss is found.
    pub(crate) fn sibling_store(&self, folder: &str) -> Result<OpenSibling<'_>> {
        let sibling = self.sibling(folder)?;
        self.check_sibling(sibling)?;
        // Not held while the manifest is committed: a snapshot takes these locks in the other order.
        let identifier = shown(sibling.open()?.shared.directory.lock().manifest());
        if sibling.path.is_some() {
            self.shared.name_sibling(folder, identifier)?;
        }
        sibling.open()
    }

    /// The store of a folder for writing; `None` if it is not there.
    pub(crate) fn existing_store(&self, folder: &str) -> Result<Option<OpenSibling<'_>>> {
        let sibling = self.sibling(folder)?;
        self.check_sibling(sibling)?;
        let exists = sibling.is_open() || sibling.existing().is_some();
        exists.then(|| sibling.open()).transpose()
    }

    /// Reads the store of a folder, which takes no lock of its directory; `None` if it is not there.
    pub(super) fn read_sibling<T>(
        &self,
        folder: &str,
        read: impl FnOnce(&Collection) -> Result<T>,
    ) -> Result<Option<T>> {
        let sibling = self.sibling(folder)?;
        self.check_sibling(sibling)?;
        match (&*sibling.store.lock(), sibling.existing()) {
            (Some(store), _) => read(store).map(Some),
            (None, Some(path)) => read(&Collection::open_read_only(path)?).map(Some),
            (None, None) => Ok(None),
        }
    }
}

impl Shared {
    /// Commits the newest generation once more with the identifier of a sibling store, if it does not name it yet.
    fn name_sibling(&self, folder: &str, identifier: String) -> Result<()> {
        if self.siblings.lock().get(folder) == Some(&identifier) {
            return Ok(());
        }
        let _maintenance = self.maintenance.lock();
        let _guard = self.poison.panic_guard();
        self.writable()?;
        let mut schema = self.present_schema();
        schema.siblings.insert(folder.to_owned(), identifier);
        self.commit_schema(Some(schema.to_bytes()?))?;
        *self.siblings.lock() = schema.siblings;
        Ok(())
    }
}
