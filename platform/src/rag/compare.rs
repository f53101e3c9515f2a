//! Two suites compared: which configuration answers better, by how much, and how surely.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{AggregatedMetrics, EvaluationResult};
use crate::error::{Error, Result};
use lexivec_eval::compare::{PairedTest, Resampling, paired_test, pairs};

/// A difference in quality below this names no winner.
pub const NO_CLEAR_WINNER_BELOW: f64 = 0.05;

/// Two experiments side by side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The baseline.
    pub experiment_a: Experiment,
    /// The experiment compared with it.
    pub experiment_b: Experiment,
    /// B over A.
    pub improvements: Improvements,
    /// The better one by quality alone. [`significance`] tests if the difference is more than chance.
    pub recommendation: Recommendation,
}

/// The figures of one experiment that are compared: means from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Experiment {
    /// Cases it answered.
    pub num_test_cases: usize,
    /// Quality of the means.
    pub overall_quality: f64,
    /// Mean faithfulness.
    pub faithfulness: f64,
    /// Mean answer relevancy.
    pub answer_relevancy: f64,
    /// Mean context precision.
    pub context_precision: f64,
    /// Latency that 9 of 10 cases keep within, in milliseconds.
    pub latency_p90: f64,
}

/// Changes from A to B in per cent of A; above 0 is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Improvements {
    /// Of the quality.
    pub overall_quality: f64,
    /// Of the mean faithfulness; 0 where that of A is 0.
    pub faithfulness: f64,
    /// Of the mean answer relevancy; 0 where that of A is 0.
    pub answer_relevancy: f64,
    /// Of the 90th percentile of the latency: above 0 where B is faster.
    pub latency: f64,
}

/// Recommended experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recommendation {
    /// The baseline.
    ExperimentA,
    /// The other.
    ExperimentB,
    /// Their qualities differ by less than [`NO_CLEAR_WINNER_BELOW`].
    NoClearWinner,
}

impl Recommendation {
    /// The experiment of the higher quality, if it is higher by enough.
    pub fn of(a: f64, b: f64) -> Self {
        let gained = b - a;
        if gained.abs() < NO_CLEAR_WINNER_BELOW {
            Self::NoClearWinner
        } else if gained > 0.0 {
            Self::ExperimentB
        } else {
            Self::ExperimentA
        }
    }
}

/// Compares the figures of two experiments, which need not have answered the same cases.
///
/// # Errors
/// Those of [`AggregatedMetrics::of`]; [`Error::ZeroBaseline`] where the quality or the latency of
/// A is 0.
pub fn compare(a: &[EvaluationResult], b: &[EvaluationResult]) -> Result<Comparison> {
    let (a, b) = (AggregatedMetrics::of(a)?, AggregatedMetrics::of(b)?);
    let percent = |what, change: f64, of: f64| match of {
        0.0 => Err(Error::ZeroBaseline { what }),
        _ => Ok(change / of * 100.0),
    };
    let above_zero = |from: f64, to: f64| match from > 0.0 {
        true => (to - from) / from * 100.0,
        false => 0.0,
    };
    let gained = b.overall_quality_score - a.overall_quality_score;
    let saved = a.latency_p90 - b.latency_p90;
    Ok(Comparison {
        experiment_a: Experiment::of(&a),
        experiment_b: Experiment::of(&b),
        improvements: Improvements {
            overall_quality: percent("overall quality", gained, a.overall_quality_score)?,
            faithfulness: above_zero(a.faithfulness_mean, b.faithfulness_mean),
            answer_relevancy: above_zero(a.answer_relevancy_mean, b.answer_relevancy_mean),
            latency: percent("90th percentile of the latency", saved, a.latency_p90)?,
        },
        recommendation: Recommendation::of(a.overall_quality_score, b.overall_quality_score),
    })
}

impl Experiment {
    fn of(figures: &AggregatedMetrics) -> Self {
        Self {
            num_test_cases: figures.num_test_cases,
            overall_quality: figures.overall_quality_score,
            faithfulness: figures.faithfulness_mean,
            answer_relevancy: figures.answer_relevancy_mean,
            context_precision: figures.context_precision_mean,
            latency_p90: figures.latency_p90,
        }
    }
}

/// A paired test of B minus A for each figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs)] // each field is a metric
pub struct Significance {
    pub overall_quality: PairedTest,
    pub faithfulness: PairedTest,
    pub answer_relevancy: PairedTest,
    pub context_precision: PairedTest,
    pub context_recall: PairedTest,
    pub answer_similarity: PairedTest,
    /// In milliseconds: above 0 where B is slower.
    pub latency_ms: PairedTest,
}

/// Tests whether two experiments that answered the same cases differ by more than chance: each case
/// of A is paired with that of the same `test_id` of B.
///
/// # Errors
/// Names a case that is twice in one experiment or in one only; those of [`paired_test`].
pub fn significance(
    a: &[EvaluationResult],
    b: &[EvaluationResult],
    resampling: &Resampling,
) -> Result<Significance> {
    let (a, b) = (by_id("A", a)?, by_id("B", b)?);
    let pairs = pairs(&a, &b)?;
    let test = |figure: fn(&EvaluationResult) -> f64| {
        let differences: Vec<f64> = pairs.iter().map(|(a, b)| figure(b) - figure(a)).collect();
        paired_test(&differences, resampling)
    };
    Ok(Significance {
        overall_quality: test(|r| r.metrics.quality())?,
        faithfulness: test(|r| r.metrics.faithfulness)?,
        answer_relevancy: test(|r| r.metrics.answer_relevancy)?,
        context_precision: test(|r| r.metrics.context_precision)?,
        context_recall: test(|r| r.metrics.context_recall)?,
        answer_similarity: test(|r| r.metrics.answer_similarity)?,
        latency_ms: test(|r| r.latency_ms)?,
    })
}

