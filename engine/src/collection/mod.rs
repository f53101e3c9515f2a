//! A collection: one directory, one writer, any number of readers of its generations.

mod adapters;
mod background;
mod compact;
mod export;
mod flush;
mod inspect;
mod profiles;
mod reading;
mod records;
mod reembed;
mod repair;
mod shared;
mod siblings;
mod snapshot;
mod stats;
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

use adapters::LoadedAdapters;
use background::Background;
pub use compact::{CompactOptions, CompactReport, MergeReport};
pub use inspect::Inspection;
pub(crate) use records::{of_kind, read_all, record};
pub use reembed::{ReembedOptions, ReembedReport};
pub use repair::RepairReport;
use shared::{Shared, WakeUp, Writes};
pub(crate) use siblings::LEARNING;
use siblings::Siblings;
pub use snapshot::Snapshot;
pub use stats::{SegmentStats, Stats};
pub use verify::{Problem, VerifyLevel, VerifyReport};
pub use writer::{Receipt, WriteOptions};

use crate::error::{Error, Result};
use crate::generation::{Generation, Operation};
use crate::limits::{DAMAGE_READS, MEMORY_LOG_FILE_BYTES, OPEN_RETRIES};
use crate::model::rerank::RerankerHandle;
use crate::model::{Embedder, Reranker};
use crate::options::{OpenOptions, Options};
use crate::schema::Schema;

/// An open collection. Clones are not needed: share it by reference or in an `Arc`; searches run
/// on any number of threads while others write.
///
/// Dropping it makes every acknowledged write durable; a [`flush`](Self::flush) before it saves the
/// next open the replay of the log.
pub struct Collection {
    /// Declared before `shared`, so that the threads end first.
    _background: Option<Background>,
    shared: Arc<Shared>,
    embedder: Option<Arc<dyn Embedder>>,
    reranker: Option<RerankerHandle>,
    siblings: Siblings,
    adapters: LoadedAdapters,
}

impl Collection {
    /// Creates a collection in a new or empty directory.
    ///
    /// # Errors
    /// When a collection or a foreign file is already there, or an option is refused.
    pub fn create(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        // Options are checked before a directory is created.
        options.clone().into_schema()?;
        let path = path.as_ref();
        if path.is_dir() && !storage::disk::subdirectories(path)?.is_empty() {
            return Err(Error::invalid(
                path.display().to_string(),
                "it holds folders and no collection; name an empty directory",
            ));
        }
        let vfs = DiskVfs::create_root(path)?;
        check_filesystem(&vfs, &options.open)?;
        // Only in a directory without foreign files.
        if !options.open.unsafe_filesystem && storage::disk::is_empty(path)? {
            storage::probe(&vfs)?;
        }
        Self::create_on(Arc::new(vfs), options)
    }

    /// Creates a collection that lives in memory only.
    pub fn in_memory(options: Options) -> Result<Self> {
        let open = OpenOptions { background: false, reserve_bytes: 0, ..options.open.clone() };
        let open = open.log_file_bytes(MEMORY_LOG_FILE_BYTES);
        Self::create_on(Arc::new(MemoryVfs::default()), options.open(open))
    }

    /// Creates a collection on any [`Vfs`]; tests pass one that fails on purpose.
    pub fn create_on(vfs: Arc<dyn Vfs>, options: Options) -> Result<Self> {
        let open = options.open.clone();
        let (schema, embedder) = options.into_schema()?;
        let directory = Directory::create(vfs, schema.to_bytes()?)?;
        let mut collection = Self::from_directory(directory, open)?;
        collection.embedder = embedder;
        Ok(collection)
    }

