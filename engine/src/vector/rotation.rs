//! A random rotation of vectors, which spreads the weight of a few components over all of them: codes
//! of few bits need it.
//!
//! Each round applies random signs and a fast Walsh-Hadamard transform, first over the leading and then
//! over the trailing power of two of the components (Gao et al., "RaBitQ", 2024, allows any random
//! rotation).

use lexivec_eval::random::SplitMix;

/// Rounds of signs and transforms; after three no component stands out on real vectors.
const ROUNDS: u64 = 3;

/// A rotation of vectors of one length.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    /// For each round, -1 or 1 for each component.
    signs: Vec<Vec<f32>>,
}

impl Rotation {
    /// The rotation of this seed.
    pub(crate) fn new(dim: usize, seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let mut sign = || if random.bits() & 1 == 0 { 1.0 } else { -1.0 };
        Self { signs: (0..ROUNDS).map(|_| (0..dim).map(|_| sign()).collect()).collect() }
    }

    /// Rotates a vector.
    pub(crate) fn apply(&self, vector: &mut [f32]) {
        let Some(power) = vector.len().checked_ilog2() else { return };
        let width = 1usize << power;
        for signs in &self.signs {
            vector.iter_mut().zip(signs).for_each(|(x, sign)| *x *= sign);
            if let Some(first) = vector.get_mut(..width) {
                transform(first);
            }
            let rest = vector.len() - width;
            if let Some(last) = vector.get_mut(rest..).filter(|_| rest > 0) {
                transform(last);
            }
        }
    }
}

/// The Walsh-Hadamard transform of a power of two of components, scaled to keep lengths.
fn transform(vector: &mut [f32]) {
    let mut half = 1;
    while half < vector.len() {
        for block in vector.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = 1.0 / (vector.len() as f32).sqrt();
    vector.iter_mut().for_each(|x| *x *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_angles_stay_and_no_component_sticks_out() {
        for dim in [1, 2, 3, 50, 64, 100, 384, 784] {
            let rotation = Rotation::new(dim, 7);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
            // The whole length in one component: the hardest case for a code.
            let mut spike = vec![0.0; dim];
            spike[dim / 2] = 1.0;
            let mut other: Vec<f32> = (0..dim).map(|i| (i as f32).sin()).collect();
            let before = (dot(&spike, &other), dot(&other, &other));
            rotation.apply(&mut spike);
            rotation.apply(&mut other);
            let after = (dot(&spike, &other), dot(&other, &other));
            assert!((dot(&spike, &spike) - 1.0).abs() < 1e-4, "{dim}");
            assert!((before.0 - after.0).abs() < 1e-3, "{dim}: {before:?} {after:?}");
            assert!((before.1 - after.1).abs() < 1e-3 * before.1.max(1.0), "{dim}");
            let most = spike.iter().fold(0f32, |most, x| most.max(x.abs()));
            assert!(dim < 50 || most < 5.0 / (dim as f32).sqrt(), "{dim}: {most}");
        }
    }
}
