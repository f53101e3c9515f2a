//! JSON of evaluations: queries by the dozen, with or without judgments.

use lexivec::eval::compare::Resampling;
use lexivec::eval::evaluation::{DEFAULT_SEED, Diff, Evaluation, check};
use lexivec::eval::metric::Metric;
use lexivec::query::limits::DEFAULT_LIMIT;
use lexivec::{AdapterOptions, Feedback, JudgedQuery, TuneOptions};
use lexivec_platform::rag::{RagCase, RagReport, rag_report};
use serde::Deserialize;

use super::within;
use crate::error::{ApiResult, Problem};
use crate::limits::MAX_REQUESTS;

/// Refuses an evaluation of more queries than one request may hold.
pub(crate) fn check_evaluation(asked: Evaluation) -> ApiResult<Evaluation> {
    within("queries", asked.queries.len(), MAX_REQUESTS)?;
    Ok(asked)
}

/// Body of `POST /v1/collections/{c}/diff`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiffJson {
    queries: Vec<JudgedQuery>,
    profile: Option<String>,
    with_profile: Option<String>,
    with_collection: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    exact: bool,
}

impl DiffJson {
    /// The diff, and the collection of its second side if it is another one.
    pub(crate) fn into_diff(self) -> ApiResult<(Diff, Option<String>)> {
        within("queries", self.queries.len(), MAX_REQUESTS)?;
        let Self { queries, profile, with_profile, with_collection, limit, exact } = self;
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        Ok((Diff { queries, profile, with_profile, limit, exact }, with_collection))
    }
}

/// Body of `POST /v1/collections/{c}/tune`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TuneJson {
    queries: Vec<JudgedQuery>,
    metric: Option<String>,
    folds: Option<usize>,
    seed: Option<u64>,
    save: Option<String>,
    #[serde(default)]
    save_anyway: bool,
}

/// A tuning.
pub(crate) struct Tuned {
    pub(crate) queries: Vec<JudgedQuery>,
    pub(crate) options: TuneOptions,
    pub(crate) save: Option<String>,
    pub(crate) save_anyway: bool,
}

impl TuneJson {
    /// The tuning that the body describes.
    pub(crate) fn into_asked(self) -> ApiResult<Tuned> {
        let refused = |detail: String| Problem::bad_request(detail);
        if let Some(name) = &self.save {
            // Before the work, not after it.
            lexivec::schema::check_name("save", name).map_err(Problem::from)?;
        }
        let mut options = TuneOptions::default();
        if let Some(metric) = &self.metric {
            options.metric =
                metric.parse::<Metric>().map_err(|e| refused(format!("metric: {e}")))?;
        }
        options.folds = self.folds.unwrap_or(options.folds);
        options.seed = self.seed.unwrap_or(options.seed);
        within("queries", self.queries.len(), MAX_REQUESTS)?;
        check(&self.queries).map_err(lexivec::Error::from)?;
        let queries = self.queries;
        Ok(Tuned { queries, options, save: self.save, save_anyway: self.save_anyway })
    }
}

/// Body of `POST /v1/answers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswersJson {
    cases: Vec<RagCase>,
    against: Option<Vec<RagCase>>,
    #[serde(default)]
    experiment_id: String,
    #[serde(default)]
    model_version: String,
    #[serde(default = "one")]
    seed: u64,
}

fn one() -> u64 {
    DEFAULT_SEED
}

impl AnswersJson {
    /// Refuses more than one request may hold.
    pub(crate) fn check(self) -> ApiResult<Self> {
        within("cases", self.cases.len(), MAX_REQUESTS)?;
        within("against", self.against.as_ref().map_or(0, Vec::len), MAX_REQUESTS)?;
        Ok(self)
    }

    /// Evaluates them.
    pub(crate) fn report(self) -> ApiResult<RagReport> {
        let resampling = Resampling { seed: self.seed, ..Resampling::default() };
        let names = (self.experiment_id.as_str(), self.model_version.as_str());
        let report = rag_report(names, self.cases, self.against, &resampling);
        Ok(report?)
    }
}

/// Body of `POST /v1/collections/{c}/learn`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LearnJson {
    feedback: Vec<Feedback>,
}

impl LearnJson {
    /// Refuses more than one request may hold.
    pub(crate) fn check(self) -> ApiResult<Vec<Feedback>> {
        within("feedback", self.feedback.len(), MAX_REQUESTS)?;
        Ok(self.feedback)
    }
}

/// Body of `POST /v1/collections/{c}/adapters`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainJson {
    rank: Option<usize>,
    epochs: Option<usize>,
    folds: Option<usize>,
    seed: Option<u64>,
}

impl TrainJson {
    /// The options these words mean.
    pub(crate) fn into_options(self) -> AdapterOptions {
        let mut options = AdapterOptions::default();
        options.folds = self.folds.unwrap_or(options.folds);
        options.seed = self.seed.unwrap_or(options.seed);
        options.training.seed = options.seed;
        options.training.rank = self.rank.unwrap_or(options.training.rank);
        options.training.epochs = self.epochs.unwrap_or(options.training.epochs);
        options
    }
}

/// Body of `PUT /v1/collections/{c}/adapters/active`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActiveJson {
    /// Null for none.
    pub(crate) version: Option<u32>,
}
