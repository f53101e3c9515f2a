//! Scores that do not move: the same live rows give the same hits, scores and contributions, to the
//! bit, for any history of writes and any number of concurrent searches.

use std::path::Path;

use lexivec::query::request::{Fusion, Mode, Normalize};
use lexivec::{Collection, Document, Filter, Metric, OpenOptions, Options, SearchRequest};
use lexivec_tests::Random;
use rayon::prelude::*;
use serde_json::json;

const DIM: usize = 8;
const ROWS: usize = 400;
const QUERIES: usize = 500;
const WORDS: [&str; 10] =
    ["wing", "flow", "heat", "shock", "layer", "mach", "nose", "cone", "jet", "drag"];

/// The compared part of an answer: ids, scores and the raw scores of the legs, bit by bit.
type Answer = Vec<(String, u64, Vec<u64>)>;

fn words(random: &mut Random, count: usize) -> String {
    let words: Vec<&str> = (0..count).map(|_| WORDS[random.below(WORDS.len())]).collect();
    words.join(" ")
}

fn row(random: &mut Random, id: usize) -> Document {
    let count = random.below(12);
    let title = words(random, count % 3);
    let row = Document::new(format!("r{id}")).text_in("title", title).text(words(random, count));
    // Few different vectors, so that scores are equal and the tie rule is asked.
    let vector = if random.below(4) == 0 {
        (0..DIM).map(|_| [-1.0, 1.0][random.below(2)]).collect()
    } else {
        random.vector(DIM)
    };
    let row = if random.below(10) > 0 { row.vector(vector) } else { row };
    row.payload("year", json!(1990 + random.below(30))).payload("open", random.below(2) == 0)
}

/// The rows that are there in the end.
fn rows() -> Vec<Document> {
    let mut random = Random(71);
    (0..ROWS).map(|id| row(&mut random, id)).collect()
}

/// Words, both legs by ranks, both by scores, and each of them under a filter.
fn requests() -> Vec<SearchRequest> {
    let mut random = Random(72);
    let filters: Vec<Filter> = [json!({"year": {"$gte": 2000}}), json!({"open": true}), json!({})]
        .iter()
        .map(|json| Filter::from_json(json).expect("a filter"))
        .collect();
    let weighted = |normalize| Fusion::weighted(0.4, normalize);
    (0..QUERIES)
        .map(|i| {
            let count = 1 + random.below(4);
            let words = words(&mut random, count);
            let mut request = SearchRequest::hybrid(words, random.vector(DIM)).exact().limit(20);
            match i % 5 {
                0 => request = request.mode(Mode::Text),
                1 => {}
                2 => request = request.fusion(weighted(Normalize::MinMax)),
                3 => request = request.fusion(weighted(Normalize::ZScore)),
                _ => request = request.fusion(Fusion::dbsf()),
            }
            if i % 2 == 1 {
                request = request.filter(filters[i / 2 % filters.len()].clone());
            }
            request
        })
        .collect()
}

fn answer(collection: &Collection, request: &SearchRequest) -> Answer {
    let hits = collection.search(request).expect("an answer").hits;
    let bits = |hit: lexivec::Hit| {
        let parts = hit.ledger.contributions.iter().map(|c| c.score.to_bits()).collect();
        (hit.id, hit.score.to_bits(), parts)
    };
    hits.into_iter().map(bits).collect()
}

fn answers(collection: &Collection, requests: &[SearchRequest]) -> Vec<Answer> {
    requests.iter().map(|request| answer(collection, request)).collect()
}

fn options() -> Options {
    let open = OpenOptions::new().background(false);
    Options::new().vector(DIM, Metric::Cosine).graph_min_rows(1_000_000).open(open)
}

fn segments(collection: &Collection) -> usize {
    collection.stats().expect("counted").segments.len()
}

/// Number of answers that differ from the expected ones.
fn differences(found: &[Answer], expected: &[Answer]) -> usize {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).filter(|(found, expected)| found != expected).count()
}

