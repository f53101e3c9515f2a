//! Cursors: pages of one ranked list, while a writer changes everything under them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lexivec::limits::MAX_REACH;
use lexivec::model::{Candidate, RerankQuery, Reranker};
use lexivec::query::request::{Highlight, Mode, Normalize};
use lexivec::{
    Collection, Cursor, Document, Durability, Filter, Fusion, Hit, Metric, OpenOptions, Options,
    Rerank, SearchRequest, SearchResponse,
};
use lexivec_tests::Random;
use serde_json::json;

const DIM: usize = 8;
const ROWS: usize = 240;
const REACH: usize = 60;
const WORDS: [&str; 8] = ["wing", "flow", "heat", "shock", "layer", "mach", "nose", "cone"];

fn words(random: &mut Random, count: usize) -> String {
    let words: Vec<&str> = (0..count).map(|_| WORDS[random.below(WORDS.len())]).collect();
    words.join(" ")
}

/// Few different vectors, so that many scores are equal and the tie rule is asked.
fn signs(random: &mut Random) -> Vec<f32> {
    (0..DIM).map(|_| [-1.0, 1.0][random.below(2)]).collect()
}

fn row(random: &mut Random, id: usize) -> Document {
    let count = random.below(9);
    let row = Document::new(format!("r{id}")).text(words(random, count));
    let row = row.payload("n", random.below(10)).payload("open", random.below(4) > 0);
    if random.below(8) > 0 { row.vector(signs(random)) } else { row }
}

/// Segments of some sizes, and rows that are in none yet.
fn written(dir: &Path) -> Collection {
    let open = OpenOptions::new().background(false);
    let options = Options::new().vector(DIM, Metric::Cosine).durability(Durability::Bulk);
    let options = options.open(open);
    let collection = Collection::create(dir, options).expect("created");
    let mut random = Random(5);
    for batch in (0..ROWS).collect::<Vec<_>>().chunks(70) {
        collection.flush().expect("flushed");
        let rows = batch.iter().map(|&id| row(&mut random, id));
        collection.upsert(rows).expect("written");
    }
    collection
}

/// Writes new rows and others in place of old ones, deletes some, and flushes and compacts in turn.
fn disturb(collection: &Collection, random: &mut Random) {
    let mut ids: Vec<usize> = (0..12).map(|_| random.below(ROWS + 40)).collect();
    ids.sort_unstable();
    ids.dedup();
    let rows: Vec<_> = ids.into_iter().map(|id| row(random, id)).collect();
    collection.upsert(rows).expect("written");
    let deleted: Vec<String> = (0..8).map(|_| format!("r{}", random.below(ROWS + 40))).collect();
    collection.delete(&deleted).expect("deleted");
    match random.below(4) {
        0 => drop(collection.flush().expect("flushed")),
        1 => drop(collection.compact(lexivec::CompactOptions::new()).expect("compacted")),
        _ => {}
    }
}

/// Over fusions and rerankers, with filters, offsets, thresholds and what hits carry in turn.
fn requests() -> Vec<SearchRequest> {
    let weighted = |normalize| Fusion::weighted(0.4, normalize);
    let fusions = [
        Fusion::default(),
        weighted(Normalize::MinMax),
        weighted(Normalize::ZScore),
        Fusion::dbsf(),
    ];
    let reranks = [None, Some(Rerank::mmr(0.5).depth(25)), Some(Rerank::exact().depth(40))];
    let mut random = Random(6);
    let mut requests = Vec::new();
    for fusion in fusions {
        for rerank in reranks.clone() {
            let i = requests.len();
            let mut request = SearchRequest::hybrid(words(&mut random, 3), signs(&mut random));
            request = request.fusion(fusion).offset([0, 3][i % 2]);
            request.rerank = rerank.clone().map(|r| r.budget_ms(60_000));
            (request.with_text, request.explain) = (i % 3 == 0, i % 4 == 1);
            request.highlight = (i % 4 == 2).then(Highlight::default);
            if i % 3 == 1 {
                let filter = Filter::from_json(&json!({"n": {"$lt": 8}})).expect("a filter");
                request = request.filter(filter).facet("n", 5);
            }
            if i % 5 == 4 {
                request = request.score_threshold(if rerank.is_some() { 0.0 } else { 0.01 });
            }
            requests.push(request);
        }
    }
    requests.push(SearchRequest::text("wing heat").mode(Mode::Text));
    requests.push(SearchRequest::vector(signs(&mut random)).mode(Mode::Vector));
    requests
}

