//! Query adapters: a small change of query vectors trained on relevance feedback, while document
//! vectors stay as they are.
//!
//! A query `q` becomes `normalise(q + (alpha / r) B (A q))`, where `A` has `r` rows and `B` as many columns (Hu and
//! others, "LoRA: Low-rank adaptation of large language models", 2022). `B` begins with zeros, so an
//! untrained adapter changes nothing. The loss is InfoNCE (van den Oord and others, "Representation
//! learning with contrastive predictive coding", 2018), minimised by Adam (Kingma and Ba, "Adam: A
//! method for stochastic optimization", 2015).

use std::sync::Arc;

use lexivec_eval::random::SplitMix;
use serde::{Deserialize, Serialize};

/// Default rank, the number of rows of `A`.
pub const DEFAULT_RANK: usize = 8;
/// Largest rank: some hundred queries do not teach more directions.
pub const MAX_RANK: usize = 64;
/// Most passes over the triplets.
pub const MAX_EPOCHS: usize = 100;
/// Most weights of an adapter, which is stored in one document.
pub const MAX_WEIGHTS: usize = 65_536;
/// Share of the trained change that is applied (shrinkage, James and Stein). Half of the change that
/// some hundred triplets teach is noise; on judged collections a quarter of it gains more than all of
/// it (benches/RESULTS.md).
const STRENGTH: f32 = 0.25;
/// Temperature of the softmax: cosines of sentence vectors differ by a few hundredths.
const TEMPERATURE: f32 = 0.05;
/// Adam's decay of the running means of gradients and of squared gradients; its default values.
const BETA: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;
/// Lessons of one step: the documents of one are wrong answers for the others.
const BATCH: usize = 16;

/// A training example: unit vectors of a query, of a relevant document and of irrelevant ones. A query
/// with several relevant documents gives one triplet for each.
#[derive(Clone, Debug, PartialEq)]
pub struct Triplet {
    /// The query.
    pub query: Vec<f32>,
    /// A relevant document.
    pub positive: Vec<f32>,
    /// Irrelevant documents: results that were shown and passed over, and random documents. Passed-over
    /// results alone would push the query away from the region of all answers; random documents keep
    /// that region apart from the rest.
    pub negatives: Arc<Vec<Vec<f32>>>,
}

/// Hyperparameters of training.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Training {
    /// Rows of `A`, 1 to [`MAX_RANK`].
    pub rank: usize,
    /// Strength of the change, `alpha`.
    pub alpha: f32,
    /// Length of a step.
    pub rate: f32,
    /// Passes over the triplets.
    pub epochs: usize,
    /// Seed of the initial `A` and of the order of triplets.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self { rank: DEFAULT_RANK, alpha: 8.0, rate: 3e-4, epochs: 5, seed: 1 }
    }
}

/// A trained change of query vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    dim: usize,
    rank: usize,
    /// `alpha / r`.
    scale: f32,
    /// `A`, row by row.
    down: Vec<f32>,
    /// `B`, row by row.
    up: Vec<f32>,
}

/// Intermediate results of applying an adapter to a query.
struct Pass {
    low: Vec<f32>,
    length: f32,
    out: Vec<f32>,
}

impl Adapter {
    /// An untrained adapter, which changes nothing.
    fn new(dim: usize, training: &Training, random: &mut SplitMix) -> Self {
        let spread = 1.0 / (dim as f32).sqrt();
        let number = |random: &mut SplitMix| (random.unit() as f32 * 2.0 - 1.0) * spread;
        Self {
            dim,
            rank: training.rank,
            scale: training.alpha / training.rank.max(1) as f32,
            down: (0..dim * training.rank).map(|_| number(random)).collect(),
            up: vec![0.0; dim * training.rank],
        }
    }

    /// Components of the query vectors.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// True if all numbers are finite and their count matches rank and dimension.
    pub fn is_sound(&self) -> bool {
        let count = self.dim.checked_mul(self.rank);
        (1..=MAX_RANK).contains(&self.rank)
            && count == Some(self.down.len())
            && count == Some(self.up.len())
            && self.down.len() + self.up.len() <= MAX_WEIGHTS
            && self.scale.is_finite()
            && self.down.iter().chain(&self.up).all(|x| x.is_finite())
    }

    /// The adapted query, at unit length; a query of another dimension is returned unchanged.
    pub fn apply(&self, query: &[f32]) -> Vec<f32> {
        if query.len() != self.dim {
            return query.to_vec();
        }
        self.pass(query).out
    }

