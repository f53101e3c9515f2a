//! The two runs over many queries, composed once for every door: an evaluation and a diff of settings.

use std::collections::BTreeSet;

use lexivec_query::limits::DEFAULT_LIMIT;
use lexivec_query::{Error, Result, SearchRequest};
use serde::{Deserialize, Serialize};

use crate::compare::Resampling;
use crate::diff::{Changes, changes};
use crate::ranking::Judgments;
use crate::report::{Report, report};
use crate::trec::{Qrels, Run};

/// Documents ranked for each query if an evaluation names no number: as deep as recall@100 reads.
pub const DEFAULT_DEPTH: usize = 100;
/// Seed of an evaluation that names none.
pub const DEFAULT_SEED: u64 = 1;

/// A query and its judgments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedQuery {
    /// The query's id, which no other query of the list has.
    #[serde(deserialize_with = "lexivec_query::ids::one")]
    pub id: String,
    /// The request: text, vector or both, and a filter. Limit and profile are set for the whole run.
    pub request: SearchRequest,
    /// Grades of documents by their ids; above 0 is relevant.
    #[serde(default)]
    pub judgments: Judgments,
}

/// Requests by the ids of their queries.
pub type Requests = Vec<(String, SearchRequest)>;

/// Checks that each query has an id that no other has, and leaves profile and limit to the run.
///
/// # Errors
/// Names the first query at fault.
pub fn check(queries: &[JudgedQuery]) -> Result<()> {
    let mut ids = BTreeSet::new();
    for JudgedQuery { id, request, .. } in queries {
        if request.profile.is_some() || request.limit != DEFAULT_LIMIT {
            let detail = "profile and limit are set for all queries together, not in each";
            return Err(Error::invalid(format!("query {id:?}"), detail));
        }
        if !ids.insert(id) {
            return Err(Error::invalid("queries", format!("two queries have the id {id:?}")));
        }
    }
    Ok(())
}

/// Number of queries whose text is longer than what is searched for.
pub fn cut_queries(queries: &[JudgedQuery]) -> usize {
    queries.iter().filter(|query| query.request.text_cut().is_some()).count()
}

/// The requests with the settings of a run.
fn requests(queries: &[JudgedQuery], profile: Option<&str>, limit: usize, exact: bool) -> Requests {
    let set = |query: &JudgedQuery| {
        let mut request = query.request.clone().limit(limit);
        request.params.exact |= exact;
        request.profile = profile.map(str::to_owned);
        (query.id.clone(), request)
    };
    queries.iter().map(set).collect()
}

/// An evaluation: queries ranked under one profile, and under another one that it is tested against.
/// As JSON it is the body of `POST /v1/collections/{c}/evaluate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The queries with their judgments.
    pub queries: Vec<JudgedQuery>,
    /// The profile; the collection's defaults if not named.
    #[serde(default)]
    pub profile: Option<String>,
    /// The profile that the first one is tested against, if any.
    #[serde(default)]
    pub against_profile: Option<String>,
    /// Documents ranked for each query.
    #[serde(default = "default_depth", deserialize_with = "or_default_depth")]
    pub depth: usize,
    /// True if the vector leg scans every row, so that the figures are those of the vectors alone.
    #[serde(default)]
    pub exact: bool,
    /// Seed of the intervals and tests; one seed gives one report.
    #[serde(default = "default_seed")]
    pub seed: u64,
}

fn default_depth() -> usize {
    DEFAULT_DEPTH
}

fn or_default_depth<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<usize, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(DEFAULT_DEPTH))
}

fn default_seed() -> u64 {
    DEFAULT_SEED
}

impl Evaluation {
    /// An evaluation of queries under the collection's defaults.
    #[must_use]
    pub fn new(queries: Vec<JudgedQuery>) -> Self {
        Self {
            queries,
            profile: None,
            against_profile: None,
            depth: DEFAULT_DEPTH,
            exact: false,
            seed: DEFAULT_SEED,
        }
    }

    /// The rankings under the profile, and those under the other one if there is one. `rank` answers the
    /// requests.
    ///
    /// # Errors
    /// Those of `rank`.
    pub fn rankings<E>(
        &self,
        mut rank: impl FnMut(&[(String, SearchRequest)]) -> std::result::Result<Run, E>,
    ) -> std::result::Result<(Run, Option<Run>), E> {
        let mut under =
            |profile: Option<&str>| rank(&requests(&self.queries, profile, self.depth, self.exact));
        let run = under(self.profile.as_deref())?;
        let against = self.against_profile.as_deref().map(|name| under(Some(name)));
        Ok((run, against.transpose()?))
    }

    /// The judgments of all queries.
    pub fn qrels(&self) -> Qrels {
        self.queries.iter().map(|query| (query.id.clone(), query.judgments.clone())).collect()
    }

