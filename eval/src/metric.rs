//! The metrics by the names that people write: ndcg@10, recall@100, map.

use std::fmt;
use std::str::FromStr;

use crate::ranking::{
    Judgments, average_precision, hit_rate_at, ndcg_at, precision_at, recall_at, reciprocal_rank,
};
use lexivec_query::{Error, Result};

/// Most ranks that a metric reads.
pub const MAX_METRIC_DEPTH: usize = 1_000;
/// Places that those look at whose name has no number.
const DEFAULT_DEPTH: usize = 100;

/// A metric of one ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    kind: Kind,
    k: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ndcg,
    Recall,
    Precision,
    HitRate,
    Map,
    Mrr,
}

const NAMES: [(&str, Kind); 6] = [
    ("ndcg", Kind::Ndcg),
    ("recall", Kind::Recall),
    ("precision", Kind::Precision),
    ("hit_rate", Kind::HitRate),
    ("map", Kind::Map),
    ("mrr", Kind::Mrr),
];

impl Default for Metric {
    /// nDCG of the first 10.
    fn default() -> Self {
        Self { kind: Kind::Ndcg, k: 10 }
    }
}

impl Metric {
    /// Places it looks at.
    pub fn depth(&self) -> usize {
        self.k
    }

    /// Its value for a ranking, 0 to 1.
    pub fn of(&self, ranking: &[&str], judgments: &Judgments) -> f64 {
        let seen = ranking.get(..self.k).unwrap_or(ranking);
        match self.kind {
            Kind::Ndcg => ndcg_at(seen, judgments, self.k),
            Kind::Recall => recall_at(seen, judgments, self.k),
            Kind::Precision => precision_at(seen, judgments, self.k),
            Kind::HitRate => hit_rate_at(seen, judgments, self.k),
            Kind::Map => average_precision(seen, judgments),
            Kind::Mrr => reciprocal_rank(seen, judgments),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        write!(f, "{name}@{}", self.k)
    }
}

impl FromStr for Metric {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let (name, k) = match text.split_once('@') {
            Some((name, k)) => (name, k.parse().ok()),
            None => (text, Some(DEFAULT_DEPTH)),
        };
        let kind = NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind);
        let k = k.filter(|k| (1..=MAX_METRIC_DEPTH).contains(k));
        match (kind, k) {
            (Some(kind), Some(k)) => Ok(Self { kind, k }),
            _ => {
                let names = NAMES.map(|(name, _)| format!("{name}@K")).join(", ");
                let detail = format!(
                    "{text:?} is not known; use one of {names}, K from 1 to {MAX_METRIC_DEPTH}"
                );
                Err(Error::invalid("metric", detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_their_metrics() {
        let judgments: Judgments = [("a", 1), ("b", 1)].map(|(d, g)| (d.to_owned(), g)).into();
        let ranking = ["x", "a", "y", "b"];
        for (name, written, value) in [
            ("recall@2", "recall@2", 0.5),
            ("precision@4", "precision@4", 0.5),
            ("hit_rate@1", "hit_rate@1", 0.0),
            ("MRR", "mrr@100", 0.5),
            ("map", "map@100", 0.5),
            ("map@2", "map@2", 0.25),
            ("nDCG@10", "ndcg@10", ndcg_at(&ranking, &judgments, 10)),
        ] {
            let metric: Metric = name.parse().expect("known");
            assert_eq!(
                (metric.to_string().as_str(), metric.of(&ranking, &judgments)),
                (written, value)
            );
        }
        for name in ["", "ndcg@", "ndcg@0", "ndcg@1001", "ndgc@10", "map@x"] {
            assert!(name.parse::<Metric>().is_err(), "{name}");
        }
    }
}
