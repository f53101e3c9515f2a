//! JSON of evaluations: queries by the dozen, with or without judgments.

use lexivec::query::evaluate::answer::{AnswerReport, Answered, answer_report};
use lexivec::query::evaluate::compare::Resampling;
use lexivec::query::evaluate::metric::Metric;
use lexivec::query::evaluate::ranking::Judgments;
use lexivec::query::evaluate::trec::Qrels;
use lexivec::{AdapterOptions, Feedback, JudgedQuery, SearchRequest, TuneOptions};
use serde::Deserialize;

use super::{SearchJson, within};
use crate::error::{Answer, Problem};
use crate::limits::MAX_REQUESTS;

/// Documents ranked for each query of an evaluation that names no number: as deep as recall@100 looks.
const DEFAULT_DEPTH: usize = 100;

/// A query and its judgments: grades of documents by their ids, above 0 is relevant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgedJson {
    id: String,
    request: SearchJson,
    #[serde(default)]
    judgments: Judgments,
}

/// Queries by their ids.
type Queries = Vec<(String, SearchRequest)>;

/// Reads queries, each of which has an id of its own.
fn read(queries: Vec<JudgedJson>) -> Answer<(Queries, Qrels)> {
    within("queries", queries.len(), MAX_REQUESTS)?;
    let (mut requests, mut qrels) = (Vec::with_capacity(queries.len()), Qrels::new());
    for JudgedJson { id, request, judgments } in queries {
        if request.profile.is_some() || request.limit.is_some() {
            let detail = "profile and limit of all queries are told beside them, not in each";
            return Err(Problem::bad_request(format!("query {id:?}: {detail}")));
        }
        if qrels.insert(id.clone(), judgments).is_some() {
            return Err(Problem::bad_request(format!("two queries have the id {id:?}")));
        }
        requests.push((id, request.into_request()?));
    }
    Ok((requests, qrels))
}

/// The queries, as a profile ranks so many documents.
fn with(queries: &Queries, profile: Option<&String>, limit: usize, exact: bool) -> Queries {
    let set = |(id, request): &(String, SearchRequest)| {
        let mut request = request.clone().limit(limit);
        request.params.exact |= exact;
        request.profile = profile.cloned();
        (id.clone(), request)
    };
    queries.iter().map(set).collect()
}

/// Body of `POST /v1/collections/{c}/evaluate`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvaluateJson {
    queries: Vec<JudgedJson>,
    profile: Option<String>,
    against_profile: Option<String>,
    depth: Option<usize>,
    #[serde(default)]
    exact: bool,
    #[serde(default = "one")]
    seed: u64,
}

fn one() -> u64 {
    1
}

/// What is evaluated.
pub(crate) struct Evaluated {
    queries: Queries,
    pub(crate) qrels: Qrels,
    pub(crate) profile: Option<String>,
    pub(crate) against_profile: Option<String>,
    depth: usize,
    exact: bool,
    pub(crate) seed: u64,
}

impl EvaluateJson {
    /// What these words mean.
    pub(crate) fn into_asked(self) -> Answer<Evaluated> {
        let (queries, qrels) = read(self.queries)?;
        Ok(Evaluated {
            queries,
            qrels,
            profile: self.profile,
            against_profile: self.against_profile,
            depth: self.depth.unwrap_or(DEFAULT_DEPTH),
            exact: self.exact,
            seed: self.seed,
        })
    }
}

impl Evaluated {
    /// The queries with the settings of a profile.
    pub(crate) fn with(&self, profile: &Option<String>) -> Queries {
        with(&self.queries, profile.as_ref(), self.depth, self.exact)
    }
}

/// Body of `POST /v1/collections/{c}/diff`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiffJson {
    queries: Vec<JudgedJson>,
    profile: Option<String>,
    with_profile: Option<String>,
    with_collection: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    exact: bool,
}

/// What is compared.
pub(crate) struct Compared {
    queries: Queries,
    pub(crate) profile: Option<String>,
    pub(crate) with_profile: Option<String>,
    pub(crate) with_collection: Option<String>,
    pub(crate) limit: usize,
    exact: bool,
}

impl DiffJson {
    /// What these words mean.
    pub(crate) fn into_asked(self) -> Answer<Compared> {
        Ok(Compared {
            queries: read(self.queries)?.0,
            profile: self.profile,
            with_profile: self.with_profile,
            with_collection: self.with_collection,
            limit: self.limit.unwrap_or(SearchRequest::default().limit),
            exact: self.exact,
        })
    }
}

impl Compared {
    /// The queries with the settings of a profile.
    pub(crate) fn with(&self, profile: &Option<String>) -> Queries {
        with(&self.queries, profile.as_ref(), self.limit, self.exact)
    }
}

/// Body of `POST /v1/collections/{c}/tune`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TuneJson {
    queries: Vec<JudgedJson>,
    metric: Option<String>,
    folds: Option<usize>,
    seed: Option<u64>,
    save: Option<String>,
    #[serde(default)]
    save_anyway: bool,
}

/// What is tuned.
pub(crate) struct Tuned {
    pub(crate) queries: Vec<JudgedQuery>,
    pub(crate) options: TuneOptions,
    pub(crate) save: Option<String>,
    pub(crate) save_anyway: bool,
}

impl TuneJson {
    /// What these words mean.
    pub(crate) fn into_asked(self) -> Answer<Tuned> {
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
        let (queries, mut qrels) = read(self.queries)?;
        let judged = |(id, request)| JudgedQuery {
            judgments: qrels.remove(&id).unwrap_or_default(),
            request,
        };
        let queries = queries.into_iter().map(judged).collect();
        Ok(Tuned { queries, options, save: self.save, save_anyway: self.save_anyway })
    }
}

/// Body of `POST /v1/answers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswersJson {
    cases: Vec<Answered>,
    against: Option<Vec<Answered>>,
    #[serde(default)]
    experiment_id: String,
    #[serde(default)]
    model_version: String,
    #[serde(default = "one")]
    seed: u64,
}

impl AnswersJson {
    /// Refuses more than one request may hold.
    pub(crate) fn check(self) -> Answer<Self> {
        within("cases", self.cases.len(), MAX_REQUESTS)?;
        within("against", self.against.as_ref().map_or(0, Vec::len), MAX_REQUESTS)?;
        Ok(self)
    }

    /// Evaluates them.
    pub(crate) fn report(self) -> Answer<AnswerReport> {
        let resampling = Resampling { seed: self.seed, ..Resampling::default() };
        let names = (self.experiment_id.as_str(), self.model_version.as_str());
        let report = answer_report(names, self.cases, self.against, &resampling);
        Ok(report.map_err(lexivec::Error::from)?)
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
    pub(crate) fn check(self) -> Answer<Vec<Feedback>> {
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
