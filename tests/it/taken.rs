//! A database whose directories are taken away, replaced or left without a part, and what killed processes left behind.

use std::fs::{self, rename};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use lexivec::storage::Error as StorageError;
use lexivec::storage::disk::Staging;
use lexivec::{
    Collection, CopyOptions, Database, DatabaseOptions, Document, Error, ErrorKind, Filter, Options,
};
use lexivec_tests::{bare, listening};
use serde_json::json;

use crate::http::Running;
use crate::unopened::files;
use crate::{arg, lexivec, lexivec_ok};

/// A collection of rows in two segments, closed.
fn filled(dir: &Path, rows: u32) {
    let options = Options::new().vector(2, lexivec::Metric::Cosine);
    let collection = Collection::create(dir, options).expect("created");
    for part in 0..2 {
        let row = |i: u32| Document::new(format!("d{i}")).text("wing");
        let (from, to) = (part * rows / 2, (part + 1) * rows / 2);
        collection.upsert((from..to).map(row)).expect("written");
        collection.flush().expect("flushed");
    }
}

/// A database of the collections `lost` and `sound`, closed; the directory of the first.
fn lost_and_sound(root: &Path) -> PathBuf {
    let database = Database::open(root).expect("opened");
    for name in ["lost", "sound"] {
        let collection = database.create(name, Options::new()).expect("created");
        collection.upsert([Document::new("a").text("wing")]).expect("written");
    }
    database.path_of("lost").expect("there")
}

fn rows_in(dir: &Path) -> u64 {
    Collection::open_read_only(dir).expect("opened").count(&Filter::All).expect("counted")
}

fn is_displaced<T: std::fmt::Debug>(done: Result<T, Error>) {
    let error = done.expect_err("refused");
    assert!(matches!(error, Error::Storage(StorageError::Displaced { .. })), "{error}");
}

#[test]
fn a_database_drops_no_collection_that_was_put_in_the_place_of_its_own() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = |name: &str| scratch.path().join(name);
    let (root, other, aside) = (path("root"), path("other"), path("aside"));
    filled(&other, 30);
    let database = Database::open(&root).expect("opened");
    database.create("a", Options::new()).expect("created");
    let own = database.path_of("a").expect("there");
    rename(&own, &aside).expect("moved");
    rename(&other, &own).expect("moved");
    is_displaced(database.path_of("a"));
    is_displaced(database.drop_collection("a"));
    is_displaced(database.drop_with_snapshots("a"));
    let damage = database.get("a").expect("there").damage().expect("reported");
    assert!(damage.contains("another directory is at its path"), "{damage}");
    assert_eq!(rows_in(&own), 30, "the other collection is whole");
    rename(&own, &other).expect("moved");
    // A link to it is no better.
    symlink(&other, &own).expect("linked");
    is_displaced(database.drop_collection("a"));
    assert_eq!(rows_in(&other), 30);
    fs::remove_file(&own).expect("removed");
    rename(&aside, &own).expect("moved");
    assert_eq!(database.get("a").expect("there").damage(), None);
    database.drop_collection("a").expect("dropped");
    assert!(!own.exists() && database.names().is_empty());
}

#[test]
fn a_database_makes_and_drops_nothing_in_a_directory_that_replaced_its_own() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (root, aside) = (scratch.path().join("root"), scratch.path().join("aside"));
    let database = Database::open(&root).expect("opened");
    database.create("a", Options::new()).expect("created");
    let own = database.path_of("a").expect("there");
    rename(&root, &aside).expect("moved");
    // A copy, so that every path leads to something.
    assert!(std::process::Command::new("cp").arg("-r").args([&aside, &root]).status().is_ok());
    let listed = || fs::read_dir(&root).expect("listed").count();
    let before = listed();
    is_displaced(database.create("b", Options::new()));
    is_displaced(database.drop_collection("a"));
    is_displaced(database.sweep());
    assert_eq!((listed(), database.names()), (before, vec!["a".to_owned()]));
    assert_eq!(rows_in(&own), 0);
    fs::remove_dir_all(&root).expect("removed");
    rename(&aside, &root).expect("moved");
    database.create("b", Options::new()).expect("created");
    database.drop_collection("a").expect("dropped");
}

