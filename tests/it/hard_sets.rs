//! Vectors that graphs find hard: copies, inner products off centre, rows that have equal codes, and
//! queries as independent as the rows. Longer tables: `benches/compare/peers/hard_sets.py`.

use std::sync::Arc;

use lexivec::storage::MemoryVfs;
use lexivec::{
    Collection, CompactOptions, Document, Metric, RecallOptions, RecallQueries, SearchRequest,
    VerifyLevel,
};
use lexivec_tests::Random;

use super::graph;

const ROWS: usize = 6_000;
const QUERIES: usize = 100;
const K: usize = 20;

/// A number that is about normally distributed, with a variance of one.
fn normal(random: &mut Random) -> f32 {
    // The sum of twelve numbers, each uniform between -1/2 and 1/2.
    (0..12).map(|_| random.unit() * 0.5).sum()
}

fn row(random: &mut Random, dim: usize) -> Vec<f32> {
    (0..dim).map(|_| normal(random)).collect()
}

fn around(random: &mut Random, centre: &[f32], spread: f32) -> Vec<f32> {
    centre.iter().map(|x| x + spread * normal(random)).collect()
}

struct Set {
    metric: Metric,
    rows: Vec<Vec<f32>>,
    queries: Vec<Vec<f32>>,
}

/// Random rows, and `copies` rows that are equal or differ by `spread`; queries are near the copies.
fn copies(metric: Metric, dim: usize, copies: usize, spread: f32) -> Set {
    let mut random = Random(3);
    let centre = row(&mut random, dim);
    let mut rows: Vec<_> = (copies..ROWS)
        .map(|_| {
            let near: Vec<f32> = centre.iter().map(|x| 0.6 * x).collect();
            around(&mut random, &near, 1.0)
        })
        .collect();
    for _ in 0..copies {
        let place = random.below(rows.len());
        rows.insert(place, around(&mut random, &centre, spread));
    }
    let queries = (0..QUERIES).map(|_| around(&mut random, &centre, spread)).collect();
    Set { metric, rows, queries }
}

/// Clusters moved by `offset` in every component.
fn off_centre(metric: Metric, dim: usize, offset: f32) -> Set {
    let mut random = Random(5);
    let centres: Vec<_> = (0..150).map(|_| row(&mut random, dim)).collect();
    let mut draw = || -> Vec<f32> {
        let centre = &centres[random.below(centres.len())];
        centre.iter().map(|x| 0.7 * x + 0.7 * normal(&mut random) + offset).collect()
    };
    Set {
        metric,
        rows: (0..ROWS).map(|_| draw()).collect(),
        queries: (0..QUERIES).map(|_| draw()).collect(),
    }
}

/// Clusters of 60 rows that differ by a thousandth.
fn tight(metric: Metric, dim: usize) -> Set {
    let mut random = Random(9);
    let centres: Vec<_> = (0..ROWS / 60).map(|_| row(&mut random, dim)).collect();
    let mut draw = |i: usize| around(&mut random, &centres[i % centres.len()], 1e-3);
    Set {
        metric,
        rows: (0..ROWS).map(&mut draw).collect(),
        queries: (0..QUERIES).map(&mut draw).collect(),
    }
}

fn independent(metric: Metric, dim: usize) -> Set {
    let mut random = Random(7);
    let mut draw = |count: usize| (0..count).map(|_| row(&mut random, dim)).collect();
    Set { metric, rows: draw(ROWS), queries: draw(QUERIES) }
}

/// Rows that all have copies, and independent queries: hits are copies of other rows than the query.
fn groups(metric: Metric, dim: usize, copies: usize) -> Set {
    let mut random = Random(9);
    let centres: Vec<Vec<f32>> = (0..ROWS / copies).map(|_| row(&mut random, dim)).collect();
    // Neighbouring rows are of different groups.
    let rows = (0..ROWS).map(|i| centres[i % centres.len()].clone()).collect();
    Set { metric, rows, queries: (0..QUERIES).map(|_| row(&mut random, dim)).collect() }
}

/// Checks that the graph reaches every row.
fn reached(name: &str, disk: &MemoryVfs) {
    let report = Collection::verify(Arc::new(disk.clone()), VerifyLevel::Deep).expect("verified");
    assert_eq!((report.unreachable, report.problems.len()), (0, 0), "{name}: {report:?}");
}

