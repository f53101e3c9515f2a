//! A database: a directory of collections, each in its subdirectory, found by name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lexivec_storage::{Directory, DiskVfs, Error as StorageError, LockGuard, Vfs, disk};
use parking_lot::{Mutex, RwLock};
use serde::Serialize;

use crate::collection::{Collection, Snapshot};
use crate::error::{Error, Result};
use crate::limits::MAX_COLLECTIONS;
use crate::model::{Embedder, Reranker};
use crate::options::{OpenOptions, Options};
use crate::schema::{Schema, check_name};

/// Options of a [`Database`]; they hold for all of its collections, and every one has a default that works.
#[derive(Clone)]
pub struct DatabaseOptions {
    open: OpenOptions,
    embedder: Option<Arc<dyn Embedder>>,
    reranker: Option<Arc<dyn Reranker>>,
    max_collections: usize,
    leave_out: bool,
    read_only: bool,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        let open = OpenOptions::default();
        Self {
            open,
            embedder: None,
            reranker: None,
            max_collections: MAX_COLLECTIONS,
            leave_out: false,
            read_only: false,
        }
    }
}

impl DatabaseOptions {
    /// The default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how each collection is opened.
    #[must_use]
    pub fn open_options(mut self, open: OpenOptions) -> Self {
        self.open = open;
        self
    }

    /// Sets the model of every collection that was made with one.
    #[must_use]
    pub fn embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// Sets the reranker of every collection.
    #[must_use]
    pub fn reranker(mut self, reranker: Arc<dyn Reranker>) -> Self {
        self.reranker = Some(reranker);
        self
    }

    /// Sets the number of collections from which [`Database::create`] refuses one more; those that exist are opened in
    /// any case.
    #[must_use]
    pub fn max_collections(mut self, collections: usize) -> Self {
        self.max_collections = collections;
        self
    }

    /// Sets whether a collection that cannot be opened, as one with a damaged file, is left out, so that the others can be
    /// used; [`Database::unopened`] lists those. Without this, and if no other is there, opening fails.
    #[must_use]
    pub fn leave_out_unopened(mut self, leave_out: bool) -> Self {
        self.leave_out = leave_out;
        self
    }

    /// Sets whether the collections are opened for reading alone. Such a database takes no lock and writes nothing, so
    /// that it can be opened next to one that writes, of this process or another; its directory has to exist. It shows
    /// what was there when it was opened, until [`Database::refresh`].
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Opens the database in this directory, as [`Database::open`] does.
    ///
    /// # Errors
    /// The errors of [`Database::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Database> {
        Database::with_options(path.as_ref(), self)
    }
}

/// A collection that cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unopened {
    /// Its name, if its manifest can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its directory below that of the database.
    pub directory: String,
    /// The reason.
    pub reason: String,
}

/// A directory of collections, all of them open for reading and writing, or all of them for reading
/// ([`DatabaseOptions::read_only`]).
///
/// A collection is found by its name. The name never becomes part of a path: the directory of a new collection is
/// named by 32 random hexadecimal digits. Names are of `a-z`, `0-9`, `_` and `-`, so two names cannot differ by case
/// alone. A directory that was moved or copied into the database by hand may have any name.
///
/// A database may also be opened on the directory of one collection. It then serves that collection alone, and
/// creates and drops none.
///
/// The collections are shared: a handle taken by [`get`](Self::get) works on, and reads what it has mapped, after
/// the collection was dropped. A database holds a lock of its directory as long as it is open, so a second one there,
/// in this process or another, is refused. Readers of a collection need no lock.
///
/// ```
/// use lexivec::{Database, Document, Options, SearchRequest};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scratch = tempfile::tempdir()?;
/// # let path = scratch.path();
/// let database = Database::open(path)?;
/// let papers = database.create("papers", Options::new())?;
/// papers.upsert(vec![Document::new("a").text("a wing in a slipstream")])?;
/// drop((papers, database));
///
/// let database = Database::open(path)?;
/// let answer = database.get("papers")?.search(&SearchRequest::text("slipstream"))?;
/// assert_eq!(answer.hits[0].id, "a");
/// database.drop_collection("papers")?;
/// assert!(database.names().is_empty());
/// # Ok(())
/// # }
/// ```
pub struct Database {
    path: PathBuf,
    options: DatabaseOptions,
    /// Held by a creation or a drop from its start to its end. Taken before `collections`.
    changing: Mutex<()>,
    collections: RwLock<BTreeMap<String, Entry>>,
    unopened: Vec<Unopened>,
    /// `None` if `path` is the directory of one collection, which has its own, and in a database for reading.
    root: Option<Root>,
}