#[test]
fn a_collection_without_its_manifest_is_listed_and_its_name_is_not_given_away() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (root, linked) = (scratch.path().join("root"), scratch.path().join("linked"));
    let lost = lost_and_sound(&root);
    let manifests = files(&lost, "MANIFEST-");
    assert_eq!(manifests.len(), 1);
    fs::remove_file(&manifests[0]).expect("removed");
    filled(&linked, 10);
    symlink(&linked, root.join("link")).expect("linked");

    for error in [
        Collection::open(&lost).expect_err("damaged"),
        Collection::open_read_only(&lost).expect_err("damaged"),
        Collection::create(&lost, Options::new()).expect_err("not empty"),
    ] {
        let text = error.to_string();
        assert!(text.contains("no manifest") || text.contains("no collection"), "{text}");
    }
    assert_eq!(Collection::open(&lost).expect_err("damaged").kind(), ErrorKind::Corrupt);
    let opened = DatabaseOptions::new().leave_out_unopened(true).open(&root).expect("opened");
    // A linked collection is one, too.
    assert_eq!(opened.names(), ["documents", "sound"]);
    let reason = &opened.unopened()[0].reason;
    assert!(opened.unopened().len() == 1 && reason.contains("no manifest"), "{reason}");
    drop(opened);
    let server = Running::start(&root);
    let health = server.json("GET", "/healthz", &json!(null)).1;
    assert!(health["unopened"][0]["reason"].as_str().is_some(), "{health}");
}

#[test]
fn the_name_of_a_collection_that_cannot_be_opened_is_not_given_away() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    let lost = lost_and_sound(&root);
    let opened = || DatabaseOptions::new().leave_out_unopened(true).open(&root).expect("opened");
    let taken = lost.join("LOG-END");
    rename(&taken, scratch.path().join("aside")).expect("moved");
    fs::create_dir(&taken).expect("made");
    let database = opened();
    assert_eq!(database.unopened()[0].name.as_deref(), Some("lost"));
    let refused = database.create("lost", Options::new()).expect_err("taken");
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists, "{refused}");
    database.create("other", Options::new()).expect("created");
    drop(database);
    // Without a manifest its name is not known.
    for manifest in files(&lost, "MANIFEST-") {
        fs::remove_file(manifest).expect("removed");
    }
    let database = opened();
    assert_eq!(database.unopened()[0].name, None);
    let refused = database.create("any", Options::new()).expect_err("refused").to_string();
    assert!(refused.contains("move its directory away"), "{refused}");
    rename(&lost, scratch.path().join("mended")).expect("moved");
    drop(database);
    opened().create("any", Options::new()).expect("created");
}

#[test]
fn folders_of_a_collection_that_lead_elsewhere_are_not_followed() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, victim) = (scratch.path().join("index"), scratch.path().join("victim"));
    filled(&dir, 10);
    filled(&victim, 10);
    let before = fs::read_dir(&victim).expect("listed").count();
    let collection = Collection::open(&dir).expect("opened");
    for folder in ["learning", "snapshots"] {
        symlink(&victim, dir.join(folder)).expect("linked");
        let done = match folder {
            "learning" => {
                let feedback = lexivec::Feedback {
                    text: None,
                    vector: Some(vec![1.0, 0.0]),
                    relevant: vec!["d1".to_owned()],
                    shown: Vec::new(),
                };
                collection.add_feedback(&[feedback]).map(drop)
            }
            _ => collection.snapshot("first").map(drop),
        };
        let error = done.expect_err("refused").to_string();
        assert!(error.contains("is a symbolic link"), "{folder}: {error}");
        let report = Collection::verify(dir.as_path(), lexivec::VerifyLevel::Quick).expect("read");
        assert_eq!((report.problems.len(), report.problems[0].file.as_str()), (1, folder));
        fs::remove_file(dir.join(folder)).expect("removed");
    }
    assert_eq!(fs::read_dir(&victim).expect("listed").count(), before);
    assert_eq!(rows_in(&victim), 10);
    collection.snapshot("first").expect("made");
}

