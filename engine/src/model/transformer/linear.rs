//! A linear layer: rows times a matrix, plus a bias; in floats, or in integers of eight bits, which
//! common processors multiply four times as fast.

use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

use crate::error::{Error, Result};

/// Number format of a model's weights and products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    Float,
    /// Integers of eight bits, with a scale for each output; inputs are rounded to 256 steps, scaled
    /// for each row. A quarter of the memory.
    #[default]
    Int8,
}

impl std::str::FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "float" => Ok(Self::Float),
            "int8" => Ok(Self::Int8),
            other => Err(format!("{other:?} is no precision; float and int8 are")),
        }
    }
}

impl Precision {
    /// Name of the precision in hashes and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int8 => "int8",
        }
    }
}

// An executor is created for each product, as it cannot be sent to another thread and costs nothing to
// create: it only detects the machine's instructions.

/// Memory that layers work in.
#[derive(Default)]
pub(super) struct Scratch {
    rounded: Vec<u8>,
    /// Zero point and scale of each rounded row: `(rounded - zero) * scale` is the number.
    grids: Vec<(i32, f32)>,
    sums: Vec<i32>,
}

/// A layer.
pub(super) struct Linear {
    inputs: usize,
    outputs: usize,
    bias: Vec<f32>,
    weights: Weights,
}

enum Weights {
    Float(PackedBMatrix<f32>),
    Int8 { packed: PackedBMatrix<i8>, columns: Vec<Column> },
}

/// Scale and sum of the rounded weights of an output.
struct Column {
    scale: f32,
    sum: i32,
}

impl Linear {
    /// A layer of weights stored output by output.
    pub(super) fn new(
        weights: &[f32],
        bias: Vec<f32>,
        inputs: usize,
        precision: Precision,
    ) -> Result<Self> {
        let outputs = bias.len();
        let weights = match precision {
            Precision::Float => {
                let with = GemmExecutor::<f32>::new();
                Weights::Float(with.prepack_b(turned(weights, outputs, inputs)?))
            }
            Precision::Int8 => {
                let with = GemmExecutor::<u8, i8, i32>::new();
                // On machines that sum two products in 16 bits they have to fit.
                let most = if with.may_saturate() { 63.0 } else { 127.0 };
                let rows = weights.chunks(inputs.max(1));
                let scales: Vec<f32> = rows.clone().map(|row| largest(row) / most).collect();
                let rounded: Vec<i8> = rows
                    .zip(&scales)
                    .flat_map(|(row, scale)| row.iter().map(move |w| rounded(*w, *scale)))
                    .collect();
                let packed = with.prepack_b(turned(&rounded, outputs, inputs)?);
                let sums = rounded.chunks(inputs.max(1));
                let sums = sums.map(|row| row.iter().map(|&w| i32::from(w)).sum());
                let columns = scales.into_iter().zip(sums);
                let columns = columns.map(|(scale, sum)| Column { scale, sum }).collect();
                Weights::Int8 { packed, columns }
            }
        };
        Ok(Self { inputs, outputs, bias, weights })
    }

    /// Applies the layer to rows, in `out`.
    pub(super) fn apply(
        &self,
        rows: &[f32],
        scratch: &mut Scratch,
        out: &mut Vec<f32>,
    ) -> Result<()> {
        let count = rows.len() / self.inputs.max(1);
        out.resize(count * self.outputs, 0.0);
        match &self.weights {
            Weights::Float(packed) => {
                let rows = matrix(rows, count, self.inputs)?;
                let bias = Some(BiasVector::Row(&self.bias));
                let options = GemmOptions { bias, ..GemmOptions::default() };
                let (rows, packed) = (GemmInputA::Unpacked(rows), GemmInputB::Packed(packed));
                GemmExecutor::<f32>::new().gemm(out, rows, packed, options).map_err(failed)
            }
            Weights::Int8 { packed, columns } => {
                scratch.round(rows, self.inputs);
                scratch.sums.resize(count * self.outputs, 0);
                let rows = matrix(scratch.rounded.as_slice(), count, self.inputs)?;
                let (rows, packed) = (GemmInputA::Unpacked(rows), GemmInputB::Packed(packed));
                let with = GemmExecutor::<u8, i8, i32>::new();
                with.gemm(&mut scratch.sums, rows, packed, GemmOptions::default())
                    .map_err(failed)?;
                let width = self.outputs.max(1);
                let rows = out.chunks_mut(width).zip(scratch.sums.chunks(width));
                for ((out, sums), &(zero, scale)) in rows.zip(&scratch.grids) {
                    let columns = columns.iter().zip(&self.bias).zip(sums);
                    for (out, ((column, bias), sum)) in out.iter_mut().zip(columns) {
                        *out = (sum - zero * column.sum) as f32 * (column.scale * scale) + bias;
                    }
                }
                Ok(())
            }
        }
    }
}

