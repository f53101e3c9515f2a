//! Our fusions against ranx, an independent one, on the same runs; `tests/fixtures/fusion/make.py` wrote
//! what it says.

use std::collections::BTreeMap;
use std::path::Path;

use lexivec::query::fusion::{LegHits, fuse};
use lexivec::query::request::{Fusion, Leg, Normalize};
use serde::Deserialize;
use serde_json::Value;

/// Largest difference of two sums that are rounded to twelve places.
const TOLERANCE: f64 = 1e-9;

/// Hits of each query, best first.
type Run = BTreeMap<String, Vec<(String, f64)>>;

#[derive(Deserialize)]
struct Fixture {
    text: Run,
    vector: Run,
    fused: Vec<Made>,
}

#[derive(Deserialize)]
struct Made {
    fusion: Value,
    weights: [f64; 2],
    hits: Run,
}

fn fusion(json: &Value) -> Fusion {
    if let Some(rrf) = json.get("rrf") {
        return Fusion::rrf(rrf["k"].as_f64().expect("a number"));
    }
    let Some(weighted) = json.get("weighted") else { return Fusion::dbsf() };
    let normalize = match weighted["normalize"].as_str() {
        Some("minmax") => Normalize::MinMax,
        Some("zscore") => Normalize::ZScore,
        _ => Normalize::None,
    };
    Fusion::weighted(weighted["alpha"].as_f64().expect("a number"), normalize)
}

#[test]
fn fusions_are_those_of_ranx() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fusion/fusion.json");
    let fixture = std::fs::read(path).expect("the fixture");
    let Fixture { text, vector, fused } = serde_json::from_slice(&fixture).expect("JSON");
    assert_eq!((fused.len(), text.len(), vector.len()), (15, 6, 6));
    for made in fused {
        assert_eq!(made.hits.len(), text.len());
        for (query, expected) in &made.hits {
            let leg = |leg, weight, run: &Run| {
                let (hits, completed) = (ids(&run[query]), Vec::new());
                LegHits { leg, weight, hits, completed }
            };
            let legs = [
                leg(Leg::Text, made.weights[0], &text),
                leg(Leg::Vector, made.weights[1], &vector),
            ];
            let ours = fuse(&legs, &fusion(&made.fusion), u32::cmp);
            let expected = ids(expected);
            assert_eq!(ours.len(), expected.len(), "{} {query}", made.fusion);
            let score_of: BTreeMap<u32, f64> = expected.iter().copied().collect();
            for (ours, (_, in_place)) in ours.iter().zip(&expected) {
                let theirs = score_of[&ours.key];
                // The same row has the same score, and the places have falling ones.
                for theirs in [theirs, *in_place] {
                    let what = format!("{} {query} d{:03}", made.fusion, ours.key);
                    assert!((ours.score - theirs).abs() < TOLERANCE, "{what}: {}", ours.score);
                }
            }
        }
    }
}

fn ids(hits: &[(String, f64)]) -> Vec<(u32, f64)> {
    let id = |name: &str| name.trim_start_matches('d').parse().expect("a number");
    hits.iter().map(|(name, score)| (id(name), *score)).collect()
}
