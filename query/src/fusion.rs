//! Making one list of the legs' lists; every score is the sum of its contributions, exactly.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

use serde::Serialize;

use crate::request::{Fusion, Leg, Normalize};
use crate::topk::descending;

/// The hits of one leg, best first.
#[derive(Clone, Debug)]
pub struct LegHits<K> {
    /// Which leg.
    pub leg: Leg,
    /// Factor on what it contributes.
    pub weight: f64,
    /// Rows and raw scores, best first.
    pub hits: Vec<(K, f64)>,
}

/// A row of the fused list.
#[derive(Clone, Debug, PartialEq)]
pub struct Fused<K> {
    /// The row.
    pub key: K,
    /// Its contributions, added from left to right.
    pub score: f64,
    /// One for each leg that found the row, in leg order.
    pub contributions: Vec<Contribution>,
}

/// What one leg gave to a row's score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// The leg.
    pub leg: Leg,
    /// The row's place in the leg's list, from 1.
    pub rank: usize,
    /// The leg's raw score.
    pub score: f64,
    /// The score after normalisation, where the fusion normalises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalized: Option<f64>,
    /// The factor applied.
    pub weight: f64,
    /// What is added to the final score.
    pub contribution: f64,
}

/// Fuses the legs; best first, ties by `by_id`. A single leg is not fused: its raw scores stand,
/// whatever its weight.
pub fn fuse<K: Copy + Eq + Hash>(
    legs: &[LegHits<K>],
    fusion: &Fusion,
    by_id: impl Fn(&K, &K) -> Ordering,
) -> Vec<Fused<K>> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut fused: Vec<Fused<K>> = Vec::new();
    for leg in legs {
        let scale = if legs.len() > 1 { Scale::of(leg, fusion) } else { None };
        for (i, &(key, score)) in leg.hits.iter().enumerate() {
            let rank = i + 1;
            let normalized = scale.as_ref().map(|s| s.apply(score));
            let (weight, contribution) = match fusion {
                _ if legs.len() == 1 => (1.0, score),
                Fusion::Rrf { k } => (leg.weight, leg.weight / (k + rank as f64)),
                Fusion::Weighted { alpha, .. } => {
                    let share = if leg.leg == Leg::Vector { *alpha } else { 1.0 - alpha };
                    let weight = share * leg.weight;
                    (weight, weight * normalized.unwrap_or(score))
                }
                Fusion::Dbsf => (leg.weight, leg.weight * normalized.unwrap_or(score)),
            };
            let part = Contribution { leg: leg.leg, rank, score, normalized, weight, contribution };
            let place = *places.entry(key).or_insert(fused.len());
            match fused.get_mut(place) {
                Some(row) => {
                    row.score += contribution;
                    row.contributions.push(part);
                }
                None => {
                    fused.push(Fused { key, score: contribution, contributions: vec![part] });
                }
            }
        }
    }
    fused.sort_by(|a, b| descending(a.score, b.score).then_with(|| by_id(&a.key, &b.key)));
    fused
}

/// How the scores of one leg are normalised: (score - shift) / width, or `flat` where all scores
/// are the same.
struct Scale {
    shift: f64,
    width: f64,
    flat: f64,
}

impl Scale {
    fn of<K>(leg: &LegHits<K>, fusion: &Fusion) -> Option<Self> {
        let scores = || leg.hits.iter().map(|h| h.1);
        let count = leg.hits.len() as f64;
        let mean = || scores().sum::<f64>() / count;
        let squares = |mean: f64| scores().map(|s| (s - mean) * (s - mean)).sum::<f64>();
        let normalize = match fusion {
            Fusion::Rrf { .. } => return None,
            Fusion::Weighted { normalize, .. } => *normalize,
            Fusion::Dbsf => {
                let mean = mean();
                let deviation =
                    if count > 1.0 { (squares(mean) / (count - 1.0)).sqrt() } else { 0.0 };
                let (shift, width) = (mean - 3.0 * deviation, 6.0 * deviation);
                return Some(Self { shift, width, flat: 0.5 });
            }
        };
        match normalize {
            Normalize::None => None,
            Normalize::MinMax => {
                let low = scores().fold(f64::INFINITY, f64::min);
                let high = scores().fold(f64::NEG_INFINITY, f64::max);
                // All equally good is as good as the best, not as bad as the worst.
                Some(Self { shift: low, width: high - low, flat: 1.0 })
            }
            Normalize::ZScore => {
                let mean = mean();
                let variance = squares(mean) / count;
                Some(Self { shift: mean, width: variance.sqrt(), flat: 0.0 })
            }
        }
    }

