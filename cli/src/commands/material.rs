//! `ingest --folder`: files into chunks, batch by batch, and of what is there already only what changed.

use std::collections::HashSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use lexivec::chunk::{
    Block, ChunkOptions, Counter, DEFAULT_CHUNK_OVERLAP, DEFAULT_CHUNK_TOKENS, SourceLocation,
    chunk, tokens_of, words,
};
use lexivec::limits::MAX_SCROLL_ROWS;
use lexivec::model::Embedder;
use lexivec::storage::disk;
use lexivec::{Collection, Document, Filter, OpenOptions, WriteOptions};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::ingest::{self, Ingest};
use crate::args::ReadMaterial;
use crate::exit::{Failure, Outcome};
use crate::input::material::table::TEXT_COLUMNS;
use crate::input::material::walk::{Found, Unread, walk};
use crate::input::material::{Content, MAX_FILE_BYTES, heading, read_here, table};
use crate::output::{self, Progress};

/// Chunks of a batch, and bytes of their texts, from which it is written: so much is in memory, and done
/// again after a kill.
const BATCH_CHUNKS: usize = 4_096;
const BATCH_BYTES: usize = 16 << 20;
/// Counts up when what is made of a file changes, so that files are read again.
const READER_VERSION: u32 = 1;
/// Files that are gone whose chunks are deleted at once.
const PRUNE_FILES: usize = 1_000;
/// Bytes of a row's other columns, at the most: each of its chunks has them.
const MAX_ROW_BYTES: usize = 64 << 10;

/// How files become chunks.
#[derive(clap::Args)]
pub(crate) struct Chunks {
    /// Tokens of a chunk: the model's if the collection has one, words otherwise.
    #[arg(long, value_name = "TOKENS", default_value_t = DEFAULT_CHUNK_TOKENS, requires = "folder")]
    chunk_tokens: usize,
    /// Tokens that a chunk repeats of the one before it; at most half of a chunk.
    #[arg(long, value_name = "TOKENS", default_value_t = DEFAULT_CHUNK_OVERLAP, requires = "folder")]
    chunk_overlap: usize,
    /// Delete the chunks of files that are no longer in the folder. Whatever chunks the collection has are
    /// taken to be of this folder.
    #[arg(long, requires = "folder")]
    prune: bool,
}

/// What was done.
#[derive(Default, Serialize)]
struct Report {
    /// Files of known formats.
    files: usize,
    /// Those that were new or had changed, and are written.
    documents: usize,
    /// Chunks written.
    chunks: usize,
    /// Chunks deleted: of files that became shorter, and of files that are gone.
    deleted: usize,
    /// Files that are as they were.
    unchanged: usize,
    /// Files of which something is not in, and folders that could not be looked into.
    failures: Vec<Unread>,
    seconds: f64,
}

/// The id of a chunk.
pub(super) fn chunk_id(parent: &str, number: u64) -> String {
    format!("{parent}#{number}")
}

/// The file of a chunk, and its number in it; nothing if it is no chunk.
pub(super) fn chunk_of(payload: &Map<String, Value>) -> Option<(&str, u64)> {
    Some((payload.get("parent")?.as_str()?, payload.get("chunk")?.as_u64()?))
}

/// The hidden verb: reads one file and prints its parts.
pub(super) fn read(args: &ReadMaterial) -> Outcome<ExitCode> {
    read_here(&args.file, args.bounds, std::io::stdout().lock()).map_err(Failure::new)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run(args: &Ingest, folder: &Path, open: OpenOptions) -> Outcome<ExitCode> {
    let start = Instant::now();
    let chunks = ChunkOptions::new(args.chunks.chunk_tokens, args.chunks.chunk_overlap);
    let chunks = chunks.map_err(|e| Failure::usage(e.to_string()))?;
    let found = walk(folder)?;
    if args.chunks.prune && found.files.is_empty() {
        let detail =
            "it has no file of a known kind; --prune would delete everything, so nothing was done";
        return Err(Failure::new(format!("{}: {detail}", folder.display())));
    }
    let (collection, model) = if disk::is_collection(&args.dir) {
        let collection = ingest::open(args, open.clone())?;
        let model = collection.embedder().cloned();
        (Some(collection), model)
    } else {
        (None, args.new.model.embedder()?)
    };
    let count: Box<Counter<'_>> = match &model {
        Some(model) => tokens_of(model.as_ref())?,
        None => Box::new(words),
    };
    let mut ingestion = Ingestion {
        args,
        open,
        model: model.clone(),
        collection,
        salt: salt(chunks, model.as_deref()),
        chunks,
        count: &count,
        batch: Batch::default(),
        report: Report { files: found.files.len(), ..Report::default() },
    };
    let folders: Vec<String> = found.unread.iter().map(|u| u.path.clone()).collect();
    ingestion.report.failures = found.unread;
    for file in &found.files {
        if let Err(reason) = ingestion.take(file)? {
            ingestion.report.failures.push(Unread { path: file.name.clone(), reason });
        }
    }
    ingestion.write()?;
    if args.chunks.prune {
        ingestion.prune(&found.files, &folders)?;
    }
    ingestion.end(start)
}

