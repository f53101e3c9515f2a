//! Kernels for x86-64 vector instructions, chosen at run time by what the machine supports.
#![allow(unsafe_code)]
#![allow(clippy::wildcard_imports)] // dozens of intrinsics, whose names say where they are from

use std::arch::x86_64::*;

use super::{Bits, Components, Half, record};

/// Instruction sets with a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isa {
    /// AVX-512 with byte operations and VNNI (2019 on).
    Avx512,
    /// AVX2 with FMA and F16C (2013 on).
    Avx2,
}

impl Isa {
    /// Name of the class of machines with these instructions.
    pub(super) fn machine(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
        }
    }
}

/// The widest instruction set of the machine; `None` if it has neither.
#[inline]
pub(super) fn isa() -> Option<Isa> {
    // Each call is a load and a branch: the standard library caches the answer.
    if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vnni") {
        Some(Isa::Avx512)
    } else {
        has_avx2().then_some(Isa::Avx2)
    }
}

fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}

/// All instruction sets of this machine.
#[cfg(test)]
pub(super) fn all() -> Vec<Isa> {
    isa().into_iter().chain(has_avx2().then_some(Isa::Avx2)).collect()
}

/// Prefetches the cache lines of some bytes.
#[inline]
pub(super) fn prefetch(bytes: &[u8]) {
    for line in bytes.chunks(64) {
        // SAFETY: a hint; it reads nothing, and the address is that of a byte there is.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
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
            (Isa::Avx512, Bits::Eight) => avx512::eights(codes, stride, rows, query, out),
            (Isa::Avx512, Bits::Four) => avx512::fours(codes, stride, rows, query, out),
            (Isa::Avx512, Bits::One) => avx512::ones(codes, stride, rows, query, out),
            (Isa::Avx2, Bits::Eight) if query.is_narrow() => {
                avx2::eights_narrow(codes, stride, rows, query, out);
            }
            (Isa::Avx2, Bits::Eight) => avx2::eights_wide(codes, stride, rows, query, out),
            (Isa::Avx2, Bits::Four) => avx2::fours(codes, stride, rows, query, out),
            (Isa::Avx2, Bits::One) => avx2::ones(codes, stride, rows, query, out),
        }
    }
}

/// [`super::half_dots`] by these instructions.
#[inline]
pub(super) fn half_dots(
    isa: Isa,
    half: Half,
    codes: &[u8],
    stride: usize,
    rows: &[u32],
    query: &[f32],
    out: &mut [f32],
) {
    // SAFETY: `isa` comes from `isa()`, which found these instructions on this machine.
    unsafe {
        match (isa, half) {
            (Isa::Avx512, Half::Bf16) => avx512::bf16s(codes, stride, rows, query, out),
            (Isa::Avx512, Half::F16) => avx512::f16s(codes, stride, rows, query, out),
            (Isa::Avx2, Half::Bf16) => avx2::bf16s(codes, stride, rows, query, out),
            (Isa::Avx2, Half::F16) => avx2::f16s(codes, stride, rows, query, out),
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
            Isa::Avx512 => avx512::pairs(codes, stride, row, others, enough),
            Isa::Avx2 => avx2::pairs(codes, stride, row, others, enough),
        }
    }
}

/// [`super::dot`] by these instructions.
#[inline]
pub(super) fn dot(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: `isa` comes from `isa()`, which found these instructions on this machine.
    unsafe {
        match isa {
            Isa::Avx512 => avx512::dot(a, b),
            Isa::Avx2 => avx2::dot(a, b),
        }
    }
}

/// [`super::squared_l2`] by these instructions.
#[inline]
pub(super) fn squared_l2(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: `isa` comes from `isa()`, which found these instructions on this machine.
    unsafe {
        match isa {
            Isa::Avx512 => avx512::squared_l2(a, b),
            Isa::Avx2 => avx2::squared_l2(a, b),
        }
    }
}

