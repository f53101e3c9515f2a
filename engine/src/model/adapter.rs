//! Query adapters: a small change of query vectors that is learnt from what users found relevant, while documents
//! stay as they are.
//!
//! A query `q` becomes `normalise(q + (alpha / r) B (A q))`, where `A` has `r` rows and `B` as many columns (Hu and
//! others, "LoRA: Low-rank adaptation of large language models", 2022). `B` begins with zeros: an adapter that learnt
//! nothing changes nothing. The loss is InfoNCE (van den Oord and others, "Representation learning with contrastive
//! predictive coding", 2018), minimised by Adam (Kingma and Ba, "Adam: A method for stochastic optimization", 2015).

use std::sync::Arc;

use lexivec_query::random::SplitMix;
use serde::{Deserialize, Serialize};

/// Rows of `A` where the caller names no number.
pub const DEFAULT_RANK: usize = 8;
/// Rows of `A`, at the most: more than this many directions are not learnt of some hundred queries.
pub const MAX_RANK: usize = 64;
/// Passes over the lessons, at the most.
pub const MAX_EPOCHS: usize = 100;
/// Weights of an adapter, at the most: it is kept in one document.
pub const MAX_WEIGHTS: usize = 65_536;
/// Share of the learnt change that is applied. What some hundred lessons teach is half noise; on judged collections a
/// quarter of it gains more than all of it (benches/RESULTS.md), which is shrinkage as of James and Stein.
const STRENGTH: f32 = 0.25;
/// Temperature of the softmax: cosines of sentence vectors differ by a few hundredths.
const TEMPERATURE: f32 = 0.05;
/// Share of the gradients' averages that is kept from step to step, and of their squares'; Adam's own.
const BETA: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;
/// Lessons of one step: the documents of one are wrong answers for the others.
const BATCH: usize = 16;

/// What a query showed: unit vectors of the question, of a document that answers it, and of others that were
/// shown. A query with several answers is as many lessons.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// The question.
    pub query: Vec<f32>,
    /// The answer.
    pub answer: Vec<f32>,
    /// What is none: shown and passed over, or any other documents. Only the latter keep the answers' part of space
    /// apart from the rest; the former alone push the query away from where all answers are.
    pub others: Arc<Vec<Vec<f32>>>,
}

/// How an adapter is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Training {
    /// Rows of `A`, 1 to [`MAX_RANK`].
    pub rank: usize,
    /// Strength of the change, `alpha`.
    pub alpha: f32,
    /// Length of a step.
    pub rate: f32,
    /// Passes over the lessons.
    pub epochs: usize,
    /// What `A` begins with and the order of lessons depend on.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self { rank: DEFAULT_RANK, alpha: 8.0, rate: 3e-4, epochs: 5, seed: 1 }
    }
}

/// A learnt change of query vectors.
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

/// What one query becomes on its way.
struct Pass {
    low: Vec<f32>,
    length: f32,
    out: Vec<f32>,
}

impl Adapter {
    /// An adapter that changes nothing yet.
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

    /// Components of the vectors it takes.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// True if its numbers are finite and as many as they have to be.
    pub fn is_sound(&self) -> bool {
        let count = self.dim.checked_mul(self.rank);
        (1..=MAX_RANK).contains(&self.rank)
            && count == Some(self.down.len())
            && count == Some(self.up.len())
            && self.down.len() + self.up.len() <= MAX_WEIGHTS
            && self.scale.is_finite()
            && self.down.iter().chain(&self.up).all(|x| x.is_finite())
    }

    /// The adapted query, at unit length; one of another dimension stays as it is.
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

    /// Trains an adapter; the same lessons and training give the same one.
    pub fn train(dim: usize, lessons: &[Lesson], training: &Training) -> Self {
        let mut random = SplitMix::new(training.seed);
        let mut adapter = Self::new(dim, training, &mut random);
        let mut moments = [Moments::new(adapter.down.len()), Moments::new(adapter.up.len())];
        let mut order: Vec<usize> = (0..lessons.len()).collect();
        let mut step = 0;
        for _ in 0..training.epochs {
            random.shuffle(&mut order);
            for batch in order.chunks(BATCH) {
                let batch: Vec<&Lesson> = batch.iter().filter_map(|&i| lessons.get(i)).collect();
                let (down, up) = adapter.gradient(&batch);
                step += 1;
                moments[0].step(&mut adapter.down, &down, training.rate, step);
                moments[1].step(&mut adapter.up, &up, training.rate, step);
            }
        }
        adapter.scale *= STRENGTH;
        adapter
    }

    /// Mean loss of some lessons: that of the answer of each against everything else in them.
    pub fn loss(&self, lessons: &[Lesson]) -> f64 {
        let all: Vec<&Lesson> = lessons.iter().collect();
        let losses = all.chunks(BATCH).flat_map(|batch| {
            (0..batch.len()).map(|place| {
                let pass = self.pass(&batch[place].query);
                let shares = shares(&pass.out, batch, place).0;
                -f64::from(shares.first().copied().unwrap_or(1.0).max(f32::MIN_POSITIVE)).ln()
            })
        });
        let (sum, count) = losses.fold((0.0, 0usize), |(sum, n), loss| (sum + loss, n + 1));
        sum / count.max(1) as f64
    }