/// The directory of a database, held by its descriptor, and its lock, so that no other database creates, drops or sweeps
/// there.
struct Root {
    directory: DiskVfs,
    _lock: Box<dyn LockGuard>,
}

#[derive(Clone)]
struct Entry {
    collection: Arc<Collection>,
    path: PathBuf,
}

impl Database {
    /// Opens every collection of a directory. The directory is made if it does not exist, and leftovers of
    /// interrupted drops are removed from it. The directory of one collection is opened as a database of that
    /// collection alone. [`DatabaseOptions::open`] opens with other options.
    ///
    /// # Errors
    /// [`Error::Open`] with the path of the collection that cannot be opened, or of the directory if another database
    /// has it open ([`ErrorKind::Locked`](crate::ErrorKind::Locked)); [`Error::DuplicateName`] if two
    /// directories hold collections of one name. No collection stays open then.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        DatabaseOptions::new().open(path)
    }

    fn with_options(path: &Path, options: DatabaseOptions) -> Result<Self> {
        let root = match options.read_only {
            true => None,
            false => root(path).map_err(|e| at(path, e))?,
        };
        let single = disk::is_collection(path);
        if root.is_some() {
            disk::sweep(path).map_err(|e| at(path, e.into()))?;
        }
        let paths = collection_paths(path).map_err(|e| at(path, e))?;
        let mut collections: BTreeMap<String, Entry> = BTreeMap::new();
        let (mut unopened, mut fault) = (Vec::new(), None);
        for path in paths {
            if let Err(error) = add(&mut collections, &path, &options) {
                if !options.leave_out || single {
                    return Err(error);
                }
                unopened.push(Unopened::new(&path, &error));
                fault.get_or_insert(error);
            }
        }
        if let (true, Some(error)) = (collections.is_empty(), fault) {
            return Err(error);
        }
        Ok(Self {
            path: path.to_owned(),
            options,
            changing: Mutex::new(()),
            collections: RwLock::new(collections),
            unopened,
            root,
        })
    }

    /// The directory of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a collection of this name, whatever name the options have. It is opened as the database's options say,
    /// and gets its embedder from `options`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the name or an option is refused, if the database has as many collections as it may, or if
    /// one that was left out has a name that cannot be read;
    /// [`Error::CollectionExists`]; [`Error::SingleCollection`]; the errors of [`Collection::create`]; and
    /// [`Displaced`](lexivec_storage::Error::Displaced) if another directory is at the path of the database.
    pub fn create(&self, name: &str, options: Options) -> Result<Arc<Collection>> {
        let root = self.root()?;
        check_name("collection name", name)?;
        let _changing = self.changing.lock();
        let count = {
            let collections = self.collections.read();
            let unopened = self.unopened.iter().any(|other| other.name.as_deref() == Some(name));
            if unopened || collections.contains_key(name) {
                return Err(Error::CollectionExists { name: name.to_owned() });
            }
            collections.len()
        };
        if let Some(Unopened { directory, .. }) = self.unopened.iter().find(|u| u.name.is_none()) {
            let detail = format!(
                "the collection in {directory} cannot be opened and its name not be read, so that {name:?} may be its \
                 name; repair it, or move its directory away, and open the database again"
            );
            return Err(Error::invalid("collection name", detail));
        }
        if count >= self.options.max_collections {
            return Err(Error::invalid(
                "collections",
                format!("there are {count}, which is the limit; drop one first"),
            ));
        }
        root.directory.check_place()?;
        let path = self.path.join(disk::fresh_name());
        let options = options.name(name).open(self.options.open.clone());
        let created = Collection::create(&path, options).and_then(|created| {
            // It was made by its path, which may lead into another directory since the check before.
            root.directory.check_place()?;
            Ok(created)
        });
        let created = created.inspect_err(|_| {
            // The name is new, so that whatever has it is of this creation.
            let _ = disk::remove_tree(&path);
        });
        let collection = Arc::new(self.options.rerank(created?));
        let entry = Entry { collection: collection.clone(), path };
        self.collections.write().insert(name.to_owned(), entry);
        Ok(collection)
    }

    /// The collection of this name.
    ///
    /// # Errors
    /// [`Error::NoCollection`].
    pub fn get(&self, name: &str) -> Result<Arc<Collection>> {
        Ok(self.entry(name)?.collection)
    }

    /// The directory of the collection of this name, for verification, repair and snapshots.
    ///
    /// # Errors
    /// [`Error::NoCollection`]; [`Displaced`](lexivec_storage::Error::Displaced) if another directory is at its path.
    pub fn path_of(&self, name: &str) -> Result<PathBuf> {
        let entry = self.entry(name)?;
        entry.collection.vfs().check_place()?;
        Ok(entry.path)
    }

    /// The names of all collections, in order.
    pub fn names(&self) -> Vec<String> {
        self.collections.read().keys().cloned().collect()
    }

    /// The collections that could not be opened and were left out, in the order of their directories.
    pub fn unopened(&self) -> &[Unopened] {
        &self.unopened
    }

    /// All collections, in the order of their names.
    pub fn list(&self) -> Vec<Arc<Collection>> {
        self.collections.read().values().map(|e| e.collection.clone()).collect()
    }

    /// Removes a collection and its files. Handles and searches that still use it keep what they have mapped.
    ///
    /// A crash leaves the collection whole or not at all: its directory is renamed first, and what a crash leaves of
    /// the renamed directory is removed by the next [`open`](Self::open) or [`sweep`](Self::sweep).
    ///
    /// # Errors
    /// [`Error::NoCollection`]; [`Error::HasSnapshots`], as snapshots are inside the collection's directory;
    /// [`Error::SingleCollection`]; [`Displaced`](lexivec_storage::Error::Displaced) if the directory of the collection, or
    /// of the database, is no longer the one that was opened; and those of the file system. If the directory still has
    /// its name, no file was removed and the collection remains.
    pub fn drop_collection(&self, name: &str) -> Result<()> {
        self.remove(name, |path| {
            let found = Snapshot::list(path)?;
            match found.snapshots.len() + found.damaged.len() {
                0 => Ok(()),
                count => Err(Error::HasSnapshots { name: name.to_owned(), count }),
            }
        })
    }

    /// Removes a collection, its files and its snapshots.
    ///
    /// # Errors
    /// Those of [`drop_collection`](Self::drop_collection), without [`Error::HasSnapshots`].
    pub fn drop_with_snapshots(&self, name: &str) -> Result<()> {
        self.remove(name, |_| Ok(()))
    }

    /// Moves a database for reading to what is in its directory now: its collections to their newest writes, and to
    /// those that were created and dropped there. One that cannot be opened is left out, and one whose newest writes
    /// cannot be read stays as it was; [`refresh_collection`](Self::refresh_collection) says why. It changes nothing in
    /// a database that writes.
    ///
    /// # Errors
    /// Those of reading the directory.
    pub fn refresh(&self) -> Result<()> {
        if !self.options.read_only {
            return Ok(());
        }
        let _changing = self.changing.lock();
        self.look_around()?;
        let entries: Vec<Entry> = self.collections.read().values().cloned().collect();
        for entry in &entries {
            let _ = self.refresh_entry(entry);
        }
        Ok(())
    }

    /// Moves one collection of a database for reading to its newest writes, as [`refresh`](Self::refresh) does. One of
    /// this name that is new is opened, and one that was dropped is left out.
    ///
    /// # Errors
    /// Those of reading the directory, and of opening the collection.
    pub fn refresh_collection(&self, name: &str) -> Result<()> {
        if !self.options.read_only {
            return Ok(());
        }
        let _changing = self.changing.lock();
        match self.entry(name) {
            Ok(entry) if disk::is_collection(&entry.path) => self.refresh_entry(&entry),
            _ => self.look_around(),
        }
    }

    /// Opens the collections that are new in the directory, and leaves out those that are no longer there.
    fn look_around(&self) -> Result<()> {
        let paths = collection_paths(&self.path).map_err(|e| at(&self.path, e))?;
        let mut collections = self.collections.read().clone();
        collections.retain(|_, entry| paths.contains(&entry.path));
        let known: Vec<PathBuf> = collections.values().map(|entry| entry.path.clone()).collect();
        for path in paths.iter().filter(|path| !known.contains(path)) {
            // What cannot be opened now may be one that is being created or dropped.
            let _ = add(&mut collections, path, &self.options);
        }
        *self.collections.write() = collections;
        Ok(())
    }

    /// Moves a collection to its newest writes; it is opened again if its handle cannot follow them.
    fn refresh_entry(&self, entry: &Entry) -> Result<()> {
        if entry.collection.refresh().is_ok() {
            return Ok(());
        }
        let opened = open_collection(&entry.path, &self.options).map_err(|e| at(&entry.path, e))?;
        let name = opened.schema().name.clone();
        let newer = Entry { collection: Arc::new(opened), path: entry.path.clone() };
        let mut collections = self.collections.write();
        collections.remove(&entry.collection.schema().name);
        collections.insert(name, newer);
        Ok(())
    }

    /// Removes what interrupted drops left of the directories that [`create`](Self::create) made; [`open`](Self::open)
    /// does so, too.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sweep(&self) -> Result<()> {
        let Some(root) = &self.root else { return Ok(()) };
        let _changing = self.changing.lock();
        root.directory.check_place()?;
        Ok(disk::sweep(&self.path)?)
    }

    fn entry(&self, name: &str) -> Result<Entry> {
        let found = self.collections.read().get(name).cloned();
        found.ok_or_else(|| Error::NoCollection { name: name.to_owned() })
    }

    /// Removes a collection unless `check` refuses its directory.
    fn remove(&self, name: &str, check: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let root = self.root()?;
        let _changing = self.changing.lock();
        let entry = self.entry(name)?;
        entry.collection.vfs().check_place()?;
        check(&entry.path)?;
        // The name is free before the files are removed, which takes time.
        self.collections.write().remove(name);
        let directory = entry.path.file_name().unwrap_or_default().to_string_lossy();
        let removed = root.directory.remove_child(&directory, entry.collection.vfs());
        if removed.is_err() && disk::is_collection(&entry.path) {
            self.collections.write().insert(name.to_owned(), entry);
        }
        Ok(removed?)
    }

    /// The directory of collections.
    fn root(&self) -> Result<&Root> {
        if self.options.read_only {
            return Err(StorageError::ReadOnly.into());
        }
        let single = || Error::SingleCollection { path: self.path.display().to_string() };
        self.root.as_ref().ok_or_else(single)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, names) = (&self.path, self.names());
        f.debug_struct("Database").field("path", path).field("names", &names).finish()
    }
}

