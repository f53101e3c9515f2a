//! The fusion of the legs' lists into one list; every score is the sum of its contributions, exactly.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::leg::Leg;
use crate::limits::{DEFAULT_CANDIDATES, DEFAULT_RRF_K, DEFAULT_VECTOR_SHARE};
use crate::names::names;
use crate::topk::descending;

/// The rule that makes one list of the legs' lists.
///
/// The candidates are the rows that a leg brought. A fusion is *complete* if every leg scores every candidate: the
/// similarity of a row that only words found, and the BM25 of a row that only its vector found. Otherwise a leg gives
/// nothing to a row it did not bring, however close the row came. Bruch, Gai and Ingber, "An Analysis of Fusion
/// Functions for Hybrid Retrieval", 2022, compare the two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "FusionJson", into = "FusionJson")]
pub enum Fusion {
    /// Each leg contributes weight / (k + rank), rank from 1.
    Rrf {
        /// The rank constant.
        k: f64,
        /// True if every leg ranks every candidate that it matches.
        complete: bool,
    },
    /// The vector leg contributes alpha x score, the text leg (1 - alpha) x score, each also times
    /// the leg's own weight.
    Weighted {
        /// Share of the vector leg, 0 to 1.
        alpha: f64,
        /// Normalisation of each leg's scores before they are added.
        normalize: Normalize,
        /// True if every leg scores every candidate.
        complete: bool,
    },
    /// Distribution-based score fusion: each leg contributes weight x score, its scores brought to 0..=1
    /// between mean - 3 s and mean + 3 s, where s is the standard deviation of the leg's list (divided by
    /// n - 1) and few scores lie outside. Mazzeschi, "Distribution-based score fusion", 2023, as Qdrant
    /// defines it: one score alone, or scores without spread, become 0.5.
    Dbsf {
        /// True if every leg scores every candidate.
        complete: bool,
    },
}

/// The JSON of a fusion: {"rrf": {"k": 60}}, {"weighted": {"alpha": 0.3, "normalize": "minmax"}},
/// {"dbsf": {"complete": true}}. An object for every kind, so that constants can be added.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum FusionJson {
    Rrf {
        #[serde(default = "default_rrf_k")]
        k: f64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        complete: bool,
    },
    Weighted {
        alpha: f64,
        #[serde(default)]
        normalize: Normalize,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        complete: bool,
    },
    Dbsf {
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        complete: bool,
    },
}

fn default_rrf_k() -> f64 {
    DEFAULT_RRF_K
}

impl From<FusionJson> for Fusion {
    fn from(json: FusionJson) -> Self {
        match json {
            FusionJson::Rrf { k, complete } => Self::Rrf { k, complete },
            FusionJson::Weighted { alpha, normalize, complete } => {
                Self::Weighted { alpha, normalize, complete }
            }
            FusionJson::Dbsf { complete } => Self::Dbsf { complete },
        }
    }
}

impl From<Fusion> for FusionJson {
    fn from(fusion: Fusion) -> Self {
        match fusion {
            Fusion::Rrf { k, complete } => Self::Rrf { k, complete },
            Fusion::Weighted { alpha, normalize, complete } => {
                Self::Weighted { alpha, normalize, complete }
            }
            Fusion::Dbsf { complete } => Self::Dbsf { complete },
        }
    }
}

