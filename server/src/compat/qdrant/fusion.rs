//! Fusion of prefetched lists by Qdrant's rules.

use std::collections::HashMap;

use serde_json::Value;

use crate::error::{ApiResult, Problem};

/// The rank constant if none is given; ranks count from 0.
const RANK_CONSTANT: f64 = 2.0;
/// Standard deviations from the mean to which distribution-based fusion maps 0 and 1.
const DEVIATIONS: f64 = 3.0;

/// A row and its score, best first in a list.
pub(super) type Scored = (String, f64);

/// A rule of fusion.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fusion {
    /// The sum of 1 / (rank constant + rank), with weights if they are given.
    Rrf { k: f64, weights: Option<Vec<f64>> },
    /// The sum of the scores, each brought to 0..=1 by the mean and the standard deviation of its list.
    Dbsf,
}

impl Fusion {
    /// The rule that a name means.
    pub(super) fn named(name: &Value) -> ApiResult<Self> {
        match name.as_str() {
            Some("rrf") => Ok(Self::Rrf { k: RANK_CONSTANT, weights: None }),
            Some("dbsf") => Ok(Self::Dbsf),
            _ => Err(Problem::bad_request(format!("query.fusion: {name} is not rrf or dbsf"))),
        }
    }

    /// Reciprocal rank fusion with its constants.
    pub(super) fn rrf(json: &Value) -> ApiResult<Self> {
        let refused = |at: &str| Problem::bad_request(format!("query.rrf{at} is not supported"));
        let map = json.as_object().ok_or_else(|| refused(""))?;
        if let Some(unknown) = map.keys().find(|key| !["k", "weights"].contains(&key.as_str())) {
            return Err(refused(&format!(".{unknown}")));
        }
        let given = |name: &str| map.get(name).filter(|value| !value.is_null());
        let k = match given("k") {
            None => RANK_CONSTANT,
            Some(k) => k.as_f64().filter(|k| *k >= 1.0).ok_or_else(|| refused(".k"))?,
        };
        let weights = given("weights").map(|list| {
            let weights = list.as_array().and_then(|l| l.iter().map(Value::as_f64).collect());
            weights.ok_or_else(|| refused(".weights"))
        });
        Ok(Self::Rrf { k, weights: weights.transpose()? })
    }

    /// One list of many.
    pub(super) fn fuse(&self, lists: &[Vec<Scored>]) -> ApiResult<Vec<Scored>> {
        let mut fused: Vec<Scored> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut add = |id: &'_ String, score: f64, place: Option<usize>| match place {
            Some(place) => {
                if let Some((_, sum)) = fused.get_mut(place) {
                    *sum += score;
                }
                place
            }
            None => {
                fused.push((id.clone(), score));
                fused.len() - 1
            }
        };
        for (index, list) in lists.iter().enumerate() {
            let scores = match self {
                Self::Rrf { k, weights } => {
                    let weight = match weights {
                        None => 1.0,
                        Some(weights) if weights.len() == lists.len() => {
                            weights.get(index).copied().unwrap_or(1.0)
                        }
                        Some(weights) => {
                            let (given, lists) = (weights.len(), lists.len());
                            let detail = format!("query.rrf.weights: {given} for {lists} lists");
                            return Err(Problem::bad_request(detail));
                        }
                    };
                    (0..list.len()).map(|rank| reciprocal(rank, *k, weight)).collect()
                }
                Self::Dbsf => by_distribution(list),
            };
            for ((id, _), score) in list.iter().zip(scores) {
                let place = places.get(id.as_str()).copied();
                places.insert(id, add(id, score, place));
            }
        }
        fused.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(fused)
    }
}

fn reciprocal(rank: usize, k: f64, weight: f64) -> f64 {
    match weight > 0.0 {
        true => 1.0 / ((rank as f64 + 1.0) / weight + k - 1.0),
        false => 0.0,
    }
}

/// The scores of a list, brought to 0..=1.
fn by_distribution(list: &[Scored]) -> Vec<f64> {
    let count = list.len() as f64;
    let mean = list.iter().map(|(_, score)| score).sum::<f64>() / count;
    let squares: f64 = list.iter().map(|(_, score)| (score - mean).powi(2)).sum();
    let variance = squares / (count - 1.0);
    if list.len() < 2 || variance == 0.0 {
        return vec![0.5; list.len()];
    }
    let spread = DEVIATIONS * variance.sqrt();
    list.iter().map(|(_, score)| (score - mean + spread) / (2.0 * spread)).collect()
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;

    fn list(rows: &[(&str, f64)]) -> Vec<Scored> {
        rows.iter().map(|(id, score)| ((*id).to_owned(), *score)).collect()
    }

    #[test]
    fn ranks_count_from_zero_with_a_constant_of_two() {
        let lists = [list(&[("a", 9.0), ("b", 8.0)]), list(&[("b", 0.3), ("c", 0.2)])];
        let fusion = Fusion::Rrf { k: 2.0, weights: None };
        let fused = fusion.fuse(&lists).expect("fused");
        assert_eq!(fused, list(&[("b", 1.0 / 3.0 + 0.5), ("a", 0.5), ("c", 1.0 / 3.0)]));
        let weighted = Fusion::Rrf { k: 2.0, weights: Some(vec![2.0, 0.0]) };
        let fused = weighted.fuse(&lists).expect("fused");
        assert_eq!(fused, list(&[("a", 1.0 / 1.5), ("b", 0.5), ("c", 0.0)]));
        let short = Fusion::Rrf { k: 2.0, weights: Some(vec![1.0]) };
        assert!(short.fuse(&lists).is_err());
    }

    #[test]
    fn distributions_are_brought_to_one_scale() {
        let lists = [list(&[("a", 3.0), ("b", 1.0)]), list(&[("b", 7.0)]), Vec::new()];
        let fused = Fusion::Dbsf.fuse(&lists).expect("fused");
        let step = 1.0 / (6.0 * 2.0f64.sqrt());
        let expected = [("b", 1.0 - step), ("a", 0.5 + step)];
        for ((id, score), (wanted, near)) in fused.iter().zip(expected) {
            assert!(id == wanted && (score - near).abs() < 1e-12, "{fused:?}");
        }
    }
}