impl DatabaseOptions {
    fn rerank(&self, collection: Collection) -> Collection {
        match &self.reranker {
            Some(reranker) => collection.with_reranker(reranker.clone()),
            None => collection,
        }
    }
}

/// Makes a directory of collections if it is not there, and takes its lock; `None` if it is the directory of one
/// collection, which takes the same lock itself.
fn root(path: &Path) -> Result<Option<Root>> {
    if disk::is_collection(path) {
        return Ok(None);
    }
    let directory = DiskVfs::create_root(path)?;
    let lock = directory.lock_directory()?;
    // A collection may have been created there before the lock was taken.
    Ok(if disk::is_collection(path) { None } else { Some(Root { directory, _lock: lock }) })
}

/// The directory itself if it is that of a collection, and else those of collections below it.
fn collection_paths(path: &Path) -> Result<Vec<PathBuf>> {
    if disk::is_collection(path) {
        return Ok(vec![path.to_owned()]);
    }
    let paths = disk::names(path)?.into_iter().map(|name| path.join(name));
    Ok(paths.filter(|path| disk::is_collection(path)).collect())
}

/// Opens a collection of a database.
fn add(
    collections: &mut BTreeMap<String, Entry>,
    path: &Path,
    options: &DatabaseOptions,
) -> Result<()> {
    let collection = open_collection(path, options).map_err(|e| at(path, e))?;
    let name = collection.schema().name.clone();
    if let Some(other) = collections.get(&name) {
        let (first, second) = (other.path.display().to_string(), path.display().to_string());
        return Err(Error::DuplicateName { name, first, second });
    }
    let entry = Entry { collection: Arc::new(collection), path: path.to_owned() };
    collections.insert(name, entry);
    Ok(())
}

impl Unopened {
    fn new(path: &Path, error: &Error) -> Self {
        let directory = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Of the files the manifest alone is needed for it.
        let named = || {
            let vfs = Arc::new(DiskVfs::open_root(path)?);
            Ok(Schema::of(Directory::open_damaged(vfs)?.manifest())?.name)
        };
        let name: Result<String> = named();
        Self { name: name.ok(), directory, reason: error.to_string() }
    }
}

fn open_collection(path: &Path, options: &DatabaseOptions) -> Result<Collection> {
    let collection = match options.read_only {
        true => Collection::open_read_only(path)?,
        false => options.open.clone().open(path)?,
    };
    let collection = match (&collection.schema().embedder, &options.embedder) {
        (Some(_), Some(model)) => collection.with_embedder(model.clone())?,
        _ => collection,
    };
    Ok(options.rerank(collection))
}

fn at(path: &Path, source: Error) -> Error {
    Error::Open { path: path.display().to_string(), source: Box::new(source) }
}