impl Default for Fusion {
    fn default() -> Self {
        Self::scores(DEFAULT_VECTOR_SHARE)
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
    /// Complete z-scores with this share of the vector leg: the fusion of a new collection. benches/RESULTS.md
    /// compares it with the others on the judged collections.
    pub fn scores(alpha: f64) -> Self {
        Self::Weighted { alpha, normalize: Normalize::ZScore, complete: true }
    }

    /// Reciprocal ranks with this rank constant, over what each leg brought.
    pub fn rrf(k: f64) -> Self {
        Self::Rrf { k, complete: false }
    }

    /// Weighted scores with this share of the vector leg, over what each leg brought.
    pub fn weighted(alpha: f64, normalize: Normalize) -> Self {
        Self::Weighted { alpha, normalize, complete: false }
    }

    /// Distribution-based score fusion, over what each leg brought.
    pub fn dbsf() -> Self {
        Self::Dbsf { complete: false }
    }

    /// Returns the same rule, made complete: every leg scores every candidate.
    #[must_use]
    pub fn completed(mut self) -> Self {
        let (Self::Rrf { complete, .. }
        | Self::Weighted { complete, .. }
        | Self::Dbsf { complete }) = &mut self;
        *complete = true;
        self
    }

    /// True if every leg scores every candidate.
    pub fn is_complete(&self) -> bool {
        let (Self::Rrf { complete, .. }
        | Self::Weighted { complete, .. }
        | Self::Dbsf { complete }) = self;
        *complete
    }

    /// The kind, without the constants.
    pub fn kind(&self) -> FusionKind {
        match self {
            Self::Rrf { .. } => FusionKind::Rrf,
            Self::Weighted { .. } => FusionKind::Weighted,
            Self::Dbsf { .. } => FusionKind::Dbsf,
        }
    }

    /// Checks every constant against its range.
    ///
    /// # Errors
    /// Names the constant that is out of its range.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Rrf { k, .. } if !k.is_finite() || k < 0.0 => {
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
    /// Rows that other legs brought, with this leg's scores; empty unless the fusion is complete. Those that this leg
    /// does not match are left out.
    pub completed: Vec<(K, f64)>,
}

/// A row of the fused list.
#[derive(Clone, Debug, PartialEq)]
pub struct Fused<K> {
    /// The row.
    pub key: K,
    /// Its contributions, added from left to right.
    pub score: f64,
    /// One for each leg that scored the row, in the order of legs.
    pub contributions: Vec<Contribution>,
}

/// The part of a row's score that one leg gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The leg.
    pub leg: Leg,
    /// The row's rank in the leg's list, from 1; in a complete fusion, the list of all candidates that the leg
    /// matches. `None` if the leg does not match the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// The leg's raw score.
    pub score: f64,
    /// The reason for a score that the leg did not bring itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Completed>,
    /// The score after normalisation, where the fusion normalises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalized: Option<f64>,
    /// The factor applied.
    pub weight: f64,
    /// The summand of the fused score.
    pub contribution: f64,
}

/// The kind of a score that a leg gave to a row which another leg brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Completed {
    /// The leg's own score of the row.
    Scored,
    /// The leg has no score for the row, which lacks what it compares. The lowest score of the candidates stands for
    /// it, so that a row gains nothing by a missing vector.
    Lowest,
}

/// Fuses the legs; best first, ties by `by_id`. A single leg is not fused: its raw scores stand,
/// whatever its weight.
pub fn fuse<K: Clone + Eq + Hash>(
    legs: &[LegHits<K>],
    fusion: &Fusion,
    by_id: impl Fn(&K, &K) -> Ordering,
) -> Vec<Fused<K>> {
    if let [leg] = legs {
        return alone(leg, by_id);
    }
    let candidates = Candidates::of(legs);
    let mut fused: Vec<Fused<K>> = (candidates.keys.iter())
        .map(|key| Fused { key: (*key).clone(), score: 0.0, contributions: Vec::new() })
        .collect();
    for leg in legs {
        let list = LegList::of(leg, fusion, &candidates, &by_id);
        let mut add = |index: usize, part: Contribution| {
            let Some(row) = fused.get_mut(index) else { return };
            row.score = match row.contributions.is_empty() {
                true => part.contribution,
                false => row.score + part.contribution,
            };
            row.contributions.push(part);
        };
        for (i, row) in list.rows.iter().enumerate() {
            let completed = row.completed.then_some(Completed::Scored);
            add(row.index, list.part(Some(i + 1), row.score, completed));
        }
        // A rule of ranks gives nothing where there is no rank.
        if fusion.is_complete() && fusion.kind() != FusionKind::Rrf {
            let matched: HashSet<usize> = list.rows.iter().map(|row| row.index).collect();
            let without = (0..candidates.keys.len()).filter(|index| !matched.contains(index));
            for index in without {
                match (leg.leg.score_without_match(), list.lowest) {
                    (Some(score), _) => add(index, list.part(None, score, Some(Completed::Scored))),
                    (None, Some(low)) => add(index, list.part(None, low, Some(Completed::Lowest))),
                    (None, None) => {}
                }
            }
        }
    }
    fused.sort_by(|a, b| descending(a.score, b.score).then_with(|| by_id(&a.key, &b.key)));
    fused
}

