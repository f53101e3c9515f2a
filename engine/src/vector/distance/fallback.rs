//! Stubs for machines without kernels: their [`Isa`] has no value, so a function that takes one is
//! never called.

use super::{Bits, Components, Half};

#[derive(Clone, Copy, Debug)]
pub(super) enum Isa {}

impl Isa {
    pub(super) fn machine(self) -> &'static str {
        match self {}
    }
}

#[inline]
pub(super) fn isa() -> Option<Isa> {
    None
}

#[cfg(test)]
pub(super) fn all() -> Vec<Isa> {
    Vec::new()
}

#[inline]
pub(super) fn prefetch(_: &[u8]) {}

pub(super) fn code_dots(
    isa: Isa,
    _: Bits,
    _: &[u8],
    _: usize,
    _: &[u32],
    _: &Components,
    _: &mut [i32],
) {
    match isa {}
}

pub(super) fn half_dots(
    isa: Isa,
    _: Half,
    _: &[u8],
    _: usize,
    _: &[u32],
    _: &[f32],
    _: &mut [f32],
) {
    match isa {}
}

pub(super) fn code_pairs(
    isa: Isa,
    _: &[u8],
    _: usize,
    _: u32,
    _: &[u32],
    _: impl FnMut(u32, i32) -> bool,
) -> bool {
    match isa {}
}

pub(super) fn dot(isa: Isa, _: &[f32], _: &[f32]) -> f32 {
    match isa {}
}

pub(super) fn squared_l2(isa: Isa, _: &[f32], _: &[f32]) -> f32 {
    match isa {}
}
