//! A collection: one directory, one writer, any number of readers of its generations.

mod adapters;
mod append;
mod background;
mod compact;
mod export;
mod flush;
mod indexing;
mod inspect;
mod profiles;
mod reading;
mod records;
mod reembed;
mod reindex;
mod repair;
mod rewrite;
mod scope;
mod shared;
mod siblings;
mod snapshot;
mod stats;
mod synonyms;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use lexivec_storage::{
    self as storage, Directory, DiskVfs, Error as StorageError, Log, LogContent, MemoryVfs, Vfs,
    read_log,
};
use parking_lot::Mutex;

use background::Background;
pub use compact::{CompactOptions, CompactReport, MergeReport};
use indexing::Indexing;
pub use inspect::Inspection;
pub(crate) use records::{of_kind, read_all, record};
pub use reembed::ReembedReport;
pub use reindex::ReindexReport;
pub use repair::RepairReport;
pub use rewrite::RewriteOptions;
use shared::{LoggedWrite, Shared, WakeUp, Writes};
pub(crate) use siblings::LEARNING;
use siblings::Siblings;
pub use snapshot::{CopyOptions, DamagedSnapshot, Snapshot, SnapshotList};
pub use stats::{SegmentStats, Stats};
pub use verify::{Problem, VerifyLevel, VerifyReport};
pub use writer::{Receipt, WriteOptions, Writer};

use crate::error::{Error, ErrorKind, Result};
use crate::generation::{Generation, Operation};
use crate::limits::{DAMAGE_READS, MEMORY_LOG_FILE_BYTES, OPEN_RETRIES};
use crate::location::Location;
use crate::model::adapters::Adapters;
use crate::model::rerank::RerankerHandle;
use crate::model::{Embedder, Reranker};
use crate::options::{OpenOptions, Options};
use crate::schema::Schema;
use crate::text::SynonymTable;

/// An open collection. A clone is a cheap handle of the same one; searches run on any number of threads while others
/// write.
///
/// Reading goes through a [`Searcher`](crate::Searcher), which [`searcher`](Self::searcher) makes; `search`, `get` and
/// the like are one-line conveniences for the newest one. Writing goes through a [`Writer`]; `upsert`, `patch` and
/// `delete` are conveniences for one with the default options.
///
/// Dropping the last clone makes every write durable that is acknowledged; [`flush`](Self::flush) before it saves the
/// next open the replay of the log.
#[derive(Clone)]
pub struct Collection {
    shared: Arc<Shared>,
    siblings: Arc<Siblings>,
    /// Read when the handle is opened, and when one of them changes.
    adapters: Arc<ArcSwap<Adapters>>,
    embedder: Option<Arc<dyn Embedder>>,
    reranker: Option<RerankerHandle>,
    _closer: Arc<Closer>,
}

/// Ends the background thread and closes the log when the last handle is dropped.
struct Closer {
    background: Option<Background>,
    shared: Arc<Shared>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.background = None;
        // A fork does not have the thread.
        if std::process::id() == self.shared.opener {
            self.shared.indexing.join();
        }
        if let Ok(log) = self.shared.writable() {
            // No caller is left to report to; the next open finds what this could not do.
            let _ = log.close();
        }
    }
}

impl std::fmt::Debug for Collection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collection")
            .field("name", &self.schema().name)
            .field("location", &self.shared.vfs.describe())
            .field("generation", &self.generation())
            .field("read_only", &self.is_read_only())
            .finish_non_exhaustive()
    }
}

impl OpenOptions {
    /// Opens a collection for reading and writing with these options; see [`Collection::open`].
    ///
    /// # Errors
    /// As [`Collection::open`].
    pub fn open(self, location: impl Into<Location>) -> Result<Collection> {
        let vfs: Arc<dyn Vfs> = match location.into() {
            Location::Directory(path) => {
                let vfs = DiskVfs::open_root(&path)?;
                check_filesystem(&vfs, &self)?;
                Arc::new(vfs)
            }
            Location::Vfs(vfs) => vfs,
        };
        Collection::from_directory(Directory::open(vfs)?, self)
    }
}

