//! A directory of collections as a program uses it: names, drops, limits, and what a crash leaves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lexivec::model::Embedder;
use lexivec::storage::{Directory, DiskVfs};
use lexivec::{
    Collection, Database, DatabaseOptions, Document, Error, ErrorKind, Metric, OpenOptions,
    Options, SearchRequest, Snapshot,
};

/// A model of little use: a vector is the length of the text.
struct Lengths(String);

impl Embedder for Lengths {
    fn name(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> &str {
        "6c656e67746873000000000000000000"
    }

    fn dim(&self) -> usize {
        2
    }

    fn embed(&self, texts: &[&str]) -> lexivec::Result<Vec<Option<Vec<f32>>>> {
        Ok(texts.iter().map(|text| Some(vec![text.len() as f32, 1.0])).collect())
    }
}

fn open(path: &Path) -> Database {
    let foreground = OpenOptions::new().background(false);
    DatabaseOptions::new().open_options(foreground).open(path).expect("opened")
}

fn refused(path: &Path) -> Error {
    Database::open(path).expect_err("refused")
}

fn fill(collection: &Collection) {
    let row = |i: usize| Document::new(i.to_string()).text("wing");
    collection.upsert((0..9).map(row)).expect("written");
}

fn hits(collection: &Collection) -> usize {
    collection.search(&SearchRequest::text("wing")).expect("an answer").hits.len()
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).expect("listed");
    entries.map(|e| e.expect("an entry").path()).filter(|path| path.is_dir()).collect()
}

/// The contents of an empty directory.
const NONE: [PathBuf; 0] = [];

/// A collection of this name in a directory that was named by hand.
fn by_hand(path: PathBuf, name: &str) -> PathBuf {
    drop(Collection::create(&path, Options::new().name(name)).expect("made"));
    path
}

#[test]
fn collections_are_created_found_listed_and_dropped() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = scratch.path().join("deep").join("database");
    let database = open(&path);
    assert_eq!((database.path(), database.names()), (path.as_path(), vec![]));
    for name in ["papers", "courses"] {
        // The name given to `create` is the collection's, whatever the options say.
        let made = database.create(name, Options::new().name("other")).expect("made");
        assert_eq!(made.schema().name, name);
        fill(&made);
    }
    assert_eq!(database.names(), ["courses", "papers"]);
    assert_eq!(
        format!("{database:?}"),
        format!("Database {{ path: {path:?}, names: [\"courses\", \"papers\"] }}")
    );
    let listed: Vec<_> = database.list().iter().map(|c| c.schema().name.clone()).collect();
    assert_eq!(listed, database.names());
    assert!(database.path_of("papers").expect("there").starts_with(&path));
    drop(database);

    let database = open(&path);
    assert_eq!(database.get("papers").map(|c| hits(&c)).expect("there"), 9);
    database.drop_collection("papers").expect("dropped");
    assert_eq!(database.names(), ["courses"]);
    for missing in [database.get("papers").err(), database.drop_collection("papers").err()] {
        let error = missing.expect("refused");
        assert!(matches!(&error, Error::NoCollection { name } if name == "papers"), "{error}");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    assert_eq!(folders(&path).len(), 1);
    // The name is free again.
    assert_eq!(hits(&database.create("papers", Options::new()).expect("made")), 0);
}

#[test]
fn a_name_belongs_to_one_collection_and_is_no_path() {
    let scratch = tempfile::tempdir().expect("a directory");
    let database = open(scratch.path());
    database.create("papers", Options::new()).expect("made");
    let twice = database.create("papers", Options::new()).expect_err("refused");
    assert!(matches!(&twice, Error::CollectionExists { name } if name == "papers"), "{twice}");
    assert_eq!(twice.kind(), ErrorKind::AlreadyExists);
    // Names that differ by case alone cannot both be there, as none has a capital letter.
    for name in ["Papers", "PAPERS", "", ".", "..", "../papers", "a/b", "päpers", "-a", "a\0b"] {
        let error = database.create(name, Options::new()).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{name:?}: {error}");
        assert!(error.to_string().contains("a-z, 0-9"), "{error}");
    }
    assert_eq!(folders(scratch.path()).len(), 1);
    let folder = &folders(scratch.path())[0];
    assert!(!folder.display().to_string().contains("papers"), "{}", folder.display());
}