/// Leaves rows out that have too much beside their texts, and tells how many.
fn drop_wide_rows(content: &mut Content) {
    let all = content.rows.len();
    let size = |row: &Map<String, Value>| {
        let beside = row.iter().filter(|(column, _)| !TEXT_COLUMNS.contains(&column.as_str()));
        beside.map(|(column, value)| column.len() + value.to_string().len()).sum::<usize>()
    };
    content.rows.retain(|row| size(row) <= MAX_ROW_BYTES);
    let dropped = all - content.rows.len();
    if dropped > 0 {
        let detail = format!("{dropped} rows have over {MAX_ROW_BYTES} bytes besides their texts");
        content.faults.push(detail);
    }
}

/// What decides the chunks of a file besides its bytes.
fn salt(chunks: ChunkOptions, model: Option<&dyn Embedder>) -> String {
    let counter = model.map_or("words", |m| m.hash());
    format!("{READER_VERSION} {} {} {counter}\n", chunks.tokens, chunks.overlap)
}

/// Chunks that wait to be written, with what their files had beyond them.
#[derive(Default)]
struct Batch {
    documents: Vec<Document>,
    gone: Vec<String>,
    files: usize,
    bytes: usize,
}

struct Ingestion<'a> {
    args: &'a Ingest,
    open: OpenOptions,
    model: Option<Arc<dyn Embedder>>,
    /// Made with the first file that has something to say.
    collection: Option<Collection>,
    salt: String,
    chunks: ChunkOptions,
    count: &'a Counter<'a>,
    batch: Batch,
    report: Report,
}