/// The rows that some leg brought, in the order in which the legs did.
struct Candidates<'a, K> {
    keys: Vec<&'a K>,
    index_of: HashMap<&'a K, usize>,
    /// True for those among the first [`DEFAULT_CANDIDATES`] of some leg.
    first: Vec<bool>,
}

impl<'a, K: Eq + Hash> Candidates<'a, K> {
    fn of(legs: &'a [LegHits<K>]) -> Self {
        let mut all = Self { keys: Vec::new(), index_of: HashMap::new(), first: Vec::new() };
        for leg in legs {
            for (place, (key, _)) in leg.hits.iter().enumerate() {
                let index = *all.index_of.entry(key).or_insert(all.keys.len());
                if index == all.keys.len() {
                    all.keys.push(key);
                    all.first.push(false);
                }
                if let Some(first) = all.first.get_mut(index) {
                    *first |= place < DEFAULT_CANDIDATES;
                }
            }
        }
        all
    }
}

/// The list of a single leg.
fn alone<K: Clone>(leg: &LegHits<K>, by_id: impl Fn(&K, &K) -> Ordering) -> Vec<Fused<K>> {
    let row = |(i, (key, score)): (usize, &(K, f64))| {
        let (rank, score) = (Some(i + 1), *score);
        let part = Contribution {
            leg: leg.leg,
            rank,
            score,
            completed: None,
            normalized: None,
            weight: 1.0,
            contribution: score,
        };
        Fused { key: key.clone(), score, contributions: vec![part] }
    };
    let mut list: Vec<Fused<K>> = leg.hits.iter().enumerate().map(row).collect();
    list.sort_by(|a, b| descending(a.score, b.score).then_with(|| by_id(&a.key, &b.key)));
    list
}

/// A candidate that a leg matches.
struct LegRow {
    index: usize,
    score: f64,
    completed: bool,
}

/// The candidates that a leg matches, best first, and how their scores become contributions.
struct LegList<'a> {
    leg: Leg,
    fusion: &'a Fusion,
    rows: Vec<LegRow>,
    weight: f64,
    scale: Option<Scale>,
    /// The lowest of the scores by which the scale is made.
    lowest: Option<f64>,
}

impl<'a> LegList<'a> {
    fn of<K: Eq + Hash>(
        leg: &LegHits<K>,
        fusion: &'a Fusion,
        candidates: &Candidates<'_, K>,
        by_id: impl Fn(&K, &K) -> Ordering,
    ) -> Self {
        let row = |(key, score): &(K, f64), completed: bool| {
            let index = *candidates.index_of.get(key)?;
            Some(LegRow { index, score: *score, completed })
        };
        let mut rows: Vec<LegRow> = leg.hits.iter().filter_map(|hit| row(hit, false)).collect();
        let (mut scores, mut lowest) = (Vec::new(), None);
        if fusion.is_complete() {
            rows.extend(leg.completed.iter().filter_map(|hit| row(hit, true)));
            let id = |a: &LegRow, b: &LegRow| match (
                candidates.keys.get(a.index),
                candidates.keys.get(b.index),
            ) {
                (Some(a), Some(b)) => by_id(a, b),
                _ => Ordering::Equal,
            };
            rows.sort_by(|a, b| descending(a.score, b.score).then_with(|| id(a, b)));
            // The scale is that of the usual candidates, however deep the lists are: so the score of a row does not
            // depend on the page that is asked for.
            let is_first = |index: usize| candidates.first.get(index).is_some_and(|first| *first);
            scores.extend(rows.iter().filter(|row| is_first(row.index)).map(|row| row.score));
            lowest = scores.last().copied();
            let all = candidates.first.iter().filter(|first| **first).count();
            let unmatched = leg.leg.score_without_match().into_iter();
            let missing = all.saturating_sub(scores.len());
            scores.extend(unmatched.flat_map(|score| std::iter::repeat_n(score, missing)));
        } else {
            scores.extend(rows.iter().map(|row| row.score));
        }
        let weight = match fusion {
            Fusion::Weighted { alpha, .. } => leg.leg.share(*alpha) * leg.weight,
            Fusion::Rrf { .. } | Fusion::Dbsf { .. } => leg.weight,
        };
        Self { leg: leg.leg, fusion, rows, weight, scale: Scale::of(&scores, fusion), lowest }
    }

