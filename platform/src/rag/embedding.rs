//! Similarity of embeddings to a query's, and the order of scores.

use crate::error::{Error, Result};
use lexivec_query::topk::descending;

/// Squares of a length between which no sum of a row overflows or loses its lowest bits.
const SAFE: std::ops::Range<f64> = 1e-200..1e200;
/// Parts of each sum that run in parallel.
const LANES: usize = 4;

/// Cosines of rows that lie one after another, each of as many components as the query, with the query: -1 to 1, and 0
/// where one is a zero vector. They are computed in `f64`, whatever the components are.
///
/// Each row is read once, so the cosines of a row and of its multiple may differ in the last bit, as those of NumPy do.
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

    /// The cosine as it is defined, of vectors that are scaled first.
    fn plain(query: &[f64], row: &[f64]) -> f64 {
        let (query, row) =
            (scaled("query", query).expect("finite"), scaled("row", row).expect("finite"));
        let lengths = norm(&query) * norm(&row);
        if lengths > 0.0 { dot(&query, &row) / lengths } else { 0.0 }
    }

    #[test]
    fn cosines_are_those_of_the_definition() {
        // Eleven components: whole groups of lanes, and a rest.
        let row = |seed: u32| -> Vec<f64> {
            (0..11).map(|i| f64::from((seed * 31 + i * 7) % 13) - 6.0).collect()
        };
        let query = row(1);
        let rows: Vec<Vec<f64>> = (0..9).map(row).chain([vec![0.0; 11]]).collect();
        let expected: Vec<f64> = rows.iter().map(|row| plain(&query, row)).collect();
        let close = |found: Vec<f64>| {
            let all = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-15);
            assert!(all && found.len() == expected.len(), "{found:?} is not {expected:?}");
        };
        close(cosines(&query, &rows.concat()).expect("cosines"));
        let single: Vec<f32> = rows.concat().iter().map(|x| *x as f32).collect();
        close(cosines(&query, &single).expect("cosines"));
        // Sums that overflow, and sums of which nothing is left.
        for scale in [1e200, 1e-200] {
            let rows: Vec<f64> = rows.concat().iter().map(|x| x * scale).collect();
            close(cosines(&query, &rows).expect("cosines"));
        }
        let half = cosines(&[1.0, 0.0], &[1.0, 3f64.sqrt()]).expect("cosines");
        assert!((half[0] - 0.5).abs() < 1e-15, "{half:?}");
        assert_eq!(
            cosines(&[1e308, 2e307], &[1e308, 2e307, -1e308, -2e307]).expect("cosines"),
            [1.0, -1.0]
        );
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
}