impl Ingestion<'_> {
    /// Takes a file in, if it is not there as it is; the inner error says why it cannot be.
    fn take(&mut self, file: &Found) -> Outcome<Result<(), String>> {
        let bytes = match read_bytes(&file.path) {
            Ok(bytes) => bytes,
            Err(reason) => return Ok(Err(reason)),
        };
        let hash = self.hash(&bytes);
        if self.stored_hash(&file.name)?.is_some_and(|stored| stored == hash) {
            self.report.unchanged += 1;
            return Ok(Ok(()));
        }
        let mut content = match crate::input::material::read(&file.path, file.format, &bytes) {
            Ok(content) => content,
            Err(reason) => return Ok(Err(reason)),
        };
        drop_wide_rows(&mut content);
        let faults = std::mem::take(&mut content.faults).join("; ");
        let nothing = match content.rows.is_empty() {
            true => "it has no text",
            false => "no row of it has a \"title\" or a \"text\"",
        };
        let documents = self.documents(file, content, &hash)?;
        if documents.is_empty() {
            return Ok(Err(if faults.is_empty() { nothing.to_owned() } else { faults }));
        }
        let collection = match &self.collection {
            Some(collection) => collection,
            None => {
                let (args, open, model) = (self.args, self.open.clone(), self.model.clone());
                let made = ingest::make(args, open, model.clone(), None, &[])?;
                self.collection.insert(made)
            }
        };
        if let Err(refused) = collection.check(&documents) {
            return Ok(Err(refused.to_string()));
        }
        // The numbers of a file's chunks have no gap.
        for number in documents.len() as u64.. {
            let id = chunk_id(&file.name, number);
            if collection.get(&id)?.is_none() {
                break;
            }
            self.batch.gone.push(id);
        }
        let bytes = |d: &Document| d.text.values().map(String::len).sum::<usize>();
        self.batch.bytes += documents.iter().map(bytes).sum::<usize>();
        self.batch.documents.extend(documents);
        self.batch.files += 1;
        if self.batch.documents.len() >= BATCH_CHUNKS || self.batch.bytes >= BATCH_BYTES {
            self.write()?;
        }
        Ok(if faults.is_empty() { Ok(()) } else { Err(format!("the rest is in, but {faults}")) })
    }

    fn hash(&self, bytes: &[u8]) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.salt.as_bytes()).update(bytes);
        hasher.finalize().to_hex().to_string()
    }

    /// The hash that a file had when it was last taken in: its chunks are there wholly or not at all, so
    /// that the first one speaks for all.
    fn stored_hash(&self, name: &str) -> Outcome<Option<String>> {
        let Some(collection) = &self.collection else { return Ok(None) };
        let first = collection.get(&chunk_id(name, 0))?;
        Ok(first.and_then(|d| Some(d.payload.get("hash")?.as_str()?.to_owned())))
    }

    /// The chunks of a file as documents.
    fn documents(&self, file: &Found, content: Content, hash: &str) -> Outcome<Vec<Document>> {
        let title = content.title.unwrap_or_else(|| file.name.clone());
        let mut documents = Vec::new();
        let mut add = |blocks: &[Block], title: &str, row: Option<&Map<String, Value>>| {
            for chunk in chunk(blocks, self.chunks, self.count)? {
                let number = documents.len() as u64;
                let mut document = Document::new(chunk_id(&file.name, number))
                    .text_in("title", title)
                    .text(chunk.text)
                    .payload("path", file.name.as_str())
                    .payload("parent", file.name.as_str())
                    .payload("title", title)
                    .payload("chunk", number)
                    .payload("hash", hash);
                if !chunk.heading.is_empty() {
                    document = document.payload("heading", chunk.heading.join(" > "));
                }
                document = match chunk.location {
                    SourceLocation::Page(page) => document.payload("page", page),
                    SourceLocation::Time { start, end } => {
                        document.payload("start", seconds(start)).payload("end", seconds(end))
                    }
                    SourceLocation::Nowhere => document,
                };
                if let Some(row) = row.filter(|row| !row.is_empty()) {
                    document = document.payload("row", row.clone());
                }
                documents.push(document);
            }
            Ok::<(), Failure>(())
        };
        add(&content.blocks, &title, None)?;
        for mut row in content.rows {
            let [own, text] = table::texts(&mut row);
            // A row that is a title alone has it as its text.
            let text = text.or_else(|| own.clone()).unwrap_or_default();
            let own = own.map(|title| heading(&title)).filter(|title| !title.is_empty());
            let block = Block { text, ..Block::default() };
            add(&[block], own.as_deref().unwrap_or(&title), Some(&row))?;
        }
        Ok(documents)
    }

    /// Writes what waits: chunks of whole files, and in the same write what these had beyond them.
    fn write(&mut self) -> Outcome<()> {
        let batch = std::mem::take(&mut self.batch);
        let Some(collection) = self.collection.as_ref().filter(|_| batch.files > 0) else {
            return Ok(());
        };
        let progress = Progress::new();
        let show = |stage, done, all| progress.show(stage, done, all);
        let options = WriteOptions::new().progress(&show);
        let receipt = collection.upsert_and_delete(batch.documents, &batch.gone, options)?;
        self.report.documents += batch.files;
        self.report.chunks += receipt.written;
        self.report.deleted += receipt.deleted;
        Ok(())
    }

    /// Deletes the chunks of files that are gone. What lies below a folder that could not be looked into may
    /// be there still.
    fn prune(&mut self, files: &[Found], unread: &[String]) -> Outcome<()> {
        let Some(collection) = &self.collection else { return Ok(()) };
        let there: HashSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let below = |parent: &str, folder: &str| {
            folder.is_empty()
                || parent.strip_prefix(folder).is_some_and(|rest| rest.starts_with(['/', '#']))
                || parent == folder
        };
        let first = filter(json!({"chunk": 0, "parent": {"$exists": true}}))?;
        let (mut gone, mut after) = (Vec::new(), None);
        loop {
            let page = collection.scroll(&first, after.as_deref(), MAX_SCROLL_ROWS)?;
            for document in &page.documents {
                if let Some((parent, _)) = chunk_of(&document.payload)
                    && !there.contains(parent)
                    && !unread.iter().any(|folder| below(parent, folder))
                {
                    gone.push(parent.to_owned());
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for parents in gone.chunks(PRUNE_FILES) {
            let of_them = filter(json!({"parent": {"$in": parents}, "chunk": {"$exists": true}}))?;
            self.report.deleted += collection.delete_where(&of_them)?.deleted;
        }
        Ok(())
    }

    fn end(mut self, start: Instant) -> Outcome<ExitCode> {
        let Some(collection) = &self.collection else {
            self.report.failures.iter().for_each(tell);
            return Err(Failure::new("the folder has no file with text; nothing was written"));
        };
        if self.report.chunks + self.report.deleted > 0 {
            // What is written is in the log; segment files save others a replay of it.
            if let Err(error) = collection.flush() {
                output::note(&format!("it is written, to the log alone: {error}"));
            }
        }
        self.report.seconds = start.elapsed().as_secs_f64();
        let report = &self.report;
        if self.args.json {
            output::json(report)?;
            return Ok(ExitCode::SUCCESS);
        }
        report.failures.iter().for_each(tell);
        output::note(&format!(
            "{} files: wrote {} chunks of {}, deleted {}, {} unchanged, {} with a fault; {} in {:.1} s",
            report.files,
            report.chunks,
            report.documents,
            report.deleted,
            report.unchanged,
            report.failures.len(),
            self.args.dir.display(),
            report.seconds
        ));
        Ok(ExitCode::SUCCESS)
    }
}

fn tell(unread: &Unread) {
    output::note(&format!("not in: {}: {}", unread.path, unread.reason));
}

fn filter(json: Value) -> Outcome<Filter> {
    Ok(Filter::parse(&json.to_string())?)
}

/// Seconds with a fraction, as players have them.
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

/// The bytes of a file that is no longer than those of a folder may be.
fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    match bytes.len() as u64 {
        0 => Err("it is empty".to_owned()),
        n if n > MAX_FILE_BYTES => Err(format!("it has more than {MAX_FILE_BYTES} bytes")),
        _ => Ok(bytes),
    }
}
