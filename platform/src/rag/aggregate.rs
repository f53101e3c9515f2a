//! The figures of a whole suite of answered cases.

use serde::{Deserialize, Serialize};

use super::{EvaluationResult, quality};
use crate::error::{Error, Result};
use lexivec_eval::statistics::{mean, median, pass_rate, percentile, population_std};

/// The score from which on a case passes.
pub const PASS_THRESHOLD: f64 = 0.7;

/// Means, medians, population standard deviations, percentiles and pass rates over the cases of a
/// suite. Scores, rates and qualities are from 0 to 1, latencies in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // each field is a metric and one of the statistics named above
pub struct AggregatedMetrics {
    pub num_test_cases: usize,
    pub faithfulness_mean: f64,
    pub faithfulness_median: f64,
    pub faithfulness_std: f64,
    pub answer_relevancy_mean: f64,
    pub answer_relevancy_median: f64,
    pub answer_relevancy_std: f64,
    pub context_precision_mean: f64,
    pub context_precision_median: f64,
    pub context_precision_std: f64,
    pub context_recall_mean: f64,
    pub context_recall_median: f64,
    pub context_recall_std: f64,
    pub latency_p50: f64,
    pub latency_p90: f64,
    pub latency_p99: f64,
    pub latency_mean: f64,
    /// [`Metrics::quality`](super::Metrics::quality) of the means.
    pub overall_quality_score: f64,
    /// Share of the cases that pass, as of the two below.
    pub faithfulness_pass_rate: f64,
    pub answer_relevancy_pass_rate: f64,
    pub context_precision_pass_rate: f64,
}

impl AggregatedMetrics {
    /// The figures of some results, a case passing from [`PASS_THRESHOLD`] on.
    ///
    /// # Errors
    /// [`Error::NoResults`] of none; names a result with a figure that is not a finite number.
    pub fn of(results: &[EvaluationResult]) -> Result<Self> {
        Self::passing(results, PASS_THRESHOLD)
    }

    /// The figures of some results, a case passing from this score on.
    ///
    /// # Errors
    /// Those of [`AggregatedMetrics::of`].
    pub fn passing(results: &[EvaluationResult], threshold: f64) -> Result<Self> {
        if results.is_empty() {
            return Err(Error::NoResults);
        }
        for (i, result) in results.iter().enumerate() {
            if !result.figures().iter().all(|figure| figure.is_finite()) {
                let detail = "a score or the latency is not a finite number";
                return Err(Error::invalid(format!("results[{i}]"), detail));
            }
        }
        let column = |figure: fn(&EvaluationResult) -> f64| -> Vec<f64> {
            results.iter().map(figure).collect()
        };
        let faithfulness = column(|r| r.metrics.faithfulness);
        let relevancy = column(|r| r.metrics.answer_relevancy);
        let precision = column(|r| r.metrics.context_precision);
        let recall = column(|r| r.metrics.context_recall);
        let latency = column(|r| r.latency_ms);
        let means = [&faithfulness, &relevancy, &precision, &recall].map(|scores| mean(scores));
        Ok(Self {
            num_test_cases: results.len(),
            faithfulness_mean: means[0],
            faithfulness_median: median(&faithfulness),
            faithfulness_std: population_std(&faithfulness),
            answer_relevancy_mean: means[1],
            answer_relevancy_median: median(&relevancy),
            answer_relevancy_std: population_std(&relevancy),
            context_precision_mean: means[2],
            context_precision_median: median(&precision),
            context_precision_std: population_std(&precision),
            context_recall_mean: means[3],
            context_recall_median: median(&recall),
            context_recall_std: population_std(&recall),
            latency_p50: percentile(&latency, 50.0),
            latency_p90: percentile(&latency, 90.0),
            latency_p99: percentile(&latency, 99.0),
            latency_mean: mean(&latency),
            overall_quality_score: quality(means),
            faithfulness_pass_rate: pass_rate(&faithfulness, threshold),
            answer_relevancy_pass_rate: pass_rate(&relevancy, threshold),
            context_precision_pass_rate: pass_rate(&precision, threshold),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rag::Metrics;

    fn result(scores: [f64; 4], latency_ms: f64) -> EvaluationResult {
        let [faithfulness, answer_relevancy, context_precision, context_recall] = scores;
        let metrics = Metrics {
            faithfulness,
            answer_relevancy,
            context_precision,
            context_recall,
            ..Metrics::default()
        };
        EvaluationResult { metrics, latency_ms, ..EvaluationResult::default() }
    }

    #[test]
    fn figures_are_the_worked_out_ones() {
        let figures = AggregatedMetrics::of(&[
            result([1.0, 0.7, 0.5, 0.0], 10.0),
            result([0.5, 0.7, 0.0, 0.0], 20.0),
            result([0.0, 0.1, 1.0, 0.75], 40.0),
        ])
        .expect("figures");
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        close(figures.faithfulness_mean, 0.5);
        close(figures.faithfulness_std, (0.5f64 / 3.0).sqrt());
        close(figures.answer_relevancy_mean, 0.5);
        close(figures.answer_relevancy_median, 0.7);
        close(figures.context_precision_median, 0.5);
        close(figures.context_recall_mean, 0.25);
        close(figures.context_recall_std, 0.125f64.sqrt());
        close(figures.latency_p50, 20.0);
        close(figures.latency_p90, 36.0);
        close(figures.latency_p99, 39.6);
        close(figures.latency_mean, 70.0 / 3.0);
        close(figures.overall_quality_score, 0.3 * 0.5 + 0.3 * 0.5 + 0.2 * 0.5 + 0.2 * 0.25);
        close(figures.faithfulness_pass_rate, 1.0 / 3.0);
        close(figures.answer_relevancy_pass_rate, 2.0 / 3.0);
        close(figures.context_precision_pass_rate, 1.0 / 3.0);
    }

    #[test]
    fn cases_pass_from_the_threshold_on() {
        let results = [result([0.4, 0.5, 0.0, 0.0], 1.0), result([0.6, 0.7, 0.0, 0.0], 1.0)];
        let rates = |threshold| {
            let figures = AggregatedMetrics::passing(&results, threshold).expect("figures");
            (figures.faithfulness_pass_rate, figures.answer_relevancy_pass_rate)
        };
        assert_eq!((rates(0.5), rates(0.7)), ((0.5, 1.0), (0.0, 0.5)));
    }

    #[test]
    fn no_result_and_no_number_have_no_figures() {
        assert_eq!(AggregatedMetrics::of(&[]), Err(Error::NoResults));
        for bad in [result([f64::NAN, 0.0, 0.0, 0.0], 1.0), result([0.0; 4], f64::INFINITY)] {
            let error = AggregatedMetrics::of(&[result([0.0; 4], 1.0), bad]).expect_err("refused");
            assert!(error.to_string().starts_with("results[1]: "), "{error}");
        }
    }
}
