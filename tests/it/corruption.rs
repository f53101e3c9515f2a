//! Damage: what verification finds, what an error names, and what a repair brings back.

use std::collections::BTreeSet;
use std::sync::Arc;

use lexivec::storage::MemoryVfs;
use lexivec::{
    Collection, CopyOptions, Document, Filter, OpenOptions, Options, Rerank, SearchRequest,
    Snapshot, VerifyLevel,
};
use lexivec_tests::Random;
use lexivec_tests::campaigns::flips::{Files, collection};

fn open(files: &Files) -> Collection {
    let disk = Arc::new(MemoryVfs::with_files(files.clone()));
    Collection::open_read_only(disk).expect("opened")
}

fn live_files(files: &Files) -> Vec<String> {
    let segments = open(files).stats().expect("counted").segments;
    segments.into_iter().map(|s| s.file).filter(|f| files.contains_key(f)).collect()
}

fn ids(collection: &Collection) -> BTreeSet<String> {
    let page = collection.scroll(&Filter::All, None, 1_000).expect("read");
    page.documents.into_iter().map(|d| d.id).collect()
}

#[test]
fn verify_finds_a_flip_anywhere_in_a_live_segment() {
    let files = collection().expect("made");
    for level in [VerifyLevel::Quick, VerifyLevel::Full, VerifyLevel::Deep] {
        let disk = Arc::new(MemoryVfs::with_files(files.clone()));
        let report = Collection::verify(disk, level).expect("verified");
        assert!(report.is_sound() && report.log_writes == 2, "{report:?}");
    }
    let live = live_files(&files);
    assert_eq!(live.len(), 2);
    for name in live {
        for at in 0..files[&name].len() {
            let mut damaged = files.clone();
            if let Some(byte) = damaged.get_mut(&name).and_then(|f| f.get_mut(at)) {
                *byte ^= 0x10;
            }
            let disk = Arc::new(MemoryVfs::with_files(damaged));
            let report = Collection::verify(disk, VerifyLevel::Full).expect("a report");
            assert_eq!(report.problems.len(), 1, "byte {at} of {name}");
            assert_eq!(report.problems[0].file, name, "{report:?}");
        }
    }
}

#[test]
fn verify_reports_a_damaged_manifest_or_log() {
    let files = collection().expect("made");
    let newest = files.keys().rfind(|n| n.starts_with("MANIFEST-")).cloned().expect("there");
    let log = files.keys().rfind(|n| n.starts_with("log-")).cloned().expect("there");
    for (name, at) in [(&newest, 30), (&log, 140), (&log, 3)] {
        let mut damaged = files.clone();
        damaged.get_mut(name).expect("there")[at] ^= 1;
        let disk = Arc::new(MemoryVfs::with_files(damaged));
        let report = Collection::verify(disk, VerifyLevel::Quick).expect("a report");
        assert!(report.problems.iter().any(|p| p.detail.contains(name)), "{name}: {report:?}");
    }
}

#[test]
fn a_damaged_newest_manifest_loses_nothing() {
    let files = collection().expect("made");
    let before = ids(&open(&files));
    let newest = files.keys().rfind(|n| n.starts_with("MANIFEST-")).cloned().expect("there");
    let mut damaged = files;
    damaged.get_mut(&newest).expect("there")[30] ^= 1;
    let disk = MemoryVfs::with_files(damaged);
    let options = OpenOptions::new().background(false);
    let collection = options.open(Arc::new(disk.clone())).expect("opened");
    assert!(collection.damage().is_some_and(|d| d.contains(&newest)));
    assert_eq!(ids(&collection), before);
    // What is written next is no longer passed over.
    collection.flush().expect("flushed");
    collection.compact(lexivec::CompactOptions::new()).expect("compacted");
    assert!(collection.damage().is_none());
    drop(collection);
    assert_eq!(ids(&open(&disk.contents())), before);
}

#[test]
fn repair_looks_past_any_number_of_damaged_manifests() {
    let files = collection().expect("made");
    let newest = files.keys().rfind(|n| n.starts_with("MANIFEST-")).cloned().expect("there");
    let whole = ids(&open(&files));
    // Two made to look newer, neither with a readable one right before it.
    let mut damaged = files;
    for number in ["fffffffffffffff0", "0fffffffffffffff"] {
        damaged.insert(format!("MANIFEST-{number}"), b"no manifest".to_vec());
    }
    let source = Arc::new(MemoryVfs::with_files(damaged));
    let refused = Collection::open_read_only(source.clone()).expect_err("refused");
    assert!(refused.to_string().contains("MANIFEST-fffffffffffffff0"), "{refused}");
    let target = MemoryVfs::default();
    let report =
        Collection::repair(source, Arc::new(target.clone()), CopyOptions::new()).expect("repaired");
    assert!(report.lost.is_empty() && report.damage.len() == 1, "{report:?}");
    assert!(newest.ends_with(&format!("{:016x}", report.generation)), "{newest}: {report:?}");
    assert_eq!(ids(&open(&target.contents())), whole);
}