    fn pass(&self, query: &[f32]) -> Pass {
        let dot = |row: &[f32], x: &[f32]| row.iter().zip(x).map(|(a, b)| a * b).sum::<f32>();
        let low: Vec<f32> = self.down.chunks(self.dim.max(1)).map(|row| dot(row, query)).collect();
        let rows = self.up.chunks(self.rank.max(1));
        let mut out: Vec<f32> =
            query.iter().zip(rows).map(|(x, row)| x + self.scale * dot(row, &low)).collect();
        let length = dot(&out, &out).sqrt().max(f32::MIN_POSITIVE);
        out.iter_mut().for_each(|x| *x /= length);
        Pass { low, length, out }
    }

    /// Trains an adapter; the same triplets and options give the same adapter.
    pub fn train(dim: usize, triplets: &[&Triplet], training: &Training) -> Self {
        let mut random = SplitMix::new(training.seed);
        let mut adapter = Self::new(dim, training, &mut random);
        let mut moments = [Moments::new(adapter.down.len()), Moments::new(adapter.up.len())];
        let mut order: Vec<usize> = (0..triplets.len()).collect();
        let mut step = 0;
        for _ in 0..training.epochs {
            random.shuffle(&mut order);
            for batch in order.chunks(BATCH) {
                let batch: Vec<&Triplet> =
                    batch.iter().filter_map(|&i| triplets.get(i).copied()).collect();
                let (down, up) = adapter.gradient(&batch);
                step += 1;
                moments[0].step(&mut adapter.down, &down, training.rate, step);
                moments[1].step(&mut adapter.up, &up, training.rate, step);
            }
        }
        adapter.scale *= STRENGTH;
        adapter
    }

    /// Mean InfoNCE loss of some triplets: the positive of each against all other documents of its batch.
    pub fn loss(&self, triplets: &[Triplet]) -> f64 {
        let all: Vec<&Triplet> = triplets.iter().collect();
        let losses = all.chunks(BATCH).flat_map(|batch| {
            (0..batch.len()).map(|index| {
                let pass = self.pass(&batch[index].query);
                let shares = shares(&pass.out, batch, index).0;
                -f64::from(shares.first().copied().unwrap_or(1.0).max(f32::MIN_POSITIVE)).ln()
            })
        });
        let (sum, count) = losses.fold((0.0, 0usize), |(sum, n), loss| (sum + loss, n + 1));
        sum / count.max(1) as f64
    }

    /// Gradients of `A` and `B`, as means over a batch.
    fn gradient(&self, batch: &[&Triplet]) -> (Vec<f32>, Vec<f32>) {
        let (mut down, mut up) = (vec![0.0; self.down.len()], vec![0.0; self.up.len()]);
        let each = self.scale / batch.len().max(1) as f32;
        for (index, triplet) in batch.iter().enumerate() {
            let pass = self.pass(&triplet.query);
            let (shares, documents) = shares(&pass.out, batch, index);
            // Gradient of the loss by the adapted query: softmax minus the target.
            let mut by_out = vec![0f32; self.dim];
            for (number, (share, document)) in shares.iter().zip(documents).enumerate() {
                let weight = (share - f32::from(u8::from(number == 0))) / TEMPERATURE;
                by_out.iter_mut().zip(document).for_each(|(g, x)| *g += weight * x);
            }
            // Through the normalisation: the component along the query is removed.
            let along: f32 = by_out.iter().zip(&pass.out).map(|(g, x)| g * x).sum();
            by_out.iter_mut().zip(&pass.out).for_each(|(g, x)| *g = (*g - along * x) / pass.length);
            let mut by_low = vec![0f32; self.rank];
            let rows = up.chunks_mut(self.rank.max(1)).zip(self.up.chunks(self.rank.max(1)));
            for ((row, weights), g) in rows.zip(&by_out) {
                row.iter_mut().zip(&pass.low).for_each(|(to, low)| *to += each * g * low);
                by_low.iter_mut().zip(weights).for_each(|(to, w)| *to += g * w);
            }
            for (row, g) in down.chunks_mut(self.dim.max(1)).zip(&by_low) {
                row.iter_mut().zip(&triplet.query).for_each(|(to, x)| *to += each * g * x);
            }
        }
        (down, up)
    }
}

