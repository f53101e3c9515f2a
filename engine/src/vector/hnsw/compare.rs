//! Comparison of rows while a graph is built: by their codes, or by their vectors where the codes of close
//! rows do not differ; and the similarities by which a row chooses its neighbours.

use rayon::prelude::*;

use crate::error::Result;
use crate::schema::Metric;
use crate::vector::VectorRows;
use crate::vector::distance::{dot, prefetch, similarity};
use crate::vector::quantize::{BuildCodes, CodePair, centre};

/// Factor by which two neighbours may be closer to each other, in squared distance, than the node is to
/// the farther one. Measured on 100,000 sentence vectors: benches/RESULTS.md.
const SLACK: f32 = 1.08;
/// Share by which squared lengths may differ where the inner product counts as a cosine.
const EVEN: f64 = 0.02;
/// Least squared length of the mean, as a share of the mean squared length, at which rows choose
/// neighbours by their centred vectors too.
const OFF_CENTRE: f64 = 0.05;
/// Rows whose closest rows are found both by codes and by vectors.
const TRIED: usize = 32;
/// Closest rows that codes have to find, but for [`MISSED`] of them.
const CLOSEST: usize = 10;
const MISSED: usize = 2;
/// Rows closest by their codes among which fine codes find them: about as many as are scored by vectors
/// after each walk.
const FEW: usize = 26;
/// Rows among which coarse codes find them: a quarter of the usual beam.
const MANY: usize = 64;
/// One in this number of rows may have codes that fail to find them: on sentences, words and pictures codes of
/// four bits fail for none, and for all of 400 rows that differ by a thousandth of their length.
const UNRESOLVED: usize = 10;

/// The order that codes give close rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// The closest rows by vectors are the closest by codes, but for a few.
    Fine,
    /// They are among a few dozen of the closest by codes: these are all scored by vectors after a walk if
    /// need be.
    Coarse,
    /// They are anywhere: walks compare vectors.
    None,
}

/// A similarity by which a row chooses neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Side {
    /// The similarity of the field's metric.
    #[default]
    Given,
    /// The inner product of vectors less their mean. Under the inner product a few long rows are the
    /// closest ones of all others; by this one each row has neighbours around it as well.
    Centred,
}

/// The two kinds of similarity of a field under the inner product, where lengths differ.
const BOTH: [Side; 2] = [Side::Given, Side::Centred];

/// Compares the rows of a segment that is being built.
pub(super) struct Compare<'a> {
    vectors: &'a VectorRows<'a>,
    /// `None` where the codes of close rows do not differ.
    codes: Option<BuildCodes>,
    pub(super) resolution: Resolution,
    /// The similarities by which rows choose their neighbours.
    pub(super) sides: &'static [Side],
    /// The squared length of the rows, if all have about the same and the metric is not a distance.
    length: Option<f32>,
    /// The inner product of each row with the mean; empty unless vectors are compared on both sides.
    with_centre: Vec<f32>,
}

/// A row prepared for comparison with others.
#[derive(Default)]
pub(super) struct PairQuery {
    row: u32,
    side: Side,
    code: CodePair,
}

impl<'a> Compare<'a> {
    pub(super) fn new(vectors: &'a VectorRows<'a>) -> Result<Self> {
        let mut sides = &BOTH[..1];
        let mut length = (vectors.metric == Metric::Cosine).then_some(1.0);
        let mut mean = Vec::new();
        if vectors.metric == Metric::Dot {
            let squares = Squares::of(vectors);
            length = squares.even();
            if length.is_none() {
                mean = centre(vectors);
                if square(&mean) > OFF_CENTRE * squares.mean {
                    sides = &BOTH;
                }
            }
        }
        let codes = BuildCodes::new(vectors)?;
        let mut compare = Self {
            vectors,
            codes: Some(codes),
            resolution: Resolution::Fine,
            sides,
            length,
            with_centre: Vec::new(),
        };
        compare.resolution = compare.measured();
        if compare.resolution == Resolution::None {
            compare.codes = None;
            if sides.len() > 1 {
                let with = |row| dot(vectors.row(row), &mean);
                let rows = 0..vectors.present.rows();
                compare.with_centre = rows
                    .map(|row| if vectors.row(row).is_empty() { 0.0 } else { with(row) })
                    .collect();
            }
        }
        Ok(compare)
    }

    /// True if a few long rows may be the closest of all others.
    pub(super) fn has_hubs(&self) -> bool {
        self.vectors.metric == Metric::Dot && self.length.is_none()
    }

    /// The resolution of the codes, by the closest rows of some rows.
    fn measured(&self) -> Resolution {
        let rows: Vec<u32> = self.vectors.present.iter().collect();
        if rows.len() <= MANY {
            return Resolution::Fine;
        }
        let ranks: Vec<usize> = rows
            .par_iter()
            .step_by(rows.len().div_ceil(TRIED))
            .map(|&row| self.rank_of_closest(row, &rows))
            .collect();
        let failed = |most: usize| ranks.iter().filter(|&&rank| rank > most).count() * UNRESOLVED;
        match ranks.len() {
            tried if failed(FEW) <= tried => Resolution::Fine,
            tried if failed(MANY) <= tried => Resolution::Coarse,
            _ => Resolution::None,
        }
    }

