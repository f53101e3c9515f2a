//! Metrics of ranked lists, as trec_eval defines them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::trec::{Qrels, Run};

/// Grades of one query's documents; above 0 is relevant.
pub type Judgments = BTreeMap<String, i64>;

fn grade(judgments: &Judgments, document: &str) -> i64 {
    judgments.get(document).copied().unwrap_or(0).max(0)
}

fn relevant(judgments: &Judgments) -> usize {
    judgments.values().filter(|&&g| g > 0).count()
}

fn hits(ranking: &[&str], judgments: &Judgments, k: usize) -> usize {
    ranking.iter().take(k).filter(|d| grade(judgments, d) > 0).count()
}

/// Normalised discounted cumulative gain of the first `k`: linear gain, discount log2(rank + 1)
/// (Järvelin and Kekäläinen, 2002). 0 where nothing is relevant.
pub fn ndcg_at(ranking: &[&str], judgments: &Judgments, k: usize) -> f64 {
    let gain = |grades: &mut dyn Iterator<Item = i64>| -> f64 {
        grades.take(k).enumerate().map(|(i, g)| g as f64 / ((i + 2) as f64).log2()).sum()
    };
    let mut ideal: Vec<i64> = judgments.values().copied().filter(|&g| g > 0).collect();
    ideal.sort_unstable_by(|a, b| b.cmp(a));
    let best = gain(&mut ideal.into_iter());
    if best == 0.0 {
        return 0.0;
    }
    gain(&mut ranking.iter().map(|d| grade(judgments, d))) / best
}

/// Share of the relevant documents among the first `k`; 0 where nothing is relevant.
pub fn recall_at(ranking: &[&str], judgments: &Judgments, k: usize) -> f64 {
    match relevant(judgments) {
        0 => 0.0,
        all => hits(ranking, judgments, k) as f64 / all as f64,
    }
}

/// Share of relevant documents among the first `k` places.
pub fn precision_at(ranking: &[&str], judgments: &Judgments, k: usize) -> f64 {
    if k == 0 { 0.0 } else { hits(ranking, judgments, k) as f64 / k as f64 }
}

/// 1 if one of the first `k` is relevant.
pub fn hit_rate_at(ranking: &[&str], judgments: &Judgments, k: usize) -> f64 {
    if hits(ranking, judgments, k) > 0 { 1.0 } else { 0.0 }
}

/// Mean of the precisions at the relevant documents, over all that are relevant.
pub fn average_precision(ranking: &[&str], judgments: &Judgments) -> f64 {
    let mut found = 0;
    let mut sum = 0.0;
    for (i, document) in ranking.iter().enumerate() {
        if grade(judgments, document) > 0 {
            found += 1;
            sum += f64::from(found) / (i + 1) as f64;
        }
    }
    match relevant(judgments) {
        0 => 0.0,
        all => sum / all as f64,
    }
}

/// One over the rank of the first relevant document; 0 if there is none.
pub fn reciprocal_rank(ranking: &[&str], judgments: &Judgments) -> f64 {
    let first = ranking.iter().position(|d| grade(judgments, d) > 0);
    first.map_or(0.0, |i| 1.0 / (i + 1) as f64)
}

/// Metrics of one query, or their means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// nDCG of the first 10.
    #[serde(rename = "ndcg@10")]
    pub ndcg_at_10: f64,
    /// Recall of the first 100.
    #[serde(rename = "recall@100")]
    pub recall_at_100: f64,
    /// (Mean) average precision.
    pub map: f64,
    /// (Mean) reciprocal rank.
    pub mrr: f64,
}

impl Scores {
    /// Each value, and the name of its metric.
    pub fn named(&self) -> [(&'static str, f64); 4] {
        [
            ("ndcg@10", self.ndcg_at_10),
            ("recall@100", self.recall_at_100),
            ("map", self.map),
            ("mrr", self.mrr),
        ]
    }
}

/// Means over the judged queries that have a relevant document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The means.
    #[serde(flatten)]
    pub mean: Scores,
    /// Queries they are taken over.
    pub queries: usize,
    /// Each of those queries.
    #[serde(skip)]
    pub per_query: BTreeMap<String, Scores>,
}