mod avx512 {
    use super::*;

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn bytes(from: &[u8; 64]) -> __m512i {
        // SAFETY: reads the 64 bytes that the reference is to; no alignment is needed.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn signed(from: &[i8; 64]) -> __m512i {
        // SAFETY: reads the 64 bytes that the reference is to; no alignment is needed.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn eight(code: &[u8], query: &Components) -> i32 {
        // Two sums: the next product does not wait for the last.
        let mut sums = [_mm512_setzero_si512(); 2];
        let (pairs, last) = code.as_chunks::<128>();
        let (queries, _) = query.numbers.as_chunks::<64>();
        let (queries, _) = queries.as_chunks::<2>();
        for (c, [q0, q1]) in pairs.iter().zip(queries) {
            let [c0, c1] = bytemuck::must_cast_ref::<[u8; 128], [[u8; 64]; 2]>(c);
            sums[0] = _mm512_dpbusd_epi32(sums[0], bytes(c0), signed(q0));
            sums[1] = _mm512_dpbusd_epi32(sums[1], bytes(c1), signed(q1));
        }
        if let (Some(c), Some([q, _])) = (last.first_chunk(), queries.get(pairs.len())) {
            sums[0] = _mm512_dpbusd_epi32(sums[0], bytes(c), signed(q));
        }
        _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn four(code: &[u8], query: &Components) -> i32 {
        let low = _mm512_set1_epi8(15);
        let mut sums = [_mm512_setzero_si512(); 2];
        let pairs = query.numbers.as_chunks::<64>().0.as_chunks::<2>().0;
        for (c, [q0, q1]) in code.as_chunks::<64>().0.iter().zip(pairs) {
            let c = bytes(c);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(c), low);
            sums[0] = _mm512_dpbusd_epi32(sums[0], _mm512_and_si512(c, low), signed(q0));
            sums[1] = _mm512_dpbusd_epi32(sums[1], high, signed(q1));
        }
        _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn one(code: &[u8], query: &Components) -> i32 {
        let ones = _mm512_set1_epi8(1);
        let mut sum = _mm512_setzero_si512();
        for (c, q) in code.as_chunks::<8>().0.iter().zip(query.numbers.as_chunks::<64>().0) {
            let chosen = _mm512_maskz_mov_epi8(u64::from_le_bytes(*c), signed(q));
            sum = _mm512_dpbusd_epi32(sum, ones, chosen);
        }
        _mm512_reduce_add_epi32(sum)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn pair(a: &[u8], b: &[u8]) -> i32 {
        // The instruction takes the first code as unsigned, without 128 subtracted; that share is
        // summed separately.
        let sign = _mm512_set1_epi8(-128);
        let (mut sum, mut over) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        for (a, b) in a.as_chunks::<64>().0.iter().zip(b.as_chunks::<64>().0) {
            let b = _mm512_xor_si512(bytes(b), sign);
            sum = _mm512_dpbusd_epi32(sum, bytes(a), b);
            over = _mm512_dpbusd_epi32(over, sign, b);
        }
        _mm512_reduce_add_epi32(_mm512_sub_epi32(sum, over))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn floats(from: &[f32; 16]) -> __m512 {
        // SAFETY: reads the 16 floats that the reference is to; no alignment is needed.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    over_floats!(
        "avx512f",
        dot,
        16,
        _mm512_setzero_ps,
        _mm512_add_ps,
        _mm512_reduce_add_ps,
        |sum, a, b| _mm512_fmadd_ps(a, b, sum)
    );
    over_floats!(
        "avx512f",
        squared_l2,
        16,
        _mm512_setzero_ps,
        _mm512_add_ps,
        _mm512_reduce_add_ps,
        |sum, a, b| {
            let apart = _mm512_sub_ps(a, b);
            _mm512_fmadd_ps(apart, apart, sum)
        }
    );
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn halves(from: &[u8; 32]) -> __m256i {
        // SAFETY: reads the 32 bytes that the reference is to; no alignment is needed.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    over_halves!(
        "avx512f",
        bf16s,
        16,
        _mm512_setzero_ps,
        _mm512_add_ps,
        _mm512_reduce_add_ps,
        |sum, c, q| {
            let upper = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves(c)));
            _mm512_fmadd_ps(_mm512_castsi512_ps(upper), q, sum)
        }
    );
    over_halves!(
        "avx512f",
        f16s,
        16,
        _mm512_setzero_ps,
        _mm512_add_ps,
        _mm512_reduce_add_ps,
        |sum, c, q| _mm512_fmadd_ps(_mm512_cvtph_ps(halves(c)), q, sum)
    );
    over_rows!("avx512f,avx512bw,avx512vnni", eights, eight);
    over_rows!("avx512f,avx512bw,avx512vnni", fours, four);
    over_rows!("avx512f,avx512bw,avx512vnni", ones, one);
    over_pairs!("avx512f,avx512bw,avx512vnni", pairs, pair);
}

mod avx2 {
    use super::*;

