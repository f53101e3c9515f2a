//! Repair: a new collection of the readable rows of a damaged one; lost rows are listed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use lexivec_storage::{Directory, DiskVfs, SegmentEntry, SegmentReader, Vfs, salvage_log};
use serde::Serialize;

use super::siblings::{identifier, shown, stores_in};
use super::snapshot::{check_sound, fill};
use super::{Collection, CompactOptions, CopyOptions, WriteOptions};
use crate::document::Document;
use crate::error::{Error, Result, corrupt};
use crate::fields::{FieldReader, KINDS, SegmentSource};
use crate::generation::Operation;
use crate::location::Location;
use crate::options::OpenOptions;
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::segment::StoredDocuments;

/// Rows written in one batch.
const BATCH: usize = 1_000;

/// Report of a repair.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct RepairReport {
    /// The generation it began from.
    pub generation: u64,
    /// Rows of the new collection.
    pub documents: u64,
    /// Rows that could not be read: their ids, or segment and row if the id could not be read either.
    pub lost: Vec<String>,
    /// Rows that lost a vector or their token vectors, by id.
    pub without_vector: Vec<String>,
    /// Damage found.
    pub damage: Vec<String>,
}

impl Collection {
    /// Makes a sound collection in `target` of what can be read in `source`, which is left as it is, and of its
    /// sibling stores. Inverted index, columns and graphs are built again from the stored rows. A directory gets its
    /// name after the siblings are repaired and every byte was verified.
    ///
    /// # Errors
    /// When nothing can be read at all, the options are refused, or `target` is there; nothing is left behind then.
    pub fn repair(
        source: impl Into<Location>,
        target: impl Into<Location>,
        options: CopyOptions,
    ) -> Result<RepairReport> {
        let source = source.into();
        let directory = Directory::open_damaged(source.clone().open()?)?;
        let mut report = RepairReport::default();
        let target = match target.into() {
            Location::Vfs(vfs) => {
                let none = BTreeMap::new();
                return rebuild(&directory, vfs, options, none, &mut report).map(|()| report);
            }
            Location::Directory(target) => target,
        };
        let unsafe_filesystem = options.unsafe_filesystem;
        let make = |target: &DiskVfs| {
            let Some(root) = target.root() else { return Ok(()) };
            let siblings = match source.path() {
                Some(path) => repair_siblings(path, &directory, root, &mut report)?,
                None => BTreeMap::new(),
            };
            let target = Arc::new(DiskVfs::open_root(root)?);
            rebuild(&directory, target, options, siblings, &mut report)
        };
        fill(&target, unsafe_filesystem, make, check_sound)?;
        Ok(report)
    }
}

/// Repairs the sibling stores within the directory of the new collection; returns folder and identifier of each. One
/// of which nothing can be read, or which is another collection's, is lost, and the collection is not.
fn repair_siblings(
    source: &Path,
    directory: &Directory,
    target: &Path,
    report: &mut RepairReport,
) -> Result<BTreeMap<String, String>> {
    let named = Schema::of(directory.manifest())?.siblings;
    let found = stores_in(source).map(|(folder, _)| folder.to_owned());
    let mut made = BTreeMap::new();
    for folder in found.chain(named.keys().cloned()).collect::<BTreeSet<String>>() {
        let (store, target) = (source.join(&folder), target.join(&folder));
        let opened = DiskVfs::open_root(&store)
            .and_then(|vfs| Directory::open_damaged(Arc::new(vfs)))
            .map_err(Error::from);
        let belongs = |store: Directory| match named.get(&folder) {
            Some(named) if shown(store.manifest()) != *named => {
                Err(corrupt(&folder, "", "the store there belongs to another collection"))
            }
            _ => Ok(store),
        };
        match opened.and_then(belongs) {
            Ok(store) => {
                made.insert(folder.clone(), repair_sibling(&folder, &store, &target, report)?);
            }
            Err(error) => {
                report.damage.push(error.to_string());
                report.lost.push(format!("everything in {folder}"));
            }
        }
    }
    Ok(made)
}

/// Repairs one sibling store; returns the identifier of the new one.
fn repair_sibling(
    folder: &str,
    source: &Directory,
    target: &Path,
    report: &mut RepairReport,
) -> Result<String> {
    let mut sibling = RepairReport::default();
    let new = Arc::new(DiskVfs::create_root(target)?);
    rebuild(source, new, CopyOptions::new(), BTreeMap::new(), &mut sibling)?;
    report.damage.extend(sibling.damage);
    report.lost.extend(sibling.lost.into_iter().map(|id| format!("{id} of {folder}")));
    identifier(target)
}

