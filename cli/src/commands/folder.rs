//! `ingest --folder`: the files of a folder in chunks.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lexivec::chunk::{ChunkOptions, DEFAULT_CHUNK_OVERLAP, DEFAULT_CHUNK_TOKENS};
use lexivec::model::Embedder;
use lexivec::{Collection, Options};
use lexivec_ingest::{FolderOptions, FolderReport, Unread, ingest_folder, ingest_folder_into_new};

use crate::exit::{Failure, Outcome};
use crate::output::{self, Progress, in_line};
use crate::target::Target;

/// Files that the summary names; a longer list would not be one line.
const NAMED: usize = 3;

/// Options of chunks.
#[derive(clap::Args)]
pub(crate) struct Chunks {
    /// Size of a chunk in tokens of the collection's model, or in words without a model.
    #[arg(long, value_name = "TOKENS", default_value_t = DEFAULT_CHUNK_TOKENS, requires = "folder")]
    chunk_tokens: usize,
    /// Tokens at the end of a chunk that the next one repeats; at most half of a chunk.
    #[arg(long, value_name = "TOKENS", default_value_t = DEFAULT_CHUNK_OVERLAP, requires = "folder")]
    chunk_overlap: usize,
    /// Delete the chunks of files that are no longer in the folder; those of files that --glob or --gitignore leave out
    /// stay. Every chunk of the collection is taken to be of this folder.
    #[arg(long, requires = "folder")]
    prune: bool,
    /// Leave out the files that .gitignore and .ignore files exclude.
    #[arg(long, requires = "folder")]
    gitignore: bool,
    /// Read only files that match this glob, as README.md or docs/**, without regard to case; !GLOB excludes files; may
    /// be repeated.
    #[arg(long, short, value_name = "GLOB", requires = "folder")]
    glob: Vec<String>,
    /// List each file that could not be read, or only in part.
    #[arg(long, requires = "folder")]
    details: bool,
}

/// The collection that takes the chunks.
pub(super) enum Destination {
    /// One that exists.
    Existing(Collection),
    /// One that is created with the first chunks; the model, if it has one, makes their vectors.
    New(Box<Options>, Option<Arc<dyn Embedder>>),
}

/// Ingests a folder. The destination is opened only after the options of chunks were checked.
pub(super) fn run(
    folder: &Path,
    args: &Chunks,
    target: &Target,
    destination: impl FnOnce() -> Outcome<Destination>,
) -> Outcome<ExitCode> {
    let chunks = ChunkOptions::new(args.chunk_tokens, args.chunk_overlap);
    let chunks = chunks.map_err(|e| Failure::usage(e.to_string()))?;
    let progress = Progress::new();
    let show = |stage, done, all| progress.show(stage, done, all);
    let options = FolderOptions::new().chunks(chunks).prune(args.prune);
    let options = options.gitignore(args.gitignore).globs(args.glob.clone()).progress(&show);
    let (exists, report) = match destination()? {
        Destination::Existing(collection) => (true, ingest_folder(&collection, folder, &options)?),
        Destination::New(new, model) => {
            let create = || Collection::open_or_create(&target.dir, *new);
            let (made, report) = ingest_folder_into_new(create, model, folder, &options)?;
            (made.is_some(), report)
        }
    };
    drop(progress);
    refuse_empty(folder, args, &report)?;
    print(args, target, &report, exists)
}

/// The paths of the first files of a list, and the number of the others.
fn some(unread: &[Unread]) -> String {
    let mut paths: Vec<&str> = unread.iter().take(NAMED).map(|u| u.path.as_str()).collect();
    let more = unread.len() - paths.len();
    let more = format!("{more} more");
    if unread.len() > NAMED {
        paths.push(&more);
    }
    paths.join(", ")
}

/// Fails if a folder has no file that could be ingested: silence would pass for success.
fn refuse_empty(folder: &Path, args: &Chunks, report: &FolderReport) -> Outcome<()> {
    if report.files + report.deleted > 0 || !report.failures.is_empty() {
        return Ok(());
    }
    let which = match args.glob.as_slice() {
        [] => String::new(),
        globs => format!(" that --glob {} admits", globs.join(" --glob ")),
    };
    Err(Failure::new(format!(
        "{} has no file of a known format{which}; nothing was written; hidden files are left out, and formats are known \
         by how names end, as in `lexivec ingest --help`",
        folder.display()
    )))
}

fn print(args: &Chunks, target: &Target, report: &FolderReport, exists: bool) -> Outcome<ExitCode> {
    if exists && target.json {
        output::json(report)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.details || !exists {
        for Unread { path, reason, .. } in &report.failures {
            output::note(&format!("not read: {}: {reason}", in_line(path)));
        }
    }
    if !exists {
        return Err(Failure::new("the folder has no file with text; nothing was written"));
    }
    let FolderReport { documents, chunks, deleted, unchanged, seconds, .. } = report;
    let dir = target.dir.display();
    let deleted = match *deleted {
        0 => String::new(),
        chunks => format!(", {} deleted", output::count(chunks, "chunk")),
    };
    let unchanged = output::count(*unchanged, "file");
    let (chunks, files) = (output::count(*chunks, "chunk"), output::count(*documents, "file"));
    output::note(&format!(
        "{chunks} of {files} written{deleted}, {unchanged} unchanged; {dir} in {seconds:.1} s"
    ));
    if !report.failures.is_empty() {
        let hint = if args.details { "" } else { "; --details says why" };
        output::note(&format!(
            "{} of {} not read, or only in part: {}{hint}",
            report.failures.len(),
            output::count(report.files, "file"),
            in_line(&some(&report.failures))
        ));
    }
    if let Some(reason) = &report.unflushed {
        output::note(&format!(
            "the chunks are in the write-ahead log only, not in segment files: {reason}"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
