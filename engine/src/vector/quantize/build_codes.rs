//! The codes of a segment that is being built: rows are compared with each other.

use bytemuck::{Pod, Zeroable};
use lexivec_storage::Scratch;
use rayon::prelude::*;

use super::{Bits, Quantizer};
use crate::error::Result;
use crate::schema::{Metric, Quantization};
use crate::vector::VectorRows;
use crate::vector::distance::{Components, code_dots, code_pairs, prefetch, record};
use crate::vector::rotation::Rotation;

/// The codes of a segment that is being built, eight bits each, in memory.
pub(crate) struct BuildCodes {
    bytes: Scratch,
    stride: usize,
    dim: usize,
    scales: Vec<PairScale>,
    /// The four higher bits of every component again, for walks; `None` for vectors of few components.
    high: Option<Scratch>,
}

/// A row's share in the similarity of two rows, computed from the inner product of their codes.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
struct PairScale {
    factor: f32,
    /// Added for each of the two rows; the centred inner product leaves it out.
    bias: f32,
}

/// A row of a segment that is being built, prepared for comparison with others.
#[derive(Default)]
pub(crate) struct CodePair {
    components: Components,
    scale: PairScale,
    centred: bool,
}

impl BuildCodes {
    /// Makes the codes of all rows.
    pub(crate) fn new(rows: &VectorRows<'_>) -> Result<Self> {
        let mut quantizer = Quantizer::new(rows, Quantization::Int8, 0);
        let has_high = Quantization::usual(rows.dim) == Quantization::Int4;
        if has_high {
            // Four bits are enough if no component is much larger than the others.
            quantizer.rotation = Some(Rotation::new(rows.dim, 0));
        }
        // Rotated like the rows.
        let mut centre = quantizer.centre.clone();
        if let Some(rotation) = &quantizer.rotation {
            rotation.apply(&mut centre);
        }
        let (stride, count) = (quantizer.stride(), rows.present.rows() as usize);
        let mut bytes = Scratch::zeroed(count * stride)?;
        let scales = bytes
            .par_chunks_mut(stride.max(1))
            .zip(0..count as u32)
            .map_init(Vec::new, |turned, (code, row)| {
                let scale = quantizer.encode(rows.row(row), rows.inverse_norm(row), turned, code);
                let centre = centre.iter().zip(turned.iter());
                let (factor, bias) = match rows.metric {
                    Metric::L2 => (scale.factor / std::f32::consts::SQRT_2, scale.offset),
                    _ => (scale.factor, centre.map(|(c, x)| c * (x + 0.5 * c)).sum()),
                };
                PairScale { factor, bias }
            })
            .collect();
        let high = if has_high { Some(high_bits(&bytes, stride, rows.dim)?) } else { None };
        Ok(Self { bytes, stride, dim: rows.dim, scales, high })
    }

    fn code(&self, row: u32) -> &[u8] {
        record(&self.bytes, self.stride, row)
    }

    fn scale(&self, row: u32) -> PairScale {
        self.scales.get(row as usize).copied().unwrap_or_default()
    }

    /// Prepares a row for comparison with others; by the inner product of centred vectors if `centred`.
    pub(crate) fn query(&self, row: u32, centred: bool, query: &mut CodePair) {
        let code = self.code(row).iter().take(self.dim);
        query.components.set(code.map(|&c| (c ^ 128) as i8));
        query.scale = self.scale(row);
        query.centred = centred;
    }

    /// Estimated similarities of some rows to one, in `scores`; `products` is scratch.
    pub(crate) fn scores(
        &self,
        query: &CodePair,
        rows: &[u32],
        products: &mut Vec<i32>,
        scores: &mut Vec<f32>,
    ) {
        // The share of the grid's middle in every product.
        let middle = 128 * query.components.sum();
        let less = |product| (product - middle) as f32;
        self.scores_by(Bits::Eight, &self.bytes, less, query, rows, products, scores);
    }

    /// Like [`scores`](Self::scores), with four bits where these are enough for a walk.
    pub(crate) fn rough_scores(
        &self,
        query: &CodePair,
        rows: &[u32],
        products: &mut Vec<i32>,
        scores: &mut Vec<f32>,
    ) {
        let Some(high) = &self.high else {
            return self.scores(query, rows, products, scores);
        };
        // The dropped lower bits count as half of their range, their average.
        let middle = query.components.sum() as f32 * (128.0 - 7.5);
        let less = |product| (16 * product) as f32 - middle;
        self.scores_by(Bits::Four, high, less, query, rows, products, scores);
    }