/// Scores a run. A judged query without hits counts as 0; one without a relevant document, or
/// without judgments, does not count.
pub fn evaluate(run: &Run, qrels: &Qrels) -> Summary {
    let mut summary = Summary::default();
    for (query, judgments) in qrels.iter().filter(|(_, j)| relevant(j) > 0) {
        let ranking: Vec<&str> =
            run.get(query).into_iter().flatten().map(|(document, _)| document.as_str()).collect();
        let scores = Scores {
            ndcg_at_10: ndcg_at(&ranking, judgments, 10),
            recall_at_100: recall_at(&ranking, judgments, 100),
            map: average_precision(&ranking, judgments),
            mrr: reciprocal_rank(&ranking, judgments),
        };
        summary.per_query.insert(query.clone(), scores);
    }
    summary.queries = summary.per_query.len();
    if summary.queries > 0 {
        let mean = |pick: fn(&Scores) -> f64| {
            summary.per_query.values().map(pick).sum::<f64>() / summary.queries as f64
        };
        summary.mean = Scores {
            ndcg_at_10: mean(|s| s.ndcg_at_10),
            recall_at_100: mean(|s| s.recall_at_100),
            map: mean(|s| s.map),
            mrr: mean(|s| s.mrr),
        };
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(grades: &[(&str, i64)]) -> Judgments {
        grades.iter().map(|&(d, g)| (d.to_owned(), g)).collect()
    }

    #[test]
    fn metrics_are_the_worked_out_ones() {
        let judgments = judged(&[("a", 3), ("b", 1), ("c", 0), ("d", 2), ("e", -1)]);
        let ranking = ["c", "a", "x", "b", "e"];
        let log = |n: f64| n.log2();
        let gained = 3.0 / log(3.0) + 1.0 / log(5.0);
        let ideal = 3.0 / log(2.0) + 2.0 / log(3.0) + 1.0 / log(4.0);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        close(ndcg_at(&ranking, &judgments, 10), gained / ideal);
        close(ndcg_at(&ranking, &judgments, 2), 3.0 / log(3.0) / (3.0 + 2.0 / log(3.0)));
        close(recall_at(&ranking, &judgments, 2), 1.0 / 3.0);
        close(recall_at(&ranking, &judgments, 100), 2.0 / 3.0);
        close(precision_at(&ranking, &judgments, 5), 2.0 / 5.0);
        close(hit_rate_at(&ranking, &judgments, 1), 0.0);
        close(hit_rate_at(&ranking, &judgments, 2), 1.0);
        close(average_precision(&ranking, &judgments), (1.0 / 2.0 + 2.0 / 4.0) / 3.0);
        close(reciprocal_rank(&ranking, &judgments), 0.5);
        let none = judged(&[("a", 0)]);
        close(ndcg_at(&["a"], &none, 10) + recall_at(&["a"], &none, 10), 0.0);
    }

    #[test]
    fn a_query_without_hits_counts_and_one_without_relevant_documents_does_not() {
        let qrels = Qrels::from([
            ("1".to_owned(), judged(&[("a", 1)])),
            ("2".to_owned(), judged(&[("a", 1)])),
            ("3".to_owned(), judged(&[("a", 0)])),
        ]);
        let run = Run::from([
            ("1".to_owned(), vec![("a".to_owned(), 1.0)]),
            ("9".to_owned(), vec![("a".to_owned(), 1.0)]),
        ]);
        let summary = evaluate(&run, &qrels);
        assert_eq!((summary.queries, summary.mean.map, summary.mean.mrr), (2, 0.5, 0.5));
    }
}
