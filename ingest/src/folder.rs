//! Ingestion of a folder: files into chunks, batch by batch, and only those that changed since the last time.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lexivec::chunk::{ChunkOptions, Counter, tokens_of, words};
use lexivec::limits::MAX_SCROLL_ROWS;
use lexivec::model::Embedder;
use lexivec::{Collection, Document, Filter, Stage, WriteOptions};
use serde::Serialize;
use serde_json::{Value, json};

use crate::chunks::{Cutter, chunk_id, chunk_of, drop_wide_rows};
use lexivec::storage::reason;

use crate::error::{Error, Result};
use crate::files::{Found, Unread, list};
use crate::loaders::Reader;
use crate::loaders::{self, MAX_FILE_BYTES};

/// Chunks of a batch, and bytes of their texts, at which it is written: a batch is held in memory, and is repeated
/// after a kill.
const BATCH_CHUNKS: usize = 4_096;
const BATCH_BYTES: usize = 16 << 20;
/// Part of a file's hash; counts up when the same bytes give other chunks than before, so that files are read again.
const READER_VERSION: u32 = 3;
/// Removed files whose chunks are deleted by one write.
const PRUNE_FILES: usize = 1_000;

/// Options of [`ingest_folder`].
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct FolderOptions<'a> {
    /// Size of chunks and their overlap, in tokens of the collection's model, or in words without a model.
    pub chunks: ChunkOptions,
    /// Delete the chunks of files that are no longer in the folder; those of files that `globs` or `gitignore` leave out
    /// stay. Every chunk of the collection is taken to be of this folder.
    pub prune: bool,
    /// Leave out the files that `.gitignore` and `.ignore` files exclude.
    pub gitignore: bool,
    /// Globs of the files to include, as `README.md` or `docs/**`, without regard to case; all files if there are
    /// none. A glob with `!` before it excludes files.
    pub globs: Vec<String>,
    /// Program that reads PDF and Parquet files; [`Reader::find`] if `None`.
    pub reader: Option<Reader>,
    /// Called while chunks are written, with the stage, and how many of how many are done.
    pub progress: Option<&'a (dyn Fn(Stage, usize, usize) + Sync)>,
}

impl<'a> FolderOptions<'a> {
    /// Options with chunks of 200 tokens that overlap by 40, and nothing deleted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`chunks`](Self::chunks).
    #[must_use]
    pub fn chunks(mut self, chunks: ChunkOptions) -> Self {
        self.chunks = chunks;
        self
    }

    /// Sets [`prune`](Self::prune).
    #[must_use]
    pub fn prune(mut self, prune: bool) -> Self {
        self.prune = prune;
        self
    }

    /// Sets [`gitignore`](Self::gitignore).
    #[must_use]
    pub fn gitignore(mut self, gitignore: bool) -> Self {
        self.gitignore = gitignore;
        self
    }

    /// Sets [`globs`](Self::globs).
    #[must_use]
    pub fn globs(mut self, globs: Vec<String>) -> Self {
        self.globs = globs;
        self
    }

    /// Sets [`reader`](Self::reader).
    #[must_use]
    pub fn reader(mut self, reader: Reader) -> Self {
        self.reader = Some(reader);
        self
    }

    /// Sets [`progress`](Self::progress).
    #[must_use]
    pub fn progress(mut self, progress: &'a (dyn Fn(Stage, usize, usize) + Sync)) -> Self {
        self.progress = Some(progress);
        self
    }
}

/// Counts of an ingestion.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct FolderReport {
    /// Files of known formats.
    pub files: usize,
    /// Files that were new or had changed, and are written.
    pub documents: usize,
    /// Chunks written.
    pub chunks: usize,
    /// Chunks deleted: of files that became shorter, and, with `prune`, of files that were removed.
    pub deleted: usize,
    /// Files that had not changed.
    pub unchanged: usize,
    /// Files that are not in the collection, or only in part, and folders that could not be read.
    pub failures: Vec<Unread>,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Reason why the chunks are in the write-ahead log only, and not in segment files: nothing is lost, but the next
    /// opening replays the log. `None` if they are in segment files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unflushed: Option<String>,
}

/// Writes the chunks of a folder's files into a collection, those of unchanged files excepted.
///
/// Each chunk is a document whose id is the file's path, `#` and the chunk's number, with the texts `title` (the file's
/// title and the headings above the chunk) and `text`, and a payload of `path`, `parent`, `title`, `chunk`, `hash`, and
/// where known `heading`, `page`, `start`, `end` and `row`. The chunks of one file are written together: an interrupted ingestion that is run again ends in
/// the state of one that was not interrupted.
///
/// # Errors
/// [`Error::Input`] if `folder` is no folder, or if `prune` would delete everything; [`Error::Argument`] if a glob is
/// malformed; [`Error::Engine`] if a write fails. A file that cannot be read is no error: it is in [`FolderReport::failures`].
pub fn ingest_folder(
    collection: &Collection,
    folder: &Path,
    options: &FolderOptions<'_>,
) -> Result<FolderReport> {
    let model = collection.embedder().cloned();
    let (_, report) = ingest(Target::Open(collection), model, folder, options)?;
    Ok(report)
}