    /// Gradients of `A` and `B`, as means over a batch.
    fn gradient(&self, batch: &[&Lesson]) -> (Vec<f32>, Vec<f32>) {
        let (mut down, mut up) = (vec![0.0; self.down.len()], vec![0.0; self.up.len()]);
        let each = self.scale / batch.len().max(1) as f32;
        for (place, lesson) in batch.iter().enumerate() {
            let pass = self.pass(&lesson.query);
            let (shares, documents) = shares(&pass.out, batch, place);
            // Of the loss by the adapted query: what is expected less what is right.
            let mut by_out = vec![0f32; self.dim];
            for (number, (share, document)) in shares.iter().zip(documents).enumerate() {
                let weight = (share - f32::from(u8::from(number == 0))) / TEMPERATURE;
                by_out.iter_mut().zip(document).for_each(|(g, x)| *g += weight * x);
            }
            // Through the normalisation: the part along the query goes.
            let along: f32 = by_out.iter().zip(&pass.out).map(|(g, x)| g * x).sum();
            by_out.iter_mut().zip(&pass.out).for_each(|(g, x)| *g = (*g - along * x) / pass.length);
            let mut by_low = vec![0f32; self.rank];
            let rows = up.chunks_mut(self.rank.max(1)).zip(self.up.chunks(self.rank.max(1)));
            for ((row, weights), g) in rows.zip(&by_out) {
                row.iter_mut().zip(&pass.low).for_each(|(to, low)| *to += each * g * low);
                by_low.iter_mut().zip(weights).for_each(|(to, w)| *to += g * w);
            }
            for (row, g) in down.chunks_mut(self.dim.max(1)).zip(&by_low) {
                row.iter_mut().zip(&lesson.query).for_each(|(to, x)| *to += each * g * x);
            }
        }
        (down, up)
    }
}

/// Softmax of a query's similarities: to its answer, then to what it was shown besides and to the answers of the
/// other lessons; and these documents, in that order.
fn shares<'a>(query: &[f32], batch: &[&'a Lesson], place: usize) -> (Vec<f32>, Vec<&'a [f32]>) {
    let own = batch.get(place).into_iter();
    let answer = own.clone().map(|lesson| &lesson.answer);
    let shown = own.flat_map(|lesson| lesson.others.iter());
    // Another answer to the same question is no wrong one.
    let query_of = |of: usize| batch.get(of).map(|lesson| &lesson.query);
    let apart = |other: usize| other != place && query_of(other) != query_of(place);
    let others = batch.iter().enumerate().filter(|(other, _)| apart(*other));
    let others = others.map(|(_, lesson)| &lesson.answer);
    let documents: Vec<&[f32]> = answer.chain(shown).chain(others).map(Vec::as_slice).collect();
    let dot = |x: &[f32]| query.iter().zip(x).map(|(a, b)| a * b).sum::<f32>() / TEMPERATURE;
    let mut shares: Vec<f32> = documents.iter().map(|d| dot(d)).collect();
    let most = shares.iter().fold(f32::MIN, |most, x| most.max(*x));
    shares.iter_mut().for_each(|x| *x = (*x - most).exp());
    let sum: f32 = shares.iter().sum();
    shares.iter_mut().for_each(|x| *x /= sum);
    (shares, documents)
}

/// The averages that Adam keeps of a gradient and of its square.
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
        // Both begin with zeros, which is put right.
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

    /// Answers lie where the query points but for two components, which are exchanged.
    fn lessons(seed: u64, count: usize) -> Vec<Lesson> {
        let mut random = SplitMix::new(seed);
        let lesson = |_| {
            let query = unit(&mut random);
            let mut answer = query.clone();
            answer.swap(0, 1);
            let others = Arc::new((0..4).map(|_| unit(&mut random)).collect());
            Lesson { query, answer, others }
        };
        (0..count).map(lesson).collect()
    }

    #[test]
    fn a_new_adapter_changes_nothing_and_a_trained_one_helps_queries_it_has_not_seen() {
        let (known, unknown) = (lessons(1, 200), lessons(2, 100));
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
        let known = lessons(4, 5);
        let batch: Vec<&Lesson> = known.iter().collect();
        let training = Training { rank: 3, epochs: 5, rate: 0.02, ..Training::default() };
        let adapter = Adapter::train(DIM, &known, &training);
        let (down, up) = adapter.gradient(&batch);
        let step = 2e-3;
        for place in 0..down.len() {
            let slope = |of: fn(&mut Adapter) -> &mut Vec<f32>| {
                let at = |by: f32| {
                    let mut moved = adapter.clone();
                    of(&mut moved)[place] += by;
                    moved.loss(&known)
                };
                (at(step) - at(-step)) / f64::from(2.0 * step)
            };
            for (found, expected) in
                [(down[place], slope(|a| &mut a.down)), (up[place], slope(|a| &mut a.up))]
            {
                let off = (f64::from(found) - expected).abs();
                assert!(off < 2e-2 * (1.0 + expected.abs()), "{place}: {found} {expected}");
            }
        }
    }
}
