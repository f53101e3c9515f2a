//! Similarity of two vectors, one per metric, higher is closer; and inner products of codes.

// Declared before the kernels, which use its macros.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
#[macro_use]
mod kernel_macros;

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
mod fallback;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use simsimd::SpatialSimilarity;

use crate::schema::Metric;

// The kernels of this machine; all modules have the same functions.
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
use fallback as wide;
#[cfg(target_arch = "aarch64")]
use neon as wide;
#[cfg(target_arch = "x86_64")]
use x86 as wide;

/// Bits of a component in a code, and the layout of a code in bytes. Components after the last one are
/// 0 in the query, so their value in a code does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bits {
    /// Component i is bit `i % 8` of byte `i / 8`.
    One,
    /// Blocks of 128 components: components j and 64 + j are the low and the high half of byte j.
    Four,
    /// Component i is byte i.
    Eight,
}

impl Bits {
    /// Bytes of the code of a vector of this many components.
    pub(crate) fn stride(self, dim: usize) -> usize {
        match self {
            Self::One => dim.div_ceil(64) * 8,
            Self::Four => dim.div_ceil(QUERY_BLOCK) * 64,
            Self::Eight => dim.next_multiple_of(64),
        }
    }
}

/// Kinds of half floats; component i is bytes 2i and 2i + 1, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// The upper half of a float.
    Bf16,
    /// IEEE 754 half precision.
    F16,
}

impl Half {
    /// Bytes of the code of a vector of this many components.
    pub(crate) fn stride(self, dim: usize) -> usize {
        (2 * dim).next_multiple_of(64)
    }
}

/// The queries of all codes are padded to a multiple of this many components.
pub(crate) const QUERY_BLOCK: usize = 128;

/// A query for codes: integers from -127 to 127, padded with zeros to a multiple of [`QUERY_BLOCK`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Components {
    numbers: Vec<i8>,
    sum: i32,
    most: u8,
}

/// Largest absolute value of a narrow query: the sum of two products with components of an eight-bit
/// code fits in 16 bits, and the kernels for it take half as many instructions.
pub(crate) const NARROW: u8 = 63;

impl Components {
    /// Replaces the numbers.
    pub(crate) fn set(&mut self, numbers: impl Iterator<Item = i8>) {
        self.numbers.clear();
        self.numbers.extend(numbers);
        self.sum = self.numbers.iter().map(|&n| i32::from(n)).sum();
        self.most = self.numbers.iter().map(|n| n.unsigned_abs()).max().unwrap_or(0);
        self.numbers.resize(self.numbers.len().next_multiple_of(QUERY_BLOCK), 0);
    }

    /// The sum of all numbers.
    pub(crate) fn sum(&self) -> i32 {
        self.sum
    }

    fn is_narrow(&self) -> bool {
        self.most <= NARROW
    }
}

/// The bytes of a row among records of `width` bytes each; empty for a row beyond them.
#[inline]
pub(crate) fn record(bytes: &[u8], width: usize, row: u32) -> &[u8] {
    let start = row as usize * width;
    bytes.get(start..start + width).unwrap_or_default()
}

/// Inner product of the code of each of these rows with a query. `codes` are the codes of all rows, of
/// `stride` bytes each; the code of a row beyond them counts as zeros. A caller that reads rows out of
/// order calls [`prefetch`] first.
#[inline]
pub(crate) fn code_dots(
    bits: Bits,
    codes: &[u8],
    stride: usize,
    rows: &[u32],
    query: &Components,
    out: &mut [i32],
) {
    if let Some(isa) = wide::isa() {
        return wide::code_dots(isa, bits, codes, stride, rows, query, out);
    }
    for (&row, out) in rows.iter().zip(out) {
        *out = scalar::code_dot(bits, record(codes, stride, row), &query.numbers);
    }
}

/// Inner product of the code of each of these rows with a query of half as many floats as a code has
/// bytes; `codes` like in [`code_dots`].
#[inline]
pub(crate) fn half_dots(
    half: Half,
    codes: &[u8],
    stride: usize,
    rows: &[u32],
    query: &[f32],
    out: &mut [f32],
) {
    if let Some(isa) = wide::isa() {
        return wide::half_dots(isa, half, codes, stride, rows, query, out);
    }
    for (&row, out) in rows.iter().zip(out) {
        *out = scalar::half_dot(half, record(codes, stride, row), query);
    }
}

/// Calls `enough` with each of the others and the inner product of its code with that of `row`, in
/// order, until it returns true; true if it did. Codes have eight bits a component and a multiple of 64
/// bytes; 128 is subtracted from each number, none of which is 0.
#[inline]
pub(crate) fn code_pairs(
    codes: &[u8],
    stride: usize,
    row: u32,
    others: &[u32],
    mut enough: impl FnMut(u32, i32) -> bool,
) -> bool {
    if let Some(isa) = wide::isa() {
        return wide::code_pairs(isa, codes, stride, row, others, enough);
    }
    let code = |row| record(codes, stride, row);
    others.iter().any(|&other| enough(other, scalar::code_pair(code(row), code(other))))
}

/// Class of this machine by the instruction set of its kernels.
pub(crate) fn machine() -> &'static str {
    wide::isa().map_or("plain", wide::Isa::machine)
}

/// Prefetches bytes that are read soon.
#[inline]
pub(crate) fn prefetch(bytes: &[u8]) {
    wide::prefetch(bytes);
}

/// Inner product of two vectors of one length, by the machine's widest kernel.
#[inline]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    if let Some(isa) = wide::isa() {
        return wide::dot(isa, a, b);
    }
    // simsimd returns `None` only for unequal lengths; the scalar twin then uses the shorter one.
    f32::dot(a, b).map_or_else(|| scalar::dot(a, b), |d| d as f32)
}

