//! `ingest --folder`: the files of a folder in chunks.

use std::path::Path;
use std::process::ExitCode;

use lexivec::chunk::{ChunkOptions, DEFAULT_CHUNK_OVERLAP, DEFAULT_CHUNK_TOKENS};
use lexivec::storage::disk;
use lexivec::{Collection, OpenOptions};
use lexivec_ingest::{FolderOptions, FolderReport, Unread, ingest_folder, ingest_folder_into_new};

use super::ingest::{self, Ingest};
use crate::exit::{Failure, Outcome};
use crate::output::{self, Progress};

/// Options of chunks.
#[derive(clap::Args)]
pub(crate) struct Chunks {
    /// Tokens of a chunk: the model's if the collection has one, words otherwise.
    #[arg(long, value_name = "TOKENS", default_value_t = DEFAULT_CHUNK_TOKENS, requires = "folder")]
    chunk_tokens: usize,
    /// Tokens that a chunk repeats of the one before it; at most half of a chunk.
    #[arg(long, value_name = "TOKENS", default_value_t = DEFAULT_CHUNK_OVERLAP, requires = "folder")]
    chunk_overlap: usize,
    /// Delete the chunks of files that are no longer in the folder. Every chunk of the collection is taken to be of
    /// this folder.
    #[arg(long, requires = "folder")]
    prune: bool,
    /// Leave out the files that .gitignore and .ignore files exclude.
    #[arg(long, requires = "folder")]
    gitignore: bool,
}

pub(super) fn run(args: &Ingest, folder: &Path, open: OpenOptions) -> Outcome<ExitCode> {
    let chunks = ChunkOptions::new(args.chunks.chunk_tokens, args.chunks.chunk_overlap);
    let chunks = chunks.map_err(|e| Failure::usage(e.to_string()))?;
    let progress = Progress::new();
    let show = |stage, done, all| progress.show(stage, done, all);
    let options = FolderOptions::new().chunks(chunks).prune(args.chunks.prune);
    let options = options.gitignore(args.chunks.gitignore).progress(&show);
    let (exists, report) = if disk::is_collection(&args.dir) {
        (true, ingest_folder(&ingest::open(args, open)?, folder, &options)?)
    } else {
        let model = args.new.model.embedder()?;
        let new = ingest::options(args, open, model.clone(), None, &[])?;
        let create = || Collection::create(&args.dir, new);
        let (made, report) = ingest_folder_into_new(create, model, folder, &options)?;
        (made.is_some(), report)
    };
    drop(progress);
    print(args, &report, exists)
}

fn print(args: &Ingest, report: &FolderReport, exists: bool) -> Outcome<ExitCode> {
    if !exists {
        report.failures.iter().for_each(print_failure);
        return Err(Failure::new("the folder has no file with text; nothing was written"));
    }
    if let Some(reason) = &report.unflushed {
        output::note(&format!(
            "the chunks are in the write-ahead log only, not in segments: {reason}"
        ));
    }
    if args.json {
        output::json(report)?;
        return Ok(ExitCode::SUCCESS);
    }
    report.failures.iter().for_each(print_failure);
    output::note(&format!(
        "{} files: wrote {} chunks of {}, deleted {}, {} unchanged, {} with a fault; {} in {:.1} s",
        report.files,
        report.chunks,
        report.documents,
        report.deleted,
        report.unchanged,
        report.failures.len(),
        args.dir.display(),
        report.seconds
    ));
    Ok(ExitCode::SUCCESS)
}

fn print_failure(unread: &Unread) {
    output::note(&format!("not in: {}: {}", unread.path, unread.reason));
}
