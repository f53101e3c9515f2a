//! Verification of a collection: every byte of every file, and the consistency of its parts.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use lexivec_storage::{
    Directory, Error as StorageError, LogContent, SegmentEntry, Vfs, disk, read_log,
};
use serde::{Deserialize, Serialize};

use super::siblings::{check_named, stores_in};
use super::snapshot::{SNAPSHOT_FOLDER, Snapshot};
use super::{Collection, read_after};
use crate::error::{Error, Result, corrupt};
use crate::generation::Operation;
use crate::limits::{GATE_QUERIES, OPEN_RETRIES, VERIFY_MIN_RECALL};
use crate::location::Location;
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::search::measure_recall;
use crate::segment::Segment;

/// Depth of a verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyLevel {
    /// Manifests, the log, and the tables of segment files.
    Quick,
    /// Also every byte, every row, and that no id is alive twice.
    #[default]
    Full,
    /// Also that the parts of a row agree: its text with the inverted index, its vector with its norm
    /// and its code; that the graph reaches it; that codes of token vectors are valid; and the recall
    /// on sampled rows.
    Deep,
}

/// Report of [`Collection::verify`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The generation checked.
    pub generation: u64,
    /// Segment files checked.
    pub files: usize,
    /// Rows in them.
    pub rows: u64,
    /// Writes in the log that are in no segment file yet.
    pub log_writes: usize,
    /// Files that no kept generation names; the next open for writing removes them.
    pub orphans: Vec<String>,
    /// The lowest recall@10 measured on a graph; only in a deep verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// Live rows with a vector that no path in their graph reaches; only in a deep verification.
    pub unreachable: u64,
    /// File and byte at which the log ends in a torn write, as a power cut leaves it; that write was
    /// never acknowledged as durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torn: Option<(String, u64)>,
    /// Faults found; empty for a sound collection.
    pub problems: Vec<Problem>,
}

/// One fault.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Its fault.
    pub detail: String,
}

impl VerifyReport {
    /// True if no fault was found.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Adds the report of a collection in a folder of the directory.
    fn add_part(&mut self, folder: &str, part: Result<Self>) {
        let part = match part {
            Ok(part) => part,
            Err(error) => return self.add_error(folder, &error),
        };
        self.files += part.files;
        self.log_writes += part.log_writes;
        self.problems.extend(part.problems.into_iter().map(|problem| {
            let file = format!("{folder}/{}", problem.file);
            Problem { file, ..problem }
        }));
    }

    fn add(&mut self, file: &str, detail: impl ToString) {
        self.problems.push(Problem { file: file.to_owned(), detail: detail.to_string() });
    }

    /// Adds the error of a check of a file: without the file's name, and without the advice to verify it.
    fn add_error(&mut self, file: &str, error: &Error) {
        let Error::Storage(StorageError::Corrupt { file: named, section, offset, detail }) = error
        else {
            return self.add(file, error);
        };
        let named = if named == file { String::new() } else { format!("{named}: ") };
        let section = section.as_ref().map(|s| format!("section {s:?}, ")).unwrap_or_default();
        self.add(file, format!("{named}{section}byte {offset}: {detail}"));
    }
}

impl Collection {
    /// Checks a collection without opening it for writing, as far as `level` says; the sibling stores and the
    /// snapshots in its directory, too.
    ///
    /// # Errors
    /// When nothing can be checked at all; what is wrong with the files is in the report.
    pub fn verify(location: impl Into<Location>, level: VerifyLevel) -> Result<VerifyReport> {
        let location = location.into();
        let mut report = verify_files(location.clone().open()?, level)?;
        let Some(root) = location.path() else { return Ok(report) };
        for (folder, store) in stores_in(root) {
            let own = disk::refuse_link(&store).map_err(Error::from);
            report.add_part(folder, own.and_then(|()| Self::verify(&store, level)));
        }
        match Snapshot::directories(root) {
            Ok(directories) => {
                for (name, path) in directories {
                    let folder = format!("{SNAPSHOT_FOLDER}/{name}");
                    report.add_part(&folder, Self::verify(&path, level));
                }
            }
            Err(error) => report.add_error(SNAPSHOT_FOLDER, &error),
        }
        Ok(report)
    }
}

/// Checks the files of one collection.
fn verify_files(vfs: Arc<dyn Vfs>, level: VerifyLevel) -> Result<VerifyReport> {
    let mut directory = Directory::open_read_only(vfs)?;
    // A writer may remove files while they are opened; what is open stays.
    let mut retries = 0;
    loop {
        let opened = open_all(&directory)?;
        let vanished = |(_, segment): &(SegmentEntry, Result<Segment>)| {
            matches!(segment, Err(Error::Storage(StorageError::NotFound { .. })))
        };
        let log = check_log(&directory);
        if (opened.iter().any(vanished) || log.is_err())
            && retries < OPEN_RETRIES
            && directory.refresh()?
        {
            retries += 1;
            continue;
        }
        return check(&directory, opened, log, level);
    }
}

type Opened = Vec<(SegmentEntry, Result<Segment>)>;

fn open_all(directory: &Directory) -> Result<Opened> {
    let schema = Schema::of(directory.manifest())?;
    let open = |entry: &SegmentEntry| {
        (entry.clone(), Segment::open(directory.vfs().as_ref(), &schema, entry))
    };
    Ok(directory.manifest().segments.iter().map(open).collect())
}

/// Reads the log after the newest generation.
fn check_log(directory: &Directory) -> Result<LogContent> {
    let content = read_after(directory)?;
    for frame in &content.frames {
        Operation::decode(&format!("write {} of the log", frame.lsn), &frame.payload)?;
    }
    Ok(content)
}