    /// Similarities by codes of `bits` bits; `less` subtracts the grid's middle from a product.
    #[inline]
    #[allow(clippy::too_many_arguments)] // private, and each is a part of the two above
    fn scores_by(
        &self,
        bits: Bits,
        codes: &[u8],
        less: impl Fn(i32) -> f32,
        query: &CodePair,
        rows: &[u32],
        products: &mut Vec<i32>,
        scores: &mut Vec<f32>,
    ) {
        products.resize(rows.len(), 0);
        code_dots(bits, codes, bits.stride(self.dim), rows, &query.components, products);
        let (scale, centred) = (query.scale, query.centred);
        let score = |(&row, &product): (&u32, &i32)| self.score(scale, row, centred, less(product));
        scores.clear();
        scores.extend(rows.iter().zip(&*products).map(score));
    }

    /// True if [`rough_scores`](Self::rough_scores) differ from [`scores`](Self::scores).
    pub(crate) fn is_rough(&self) -> bool {
        self.high.is_some()
    }

    /// Similarity, by the inner product of two codes less the middle of the grid.
    #[inline]
    fn score(&self, query: PairScale, row: u32, centred: bool, product: f32) -> f32 {
        let scale = self.scale(row);
        let bias = if centred { 0.0 } else { query.bias + scale.bias };
        product * query.factor * scale.factor + bias
    }

    /// True if a row is more similar than `limit` to one of the others.
    #[inline]
    pub(crate) fn is_closer(&self, row: u32, others: &[u32], centred: bool, limit: f32) -> bool {
        let scale = self.scale(row);
        code_pairs(&self.bytes, self.stride, row, others, |other, product| {
            self.score(scale, other, centred, product as f32) > limit
        })
    }

    /// Prefetches a row's code.
    #[inline]
    pub(crate) fn prefetch(&self, row: u32) {
        prefetch(self.code(row));
        self.prefetch_scale(row);
    }

    fn prefetch_scale(&self, row: u32) {
        if let Some(scale) = self.scales.get(row as usize) {
            prefetch(bytemuck::bytes_of(scale));
        }
    }

    /// Prefetches the bytes that [`rough_scores`](Self::rough_scores) reads of a row.
    #[inline]
    pub(crate) fn prefetch_rough(&self, row: u32) {
        let Some(high) = &self.high else {
            return self.prefetch(row);
        };
        prefetch(record(high, Bits::Four.stride(self.dim), row));
        self.prefetch_scale(row);
    }
}

/// The codes of the higher halves of codes of eight bits.
fn high_bits(codes: &[u8], stride: usize, dim: usize) -> Result<Scratch> {
    let short = Bits::Four.stride(dim);
    let mut high = Scratch::zeroed(codes.len() / stride.max(1) * short)?;
    high.par_chunks_mut(short.max(1)).zip(codes.par_chunks(stride.max(1))).for_each(
        |(high, code)| {
            for (i, number) in code.iter().take(dim).enumerate() {
                Bits::Four.put(high, i, number >> 4);
            }
        },
    );
    Ok(high)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ROWS, field, vectors};
    use super::*;
    use crate::schema::FOUR_BITS_DIM;
    use crate::vector::distance::similarity;

    #[test]
    fn codes_of_a_build_estimate_similarities_of_rows() {
        // Vectors of `FOUR_BITS_DIM` components are rotated.
        for dim in [100, FOUR_BITS_DIM] {
            let vectors = vectors(dim);
            for metric in [Metric::Cosine, Metric::Dot, Metric::L2] {
                let field = field(metric, dim, Quantization::Int8);
                let rows = vectors.iter().map(|v| Some(v.as_slice()));
                let rows = VectorRows::new(&field, ROWS + 1, rows);
                let codes = BuildCodes::new(&rows).expect("memory");
                assert_eq!(codes.is_rough(), dim == FOUR_BITS_DIM);
                let (mut query, mut scores, mut rough) = <_>::default();
                codes.query(5, false, &mut query);
                let others: Vec<u32> = (0..ROWS).collect();
                codes.scores(&query, &others, &mut Vec::new(), &mut scores);
                codes.rough_scores(&query, &others, &mut Vec::new(), &mut rough);
                for ((other, score), rough) in others.into_iter().zip(scores).zip(rough) {
                    let norms = rows.inverse_norm(5) * rows.inverse_norm(other);
                    let exact = similarity(metric, rows.row(5), rows.row(other), norms);
                    // The error allowed for each component of these vectors.
                    let part = if metric == Metric::Cosine { 1e-4 } else { 0.01 };
                    let (limit, off) = (part * dim as f32, (score - exact).abs());
                    assert!(off < limit, "{metric:?} {dim}: {score} {exact}");
                    let off = (rough - exact).abs();
                    assert!(off < 16.0 * limit, "{metric:?} {dim}: {rough} {exact}");
                    let closer = |limit| codes.is_closer(5, &[other], false, limit);
                    assert!(!closer(score) && closer(score.next_down()), "{metric:?}");
                }
            }
        }
    }
}
