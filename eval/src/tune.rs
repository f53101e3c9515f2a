//! Choosing settings by judgments: which are tried, and what the choice is worth on queries that had
//! no part in it.

use std::collections::BTreeMap;

use lexivec_query::limits::{DEFAULT_RRF_K, MAX_RERANK_BUDGET_MS};
use lexivec_query::profile::Profile;
use lexivec_query::request::{Bm25, Fusion, Leg, Mode, Normalize};
use lexivec_query::rerank::Rerank;
use serde::Serialize;

use crate::compare::{PairedTest, Resampling, paired_test};
use crate::random::SplitMix;
use crate::statistics::mean;
use lexivec_query::{Error, Result};

/// Parts the queries are split into where no number is named.
pub const DEFAULT_FOLDS: usize = 5;
/// Probability from which on a gain counts as chance; Fisher's old convention.
pub const SIGNIFICANCE: f64 = 0.05;

/// Constants of BM25 that are tried: from slow to fast saturation, from little to full normalisation.
const K1: [f64; 3] = [0.8, 1.2, 2.0];
const B: [f64; 3] = [0.4, 0.75, 1.0];
/// Weights of a text field that are tried, one field at a time: from those of plain text to far above it.
const FIELD_WEIGHTS: [f64; 4] = [1.0, 2.0, 3.0, 5.0];
/// Most text fields whose weights are tried: each is a hundred more settings of a hybrid search.
const MAX_TRIED_FIELDS: usize = 4;
/// Hits each leg brings that are tried; none is the usual number.
const CANDIDATES: [Option<usize>; 3] = [None, Some(50), Some(200)];
/// The most hits a leg brings in any setting.
pub const MAX_TRIED_CANDIDATES: usize = 200;
/// Weight of one leg that is tried, the others having 1.
const HEAVY: f64 = 2.0;
const RRF_K: [f64; 3] = [DEFAULT_RRF_K, 10.0, 120.0];
/// Candidates of rerankers that are tried, on the default's list: each costs a rerank of every query.
const RERANK_DEPTHS: [usize; 3] = [20, 50, 100];
const ALPHAS: [f64; 7] = [0.5, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8];
/// Shares of the vector leg that are tried over complete scores.
const SHARES: [f64; 8] = [0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8];

/// The settings that are tried for queries that run these legs, where there is a reranker to be tried or not, and
/// with text fields of these weights; the first is the default.
pub fn grid(legs: &[Leg], has_reranker: bool, fields: &[(String, f64)]) -> Vec<Profile> {
    let constants = || {
        let all = K1.into_iter().flat_map(|k1| B.into_iter().map(move |b| Bm25 { k1, b }));
        std::iter::once(None).chain(all.map(Some))
    };
    let mut settings = vec![Profile::default()];
    let mut reranks = Vec::new();
    if legs.contains(&Leg::Text) && legs.contains(&Leg::Vector) {
        reranks.extend(RERANK_DEPTHS.map(|depth| Rerank::exact().depth(depth)));
    }
    if has_reranker {
        let patient = |depth| Rerank::model().depth(depth).budget_ms(MAX_RERANK_BUDGET_MS);
        reranks.extend(RERANK_DEPTHS.map(patient));
    }
    let with = |rerank| Profile { rerank: Some(rerank), ..Profile::default() };
    settings.extend(reranks.into_iter().map(with));
    if legs.len() < 2 {
        if legs.contains(&Leg::Text) {
            let weights = std::iter::once(BTreeMap::new()).chain(weights(fields));
            let with = |field_weights: BTreeMap<String, f64>| {
                let with = move |bm25| Profile {
                    bm25,
                    field_weights: field_weights.clone(),
                    ..Profile::default()
                };
                constants().map(with)
            };
            settings.extend(weights.flat_map(with).skip(1));
        }
        return settings;
    }
    let alone = |leg: Leg| Profile { mode: Some(Mode::from(leg)), ..Profile::default() };
    settings.extend(legs.iter().filter(|leg| **leg != Leg::Text).map(|leg| alone(*leg)));
    for field_weights in weights(fields) {
        let base = Profile { field_weights, ..Profile::default() };
        settings.push(Profile { mode: Some(Mode::Text), ..base.clone() });
        settings.extend(fusions(legs, &base));
    }
    for bm25 in constants() {
        settings.push(Profile { bm25, ..alone(Leg::Text) });
        for candidates in CANDIDATES {
            let mut base = Profile { bm25, ..Profile::default() };
            base.legs.iter_mut().for_each(|(_, leg)| leg.candidates = candidates);
            settings.extend(fusions(legs, &base));
        }
    }
    settings
}

