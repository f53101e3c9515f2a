//! Fusion of a dense and a sparse list as the platform has it: ranks from 0, and a list whose scores are all the same
//! counts as nothing. The engine's own fusions are those of `lexivec_query::fusion`.

use crate::error::{Error, Result};

/// The rank, from 0, and the score that a document has in one list.
pub type Place = (usize, f64);

/// The places of one document; `None` where a list has not got it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Places {
    /// In the list of the vectors.
    pub dense: Option<Place>,
    /// In the list of the words.
    pub sparse: Option<Place>,
}

/// Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009): the sum of 1 / (k + rank) for each document, ranks
/// counted from 0.
///
/// # Errors
/// [`Error::ZeroPlace`] where k + rank is 0.
pub fn reciprocal(documents: &[Places], k: f64) -> Result<Vec<f64>> {
    let part = |rank: usize| match k + rank as f64 {
        0.0 => Err(Error::ZeroPlace { k, rank }),
        place => Ok(1.0 / place),
    };
    let fused = |places: &Places| {
        let lists = [places.dense, places.sparse].into_iter().flatten();
        lists.map(|(rank, _)| part(rank)).sum()
    };
    documents.iter().map(fused).collect()
}

/// Weighted sums of the scores, each list brought to 0 to 1 between its lowest and its highest; 0 where a list has not
/// got the document, and throughout a list of one score.
pub fn weighted(documents: &[Places], dense_weight: f64, sparse_weight: f64) -> Vec<f64> {
    let dense = Scale::of(documents.iter().filter_map(|places| places.dense));
    let sparse = Scale::of(documents.iter().filter_map(|places| places.sparse));
    let fused = |places: &Places| {
        dense_weight * dense.apply(places.dense) + sparse_weight * sparse.apply(places.sparse)
    };
    documents.iter().map(fused).collect()
}

struct Scale {
    low: f64,
    width: f64,
}

impl Scale {
    fn of(places: impl Iterator<Item = Place>) -> Self {
        let wider = |(low, high): (f64, f64), (_, score): Place| (score.min(low), score.max(high));
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), wider);
        Self { low, width: if high > low { high - low } else { 1.0 } }
    }

    fn apply(&self, place: Option<Place>) -> f64 {
        place.map_or(0.0, |(_, score)| (score - self.low) / self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTS: [Places; 3] = [
        Places { dense: Some((0, 0.9)), sparse: Some((1, 2.0)) },
        Places { dense: Some((1, 0.5)), sparse: None },
        Places { dense: None, sparse: Some((0, 6.0)) },
    ];

    #[test]
    fn ranks_count_from_zero() {
        let fused = reciprocal(&DOCUMENTS, 60.0).expect("fused");
        assert_eq!(fused, [1.0 / 60.0 + 1.0 / 61.0, 1.0 / 61.0, 1.0 / 60.0]);
        assert_eq!(reciprocal(&[], 0.0), Ok(Vec::new()));
        assert_eq!(reciprocal(&DOCUMENTS, 0.0), Err(Error::ZeroPlace { k: 0.0, rank: 0 }));
        assert_eq!(reciprocal(&DOCUMENTS, -1.0), Err(Error::ZeroPlace { k: -1.0, rank: 1 }));
    }

    #[test]
    fn scores_are_brought_to_one_scale() {
        assert_eq!(weighted(&DOCUMENTS, 0.7, 0.3), [0.7, 0.0, 0.3]);
        let one = [Places { dense: Some((0, 0.9)), sparse: None }];
        assert_eq!(weighted(&one, 0.5, 0.5), [0.0], "lowest and highest are the same");
    }
}
