//! Re-embedding: new vectors for all rows or old ones for all, whatever fails on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lexivec::model::Embedder;
use lexivec::query::request::ConfidenceFloor;
use lexivec::query::request::Leg;
use lexivec::storage::{CrashPolicy, FaultyVfs, Vfs};
use lexivec::{
    Collection, Document, Error, Filter, OpenOptions, Options, Profile, RewriteOptions,
    SearchRequest, VerifyLevel, WriteOptions,
};

use crate::embedder::{TABLE, model};
use crate::{arg, lexivec, lexivec_ok};

/// A model whose vectors count letters; two sizes are two models.
struct Letters {
    hash: String,
    dim: usize,
    /// Makes other vectors than its hash stands for.
    strange: bool,
}

impl Letters {
    fn new(dim: usize) -> Arc<Self> {
        Arc::new(Self { hash: format!("{dim:032x}"), dim, strange: false })
    }
}

impl Embedder for Letters {
    fn name(&self) -> &str {
        "letters"
    }

    fn hash(&self) -> &str {
        &self.hash
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, texts: &[&str]) -> lexivec::Result<Vec<Option<Vec<f32>>>> {
        let one = |text: &&str| {
            let mut vector = vec![0.0; self.dim];
            for letter in text.bytes().filter(u8::is_ascii_lowercase) {
                vector[(usize::from(letter) + usize::from(self.strange)) % self.dim] += 1.0;
            }
            vector.iter().any(|&x| x > 0.0).then_some(vector)
        };
        Ok(texts.iter().map(one).collect())
    }
}

const WORDS: [&str; 6] = ["wing", "heat", "flow", "shock", "cone", "plate"];

/// Rows in several segments, some replaced and deleted, one without words.
fn fill(collection: &Collection) {
    let row = |i: usize, word: &str| {
        Document::new(format!("r{i}")).text(format!("{word} {}", WORDS[i % 6]))
    };
    for (part, word) in WORDS.iter().enumerate().take(3) {
        let rows = (part * 20..part * 20 + 20).map(|i| row(i, word));
        collection.upsert(rows).expect("written");
        collection.flush().expect("flushed");
    }
    collection.upsert(vec![row(3, "plate"), Document::new("none")]).expect("written");
    collection.delete(&["r7"]).expect("deleted");
}

fn foreground() -> OpenOptions {
    OpenOptions::new().background(false).reserve_bytes(0)
}

/// A disk with such a collection, and its re-embedding.
fn filled() -> (FaultyVfs, RewriteOptions<'static>) {
    let disk = FaultyVfs::new();
    let options = Options::new().embedder(Letters::new(5)).open(foreground());
    let collection = Collection::create(Arc::new(disk.clone()), options).expect("created");
    fill(&collection);
    collection.flush().expect("flushed");
    drop(collection);
    let mut options = RewriteOptions::default();
    options.open = foreground();
    (disk, options)
}

/// The components of all vectors, which are those of one model.
fn dim(collection: &Collection) -> usize {
    let page = collection.scroll(&Filter::All, None, 100).expect("rows");
    assert_eq!(page.documents.len(), 60);
    let dims: Vec<usize> =
        page.documents.iter().filter_map(|d| Some(d.vectors.get("vector")?.len())).collect();
    assert!(dims.len() == 59 && dims.iter().all(|&dim| dim == dims[0]), "{dims:?}");
    assert_eq!(collection.schema().vectors[0].dim, dims[0]);
    dims[0]
}