/// The weights of text fields that are tried: of each field those that it does not have.
fn weights(fields: &[(String, f64)]) -> impl Iterator<Item = BTreeMap<String, f64>> {
    fields.iter().take(MAX_TRIED_FIELDS).flat_map(|(field, own)| {
        let others = FIELD_WEIGHTS.into_iter().filter(move |weight| weight != own);
        others.map(|weight| BTreeMap::from([(field.clone(), weight)]))
    })
}

/// The fusions that are tried: each with equal weights, and with each leg heavier in turn where weights count.
fn fusions(legs: &[Leg], base: &Profile) -> Vec<Profile> {
    let with = |fusion, heavy: Option<Leg>| {
        let mut profile = base.clone();
        profile.fusion = Some(fusion);
        if let Some(leg) = heavy {
            profile.legs[leg].weight = Some(HEAVY);
        }
        profile
    };
    let weighed = RRF_K.map(Fusion::rrf).into_iter().chain([Fusion::dbsf()]);
    let heavy = || std::iter::once(None).chain(legs.iter().copied().map(Some));
    let mut all: Vec<Profile> =
        weighed.flat_map(|fusion| heavy().map(move |leg| with(fusion, leg))).collect();
    for normalize in [Normalize::MinMax, Normalize::ZScore] {
        let weighted = ALPHAS.map(|alpha| Fusion::weighted(alpha, normalize));
        all.extend(weighted.map(|fusion| with(fusion, None)));
    }
    all.extend(SHARES.map(|share| with(Fusion::scores(share), None)));
    all
}

/// Gain of a choice, measured on held-out queries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrossValidation {
    /// Mean of the default over all queries.
    pub default: f64,
    /// Mean of each query under the setting that was chosen without its part.
    pub tuned: f64,
    /// The second less the first, query by query. Choices of different parts are made by mostly the
    /// same queries, so that the test is of this way to choose rather than of one setting.
    pub test: PairedTest,
    /// True where the gain is above 0 and its p-value below [`SIGNIFICANCE`].
    pub significant: bool,
    /// The parts.
    pub folds: Vec<Fold>,
    /// Place of the setting that all queries choose.
    pub chosen: usize,
    /// Its mean over the queries it was chosen by, which flatters it.
    pub chosen_mean: f64,
}

/// A part of the queries, scored under the setting that the others choose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fold {
    /// Queries of the part.
    pub queries: usize,
    /// Place of the setting.
    pub chosen: usize,
    /// Its mean on the queries it was chosen by.
    pub train: f64,
    /// Its mean on the part.
    pub held_out: f64,
    /// The default's mean on the part.
    pub default: f64,
}

