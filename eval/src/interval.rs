//! Confidence interval of a measured recall.

use serde::{Deserialize, Serialize};

/// The quantile of the normal distribution that leaves 1 % on either side. With that of 2.5 % the truth
/// was outside of 5 to 7 of 100 intervals of 60 queries: how much queries vary is itself measured.
const Z: f64 = 2.326_348;

/// A mean over queries, and bounds that are to hold the true one in 95 of 100 measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// The mean recall of some queries of `k` hits each; the truth is inside in 95 of 100 or more.
///
/// Wilson's score interval ("Probable inference, the law of succession, and statistical inference",
/// 1927), which holds where recall is near 1 and the normal one does not. Hits of one query are missed
/// together, so that they count as fewer trials than there are: as many as would vary as the queries
/// do (Kish, "Survey sampling", 1965), between one and `k` for each query.
pub fn recall_interval(recalls: &[f64], k: usize) -> Interval {
    let n = recalls.len() as f64;
    if recalls.is_empty() {
        return Interval { mean: 1.0, low: 0.0, high: 1.0 };
    }
    let mean = recalls.iter().sum::<f64>() / n;
    let square: f64 = recalls.iter().map(|r| (r - mean) * (r - mean)).sum();
    let variance = square / (n - 1.0).max(1.0) / n;
    // Few queries that miss much are easily not among those asked: the trials are counted as if one
    // more had been, with all its hits missed.
    let seen = mean * n / (n + 1.0);
    let missed = (mean * mean).max(f64::MIN_POSITIVE) / (n * n);
    let trials = (seen * (1.0 - seen) / (variance + missed)).clamp(n, n * k.max(1) as f64);
    let centre = (mean + Z * Z / (2.0 * trials)) / (1.0 + Z * Z / trials);
    let spread = (mean * (1.0 - mean) / trials + Z * Z / (4.0 * trials * trials)).sqrt();
    let half = Z * spread / (1.0 + Z * Z / trials);
    // The bounds of 0 and 1 may miss them by a rounding.
    Interval { mean, low: (centre - half).clamp(0.0, mean), high: (centre + half).clamp(mean, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_the_mean_and_narrow_with_more_queries() {
        for recalls in [vec![1.0; 50], vec![0.0; 50], vec![0.9; 50], vec![1.0, 0.5, 0.9, 1.0]] {
            let few = recall_interval(&recalls, 10);
            let many = recall_interval(&recalls.repeat(10), 10);
            for i in [few, many] {
                assert!(0.0 <= i.low && i.low <= i.mean && i.mean <= i.high && i.high <= 1.0);
                assert!(i.low < i.high, "{i:?}");
            }
            assert!(many.high - many.low < few.high - few.low, "{recalls:?}");
        }
        assert_eq!(recall_interval(&[], 10).low, 0.0);
    }

    /// Recalls as graphs have them: most queries find all, some miss a few hits, few miss many.
    #[test]
    fn the_truth_is_inside_in_95_of_100_measurements() {
        let mut state = 7u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / (1u64 << 31) as f64
        };
        for hard in [0.02, 0.1, 0.3] {
            let population: Vec<f64> = (0..20_000)
                .map(|_| {
                    let miss = if random() < hard { random() * 0.7 } else { random() * 0.06 };
                    (0..10).filter(|_| random() >= miss).count() as f64 / 10.0
                })
                .collect();
            let truth = population.iter().sum::<f64>() / population.len() as f64;
            for queries in [50, 200] {
                let inside = (0..1_000)
                    .filter(|_| {
                        let pick = |_| population[(random() * population.len() as f64) as usize];
                        let asked: Vec<f64> = (0..queries).map(pick).collect();
                        let i = recall_interval(&asked, 10);
                        i.low <= truth && truth <= i.high
                    })
                    .count();
                assert!((960..1_000).contains(&inside), "{hard} {queries}: {inside} of 1,000");
            }
        }
    }
}