#[test]
fn the_error_names_file_and_section() {
    let files = collection().expect("made");
    let file = live_files(&files)[0].clone();
    // The vectors are the only place of these bytes.
    let mut damaged = files;
    let needle = Random(1).vector(4)[0].to_le_bytes();
    let bytes = damaged.get_mut(&file).expect("the file");
    let at = bytes.windows(4).position(|w| w == needle).expect("the first vector");
    bytes[at] ^= 1;
    let collection = open(&damaged);
    let request = SearchRequest::vector(vec![1.0, 0.0, 0.0, 0.0]).exact();
    let error = collection.search(&request).expect_err("damage").to_string();
    assert!(error.contains(&file) && error.contains("vector/vector/rows"), "{error}");
    assert!(error.contains("lexivec verify"), "{error}");
    // The text leg does not touch them and goes on.
    assert_eq!(collection.search(&SearchRequest::text("nose")).expect("an answer").hits.len(), 10);
}

#[test]
fn a_repair_brings_back_what_can_be_read_and_lists_the_rest() {
    let files = collection().expect("made");
    let whole = ids(&open(&files));
    let repair = |damaged: Files| {
        let target = MemoryVfs::default();
        let source = Arc::new(MemoryVfs::with_files(damaged));
        let report = Collection::repair(source, Arc::new(target.clone()), CopyOptions::new())
            .expect("repaired");
        let disk = Arc::new(target.clone());
        let verified = Collection::verify(disk, VerifyLevel::Deep).expect("verified");
        assert!(verified.is_sound(), "{verified:?}");
        let found = open(&target.contents());
        assert_eq!(ids(&found).len() as u64, report.documents);
        (report, ids(&found))
    };
    let (report, found) = repair(files.clone());
    assert!(report.lost.is_empty() && report.damage.is_empty(), "{report:?}");
    assert_eq!(found, whole);
    let file = live_files(&files)[0].clone();
    // The graph and the inverted index are rebuilt, so their damage loses no row.
    for section in ["vector/vector/graph/0", "text/tantivy/idx", "text/lengths/text"] {
        let (report, found) = repair(flip_in(files.clone(), &file, section));
        assert!(report.lost.is_empty(), "{section}: {report:?}");
        assert_eq!(found, whole, "{section}");
    }
    // A block of vectors: the rows stay, without them.
    let (report, found) = repair(flip_in(files.clone(), &file, "vector/vector/rows"));
    assert_eq!((report.without_vector.len(), report.lost.len()), (34, 0), "{report:?}");
    assert_eq!(found, whole);
    // So do they without the token vectors of a block.
    for (section, rows) in [("tokens/tokens/codes", 32), ("tokens/tokens/edges", 34)] {
        let (report, found) = repair(flip_in(files.clone(), &file, section));
        assert_eq!((report.without_vector.len(), report.lost.len()), (rows, 0), "{report:?}");
        assert_eq!(found, whole, "{section}");
    }
    let (report, found) = repair(flip_in(files.clone(), &file, "documents/data"));
    // The block of documents, ids and all: every row alive in the file is listed by its place; the
    // other segment and the log are there.
    assert_eq!((report.lost.len(), found.len()), (37, 6), "{report:?}");
    assert!(!report.damage.is_empty() && found.contains("d36") && found.contains("d40"));
    // The table of the file: every row of it.
    let mut cut = files;
    cut.get_mut(&file).expect("there").truncate(5_000);
    let (report, found) = repair(cut);
    assert!(report.lost[0].contains("rows of segment-") && found.len() == 6, "{report:?}");
}

#[test]
fn damaged_token_vectors_are_reported_by_late_interaction_only() {
    let files = collection().expect("made");
    let file = live_files(&files)[0].clone();
    for section in ["tokens/tokens/codes", "tokens/tokens/edges"] {
        let collection = open(&flip_in(files.clone(), &file, section));
        let request = SearchRequest::text("nose");
        assert_eq!(collection.search(&request).expect("an answer").hits.len(), 10);
        let late = request.rerank(Rerank::late_interaction(vec![vec![1.0, 0.0, 0.0]]));
        let error = collection.search(&late).expect_err("damage").to_string();
        assert!(error.contains(&file) && error.contains(section), "{error}");
    }
}

/// Changes a byte in the middle of a section of a segment file.
fn flip_in(mut files: Files, file: &str, section: &str) -> Files {
    let (name, bytes) = files.iter().rfind(|(n, _)| n.starts_with("MANIFEST-")).expect("there");
    let manifest = lexivec::storage::Manifest::decode(name, bytes).expect("sound");
    let entry = manifest.segments.iter().find(|s| s.file.name == file).expect("named");
    let disk = MemoryVfs::with_files(files.clone());
    let reader = lexivec::storage::SegmentReader::open(&disk, &entry.file).expect("opened");
    let wanted = reader.section(section).expect("there").all().expect("sound").to_vec();
    let bytes = files.get_mut(file).expect("there");
    let found: Vec<usize> =
        (0..bytes.len()).step_by(64).filter(|&at| bytes[at..].starts_with(&wanted)).collect();
    bytes[found[0] + wanted.len() / 2] ^= 1;
    files
}