fn rebuild(
    source: &Directory,
    target: Arc<dyn Vfs>,
    options: CopyOptions,
    siblings: BTreeMap<String, String>,
    report: &mut RepairReport,
) -> Result<()> {
    let mut manifest = source.manifest().clone();
    options.rename(&mut manifest)?;
    let schema = Schema { siblings, ..Schema::of(&manifest)? };
    report.generation = manifest.generation;
    report.damage.extend(source.damage().map(ToString::to_string));
    let options = OpenOptions::new().background(false);
    let directory = Directory::create(target, schema.to_bytes()?)?;
    let new = Collection::from_directory(directory, options)?;
    for entry in &manifest.segments {
        if let Err(error) = read_segment(source.vfs().as_ref(), &schema, entry, &new, report) {
            report.damage.push(error.to_string());
        }
    }
    let (first, file) = (manifest.first_write(), manifest.log_file);
    match salvage_log(source.vfs().as_ref(), manifest.collection, first, file) {
        Err(error) => report.damage.push(error.to_string()),
        Ok((content, damage)) => {
            report.damage.extend(damage.map(|d| d.to_string()));
            for frame in &content.frames {
                let ids: HashSet<String> = match Operation::decode("the log", &frame.payload)? {
                    Operation::Upsert(documents) => {
                        let ids = documents.iter().map(|d| d.id.clone()).collect();
                        new.writer(WriteOptions::new()).write_checked(documents)?;
                        ids
                    }
                    Operation::Delete(ids) => {
                        new.delete(&ids)?;
                        ids.into_iter().collect()
                    }
                };
                // A row that a later write replaced or deleted is not lost.
                report.lost.retain(|id| !ids.contains(id));
                report.without_vector.retain(|id| !ids.contains(id));
            }
        }
    }
    new.compact(CompactOptions::new())?;
    report.documents = new.stats()?.documents;
    Ok(())
}

/// Copies the live rows of a segment that can be read.
fn read_segment(
    vfs: &dyn Vfs,
    schema: &Schema,
    entry: &SegmentEntry,
    new: &Collection,
    report: &mut RepairReport,
) -> Result<()> {
    let name = entry.file.name.as_str();
    let alive = RowSet::of(entry)?;
    let opened = SegmentReader::open(vfs, &entry.file)
        .map_err(Into::into)
        .and_then(|reader| Ok((StoredDocuments::open(&reader, name, entry.rows)?, reader)));
    let (documents, reader) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            report.lost.push(format!("all {} rows of {name}", alive.count()));
            return Err(error);
        }
    };
    let reader = Arc::new(reader);
    let fields = open_fields(&SegmentSource { reader: &reader, schema, entry }, report);
    let mut batch: Vec<Document> = Vec::new();
    for row in alive.iter() {
        let mut document = match documents.document(schema, row) {
            Ok(document) => document,
            Err(error) => {
                let id = documents.id(row).map(str::to_owned);
                report.lost.push(id.unwrap_or_else(|_| format!("row {row} of {name}")));
                report.damage.push(error.to_string());
                continue;
            }
        };
        if !read_fields(&fields, row, &mut document) {
            report.without_vector.push(document.id.clone());
        }
        batch.push(document);
        if batch.len() == BATCH {
            new.writer(WriteOptions::new()).write_checked(std::mem::take(&mut batch))?;
        }
    }
    new.writer(WriteOptions::new()).write_checked(batch)?;
    report.damage.dedup();
    Ok(())
}

/// The fields of a segment that are stored apart from the ids; `None` for one that cannot be opened.
fn open_fields(
    segment: &SegmentSource<'_>,
    report: &mut RepairReport,
) -> Vec<Option<Box<dyn FieldReader>>> {
    let opened = KINDS.iter().flat_map(|kind| kind.readers(segment)).map(|reader| {
        report.damage.extend(reader.as_ref().err().map(ToString::to_string));
        reader.ok()
    });
    opened.collect()
}

/// Adds the values of its row to a document; false if one is lost.
fn read_fields(fields: &[Option<Box<dyn FieldReader>>], row: u32, document: &mut Document) -> bool {
    let mut whole = true;
    for field in fields {
        whole &= field.as_ref().is_some_and(|field| field.read(row, document).is_ok());
    }
    whole
}