    fn part(&self, rank: Option<usize>, score: f64, completed: Option<Completed>) -> Contribution {
        let (leg, weight) = (self.leg, self.weight);
        let normalized = self.scale.as_ref().map(|scale| scale.apply(score));
        let contribution = match (self.fusion, rank) {
            (Fusion::Rrf { k, .. }, Some(rank)) => weight / (k + rank as f64),
            _ => weight * normalized.unwrap_or(score),
        };
        Contribution { leg, rank, score, completed, normalized, weight, contribution }
    }
}

/// The normalisation of one leg's scores: (score - shift) / width, or `flat` where all scores
/// are the same.
struct Scale {
    shift: f64,
    width: f64,
    flat: f64,
}

impl Scale {
    /// The scale that these scores of a leg make; `None` if the fusion takes raw scores or ranks.
    fn of(list: &[f64], fusion: &Fusion) -> Option<Self> {
        let scores = || list.iter().copied();
        let count = list.len() as f64;
        let mean = || scores().sum::<f64>() / count;
        let squares = |mean: f64| scores().map(|s| (s - mean) * (s - mean)).sum::<f64>();
        let normalize = match fusion {
            Fusion::Rrf { .. } => return None,
            Fusion::Weighted { normalize, .. } => *normalize,
            Fusion::Dbsf { .. } => {
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
        LegHits { leg, weight, hits: hits.to_vec(), completed: Vec::new() }
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
        let rrf = scores(&legs, Fusion::rrf(60.0));
        let r = |rank: f64| 1.0 / (60.0 + rank);
        assert_eq!(rrf, [(3, r(2.0) + r(1.0)), (7, r(1.0)), (9, r(2.0)), (5, r(3.0))]);

        let plain = Fusion::weighted(0.25, Normalize::None);
        assert_eq!(
            scores(&legs, plain),
            [(7, 3.0), (3, 0.75 * 2.0 + 0.25 * 0.9), (5, 0.75), (9, 0.125)]
        );
        let minmax = Fusion::weighted(0.5, Normalize::MinMax);
        let third = 0.5 * ((2.0 - 1.0) / 3.0) + 0.5;
        assert_eq!(scores(&legs, minmax), [(3, third), (7, 0.5), (5, 0.0), (9, 0.0)]);
        let zscore = Fusion::weighted(0.5, Normalize::ZScore);
        let fused = fuse(&legs, &zscore, u32::cmp);
        let sum: f64 = fused.iter().map(|f| f.score).sum();
        assert!(sum.abs() < 1e-12, "z-scores of a leg add up to zero, not {sum}");

        // Spreads of 2 and of none: three scores 0, 2, 4 lie between -4 and 8; one alone is in the middle.
        let legs = [
            leg(Leg::Text, 1.0, &[(7, 4.0), (3, 2.0), (5, 0.0)]),
            leg(Leg::Vector, 0.5, &[(3, 0.9)]),
        ];
        assert_eq!(
            scores(&legs, Fusion::dbsf()),
            [(3, 0.5 + 0.5 * 0.5), (7, 8.0 / 12.0), (5, 4.0 / 12.0)]
        );
        let level = [leg(Leg::Text, 1.0, &[(1, 5.0), (2, 5.0)]), leg(Leg::Vector, 1.0, &[])];
        assert_eq!(scores(&level, Fusion::dbsf()), [(1, 0.5), (2, 0.5)]);
    }

    #[test]
    fn ties_go_to_the_lower_id_and_one_leg_keeps_its_scores() {
        let tied = [leg(Leg::Text, 1.0, &[(9, 1.0)]), leg(Leg::Vector, 1.0, &[(2, 0.3)])];
        let fused = scores(&tied, Fusion::rrf(60.0));
        assert_eq!(fused.iter().map(|f| f.0).collect::<Vec<_>>(), [2, 9]);
        let one = [leg(Leg::Vector, 0.0, &[(4, 0.8), (1, 0.8), (6, -0.1)])];
        assert_eq!(scores(&one, Fusion::default()), [(1, 0.8), (4, 0.8), (6, -0.1)]);
        let flat = [leg(Leg::Text, 1.0, &[(1, 5.0), (2, 5.0)]), leg(Leg::Vector, 1.0, &[(1, 0.5)])];
        let minmax = Fusion::weighted(0.5, Normalize::MinMax);
        assert_eq!(scores(&flat, minmax), [(1, 1.0), (2, 0.5)]);
    }

    #[test]
    fn a_complete_fusion_scores_every_candidate_by_every_leg() {
        // Row 9 has no vector, and row 5 has no term.
        let mut legs =
            [leg(Leg::Text, 1.0, &[(7, 4.0), (9, 2.0)]), leg(Leg::Vector, 1.0, &[(5, 0.9)])];
        legs[1].completed = vec![(7, 0.5)];
        let minmax = Fusion::weighted(0.25, Normalize::MinMax).completed();
        assert_eq!(scores(&legs, minmax), [(7, 0.75), (9, 0.75 * 0.5), (5, 0.25)]);
        let fused = fuse(&legs, &minmax, u32::cmp);
        let of = |key: u32| fused.iter().find(|row| row.key == key).expect("a row");
        let parts = |key: u32| {
            let parts = of(key).contributions.iter();
            parts.map(|c| (c.rank, c.score, c.completed)).collect::<Vec<_>>()
        };
        assert_eq!(parts(7), [(Some(1), 4.0, None), (Some(2), 0.5, Some(Completed::Scored))]);
        assert_eq!(parts(9), [(Some(2), 2.0, None), (None, 0.5, Some(Completed::Lowest))]);
        assert_eq!(parts(5), [(None, 0.0, Some(Completed::Scored)), (Some(1), 0.9, None)]);
        // Ranks: each leg ranks what it matches, and gives nothing to the rest.
        let r = |rank: f64| 1.0 / (60.0 + rank);
        let rrf = scores(&legs, Fusion::rrf(60.0).completed());
        assert_eq!(rrf, [(7, r(1.0) + r(2.0)), (5, r(1.0)), (9, r(2.0))]);
    }

    #[test]
    fn a_complete_score_does_not_depend_on_how_deep_the_lists_are() {
        let rows = |n: u32| (0..n).map(|i| (i, 1.0 / f64::from(i + 1))).collect::<Vec<_>>();
        let first = DEFAULT_CANDIDATES as u32;
        let fused = |depth: u32| {
            let mut legs =
                [leg(Leg::Text, 1.0, &rows(depth)), leg(Leg::Vector, 1.0, &[(3, 0.9), (4, 0.1)])];
            legs[1].completed =
                (0..depth).filter(|i| ![3, 4].contains(i)).map(|i| (i, 0.0)).collect();
            scores(&legs, Fusion::scores(0.5))
        };
        let (usual, deep) = (fused(first), fused(3 * first));
        assert_eq!(usual[..], deep[..usual.len()]);
    }

    proptest! {
        #[test]
        fn contributions_add_up_exactly(
            text in prop::collection::btree_map(0u32..40, 0.0f64..50.0, 0..30),
            vector in prop::collection::btree_map(0u32..40, -1.0f64..1.0, 0..30),
            weights in (0.0f64..3.0, 0.0f64..3.0),
            kind in 0usize..7,
        ) {
            let sorted = |m: std::collections::BTreeMap<u32, f64>| {
                let mut hits: Vec<_> = m.into_iter().collect();
                hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                hits
            };
            let weighted = |normalize| Fusion::weighted(0.3, normalize);
            let fusion = [
                Fusion::default(),
                weighted(Normalize::None),
                weighted(Normalize::MinMax),
                weighted(Normalize::ZScore),
                Fusion::dbsf(),
                Fusion::rrf(60.0),
                Fusion::dbsf().completed(),
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