#[test]
fn two_collections_of_one_name_or_of_one_by_case_are_not_opened() {
    let scratch = tempfile::tempdir().expect("a directory");
    by_hand(scratch.path().join("Here"), "papers");
    assert_eq!(open(scratch.path()).names(), ["papers"], "a folder may have any name");
    let second = by_hand(scratch.path().join("there"), "papers");
    let error = refused(scratch.path());
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    for part in ["\"papers\"", "Here", "there"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // Nothing stays open: the collections can be opened by themselves.
    drop(Collection::open(&second).expect("opened"));
    std::fs::remove_dir_all(second).expect("removed");

    // No handle makes such a collection, so its manifest is written by hand.
    let vfs = DiskVfs::create_root(&scratch.path().join("shouting")).expect("made");
    let collection = open(scratch.path()).get("papers").expect("there");
    let schema = serde_json::to_string(collection.schema()).expect("JSON");
    let shouting = schema.replace("\"papers\"", "\"PAPERS\"");
    assert_ne!(schema, shouting);
    drop((collection, Directory::create(Arc::new(vfs), shouting.into()).expect("made")));
    let error = refused(scratch.path());
    assert!(matches!(&error, Error::Open { path, .. } if path.ends_with("shouting")), "{error}");
    assert!(error.to_string().contains("\"PAPERS\" is refused"), "{error}");
}

#[test]
fn a_dropped_collection_serves_its_open_handles() {
    let scratch = tempfile::tempdir().expect("a directory");
    let database = open(scratch.path());
    let collection = database.create("papers", Options::new()).expect("made");
    fill(&collection);
    collection.flush().expect("flushed");
    let cursor = collection.cursor(&SearchRequest::text("wing"), 9).expect("a cursor");
    database.drop_collection("papers").expect("dropped");
    assert_eq!(folders(scratch.path()), NONE);
    let again = database.create("papers", Options::new()).expect("made");
    assert_eq!((hits(&collection), hits(&again)), (9, 0));
    assert_eq!(cursor.page(0, 9).expect("a page").hits.len(), 9);
    // Feedback would make the directory again.
    drop(again);
    database.drop_collection("papers").expect("dropped");
    let mut feedback = lexivec::Feedback::default();
    (feedback.vector, feedback.relevant) = (Some(vec![1.0]), vec!["1".to_owned()]);
    let vectors = database.create("vectors", Options::new().vector(1, Metric::Cosine));
    let vectors = vectors.expect("made");
    database.drop_collection("vectors").expect("dropped");
    let error = vectors.add_feedback(&[feedback]).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(folders(scratch.path()), NONE);
}

#[test]
fn a_failed_creation_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().expect("a directory");
    let database = open(scratch.path());
    // The first manifest is refused, when the directory and its lock are there.
    let model = Arc::new(Lengths("x".repeat(2 << 20)));
    let options = Options::new().vector(2, Metric::Cosine).embedder(model);
    let error = database.create("papers", options).expect_err("its schema is too long");
    assert!(error.to_string().contains("a schema of"), "{error}");
    assert_eq!((folders(scratch.path()), database.names().len()), (NONE.to_vec(), 0));
}

#[test]
fn snapshots_go_only_if_they_may() {
    let scratch = tempfile::tempdir().expect("a directory");
    let database = open(scratch.path());
    let collection = database.create("papers", Options::new()).expect("made");
    collection.snapshot("first").expect("taken");
    let error = database.drop_collection("papers").expect_err("refused");
    assert!(
        matches!(&error, Error::HasSnapshots { name, count: 1 } if name == "papers"),
        "{error}"
    );
    assert_eq!((error.kind(), database.names().len()), (ErrorKind::Conflict, 1));
    // A damaged one hides no other, and still is one.
    collection.snapshot("second").expect("taken");
    let path = database.path_of("papers").expect("there");
    let damaged = Snapshot::path(&path, "first").expect("a path");
    for entry in std::fs::read_dir(&damaged).expect("listed") {
        let file = entry.expect("an entry").path();
        if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("MANIFEST")) {
            std::fs::remove_file(&file).expect("removed");
            std::fs::write(&file, "no manifest").expect("written");
        }
    }
    let found = Snapshot::list(&path).expect("listed");
    assert_eq!(found.snapshots.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["second"]);
    let [damaged] = &found.damaged[..] else { panic!("{found:?}") };
    assert!(damaged.name == "first" && damaged.reason.contains("MANIFEST"), "{damaged:?}");
    let error = database.drop_collection("papers").expect_err("refused");
    assert!(matches!(&error, Error::HasSnapshots { count: 2, .. }), "{error}");
    database.drop_with_snapshots("papers").expect("dropped");
    assert_eq!(folders(scratch.path()), NONE);
}

#[test]
fn a_sweep_removes_what_an_interrupted_drop_left_and_nothing_else() {
    let scratch = tempfile::tempdir().expect("a directory");
    let database = open(scratch.path());
    let collection = database.create("papers", Options::new()).expect("made");
    fill(&collection);
    let path = database.path_of("papers").expect("there");
    drop((collection, database));
    // A drop that was interrupted after its first step.
    let half_removed = || {
        let removed = PathBuf::from(format!("{}.removed", path.display()));
        if path.exists() {
            std::fs::rename(&path, &removed).expect("renamed");
        } else {
            std::fs::create_dir(&removed).expect("made");
        }
        removed
    };
    let foreign = scratch.path().join("notes.removed");
    std::fs::create_dir(&foreign).expect("made");
    half_removed();
    let database = open(scratch.path());
    assert_eq!((database.names(), folders(scratch.path())), (vec![], vec![foreign.clone()]));
    let removed = half_removed();
    assert!(removed.exists());
    database.sweep().expect("swept");
    assert_eq!(folders(scratch.path()), [foreign]);
}