#[test]
fn an_export_of_damaged_files_is_refused_and_leaves_no_file() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, file) = (scratch.path().join("index"), scratch.path().join("file"));
    filled(&dir, 40);
    lexivec_ok(&["export", arg(&dir), arg(&file)]);
    fs::remove_file(&file).expect("removed");
    let segment = files(&dir, "segment-").into_iter().max().expect("one");
    let mut bytes = fs::read(&segment).expect("read");
    // In the first section, which follows the page of the header.
    bytes[4_096 + 8] ^= 1;
    fs::remove_file(&segment).expect("removed");
    fs::write(&segment, bytes).expect("written");
    let refused = lexivec(&["export", arg(&dir), arg(&file)]);
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && error.contains("damaged"), "{error}");
    assert!(!file.exists());
}

#[test]
fn what_killed_processes_left_is_swept_and_what_is_being_written_stays() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = |name: &str| scratch.path().join(name);
    let (dir, file) = (path("index"), path("file"));
    filled(&dir, 10);
    let left = path(&format!("import.{}.unfinished", "0123456789abcdef".repeat(2)));
    fs::create_dir(&left).expect("made");
    fs::write(left.join("half"), "half").expect("written");
    let mine = path("mine.unfinished");
    fs::create_dir(&mine).expect("made");
    let held = Staging::new(&path("other")).expect("made");
    fs::write(path(".lexivec-left"), "half").expect("written");
    let writing = fs::File::create(path(".lexivec-held")).expect("made");
    writing.lock().expect("locked");

    lexivec_ok(&["export", arg(&dir), arg(&file)]);
    assert!(!path(".lexivec-left").exists() && path(".lexivec-held").exists());
    lexivec_ok(&["import", arg(&path("copy")), arg(&file)]);
    assert!(!left.exists() && mine.exists() && held.path().exists());
    // A database sweeps its directory when it is opened.
    let again = held.path().parent().expect("a directory").to_owned();
    drop(held);
    fs::create_dir(&again).expect("made");
    let unfinished = |folder: &Path| {
        let names = fs::read_dir(folder).expect("listed").map(|e| e.expect("one").file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".unfinished")).count()
    };
    assert_eq!(unfinished(scratch.path()), 2);
    let names = Database::open(scratch.path()).map(|database| database.names());
    assert!(names.is_err(), "two collections have one name");
    assert_eq!(unfinished(scratch.path()), 1);
    // Snapshots sweep their folder.
    let left = dir.join("snapshots").join(format!("s.{}.unfinished", "f".repeat(32)));
    fs::create_dir_all(&left).expect("made");
    let collection = Collection::open(&dir).expect("opened");
    collection.snapshot("first").expect("made");
    assert!(!left.exists());
    let copy = path("restored");
    lexivec::Snapshot::restore(dir.join("snapshots/first"), &copy, CopyOptions::new())
        .expect("restored");
    assert_eq!(rows_in(&copy), 10);
}

#[test]
fn a_signal_that_another_process_sends_does_what_it_does_elsewhere() {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut serve = bare(["serve", arg(scratch.path()), "--port", "0", "--json"]);
    serve.stderr(std::process::Stdio::null());
    let (mut server, _) = listening(serve).expect("started");
    let id = server.0.id().to_string();
    let sent = std::process::Command::new("kill").args(["-BUS", &id]).status().expect("sent");
    assert!(sent.success());
    let status = server.0.wait().expect("ended");
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(7), "SIGBUS ends it as it ends others: {status}");
}
