//! Microbenchmarks of small parts and of single strategies: `cargo bench -p lexivec-benches`.
//!
//! The planner's costs are taken from the strategies of the vector leg: microseconds for numbers of
//! rows of 384 components that no cache holds.
#![allow(clippy::expect_used)] // as in tests: what fails here is this program's own mistake

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lexivec::eval::random::SplitMix;
use lexivec::query::fusion::{LegHits, fuse};
use lexivec::query::plan::StrategyKind;
use lexivec::query::request::{Bm25, Leg};
use lexivec::testing::topk::TopK;
use lexivec::{Collection, Document, Filter, Fusion, Metric, Options, Rerank, SearchRequest};
use serde_json::json;

const ROWS: usize = 60_000;
const DIM: usize = 384;
/// Components of a token vector, as ColBERT has them.
const TOKEN_DIM: usize = 128;
/// Rows of the collection under filters.
const FILTER_ROWS: usize = 100_000;
/// Number of points around which rows lie, as texts lie around their subjects.
const CENTRES: usize = 500;

/// Uniform from -1 to 1.
fn number(random: &mut SplitMix) -> f32 {
    random.unit() as f32 * 2.0 - 1.0
}

/// A collection of vectors with a number each, and queries.
fn collection(folder: &std::path::Path) -> (Collection, Vec<Vec<f32>>) {
    let mut random = SplitMix::new(7);
    let mut vector = |_| (0..DIM).map(|_| number(&mut random)).collect();
    let centres: Vec<Vec<f32>> = (0..CENTRES).map(&mut vector).collect();
    let mut around = |place: usize| -> Vec<f32> {
        let centre = &centres[place % CENTRES];
        centre.iter().map(|x| x + 0.8 * number(&mut random)).collect()
    };
    let queries = (0..64).map(|i| around(i * 37)).collect();
    let documents = (0..ROWS).map(|row| {
        let mut document = Document::new(row.to_string()).vector(around(row));
        document.payload.insert("number".to_owned(), (row * 7_919 % ROWS).into());
        document
    });
    let options = Options::new().vector(DIM, Metric::Cosine);
    let collection = Collection::create(folder, options).expect("created");
    collection.upsert(documents).expect("taken in");
    (collection, queries)
}

fn ways(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let (collection, queries) = collection(&folder.path().join("index"));
    let mut group = criterion.benchmark_group("way");
    let mut time = |name: &str, kind: StrategyKind, rows: usize, ef: Option<usize>| {
        let filter = json!({ "number": { "$lt": rows } });
        let filter =
            if rows == ROWS { Filter::All } else { Filter::from_json(&filter).expect("one") };
        let mut requests = queries.iter().cycle().map(|query| {
            let mut request = SearchRequest::vector(query.clone()).filter(filter.clone());
            request.params.strategy = Some(kind);
            request.params.ef = ef;
            request.with_payload = false;
            request
        });
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(BenchmarkId::new(name, ef.unwrap_or(rows)), |bencher| {
            bencher
                .iter(|| collection.search(&requests.next().expect("endless")).expect("answered"));
        });
    };
    for rows in [600, 6_000, ROWS] {
        time("exact", StrategyKind::Exact, rows, None);
        time("codes", StrategyKind::Codes, rows, None);
    }
    for ef in [32, 128, 512] {
        time("graph", StrategyKind::Graph, ROWS, Some(ef));
    }
    group.finish();
}

fn parts(criterion: &mut Criterion) {
    let mut random = SplitMix::new(3);
    let scores: Vec<f64> = (0..10_000).map(|_| random.unit()).collect();
    criterion.bench_function("ten best of 10,000", |bencher| {
        bencher.iter(|| {
            let mut top = TopK::new(10);
            for (row, &score) in scores.iter().enumerate() {
                top.push(score, row);
            }
            top.into_sorted()
        });
    });
    let leg = |leg: Leg, step: u32| LegHits {
        leg,
        weight: 1.0,
        hits: (0..50).map(|i| (i * step % 97, 1.0 / f64::from(i + 1))).collect(),
        completed: Vec::new(),
    };
    let legs = [leg(Leg::Text, 3), leg(Leg::Vector, 5)];
    criterion.bench_function("fuse 50 and 50 by rank", |bencher| {
        bencher.iter(|| fuse(black_box(&legs), &Fusion::rrf(60.0), Ord::cmp));
    });
    let filter = json!({ "year": { "$gte": 2020 }, "$or": [{ "tag": "a" }, { "tag": "b" }] });
    criterion.bench_function("read a filter", |bencher| {
        bencher.iter(|| Filter::from_json(black_box(&filter)).expect("a filter"));
    });
}