    /// Opens a collection for reading and writing. Only one such handle may exist: a second one, in
    /// this process or another, is refused with the holder's process id. Writes that are in the log and
    /// in no segment file are replayed.
    ///
    /// # Errors
    /// [`Corrupt`](lexivec_storage::Error::Corrupt) with file and offset if an acknowledged write
    /// cannot be read: no write is dropped silently.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, OpenOptions::new())
    }

    /// Like [`open`](Self::open), with options.
    pub fn open_with(path: impl AsRef<Path>, options: OpenOptions) -> Result<Self> {
        let vfs = DiskVfs::open_root(path.as_ref())?;
        check_filesystem(&vfs, &options)?;
        Self::open_on(Arc::new(vfs), options)
    }

    /// Opens a collection on any [`Vfs`], for reading and writing.
    pub fn open_on(vfs: Arc<dyn Vfs>, options: OpenOptions) -> Result<Self> {
        Self::from_directory(Directory::open(vfs)?, options)
    }

    /// Opens a collection for reading; takes no lock and writes nothing. It answers from the writes
    /// found now, until [`refresh`](Self::refresh).
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_read_only_on(Arc::new(DiskVfs::open_root(path.as_ref())?))
    }

    /// Opens a collection on any [`Vfs`], for reading.
    pub fn open_read_only_on(vfs: Arc<dyn Vfs>) -> Result<Self> {
        let options = OpenOptions::new().background(false);
        Self::from_directory(Directory::open_read_only(vfs)?, options)
    }

    fn from_directory(mut directory: Directory, options: OpenOptions) -> Result<Self> {
        let schema = Schema::of(directory.manifest())?;
        let (generation, content) = load_newest(&mut directory, &schema, None)?;
        let manifest = directory.manifest();
        let (vfs, poison) = (directory.vfs().clone(), directory.poison().clone());
        let log = match directory.read_only() {
            true => None,
            false => {
                let (file, bytes) = (manifest.log_file, options.log_file_bytes);
                let collection = manifest.collection;
                let log =
                    || Log::open(vfs.clone(), collection, poison.clone(), bytes, &content, file);
                // On a full disk the log still has to be copied.
                Some(match log() {
                    Err(StorageError::OutOfSpace { .. }) if directory.release_reserve() => log()?,
                    opened => opened?,
                })
            }
        };
        if !directory.read_only() {
            directory.keep_reserve(options.reserve_bytes);
        }
        let writes = waiting(&content)?;
        let shared = Arc::new(Shared {
            profiles: ArcSwap::from_pointee(schema.profiles.clone()),
            schema: Arc::new(schema),
            options,
            vfs,
            poison,
            visible: AtomicU64::new(content.next_lsn - 1),
            log,
            writes: Mutex::new(writes),
            building: Mutex::new(()),
            current: ArcSwap::from_pointee(generation),
            maintenance: Mutex::new(()),
            compacting: Mutex::new(()),
            refused: Mutex::new(None),
            cancelled: AtomicBool::new(false),
            wake_up: WakeUp::default(),
            torn: content.torn.map(|torn| (torn.file, torn.offset)),
            opener: std::process::id(),
            directory: Mutex::new(directory),
        });
        let writes = shared.options.background && !shared.read_only();
        let background = match writes {
            true => Some(Background::start(&shared)?),
            false => None,
        };
        let collection = Self {
            _background: background,
            siblings: Siblings::new(shared.vfs.root()),
            shared,
            embedder: None,
            reranker: None,
            adapters: LoadedAdapters::default(),
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

    /// The reason that the newest manifest was passed over when the collection was opened, if so: it is
    /// damaged, and the one before it and the log hold every write. Or the reason that there are no
    /// query adapters, if the learning store cannot be read.
    pub fn damage(&self) -> Option<String> {
        let damage = self.shared.directory.lock().damage().map(ToString::to_string);
        damage.or_else(|| self.adapters.fault())
    }

    /// Moves a read-only handle to the newest writes; true if there were newer ones.
    pub fn refresh(&self) -> Result<bool> {
        let shared = &self.shared;
        if !shared.read_only() {
            return Ok(false);
        }
        self.load_adapters();
        let _building = shared.building.lock();
        let mut directory = shared.directory.lock();
        let current = shared.current.load_full();
        let seen = shared.visible.load(Ordering::Acquire);
        directory.refresh()?;
        let newest_schema = Schema::of(directory.manifest())?;
        if !newest_schema.has_the_rows_of(&shared.schema) {
            return Err(Error::Embedder(
                "the collection was re-embedded by another model since it was opened; open it again".to_owned(),
            ));
        }
        let (generation, content) = load_newest(&mut directory, &shared.schema, Some(&current))?;
        let newest = content.next_lsn - 1;
        if generation.number == current.number && newest == seen {
            return Ok(false);
        }
        shared.profiles.store(Arc::new(newest_schema.profiles));
        if generation.number > current.number {
            shared.current.store(Arc::new(generation));
        }
        *shared.writes.lock() = waiting(&content)?;
        shared.visible.store(newest, Ordering::Release);
        Ok(true)
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        self._background = None;
        if let Ok(log) = self.shared.writable() {
            // A drop cannot report an error; the next open finds it.
            let _ = log.close();
        }
    }
}

fn check_filesystem(vfs: &DiskVfs, options: &OpenOptions) -> Result<()> {
    match options.unsafe_filesystem {
        true => Ok(()),
        false => Ok(vfs.check_filesystem()?),
    }
}

/// The writes of a log in the form that a generation applies.
fn waiting(content: &LogContent) -> Result<Writes> {
    let mut writes = Writes::default();
    for frame in &content.frames {
        let operation =
            Operation::decode(&format!("write {} of the log", frame.lsn), &frame.payload)?;
        writes.push(frame.lsn, operation, frame.payload.len());
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