fn by_id<'a>(
    side: &str,
    results: &'a [EvaluationResult],
) -> Result<BTreeMap<&'a str, &'a EvaluationResult>> {
    let mut by_id = BTreeMap::new();
    for result in results {
        let id = result.test_case.test_id.as_str();
        if by_id.insert(id, result).is_some() {
            return Err(Error::invalid(side, format!("the case {id:?} is there twice: no pair")));
        }
    }
    Ok(by_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rag::{Metrics, TestCase};

    /// Results of cases "0", "1", ... with the same score in each metric.
    fn results(scores: &[(f64, f64)]) -> Vec<EvaluationResult> {
        let result = |(i, &(score, latency_ms)): (usize, &(f64, f64))| EvaluationResult {
            test_case: TestCase { test_id: i.to_string(), ..TestCase::default() },
            metrics: Metrics {
                faithfulness: score,
                answer_relevancy: score,
                context_precision: score,
                context_recall: score,
                answer_similarity: score,
            },
            latency_ms,
            ..EvaluationResult::default()
        };
        scores.iter().enumerate().map(result).collect()
    }

    #[test]
    fn the_better_by_a_margin_is_recommended() {
        use Recommendation::{ExperimentA, ExperimentB, NoClearWinner};
        for (a, b, recommended, quality, latency) in [
            ((0.5, 10.0), (0.75, 20.0), ExperimentB, 50.0, -100.0),
            ((0.75, 20.0), (0.5, 10.0), ExperimentA, -100.0 / 3.0, 50.0),
            ((0.5, 8.0), (0.54, 8.0), NoClearWinner, 8.0, 0.0),
            ((0.5, 8.0), (0.46, 8.0), NoClearWinner, -8.0, 0.0),
            ((0.5, 8.0), (0.56, 8.0), ExperimentB, 12.0, 0.0),
        ] {
            // The suites need not be of one size.
            let compared = compare(&results(&[a]), &results(&[b, b])).expect("compared");
            let sizes =
                (compared.experiment_a.num_test_cases, compared.experiment_b.num_test_cases);
            assert_eq!((compared.recommendation, sizes), (recommended, (1, 2)), "{a:?} {b:?}");
            let Improvements { overall_quality, faithfulness, answer_relevancy, latency: saved } =
                compared.improvements;
            for (found, expected) in [
                (overall_quality, quality),
                (faithfulness, quality),
                (answer_relevancy, quality),
                (saved, latency),
            ] {
                assert!((found - expected).abs() < 1e-9, "{a:?} {b:?}: {found} is not {expected}");
            }
        }
    }

    #[test]
    fn there_is_no_percentage_of_zero() {
        let good = results(&[(0.5, 10.0)]);
        let what = |a: &[EvaluationResult]| match compare(a, &good) {
            Err(Error::ZeroBaseline { what }) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(what(&results(&[(0.0, 10.0)])), "overall quality");
        assert_eq!(what(&results(&[(0.5, 0.0)])), "90th percentile of the latency");
        let mut unfaithful = good.clone();
        unfaithful[0].metrics.faithfulness = 0.0;
        let compared = compare(&unfaithful, &good).expect("compared");
        assert_eq!(compared.improvements.faithfulness, 0.0);
        assert_eq!(compare(&good, &[]), Err(Error::NoResults));
    }

    #[test]
    fn cases_are_paired_by_id() {
        let scores: Vec<(f64, f64)> = (0..20).map(|i| (f64::from(i) / 40.0, 5.0)).collect();
        let a = results(&scores);
        let mut b = results(&scores.iter().map(|s| (s.0 + 0.25, 5.0)).collect::<Vec<_>>());
        b.reverse();
        let tested = significance(&a, &b, &Resampling::default()).expect("tested");
        // Only paired rightly all differences are the same.
        for test in [tested.overall_quality, tested.faithfulness, tested.answer_similarity] {
            assert!((test.difference.low - 0.25).abs() < 1e-12, "{test:?}");
            assert!((test.difference.high - 0.25).abs() < 1e-12, "{test:?}");
            assert!(test.p_value < 0.001 && test.pairs == 20, "{test:?}");
        }
        assert_eq!(tested.latency_ms.p_value, 1.0);

        let error = |a: &[EvaluationResult], b: &[EvaluationResult]| {
            significance(a, b, &Resampling::default()).expect_err("must be refused").to_string()
        };
        assert_eq!(error(&a, &a[1..]), "A: \"0\" is not in B: no pair");
        assert_eq!(error(&a[1..], &a), "B: \"0\" is not in A: no pair");
        let twice = [a.as_slice(), &a[..1]].concat();
        assert_eq!(error(&a, &twice), "B: the case \"0\" is there twice: no pair");
        assert!(error(&a[..1], &b[19..]).starts_with("paired differences: 1 given"));
    }
}
