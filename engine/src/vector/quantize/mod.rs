//! Codes: vectors in few bits a component, for walks and scans; the rows they find are rescored on the
//! stored floats.
//!
//! A vector is centred (the mean of the segment is subtracted), rotated if a component has less than
//! eight bits, and rounded to a grid scaled to it, or to half floats. Its scale is chosen so that the
//! estimate of an inner product has no bias (Gao and Long, "RaBitQ", 2024).

mod build_codes;
mod codes;
mod float_codes;
mod int_codes;
mod top_codes;

pub(crate) use build_codes::{BuildCodes, CodePair};
pub(crate) use codes::{Ahead, Codes, write_codes};

use bytemuck::{Pod, Zeroable};

use super::distance::{Bits, Components, Half, code_dots, half_dots};
use super::rotation::Rotation;
use super::store::VectorRows;
use crate::schema::{Metric, Quantization};

/// Most rows whose mean is the centre.
const CENTRE_ROWS: u32 = 10_000;

/// The encoder of one field in one segment: its format, centre and rotation.
#[derive(Clone, Debug)]
pub(crate) struct Quantizer {
    format: CodeFormat,
    metric: Metric,
    centre: Vec<f32>,
    rotation: Option<Rotation>,
    seed: u64,
}

/// The scale of a code: the inner product with a query times `factor`, plus `offset`, is the similarity
/// of its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CodeScale {
    pub(crate) factor: f32,
    pub(crate) offset: f32,
}

/// Type of a code's components.
#[derive(Clone, Copy, Debug, PartialEq)]
enum CodeFormat {
    /// A whole number.
    Whole(Bits),
    /// A half float.
    Half(Half),
}

/// A query prepared for the codes of one segment.
pub(crate) enum CodeQuery {
    /// For codes of whole numbers.
    Whole {
        components: Components,
        /// The share of the grid's middle in every product.
        middle: f32,
        factor: f32,
    },
    /// For codes of half floats: as many floats as a code has, with zeros after the last component.
    Half(Vec<f32>),
}

/// Codes of all rows of a segment, one after another, of `stride` bytes each.
#[derive(Clone, Copy)]
struct CodeRows<'a> {
    bytes: &'a [u8],
    stride: usize,
}

impl CodeFormat {
    fn of(quantization: Quantization) -> Self {
        match quantization {
            Quantization::Bf16 => Self::Half(Half::Bf16),
            Quantization::F16 => Self::Half(Half::F16),
            Quantization::Int8 => Self::Whole(Bits::Eight),
            Quantization::Int4 => Self::Whole(Bits::Four),
            Quantization::Binary => Self::Whole(Bits::One),
        }
    }

    fn stride(self, dim: usize) -> usize {
        match self {
            Self::Whole(bits) => bits.stride(dim),
            Self::Half(half) => half.stride(dim),
        }
    }
}

/// The mean of the rows of a segment, or of [`CENTRE_ROWS`] and more of them; of unit length each under
/// cosine.
pub(crate) fn centre(rows: &VectorRows<'_>) -> Vec<f32> {
    let mut centre = vec![0f64; rows.dim];
    let step = (rows.present.count() / CENTRE_ROWS).max(1) as usize;
    let mut count = 0f64;
    for row in rows.present.iter().step_by(step) {
        let scale = f64::from(rows.inverse_norm(row));
        let vector = rows.row(row);
        centre.iter_mut().zip(vector).for_each(|(c, &x)| *c += f64::from(x) * scale);
        count += 1.0;
    }
    centre.iter().map(|c| (c / count.max(1.0)) as f32).collect()
}

impl Quantizer {
    /// The quantizer of a segment's rows.
    pub(crate) fn new(rows: &VectorRows<'_>, quantization: Quantization, seed: u64) -> Self {
        let centre = centre(rows);
        Self::of(CodeFormat::of(quantization), rows.metric, centre, seed)
    }

    fn of(format: CodeFormat, metric: Metric, centre: Vec<f32>, seed: u64) -> Self {
        let rotation = matches!(format, CodeFormat::Whole(Bits::One | Bits::Four))
            .then(|| Rotation::new(centre.len(), seed));
        Self { format, metric, centre, rotation, seed }
    }

    pub(crate) fn stride(&self) -> usize {
        self.format.stride(self.centre.len())
    }

    /// A vector times `scale`, centred and rotated, in `out`.
    fn turned(&self, vector: &[f32], scale: f32, out: &mut Vec<f32>) {
        out.clear();
        out.extend(vector.iter().zip(&self.centre).map(|(x, c)| x * scale - c));
        if let Some(rotation) = &self.rotation {
            rotation.apply(out);
        }
    }

    /// Writes the code of a vector, which is multiplied by `inverse_norm` first; `turned` is scratch.
    pub(crate) fn encode(
        &self,
        vector: &[f32],
        inverse_norm: f32,
        turned: &mut Vec<f32>,
        code: &mut [u8],
    ) -> CodeScale {
        self.turned(vector, inverse_norm, turned);
        let square: f64 = turned.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let with_vector = match self.format {
            CodeFormat::Whole(bits) => bits.encode(turned, code),
            CodeFormat::Half(half) => half.encode(turned, code),
        };
        let factor = if with_vector > 0.0 { (square / with_vector) as f32 } else { 0.0 };
        let factor = if self.metric == Metric::L2 { 2.0 * factor } else { factor };
        CodeScale { factor, offset: self.offset(square) }
    }

