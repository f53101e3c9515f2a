//! The kernels in plain Rust: the reference for every faster one.

use super::{Bits, Half};

pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

pub(super) fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

/// Inner product of a code with a query laid out for it; see [`Bits`].
pub(super) fn code_dot(bits: Bits, code: &[u8], query: &[i8]) -> i32 {
    let product = |(c, &q): (u8, &i8)| i32::from(c) * i32::from(q);
    match bits {
        Bits::Eight => code.iter().copied().zip(query).map(product).sum(),
        Bits::Four => {
            let blocks = code.chunks(64).zip(query.chunks(128));
            let block = |(code, query): (&[u8], &[i8])| -> i32 {
                let low = code.iter().map(|c| c & 15);
                low.chain(code.iter().map(|c| c >> 4)).zip(query).map(product).sum()
            };
            blocks.map(block).sum()
        }
        Bits::One => {
            let bit = |i: usize| code.get(i / 8).map_or(0, |byte| (byte >> (i % 8)) & 1);
            query.iter().enumerate().map(|(i, q)| product((bit(i), q))).sum()
        }
    }
}

/// Inner product of two codes of eight bits, with 128 subtracted from each number.
pub(super) fn code_pair(a: &[u8], b: &[u8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| (i32::from(a) - 128) * (i32::from(b) - 128)).sum()
}

/// Inner product of a code of half floats with a query.
pub(super) fn half_dot(half: Half, code: &[u8], query: &[f32]) -> f32 {
    let number = |bytes: &[u8; 2]| match half {
        Half::Bf16 => half::bf16::from_le_bytes(*bytes).to_f32(),
        Half::F16 => half::f16::from_le_bytes(*bytes).to_f32(),
    };
    code.as_chunks::<2>().0.iter().zip(query).map(|(bytes, q)| number(bytes) * q).sum()
}