/// Splits the queries into as many parts at random, chooses for each by the others, and compares what the
/// choice does on the part with the default (Stone, "Cross-validatory choice and assessment of statistical
/// predictions", 1974). `scores` has a row of all settings for each query.
///
/// The choice is the setting that is best on the queries it is made by, if choosing so gains on the average
/// when it is tried within these queries in the same way, and the default otherwise: of hundreds of settings
/// one is best by luck, the more so the fewer the queries (nested validation: Varma and Simon, "Bias in
/// error estimation when using cross-validation for model selection", 2006).
///
/// # Errors
/// Fewer than two parts, fewer queries than parts, rows of different lengths, or no setting but one.
pub fn cross_validate(
    scores: &[Vec<f64>],
    default: usize,
    folds: usize,
    seed: u64,
) -> Result<CrossValidation> {
    let settings = scores.first().map_or(0, Vec::len);
    if folds < 2 || scores.len() < folds {
        let detail = format!(
            "{} queries and {folds} parts; at least 2 parts are needed, and a query for each",
            scores.len()
        );
        return Err(Error::invalid("folds", detail));
    }
    if settings < 2 || default >= settings || scores.iter().any(|row| row.len() != settings) {
        let detail = format!("{settings} settings leave nothing to choose");
        return Err(Error::invalid("settings", detail));
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    SplitMix::new(seed).shuffle(&mut order);
    let table = Table { scores, settings, default };
    let (mut parts, mut differences, mut tuned) = (Vec::new(), Vec::new(), Vec::new());
    for part in 0..folds {
        let (inside, outside) = split(&order, folds, part);
        let chosen = table.choose(&outside, folds);
        parts.push(Fold {
            queries: inside.len(),
            chosen,
            train: table.mean(&outside, chosen),
            held_out: table.mean(&inside, chosen),
            default: table.mean(&inside, default),
        });
        tuned.extend(inside.iter().map(|&q| table.at(q, chosen)));
        differences.extend(inside.iter().map(|&q| table.at(q, chosen) - table.at(q, default)));
    }
    let test = paired_test(&differences, &Resampling { seed, ..Resampling::default() })?;
    let chosen = table.choose(&order, folds);
    Ok(CrossValidation {
        default: table.mean(&order, default),
        tuned: mean(&tuned),
        test,
        significant: test.difference.mean > 0.0 && test.p_value < SIGNIFICANCE,
        folds: parts,
        chosen,
        chosen_mean: table.mean(&order, chosen),
    })
}

/// The queries of a part, and the others.
fn split(order: &[usize], folds: usize, part: usize) -> (Vec<usize>, Vec<usize>) {
    let indices = order.iter().copied().enumerate();
    let (inside, outside): (Vec<_>, Vec<_>) = indices.partition(|(index, _)| index % folds == part);
    let plain = |some: Vec<(usize, usize)>| some.into_iter().map(|(_, query)| query).collect();
    (plain(inside), plain(outside))
}

/// Scores of queries under settings.
struct Table<'a> {
    scores: &'a [Vec<f64>],
    settings: usize,
    default: usize,
}

