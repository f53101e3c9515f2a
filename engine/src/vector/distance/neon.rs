//! Kernels for 64-bit Arm by NEON, which all such machines have, and its dot products, which most have.
#![allow(unsafe_code)]
#![allow(clippy::wildcard_imports)] // dozens of intrinsics, whose names say where they are from

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};

use super::{Bits, Components, Half, record};

/// Instruction sets with a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isa {
    /// NEON with dot products of bytes (in every Armv8.4, and in many from Armv8.2 on).
    Dot,
    /// NEON without them.
    Neon,
}

impl Isa {
    /// Name of the class of machines with these instructions.
    pub(super) fn machine(self) -> &'static str {
        match self {
            Self::Dot | Self::Neon => "neon",
        }
    }
}

/// The best instruction set of the machine; always `Some` here, an `Option` as on other machines.
#[inline]
pub(super) fn isa() -> Option<Isa> {
    // The call is a load and a branch: the standard library caches the answer.
    Some(if is_aarch64_feature_detected!("dotprod") { Isa::Dot } else { Isa::Neon })
}

/// All instruction sets of this machine.
#[cfg(test)]
pub(super) fn all() -> Vec<Isa> {
    let dot = is_aarch64_feature_detected!("dotprod").then_some(Isa::Dot);
    dot.into_iter().chain([Isa::Neon]).collect()
}

/// Prefetches the cache lines of some bytes.
#[inline]
pub(super) fn prefetch(bytes: &[u8]) {
    for line in bytes.chunks(64) {
        // The intrinsic, `_prefetch`, is not stable.
        // SAFETY: a hint; it reads nothing, and the address is that of a byte there is.
        unsafe {
            asm!(
                "prfm pldl1keep, [{}]",
                in(reg) line.as_ptr(),
                options(readonly, nostack, preserves_flags)
            );
        }
    }
}

/// [`super::code_dots`] by these instructions: one choice for many rows.
#[inline]
pub(super) fn code_dots(
    isa: Isa,
    bits: Bits,
    codes: &[u8],
    stride: usize,
    rows: &[u32],
    query: &Components,
    out: &mut [i32],
) {
    // SAFETY: `isa` comes from `isa()`, which found these instructions on this machine.
    unsafe {
        match (isa, bits) {
            (Isa::Dot, Bits::Eight) => dotprod::eights(codes, stride, rows, query, out),
            (Isa::Dot, Bits::Four) => dotprod::fours(codes, stride, rows, query, out),
            (Isa::Dot, Bits::One) => dotprod::ones(codes, stride, rows, query, out),
            (Isa::Neon, Bits::Eight) => plain::eights(codes, stride, rows, query, out),
            (Isa::Neon, Bits::Four) => plain::fours(codes, stride, rows, query, out),
            (Isa::Neon, Bits::One) => plain::ones(codes, stride, rows, query, out),
        }
    }
}

/// [`super::half_dots`]: one kernel for all, see [`dot`].
#[inline]
pub(super) fn half_dots(
    _: Isa,
    half: Half,
    codes: &[u8],
    stride: usize,
    rows: &[u32],
    query: &[f32],
    out: &mut [f32],
) {
    // SAFETY: every machine of this kind has NEON.
    unsafe {
        match half {
            Half::Bf16 => floats::bf16s(codes, stride, rows, query, out),
            Half::F16 => floats::f16s(codes, stride, rows, query, out),
        }
    }
}

/// [`super::code_pairs`] by these instructions.
#[inline]
pub(super) fn code_pairs(
    isa: Isa,
    codes: &[u8],
    stride: usize,
    row: u32,
    others: &[u32],
    enough: impl FnMut(u32, i32) -> bool,
) -> bool {
    // SAFETY: `isa` comes from `isa()`, which found these instructions on this machine.
    unsafe {
        match isa {
            Isa::Dot => dotprod::pairs(codes, stride, row, others, enough),
            Isa::Neon => plain::pairs(codes, stride, row, others, enough),
        }
    }
}

