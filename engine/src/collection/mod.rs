//! A collection: one directory, one writer, any number of readers of its generations.

mod generation;
mod stats;
mod verify;
mod writer;

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use lexivec_query::SearchRequest;
use lexivec_storage::{self as storage, Directory, DiskVfs, MemoryVfs, Vfs};
use parking_lot::Mutex;

pub(crate) use generation::Generation;
pub use stats::{SegmentStats, Stats};
pub use verify::{Problem, VerifyReport};
pub use writer::Receipt;

use crate::document::Document;
use crate::error::{Error, Result};
use crate::execute::{self, SearchResponse};
use crate::limits::OPEN_RETRIES;
use crate::model::Embedder;
use crate::options::Options;
use crate::schema::Schema;

/// An open collection. Clones are not needed: share it by reference or in an `Arc`; searches run
/// on any number of threads while one writes.
pub struct Collection {
    schema: Schema,
    directory: Mutex<Directory>,
    current: ArcSwap<Generation>,
    embedder: Option<Arc<dyn Embedder>>,
    read_only: bool,
}

impl Collection {
    /// Creates a collection in a new or empty directory.
    ///
    /// # Errors
    /// When a collection or a foreign file is already there, or an option is refused.
    pub fn create(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        // Options are checked before a directory is made.
        options.clone().into_schema()?;
        let path = path.as_ref();
        if path.is_dir() && !storage::disk::subdirectories(path)?.is_empty() {
            return Err(Error::invalid(
                path.display().to_string(),
                "it holds folders and no collection; name an empty directory",
            ));
        }
        Self::create_on(Arc::new(DiskVfs::create_root(path)?), options)
    }

    /// Creates a collection that lives in memory only.
    pub fn in_memory(options: Options) -> Result<Self> {
        Self::create_on(Arc::new(MemoryVfs::default()), options)
    }

    /// Creates a collection on any [`Vfs`]; tests hand in one that fails on purpose.
    pub fn create_on(vfs: Arc<dyn Vfs>, options: Options) -> Result<Self> {
        let (schema, embedder) = options.into_schema()?;
        let directory = Directory::create(vfs, schema.to_bytes()?)?;
        Self::from_directory(directory, embedder)
    }

    /// Opens a collection for reading and writing. One handle at a time may: a second one, in this
    /// process or another, is refused with the holder's process id.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_on(Arc::new(DiskVfs::open_root(path.as_ref())?))
    }

    /// Opens a collection on any [`Vfs`], for reading and writing.
    pub fn open_on(vfs: Arc<dyn Vfs>) -> Result<Self> {
        Self::from_directory(Directory::open(vfs)?, None)
    }

    /// Opens a collection for reading; takes no lock and writes nothing. The answers are those of
    /// the generation found now, until [`refresh`](Self::refresh).
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_read_only_on(Arc::new(DiskVfs::open_root(path.as_ref())?))
    }

    /// Opens a collection on any [`Vfs`], for reading.
    pub fn open_read_only_on(vfs: Arc<dyn Vfs>) -> Result<Self> {
        Self::from_directory(Directory::open_read_only(vfs)?, None)
    }

    fn from_directory(
        mut directory: Directory,
        embedder: Option<Arc<dyn Embedder>>,
    ) -> Result<Self> {
        let schema = Schema::of(directory.manifest())?;
        let generation = load_newest(&mut directory, &schema, None)?;
        Ok(Self {
            schema,
            read_only: directory.read_only(),
            directory: Mutex::new(directory),
            current: ArcSwap::from_pointee(generation),
            embedder,
        })
    }

    /// Hands in the model that the collection was made with.
    ///
    /// # Errors
    /// [`Error::Embedder`] when the collection records another model, or none.
    pub fn with_embedder(mut self, embedder: Arc<dyn Embedder>) -> Result<Self> {
        match &self.schema.embedder {
            None => {
                return Err(Error::Embedder(
                    "this collection was made without a model; its vectors come from outside"
                        .to_owned(),
                ));
            }
            Some(record) if record.hash != embedder.hash() => {
                return Err(Error::Embedder(format!(
                    "the collection's vectors were made by {} ({}), the model given is {} ({}); \
                     vectors of two models cannot be compared",
                    record.name,
                    record.hash,
                    embedder.name(),
                    embedder.hash()
                )));
            }
            Some(record) => {
                let field = self.schema.vectors.iter().find(|f| f.name == record.field);
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

    /// The schema the collection was created with.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Number of the generation that searches see now.
    pub fn generation(&self) -> u64 {
        self.current.load().number
    }

    /// True for a handle that cannot write.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Answers a request from the current generation.
    ///
    /// The same generation and request give the same answer, byte for byte.
    ///
    /// # Errors
    /// The request's faults ([`Error::Request`]), and corruption where a touched block is damaged.
    pub fn search(&self, request: &SearchRequest) -> Result<SearchResponse> {
        let generation = self.current.load_full();
        execute::search(&generation, &self.schema, self.embedder.as_deref(), request)
    }

    /// The whole row with this id, if it is there.
    pub fn get(&self, id: &str) -> Result<Option<Document>> {
        let generation = self.current.load_full();
        match generation.find(id)? {
            None => Ok(None),
            Some((segment, row)) => segment.segment.document(&self.schema, row).map(Some),
        }
    }

    /// Moves a read-only handle to the newest generation; true if there was a newer one.
    pub fn refresh(&self) -> Result<bool> {
        let mut directory = self.directory.lock();
        directory.refresh()?;
        let current = self.current.load_full();
        // Compared with what is served, not with what was seen: an earlier load may have failed.
        if directory.manifest().generation == current.number {
            return Ok(false);
        }
        let generation = load_newest(&mut directory, &self.schema, Some(&current))?;
        self.current.store(Arc::new(generation));
        Ok(true)
    }
}

/// Loads the newest generation. A reader holds no lock, so files may go while it opens them: it
/// then looks for the generation that replaced them.
fn load_newest(
    directory: &mut Directory,
    schema: &Schema,
    known: Option<&Generation>,
) -> Result<Generation> {
    let mut retries = 0;
    loop {
        match Generation::load(directory, schema, known) {
            Err(Error::Storage(storage::Error::NotFound { .. }))
                if directory.read_only() && retries < OPEN_RETRIES && directory.refresh()? =>
            {
                retries += 1;
            }
            loaded => return loaded,
        }
    }
}