#[test]
fn one_collections_directory_is_a_database_of_it_alone() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = by_hand(scratch.path().join("one"), "papers");
    let database = open(&path);
    assert_eq!(database.names(), ["papers"]);
    assert_eq!(database.path_of("papers").expect("there"), path);
    database.sweep().expect("nothing to sweep");
    for error in [
        database.create("other", Options::new()).err(),
        database.drop_collection("papers").err(),
        database.drop_with_snapshots("papers").err(),
    ] {
        let error = error.expect("refused");
        assert!(matches!(error, Error::SingleCollection { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
    assert!(path.exists());
}

#[test]
fn a_full_database_takes_no_more_and_one_collection_has_one_writer() {
    let scratch = tempfile::tempdir().expect("a directory");
    let database = DatabaseOptions::new().max_collections(1).open(scratch.path()).expect("opened");
    database.create("papers", Options::new()).expect("made");
    let error = database.create("courses", Options::new()).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("there are 1, which is the limit"), "{error}");
    let error = refused(scratch.path());
    assert!(matches!(error, Error::Open { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    database.drop_collection("papers").expect("dropped");
    database.create("courses", Options::new()).expect("made");
}

#[test]
fn a_second_database_is_refused_and_sweeps_nothing() {
    let scratch = tempfile::tempdir().expect("a directory");
    let database = open(scratch.path());
    // A drop that another process has begun.
    let removed = scratch.path().join(format!("{}.removed", "a".repeat(32)));
    std::fs::create_dir(&removed).expect("made");
    let error = refused(scratch.path());
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert!(error.to_string().contains(&format!("in process {}", std::process::id())), "{error}");
    assert!(removed.exists(), "the first database sweeps, no other");
    drop(database);
    assert_eq!(open(scratch.path()).names(), [""; 0]);
    assert!(!removed.exists());
}

#[test]
fn the_model_of_the_options_goes_to_collections_made_with_it() {
    let scratch = tempfile::tempdir().expect("a directory");
    let model: Arc<dyn Embedder> = Arc::new(Lengths("lengths".to_owned()));
    let database = open(scratch.path());
    database.create("with", Options::new().embedder(model.clone())).expect("made");
    database.create("without", Options::new()).expect("made");
    drop(database);
    let database = DatabaseOptions::new().embedder(model).open(scratch.path()).expect("opened");
    let has = |name: &str| database.get(name).expect("there").embedder().is_some();
    assert!(has("with") && !has("without"));
    drop(database);
    let database = open(scratch.path());
    assert!(database.get("with").expect("there").embedder().is_none());
}

#[test]
fn a_database_for_reading_follows_the_one_that_writes() {
    let scratch = tempfile::tempdir().expect("a directory");
    let reading = || DatabaseOptions::new().read_only(true).open(scratch.path());
    let writer = open(scratch.path());
    fill(&writer.create("first", Options::new()).expect("created"));
    let reader = reading().expect("opened next to the writer");
    assert_eq!(
        (reader.names(), hits(&reader.get("first").expect("there"))),
        (vec!["first".to_owned()], 9)
    );
    for refused in [
        reader.create("other", Options::new()).map(drop),
        reader.drop_collection("first"),
        reader.get("first").expect("there").upsert(vec![Document::new("x")]).map(drop),
    ] {
        assert_eq!(refused.expect_err("refused").kind(), ErrorKind::ReadOnly);
    }

    // It shows the moment of its opening until it is refreshed.
    let row = || vec![Document::new("x").text("wing")];
    writer.get("first").expect("there").upsert(row()).expect("written");
    fill(&writer.create("second", Options::new()).expect("created"));
    assert_eq!(hits(&reader.get("first").expect("there")), 9);
    reader.refresh_collection("first").expect("refreshed");
    assert_eq!((reader.names().len(), hits(&reader.get("first").expect("there"))), (1, 10));
    reader.refresh().expect("refreshed");
    assert_eq!(reader.names(), ["first", "second"]);

    // One that is dropped and created again is another one; one that was read goes on.
    let (old, names) = (reader.get("first").expect("there"), reader.names());
    writer.drop_collection("first").expect("dropped");
    reader.refresh_collection("first").expect("refreshed");
    assert!(matches!(reader.get("first"), Err(Error::NoCollection { .. })));
    writer.create("first", Options::new()).expect("created").upsert(row()).expect("written");
    reader.refresh_collection("first").expect("refreshed");
    assert_eq!((reader.names(), hits(&reader.get("first").expect("there"))), (names, 1));
    assert_eq!(hits(&old), 10);

    // It makes no directory.
    let none = scratch.path().join("none");
    assert!(DatabaseOptions::new().read_only(true).open(&none).is_err() && !none.exists());
}