/// The rows in as many batches, each flushed, among rows of before and rows that go.
fn write_in(collection: &Collection, rows: &[Document], batches: usize) {
    let mut random = Random(batches as u64);
    let size = rows.len().div_ceil(batches);
    for batch in rows.chunks(size) {
        let mut first: Vec<Document> = (0..4).map(|i| row(&mut random, 10_000 + i)).collect();
        for stale in batch {
            if random.below(3) == 0 {
                first.push(Document { id: stale.id.clone(), ..row(&mut random, 0) });
            }
        }
        collection.upsert(first).expect("written");
        collection.upsert(batch.to_vec()).expect("written");
        collection.flush().expect("flushed");
    }
    let deleted: Vec<String> = (0..4).map(|i| format!("r{}", 10_000 + i)).collect();
    assert_eq!(collection.delete(&deleted).expect("deleted").deleted, 4);
}

/// Takes rows written in `batches` batches through all states; returns the number of differing answers
/// in each.
fn through_all_states(
    dir: &Path,
    batches: usize,
    requests: &[SearchRequest],
    expected: &[Answer],
) -> Vec<(String, usize)> {
    let mut differing = Vec::new();
    let mut check = |state: &str, collection: &Collection| {
        let differ = differences(&answers(collection, requests), expected);
        differing.push((format!("{state} of {batches}"), differ));
    };
    let collection = Collection::create(dir, options()).expect("created");
    write_in(&collection, &rows(), batches);
    assert!(segments(&collection) >= batches, "{}", segments(&collection));
    check("deletes not flushed", &collection);
    collection.flush().expect("flushed");
    check("flushed", &collection);
    drop(collection);
    let open = OpenOptions::new().background(false);
    let collection = open.clone().open(dir).expect("opened");
    check("reopened", &collection);
    let before = collection.stats().expect("counted");
    assert!(before.dead_rows > 0);
    let report = collection.compact(lexivec::CompactOptions::new()).expect("compacted");
    assert_eq!((report.segments.1, collection.stats().expect("counted").dead_rows), (1, 0));
    check("compacted", &collection);
    drop(collection);
    check("reopened again", &open.open(dir).expect("opened"));
    differing
}

#[test]
fn scores_do_not_move() {
    let requests = requests();
    let one = Collection::in_memory(options()).expect("a collection");
    one.upsert(rows()).expect("written");
    let expected = answers(&one, &requests);
    assert!(expected.iter().filter(|answer| answer.len() > 10).count() > QUERIES / 2);

    let scratch = tempfile::tempdir().expect("a directory");
    for batches in [1, 7, 40] {
        let dir = scratch.path().join(batches.to_string());
        for (state, differ) in through_all_states(&dir, batches, &requests, &expected) {
            assert_eq!(differ, 0, "{state}");
        }
    }
    let parts = Collection::in_memory(options()).expect("a collection");
    write_in(&parts, &rows(), 40);
    for threads in 1..=8 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let found: Vec<Answer> =
            pool.install(|| requests.par_iter().map(|request| answer(&parts, request)).collect());
        assert_eq!(differences(&found, &expected), 0, "{threads} threads");
    }
}

#[test]
fn one_row_more_or_less_is_seen_by_the_comparison() {
    let requests = requests();
    let collection = Collection::in_memory(options()).expect("a collection");
    collection.upsert(rows()).expect("written");
    let expected = answers(&collection, &requests);
    collection.upsert(vec![Document::new("new").text("wing")]).expect("written");
    // The row itself is seldom a hit; what it changes is the statistics under every score of a text.
    assert_eq!(differences(&answers(&collection, &requests), &expected), QUERIES);
    collection.delete(&["new"]).expect("deleted");
    assert_eq!(differences(&answers(&collection, &requests), &expected), 0);
    collection.delete(&["r7"]).expect("deleted");
    assert_eq!(differences(&answers(&collection, &requests), &expected), QUERIES);
}