#[test]
fn ids_that_cannot_be_read_are_an_error_where_they_decide() {
    // All rows but one have one score, so ids decide. A block of ids is damaged, those around it are not.
    const ROWS: usize = 1_000;
    for seed in 0..3 {
        let disk = MemoryVfs::default();
        let options = Options::new().open(OpenOptions::new().background(false));
        let collection = Collection::create(Arc::new(disk.clone()), options).expect("created");
        let mut random = Random(seed);
        let mut batch = |rows: usize| -> Vec<Document> {
            let id = |random: &mut Random| format!("{:016x}{}", random.number(), "x".repeat(300));
            (0..rows).map(|_| Document::new(id(&mut random)).text("wing")).collect()
        };
        for rows in [ROWS * 7 / 10, ROWS * 3 / 10] {
            collection.upsert(batch(rows)).expect("written");
            collection.flush().expect("flushed");
        }
        collection.upsert([Document::new("first").text("a cone")]).expect("written");
        collection.flush().expect("flushed");
        let segments = collection.stats().expect("counted").segments;
        assert_eq!(segments.len(), 3);
        drop(collection);
        let mut files = disk.contents();
        let bytes = files.get_mut(&segments[0].file).expect("the file");
        // The ids are at the start of the file; this is their second block.
        bytes[100_000] ^= 1;
        let collection = open(&files);
        let found = collection.search(&SearchRequest::text("cone")).expect("no tie");
        assert_eq!(found.hits[0].id, "first");
        // Which rows are the first ten cannot be known.
        for limit in [10, ROWS] {
            let request = SearchRequest::text("wing").limit(limit).candidates(ROWS);
            let error = collection.search(&request).expect_err("ids that cannot be read");
            assert!(error.to_string().contains("documents/data"), "{error}");
        }
    }
}

#[test]
fn verify_reports_what_is_kept_to_fall_back_to() {
    let files = collection().expect("made");
    let manifests: Vec<&String> = files.keys().filter(|n| n.starts_with("MANIFEST-")).collect();
    assert_eq!(manifests.len(), 2, "the newest and the one before it");
    let mut damaged = files.clone();
    damaged.get_mut(manifests[0]).expect("there")[30] ^= 1;
    let report = Collection::verify(Arc::new(MemoryVfs::with_files(damaged)), VerifyLevel::Quick);
    let problems = report.expect("a report").problems;
    assert!(problems[0].detail.contains(manifests[0]), "{problems:?}");
    // A copy has the newest one alone.
    let mut copied = files.clone();
    copied.remove(manifests[0]);
    let report = Collection::verify(Arc::new(MemoryVfs::with_files(copied)), VerifyLevel::Quick);
    assert!(report.expect("a report").is_sound());
}

#[test]
fn a_damaged_snapshot_is_listed_and_found_by_verify() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("c");
    let collection = Collection::create(&dir, Options::new()).expect("made");
    collection.upsert([Document::new("a").text("wing")]).expect("written");
    for name in ["sound", "without-manifest", "changed"] {
        collection.snapshot(name).expect("kept");
    }
    let folder = dir.join("snapshots");
    std::os::unix::fs::symlink(folder.join("sound"), folder.join("linked")).expect("a link");
    for entry in std::fs::read_dir(folder.join("without-manifest")).expect("listed").flatten() {
        if entry.file_name().to_string_lossy().starts_with("MANIFEST") {
            std::fs::remove_file(entry.path()).expect("removed");
        }
    }
    for entry in std::fs::read_dir(folder.join("changed")).expect("listed").flatten() {
        if entry.file_name().to_string_lossy().starts_with("segment") {
            // Not in place: the file is shared with the collection.
            let mut bytes = std::fs::read(entry.path()).expect("read");
            bytes[100] ^= 1;
            std::fs::remove_file(entry.path()).expect("removed");
            std::fs::write(entry.path(), bytes).expect("written");
        }
    }
    let list = Snapshot::list(&dir).expect("listed");
    let damaged: Vec<&str> = list.damaged.iter().map(|d| d.name.as_str()).collect();
    assert!(damaged.contains(&"without-manifest"), "{list:?}");
    let report = Collection::verify(&dir, VerifyLevel::Full).expect("verified");
    let found = |name: &str| report.problems.iter().any(|p| p.file.starts_with(name));
    assert!(
        found("snapshots/without-manifest") && found("snapshots/changed/segment"),
        "{report:?}"
    );
    assert!(!found("snapshots/sound"), "{report:?}");
}
