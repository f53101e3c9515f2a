//! Whatever way a segment is searched: every row found matches the filter, as many come as match, exact
//! ways agree to the bit, and a plan reports the way taken.

use std::sync::Arc;

use lexivec::query::plan::{SegmentPlan, Strategy, StrategyKind};
use lexivec::query::request::Params;
use lexivec::schema::{Quantization, VectorField};
use lexivec::storage::MemoryVfs;
use lexivec::{Collection, Document, Filter, Metric, OpenOptions, Options, SearchRequest};
use lexivec_tests::{Random, similarity};
use proptest::prelude::*;
use serde_json::json;

const DIM: usize = 24;
const ROWS: usize = 1_200;

/// A row as a plain model has it.
struct Row {
    id: String,
    vector: Option<Vec<f32>>,
    number: usize,
}

/// A filter in the engine's form and in the model's.
struct Wanted {
    filter: Filter,
    admits: Box<dyn Fn(&Row) -> bool>,
}

/// Rows around a few centres, some of which have no vector, some of which are deleted again; in two
/// segments with graphs and one without.
fn corpus(seed: u64, metric: Metric, quantization: Quantization) -> (Collection, Vec<Row>, Random) {
    let mut random = Random(seed);
    let field = VectorField { quantization, ..VectorField::new("vector", DIM, metric) };
    let options = Options::new()
        .vector_field(field)
        .graph_min_rows(200)
        .open(OpenOptions::new().background(false));
    let vfs = Arc::new(MemoryVfs::default());
    let collection = Collection::create(vfs, options).expect("created");
    let centres: Vec<Vec<f32>> = (0..9).map(|_| random.vector(DIM)).collect();
    let mut rows: Vec<Row> = (0..ROWS)
        .map(|i| {
            let centre = &centres[random.below(centres.len())];
            let vector = centre.iter().map(|x| x + 0.4 * random.unit()).collect();
            let vector = (random.below(12) > 0).then_some(vector);
            Row { id: format!("d{:04}", i * 7_919 % ROWS), vector, number: random.below(ROWS) }
        })
        .collect();
    let document = |row: &Row| {
        let document = Document::new(row.id.clone()).payload("number", row.number as u64);
        match &row.vector {
            Some(vector) => document.vector(vector.clone()),
            None => document,
        }
    };
    for part in [&rows[..500], &rows[500..1_100], &rows[1_100..]] {
        collection.upsert(part.iter().map(document)).expect("written");
        collection.flush().expect("flushed");
    }
    let deleted = rows.extract_if(.., |row| row.number % 17 == 3).map(|row| row.id);
    let deleted: Vec<String> = deleted.collect();
    collection.delete(&deleted).expect("deleted");
    (collection, rows, random)
}

fn wanted(random: &mut Random) -> Wanted {
    let share = [1, 3, 20, 150, ROWS / 2, ROWS][random.below(6)];
    match random.below(3) {
        0 => Wanted { filter: Filter::All, admits: Box::new(|_| true) },
        1 => Wanted {
            filter: Filter::from_json(&json!({ "number": { "$lt": share } })).expect("a filter"),
            admits: Box::new(move |row| row.number < share),
        },
        _ => Wanted {
            filter: Filter::from_json(&json!({ "number": { "$gte": share } })).expect("a filter"),
            admits: Box::new(move |row| row.number >= share),
        },
    }
}

/// Checks that a plan's counts are those of the way it names.
fn check_plan(plan: &SegmentPlan, window: usize) {
    let (work, matching) = (plan.work, u64::from(plan.matching));
    match &plan.strategy {
        Strategy::Empty => assert_eq!((work.scanned, work.walked, work.scored), (0, 0, 0)),
        Strategy::Exact => {
            assert_eq!((work.scanned, work.walked, work.scored), (0, 0, matching));
            assert_eq!(plan.actual, plan.cost);
        }
        Strategy::Codes => {
            assert_eq!((work.scanned, work.walked > 0), (matching, plan.tried.is_some()));
            assert!(work.scored >= matching.min(window as u64));
        }
        Strategy::Graph { .. } | Strategy::FilteredGraph { .. } => {
            assert!(work.scanned == 0 && work.walked > 0 && plan.tried.is_none(), "{plan:?}");
            assert!(work.scored >= matching.min(window as u64));
        }
    }
    assert!(plan.actual > 0.0 || work.scanned + work.walked + work.scored == 0);
}

/// True if a plan is of the way that was asked for, or of none where no row matches; or if there is no such way: the
/// segment has not as much.
fn is_forced(plan: &SegmentPlan, params: &Params) -> bool {
    let kind = plan.tried.as_ref().unwrap_or(&plan.strategy).kind();
    let is_there = |wanted: StrategyKind| {
        plan.alternatives.iter().any(|(way, _)| way.kind() == Some(wanted)) || kind == Some(wanted)
    };
    match params.strategy {
        Some(wanted) => kind.is_none() || kind == Some(wanted) || !is_there(wanted),
        None => true,
    }
}