impl Table<'_> {
    fn at(&self, query: usize, setting: usize) -> f64 {
        self.scores.get(query).and_then(|row| row.get(setting)).copied().unwrap_or_default()
    }

    fn mean(&self, queries: &[usize], setting: usize) -> f64 {
        mean(&queries.iter().map(|&q| self.at(q, setting)).collect::<Vec<f64>>())
    }

    /// The setting that is best on these queries; of equals the default, then the first.
    fn best(&self, queries: &[usize]) -> usize {
        let mut best = (self.default, self.mean(queries, self.default));
        for setting in 0..self.settings {
            let mean = self.mean(queries, setting);
            // What differs by rounding alone is no better.
            if mean > best.1 + 1e-12 {
                best = (setting, mean);
            }
        }
        best.0
    }

    /// The best setting, or the default where taking the best does not gain on queries left out of it.
    fn choose(&self, queries: &[usize], folds: usize) -> usize {
        let gained: f64 = (0..folds)
            .map(|part| {
                let (inside, outside) = split(queries, folds, part);
                let best = self.best(&outside);
                inside.iter().map(|&q| self.at(q, best) - self.at(q, self.default)).sum::<f64>()
            })
            .sum();
        if gained > 0.0 { self.best(queries) } else { self.default }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_begin_with_the_default_name_no_setting_twice_and_keep_to_the_limits() {
        let fields = [("title".to_owned(), 3.0), ("text".to_owned(), 1.5)];
        for (legs, least, weighed) in [
            (&[Leg::Text][..], 13, 70),
            (&[Leg::Vector], 4, 0),
            (&[Leg::Text, Leg::Vector], 700, 200),
        ] {
            let settings = grid(legs, true, &fields);
            assert_eq!(settings.len() - grid(legs, false, &fields).len(), RERANK_DEPTHS.len());
            let plain = settings.iter().filter(|setting| setting.field_weights.is_empty()).count();
            assert_eq!(plain, grid(legs, true, &[]).len(), "{legs:?}");
            assert!(settings.len() - plain >= weighed, "{legs:?}: {}", settings.len());
            assert!(settings.len() >= least, "{legs:?}: {}", settings.len());
            assert_eq!(settings[0], Profile::default());
            for (i, setting) in settings.iter().enumerate() {
                setting.check().expect("within the limits");
                assert!(setting.legs[Leg::Text].candidates.unwrap_or(0) <= MAX_TRIED_CANDIDATES);
                assert!(!settings[..i].contains(setting), "{setting:?} is there twice");
            }
        }
    }

    /// Scores of 60 queries under 8 settings, each better than the first by its gain on the average.
    fn scores(seed: u64, gains: [f64; 8]) -> Vec<Vec<f64>> {
        let mut random = SplitMix::new(seed);
        let mut row = || gains.map(|gain| 0.5 * random.unit() + gain).to_vec();
        (0..60).map(|_| row()).collect()
    }

    #[test]
    fn a_better_setting_is_found_and_its_gain_is_that_of_the_held_out_queries() {
        let found = cross_validate(&scores(1, [0., 0., 0., 0., 0., 0.3, 0., 0.]), 0, 5, 1);
        let found = found.expect("validated");
        assert_eq!(found.chosen, 5);
        assert!(found.significant && found.folds.iter().all(|f| f.chosen == 5), "{found:?}");
        assert_eq!(found.folds.iter().map(|f| f.queries).sum::<usize>(), 60);
        let by_fold: f64 = found.folds.iter().map(|f| f.held_out * f.queries as f64).sum();
        assert!((by_fold / 60.0 - found.tuned).abs() < 1e-12);
        let gain = found.tuned - found.default;
        assert!((gain - found.test.difference.mean).abs() < 1e-12 && (gain - 0.3).abs() < 0.1);
    }

    #[test]
    fn where_none_is_better_a_gain_is_claimed_no_more_often_than_promised() {
        let claimed = (0..200)
            .filter(|&seed| {
                let found = cross_validate(&scores(seed, [0.0; 8]), 0, 5, seed).expect("validated");
                // The queries a setting was chosen by flatter it.
                assert!(found.chosen_mean >= found.tuned - 0.05);
                found.significant
            })
            .count();
        assert!(claimed <= 10, "{claimed} of 200");
    }

    #[test]
    fn a_seed_repeats_a_validation_and_of_equals_the_default_is_chosen() {
        let sample = scores(3, [0.1, 0., 0., 0., 0., 0.1, 0., 0.]);
        assert_eq!(cross_validate(&sample, 0, 4, 9), cross_validate(&sample, 0, 4, 9));
        assert_ne!(cross_validate(&sample, 0, 4, 9), cross_validate(&sample, 0, 4, 8));
        let level = vec![vec![0.5; 3]; 10];
        let found = cross_validate(&level, 1, 5, 0).expect("validated");
        assert_eq!((found.chosen, found.significant, found.test.p_value), (1, false, 1.0));
        for (scores, default, folds) in
            [(&level[..], 0, 1), (&level[..3], 0, 4), (&level, 3, 5), (&[], 0, 2)]
        {
            cross_validate(scores, default, folds, 0).expect_err("refused");
        }
        cross_validate(&vec![vec![0.5]; 9], 0, 3, 0).expect_err("nothing to choose");
    }
}
