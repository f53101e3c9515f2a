//! Codes of integers: components rounded to a grid scaled to each vector.

use super::CodeQuery;
use crate::vector::distance::{Bits, Components, NARROW, QUERY_BLOCK};

/// Shares of the largest component that a grid of four bits may reach; the best is taken. Larger
/// components are clipped: a finer grid for the others is worth more.
const REACHES: [f32; 6] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5];
/// Partial sums in which the fit of a grid is computed.
const FIT_LANES: usize = 16;
/// Largest number of a component of a query of codes of less than eight bits.
const QUERY_MAX: u8 = 127;

impl Bits {
    /// Highest number of a component.
    pub(super) fn most(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Four => 15,
            Self::Eight => 255,
        }
    }

    /// The number that stands for 0. With eight bits it is an integer, so that a number minus it is a
    /// query's number, too: codes of a build are compared with each other.
    pub(super) fn middle(self) -> f32 {
        match self {
            Self::One | Self::Four => self.most() as f32 / 2.0,
            Self::Eight => 128.0,
        }
    }

    /// Numbers from the middle to the largest component.
    fn half(self) -> f32 {
        self.most() as f32 - self.middle()
    }

    /// A code's byte before any component is put there.
    pub(super) fn nothing(self) -> u8 {
        if self == Self::Eight { 128 } else { 0 }
    }

    /// Puts component `i` in a code that does not have it yet.
    pub(super) fn put(self, code: &mut [u8], i: usize, value: u8) {
        let (at, shift) = match self {
            Self::One => (i / 8, i % 8),
            Self::Four => (i / QUERY_BLOCK * 64 + i % 64, i % QUERY_BLOCK / 64 * 4),
            Self::Eight => (i, 0),
        };
        if let Some(byte) = code.get_mut(at) {
            *byte = if self == Self::Eight { value } else { *byte | value << shift };
        }
    }

    /// Writes the code of a vector; returns the inner product of code and vector.
    pub(super) fn encode(self, vector: &[f32], code: &mut [u8]) -> f64 {
        code.fill(self.nothing());
        let reaches = if self == Self::Four { &REACHES[..] } else { &REACHES[..1] };
        let most = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
        let best = reaches
            .iter()
            .map(|reach| (reach * most, self.fit(vector, reach * most)))
            .max_by(|(_, a), (_, b)| a.cosine().total_cmp(&b.cosine()));
        let Some((reach, fit)) = best.filter(|(_, fit)| fit.with_vector > 0.0) else {
            return 0.0;
        };
        let steps = self.steps(reach);
        for (i, &x) in vector.iter().enumerate() {
            self.put(code, i, self.number(x, steps));
        }
        fit.with_vector
    }

    /// Prepares a query.
    pub(super) fn query(self, vector: &[f32]) -> CodeQuery {
        let most = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
        // With eight bits the code is fine enough that the query may have half the steps.
        let highest = if self == Self::Eight { NARROW } else { QUERY_MAX };
        let grid = if most > 0.0 { f32::from(highest) / most } else { 0.0 };
        let mut components = Components::default();
        components.set(vector.iter().map(|x| (x * grid).round() as i8));
        let factor = if grid > 0.0 { 1.0 / grid } else { 0.0 };
        let middle = components.sum() as f32 * self.middle();
        CodeQuery::Whole { components, middle, factor }
    }

    /// The number of a component on a grid of which `steps` make one: the nearer of two; of one bit, its
    /// sign.
    #[inline]
    fn number(&self, x: f32, steps: f32) -> u8 {
        // The cast turns numbers below the grid to 0.
        (x * steps + self.middle() + 0.5).min(self.most() as f32) as u8
    }

    /// Steps of a grid that goes to `reach` on both sides.
    fn steps(&self, reach: f32) -> f32 {
        if reach > 0.0 { self.half() / reach } else { 0.0 }
    }

    fn fit(&self, vector: &[f32], reach: f32) -> Fit {
        let (steps, middle) = (self.steps(reach), self.middle());
        if steps == 0.0 {
            return Fit { with_vector: 0.0, square: 0.0 };
        }
        // Independent sums, which the compiler vectorizes.
        let mut sums = [[0f32; 2]; FIT_LANES];
        let mut add = |part: &[f32]| {
            for (sum, &x) in sums.iter_mut().zip(part) {
                let value = f32::from(self.number(x, steps)) - middle;
                sum[0] += value * x;
                sum[1] += value * value;
            }
        };
        let (parts, rest) = vector.as_chunks::<FIT_LANES>();
        parts.iter().for_each(|part| add(part));
        add(rest);
        let sum = |of: usize| sums.iter().map(|sum| f64::from(sum[of])).sum();
        Fit { with_vector: sum(0), square: sum(1) }
    }
}

/// The fit of a code to its vector.
struct Fit {
    with_vector: f64,
    square: f64,
}

impl Fit {
    fn cosine(&self) -> f64 {
        if self.square > 0.0 { self.with_vector / self.square.sqrt() } else { 0.0 }
    }
}