impl Scratch {
    /// Rounds rows to 256 steps from their least number to their largest, 0 being one of the steps.
    fn round(&mut self, rows: &[f32], width: usize) {
        self.rounded.clear();
        self.grids.clear();
        for row in rows.chunks(width.max(1)) {
            let edges = row.iter().fold((0f32, 0f32), |(low, high), &x| (low.min(x), high.max(x)));
            let scale = (edges.1 - edges.0) / 255.0;
            let steps = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let zero = (-edges.0 * steps).round();
            self.grids.push((zero as i32, scale));
            // Half a step is added, so that the cast rounds.
            self.rounded.extend(row.iter().map(|x| (x * steps + (zero + 0.5)) as u8));
        }
    }
}

fn largest(row: &[f32]) -> f32 {
    row.iter().fold(0f32, |most, x| most.max(x.abs()))
}

fn rounded(weight: f32, scale: f32) -> i8 {
    if scale > 0.0 { (weight / scale).round() as i8 } else { 0 }
}

/// Rows of numbers as a matrix.
fn matrix<T>(rows: &[T], count: usize, width: usize) -> Result<NdTensorView<'_, T, 2>> {
    NdTensorView::try_from_data([count, width], rows).map_err(failed)
}

/// The transposed matrix of these rows.
fn turned<T>(rows: &[T], count: usize, width: usize) -> Result<NdTensorView<'_, T, 2>> {
    Ok(matrix(rows, count, width)?.transposed())
}

/// Some columns of rows that are `stride` numbers apart.
pub(super) fn columns(
    rows: &[f32],
    count: usize,
    width: usize,
    stride: usize,
) -> Result<NdTensorView<'_, f32, 2>> {
    NdTensorView::from_slice_with_strides([count, width], rows, [stride, 1]).map_err(failed)
}

/// `scale` times the product of two matrices.
pub(super) fn product(
    scale: f32,
    a: NdTensorView<'_, f32, 2>,
    b: NdTensorView<'_, f32, 2>,
    out: &mut [f32],
) -> Result<()> {
    let options = GemmOptions { alpha: scale, ..GemmOptions::default() };
    let (a, b) = (GemmInputA::Unpacked(a), GemmInputB::Unpacked(b));
    GemmExecutor::<f32>::new().gemm(out, a, b, options).map_err(failed)
}

/// Error of a product; unexpected, as shapes are checked when a model is opened.
fn failed(error: impl std::fmt::Display) -> Error {
    Error::Embedder(format!("a product of matrices failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lexivec_eval::random::SplitMix;

    #[test]
    fn layers_are_near_to_plain_products() {
        let mut random = SplitMix::new(9);
        for (rows, inputs, outputs) in [(1, 5, 3), (7, 64, 40), (33, 130, 257)] {
            let mut numbers = |count: usize| -> Vec<f32> {
                (0..count).map(|_| (random.unit() * 2.0 - 1.0) as f32).collect()
            };
            let (weights, bias) = (numbers(inputs * outputs), numbers(outputs));
            let mut given = numbers(rows * inputs);
            // A row of nothing, and one far from the middle.
            given[..inputs].fill(0.0);
            given.iter_mut().rev().take(inputs / 2).for_each(|x| *x = 40.0 * x.abs());
            let expected = |row: usize, output: usize| -> f64 {
                let weights = &weights[output * inputs..][..inputs];
                let products = given[row * inputs..][..inputs].iter().zip(weights);
                let sum: f64 = products.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                sum + f64::from(bias[output])
            };
            for (precision, tolerance) in [(Precision::Float, 1e-5), (Precision::Int8, 0.012)] {
                let layer = Linear::new(&weights, bias.clone(), inputs, precision);
                let (mut scratch, mut out) = (Scratch::default(), Vec::new());
                layer.expect("made").apply(&given, &mut scratch, &mut out).expect("applied");
                assert_eq!(out.len(), rows * outputs);
                for row in 0..rows {
                    let span = largest(&given[row * inputs..][..inputs]).max(1.0);
                    let scale = f64::from(span) * (inputs as f64).sqrt();
                    for output in 0..outputs {
                        let off = f64::from(out[row * outputs + output]) - expected(row, output);
                        assert!(
                            off.abs() <= tolerance * scale,
                            "{precision:?} {row} {output} {off}"
                        );
                    }
                }
            }
        }
    }
}
