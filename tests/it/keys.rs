//! Keys and the audit log next to collections: the command, and a directory that disturbs nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lexivec::storage::disk;
use lexivec::{Collection, CopyOptions, Database, Document, Options, SearchRequest, Snapshot};
use serde_json::Value;

use crate::{arg, lexivec, lexivec_ok};

/// Gives a directory a key, and so a directory `.access` with every file.
fn with_key(dir: &Path) -> Value {
    let json = lexivec_ok(&["key", "create", arg(dir), "app", "--role", "reader", "--json"]);
    serde_json::from_str(&json).expect("JSON")
}

fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(dir.join(".access")).expect("listed");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).expect("read"))
        })
        .collect();
    files.sort();
    files
}

fn hits(collection: &Collection) -> usize {
    collection.search(&SearchRequest::text("wing")).expect("an answer").hits.len()
}

#[test]
fn the_directory_of_keys_does_not_disturb_a_collection() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("c");
    let collection = Collection::create(&dir, Options::new().name("c")).expect("made");
    with_key(&dir);
    let before = files(&dir);
    assert_eq!(before.len(), 5, "{before:?}");
    collection.upsert(vec![Document::new("a").text("a wing")]).expect("written");
    collection.flush().expect("flushed");
    collection.snapshot("monday").expect("kept");
    drop(collection);
    lexivec_ok(&["compact", arg(&dir)]);
    // It ends with exit code 1 if there is a problem.
    lexivec_ok(&["verify", arg(&dir)]);
    let [file, copy, restored, mended] =
        ["c.lxv", "copy", "restored", "mended"].map(|name| scratch.path().join(name));
    lexivec_ok(&["export", arg(&dir), arg(&file)]);
    lexivec_ok(&["import", arg(&copy), arg(&file)]);
    let snapshot = Snapshot::path(&dir, "monday").expect("a name");
    Snapshot::restore(snapshot, &restored, CopyOptions::new()).expect("restored");
    lexivec_ok(&["repair", arg(&dir), arg(&mended)]);
    for dir in [&dir, &copy, &restored, &mended] {
        assert_eq!(hits(&Collection::open(dir).expect("opened")), 1);
    }
    for copy in [&copy, &restored, &mended] {
        assert!(!copy.join(".access").exists(), "keys do not travel");
    }
    let served = Database::open(&dir).expect("a database of one collection");
    assert_eq!(served.names(), ["c"]);
    assert_eq!(files(&dir), before);
}

#[test]
fn the_directory_of_keys_does_not_disturb_a_database() {
    let scratch = tempfile::tempdir().expect("a directory");
    // The keys may be there before the first collection.
    with_key(scratch.path());
    let before = files(scratch.path());
    let database = Database::open(scratch.path()).expect("opened");
    database.create("papers", Options::new()).expect("made");
    drop(database);
    let database = Database::open(scratch.path()).expect("opened again");
    assert_eq!((database.names(), database.unopened().len()), (vec!["papers".to_owned()], 0));
    database.sweep().expect("swept");
    database.drop_collection("papers").expect("dropped");
    drop(database);
    disk::sweep(scratch.path()).expect("swept");
    assert_eq!(Database::open(scratch.path()).expect("opened").names(), [""; 0]);
    assert_eq!(files(scratch.path()), before);
}

#[test]
fn the_command_makes_rotates_and_revokes_keys_and_logs_it() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path();
    let made = with_key(dir);
    let (key, id) =
        (made["key"].as_str().expect("a key"), made["info"]["id"].as_str().expect("an id"));
    let secret = key.strip_prefix(&format!("lxv_{id}_")).expect("the key starts with its id");
    let again = lexivec(&["key", "create", arg(dir), "app", "--role", "admin"]);
    assert_eq!(again.status.code(), Some(1), "the name is taken");
    let misplaced = lexivec(&["key", "revoke", arg(dir), id]);
    assert_eq!(misplaced.status.code(), Some(2), "it cannot ask");
    lexivec_ok(&["key", "rotate", arg(dir), id, "--overlap", "1h"]);
    lexivec_ok(&["key", "revoke", arg(dir), &format!("lxv_{id}"), "--yes"]);
    let listed = lexivec_ok(&["key", "list", arg(dir)]);
    assert!(listed.contains("revoked") && listed.contains("live"), "{listed}");
    assert!(!listed.contains(&secret[..8]), "{listed}");

    let list = ["audit", "list", arg(dir), "--json"];
    let page: Value = serde_json::from_str(&lexivec_ok(&list)).expect("JSON");
    let entries = page["entries"].as_array().expect("entries");
    let actions: Vec<_> = entries.iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["key.revoke", "key.rotate", "key.create"]);
    assert!(entries.iter().all(|entry| entry["user_id"] == "cli"));
    assert_eq!(lexivec_ok(&["audit", "verify", arg(dir)]), "3 entries, intact\n");
    let log = dir.join(".access/audit.jsonl");
    let text = std::fs::read_to_string(&log).expect("read");
    std::fs::write(&log, text.replacen("reader", "writer", 1)).expect("changed");
    let verified = lexivec(&["audit", "verify", arg(dir)]);
    assert_eq!(verified.status.code(), Some(1));
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let refused = lexivec(&["audit", "list", arg(dir)]);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("chmod 600"), "{words}");
}

#[test]
fn keys_are_not_put_next_to_other_files_and_reading_makes_no_file() {
    let scratch = tempfile::tempdir().expect("a directory");
    std::fs::write(scratch.path().join("notes.txt"), "x").expect("written");
    let dir = arg(scratch.path());
    assert_eq!(lexivec(&["key", "create", dir, "a", "--role", "admin"]).status.code(), Some(1));
    for read in [&["key", "list", dir][..], &["audit", "list", dir], &["audit", "verify", dir]] {
        lexivec_ok(read);
    }
    assert!(!scratch.path().join(".access").exists());
    let missing = scratch.path().join("none");
    assert_eq!(lexivec(&["key", "list", arg(&missing)]).status.code(), Some(1));
}