    fn offset(&self, square: f64) -> f32 {
        if self.metric == Metric::L2 { -square as f32 } else { 0.0 }
    }

    /// Prepares a query, which is multiplied by `inverse_norm` under cosine.
    pub(crate) fn query(&self, vector: &[f32], inverse_norm: f32) -> CodeQuery {
        let mut turned = Vec::with_capacity(vector.len());
        match self.metric {
            Metric::L2 => self.turned(vector, 1.0, &mut turned),
            // The centre of the rows adds the same to all of them.
            Metric::Cosine | Metric::Dot => {
                let scale = if self.metric == Metric::Cosine { inverse_norm } else { 1.0 };
                turned.extend(vector.iter().map(|x| x * scale));
                if let Some(rotation) = &self.rotation {
                    rotation.apply(&mut turned);
                }
            }
        }
        match self.format {
            CodeFormat::Whole(bits) => bits.query(&turned),
            CodeFormat::Half(half) => half.query(turned),
        }
    }
}

impl CodeQuery {
    /// Estimated similarities of some rows up to a constant of the query, in `scores`; `products` is
    /// scratch.
    fn scores(
        &self,
        format: CodeFormat,
        codes: CodeRows<'_>,
        rows: &[u32],
        scale_of: impl Fn(u32) -> CodeScale,
        products: &mut Vec<i32>,
        scores: &mut Vec<f32>,
    ) {
        let CodeRows { bytes, stride } = codes;
        scores.clear();
        match (self, format) {
            (Self::Whole { components, middle, factor }, CodeFormat::Whole(bits)) => {
                products.resize(rows.len(), 0);
                code_dots(bits, bytes, stride, rows, components, products);
                scores.extend(rows.iter().zip(&*products).map(|(&row, &product)| {
                    let scale = scale_of(row);
                    (product as f32 - middle) * factor * scale.factor + scale.offset
                }));
            }
            (Self::Half(query), CodeFormat::Half(half)) => {
                scores.resize(rows.len(), 0.0);
                half_dots(half, bytes, stride, rows, query, scores);
                for (score, &row) in scores.iter_mut().zip(rows) {
                    let scale = scale_of(row);
                    *score = *score * scale.factor + scale.offset;
                }
            }
            // Cannot happen: a query is made by the quantizer of the codes it is compared with.
            _ => scores.resize(rows.len(), f32::MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::VectorField;
    use crate::vector::distance::{inverse_norm, similarity};
    use lexivec_eval::random::SplitMix;

    pub(super) const DIM: usize = 100;
    pub(super) const ROWS: u32 = 300;

    /// Vectors that are not centred, with some components far larger than the others.
    pub(super) fn vectors(dim: usize) -> Vec<Vec<f32>> {
        let mut random = SplitMix::new(3);
        let mut component = |i: usize| {
            let spread = if i.is_multiple_of(10) { 4.0 } else { 0.5 };
            ((random.unit() - 0.5) * spread + (i % 3) as f64) as f32
        };
        (0..=ROWS).map(|_| (0..dim).map(&mut component).collect()).collect()
    }

    pub(super) fn field(metric: Metric, dim: usize, quantization: Quantization) -> VectorField {
        VectorField { quantization, ..VectorField::new("vector", dim, metric) }
    }

    #[test]
    fn estimates_have_no_bias_and_the_error_of_their_bits() {
        let vectors = vectors(DIM);
        let (query, given) = vectors.split_last().expect("some");
        for metric in [Metric::Cosine, Metric::Dot, Metric::L2] {
            for (quantization, error) in [
                (Quantization::F16, 0.0005),
                (Quantization::Bf16, 0.004),
                (Quantization::Int8, 0.02),
                (Quantization::Int4, 0.12),
                (Quantization::Binary, 0.8),
            ] {
                let field = field(metric, DIM, quantization);
                let rows = given.iter().map(|v| Some(v.as_slice()));
                let rows = VectorRows::new(&field, ROWS, rows);
                let quantizer = Quantizer::new(&rows, quantization, 7);
                let (mut code, mut turned) = (vec![0; quantizer.stride()], Vec::new());
                let near = quantizer.query(query, inverse_norm(query));
                let (mut exact, mut found) = (Vec::new(), Vec::new());
                for row in 0..ROWS {
                    let vector = rows.row(row);
                    let scale =
                        quantizer.encode(vector, rows.inverse_norm(row), &mut turned, &mut code);
                    let codes = CodeRows { bytes: &code, stride: quantizer.stride() };
                    let (mut products, mut scores) = (Vec::new(), Vec::new());
                    let scale_of = |_| scale;
                    near.scores(
                        quantizer.format,
                        codes,
                        &[0],
                        scale_of,
                        &mut products,
                        &mut scores,
                    );
                    found.push(f64::from(scores[0]));
                    let norms = inverse_norm(query) * inverse_norm(vector);
                    exact.push(f64::from(similarity(metric, query, vector, norms)));
                }
                // Up to a constant of the query.
                let mean = |of: &[f64]| of.iter().sum::<f64>() / f64::from(ROWS);
                let (shift, spread) = (mean(&exact) - mean(&found), mean(&exact));
                let square = |of: &mut dyn Iterator<Item = f64>| of.map(|x| x * x).sum::<f64>();
                let off = square(&mut exact.iter().zip(&found).map(|(e, f)| e - f - shift));
                let all = square(&mut exact.iter().map(|e| e - spread));
                let relative = (off / all).sqrt();
                assert!(relative < error, "{metric:?} {quantization:?}: {relative}");
            }
        }
    }
}
