//! Training of a query adapter: feedback becomes triplets, and the adapter is stored only if it
//! improves held-out queries.

use std::collections::BTreeSet;
use std::sync::Arc;

use lexivec_eval::compare::{Resampling, paired_test};
use lexivec_eval::metric::Metric;
use lexivec_eval::random::SplitMix;
use lexivec_eval::ranking::Judgments;
use lexivec_eval::statistics::mean;
use lexivec_eval::tune::{DEFAULT_FOLDS, SIGNIFICANCE};
use lexivec_query::request::{AdapterChoice, Mode};
use lexivec_query::{SearchRequest, SearchResponse};
use rayon::prelude::*;

use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::generation::{DocAddress, LiveSegment};
use crate::limits::{MAX_FOLDS, MAX_QUERY_TRIPLETS, MAX_TRIPLETS};
use crate::model::adapter::{Adapter, MAX_EPOCHS, MAX_RANK, MAX_WEIGHTS, Training, Triplet};
use crate::model::adapters::AdapterValidation;
use crate::search::Searcher;
use crate::vector::distance::normalize;

/// Fewest triplets (a query with a relevant row) that an adapter is trained on.
pub const MIN_TRIPLETS: usize = 100;
/// Fewest queries by which an adapter is validated.
pub const MIN_QUERIES: usize = 20;
/// Least gain in nDCG@10 of an adapter on held-out queries: a smaller gain is not worth a further
/// component that changes scores, and comes from a trait common to all answers rather than from single
/// queries.
pub const MIN_GAIN: f64 = 0.01;
/// Most passed-over rows of one triplet: rows at the first ranks are often relevant as well.
const MAX_SHOWN: usize = 4;
/// Number of random splits of the queries: the result of one split depends on chance, the mean of
/// several less so (Kim, "Estimating classification error rate: repeated cross-validation", 2009).
const SPLITS: u64 = 4;
/// Random rows of a triplet.
const RANDOM_ROWS: usize = 32;

/// A query with its relevant rows and the rows shown for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Question {
    pub(crate) vector: Vec<f32>,
    pub(crate) relevant: BTreeSet<String>,
    pub(crate) shown: Vec<String>,
}

/// Options of training and validating an adapter.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AdapterOptions {
    /// Hyperparameters of the training.
    pub training: Training,
    /// Number of folds of the validation.
    pub folds: usize,
    /// Seed of the splits, of the random rows and of the test.
    pub seed: u64,
    /// Bytes of memory that the vectors it is trained on may take.
    pub memory: u64,
}

impl Default for AdapterOptions {
    fn default() -> Self {
        Self { training: Training::default(), folds: DEFAULT_FOLDS, seed: 1, memory: u64::MAX }
    }
}

/// Validates by cross-validation, and trains an adapter on all queries.
pub(crate) fn validate_and_train(
    searcher: &Searcher,
    field: &str,
    questions: &[Question],
    options: &AdapterOptions,
) -> Result<(AdapterValidation, Adapter)> {
    let dim = questions.first().map_or(0, |q| q.vector.len());
    check(options, dim)?;
    let rows = Rows::new(searcher, field, options);
    let triplets = questions.par_iter().enumerate().map(|(index, q)| rows.triplets(q, index));
    let triplets = triplets.collect::<Result<Vec<Vec<Triplet>>>>()?;
    let count = triplets.iter().map(Vec::len).sum::<usize>();
    if count > MAX_TRIPLETS {
        let detail = format!("{count} relevant rows are over the limit of {MAX_TRIPLETS}");
        return Err(Error::invalid("feedback", detail));
    }
    if count < MIN_TRIPLETS || questions.len() < MIN_QUERIES.max(options.folds) {
        let detail = format!(
            "insufficient training data: at least {MIN_TRIPLETS} relevant rows that are there, of {MIN_QUERIES} \
             queries, are needed; there are {count} of {}",
            questions.len()
        );
        return Err(Error::invalid("feedback", detail));
    }
    let train = |inside: &dyn Fn(usize) -> bool| {
        let of = triplets.iter().enumerate().filter(|(index, _)| inside(*index));
        let of: Vec<&Triplet> = of.flat_map(|(_, triplets)| triplets).collect();
        Adapter::train(dim, &of, &options.training)
    };
    let plain = |q: &Question| q.vector.clone();
    let before = scores(searcher, field, questions, questions.iter().map(plain))?;
    let mut after = vec![0.0; questions.len()];
    for split in 0..SPLITS {
        let part = parts(questions.len(), options.folds, options.seed.wrapping_add(split));
        let adapters: Vec<Adapter> =
            (0..options.folds).into_par_iter().map(|fold| train(&|q| part[q] != fold)).collect();
        let adapted = questions.iter().zip(&part).map(|(q, &part)| adapters[part].apply(&q.vector));
        let scores = scores(searcher, field, questions, adapted)?;
        after.iter_mut().zip(scores).for_each(|(mean, score)| *mean += score / SPLITS as f64);
    }
    let differences: Vec<f64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
    let resampling = Resampling { seed: options.seed, ..Resampling::default() };
    let test = paired_test(&differences, &resampling)?;
    let passed = test.difference.mean >= MIN_GAIN && test.p_value < SIGNIFICANCE;
    let (before, after) = (mean(&before), mean(&after));
    let validation = AdapterValidation {
        queries: questions.len(),
        triplets: count,
        before,
        after,
        test,
        passed,
    };
    Ok((validation, train(&|_| true)))
}

