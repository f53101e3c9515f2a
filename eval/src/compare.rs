//! Paired tests of two systems on the same queries: is the difference more than chance?

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::interval::Interval;
use crate::random::SplitMix;
use crate::statistics::{mean, percentile_of_sorted};
use lexivec_query::{Error, Result};

/// Most resamples and random signs: a million for a thousand pairs takes a few seconds.
pub const MAX_RESAMPLES: usize = 1_000_000;
/// Per cent of the resampled means that lie below and above the interval, for one of 95 %.
const TAILS: [f64; 2] = [2.5, 97.5];

/// Number of draws of a paired test, and their seed; the same seed gives the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Resampling {
    /// Draws of each kind, from 1 to [`MAX_RESAMPLES`].
    pub resamples: usize,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Default for Resampling {
    /// 10,000 draws: a p-value of 0.05 is then known to 0.004.
    fn default() -> Self {
        Self { resamples: 10_000, seed: 0 }
    }
}

/// Inference from the differences of measured pairs on all pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedTest {
    /// The pairs.
    pub pairs: usize,
    /// The mean difference, in the unit of the differences, and its 95 % bootstrap interval. The
    /// truth is inside in 93 to 95 of 100 measurements of 200 pairs, in 90 to 93 of 50 pairs, and
    /// in fewer where there are fewer: what a handful of pairs does not show is not resampled.
    pub difference: Interval,
    /// Probability of a mean difference at least as far from 0, to either side, if the two systems are
    /// equally good; 0 to 1. Of several metrics tested together some are low by chance: choose one
    /// beforehand, or correct for their number.
    pub p_value: f64,
}

/// Tests whether the mean of paired differences (B minus A, one for each query) is other than 0.
///
/// The interval is the percentile bootstrap (Efron, "Bootstrap methods: another look at the
/// jackknife", 1979) of whole pairs. The p-value is Fisher's randomisation test ("The design of
/// experiments", 1935), for which Smucker, Allan and Carterette ("A comparison of statistical
/// significance tests for information retrieval evaluation", 2007) found no better one: where the
/// systems are equal, each difference might as well have the other sign. The measured draw counts
/// as one of them, so that the p-value is never 0 (Phipson and Smyth, 2010).
///
/// # Errors
/// Fewer than two differences, one that is not a finite number, or resamples outside of their
/// limits.
pub fn paired_test(differences: &[f64], resampling: &Resampling) -> Result<PairedTest> {
    let mut random = check("paired differences", differences, resampling)?;
    let resamples = resampling.resamples;
    let [low, high] = bootstrap(differences, resamples, &mut random);
    let p_value = randomisation(differences, resamples, &mut random);
    let difference = Interval { mean: mean(differences), low, high };
    Ok(PairedTest { pairs: differences.len(), difference, p_value })
}

/// The mean of values (one for each query) and its 95 % interval, by the same bootstrap.
///
/// # Errors
/// As [`paired_test`].
pub fn mean_interval(values: &[f64], resampling: &Resampling) -> Result<Interval> {
    let mut random = check("values", values, resampling)?;
    let [low, high] = bootstrap(values, resampling.resamples, &mut random);
    Ok(Interval { mean: mean(values), low, high })
}

/// Refuses what cannot be resampled; gives the source of the draws.
fn check(what: &str, values: &[f64], resampling: &Resampling) -> Result<SplitMix> {
    let count = values.len();
    if count < 2 {
        let detail = format!("{count} given; at least 2 are needed to estimate their spread");
        return Err(Error::invalid(what, detail));
    }
    if let Some(i) = values.iter().position(|d| !d.is_finite()) {
        return Err(Error::invalid(format!("{what}[{i}]"), "it is not a finite number"));
    }
    let Resampling { resamples, seed } = *resampling;
    if resamples == 0 {
        return Err(Error::invalid("resamples", "at least 1 is needed"));
    }
    if resamples > MAX_RESAMPLES {
        let what = "resamples".to_owned();
        return Err(Error::TooLarge { what, limit: MAX_RESAMPLES, found: resamples });
    }
    Ok(SplitMix::new(seed))
}

/// Bounds that hold the middle 95 % of the means of as many differences, drawn with replacement.
fn bootstrap(differences: &[f64], resamples: usize, random: &mut SplitMix) -> [f64; 2] {
    let n = differences.len();
    let mut drawn =
        |_| differences.get(random.below(n as u64) as usize).copied().unwrap_or_default();
    let mut means: Vec<f64> =
        (0..resamples).map(|_| (0..n).map(&mut drawn).sum::<f64>() / n as f64).collect();
    means.sort_unstable_by(f64::total_cmp);
    TAILS.map(|percent| percentile_of_sorted(&means, percent))
}

/// Share of random signs under which the sum is at least as far from 0 as it is.
fn randomisation(differences: &[f64], resamples: usize, random: &mut SplitMix) -> f64 {
    let observed = differences.iter().sum::<f64>().abs();
    // Sums of the same differences in another arrangement of signs may differ by a rounding.
    let rounding = differences.iter().map(|d| d.abs()).sum::<f64>() * 1e-12;
    let mut as_far = 1usize;
    for _ in 0..resamples {
        let mut sum = 0.0;
        for some in differences.chunks(64) {
            let mut signs = random.bits();
            for difference in some {
                sum += if signs & 1 == 0 { *difference } else { -difference };
                signs >>= 1;
            }
        }
        as_far += usize::from(sum.abs() >= observed - rounding);
    }
    as_far as f64 / (resamples + 1) as f64
}