#[test]
fn a_crash_at_any_moment_leaves_the_old_vectors_or_the_new_ones() {
    let (disk, options) = filled();
    let before = disk.ops();
    let report = Collection::reembed(Arc::new(disk.clone()), Letters::new(9), &options);
    let report = report.expect("embedded");
    let after = disk.ops();
    assert_eq!((report.rows, report.without_vector), (60, 1));
    let (mut old, mut new) = (0, 0);
    for cut in before..=after {
        for (policy, seed) in [
            (CrashPolicy::DropUnsynced, 0),
            (CrashPolicy::KeepAll, 0),
            (CrashPolicy::Torn, 1),
            (CrashPolicy::Random, 2),
        ] {
            let image: Arc<_> = Arc::new(disk.crash_image(cut, policy, seed));
            let opened = foreground().open(image.clone()).expect("opened");
            match dim(&opened) {
                5 if cut < after => old += 1,
                9 if cut > before => new += 1,
                other => panic!("{other} after {cut} of {before}..{after}, {policy:?}"),
            }
            // What is there goes on, with its own model.
            let model = Letters::new(dim(&opened));
            let opened = opened.with_embedder(model).expect("its model");
            let found = opened.search(&SearchRequest::text("wing")).expect("an answer");
            assert!(!found.hits.is_empty());
            drop(opened);
            let report = Collection::verify(image, VerifyLevel::Full).expect("verified");
            assert!(report.is_sound(), "{report:?}");
        }
    }
    assert!(old > 20 && new >= 4, "{old} {new}");
}

#[test]
fn a_full_disk_at_any_moment_leaves_a_collection_that_opens() {
    let (disk, options) = filled();
    let (start, mut old, mut new) = (disk.ops(), 0, 0);
    let image = || FaultyVfs::over(&disk.crash_image(start, CrashPolicy::KeepAll, 0));
    let used: u64 = image().list().expect("listed").iter().map(|file| file.len).sum();
    for room in (0..60_000).step_by(1_000) {
        let image = Arc::new(image());
        image.limit(Some(used + room));
        let made = Collection::reembed(image.clone(), Letters::new(9), &options);
        image.limit(None);
        let opened = foreground().open(image).expect("opened");
        match (dim(&opened), made.is_ok()) {
            (5, false) => old += 1,
            (9, true) => new += 1,
            other => panic!("{other:?} with {room} bytes of room"),
        }
    }
    assert!(old > 3 && new > 3, "{old} {new}");
}

#[test]
fn new_vectors_are_those_of_a_collection_made_with_the_model() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, other) = (scratch.path().join("c"), scratch.path().join("d"));
    for (dir, model) in [(&dir, Letters::new(5)), (&other, Letters::new(9))] {
        let options = Options::new().embedder(model).open(foreground());
        let collection = Collection::create(dir, options).expect("made");
        fill(&collection);
        let floor = Some(ConfidenceFloor { leg: Leg::Vector, score: 0.5 });
        let profile = Profile { floor, ..Profile::default() };
        collection.set_profile("floored", profile).expect("set");
    }
    let reader = Collection::open_read_only(&dir).expect("opened");
    let writer = Collection::open(&dir).expect("opened");
    let options = RewriteOptions::default();
    Collection::reembed(&dir, Letters::new(9), &options).expect_err("a writer has it open");
    drop(writer);
    // Cancelled: no row has changed, and no file is left.
    let cancelled = AtomicBool::new(false);
    let mut ending = RewriteOptions::default();
    let end = |_, _, _| cancelled.store(true, Ordering::Relaxed);
    (ending.progress, ending.cancelled) = (&end, &cancelled);
    let error = Collection::reembed(&dir, Letters::new(9), &ending).expect_err("ended");
    assert!(matches!(error, Error::Cancelled), "{error}");
    let report = Collection::verify(&dir, VerifyLevel::Full).expect("verified");
    assert!(report.is_sound() && report.orphans.is_empty(), "{report:?}");
    assert_eq!(dim(&Collection::open_read_only(&dir).expect("opened")), 5);

    let report = Collection::reembed(&dir, Letters::new(9), &options).expect("embedded");
    assert_eq!((report.rows, report.floors.as_slice()), (60, &["floored".to_owned()][..]));
    let again = Collection::reembed(&dir, Letters::new(9), &options).expect("nothing to do");
    assert_eq!((again.rows, again.generation), (0, report.generation));
    let open = |dir| {
        let opened = Collection::open_read_only(dir).expect("opened");
        opened.with_embedder(Letters::new(9)).expect("the model")
    };
    for words in WORDS {
        let request = SearchRequest::text(words).limit(60);
        let (one, two) = (open(&dir).search(&request), open(&other).search(&request));
        assert_eq!(one.expect("an answer").hits, two.expect("an answer").hits, "{words}");
    }
    // A reader that has the old vectors open keeps them, and its next refresh reports the change.
    assert_eq!(dim(&reader), 5);
    let error = reader.refresh().expect_err("another model").to_string();
    assert!(error.contains("re-embedded"), "{error}");
    let error = Collection::open(&dir).expect("opened").with_embedder(Letters::new(5));
    assert!(error.expect_err("another model").to_string().contains("reembed"));
}