impl Collection {
    /// Creates a collection in a new or empty directory, or on any [`Vfs`].
    ///
    /// # Errors
    /// When a collection or a foreign file is already there, or an option is refused.
    pub fn create(location: impl Into<Location>, options: Options) -> Result<Self> {
        let open = options.open.clone();
        // Options are checked before a directory is made.
        let (schema, embedder) = options.into_schema()?;
        let schema = schema.to_bytes()?;
        let directory = match location.into() {
            Location::Directory(path) => {
                let vfs = Arc::new(new_directory(&path, &open)?);
                match open.unsafe_filesystem {
                    true => Directory::create(vfs, schema)?,
                    false => Directory::create_probed(vfs, schema)?,
                }
            }
            Location::Vfs(vfs) => Directory::create(vfs, schema)?,
        };
        let collection = Self::from_directory(directory, open)?;
        Ok(Self { embedder, ..collection })
    }

    /// Creates a collection that lives in memory only.
    ///
    /// # Errors
    /// When an option is refused.
    pub fn in_memory(options: Options) -> Result<Self> {
        let open = OpenOptions { background: false, reserve_bytes: 0, ..options.open.clone() };
        let open = open.log_file_bytes(MEMORY_LOG_FILE_BYTES);
        Self::create(Arc::new(MemoryVfs::default()), options.open(open))
    }

    /// Opens a collection for reading and writing. One process at a time may: a second opening, in this process or
    /// another, is refused with the holder's process id. Writes that are in the log and in no segment file are read
    /// back. [`OpenOptions::open`] does it with options.
    ///
    /// # Errors
    /// [`Corrupt`](lexivec_storage::Error::Corrupt) with file and byte if an acknowledged write cannot be read:
    /// nothing is dropped in silence.
    pub fn open(location: impl Into<Location>) -> Result<Self> {
        OpenOptions::new().open(location)
    }

    /// Opens the collection of a directory, or creates it with these options if none is there. An existing collection
    /// keeps the schema it was created with; the options say how it is opened, and bring its model.
    ///
    /// # Errors
    /// When an existing collection differs from the options in what was fixed at its creation: fields, their analyzers,
    /// dimensions and metrics, and whether texts are searched as one; and those of [`open`](Self::open),
    /// [`create`](Self::create) and [`with_embedder`](Self::with_embedder).
    pub fn open_or_create(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let path = path.as_ref();
        if !storage::disk::is_collection(path) {
            match Self::create(path, options.clone()) {
                // Another process made it since the look.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return created,
            }
        }
        let open = options.open.clone();
        let (wanted, embedder) = options.into_schema()?;
        let collection = open.open(path)?;
        if let Some(difference) = collection.schema().difference_from(&wanted) {
            let detail = format!(
                "the collection there is another than these options describe: {difference}; open it with \
                 Collection::open, or name another directory"
            );
            return Err(Error::invalid(path.display().to_string(), detail));
        }
        match embedder {
            Some(model) => collection.with_embedder(model),
            None => Ok(collection),
        }
    }