    /// Ranks and reports.
    ///
    /// # Errors
    /// Those of [`check`], of `rank` and of [`report`].
    pub fn run<E: From<Error>>(
        &self,
        rank: impl FnMut(&[(String, SearchRequest)]) -> std::result::Result<Run, E>,
    ) -> std::result::Result<Report, E> {
        check(&self.queries)?;
        let (run, against) = self.rankings(rank)?;
        let resampling = Resampling { seed: self.seed, ..Resampling::default() };
        let mut report = report(&run, against.as_ref(), &self.qrels(), &resampling)?;
        report.cut_queries = cut_queries(&self.queries);
        Ok(report)
    }
}

/// A diff: the same queries ranked under two profiles or in two collections, compared hit by hit.
#[derive(Clone, Debug, PartialEq)]
pub struct Diff {
    /// The queries; judgments are not read.
    pub queries: Vec<JudgedQuery>,
    /// The first profile; the collection's defaults if not named.
    pub profile: Option<String>,
    /// The second profile.
    pub with_profile: Option<String>,
    /// Hits compared of each query.
    pub limit: usize,
    /// True if the vector leg scans every row.
    pub exact: bool,
}

impl Diff {
    /// Ranks the queries on both sides and compares. `first` and `second` answer the requests of their side.
    ///
    /// # Errors
    /// Those of [`check`], of both sides and of [`changes`].
    pub fn run<E: From<Error>>(
        &self,
        first: impl FnOnce(&[(String, SearchRequest)]) -> std::result::Result<Run, E>,
        second: impl FnOnce(&[(String, SearchRequest)]) -> std::result::Result<Run, E>,
    ) -> std::result::Result<Changes, E> {
        check(&self.queries)?;
        let under = |profile: &Option<String>| {
            requests(&self.queries, profile.as_deref(), self.limit, self.exact)
        };
        let (first, second) = (first(&under(&self.profile))?, second(&under(&self.with_profile))?);
        let mut changes = changes(&first, &second, self.limit)?;
        changes.cut_queries = cut_queries(&self.queries);
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(id: &str) -> JudgedQuery {
        let judgments = [("a".to_owned(), 1)].into();
        JudgedQuery { id: id.to_owned(), request: SearchRequest::text(id), judgments }
    }

    /// Ranks "a" first under the profile "good" and not at all otherwise.
    fn rank(requests: &[(String, SearchRequest)]) -> Result<Run> {
        let hit = |request: &SearchRequest| match request.profile.as_deref() {
            Some("good") => vec![("a".to_owned(), 1.0)],
            _ => vec![("b".to_owned(), 1.0)],
        };
        assert!(requests.iter().all(|(_, request)| request.limit == 7 && request.params.exact));
        Ok(requests.iter().map(|(id, request)| (id.clone(), hit(request))).collect())
    }

    #[test]
    fn both_profiles_rank_the_same_queries() {
        let mut evaluation = Evaluation::new(vec![judged("1"), judged("2")]);
        (evaluation.depth, evaluation.exact) = (7, true);
        evaluation.profile = Some("good".to_owned());
        let report = evaluation.run(rank).expect("a report");
        assert_eq!((report.summary.mean.mrr, report.against.is_none()), (1.0, true));
        evaluation.against_profile = Some("poor".to_owned());
        let against = evaluation.run(rank).expect("a report").against.expect("a test");
        assert_eq!(against["mrr"].difference.mean, 1.0);
        let diff = Diff {
            queries: evaluation.queries.clone(),
            profile: None,
            with_profile: Some("good".to_owned()),
            limit: 7,
            exact: true,
        };
        let changes = diff.run(rank, rank).expect("compared");
        assert_eq!(
            (changes.changed, changes.changes[0].entered.as_slice()),
            (2, &["a".to_owned()][..])
        );
    }

    #[test]
    fn what_is_set_for_all_queries_is_refused_in_one() {
        let refused = |queries: Vec<JudgedQuery>| {
            Evaluation::new(queries).run(rank).expect_err("refused").to_string()
        };
        assert_eq!(
            refused(vec![judged("1"), judged("1")]),
            "queries: two queries have the id \"1\""
        );
        let mut limited = judged("1");
        limited.request.limit = 3;
        assert!(refused(vec![limited]).starts_with("query \"1\": profile and limit"));
        let json = r#"{"queries": [{"id": "1", "request": {"text": "a"}, "judgments": {"a": 2}}]}"#;
        let read: Evaluation = serde_json::from_str(json).expect("read");
        assert_eq!((read.depth, read.seed, read.queries[0].judgments["a"]), (100, 1, 2));
        serde_json::from_str::<Evaluation>(r#"{"queries": [], "dept": 3}"#).expect_err("refused");
    }
}
