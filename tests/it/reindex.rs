//! Reindexing: a collection with an older analysis says so, and its index is built again whole or not at all.

use std::path::Path;
use std::sync::Arc;

use lexivec::query::request::Mode;
use lexivec::storage::{CrashPolicy, FaultyVfs, MemoryVfs};
use lexivec::{
    Collection, Document, Filter, OpenOptions, Options, RewriteOptions, SearchRequest, VerifyLevel,
};
use serde_json::Value;

use crate::http::Running;
use crate::{arg, lexivec, lexivec_ok};

/// The fixtures of formats whose collections have the first version of analysis.
const OLD: [&str; 7] = ["1-0", "1-1", "1-2", "1-3", "1-4", "1-5", "1-6"];

fn fixture(format: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/format-v{format}"))
}

/// A fixture in memory.
fn image(format: &str) -> MemoryVfs {
    let files = std::fs::read_dir(fixture(format)).expect("listed").map(|file| {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(&path).expect("read"))
    });
    MemoryVfs::with_files(files)
}

/// A fixture in a directory.
fn copied(format: &str, dir: &Path) {
    std::fs::create_dir(dir).expect("made");
    for file in std::fs::read_dir(fixture(format)).expect("listed") {
        let path = file.expect("a file").path();
        std::fs::copy(&path, dir.join(path.file_name().expect("a name"))).expect("copied");
    }
}

fn foreground() -> OpenOptions {
    OpenOptions::new().background(false).reserve_bytes(0)
}

fn options() -> RewriteOptions<'static> {
    let mut options = RewriteOptions::default();
    options.open = foreground();
    options
}

fn rows(collection: &Collection) -> Vec<Document> {
    let page = collection.scroll(&Filter::All, None, 10_000).expect("rows");
    assert!(page.next.is_none() && !page.documents.is_empty());
    page.documents
}

fn version(collection: &Collection) -> u32 {
    let versions: Vec<u32> =
        collection.schema().text.iter().map(|field| field.analyzer.version).collect();
    assert!(versions.iter().all(|version| *version == versions[0]), "{versions:?}");
    versions[0]
}

#[test]
fn an_index_that_is_built_again_is_that_of_a_new_collection() {
    for format in OLD {
        let disk: Arc<_> = Arc::new(image(format));
        let old = Collection::open_read_only(disk.clone()).expect("opened");
        let (before, profiles) = (rows(&old), old.profiles());
        assert!(old.stats().expect("stats").old_analysis.is_some(), "{format}");
        let report = Collection::reindex(disk.clone(), &options()).expect("reindexed");
        assert_eq!(report.rows, before.len() as u64, "{format}");
        let again = Collection::reindex(disk.clone(), &options()).expect("nothing to do");
        assert_eq!((again.rows, again.generation), (0, report.generation), "{format}");

        let new = Collection::open_read_only(disk.clone()).expect("opened");
        assert_eq!((version(&old), version(&new)), (1, 2), "{format}");
        assert_eq!(new.stats().expect("stats").old_analysis, None, "{format}");
        assert_eq!((rows(&new), new.profiles()), (before.clone(), profiles), "{format}");
        let schema = new.schema();
        let fresh = Options::new().text_fields(schema.text.clone()).bm25(schema.bm25);
        let fresh = fresh.join_text(schema.join_text).open(foreground());
        let fresh = Collection::in_memory(fresh).expect("made");
        let texts = before.iter().map(|d| {
            let text = d.text.clone();
            Document { text, ..Document::new(d.id.clone()) }
        });
        fresh.upsert(texts.collect::<Vec<_>>()).expect("written");
        let words: Vec<&str> =
            before.iter().flat_map(|d| d.text.values()).map(String::as_str).collect();
        for words in words.iter().take(20) {
            let mut request = SearchRequest::text(*words).mode(Mode::Text).limit(30).explain();
            request.with_payload = false;
            let hits = |of: &Collection| of.search(&request).expect("an answer").hits;
            assert_eq!(hits(&new), hits(&fresh), "{format}: {words}");
        }
        drop((old, new));
        let report = Collection::verify(disk, VerifyLevel::Deep).expect("verified");
        assert!(report.is_sound() && report.orphans.is_empty(), "{format}: {report:?}");
    }
}

#[test]
fn a_crash_at_any_moment_leaves_the_old_index_or_the_new_one() {
    let disk = FaultyVfs::over(&image("1-6"));
    let before = disk.ops();
    let report = Collection::reindex(Arc::new(disk.clone()), &options()).expect("reindexed");
    let after = disk.ops();
    let (mut old, mut new) = (0, 0);
    for cut in before..=after {
        for (policy, seed) in
            [(CrashPolicy::DropUnsynced, 0), (CrashPolicy::KeepAll, 0), (CrashPolicy::Torn, 1)]
        {
            let image: Arc<_> = Arc::new(disk.crash_image(cut, policy, seed));
            let opened = foreground().open(image.clone()).expect("opened");
            assert_eq!(rows(&opened).len() as u64, report.rows);
            match version(&opened) {
                1 if cut < after => old += 1,
                2 if cut > before => new += 1,
                other => panic!("{other} after {cut} of {before}..{after}, {policy:?}"),
            }
            drop(opened);
            let report = Collection::verify(image, VerifyLevel::Deep).expect("verified");
            assert!(report.is_sound(), "{report:?}");
        }
    }
    assert!(old > 10 && new >= 3, "{old} {new}");
}

#[test]
fn an_old_collection_says_how_it_gets_the_new_words() {
    let scratch = tempfile::tempdir().expect("a directory");
    let name = Collection::open_read_only(fixture("1-1")).expect("opened").schema().name.clone();
    let dir = scratch.path().join(&name);
    copied("1-1", &dir);
    let printed = lexivec_ok(&["stats", arg(&dir)]);
    assert!(printed.contains("analysis 1") && printed.contains("lexivec reindex"), "{printed}");
    let server = Running::start(scratch.path());
    let (_, stats) = server.json("GET", &format!("/v1/collections/{name}"), &Value::Null);
    let said = stats["old_analysis"].as_str().unwrap_or_default();
    assert!(said.contains("lexivec reindex"), "{stats}");
    // The server has the lock.
    let refused = lexivec(&["reindex", arg(&dir)]);
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && error.contains("process"), "{error}");
    drop(server);
    lexivec_ok(&["reindex", arg(&dir)]);
    let printed = lexivec_ok(&["stats", arg(&dir)]);
    assert!(!printed.contains("analysis 1"), "{printed}");
}
