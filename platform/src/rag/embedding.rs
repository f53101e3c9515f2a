//! Documents in the order of their embeddings' similarity to a query's.

use crate::error::{Error, Result};
use lexivec_query::topk::descending;

/// Places and cosines of the documents, the most similar first and ties by place. A zero vector has
/// a cosine of 0 to every other.
///
/// `documents` are of as many components as `query`. Each vector is first divided by its largest
/// magnitude: no product overflows, and the multiples of one vector tie.
///
/// # Errors
/// Names the document of another length than the query, or the vector with a component that is not
/// a finite number.
pub fn rank_by_cosine<D: AsRef<[f64]>>(
    query: &[f64],
    documents: &[D],
) -> Result<Vec<(usize, f64)>> {
    let query = scaled("query", query)?;
    let length = norm(&query);
    let mut ranked = Vec::with_capacity(documents.len());
    for (i, document) in documents.iter().map(AsRef::as_ref).enumerate() {
        let at = format!("documents[{i}]");
        if document.len() != query.len() {
            let (found, expected) = (document.len(), query.len());
            let detail = format!("it has {found} components, the query has {expected}");
            return Err(Error::invalid(at, detail));
        }
        let document = scaled(&at, document)?;
        let lengths = length * norm(&document);
        let cosine = if lengths > 0.0 { dot(&query, &document) / lengths } else { 0.0 };
        ranked.push((i, cosine.clamp(-1.0, 1.0)));
    }
    ranked.sort_by(|a, b| descending(a.1, b.1));
    Ok(ranked)
}

fn scaled(at: &str, vector: &[f64]) -> Result<Vec<f64>> {
    if vector.iter().any(|x| !x.is_finite()) {
        return Err(Error::invalid(at, "a component is not a finite number"));
    }
    let largest = vector.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    Ok(vector.iter().map(|x| x / scale).collect())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn norm(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first_and_ties_keep_their_order() {
        let indices = |query: &[f64], documents: &[[f64; 3]]| -> Vec<usize> {
            let ranked = rank_by_cosine(query, documents).expect("ranked");
            assert!(ranked.iter().all(|r| (-1.0..=1.0).contains(&r.1)), "{ranked:?}");
            ranked.iter().map(|r| r.0).collect()
        };
        let documents = [
            [-1.0, 0.0, 0.0],
            [7.0, 14.0, 21.0],
            [0.0; 3],
            [1.0, 2.0, 3.0],
            [1e-300, 2e-300, 3e-300],
        ];
        assert_eq!(indices(&[3.0, 6.0, 9.0], &documents), [1, 3, 4, 2, 0]);
        assert_eq!(indices(&[1e308, 2e307, -1e308], &[[-1.0, 0.0, 1e308], [1e308; 3]]), [1, 0]);
        assert_eq!(indices(&[0.0; 3], &documents), [0, 1, 2, 3, 4]);
        assert_eq!(rank_by_cosine(&[1.0], &[[0.0; 1]; 0]).expect("ranked"), []);
        let half = rank_by_cosine(&[1.0, 0.0], &[[1.0, 3f64.sqrt()]]).expect("ranked");
        assert!((half[0].1 - 0.5).abs() < 1e-15, "{half:?}");
    }

    #[test]
    fn a_vector_of_another_shape_is_refused() {
        for (query, document, expected) in [
            (&[1.0, 2.0][..], &[1.0][..], "documents[0]: it has 1 components, the query has 2"),
            (&[f64::NAN], &[1.0], "query: a component is not a finite number"),
            (&[1.0], &[f64::INFINITY], "documents[0]: a component is not a finite number"),
        ] {
            let error = rank_by_cosine(query, &[document]).expect_err("must be refused");
            assert_eq!(error.to_string(), expected);
        }
    }
}
