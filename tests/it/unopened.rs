//! A database with collections that cannot be opened: the others are served.

use std::path::{Path, PathBuf};

use lexivec::{Database, DatabaseOptions, Document, Options};
use serde_json::json;

use crate::http::Running;

/// A database with collections of these names; the directory of each.
fn database(root: &Path, names: &[&str]) -> Vec<PathBuf> {
    let database = Database::open(root).expect("opened");
    let made = |name: &&str| {
        let collection = database.create(name, Options::new()).expect("created");
        collection.upsert([Document::new("a").text("wing")]).expect("written");
        collection.flush().expect("flushed");
        database.path_of(name).expect("there")
    };
    names.iter().map(made).collect()
}

/// The files of a directory whose names begin so.
pub(crate) fn files(directory: &Path, start: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("listed").map(|entry| entry.expect("one"));
    let wanted = entries.filter(|e| e.file_name().to_string_lossy().starts_with(start));
    let found: Vec<PathBuf> = wanted.map(|entry| entry.path()).collect();
    assert!(!found.is_empty(), "{start} in {}", directory.display());
    found
}

#[test]
fn damaged_collections_keep_no_other_from_being_served() {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().join("root");
    let paths = database(&root, &["sound", "torn", "unnamed"]);
    for segment in files(&paths[1], "segment-") {
        std::fs::remove_file(segment).expect("removed");
    }
    for manifest in files(&paths[2], "MANIFEST-") {
        let mut bytes = std::fs::read(&manifest).expect("read");
        bytes.iter_mut().for_each(|byte| *byte ^= 1);
        std::fs::remove_file(&manifest).expect("removed");
        std::fs::write(&manifest, bytes).expect("written");
    }
    let refused = Database::open(&root).expect_err("one is damaged").to_string();
    let named = |path: &PathBuf| refused.contains(&path.display().to_string());
    assert!(named(&paths[1]) || named(&paths[2]), "{refused}");
    let options = DatabaseOptions::new().leave_out_unopened(true);
    let opened = options.clone().open(&root).expect("the sound one is there");
    assert_eq!((opened.names(), opened.unopened().len()), (vec!["sound".to_owned()], 2));
    drop(opened);

    let server = Running::start(&root);
    for path in ["/healthz", "/v1/collections"] {
        let answer = server.json("GET", path, &json!(null)).1;
        let unopened = answer["unopened"].as_array().expect("a list");
        let of = |path: &PathBuf| {
            let directory = path.file_name().expect("a name").to_string_lossy();
            unopened.iter().find(|u| u["directory"] == *directory).expect("listed")
        };
        assert_eq!((unopened.len(), &of(&paths[1])["name"]), (2, &json!("torn")), "{answer}");
        assert!(of(&paths[2]).get("name").is_none(), "{answer}");
        for path in &paths[1..] {
            let reason = of(path)["reason"].as_str().expect("a reason");
            assert!(
                !reason.is_empty() && !reason.contains(root.to_str().expect("UTF-8")),
                "{reason}"
            );
        }
    }
    let search = |name: &str| {
        let path = format!("/v1/collections/{name}/search");
        server.json("POST", &path, &json!({"text": "wing"}))
    };
    assert_eq!(search("sound").1["hits"][0]["id"], "a");
    let (status, problem) = search("torn");
    assert_eq!((status, &problem["code"]), (503, &json!("collection_not_open")), "{problem}");
    assert_eq!(search("none").0, 404);
    // Its name is not given to another, so that it can be repaired.
    assert_eq!(server.json("PUT", "/v1/collections/torn", &json!({})).0, 409);
    drop(server);

    std::fs::remove_dir_all(&paths[0]).expect("removed");
    options.open(&root).expect_err("none can be opened");
}