/// Two measurements of each of the same things, in the order of their ids.
///
/// # Errors
/// Names an id that only one side has.
pub fn pairs<'a, K: Ord + Debug, T>(
    a: &'a BTreeMap<K, T>,
    b: &'a BTreeMap<K, T>,
) -> Result<Vec<(&'a T, &'a T)>> {
    for (side, other, here, there) in [("A", "B", a, b), ("B", "A", b, a)] {
        if let Some(id) = here.keys().find(|id| !there.contains_key(id)) {
            return Err(Error::invalid(side, format!("{id:?} is not in {other}: no pair")));
        }
    }
    Ok(a.values().zip(b.values()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every arrangement of signs: the p-value that random ones come near to.
    fn exact_p_value(differences: &[f64]) -> f64 {
        let n = differences.len();
        let observed = differences.iter().sum::<f64>().abs();
        let sum = |signs: u32| -> f64 {
            let signed = |(i, d): (usize, &f64)| if signs >> i & 1 == 0 { *d } else { -d };
            differences.iter().enumerate().map(signed).sum()
        };
        let as_far = (0..1u32 << n).filter(|&s| sum(s).abs() >= observed - 1e-9).count();
        as_far as f64 / f64::from(1u32 << n)
    }

    #[test]
    fn the_p_value_is_that_of_all_arrangements_of_signs() {
        for differences in [
            &[1.0, 1.0][..],
            &[0.1, 0.2, 0.3, -0.1, 0.05],
            &[0.1, 0.1, 0.1, -0.1, 0.1, 0.1, 0.0, 0.1],
            &[0.3, -0.3, 0.1],
            &[5.0, 3.0, 4.0, 6.0, 2.0, 5.0, 4.0, 3.0, 6.0, 1.0],
            &[0.0, 0.0, 0.0],
        ] {
            let tested = paired_test(differences, &Resampling::default()).expect("tested");
            let exact = exact_p_value(differences);
            assert!((tested.p_value - exact).abs() < 0.015, "{differences:?}: {tested:?}, {exact}");
            let turned: Vec<f64> = differences.iter().map(|d| -d).collect();
            let turned = paired_test(&turned, &Resampling::default()).expect("tested");
            assert_eq!(turned.p_value, tested.p_value);
        }
    }

    #[test]
    fn the_interval_is_that_of_means_drawn_with_replacement() {
        // The means are 0, 1/2 and 1, drawn in 1, 2 and 1 of 4 resamples.
        let tested = paired_test(&[0.0, 1.0], &Resampling::default()).expect("tested");
        assert_eq!(tested.difference, Interval { mean: 0.5, low: 0.0, high: 1.0 });
        let mut one = vec![0.0; 39];
        one.push(40.0);
        let tested = paired_test(&one, &Resampling::default()).expect("tested");
        // The last is drawn as often as a Poisson variable of mean 1 says: 3 times within 97.5 %.
        assert_eq!(tested.difference, Interval { mean: 1.0, low: 0.0, high: 3.0 });
    }

    /// Differences as systems have them: none on most queries, some on a few.
    fn differences(random: &mut SplitMix, n: usize, gain: f64) -> Vec<f64> {
        let mut one = || match random.below(10) {
            0..6 => 0.0,
            _ => random.below(2_001) as f64 / 1_000.0 - 1.0 + gain,
        };
        (0..n).map(|_| one()).collect()
    }

    #[test]
    fn equal_systems_are_told_apart_as_often_as_promised_and_others_more_often() {
        let resampling = Resampling { resamples: 500, seed: 3 };
        let mut random = SplitMix::new(5);
        for n in [50, 200] {
            let (mut false_alarms, mut found, mut inside) = (0, 0, 0);
            for _ in 0..1_000 {
                let equal = paired_test(&differences(&mut random, n, 0.0), &resampling);
                let equal = equal.expect("tested");
                false_alarms += usize::from(equal.p_value <= 0.05);
                inside += usize::from(equal.difference.low <= 0.0 && 0.0 <= equal.difference.high);
                let better = paired_test(&differences(&mut random, n, 0.5), &resampling);
                found += usize::from(better.expect("tested").p_value <= 0.05);
            }
            assert!((30..70).contains(&false_alarms), "{n}: {false_alarms} of 1,000");
            assert!((915..970).contains(&inside), "{n}: {inside} of 1,000");
            assert!(found > 800, "{n}: {found} of 1,000");
        }
    }

    #[test]
    fn a_seed_repeats_a_test_and_bad_input_is_refused() {
        let sample = differences(&mut SplitMix::new(1), 100, 0.1);
        let with = |resamples, seed| paired_test(&sample, &Resampling { resamples, seed });
        assert_eq!(with(1_000, 1), with(1_000, 1));
        assert_ne!(with(1_000, 1), with(1_000, 2));
        assert!(with(0, 1).is_err() && with(MAX_RESAMPLES + 1, 1).is_err());
        for (differences, expected) in [
            (&[][..], "paired differences: 0 given"),
            (&[1.0], "paired differences: 1 given"),
            (&[1.0, f64::NAN], "paired differences[1]: it is not a finite number"),
        ] {
            let error = paired_test(differences, &Resampling::default()).expect_err("refused");
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }

    #[test]
    fn only_what_both_have_is_paired() {
        let map = |ids: &[u32]| ids.iter().map(|&id| (id, id * 10)).collect::<BTreeMap<_, _>>();
        let (ab, ba) = (map(&[2, 1]), map(&[1, 2]));
        assert_eq!(pairs(&ab, &ba).expect("pairs"), [(&10, &10), (&20, &20)]);
        let one = map(&[1]);
        for (a, b, expected) in [(&ab, &one, "A: 2 is not in B"), (&one, &ab, "B: 2 is not in A")] {
            let error = pairs(a, b).expect_err("must be refused").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
