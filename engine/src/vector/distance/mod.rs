//! How close two vectors are: one similarity per metric, higher is closer.

mod scalar;

use simsimd::SpatialSimilarity;

use crate::schema::Metric;

/// Inner product of two vectors of one length, by the machine's widest kernel.
#[inline]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    // simsimd answers None only for unequal lengths; the scalar twin then uses the shorter.
    f32::dot(a, b).map_or_else(|| scalar::dot(a, b), |d| d as f32)
}

/// Squared Euclidean distance of two vectors of one length.
#[inline]
pub(crate) fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
    f32::l2sq(a, b).map_or_else(|| scalar::squared_l2(a, b), |d| d as f32)
}

/// One over the Euclidean length, 0 for a zero vector.
pub(crate) fn inverse_norm(a: &[f32]) -> f32 {
    let square: f64 = a.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if square > 0.0 { (1.0 / square.sqrt()) as f32 } else { 0.0 }
}

/// Similarity of two vectors given one over their lengths (read under cosine only).
#[inline]
pub(crate) fn similarity(metric: Metric, a: &[f32], b: &[f32], inverse_norms: f32) -> f32 {
    match metric {
        Metric::Cosine => dot(a, b) * inverse_norms,
        Metric::Dot => dot(a, b),
        Metric::L2 => -squared_l2(a, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Relative disagreement allowed between a kernel and its scalar oracle: both add up to 1,024
    /// products in float, in another order.
    const TOLERANCE: f32 = 1e-4;

    proptest! {
        #[test]
        fn kernels_agree_with_the_scalar_oracle(
            pairs in prop::collection::vec((-10f32..10.0, -10f32..10.0), 1..1024)
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let scale: f32 = a.iter().zip(&b).map(|(x, y)| (x * y).abs()).sum::<f32>() + 1.0;
            prop_assert!((dot(&a, &b) - scalar::dot(&a, &b)).abs() <= TOLERANCE * scale);
            let exact = scalar::squared_l2(&a, &b);
            prop_assert!((squared_l2(&a, &b) - exact).abs() <= TOLERANCE * (exact + 1.0));
        }
    }

    #[test]
    fn similarity_is_higher_for_closer() {
        let (q, near, far) = ([1.0, 0.0], [0.9, 0.1], [0.1, 0.9]);
        for metric in [Metric::Cosine, Metric::Dot, Metric::L2] {
            let s = |v: &[f32]| similarity(metric, &q, v, inverse_norm(&q) * inverse_norm(v));
            assert!(s(&near) > s(&far), "{metric:?}");
        }
        assert_eq!(similarity(Metric::L2, &[0.0, 0.0], &[3.0, 4.0], 0.0), -25.0);
    }
}