fn recall(collection: &Collection, set: &Set, target: Option<f64>) -> f64 {
    let mut options = RecallOptions::default();
    options.k = K;
    options.params.target_recall = target;
    options.queries = RecallQueries::Given(set.queries.clone());
    collection.searcher().expect("a searcher").recall(&options).expect("measured").recall.mean
}

#[test]
fn the_usual_search_finds_nearly_all_hits_on_hard_sets() {
    for (name, set, least) in [
        ("20 copies", copies(Metric::L2, 64, 20, 0.0), 1.0),
        ("20 copies, by inner product", copies(Metric::Dot, 64, 20, 0.0), 0.99),
        ("2,000 copies", copies(Metric::Cosine, 64, 2_000, 0.0), 1.0),
        ("all rows copies", copies(Metric::L2, 64, ROWS - 1, 0.0), 1.0),
        ("1,000 near copies", copies(Metric::Cosine, 64, 1_000, 1e-3), 0.98),
        ("2,000 near copies", copies(Metric::L2, 64, 2_000, 1e-2), 0.98),
        ("clusters of 60", tight(Metric::L2, 32), 0.98),
        ("clusters of 60 by four bits", tight(Metric::Cosine, 200), 0.98),
        ("inner product off centre by 2", off_centre(Metric::Dot, 64, 2.0), 0.98),
        ("inner product off centre by 4.4", off_centre(Metric::Dot, 64, 4.4), 0.98),
        ("inner product off centre by 30", off_centre(Metric::Dot, 16, 30.0), 0.98),
        ("cosine in a narrow cone", off_centre(Metric::Cosine, 64, 10.0), 0.98),
        ("two components", independent(Metric::L2, 2), 0.98),
        ("independent rows", independent(Metric::L2, 32), 0.98),
    ] {
        let disk = MemoryVfs::default();
        let collection = graph::collection(&disk, &set.rows, set.metric);
        let found = recall(&collection, &set, None);
        assert!(found >= least, "{name}: {found}");
        reached(name, &disk);
    }
}

#[test]
fn the_recall_that_is_asked_for_is_found_for_independent_queries() {
    for (set, dim) in [
        (independent(Metric::L2, 32), 32),
        (independent(Metric::Cosine, 24), 24),
        (independent(Metric::Dot, 48), 48),
        (groups(Metric::Cosine, 32, 20), 32),
        (groups(Metric::L2, 32, 50), 32),
    ] {
        let metric = set.metric;
        let collection = graph::collection(&MemoryVfs::default(), &set.rows, set.metric);
        for target in [0.9, 0.95] {
            let found = recall(&collection, &set, Some(target));
            assert!(found >= target - 0.015, "{metric:?} {dim}: {found} for {target}");
        }
    }
}

#[test]
fn copies_are_found_after_rows_are_deleted_and_segments_merged() {
    let set = copies(Metric::L2, 32, 40, 0.0);
    let disk = MemoryVfs::default();
    let collection = graph::collection(&disk, &set.rows, set.metric);
    let equal: Vec<usize> = (0..ROWS).filter(|&i| set.rows[i] == set.queries[0]).collect();
    assert_eq!(equal.len(), 40);
    // The first ones are those by which the others were found.
    let deleted: Vec<_> = equal[..10].iter().map(|i| format!("{i:06}")).collect();
    collection.delete(&deleted).expect("deleted");
    let more = (0..1_500).map(|i| {
        let moved = || set.rows[i].iter().map(|x| x + 0.5).collect();
        let vector = if i < 30 { set.queries[0].clone() } else { moved() };
        Document::new(format!("more-{i:06}")).vector(vector)
    });
    collection.upsert(more).expect("written");
    collection.compact(CompactOptions::default()).expect("compacted");
    reached("copies", &disk);
    let request = SearchRequest::vector(set.queries[0].clone()).limit(80);
    let answer = collection.search(&request).expect("an answer");
    let at_zero = answer.hits.iter().filter(|hit| hit.score > -1e-6).count();
    assert_eq!(at_zero, 60, "30 of the first 40, and 30 new ones");
}