/// To the bit: numbers are written so that others are written otherwise.
fn bits(hits: &[Hit]) -> Vec<String> {
    hits.iter().map(|hit| serde_json::to_string(hit).expect("JSON")).collect()
}

fn ids(hits: &[Hit]) -> BTreeSet<&str> {
    hits.iter().map(|hit| hit.id.as_str()).collect()
}

/// Reads pages of all sizes until there is an empty one, and lets `between` happen after each.
fn pages(
    seed: u64,
    mut page: impl FnMut(usize, usize) -> SearchResponse,
    mut between: impl FnMut(),
) -> (Vec<SearchResponse>, Vec<Hit>) {
    let (mut random, mut answers, mut hits) = (Random(seed), Vec::new(), Vec::new());
    loop {
        let limit = 1 + random.below(17);
        let mut answer = page(hits.len(), limit.min(REACH - hits.len()));
        assert!(answer.hits.len() <= limit);
        let read = std::mem::take(&mut answer.hits);
        if read.is_empty() {
            return (answers, hits);
        }
        hits.extend(read);
        answers.push(answer);
        between();
    }
}

#[test]
fn pages_are_one_answer_whatever_is_written_between_them() {
    let scratch = tempfile::tempdir().expect("a directory");
    let collection = written(&scratch.path().join("c"));
    let (mut random, mut turn, mut many) = (Random(7), 0, 0);
    for request in requests() {
        let mut whole = collection.search(&request.clone().limit(REACH)).expect("an answer");
        let mut cursor = collection.cursor(&request, REACH).expect("a cursor");
        assert_eq!((cursor.rows(), cursor.left()), (whole.hits.len(), whole.hits.len()));
        let hits = std::mem::take(&mut whole.hits);
        turn += 1;
        let next = |from: usize, limit: usize| {
            let again = cursor.page(from, limit).expect("a page");
            let page = cursor.next(limit).expect("a page");
            assert_eq!(again, page);
            page
        };
        let (heads, read) = pages(turn, next, || disturb(&collection, &mut random));
        assert_eq!(bits(&read), bits(&hits), "{request:?}");
        assert_eq!(ids(&read).len(), read.len(), "none twice");
        assert_eq!((cursor.left(), heads.first()), (0, Some(&whole)));
        whole.facets.clear();
        assert!(heads.iter().skip(1).all(|head| *head == whole), "{request:?}");
        many += usize::from(heads.len() > 2);
        assert!(cursor.next(10).expect("a page").hits.is_empty());
        let now = collection.search(&request.clone().limit(REACH)).expect("an answer");
        assert_ne!(bits(&now.hits), bits(&hits), "what was written made no difference");
    }
    assert!(many > 10, "pages are too large to have anything between them");
}

#[test]
fn pages_by_offset_repeat_and_miss_hits_between_writes() {
    let scratch = tempfile::tempdir().expect("a directory");
    let collection = written(&scratch.path().join("c"));
    let (mut random, mut turn) = (Random(7), 0);
    let (mut twice, mut lacking) = (0, 0);
    for request in requests() {
        let whole = collection.search(&request.clone().limit(REACH)).expect("an answer").hits;
        turn += 1;
        let live = |from: usize, limit: usize| {
            let page = request.clone().limit(limit).offset(request.offset + from);
            collection.search(&page).expect("an answer")
        };
        let (_, read) = pages(turn, live, || disturb(&collection, &mut random));
        twice += read.len() - ids(&read).len();
        lacking += ids(&whole).difference(&ids(&read)).count();
    }
    assert!(twice > 0 && lacking > 0, "the writes between pages disturb nothing");
}