/// [`super::dot`]: one kernel for all, as dot products of bytes are of no use to floats.
#[inline]
pub(super) fn dot(_: Isa, a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: every machine of this kind has NEON.
    unsafe { floats::dot(a, b) }
}

/// [`super::squared_l2`]: one kernel for all, see [`dot`].
#[inline]
pub(super) fn squared_l2(_: Isa, a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: every machine of this kind has NEON.
    unsafe { floats::squared_l2(a, b) }
}

/// For 64 components in eight bytes, the index of the byte with the bit of each.
const BYTE_OF: [[u8; 16]; 4] = {
    let mut bytes = [[0; 16]; 4];
    let mut i = 0;
    while i < 64 {
        bytes[i / 16][i % 16] = (i / 8) as u8;
        i += 1;
    }
    bytes
};

#[inline]
#[target_feature(enable = "neon")]
fn bytes(from: &[u8; 16]) -> uint8x16_t {
    // SAFETY: reads the 16 bytes that the reference is to; no alignment is needed.
    unsafe { vld1q_u8(from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn signed(from: &[i8; 16]) -> int8x16_t {
    // SAFETY: reads the 16 bytes that the reference is to; no alignment is needed.
    unsafe { vld1q_s8(from.as_ptr()) }
}

/// Bytes with 128 subtracted.
#[inline]
#[target_feature(enable = "neon")]
fn less(from: &[u8; 16]) -> int8x16_t {
    vreinterpretq_s8_u8(veorq_u8(bytes(from), vdupq_n_u8(128)))
}

#[inline]
#[target_feature(enable = "neon")]
fn total([a, b, c, d]: [int32x4_t; 4]) -> i32 {
    vaddvq_s32(vaddq_s32(vaddq_s32(a, b), vaddq_s32(c, d)))
}

/// The kernels over codes, by the `products` of the module they are in. Each has four sums, so that no
/// product waits for the one before.
macro_rules! over_codes {
    ($features:literal) => {
        /// Products with a code minus 128, as `products` takes signed bytes; the difference is added
        /// afterwards.
        #[inline]
        #[target_feature(enable = $features)]
        fn eight(code: &[u8], query: &Components) -> i32 {
            let mut sums = [vdupq_n_s32(0); 4];
            for (c, q) in code.as_chunks::<64>().0.iter().zip(query.numbers.as_chunks::<64>().0) {
                let parts = c.as_chunks::<16>().0.iter().zip(q.as_chunks::<16>().0);
                for (sum, (c, q)) in sums.iter_mut().zip(parts) {
                    *sum = products(*sum, less(c), signed(q));
                }
            }
            // A missing code counts as zeros.
            total(sums) + if code.is_empty() { 0 } else { 128 * query.sum }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn four(code: &[u8], query: &Components) -> i32 {
            let mut sums = [vdupq_n_s32(0); 4];
            for (c, q) in code.as_chunks::<64>().0.iter().zip(query.numbers.as_chunks::<128>().0) {
                let (low, high) = q.split_at(64);
                let parts = low.as_chunks::<16>().0.iter().zip(high.as_chunks::<16>().0);
                let parts = c.as_chunks::<16>().0.iter().zip(parts);
                for (sum, (c, (q0, q1))) in sums.iter_mut().zip(parts) {
                    let low = vandq_u8(bytes(c), vdupq_n_u8(15));
                    let high = vshrq_n_u8::<4>(bytes(c));
                    *sum = products(*sum, vreinterpretq_s8_u8(low), signed(q0));
                    *sum = products(*sum, vreinterpretq_s8_u8(high), signed(q1));
                }
            }
            total(sums)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn one(code: &[u8], query: &Components) -> i32 {
            let mask = vdupq_n_u64(u64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]));
            let mut sums = [vdupq_n_s32(0); 4];
            for (c, q) in code.as_chunks::<8>().0.iter().zip(query.numbers.as_chunks::<64>().0) {
                let c = vreinterpretq_u8_u64(vdupq_n_u64(u64::from_le_bytes(*c)));
                let parts = BYTE_OF.iter().zip(q.as_chunks::<16>().0);
                for (sum, (byte_of, q)) in sums.iter_mut().zip(parts) {
                    let spread = vqtbl1q_u8(c, bytes(byte_of));
                    let set = vtstq_u8(spread, vreinterpretq_u8_u64(mask));
                    *sum = products(*sum, vreinterpretq_s8_u8(set), signed(q));
                }
            }
            // A bit that is set has become a byte of ones, which is -1.
            -total(sums)
        }

        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn pair(a: &[u8], b: &[u8]) -> i32 {
            let mut sums = [vdupq_n_s32(0); 4];
            for (a, b) in a.as_chunks::<64>().0.iter().zip(b.as_chunks::<64>().0) {
                let parts = a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0);
                for (sum, (a, b)) in sums.iter_mut().zip(parts) {
                    *sum = products(*sum, less(a), less(b));
                }
            }
            total(sums)
        }

        over_rows!($features, eights, eight);
        over_rows!($features, fours, four);
        over_rows!($features, ones, one);
        over_pairs!($features, pairs, pair);
    };
}

mod dotprod {
    use super::*;

    /// Four sums, each with four of the products of 16 bytes.
    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    fn products(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
        // The intrinsic, `vdotq_s32`, is not stable.
        // SAFETY: works on these registers alone, by an instruction that the feature stands for.
        unsafe {
            asm!(
                "sdot {0:v}.4s, {1:v}.16b, {2:v}.16b",
                inout(vreg) sums,
                in(vreg) a,
                in(vreg) b,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    }

    over_codes!("neon,dotprod");
}

mod plain {
    use super::*;

    /// Four sums, each with four of the products of 16 bytes. Two products fit in 16 bits, as no more
    /// than one factor of each is -128.
    #[inline]
    #[target_feature(enable = "neon")]
    fn products(sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
        let low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
        vpadalq_s16(sums, vmlal_high_s8(low, a, b))
    }

    over_codes!("neon");
}

mod floats {
    use super::*;

    #[inline]
    #[target_feature(enable = "neon")]
    fn floats(from: &[f32; 4]) -> float32x4_t {
        // SAFETY: reads the 4 floats that the reference is to; no alignment is needed.
        unsafe { vld1q_f32(from.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn zero() -> float32x4_t {
        vdupq_n_f32(0.0)
    }

    over_floats!("neon", dot, 4, zero, vaddq_f32, vaddvq_f32, |sum, a, b| vfmaq_f32(sum, a, b));
    over_floats!("neon", squared_l2, 4, zero, vaddq_f32, vaddvq_f32, |sum, a, b| {
        let apart = vsubq_f32(a, b);
        vfmaq_f32(sum, apart, apart)
    });

    #[inline]
    #[target_feature(enable = "neon")]
    fn halves(from: &[u8; 8]) -> uint16x4_t {
        // SAFETY: reads the 8 bytes that the reference is to; no alignment is needed.
        unsafe { vreinterpret_u16_u8(vld1_u8(from.as_ptr())) }
    }

    /// IEEE halves as floats.
    #[inline]
    #[target_feature(enable = "neon")]
    fn widened(halves: uint16x4_t) -> float32x4_t {
        let floats: float32x4_t;
        // The intrinsic, `vcvt_f32_f16`, is not stable.
        // SAFETY: works on these registers alone, by an instruction that every such machine has.
        unsafe {
            asm!(
                "fcvtl {0:v}.4s, {1:v}.4h",
                out(vreg) floats,
                in(vreg) halves,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        floats
    }

    over_halves!("neon", bf16s, 4, zero, vaddq_f32, vaddvq_f32, |sum, c, q| {
        let upper = vreinterpretq_f32_u32(vshll_n_u16::<16>(halves(c)));
        vfmaq_f32(sum, upper, q)
    });
    over_halves!("neon", f16s, 4, zero, vaddq_f32, vaddvq_f32, |sum, c, q| {
        vfmaq_f32(sum, widened(halves(c)), q)
    });
}