/// Squared Euclidean distance of two vectors of one length.
#[inline]
pub(crate) fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
    if let Some(isa) = wide::isa() {
        return wide::squared_l2(isa, a, b);
    }
    f32::l2sq(a, b).map_or_else(|| scalar::squared_l2(a, b), |d| d as f32)
}

/// A vector at unit length, computed in single precision; a zero vector stays as it is.
pub(crate) fn normalize(vector: &[f32]) -> Vec<f32> {
    let by = inverse_norm(vector);
    vector.iter().map(|x| x * by).collect()
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
            for isa in wide::all() {
                let (dot, l2) = (wide::dot(isa, &a, &b), wide::squared_l2(isa, &a, &b));
                prop_assert!((dot - scalar::dot(&a, &b)).abs() <= TOLERANCE * scale, "{:?}", isa);
                prop_assert!((l2 - exact).abs() <= TOLERANCE * (exact + 1.0), "{:?}", isa);
            }
        }
    }

    proptest! {
        #[test]
        fn code_kernels_equal_the_scalar_oracle(
            dim in 1usize..400,
            bytes in prop::collection::vec(any::<u8>(), 5 * 448),
            numbers in prop::collection::vec(-127i8..=127, 512),
        ) {
            // The extreme values of codes and queries are tested, too.
            let narrow = numbers.iter().map(|n| n / 2).collect();
            for (bytes, numbers) in [
                (&bytes, &numbers),
                (&bytes, &narrow),
                (&vec![255; 5 * 448], &vec![-127; 512]),
                (&vec![255; 5 * 448], &vec![63; 512]),
                (&vec![0; 5 * 448], &vec![127; 512]),
            ] {
                for bits in [Bits::One, Bits::Four, Bits::Eight] {
                    let stride = bits.stride(dim);
                    let mut query = Components::default();
                    query.set(numbers[..dim].iter().copied());
                    let codes = &bytes[..5 * stride];
                    let mut products = [0; 6];
                    // The last row is beyond the codes.
                    code_dots(bits, codes, stride, &[4, 0, 3, 1, 2, 5], &query, &mut products);
                    let code = |row: usize| &codes[row * stride..][..stride];
                    let expected =
                        [4, 0, 3, 1, 2].map(|r| scalar::code_dot(bits, code(r), &query.numbers));
                    prop_assert_eq!(&products[..5], &expected, "{:?} {}", bits, dim);
                    prop_assert_eq!(products[5], 0);
                    for isa in wide::all() {
                        let mut products = [0; 6];
                        let rows = [4, 0, 3, 1, 2, 5];
                        wide::code_dots(isa, bits, codes, stride, &rows, &query, &mut products);
                        prop_assert_eq!(&products[..5], &expected, "{:?} {:?} {}", isa, bits, dim);
                    }
                }
                let stride = Bits::Eight.stride(dim);
                let codes: Vec<u8> = bytes[..4 * stride].iter().map(|&b| b.max(1)).collect();
                let code = |row: usize| &codes[row * stride..][..stride];
                // The third is never read: the second is enough.
                let (others, pair) = ([3, 0, 2], |row| scalar::code_pair(code(1), code(row)));
                let (expected, mut seen) = (vec![(3, pair(3)), (0, pair(0))], Vec::new());
                let mut enough = |row, product| {
                    seen.push((row, product));
                    row == 0
                };
                prop_assert!(code_pairs(&codes, stride, 1, &others, &mut enough));
                prop_assert_eq!(&seen, &expected);
                for isa in wide::all() {
                    let mut seen = Vec::new();
                    let all = |row, product| {
                        seen.push((row, product));
                        false
                    };
                    prop_assert!(!wide::code_pairs(isa, &codes, stride, 1, &others, all));
                    prop_assert_eq!(&seen[..2], &expected, "{:?} {}", isa, dim);
                    prop_assert_eq!(seen[2], (2, pair(2)), "{:?} {}", isa, dim);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn half_kernels_agree_with_the_scalar_oracle(
            dim in 1usize..400,
            floats in prop::collection::vec(-1f32..1.0, 5 * 416),
            query in prop::collection::vec(-10f32..10.0, 416),
        ) {
            for half in [Half::Bf16, Half::F16] {
                let stride = half.stride(dim);
                let bytes = |&x: &f32| match half {
                    Half::Bf16 => half::bf16::from_f32(x).to_le_bytes(),
                    Half::F16 => half::f16::from_f32(x).to_le_bytes(),
                };
                let codes: Vec<u8> = floats[..5 * stride / 2].iter().flat_map(bytes).collect();
                let query = &query[..stride / 2];
                // The last row is beyond the codes.
                let rows = [4, 0, 3, 1, 2, 5];
                let exact = rows.map(|row| scalar::half_dot(half, record(&codes, stride, row), query));
                prop_assert_eq!(exact[5], 0.0);
                let scale: f32 = query.iter().map(|x| x.abs()).sum::<f32>() + 1.0;
                let near = |found: &[f32]| {
                    exact.iter().zip(found).all(|(a, b)| (a - b).abs() <= TOLERANCE * scale)
                };
                let mut found = [1.0; 6];
                half_dots(half, &codes, stride, &rows, query, &mut found);
                prop_assert!(near(&found), "{:?} {:?} {:?}", half, exact, found);
                for isa in wide::all() {
                    let mut found = [1.0; 6];
                    wide::half_dots(isa, half, &codes, stride, &rows, query, &mut found);
                    prop_assert!(near(&found), "{:?} {:?} {:?} {:?}", isa, half, exact, found);
                }
            }
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