    /// The number of rows that are closest to a row by their codes among which its closest are, but for
    /// [`MISSED`] of them.
    fn rank_of_closest(&self, row: u32, rows: &[u32]) -> usize {
        let (mut query, mut products, mut scores) = <_>::default();
        let others: Vec<u32> = rows.iter().copied().filter(|&other| other != row).collect();
        self.query(row, Side::Given, &mut query);
        self.rough_scores(&query, &others, &mut products, &mut scores);
        let exact: Vec<f32> = others.iter().map(|&other| self.exact(row, other)).collect();
        let mut ordered = exact.clone();
        let (_, &mut least, _) = ordered.select_nth_unstable_by(CLOSEST - 1, |a, b| b.total_cmp(a));
        let close = exact.iter().zip(&scores).filter(|(exact, _)| **exact >= least);
        let mut close: Vec<f32> = close.map(|(_, score)| *score).collect();
        close.sort_unstable_by(|a, b| b.total_cmp(a));
        let last = close.get(CLOSEST - MISSED - 1).copied().unwrap_or(f32::NEG_INFINITY);
        scores.iter().filter(|score| **score >= last).count()
    }

    /// Similarity of two rows by their vectors.
    fn exact(&self, a: u32, b: u32) -> f32 {
        let v = self.vectors;
        similarity(v.metric, v.row(a), v.row(b), v.inverse_norm(a) * v.inverse_norm(b))
    }

    fn on_side(&self, side: Side, a: u32, b: u32) -> f32 {
        let with = |row: u32| self.with_centre.get(row as usize).copied().unwrap_or_default();
        match side {
            Side::Given => self.exact(a, b),
            // Up to the squared length of the mean, which is the same for all.
            Side::Centred => self.exact(a, b) - with(a) - with(b),
        }
    }

    /// Prepares a row for comparison with others on one side.
    pub(super) fn query(&self, row: u32, side: Side, query: &mut PairQuery) {
        (query.row, query.side) = (row, side);
        if let Some(codes) = &self.codes {
            codes.query(row, side == Side::Centred, &mut query.code);
        }
    }

    /// Similarities of some rows to one, in `scores`; `products` is scratch.
    pub(super) fn scores(
        &self,
        query: &PairQuery,
        rows: &[u32],
        products: &mut Vec<i32>,
        scores: &mut Vec<f32>,
    ) {
        match &self.codes {
            Some(codes) => codes.scores(&query.code, rows, products, scores),
            None => {
                scores.clear();
                scores.extend(rows.iter().map(|&row| self.on_side(query.side, query.row, row)));
            }
        }
    }

    /// Like [`scores`](Self::scores), with fewer bits where these are enough for a walk.
    pub(super) fn rough_scores(
        &self,
        query: &PairQuery,
        rows: &[u32],
        products: &mut Vec<i32>,
        scores: &mut Vec<f32>,
    ) {
        match &self.codes {
            Some(codes) => codes.rough_scores(&query.code, rows, products, scores),
            None => self.scores(query, rows, products, scores),
        }
    }

    /// True if [`rough_scores`](Self::rough_scores) differ from [`scores`](Self::scores).
    pub(super) fn is_rough(&self) -> bool {
        self.codes.as_ref().is_some_and(BuildCodes::is_rough)
    }

    /// True if a row is more similar than `limit` to one of the others.
    pub(super) fn is_closer(&self, row: u32, others: &[u32], side: Side, limit: f32) -> bool {
        match &self.codes {
            Some(codes) => codes.is_closer(row, others, side == Side::Centred, limit),
            None => others.iter().any(|&other| self.on_side(side, row, other) > limit),
        }
    }

    /// Largest similarity of two neighbours of a node to which the farther one has this similarity: in
    /// squared distance they may be closer to each other than to the node by a factor of [`SLACK`].
    pub(super) fn slack(&self, similarity: f32) -> f32 {
        match (self.vectors.metric, self.length) {
            (Metric::L2, _) => similarity / SLACK,
            (_, Some(length)) => length - (length - similarity) / SLACK,
            (_, None) => similarity,
        }
    }

    /// Prefetches what [`scores`](Self::scores) reads of a row.
    pub(super) fn prefetch(&self, row: u32) {
        match &self.codes {
            Some(codes) => codes.prefetch(row),
            None => prefetch(bytemuck::cast_slice(self.vectors.row(row))),
        }
    }

    /// Prefetches what [`rough_scores`](Self::rough_scores) reads of a row.
    pub(super) fn prefetch_rough(&self, row: u32) {
        match &self.codes {
            Some(codes) => codes.prefetch_rough(row),
            None => self.prefetch(row),
        }
    }
}

/// The squared lengths of the rows: the least, the highest, and their mean.
struct Squares {
    least: f64,
    most: f64,
    mean: f64,
}

impl Squares {
    fn of(vectors: &VectorRows<'_>) -> Self {
        let (mut least, mut most, mut sum) = (f64::INFINITY, 0f64, 0.0);
        for row in vectors.present.iter() {
            let square = square(vectors.row(row));
            (least, most, sum) = (least.min(square), most.max(square), sum + square);
        }
        Self { least, most, mean: sum / f64::from(vectors.present.count().max(1)) }
    }

    /// The squared length of all rows, if they differ by no more than [`EVEN`].
    fn even(&self) -> Option<f32> {
        (self.most - self.least <= EVEN * self.most).then_some(self.most as f32)
    }
}

fn square(vector: &[f32]) -> f64 {
    vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}
