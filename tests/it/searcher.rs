//! The searcher: one read view, which can be cloned, sent and kept, and never changes.

use lexivec::query::request::Highlight;
use lexivec::schema::{Analyzer, Language, TextField};
use lexivec::{
    Collection, CompactOptions, Document, Filter, Metric, Options, SearchRequest, Searcher,
};
use lexivec_tests::Random;

const DIM: usize = 4;

fn options() -> Options {
    Options::new().vector(DIM, Metric::Cosine)
}

fn rows(random: &mut Random, ids: std::ops::Range<usize>, word: &str) -> Vec<Document> {
    let row = |id| {
        let row = Document::new(format!("r{id:03}")).text(format!("wing {word}"));
        row.vector(random.vector(DIM)).payload("n", id % 5)
    };
    ids.map(row).collect()
}

/// A searcher can be cloned and sent to any thread, and borrows nothing.
const fn is_a_view<T: Clone + Send + Sync + 'static>() {}
const _: () = is_a_view::<Searcher>();
const _: () = is_a_view::<Collection>();

#[test]
fn a_searcher_answers_from_one_generation_and_outlives_the_collection() {
    let mut random = Random(3);
    let scratch = tempfile::tempdir().expect("a directory");
    let collection = Collection::create(scratch.path(), options()).expect("created");
    collection.upsert(rows(&mut random, 0..60, "flow")).expect("written");
    collection.flush().expect("flushed");
    collection.upsert(rows(&mut random, 60..80, "flow")).expect("written");
    let searcher = collection.searcher().expect("a searcher");
    let mut request = SearchRequest::hybrid("flow", random.vector(DIM)).limit(20).facet("n", 9);
    request.highlight = Some(Highlight::default());
    let seen = |searcher: &Searcher| {
        let answer = searcher.search(&request).expect("an answer");
        let scrolled = searcher.scroll(&Filter::All, None, 100).expect("rows");
        let counted = searcher.count(&Filter::All).expect("a count");
        (answer, scrolled, counted, searcher.get("r007").expect("read"))
    };
    let before = seen(&searcher);
    assert_eq!((before.2, searcher.seq()), (80, before.0.seq));
    collection.upsert(rows(&mut random, 0..30, "heat")).expect("written");
    collection.delete(&["r007", "r070"]).expect("deleted");
    collection.flush().expect("flushed");
    collection.compact(CompactOptions::new()).expect("compacted");
    assert_eq!(seen(&searcher), before);
    assert_ne!(seen(&collection.searcher().expect("a searcher")), before);
    drop(collection);
    let clone = searcher.clone();
    let elsewhere = std::thread::spawn(move || clone.search(&request).expect("an answer"));
    assert_eq!(elsewhere.join().expect("joined"), before.0);
    let mut explained = searcher.explain(&SearchRequest::text("flow")).expect("an answer");
    assert!(explained.plan.take().is_some() && !explained.hits[0].ledger.terms.is_empty());
}

#[test]
fn a_collection_is_opened_or_created_and_its_clones_are_one() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("c");
    let collection = Collection::open_or_create(&dir, options()).expect("created");
    let clone = collection.clone();
    collection.upsert(vec![Document::new("a").text("wing")]).expect("written");
    assert_eq!(clone.count(&Filter::All).expect("a count"), 1);
    let shown = format!("{clone:?}");
    assert!(shown.contains("documents") && shown.contains("read_only: false"), "{shown}");
    drop(collection);
    // The lock is held as long as one clone is there.
    Collection::open(&dir).expect_err("it is open");
    drop(clone);
    let again = Collection::open_or_create(&dir, options()).expect("opened");
    assert_eq!(again.count(&Filter::All).expect("a count"), 1);
    drop(again);
    let german = Analyzer { language: Language::German, stop_words: false, ..Analyzer::default() };
    let field = |name: &str| TextField::new(name).analyzer(german.clone());
    for (other, difference) in [
        (
            Options::new().vector(DIM + 1, Metric::Cosine),
            "its vector fields are vector (4 components, cosine), and the options have vector (5 components, cosine)",
        ),
        (
            Options::new().vector(DIM, Metric::Dot),
            "vector (4 components, cosine), and the options have vector (4 components, dot)",
        ),
        (
            options().text_fields(vec![field("title"), field("text")]),
            "the options have title (german, with stop words), text (german, with stop words)",
        ),
        (options().join_text(false), "searched as one, and the options say each by itself"),
        (
            options().tokens(8),
            "its token fields are none, and the options have tokens (8 components)",
        ),
    ] {
        let error = Collection::open_or_create(&dir, other).expect_err(difference).to_string();
        assert!(error.contains(difference), "{error}");
    }
}