    /// Opens a collection for reading; takes no lock and writes nothing. The answers are those of
    /// the writes found now, until [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_read_only(location: impl Into<Location>) -> Result<Self> {
        let options = OpenOptions::new().background(false);
        Self::from_directory(Directory::open_read_only(location.into().open()?)?, options)
    }

    fn from_directory(mut directory: Directory, options: OpenOptions) -> Result<Self> {
        let schema = Schema::of(directory.manifest())?;
        let synonyms = SynonymTable::new(schema.synonyms.clone(), &schema.indexed_fields())?;
        let (generation, mut content) = load_newest(&mut directory, &schema, None)?;
        let manifest = directory.manifest();
        let (vfs, poison) = (directory.vfs().clone(), directory.poison().clone());
        let log = match directory.read_only() {
            true => None,
            false => {
                let (file, bytes) = (manifest.log_file, options.log_file_bytes);
                let collection = manifest.collection;
                let (vfs, poison) = (vfs.clone(), poison.clone());
                Some(Log::open(vfs, collection, poison, bytes, &content, file)?)
            }
        };
        let short = !directory.read_only() && !directory.keep_reserve(options.reserve_bytes);
        let writes = waiting(&mut content)?;
        let shared = Arc::new(Shared {
            profiles: ArcSwap::from_pointee(schema.profiles.clone()),
            synonyms: ArcSwap::from_pointee(synonyms),
            siblings: Mutex::new(schema.siblings.clone()),
            schema: Arc::new(schema),
            options,
            vfs,
            poison,
            visible: AtomicU64::new(content.next_lsn - 1),
            log,
            writes: Mutex::new(writes),
            building: Mutex::new(()),
            indexing: Indexing::default(),
            current: ArcSwap::from_pointee(generation),
            maintenance: Mutex::new(()),
            compacting: Mutex::new(()),
            refused: Mutex::new(None),
            short: AtomicBool::new(short),
            full_at: Mutex::new(None),
            cancelled: AtomicBool::new(false),
            wake_up: WakeUp::default(),
            torn: content.torn.map(|torn| (torn.file, torn.offset)),
            damage: Mutex::new(directory.damage().map(ToString::to_string)),
            opener: std::process::id(),
            directory: Mutex::new(directory),
        });
        if shared.log.as_ref().is_some_and(Log::is_waiting) {
            let path = format!(
                "the log in {}, which is read; deletes and flushes free some",
                shared.vfs.describe()
            );
            shared.note(Err(StorageError::OutOfSpace { path }.into()));
        }
        shared.flush_long_log();
        let writes = shared.options.background && !shared.read_only();
        let background = match writes {
            true => Some(Background::start(&shared)?),
            false => None,
        };
        let collection = Self {
            siblings: Arc::new(Siblings::new(shared.vfs.root(), &shared.options)),
            adapters: Arc::default(),
            embedder: None,
            reranker: None,
            _closer: Arc::new(Closer { background, shared: shared.clone() }),
            shared,
        };
        collection.load_adapters();
        Ok(collection)
    }

    /// Sets the model with which the collection was created.
    ///
    /// # Errors
    /// [`Error::Embedder`] when the collection records another model, or none.
    pub fn with_embedder(mut self, embedder: Arc<dyn Embedder>) -> Result<Self> {
        match &self.schema().embedder {
            None => {
                return Err(Error::Embedder(
                    "this collection was made without a model; its vectors come from outside"
                        .to_owned(),
                ));
            }
            Some(record) => {
                record.check(embedder.as_ref())?;
                let field = self.schema().vectors.iter().find(|f| f.name == record.field);
                if field.is_none_or(|f| f.dim != embedder.dim()) {
                    return Err(Error::Embedder(format!(
                        "model {} makes vectors of {} components, field {:?} has others",
                        embedder.name(),
                        embedder.dim(),
                        record.field
                    )));
                }
                self.embedder = Some(embedder);
            }
        }
        Ok(self)
    }

    /// The collection's model, if one was set.
    pub fn embedder(&self) -> Option<&Arc<dyn Embedder>> {
        self.embedder.as_ref()
    }

    /// Sets the reranker of requests that ask for [`Rerank::model`](lexivec_query::Rerank::model).
    #[must_use]
    pub fn with_reranker(mut self, reranker: Arc<dyn Reranker>) -> Self {
        self.reranker = Some(RerankerHandle::new(reranker));
        self
    }

    /// The schema the collection was created with.
    pub fn schema(&self) -> &Schema {
        &self.shared.schema
    }

    /// Number of the generation of segment files that searches see now.
    pub fn generation(&self) -> u64 {
        self.shared.current.load().number
    }

    /// True for a handle that cannot write.
    pub fn is_read_only(&self) -> bool {
        self.shared.read_only()
    }

    /// Refuses a handle that cannot write.
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.shared.writable().map(drop)
    }

    /// A fault of the collection that does not keep it from being open, if there is one:
    ///
    /// - writes are refused since a failure, or the directory is no longer the one that was opened;
    /// - a file of a segment was cut short or written to, so that reads of it fail;
    /// - the newest manifest was passed over, as it is damaged; the one before it and the log hold every write;
    /// - the learning store cannot be read, so that there are no query adapters.
    pub fn damage(&self) -> Option<String> {
        let shared = &self.shared;
        let refused = shared.poison.check().and_then(|()| shared.vfs.check_place());
        let whole = || shared.current.load().check_whole(self.vfs());
        let refused = refused.map_err(Error::from).and_then(|()| whole());
        let passed = || shared.damage.lock().clone();
        let adapters = || self.adapters.load().fault().map(str::to_owned);
        refused.err().map(|error| error.to_string()).or_else(passed).or_else(adapters)
    }

    /// The files of the collection's directory.
    pub(crate) fn vfs(&self) -> &dyn Vfs {
        self.shared.vfs.as_ref()
    }

    /// Moves a read-only handle to the newest writes; true if there were newer ones.
    pub fn refresh(&self) -> Result<bool> {
        let shared = &self.shared;
        if !shared.read_only() {
            return Ok(false);
        }
        let _building = shared.building.lock();
        let mut directory = shared.directory.lock();
        let current = shared.current.load_full();
        let seen = shared.visible.load(Ordering::Acquire);
        directory.refresh()?;
        let newest_schema = Schema::of(directory.manifest())?;
        if !newest_schema.has_the_rows_of(&shared.schema) {
            return Err(Error::Embedder(
                "the collection was re-embedded by another model, or reindexed, since it was opened; open it again".to_owned(),
            ));
        }
        *shared.damage.lock() = directory.damage().map(ToString::to_string);
        *shared.siblings.lock() = newest_schema.siblings.clone();
        self.load_adapters();
        let (generation, mut content) =
            load_newest(&mut directory, &shared.schema, Some(&current))?;
        let newest = content.next_lsn - 1;
        if generation.number == current.number && newest == seen {
            return Ok(false);
        }
        let fields = newest_schema.indexed_fields();
        let synonyms = SynonymTable::new(newest_schema.synonyms, &fields)?;
        shared.synonyms.store(Arc::new(synonyms));
        shared.profiles.store(Arc::new(newest_schema.profiles));
        if generation.number > current.number {
            shared.current.store(Arc::new(generation));
        }
        *shared.writes.lock() = waiting(&mut content)?;
        shared.visible.store(newest, Ordering::Release);
        Ok(true)
    }
}

