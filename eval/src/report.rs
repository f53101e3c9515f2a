//! Confidence intervals of the means of a run, and tests of their difference from another run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::compare::{PairedTest, Resampling, mean_interval, paired_test, pairs};
use crate::interval::Interval;
use crate::ranking::{Scores, Summary, evaluate};
use crate::trec::{Qrels, Run};
use lexivec_query::Result;

/// Figures by the name of their metric.
pub type ByMetric<T> = BTreeMap<&'static str, T>;

/// Means, what is known of them, and of their difference from another run's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The scores of each query, and their means.
    #[serde(flatten)]
    pub summary: Summary,
    /// The 95 % bootstrap interval of each mean; of a single query there are none.
    #[serde(skip_serializing_if = "ByMetric::is_empty")]
    pub intervals: ByMetric<Interval>,
    /// The paired test of each mean against the other run's, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<ByMetric<PairedTest>>,
    /// Queries of which the beginning was searched for, as their texts are longer than what is used.
    #[serde(skip_serializing_if = "is_zero")]
    pub cut_queries: usize,
}

pub(crate) fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Scores a run by judgments, and tests it against another one if there is one.
///
/// # Errors
/// A number of resamples outside of its limits, or another run of other queries or of fewer than two.
pub fn report(
    run: &Run,
    other: Option<&Run>,
    qrels: &Qrels,
    resampling: &Resampling,
) -> Result<Report> {
    let summary = evaluate(run, qrels);
    let intervals = match summary.queries {
        0 | 1 => ByMetric::new(),
        _ => intervals(&summary, resampling)?,
    };
    let against = match other {
        Some(other) => Some(differences(&evaluate(other, qrels), &summary, resampling)?),
        None => None,
    };
    Ok(Report { summary, intervals, against, cut_queries: 0 })
}

/// The 95 % bootstrap interval of each mean.
///
/// # Errors
/// Fewer than two queries, or a number of resamples outside of its limits.
pub fn intervals(summary: &Summary, resampling: &Resampling) -> Result<ByMetric<Interval>> {
    let of = |index: usize| -> Vec<f64> {
        summary.per_query.values().filter_map(|s| Some(s.named().get(index)?.1)).collect()
    };
    let names = Scores::default().named().into_iter().enumerate();
    names.map(|(i, (name, _))| Ok((name, mean_interval(&of(i), resampling)?))).collect()
}

/// The paired test of each mean of the second run against the first, over the same queries.
///
/// # Errors
/// A query that only one of them has, or fewer than two.
pub fn differences(
    a: &Summary,
    b: &Summary,
    resampling: &Resampling,
) -> Result<ByMetric<PairedTest>> {
    let pairs = pairs(&a.per_query, &b.per_query)?;
    let of = |index: usize| -> Vec<f64> {
        let value = |scores: &Scores| scores.named().get(index).map_or(0.0, |named| named.1);
        pairs.iter().map(|(a, b)| value(b) - value(a)).collect()
    };
    let names = Scores::default().named().into_iter().enumerate();
    names.map(|(i, (name, _))| Ok((name, paired_test(&of(i), resampling)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(ndcgs: &[f64]) -> Summary {
        let score = |&ndcg_at_10: &f64| Scores { ndcg_at_10, mrr: 0.5, ..Scores::default() };
        let scores = ndcgs.iter().map(score).enumerate();
        Summary {
            per_query: scores.map(|(i, scores)| (i.to_string(), scores)).collect(),
            ..Summary::default()
        }
    }

    #[test]
    fn each_metric_has_its_own_figures() {
        let (a, b) = (summary(&[0.0, 1.0, 0.2, 0.4]), summary(&[0.1, 1.0, 0.3, 0.5]));
        let resampling = Resampling::default();
        let found = intervals(&a, &resampling).expect("figures");
        assert_eq!(
            found.keys().copied().collect::<Vec<_>>(),
            ["map", "mrr", "ndcg@10", "recall@100"]
        );
        let ndcg = found["ndcg@10"];
        assert!((ndcg.mean - 0.4).abs() < 1e-12 && ndcg.low < 0.2 && ndcg.high > 0.6, "{ndcg:?}");
        assert_eq!((found["mrr"].low, found["mrr"].high), (0.5, 0.5));
        let tests = differences(&a, &b, &resampling).expect("tests");
        assert!((tests["ndcg@10"].difference.mean - 0.075).abs() < 1e-12);
        assert_eq!((tests["mrr"].difference.mean, tests["mrr"].p_value), (0.0, 1.0));
        assert!(differences(&a, &summary(&[0.1]), &resampling).is_err());
        assert!(intervals(&summary(&[0.1]), &resampling).is_err());
    }
}