/// The fold of each query, drawn at random.
fn parts(questions: usize, folds: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..questions).collect();
    SplitMix::new(seed).shuffle(&mut order);
    let mut part = vec![0; questions];
    order.iter().enumerate().for_each(|(index, &question)| part[question] = index % folds);
    part
}

fn check(options: &AdapterOptions, dim: usize) -> Result<()> {
    let Training { rank, alpha, rate, epochs, .. } = options.training;
    let refused = |what: &str, detail: String| Err(Error::invalid(what, detail));
    if !(1..=MAX_RANK).contains(&rank) || 2 * rank * dim > MAX_WEIGHTS {
        let most = (MAX_WEIGHTS / (2 * dim.max(1))).min(MAX_RANK);
        return refused("rank", format!("a number from 1 to {most} is expected"));
    }
    if !(1..=MAX_EPOCHS).contains(&epochs) {
        return refused("epochs", format!("a number from 1 to {MAX_EPOCHS} is expected"));
    }
    if !(alpha.is_finite() && alpha > 0.0 && rate.is_finite() && rate > 0.0) {
        return refused("training", "alpha and rate are numbers above 0".to_owned());
    }
    match (2..=MAX_FOLDS).contains(&options.folds) {
        true => Ok(()),
        false => refused("folds", format!("2 to {MAX_FOLDS} parts are expected")),
    }
}

/// nDCG@10 of each query, searched by another vector.
fn scores(
    searcher: &Searcher,
    field: &str,
    questions: &[Question],
    vectors: impl Iterator<Item = Vec<f32>>,
) -> Result<Vec<f64>> {
    let request = |vector| {
        let mut request = SearchRequest::vector(vector).exact().mode(Mode::Vector).ranking_only();
        request.vector_field = Some(field.to_owned());
        request.adapter = AdapterChoice::Off;
        request
    };
    let requests: Vec<SearchRequest> = vectors.map(request).collect();
    let answers = searcher.search_many(&requests)?;
    let score = |(answer, question): (SearchResponse, &Question)| {
        let ids: Vec<&str> = answer.hits.iter().map(|hit| hit.id.as_str()).collect();
        let judgments: Judgments = question.relevant.iter().map(|id| (id.clone(), 1)).collect();
        Metric::default().of(&ids, &judgments)
    };
    Ok(answers.into_iter().zip(questions).map(score).collect())
}

/// Source of the vectors of triplets.
struct Rows<'a> {
    searcher: &'a Searcher,
    field: &'a str,
    /// Number of rows up to the end of each segment.
    ends: Vec<u64>,
    seed: u64,
    budget: Budget,
}

impl<'a> Rows<'a> {
    fn new(searcher: &'a Searcher, field: &'a str, options: &AdapterOptions) -> Self {
        let mut end = 0;
        let count = |live: &LiveSegment| {
            end += u64::from(live.segment.rows);
            end
        };
        let ends = searcher.generation.segments.iter().map(count).collect();
        let budget = Budget::new().bytes(options.memory);
        Self { searcher, field, ends, seed: options.seed, budget }
    }

    /// A triplet for each relevant row that exists.
    fn triplets(&self, question: &Question, index: usize) -> Result<Vec<Triplet>> {
        let mut others = Vec::new();
        for id in question.shown.iter().filter(|id| !question.relevant.contains(*id)) {
            if others.len() == MAX_SHOWN {
                break;
            }
            others.extend(self.vector_of(id)?);
        }
        let mut random = SplitMix::new(self.seed ^ (index as u64 + 1).rotate_left(32));
        for _ in 0..RANDOM_ROWS {
            if let Some((id, vector)) = self.any(&mut random)?
                && !question.relevant.contains(id)
            {
                others.push(vector);
            }
        }
        let bytes = |vectors: usize| vectors * question.vector.len() * size_of::<f32>();
        self.budget.charge(bytes(others.len()))?;
        let others = Arc::new(others);
        let mut triplets = Vec::new();
        for id in &question.relevant {
            if triplets.len() == MAX_QUERY_TRIPLETS {
                break;
            }
            if let Some(answer) = self.vector_of(id)? {
                self.budget.charge(bytes(2))?;
                let (query, others) = (question.vector.clone(), others.clone());
                triplets.push(Triplet { query, positive: answer, negatives: others });
            }
        }
        Ok(triplets)
    }

    fn vector_of(&self, id: &str) -> Result<Option<Vec<f32>>> {
        match self.searcher.generation.find(id)? {
            Some(address) => self.vector(address),
            None => Ok(None),
        }
    }

    /// A row drawn at random; `None` if it is dead or has no vector.
    fn any(&self, random: &mut SplitMix) -> Result<Option<(&'a str, Vec<f32>)>> {
        let drawn = random.below(self.ends.last().copied().unwrap_or(0).max(1));
        let segment = self.ends.partition_point(|&end| end <= drawn);
        let Some(live) = self.searcher.generation.segments.get(segment) else { return Ok(None) };
        let before = segment.checked_sub(1).and_then(|s| self.ends.get(s)).copied().unwrap_or(0);
        let row = (drawn - before) as u32;
        if !live.alive.contains(row) {
            return Ok(None);
        }
        let vector = self.vector(DocAddress::new(segment as u32, row))?;
        vector.map(|vector| Ok((live.id(row)?, vector))).transpose()
    }

    /// The vector of a row, at unit length.
    fn vector(&self, address: DocAddress) -> Result<Option<Vec<f32>>> {
        let live = self.searcher.generation.segment(address.segment)?;
        Ok(live.vector(self.field, address.row)?.map(normalize))
    }
}