/// Writes the chunks of a folder's files into a collection that `create` makes with the first file that has text.
/// Returns `None` for the collection if there is no such file: nothing is made then.
///
/// `model` is the model of the collection to be made; chunks are counted in its tokens.
///
/// # Errors
/// Those of [`ingest_folder`] and of `create`.
pub fn ingest_folder_into_new<'a>(
    create: impl FnOnce() -> lexivec::Result<Collection> + 'a,
    model: Option<Arc<dyn Embedder>>,
    folder: &Path,
    options: &FolderOptions<'a>,
) -> Result<(Option<Collection>, FolderReport)> {
    let target = Target::New { create: Some(Box::new(create)), made: None };
    let (target, report) = ingest(target, model, folder, options)?;
    match target {
        Target::New { made, .. } => Ok((made, report)),
        Target::Open(_) => Ok((None, report)),
    }
}

/// The collection that is written to.
enum Target<'a> {
    Open(&'a Collection),
    New {
        /// Taken with the first file that has text.
        create: Option<Box<dyn FnOnce() -> lexivec::Result<Collection> + 'a>>,
        made: Option<Collection>,
    },
}

impl Target<'_> {
    /// The collection; `None` if it is not made yet.
    fn existing(&self) -> Option<&Collection> {
        match self {
            Self::Open(collection) => Some(collection),
            Self::New { made, .. } => made.as_ref(),
        }
    }

    /// Makes the collection if it is not there.
    fn make(&mut self) -> Result<()> {
        if let Self::New { create, made } = self
            && let Some(create) = create.take()
        {
            *made = Some(create()?);
        }
        Ok(())
    }
}

fn ingest<'a>(
    target: Target<'a>,
    model: Option<Arc<dyn Embedder>>,
    folder: &Path,
    options: &FolderOptions<'_>,
) -> Result<(Target<'a>, FolderReport)> {
    let start = Instant::now();
    let found = list(folder, options.gitignore, &options.globs)?;
    // What is left out now is still in the folder.
    let present = match options.prune && (options.gitignore || !options.globs.is_empty()) {
        true => Some(list(folder, false, &[])?),
        false => None,
    };
    if options.prune && present.as_ref().unwrap_or(&found).files.is_empty() {
        let detail = "it has no file of a known format; to prune would delete everything, so nothing was done";
        return Err(Error::input(format!("{}: {detail}", folder.display())));
    }
    let count: Box<Counter<'_>> = match &model {
        Some(model) => tokens_of(model.as_ref())?,
        None => Box::new(words),
    };
    let unread = found.unread.clone();
    let mut ingestion = Ingestion {
        options,
        target,
        salt: salt(options.chunks, model.as_deref()),
        cutter: Cutter { options: options.chunks, count: &count },
        batch: Batch::default(),
        report: FolderReport {
            files: found.files.len(),
            failures: found.unread,
            ..FolderReport::default()
        },
    };
    for file in &found.files {
        if let Err(reason) = ingestion.take(file)? {
            ingestion.report.failures.push(Unread { path: file.name.clone(), reason });
        }
    }
    ingestion.write()?;
    if options.prune {
        let (files, unread) = match &present {
            Some(present) => (&present.files, &present.unread),
            None => (&found.files, &unread),
        };
        ingestion.prune(files, unread)?;
    }
    Ok(ingestion.end(start))
}

/// The settings that decide the chunks of a file in addition to its bytes.
fn salt(chunks: ChunkOptions, model: Option<&dyn Embedder>) -> String {
    let counter = model.map_or("words", |m| m.hash());
    format!("{READER_VERSION} {} {} {counter}\n", chunks.tokens, chunks.overlap)
}

/// Chunks that wait to be written, and the ids of those that their files no longer have.
#[derive(Default)]
struct Batch {
    documents: Vec<Document>,
    surplus: Vec<String>,
    files: usize,
    bytes: usize,
}

struct Ingestion<'a, 'o> {
    options: &'o FolderOptions<'o>,
    target: Target<'a>,
    salt: String,
    cutter: Cutter<'o>,
    batch: Batch,
    report: FolderReport,
}