/// Softmax of a query's similarities to its positive, its negatives and the positives of the other
/// triplets; and these documents, in that order.
fn shares<'a>(query: &[f32], batch: &[&'a Triplet], index: usize) -> (Vec<f32>, Vec<&'a [f32]>) {
    let own = batch.get(index).into_iter();
    let answer = own.clone().map(|triplet| &triplet.positive);
    let shown = own.flat_map(|triplet| triplet.negatives.iter());
    // Another positive of the same query is not a negative.
    let query_of = |of: usize| batch.get(of).map(|triplet| &triplet.query);
    let apart = |other: usize| other != index && query_of(other) != query_of(index);
    let others = batch.iter().enumerate().filter(|(other, _)| apart(*other));
    let others = others.map(|(_, triplet)| &triplet.positive);
    let documents: Vec<&[f32]> = answer.chain(shown).chain(others).map(Vec::as_slice).collect();
    let dot = |x: &[f32]| query.iter().zip(x).map(|(a, b)| a * b).sum::<f32>() / TEMPERATURE;
    let mut shares: Vec<f32> = documents.iter().map(|d| dot(d)).collect();
    let most = shares.iter().fold(f32::MIN, |most, x| most.max(*x));
    shares.iter_mut().for_each(|x| *x = (*x - most).exp());
    let sum: f32 = shares.iter().sum();
    shares.iter_mut().for_each(|x| *x /= sum);
    (shares, documents)
}

/// Adam's running means of a gradient and of its square.
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Moments {
    fn new(count: usize) -> Self {
        Self { first: vec![0.0; count], second: vec![0.0; count] }
    }

    fn step(&mut self, weights: &mut [f32], gradient: &[f32], rate: f32, step: i32) {
        let [keep, keep_square] = BETA;
        // Corrects the bias of both, which begin with zeros.
        let (less, less_square) = (1.0 - keep.powi(step), 1.0 - keep_square.powi(step));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((weight, g), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
            *first = keep * *first + (1.0 - keep) * g;
            *second = keep_square * *second + (1.0 - keep_square) * g * g;
            *weight -= rate * (*first / less) / ((*second / less_square).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIM: usize = 12;

    fn unit(random: &mut SplitMix) -> Vec<f32> {
        let vector: Vec<f32> = (0..DIM).map(|_| random.unit() as f32 - 0.5).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.into_iter().map(|x| x / length).collect()
    }

    /// Each positive is the query with two components exchanged.
    fn triplets(seed: u64, count: usize) -> Vec<Triplet> {
        let mut random = SplitMix::new(seed);
        let triplet = |_| {
            let query = unit(&mut random);
            let mut answer = query.clone();
            answer.swap(0, 1);
            let others = Arc::new((0..4).map(|_| unit(&mut random)).collect());
            Triplet { query, positive: answer, negatives: others }
        };
        (0..count).map(triplet).collect()
    }

    #[test]
    fn a_new_adapter_changes_nothing_and_a_trained_one_helps_queries_it_has_not_seen() {
        let (known, unknown) = (triplets(1, 200), triplets(2, 100));
        let known: Vec<&Triplet> = known.iter().collect();
        let idle = Training { epochs: 0, ..Training::default() };
        let before = Adapter::train(DIM, &known, &idle);
        let query = &unknown[0].query;
        let same = before.apply(query);
        assert!(same.iter().zip(query).all(|(a, b)| (a - b).abs() < 1e-6));
        let training = Training { epochs: 60, rate: 5e-3, ..Training::default() };
        let after = Adapter::train(DIM, &known, &training);
        assert_eq!(after, Adapter::train(DIM, &known, &training), "a seed repeats it");
        assert!(after.is_sound());
        let (was, is) = (before.loss(&unknown), after.loss(&unknown));
        assert!(is < 0.7 * was, "{was} {is}");
        let length: f32 = after.apply(query).iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5);
        assert_eq!(after.apply(&[1.0, 2.0]), [1.0, 2.0]);
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let known = triplets(4, 5);
        let batch: Vec<&Triplet> = known.iter().collect();
        let training = Training { rank: 3, epochs: 5, rate: 0.02, ..Training::default() };
        let adapter = Adapter::train(DIM, &batch, &training);
        let (down, up) = adapter.gradient(&batch);
        let step = 2e-3;
        for index in 0..down.len() {
            let slope = |of: fn(&mut Adapter) -> &mut Vec<f32>| {
                let at = |by: f32| {
                    let mut moved = adapter.clone();
                    of(&mut moved)[index] += by;
                    moved.loss(&known)
                };
                (at(step) - at(-step)) / f64::from(2.0 * step)
            };
            for (found, expected) in
                [(down[index], slope(|a| &mut a.down)), (up[index], slope(|a| &mut a.up))]
            {
                let off = (f64::from(found) - expected).abs();
                assert!(off < 2e-2 * (1.0 + expected.abs()), "{index}: {found} {expected}");
            }
        }
    }
}