fn ways() -> Vec<(Params, bool)> {
    let of = |change: &dyn Fn(&mut Params)| {
        let mut params = Params::default();
        change(&mut params);
        params
    };
    vec![
        (of(&|p| p.strategy = Some(StrategyKind::Exact)), true),
        (of(&|p| p.exact = true), true),
        (of(&|p| p.target_recall = Some(1.0)), true),
        (of(&|_| ()), false),
        (of(&|p| p.strategy = Some(StrategyKind::Codes)), false),
        (of(&|p| p.strategy = Some(StrategyKind::Graph)), false),
        (of(&|p| (p.strategy, p.ef) = (Some(StrategyKind::Graph), Some(10))), false),
        (of(&|p| p.target_recall = Some(0.9)), false),
        (of(&|p| p.max_page_reads = Some(40)), false),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]
    #[test]
    fn every_strategy_returns_all_matching_rows(
        seed in any::<u64>(),
        metric in prop::sample::select(vec![Metric::Cosine, Metric::Dot, Metric::L2]),
        quantization in prop::sample::select(vec![
            Quantization::Int8, Quantization::Int4, Quantization::Binary, Quantization::F16, Quantization::Bf16,
        ]),
    ) {
        let (collection, rows, mut random) = corpus(seed | 1, metric, quantization);
        for _ in 0..6 {
            let wanted = wanted(&mut random);
            let (query, limit) = (random.vector(DIM), [1, 10, 60, 700][random.below(4)]);
            let admitted = rows.iter().filter(|row| (wanted.admits)(row));
            let mut model: Vec<(&str, f64)> = admitted
                .filter_map(|row| Some((row.id.as_str(), similarity(metric, &query, row.vector.as_ref()?))))
                .collect();
            model.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
            let mut exact_hits: Option<Vec<(String, u64)>> = None;
            for (params, is_exact) in ways() {
                let mut request = SearchRequest::vector(query.clone()).filter(wanted.filter.clone());
                (request.limit, request.params, request.explain) = (limit, params, true);
                let answer = collection.search(&request).expect("an answer");
                let hits: Vec<_> =
                    answer.hits.iter().map(|hit| (hit.id.clone(), hit.score.to_bits())).collect();
                prop_assert_eq!(hits.len(), limit.min(model.len()), "{:?}", params);
                for hit in &answer.hits {
                    // In the model there are only rows that match; and each score is that of its vector.
                    let of_model = model.iter().find(|(id, _)| *id == hit.id);
                    let score = of_model.map(|(_, score)| *score);
                    prop_assert!(score.is_some_and(|s| (s - hit.score).abs() < 1e-4), "{:?} {:?}", params, hit);
                }
                let mut ids: Vec<_> = hits.iter().map(|(id, _)| id).collect();
                ids.sort();
                ids.dedup();
                prop_assert_eq!(ids.len(), hits.len(), "a row twice");
                for plan in answer.plan.iter().flatten() {
                    check_plan(plan, limit);
                    prop_assert!(is_forced(plan, &params), "{:?} {:?}", params, plan);
                }
                if is_exact {
                    prop_assert!(answer.exact);
                    prop_assert_eq!(exact_hits.get_or_insert_with(|| hits.clone()), &hits, "{:?}", params);
                    for ((_, score), (_, expected)) in hits.iter().zip(&model) {
                        prop_assert!((f64::from_bits(*score) - expected).abs() < 1e-4);
                    }
                }
            }
        }
    }
}

/// Shows that the checks above can fail: the plan of another way than the requested one.
#[test]
fn a_plan_of_another_strategy_is_noticed() {
    let (collection, _, mut random) = corpus(5, Metric::Cosine, Quantization::Int8);
    let mut request = SearchRequest::vector(random.vector(DIM)).strategy(StrategyKind::Graph);
    request.explain = true;
    let plans = collection.search(&request).expect("an answer").plan.expect("explained");
    assert!(plans.iter().all(|plan| is_forced(plan, &request.params)));
    let codes = Params { strategy: Some(StrategyKind::Codes), ..Params::default() };
    assert!(plans.iter().any(|plan| !is_forced(plan, &codes)), "{plans:?}");
}

/// And the counts of another way.
#[test]
#[should_panic(expected = "assertion")]
fn a_plan_with_counts_of_another_strategy_is_noticed() {
    let (collection, _, mut random) = corpus(5, Metric::Cosine, Quantization::Int8);
    let mut request = SearchRequest::vector(random.vector(DIM)).strategy(StrategyKind::Codes);
    request.explain = true;
    let mut plans = collection.search(&request).expect("an answer").plan.expect("explained");
    plans[0].strategy = Strategy::Exact;
    check_plan(&plans[0], 10);
}
