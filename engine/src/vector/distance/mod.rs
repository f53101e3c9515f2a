//! How close two vectors are: one similarity per metric, higher is closer; and inner products of codes.

// Before the kernels: what follows sees its macros.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
#[macro_use]
mod over;

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
mod other;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use simsimd::SpatialSimilarity;

use crate::schema::Metric;

// The kernels of this machine; all have the same functions.
#[cfg(target_arch = "aarch64")]
use neon as wide;
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
use other as wide;
#[cfg(target_arch = "x86_64")]
use x86 as wide;

/// Bits of a component in a code, and how a code lies in its bytes. Components behind the last one are
/// 0 in the query, so that it does not matter what they are in a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bits {
    /// Component i is bit `i % 8` of byte `i / 8`.
    One,
    /// In blocks of 128 components: component j and component 64 + j are the low and the high half of
    /// byte j.
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

/// Components that the queries of all codes are padded to a multiple of.
pub(crate) const QUERY_BLOCK: usize = 128;

/// A query of codes: whole numbers from -127 to 127, padded with zeros to a multiple of
/// [`QUERY_BLOCK`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Components {
    numbers: Vec<i8>,
    sum: i32,
    most: u8,
}

/// Up to this number a query is narrow: products of two components of a code of eight bits fit in 16
/// bits, and kernels without wider ones are half as long.
pub(crate) const NARROW: u8 = 63;

impl Components {
    /// Takes these numbers in the place of others.
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

/// The bytes of a row among those of all, of `width` each; none of one beyond them.
#[inline]
pub(crate) fn record(bytes: &[u8], width: usize, row: u32) -> &[u8] {
    let start = row as usize * width;
    bytes.get(start..start + width).unwrap_or_default()
}

/// Inner product of the code of each of these rows with a query. `codes` are the codes of all rows, of
/// `stride` bytes each; that of a row beyond them counts as zeros. Who jumps asks memory for them before:
/// [`prefetch`].
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
/// bytes. `codes` are as in [`code_dots`].
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

/// True if the inner product of the code of a row with that of one of the others, in their order, is
/// `enough`, which is shown the other. The codes have eight bits and a multiple of 64 bytes; their numbers,
/// none of which is 0, are less 128 each.
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

/// The class of machines that this one belongs to, by what its kernels are written for.
pub(crate) fn machine() -> &'static str {
    wide::isa().map_or("plain", wide::Isa::machine)
}

/// Asks memory for some bytes that are read soon.
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
    // simsimd answers None only for unequal lengths; the scalar twin then uses the shorter.
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
            // Signs as codes and queries have them at their worst, too.
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
                // The third is not looked at: the second is enough.
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