/// Late interaction on one core: the difference of a text search with and without it is the time of 100
/// candidates of 100 token vectors each, and a query of 32.
fn late(criterion: &mut Criterion) {
    let mut random = SplitMix::new(5);
    let mut list = |count: usize| -> Vec<Vec<f32>> {
        (0..count).map(|_| (0..TOKEN_DIM).map(|_| number(&mut random)).collect()).collect()
    };
    let documents =
        (0..100).map(|row| Document::new(row.to_string()).text("wing").tokens(list(100)));
    let collection = Collection::in_memory(Options::new().tokens(TOKEN_DIM)).expect("created");
    collection.upsert(documents).expect("taken in");
    let plain = SearchRequest::text("wing").candidates(100);
    let late = plain.clone().rerank(Rerank::late_interaction(list(32)));
    for (name, request) in [("text", plain), ("text and late interaction of 100", late)] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| collection.search(black_box(&request)).expect("answered"));
        });
    }
}

/// A filter alone, over a column of numbers and one of strings, for several shares of admitted rows;
/// and a search under it. The figures leave out the first use of a column, which sorts it.
fn filters(criterion: &mut Criterion) {
    let documents = (0..FILTER_ROWS).map(|row| {
        let number = row * 7_919 % FILTER_ROWS;
        let mut document = Document::new(row.to_string()).vector(vec![row as f32 + 1.0, 1.0]);
        document.payload.insert("number".to_owned(), number.into());
        document.payload.insert("name".to_owned(), format!("name-{number:06}").into());
        document.payload.insert("part".to_owned(), format!("part-{}", number % 100).into());
        document
    });
    let collection =
        Collection::in_memory(Options::new().vector(2, Metric::Cosine)).expect("created");
    collection.upsert(documents).expect("taken in");
    let mut group = criterion.benchmark_group("filter");
    let mut time = |name: &str, admitted: usize, filter: serde_json::Value| {
        let filter = Filter::from_json(&filter).expect("a filter");
        assert_eq!(collection.count(&filter).expect("counted"), admitted as u64);
        group.bench_function(BenchmarkId::new(name, admitted), |bencher| {
            bencher.iter(|| collection.count(black_box(&filter)).expect("counted"));
        });
        let search = SearchRequest::vector(vec![1.0, 2.0]).filter(filter.clone());
        group.bench_function(BenchmarkId::new(format!("search, {name}"), admitted), |bencher| {
            bencher.iter(|| collection.search(black_box(&search)).expect("answered"));
        });
    };
    for admitted in [10, 1_000, 10_000, 50_000] {
        time("number below", admitted, json!({ "number": { "$lt": admitted } }));
        time("string below", admitted, json!({ "name": { "$lt": format!("name-{admitted:06}") } }));
    }
    time("string equal", FILTER_ROWS / 100, json!({ "part": "part-7" }));
    group.finish();
}

/// Cost of exactness in a hybrid search: its explanation, BM25 constants of the request, and statistics
/// of live rows with a tenth of all rows deleted.
fn trust(criterion: &mut Criterion) {
    const WORDS: usize = 5_000;
    const DIM: usize = 64;
    let mut random = SplitMix::new(5);
    // As in texts, few words are in many rows: the square of a uniform number is small more often.
    let mut words = |count: usize| -> String {
        let word = |random: &mut SplitMix| (random.unit() * random.unit() * WORDS as f64) as usize;
        (0..count).map(|_| format!("w{} ", word(&mut random))).collect()
    };
    let texts: Vec<String> = (0..40_000).map(|_| words(30)).collect();
    let asked: Vec<String> = (0..64).map(|_| words(5)).collect();
    let mut random = SplitMix::new(6);
    let mut vector = || (0..DIM).map(|_| number(&mut random)).collect::<Vec<f32>>();
    let documents = texts
        .into_iter()
        .enumerate()
        .map(|(row, text)| Document::new(row.to_string()).text(text).vector(vector()));
    let collection = Collection::in_memory(Options::new().vector(DIM, Metric::Cosine));
    let collection = collection.expect("created");
    collection.upsert(documents).expect("taken in");
    collection.flush().expect("flushed");
    let requests: Vec<SearchRequest> =
        asked.into_iter().map(|text| SearchRequest::hybrid(text, vector())).collect();
    let mut group = criterion.benchmark_group("trust");
    let mut time = |name: &str, collection: &Collection, set: &dyn Fn(&mut SearchRequest)| {
        let mut requests = requests.clone();
        requests.iter_mut().for_each(set);
        let mut requests = requests.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| collection.search(requests.next().expect("endless")).expect("found"));
        });
    };
    time("plain", &collection, &|_| ());
    time("explained", &collection, &|request| request.explain = true);
    time("own k1 and b", &collection, &|request| {
        request.bm25 = Some(Bm25 { k1: 0.9, b: 0.4 });
    });
    let deleted: Vec<String> = (0..40_000).step_by(10).map(|row| row.to_string()).collect();
    collection.delete(&deleted).expect("deleted");
    time("a tenth deleted", &collection, &|_| ());
    group.finish();
}

criterion_group!(benches, ways, parts, late, filters, trust);
criterion_main!(benches);
