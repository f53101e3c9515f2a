//! Hostile bytes in the engine's own sections, behind right checksums.

use std::sync::Arc;

use lexivec::query::plan::{Strategy, StrategyKind};
use lexivec::query::request::Normalize;
use lexivec::storage::MemoryVfs;
use lexivec::{Collection, Filter, Fusion, Rerank, SearchRequest, SearchResponse, VerifyLevel};
use serde_json::json;

use crate::edits;

/// The first byte chooses the collection, the rest edits it. Then it is read in every way.
pub fn run(data: &[u8]) {
    let Some((&mode, edits)) = data.split_first() else {
        return;
    };
    let large = mode & 1 == 1;
    let disk = edits::bases()[usize::from(large)].edited(edits);
    // Reading every row of the large one would take most of the time, and shows nothing more.
    if !large {
        let _ = Collection::verify(Arc::new(disk.clone()), VerifyLevel::Deep);
    }
    let _ = look(disk, large);
}

/// Rows and answers of a collection; any of them may report damage.
fn look(disk: MemoryVfs, large: bool) -> lexivec::Result<Vec<SearchResponse>> {
    let collection = Collection::open_read_only(Arc::new(disk))?;
    let _ = collection.stats().map(|stats| serde_json::to_vec(&stats));
    for id in if large { ["r0000", "r2299", "r1024"] } else { ["d00", "d46", "d67"] } {
        let _ = collection.get(id);
    }
    let _ = collection.get("missing");
    let mut answers = Vec::new();
    for request in requests(large) {
        let Ok(answer) = collection.search(&request) else {
            continue;
        };
        assert!(answer.hits.len() <= request.limit);
        for hit in &answer.hits {
            // A sum with a NaN may be any NaN.
            assert!(hit.score.is_nan() || hit.ledger.adds_up(), "{hit:?}");
            // Trusts that floats are numbers.
            assert!(hit.score.is_finite() || cfg!(not(feature = "planted")), "planted");
        }
        answers.push(answer);
    }
    Ok(answers)
}

fn requests(large: bool) -> Vec<SearchRequest> {
    let filter = |json| Filter::from_json(&json).expect("a filter");
    let minmax = Fusion::weighted(0.4, Normalize::MinMax);
    if large {
        let near = || SearchRequest::vector(vec![20.5, 3.25]).limit(10);
        return vec![
            near().ef(12).strategy(StrategyKind::Graph).explain(),
            near()
                .ef(12)
                .strategy(StrategyKind::Graph)
                .filter(filter(json!({"n": {"$gte": 1}})))
                .explain(),
            near().strategy(StrategyKind::Codes).explain(),
            near().exact(),
            SearchRequest::hybrid("wing", vec![1.0, 40.0]).ef(30).candidates(60).fusion(minmax),
        ];
    }
    let vector = || vec![0.3, -0.2, 0.9, 0.1];
    let mut other = SearchRequest::vector(vec![3.0, 1.0, 1.0]).candidates(100).ef(8);
    other.vector_field = Some("other".to_owned());
    let tokens = Rerank::late_interaction(vec![vec![0.5, 0.1, 2.0], vec![-1.0, 0.3, 0.2]]);
    // Many candidates are put in order; few documents are read, which takes longer.
    vec![
        SearchRequest::hybrid("nose heat title", vector()).explain(),
        SearchRequest::hybrid("cone", vector()).limit(20).fusion(minmax),
        SearchRequest::text("heat").candidates(100).filter(filter(json!({"tag": {"$in": ["a"]}}))),
        SearchRequest::text("heat 3").limit(5).filter(filter(json!({"big": {"$gt": 1}}))),
        SearchRequest::vector(vector()).candidates(100).exact(),
        other,
        SearchRequest::text("heat").candidates(100).rerank(tokens.budget_ms(60_000)),
    ]
}

/// Both collections untouched, and with each part edited in each way.
pub fn seeds() -> Vec<Vec<u8>> {
    let of = |mode: u8| {
        let edits = edits::seeds(&edits::bases()[usize::from(mode & 1)]);
        edits.into_iter().map(move |edit| [vec![mode], edit].concat())
    };
    of(0).chain(of(1)).collect()
}

/// Plans of the large collection's requests, for the test below.
#[cfg_attr(not(test), allow(dead_code))]
fn strategies(answers: &[SearchResponse]) -> Vec<Strategy> {
    answers.iter().flat_map(|a| a.plan.iter().flatten()).map(|p| p.strategy.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_edits_both_collections_are_sound_and_graphs_are_walked() {
        for (large, base) in [false, true].into_iter().zip(edits::bases()) {
            let disk = base.edited(&[]);
            let report = Collection::verify(Arc::new(disk.clone()), VerifyLevel::Deep).expect("a report");
            assert!(report.is_sound(), "{report:?}");
            let answers = look(disk, large).expect("answers");
            assert_eq!(answers.len(), requests(large).len());
            assert!(answers.iter().all(|a| !a.hits.is_empty()));
            if large {
                let found = strategies(&answers);
                assert!(found.contains(&Strategy::Graph { ef: 12 }), "{found:?}");
                let filtered = |s: &Strategy| matches!(s, Strategy::FilteredGraph { .. });
                assert!(found.iter().any(filtered), "{found:?}");
                assert!(found.contains(&Strategy::Codes), "{found:?}");
            }
        }
    }
}