    #[inline]
    #[target_feature(enable = "avx2")]
    fn bytes(from: &[u8; 32]) -> __m256i {
        // SAFETY: reads the 32 bytes that the reference is to; no alignment is needed.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn signed(from: &[i8; 32]) -> __m256i {
        // SAFETY: reads the 32 bytes that the reference is to; no alignment is needed.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn sum(lanes: __m256i) -> i32 {
        let half =
            _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes));
        let pair = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
        _mm_cvtsi128_si32(_mm_add_epi32(pair, _mm_shuffle_epi32::<0b10_11_00_01>(pair)))
    }

    /// Sums of pairs of 16 bits, as 32.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn wide(pairs: __m256i) -> __m256i {
        _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
    }

    /// Products with a narrow query: two of them, at most 255 x 63 each, fit in 16 bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn eight_narrow(code: &[u8], query: &Components) -> i32 {
        let mut totals = [_mm256_setzero_si256(); 2];
        let (codes, queries) = (code.as_chunks::<32>().0, query.numbers.as_chunks::<32>().0);
        for (c, q) in codes.as_chunks::<2>().0.iter().zip(queries.as_chunks::<2>().0) {
            for ((total, c), q) in totals.iter_mut().zip(c).zip(q) {
                let pairs = _mm256_maddubs_epi16(bytes(c), signed(q));
                *total = _mm256_add_epi32(*total, wide(pairs));
            }
        }
        sum(_mm256_add_epi32(totals[0], totals[1]))
    }

    /// Products with any query, of a code minus 128, whose absolute value is at most 128, so that two
    /// of them fit in 16 bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn eight_wide(code: &[u8], query: &Components) -> i32 {
        let sign = _mm256_set1_epi8(-128);
        let mut total = _mm256_setzero_si256();
        for (c, q) in code.as_chunks::<32>().0.iter().zip(query.numbers.as_chunks::<32>().0) {
            let less = _mm256_xor_si256(bytes(c), sign);
            let turned = _mm256_sign_epi8(signed(q), less);
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(less), turned);
            total = _mm256_add_epi32(total, wide(pairs));
        }
        // A missing code counts as zeros.
        sum(total) + if code.is_empty() { 0 } else { 128 * query.sum }
    }

    /// Products of four bits: at most 2 x 15 x 127 in each 16 bits, in which eight such sums fit.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn four(code: &[u8], query: &Components) -> i32 {
        let low = _mm256_set1_epi8(15);
        let mut total = _mm256_setzero_si256();
        for (c, q) in code.as_chunks::<64>().0.iter().zip(query.numbers.as_chunks::<128>().0) {
            let mut pairs = _mm256_setzero_si256();
            let (low_half, high_half) = q.split_at(64);
            let parts = low_half.as_chunks::<32>().0.iter().zip(high_half.as_chunks::<32>().0);
            for (c, (q0, q1)) in c.as_chunks::<32>().0.iter().zip(parts) {
                let c = bytes(c);
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(c), low);
                let lows = _mm256_maddubs_epi16(_mm256_and_si256(c, low), signed(q0));
                let highs = _mm256_maddubs_epi16(high, signed(q1));
                pairs = _mm256_add_epi16(pairs, _mm256_add_epi16(lows, highs));
            }
            total = _mm256_add_epi32(total, wide(pairs));
        }
        sum(total)
    }

    /// Products of one bit: at most 2 x 127 in each 16 bits, in which 129 such sums fit.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn one(code: &[u8], query: &Components) -> i32 {
        // Byte i of four is spread over eight bytes, and each bit found there by its own mask.
        let spread = _mm256_set_epi64x(
            0x0303_0303_0303_0303,
            0x0202_0202_0202_0202,
            0x0101_0101_0101_0101,
            0,
        );
        let mask = _mm256_set1_epi64x(i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]));
        let ones = _mm256_set1_epi8(1);
        let mut total = _mm256_setzero_si256();
        let parts = code.as_chunks::<4>().0.iter().zip(query.numbers.as_chunks::<32>().0);
        let mut parts = parts.peekable();
        while parts.peek().is_some() {
            let mut pairs = _mm256_setzero_si256();
            for (c, q) in parts.by_ref().take(128) {
                let all = _mm256_set1_epi32(i32::from_le_bytes(*c));
                let bits = _mm256_and_si256(_mm256_shuffle_epi8(all, spread), mask);
                let chosen = _mm256_and_si256(_mm256_cmpeq_epi8(bits, mask), signed(q));
                pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(ones, chosen));
            }
            total = _mm256_add_epi32(total, wide(pairs));
        }
        sum(total)
    }

    /// Products of two codes minus 128; see [`eight_wide`].
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn pair(a: &[u8], b: &[u8]) -> i32 {
        let sign = _mm256_set1_epi8(-128);
        let mut total = _mm256_setzero_si256();
        for (a, b) in a.as_chunks::<32>().0.iter().zip(b.as_chunks::<32>().0) {
            let (a, b) = (_mm256_xor_si256(bytes(a), sign), _mm256_xor_si256(bytes(b), sign));
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(b, a));
            total = _mm256_add_epi32(total, wide(pairs));
        }
        sum(total)
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn floats(from: &[f32; 8]) -> __m256 {
        // SAFETY: reads the 8 floats that the reference is to; no alignment is needed.
        unsafe { _mm256_loadu_ps(from.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn reduce(lanes: __m256) -> f32 {
        let half = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
        let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
        _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps::<1>(pair, pair)))
    }

    over_floats!("avx2,fma", dot, 8, _mm256_setzero_ps, _mm256_add_ps, reduce, |sum, a, b| {
        _mm256_fmadd_ps(a, b, sum)
    });
    over_floats!(
        "avx2,fma",
        squared_l2,
        8,
        _mm256_setzero_ps,
        _mm256_add_ps,
        reduce,
        |sum, a, b| {
            let apart = _mm256_sub_ps(a, b);
            _mm256_fmadd_ps(apart, apart, sum)
        }
    );
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn halves(from: &[u8; 16]) -> __m128i {
        // SAFETY: reads the 16 bytes that the reference is to; no alignment is needed.
        unsafe { _mm_loadu_si128(from.as_ptr().cast()) }
    }

    over_halves!("avx2,fma", bf16s, 8, _mm256_setzero_ps, _mm256_add_ps, reduce, |sum, c, q| {
        let upper = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves(c)));
        _mm256_fmadd_ps(_mm256_castsi256_ps(upper), q, sum)
    });
    over_halves!(
        "avx2,fma,f16c",
        f16s,
        8,
        _mm256_setzero_ps,
        _mm256_add_ps,
        reduce,
        |sum, c, q| _mm256_fmadd_ps(_mm256_cvtph_ps(halves(c)), q, sum)
    );
    over_rows!("avx2", eights_narrow, eight_narrow);
    over_rows!("avx2", eights_wide, eight_wide);
    over_rows!("avx2", fours, four);
    over_rows!("avx2", ones, one);
    over_pairs!("avx2", pairs, pair);
}