/// Makes the directory of a new collection; refuses one that is not empty.
fn new_directory(path: &Path, options: &OpenOptions) -> Result<DiskVfs> {
    if path.is_dir() && !storage::disk::subdirectories(path)?.is_empty() {
        return Err(Error::invalid(
            path.display().to_string(),
            "it holds folders and no collection; name an empty directory",
        ));
    }
    let vfs = DiskVfs::create_root(path)?;
    check_filesystem(&vfs, options)?;
    Ok(vfs)
}

fn check_filesystem(vfs: &DiskVfs, options: &OpenOptions) -> Result<()> {
    match options.unsafe_filesystem {
        true => Ok(()),
        false => Ok(vfs.check_filesystem()?),
    }
}

/// The writes of a log, each of which can be read.
fn waiting(content: &mut LogContent) -> Result<Writes> {
    let mut writes = Writes::default();
    for frame in std::mem::take(&mut content.frames) {
        let operation =
            Operation::decode(&format!("write {} of the log", frame.lsn), &frame.payload)?;
        writes.push(frame.lsn, LoggedWrite::of(&operation, frame.payload));
    }
    Ok(writes)
}

/// Loads the newest generation and the log after it. A reader holds no lock, so files may be removed
/// while it opens them, and the log may grow while it is read: it then starts again.
fn load_newest(
    directory: &mut Directory,
    schema: &Schema,
    known: Option<&Generation>,
) -> Result<(Generation, LogContent)> {
    let mut retries = 0;
    loop {
        let loaded = Generation::load(directory, schema, known)
            .and_then(|generation| Ok((generation, read_after(directory)?)));
        let again = match &loaded {
            Ok(_) => true,
            Err(Error::Storage(StorageError::NotFound { .. } | StorageError::Corrupt { .. })) => {
                true
            }
            Err(_) => false,
        };
        if !directory.read_only() || !again || retries == OPEN_RETRIES {
            return loaded;
        }
        retries += 1;
        // The state is consistent if no commit came between. Apparent damage may be a write in
        // progress, so the files are read again a few times before damage is reported.
        let newer = directory.refresh()?;
        let damaged = matches!(loaded, Err(Error::Storage(StorageError::Corrupt { .. })));
        if !newer && (!damaged || retries > DAMAGE_READS) {
            return loaded;
        }
    }
}

fn read_after(directory: &Directory) -> Result<LogContent> {
    let manifest = directory.manifest();
    let (first, file) = (manifest.first_write(), manifest.log_file);
    Ok(read_log(directory.vfs().as_ref(), manifest.collection, first, file)?)
}