impl<'a> Ingestion<'a, '_> {
    /// Adds a file to the batch unless it is unchanged. The inner error says why the file, or a part of it, is not
    /// in.
    fn take(&mut self, file: &Found) -> Result<std::result::Result<(), String>> {
        let bytes = match read_bytes(&file.path) {
            Ok(bytes) => bytes,
            Err(reason) => return Ok(Err(reason)),
        };
        let (hash, stored) = (self.hash(&bytes), self.stored_hash(&file.name)?);
        if stored.as_ref() == Some(&hash) {
            self.report.unchanged += 1;
            return Ok(Ok(()));
        }
        let reader = self.options.reader.as_ref();
        let mut content = match loaders::read(&file.path, file.format, &bytes, reader) {
            Ok(content) => content,
            Err(reason) => return Ok(Err(reason.to_string())),
        };
        drop_wide_rows(&mut content);
        let faults = std::mem::take(&mut content.faults).join("; ");
        // A file that is in only in part is read by each ingestion, so that each reports what is missing.
        let hash = if faults.is_empty() { hash } else { in_part(&hash) };
        let in_part = || format!("the rest is in, but {faults}");
        if stored.as_ref() == Some(&hash) {
            return Ok(Err(in_part()));
        }
        let nothing = match content.rows.is_empty() {
            true => "it has no text",
            false => "no row of it has a \"title\" or a \"text\"",
        };
        let documents = self.cutter.documents(&file.name, content, &hash)?;
        if documents.is_empty() {
            return Ok(Err(if faults.is_empty() { nothing.to_owned() } else { faults }));
        }
        self.target.make()?;
        if let Some(collection) = self.target.existing() {
            if let Err(refused) = collection.check(&documents) {
                return Ok(Err(refused.to_string()));
            }
            // Chunks of a file are numbered without gaps.
            for number in documents.len() as u64.. {
                let id = chunk_id(&file.name, number);
                if collection.get(&id)?.is_none() {
                    break;
                }
                self.batch.surplus.push(id);
            }
        }
        let bytes = |d: &Document| d.text.values().map(String::len).sum::<usize>();
        self.batch.bytes += documents.iter().map(bytes).sum::<usize>();
        self.batch.documents.extend(documents);
        self.batch.files += 1;
        if self.batch.documents.len() >= BATCH_CHUNKS || self.batch.bytes >= BATCH_BYTES {
            self.write()?;
        }
        Ok(if faults.is_empty() { Ok(()) } else { Err(in_part()) })
    }

    fn hash(&self, bytes: &[u8]) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.salt.as_bytes()).update(bytes);
        hasher.finalize().to_hex().to_string()
    }

    /// The hash of a file at its last ingestion. The chunks of a file are written together, so that the first one
    /// speaks for all.
    fn stored_hash(&self, name: &str) -> Result<Option<String>> {
        let Some(collection) = self.target.existing() else { return Ok(None) };
        let first = collection.get(&chunk_id(name, 0))?;
        Ok(first.and_then(|d| Some(d.payload.get("hash")?.as_str()?.to_owned())))
    }

    /// Writes the batch: chunks of whole files, and in the same write the deletion of surplus ones.
    fn write(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let Some(collection) = self.target.existing().filter(|_| batch.files > 0) else {
            return Ok(());
        };
        let mut options = WriteOptions::new();
        if let Some(progress) = self.options.progress {
            options = options.progress(progress);
        }
        let receipt =
            collection.writer(options).upsert_and_delete(batch.documents, &batch.surplus)?;
        self.report.documents += batch.files;
        self.report.chunks += receipt.written;
        self.report.deleted += receipt.deleted;
        Ok(())
    }

    /// Deletes the chunks of removed files. Files below a folder that could not be read are kept.
    fn prune(&mut self, files: &[Found], unread: &[Unread]) -> Result<()> {
        let Some(collection) = self.target.existing() else { return Ok(()) };
        let present: HashSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let below = |parent: &str, folder: &str| {
            folder.is_empty()
                || parent.strip_prefix(folder).is_some_and(|rest| rest.starts_with(['/', '#']))
                || parent == folder
        };
        let first = filter(json!({"chunk": 0, "parent": {"$exists": true}}))?;
        let (mut removed, mut after) = (Vec::new(), None);
        loop {
            let page = collection.scroll(&first, after.as_deref(), MAX_SCROLL_ROWS)?;
            for document in &page.documents {
                if let Some((parent, _)) = chunk_of(&document.payload)
                    && !present.contains(parent)
                    && !unread.iter().any(|folder| below(parent, &folder.path))
                {
                    removed.push(parent.to_owned());
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for parents in removed.chunks(PRUNE_FILES) {
            let chunks = filter(json!({"parent": {"$in": parents}, "chunk": {"$exists": true}}))?;
            self.report.deleted += collection.delete_where(&chunks)?.deleted;
        }
        Ok(())
    }

    fn end(mut self, start: Instant) -> (Target<'a>, FolderReport) {
        if let Some(collection) = self.target.existing()
            && self.report.chunks + self.report.deleted > 0
        {
            // The log has every write; segment files save the next opening a replay of it.
            self.report.unflushed = collection.flush().err().map(|error| error.to_string());
        }
        self.report.seconds = start.elapsed().as_secs_f64();
        (self.target, self.report)
    }
}

/// The hash that is stored for a file of which a part could not be read.
fn in_part(hash: &str) -> String {
    blake3::hash(format!("{hash} in part").as_bytes()).to_hex().to_string()
}

fn filter(json: Value) -> Result<Filter> {
    Ok(Filter::parse(&json.to_string())?)
}

/// The bytes of a file of at most [`MAX_FILE_BYTES`].
fn read_bytes(path: &Path) -> std::result::Result<Vec<u8>, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|e| reason(&e))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| reason(&e))?;
    match bytes.len() as u64 {
        0 => Err("it is empty".to_owned()),
        n if n > MAX_FILE_BYTES => Err(format!("it has more than {MAX_FILE_BYTES} bytes")),
        _ => Ok(bytes),
    }
}
