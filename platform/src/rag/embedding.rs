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
    let mut cosines = Vec::with_capacity(documents.len());
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
        cosines.push(cosine.clamp(-1.0, 1.0));
    }
    Ok(rank_scores(&cosines, usize::MAX))
}

/// Squares of a length between which no sum of a row overflows or loses its lowest bits.
const SAFE: std::ops::Range<f64> = 1e-200..1e200;
/// Parts of each sum that run in parallel.
const LANES: usize = 4;

/// Cosines of rows that lie one after another, each of as many components as the query, with the query: -1 to 1, and 0
/// where one is a zero vector. They are computed in `f64`, whatever the components are.
///
/// Unlike [`rank_by_cosine`] it reads each row once, so multiples of one vector may differ in the last bit.
///
/// # Errors
/// Names the vector with a component that is not a finite number; a query without a component, or rows that are no
/// multiple of its length.
pub fn cosines<T: Copy + Into<f64>>(query: &[f64], rows: &[T]) -> Result<Vec<f64>> {
    let query = scaled("query", query)?;
    if query.is_empty() || !rows.len().is_multiple_of(query.len()) {
        let detail = format!("{} components are no rows of {} components", rows.len(), query.len());
        return Err(Error::invalid("documents", detail));
    }
    let length = norm(&query);
    let cosine = |(i, row): (usize, &[T])| {
        let (product, square) = products(&query, row);
        // Where a sum overflowed, or nothing was left of it, the row is scaled first.
        let (product, lengths) = match SAFE.contains(&square) && product.is_finite() {
            true => (product, length * square.sqrt()),
            false => {
                let row: Vec<f64> = row.iter().map(|x| (*x).into()).collect();
                let row = scaled(&format!("documents[{i}]"), &row)?;
                (dot(&query, &row), length * norm(&row))
            }
        };
        Ok(if lengths > 0.0 { (product / lengths).clamp(-1.0, 1.0) } else { 0.0 })
    };
    rows.chunks_exact(query.len()).enumerate().map(cosine).collect()
}

/// The product of a query with a row, and of the row with itself.
fn products<T: Copy + Into<f64>>(query: &[f64], row: &[T]) -> (f64, f64) {
    let (query_lanes, query_rest) = query.as_chunks();
    let (row_lanes, row_rest) = row.as_chunks();
    let [products, squares] = sums(query_lanes, row_lanes);
    let (mut product, mut square) = (products.iter().sum(), squares.iter().sum());
    for (query, row) in query_rest.iter().zip(row_rest) {
        let row: f64 = (*row).into();
        product += query * row;
        square += row * row;
    }
    (product, square)
}

/// The parts of both sums. They are returned as arrays and not inlined: the compiler puts the loop into vector instructions
/// because of the arrays that it ends with, and is half as fast where it sees what becomes of them.
#[inline(never)]
fn sums<T: Copy + Into<f64>>(query: &[[f64; LANES]], row: &[[T; LANES]]) -> [[f64; LANES]; 2] {
    let (mut products, mut squares) = ([0.0; LANES], [0.0; LANES]);
    for (query, row) in query.iter().zip(row) {
        let row: [f64; LANES] = row.map(Into::into);
        for lane in 0..LANES {
            products[lane] += query[lane] * row[lane];
            squares[lane] += row[lane] * row[lane];
        }
    }
    [products, squares]
}

/// Places of scores and the scores, the highest first and ties by place; the first `limit` of them.
pub fn rank_scores(scores: &[f64], limit: usize) -> Vec<(usize, f64)> {
    let mut ranked: Vec<(usize, f64)> = scores.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| descending(a.1, b.1));
    ranked.truncate(limit);
    ranked
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
    fn rows_in_one_piece_have_the_same_cosines() {
        // Eleven components: a whole group of lanes, and a rest.
        let row = |seed: u32| -> Vec<f64> {
            (0..11).map(|i| f64::from((seed * 31 + i * 7) % 13) - 6.0).collect()
        };
        let query = row(1);
        let rows: Vec<Vec<f64>> = (0..9).map(row).chain([vec![0.0; 11]]).collect();
        let mut expected = vec![0.0; rows.len()];
        for (i, cosine) in rank_by_cosine(&query, &rows).expect("ranked") {
            expected[i] = cosine;
        }
        let close = |found: Vec<f64>| {
            let all = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-15);
            assert!(all && found.len() == expected.len(), "{found:?} is not {expected:?}");
        };
        close(cosines(&query, &rows.concat()).expect("cosines"));
        let single: Vec<f32> = rows.concat().iter().map(|x| *x as f32).collect();
        close(cosines(&query, &single).expect("cosines"));
        // Sums that overflow, and sums of which nothing is left.
        for scale in [1e200, 1e-200] {
            close(
                cosines(&query, &rows.concat().iter().map(|x| x * scale).collect::<Vec<_>>())
                    .expect("cosines"),
            );
        }
        assert_eq!(cosines(&query, &[0.0f32; 0]).expect("cosines"), [0.0; 0]);
    }

    #[test]
    fn scores_are_ranked_with_ties_by_place() {
        assert_eq!(rank_scores(&[0.5, 1.0, 0.5], usize::MAX), [(1, 1.0), (0, 0.5), (2, 0.5)]);
        assert_eq!(rank_scores(&[0.5, 1.0], 1), [(1, 1.0)]);
        assert!(rank_scores(&[], 1).is_empty());
    }

    #[test]
    fn rows_of_another_shape_are_refused() {
        for (query, rows, expected) in [
            (&[1.0, 2.0][..], &[1.0][..], "documents: 1 components are no rows of 2 components"),
            (&[], &[], "documents: 0 components are no rows of 0 components"),
            (&[f64::NAN], &[1.0], "query: a component is not a finite number"),
            (&[1.0], &[0.0, f64::NAN], "documents[1]: a component is not a finite number"),
        ] {
            assert_eq!(cosines(query, rows).expect_err("must be refused").to_string(), expected);
        }
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