    fn apply(&self, score: f64) -> f64 {
        if self.width > 0.0 { (score - self.shift) / self.width } else { self.flat }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leg(leg: Leg, weight: f64, hits: &[(u32, f64)]) -> LegHits<u32> {
        LegHits { leg, weight, hits: hits.to_vec() }
    }

    fn scores(legs: &[LegHits<u32>], fusion: Fusion) -> Vec<(u32, f64)> {
        fuse(legs, &fusion, u32::cmp).into_iter().map(|f| (f.key, f.score)).collect()
    }

    #[test]
    fn each_fusion_gives_the_worked_out_scores() {
        let legs = [
            leg(Leg::Text, 1.0, &[(7, 4.0), (3, 2.0), (5, 1.0)]),
            leg(Leg::Vector, 1.0, &[(3, 0.9), (9, 0.5)]),
        ];
        let rrf = scores(&legs, Fusion::Rrf { k: 60.0 });
        let r = |rank: f64| 1.0 / (60.0 + rank);
        assert_eq!(rrf, [(3, r(2.0) + r(1.0)), (7, r(1.0)), (9, r(2.0)), (5, r(3.0))]);

        let plain = Fusion::Weighted { alpha: 0.25, normalize: Normalize::None };
        assert_eq!(
            scores(&legs, plain),
            [(7, 3.0), (3, 0.75 * 2.0 + 0.25 * 0.9), (5, 0.75), (9, 0.125)]
        );
        let minmax = Fusion::Weighted { alpha: 0.5, normalize: Normalize::MinMax };
        let third = 0.5 * ((2.0 - 1.0) / 3.0) + 0.5;
        assert_eq!(scores(&legs, minmax), [(3, third), (7, 0.5), (5, 0.0), (9, 0.0)]);
        let zscore = Fusion::Weighted { alpha: 0.5, normalize: Normalize::ZScore };
        let fused = fuse(&legs, &zscore, u32::cmp);
        let sum: f64 = fused.iter().map(|f| f.score).sum();
        assert!(sum.abs() < 1e-12, "z-scores of a leg add up to zero, not {sum}");

        // Spreads of 2 and of none: three scores 0, 2, 4 lie between -4 and 8; one alone is in the middle.
        let legs = [
            leg(Leg::Text, 1.0, &[(7, 4.0), (3, 2.0), (5, 0.0)]),
            leg(Leg::Vector, 0.5, &[(3, 0.9)]),
        ];
        assert_eq!(
            scores(&legs, Fusion::Dbsf),
            [(3, 0.5 + 0.5 * 0.5), (7, 8.0 / 12.0), (5, 4.0 / 12.0)]
        );
        let level = [leg(Leg::Text, 1.0, &[(1, 5.0), (2, 5.0)]), leg(Leg::Vector, 1.0, &[])];
        assert_eq!(scores(&level, Fusion::Dbsf), [(1, 0.5), (2, 0.5)]);
    }

    #[test]
    fn ties_go_to_the_lower_id_and_one_leg_keeps_its_scores() {
        let tied = [leg(Leg::Text, 1.0, &[(9, 1.0)]), leg(Leg::Vector, 1.0, &[(2, 0.3)])];
        let fused = scores(&tied, Fusion::default());
        assert_eq!(fused.iter().map(|f| f.0).collect::<Vec<_>>(), [2, 9]);
        let one = [leg(Leg::Vector, 0.0, &[(4, 0.8), (1, 0.8), (6, -0.1)])];
        assert_eq!(scores(&one, Fusion::default()), [(1, 0.8), (4, 0.8), (6, -0.1)]);
        let flat = [leg(Leg::Text, 1.0, &[(1, 5.0), (2, 5.0)]), leg(Leg::Vector, 1.0, &[(1, 0.5)])];
        let minmax = Fusion::Weighted { alpha: 0.5, normalize: Normalize::MinMax };
        assert_eq!(scores(&flat, minmax), [(1, 1.0), (2, 0.5)]);
    }

    proptest! {
        #[test]
        fn contributions_add_up_exactly(
            text in prop::collection::btree_map(0u32..40, 0.0f64..50.0, 0..30),
            vector in prop::collection::btree_map(0u32..40, -1.0f64..1.0, 0..30),
            weights in (0.0f64..3.0, 0.0f64..3.0),
            kind in 0usize..5,
        ) {
            let sorted = |m: std::collections::BTreeMap<u32, f64>| {
                let mut hits: Vec<_> = m.into_iter().collect();
                hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                hits
            };
            let weighted = |normalize| Fusion::Weighted { alpha: 0.3, normalize };
            let fusion = [
                Fusion::default(),
                weighted(Normalize::None),
                weighted(Normalize::MinMax),
                weighted(Normalize::ZScore),
                Fusion::Dbsf,
            ][kind];
            let legs = [
                leg(Leg::Text, weights.0, &sorted(text)),
                leg(Leg::Vector, weights.1, &sorted(vector)),
            ];
            let fused = fuse(&legs, &fusion, u32::cmp);
            for row in &fused {
                let sum = row.contributions.iter().skip(1).fold(
                    row.contributions[0].contribution, |s, c| s + c.contribution);
                prop_assert_eq!(sum.to_bits(), row.score.to_bits());
            }
            for pair in fused.windows(2) {
                prop_assert!(pair[0].score > pair[1].score
                    || (pair[0].score == pair[1].score && pair[0].key < pair[1].key));
            }
        }
    }
}
