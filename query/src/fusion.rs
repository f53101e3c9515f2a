//! The fusion of the legs' lists into one list; every score is the sum of its contributions, exactly.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::leg::Leg;
use crate::limits::DEFAULT_RRF_K;
use crate::names::names;
use crate::topk::descending;

/// The rule that makes one list of the legs' lists.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "FusionJson", into = "FusionJson")]
pub enum Fusion {
    /// Each leg contributes weight / (k + rank), rank from 1.
    Rrf {
        /// The rank constant.
        k: f64,
    },
    /// The vector leg contributes alpha x score, the text leg (1 - alpha) x score, each also times
    /// the leg's own weight.
    Weighted {
        /// Share of the vector leg, 0 to 1.
        alpha: f64,
        /// Normalisation of each leg's scores before they are added.
        normalize: Normalize,
    },
    /// Distribution-based score fusion: each leg contributes weight x score, its scores brought to 0..=1
    /// between mean - 3 s and mean + 3 s, where s is the standard deviation of the leg's list (divided by
    /// n - 1) and few scores lie outside. Mazzeschi, "Distribution-based score fusion", 2023, as Qdrant
    /// defines it: one score alone, or scores without spread, become 0.5.
    Dbsf,
}

/// The JSON of a fusion: {"rrf": {"k": 60}}, {"weighted": {"alpha": 0.3, "normalize": "minmax"}},
/// {"dbsf": {}}. An object for every kind, so that constants can be added.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum FusionJson {
    Rrf {
        #[serde(default = "default_rrf_k")]
        k: f64,
    },
    Weighted {
        alpha: f64,
        #[serde(default)]
        normalize: Normalize,
    },
    Dbsf {},
}

fn default_rrf_k() -> f64 {
    DEFAULT_RRF_K
}

impl From<FusionJson> for Fusion {
    fn from(json: FusionJson) -> Self {
        match json {
            FusionJson::Rrf { k } => Self::Rrf { k },
            FusionJson::Weighted { alpha, normalize } => Self::Weighted { alpha, normalize },
            FusionJson::Dbsf {} => Self::Dbsf,
        }
    }
}

impl From<Fusion> for FusionJson {
    fn from(fusion: Fusion) -> Self {
        match fusion {
            Fusion::Rrf { k } => Self::Rrf { k },
            Fusion::Weighted { alpha, normalize } => Self::Weighted { alpha, normalize },
            Fusion::Dbsf => Self::Dbsf {},
        }
    }
}

impl Default for Fusion {
    fn default() -> Self {
        Self::Rrf { k: DEFAULT_RRF_K }
    }
}

/// The normalisation that makes the scores of one leg comparable with those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// To 0..=1 between the leg's lowest and highest score.
    #[default]
    MinMax,
    /// To mean 0 and standard deviation 1 (of the leg's list).
    ZScore,
    /// Left as they are.
    None,
}

names!(Normalize, "normalize", MinMax = "minmax", ZScore = "zscore", None = "none");

/// The kind of a [`Fusion`], without its constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FusionKind {
    /// [`Fusion::Rrf`].
    Rrf,
    /// [`Fusion::Weighted`].
    Weighted,
    /// [`Fusion::Dbsf`].
    Dbsf,
}

names!(FusionKind, "fusion", Rrf = "rrf", Weighted = "weighted", Dbsf = "dbsf");

impl Fusion {
    /// The kind, without the constants.
    pub fn kind(&self) -> FusionKind {
        match self {
            Self::Rrf { .. } => FusionKind::Rrf,
            Self::Weighted { .. } => FusionKind::Weighted,
            Self::Dbsf => FusionKind::Dbsf,
        }
    }

    /// Checks every constant against its range.
    pub(crate) fn check(&self) -> Result<()> {
        match *self {
            Self::Rrf { k } if !k.is_finite() || k < 0.0 => {
                Err(Error::invalid("fusion.rrf.k", "a finite number from 0 up is expected"))
            }
            Self::Weighted { alpha, .. } if !(0.0..=1.0).contains(&alpha) => {
                Err(Error::invalid("fusion.weighted.alpha", "a number from 0 to 1 is expected"))
            }
            _ => Ok(()),
        }
    }
}

/// The hits of one leg, best first.
#[derive(Clone, Debug)]
pub struct LegHits<K> {
    /// The leg.
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
    /// One for each leg that found the row, in the order of legs.
    pub contributions: Vec<Contribution>,
}

/// The part of a row's score that one leg gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The leg.
    pub leg: Leg,
    /// The row's rank in the leg's list, from 1.
    pub rank: usize,
    /// The leg's raw score.
    pub score: f64,
    /// The score after normalisation, where the fusion normalises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalized: Option<f64>,
    /// The factor applied.
    pub weight: f64,
    /// The summand of the fused score.
    pub contribution: f64,
}

/// Fuses the legs; best first, ties by `by_id`. A single leg is not fused: its raw scores stand,
/// whatever its weight.
pub fn fuse<K: Clone + Eq + Hash>(
    legs: &[LegHits<K>],
    fusion: &Fusion,
    by_id: impl Fn(&K, &K) -> Ordering,
) -> Vec<Fused<K>> {
    let mut index_of: HashMap<K, usize> = HashMap::new();
    let mut fused: Vec<Fused<K>> = Vec::new();
    for leg in legs {
        let scale = if legs.len() > 1 { Scale::of(leg, fusion) } else { None };
        for (i, (key, score)) in leg.hits.iter().enumerate() {
            let score = *score;
            let rank = i + 1;
            let normalized = scale.as_ref().map(|s| s.apply(score));
            let (weight, contribution) = match fusion {
                _ if legs.len() == 1 => (1.0, score),
                Fusion::Rrf { k } => (leg.weight, leg.weight / (k + rank as f64)),
                Fusion::Weighted { alpha, .. } => {
                    let weight = leg.leg.share(*alpha) * leg.weight;
                    (weight, weight * normalized.unwrap_or(score))
                }
                Fusion::Dbsf => (leg.weight, leg.weight * normalized.unwrap_or(score)),
            };
            let part = Contribution { leg: leg.leg, rank, score, normalized, weight, contribution };
            let index = *index_of.entry(key.clone()).or_insert(fused.len());
            match fused.get_mut(index) {
                Some(row) => {
                    row.score += contribution;
                    row.contributions.push(part);
                }
                None => {
                    let key = key.clone();
                    fused.push(Fused { key, score: contribution, contributions: vec![part] });
                }
            }
        }
    }
    fused.sort_by(|a, b| descending(a.score, b.score).then_with(|| by_id(&a.key, &b.key)));
    fused
}

/// The normalisation of one leg's scores: (score - shift) / width, or `flat` where all scores
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