#[test]
fn pages_hold_while_a_writer_works() {
    let scratch = tempfile::tempdir().expect("a directory");
    let collection = written(&scratch.path().join("c"));
    // Held while a write is done, so that the one answer and the cursor are of one state.
    let (writing, done) = (Mutex::new(Random(8)), AtomicBool::new(false));
    let written = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // An end even if the reader fails.
            let mut turns = 0..20_000;
            while turns.next().is_some() && !done.load(Ordering::Acquire) {
                disturb(&collection, &mut writing.lock().expect("no panic"));
                written.fetch_add(1, Ordering::AcqRel);
            }
        });
        for (turn, request) in (20..).zip(requests()) {
            let (whole, mut cursor) = {
                let _still = writing.lock().expect("no panic");
                let whole = collection.search(&request.clone().limit(REACH)).expect("an answer");
                (whole.hits, collection.cursor(&request, REACH).expect("a cursor"))
            };
            let wait = || {
                let before = written.load(Ordering::Acquire);
                while written.load(Ordering::Acquire) == before && !writer.is_finished() {
                    std::thread::yield_now();
                }
            };
            let next = |_: usize, limit: usize| cursor.next(limit).expect("a page");
            let (_, read) = pages(turn, next, wait);
            assert_eq!(bits(&read), bits(&whole), "{request:?}");
        }
        assert!(!writer.is_finished(), "it wrote to the end");
        done.store(true, Ordering::Release);
    });
}

/// Counts its calls.
struct Counting(AtomicUsize);

impl Reranker for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn rerank(&self, _: &RerankQuery, candidates: &[Candidate]) -> lexivec::Result<Vec<f64>> {
        self.0.fetch_add(1, Ordering::AcqRel);
        Ok(candidates.iter().map(|c| (c.text["text"].len() % 5) as f64).collect())
    }
}

#[test]
fn a_cursor_outlives_its_collection_and_reranks_once() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("c");
    let counting = Arc::new(Counting(AtomicUsize::new(0)));
    let collection = written(&dir).with_reranker(counting.clone());
    let request = SearchRequest::hybrid("wing heat", vec![1.0; DIM]);
    let request = request.rerank(Rerank::model().depth(30).budget_ms(60_000)).limit(REACH);
    let whole = collection.search(&request).expect("an answer");
    let mut cursor = collection.cursor(&request, REACH).expect("a cursor");
    drop(collection);
    // Its directory is free for another writer, which removes the files.
    let open = OpenOptions::new().background(false);
    let collection = open.open(&dir).expect("opened");
    disturb(&collection, &mut Random(9));
    collection.compact(lexivec::CompactOptions::new()).expect("compacted");
    drop(collection);
    std::fs::remove_dir_all(&dir).expect("removed");
    let (_, read) = pages(1, |_, limit| cursor.next(limit).expect("a page"), || {});
    assert_eq!(bits(&read), bits(&whole.hits));
    assert_eq!(counting.0.load(Ordering::Acquire), 2, "for the answer and for the cursor");
}

#[test]
fn requests_that_a_cursor_cannot_answer_are_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let collection = written(&scratch.path().join("c"));
    let text = SearchRequest::text("wing");
    let open =
        |request: &SearchRequest, reach| collection.cursor(request, reach).map(|_: Cursor| ());
    for (request, reach, expected) in [
        (text.clone().group_by("n", 2), 10, "group_by: a cursor has no groups"),
        (text.clone(), 0, "reach: with the offset it must be from 1 to 10000"),
        (text.clone(), MAX_REACH + 1, "reach: with the offset it must be from 1 to 10000"),
        (text.clone().offset(1), MAX_REACH, "reach: with the offset it must be from 1 to 10000"),
        (text.clone().offset(usize::MAX), 2, "reach: with the offset it must be from 1 to 10000"),
        (text.clone().profile("none"), 10, "\"none\" is not known"),
        (SearchRequest::default(), 10, "give \"text\""),
    ] {
        let error = open(&request, reach).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
    open(&text.clone().limit(usize::MAX), MAX_REACH).expect("a page's limit has no part in it");
    let mut cursor = collection.cursor(&text, 5).expect("a cursor");
    assert_eq!(cursor.next(0).expect("a page").hits.len(), 0);
    assert_eq!(cursor.next(usize::MAX).expect("a page").hits.len(), 5);
    assert_eq!(cursor.page(usize::MAX, usize::MAX).expect("a page").hits.len(), 0);
}