fn check(
    directory: &Directory,
    opened: Opened,
    log: Result<LogContent>,
    level: VerifyLevel,
) -> Result<VerifyReport> {
    let schema = Schema::of(directory.manifest())?;
    let mut report = VerifyReport {
        generation: directory.manifest().generation,
        files: opened.len(),
        rows: 0,
        log_writes: 0,
        orphans: directory.orphans()?,
        recall: None,
        unreachable: 0,
        torn: None,
        problems: Vec::new(),
    };
    let manifest = directory.manifest().file_name();
    if let Some(damage) = directory.damage() {
        let detail = format!("{damage}; {manifest} and the log hold every write");
        report.add("MANIFEST", detail);
    }
    match log {
        Ok(content) => {
            report.log_writes = content.frames.len();
            report.torn = content.torn.map(|torn| (torn.file, torn.offset));
        }
        Err(error) => report.add_error("log", &error),
    }
    check_fallback(directory, level, &mut report);
    if let Some(root) = directory.vfs().root() {
        check_siblings(root, &schema, &mut report);
    }
    let mut ids = HashSet::new();
    for (entry, segment) in opened {
        report.rows += u64::from(entry.rows);
        let checked = segment.and_then(|segment| {
            if level >= VerifyLevel::Full {
                check_segment(&schema, &manifest, &entry, &segment, &mut ids)?;
            }
            if level >= VerifyLevel::Deep {
                let (recall, unreachable) = check_deeply(&schema, &entry, &segment)?;
                report.unreachable += unreachable;
                report.recall = [report.recall, recall].into_iter().flatten().reduce(f64::min);
            }
            Ok(())
        });
        if let Err(error) = checked {
            report.add_error(&entry.file.name, &error);
        }
    }
    Ok(report)
}

/// Checks what an open falls back to if the newest manifest is damaged: the manifest before it, the segments that only
/// this one names, and the log after it.
fn check_fallback(directory: &Directory, level: VerifyLevel, report: &mut VerifyReport) {
    // A copy has one generation alone, and a concurrent commit removes older files.
    let vanished = |error: &Error| matches!(error, Error::Storage(StorageError::NotFound { .. }));
    let previous = match directory.previous() {
        Ok(Some(previous)) => previous,
        Ok(None) => return,
        Err(error) => return report.add_error("MANIFEST before the newest", &error.into()),
    };
    let (first, file) = (previous.first_write(), previous.log_file);
    match read_log(directory.vfs().as_ref(), previous.collection, first, file) {
        Ok(_) | Err(StorageError::NotFound { .. }) => {}
        Err(error) => report.add(&previous.file_name(), format!("the log after it: {error}")),
    }
    let newest = &directory.manifest().segments;
    let only_there = |entry: &&SegmentEntry| newest.iter().all(|other| other.file != entry.file);
    for entry in previous.segments.iter().filter(only_there) {
        let checked = Schema::of(&previous).and_then(|schema| {
            let segment = Segment::open(directory.vfs().as_ref(), &schema, entry)?;
            match level {
                VerifyLevel::Quick => Ok(()),
                VerifyLevel::Full | VerifyLevel::Deep => segment.verify(&schema),
            }
        });
        match checked {
            Ok(()) => {}
            Err(error) if vanished(&error) && directory.is_behind().unwrap_or(false) => {}
            Err(error) => report.add_error(&entry.file.name, &error),
        }
    }
}

/// Checks that the sibling stores which the manifest names are there.
fn check_siblings(root: &Path, schema: &Schema, report: &mut VerifyReport) {
    for (folder, named) in &schema.siblings {
        if let Err(error) = check_named(folder, &root.join(folder), named) {
            report.add_error(folder, &error);
        }
    }
}

/// Checks one segment: its bytes, its rows, and its entry in the manifest.
fn check_segment(
    schema: &Schema,
    manifest: &str,
    entry: &SegmentEntry,
    segment: &Segment,
    ids: &mut HashSet<String>,
) -> Result<()> {
    segment.verify(schema)?;
    let bad = |detail: String| corrupt(manifest, &entry.file.name, detail);
    let alive = RowSet::of(entry)?;
    if segment.text().statistics(&alive)?.to_bytes() != entry.statistics {
        return Err(bad("its statistics are not those of its rows".to_owned()));
    }
    for row in alive.iter() {
        let id = segment.documents.id(row)?;
        if !ids.insert(id.to_owned()) {
            return Err(bad(format!("id {id:?} is alive in two segments")));
        }
    }
    Ok(())
}

/// Checks that the parts of each row agree; returns the recall of the graphs, and the number of rows
/// they do not reach.
fn check_deeply(
    schema: &Schema,
    entry: &SegmentEntry,
    segment: &Segment,
) -> Result<(Option<f64>, u64)> {
    segment.verify_fields(schema)?;
    let alive = RowSet::of(entry)?;
    let (mut least, mut unreachable) = (None, 0);
    for vectors in &segment.fields.vectors {
        let Some(graph) = &vectors.graph else { continue };
        let mut wanted = alive.clone();
        wanted.intersect(&vectors.store.present);
        unreachable += u64::from(graph.unreachable(&wanted)?);
        let rows = [(segment, &alive)];
        let (recall, _) =
            measure_recall(&rows, &rows, &vectors.store.name, GATE_QUERIES, schema.seed)?;
        if recall < VERIFY_MIN_RECALL {
            let detail = format!("recall@10 is {recall:.4}; compact, or repair the collection");
            return Err(corrupt(&entry.file.name, &vectors.store.name, detail));
        }
        least = Some(least.map_or(recall, |l: f64| l.min(recall)));
    }
    Ok((least, unreachable))
}