#[test]
fn a_model_with_other_vectors_than_recorded_is_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("c");
    drop(Collection::create(&dir, Options::new().embedder(Letters::new(5))).expect("made"));
    let strange = Letters { hash: format!("{:032x}", 5), dim: 5, strange: true };
    let error = Collection::open(&dir).expect("opened").with_embedder(Arc::new(strange));
    let error = error.expect_err("refused").to_string();
    assert!(error.contains("makes other vectors than it made then"), "{error}");
    Collection::open(&dir).expect("opened").with_embedder(Letters::new(5)).expect("its own");
    // What the error says to do helps.
    let strange = || Arc::new(Letters { hash: format!("{:032x}", 5), dim: 5, strange: true });
    let filled = Collection::open(&dir).expect("opened").with_embedder(Letters::new(5));
    filled.expect("its own").upsert(vec![Document::new("a").text("wing")]).expect("written");
    let report = Collection::reembed(&dir, strange(), &RewriteOptions::default());
    assert_eq!(report.expect("embedded").rows, 1);
    Collection::open(&dir).expect("opened").with_embedder(strange()).expect("its own now");
    Collection::open(&dir).expect("opened").with_embedder(Letters::new(5)).expect_err("another");
    let plain = scratch.path().join("plain");
    drop(Collection::create(&plain, Options::new()).expect("made"));
    let error = Collection::reembed(&plain, Letters::new(5), &RewriteOptions::default());
    assert!(error.expect_err("no model").to_string().contains("come from its callers"));
}

#[test]
fn a_cancelled_write_ends_while_it_is_embedded() {
    let options = Options::new().embedder(Letters::new(5));
    let collection = Collection::in_memory(options).expect("made");
    let cancelled = AtomicBool::new(false);
    let end = |_, _, _| cancelled.store(true, Ordering::Relaxed);
    let row = |i: usize| Document::new(format!("r{i}")).text("wing");
    let rows: Vec<Document> = (0..3_000).map(row).collect();
    let write = |options| collection.writer(options).upsert(rows.clone());
    let error = write(WriteOptions::new().progress(&end).cancelled(&cancelled));
    assert!(matches!(error, Err(Error::Cancelled)), "{error:?}");
    assert_eq!(collection.count(&Filter::All).expect("counted"), 0);
    assert_eq!(write(WriteOptions::new()).expect("written").written, 3_000);
}

#[test]
fn the_command_reembeds() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, folders) = (scratch.path().join("c"), ["one", "two"].map(|n| scratch.path().join(n)));
    let mut other = TABLE;
    other.swap(0, 1);
    for (folder, table) in folders.iter().zip([&TABLE, &other]) {
        std::fs::create_dir(folder).expect("made");
        model(folder, table);
    }
    let docs = scratch.path().join("docs.jsonl");
    std::fs::write(&docs, "{\"id\": \"w\", \"text\": \"wing\"}\n").expect("written");
    let (first, second) = (arg(&folders[0]), arg(&folders[1]));
    lexivec_ok(&["ingest", arg(&dir), "--jsonl", arg(&docs), "--model", first]);
    let refused = lexivec(&["search", arg(&dir), "wing", "--model", second]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("lexivec reembed"), "{refused:?}");
    assert_eq!(lexivec(&["reembed", arg(&dir)]).status.code(), Some(2));
    let stdout = lexivec_ok(&["reembed", arg(&dir), "--model", second, "--json"]);
    assert!(stdout.contains("\"rows\":1"), "{stdout}");
    lexivec_ok(&["search", arg(&dir), "wing", "--model", second]);
    let stored = Collection::open_read_only(&dir).expect("opened").get("w").expect("read");
    assert_eq!(stored.expect("a row").vectors["vector"], [0.0, 1.0]);
}
