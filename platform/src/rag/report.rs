//! Answered cases in the form of a file or a request, and the report of them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Comparison, Response, Significance, Suite, TestCase, compare, significance, test_id};
use crate::error::{Error, Result};
use lexivec_eval::compare::Resampling;

/// A case and what the system gave for it. A misspelt key is refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RagCase {
    /// Id of the [`TestCase`]; the digest of the question if not given.
    pub test_id: Option<String>,
    /// The question.
    pub question: String,
    /// The true answer.
    pub ground_truth: String,
    /// The texts that should be retrieved.
    #[serde(default)]
    pub contexts: Vec<String>,
    /// Anything else.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// The texts that were retrieved, best first.
    pub retrieved_contexts: Vec<String>,
    /// The answer that was made from them.
    pub generated_answer: String,
    /// Retrieval and generation together, in milliseconds; 0 if it was not measured.
    #[serde(default)]
    pub latency_ms: f64,
}

impl RagCase {
    fn into_parts(self) -> (TestCase, Response) {
        let Self { question, ground_truth, contexts, metadata, .. } = self;
        let test_id = self.test_id.unwrap_or_else(|| test_id(&question));
        let response = Response {
            contexts: self.retrieved_contexts,
            answer: self.generated_answer,
            latency_ms: self.latency_ms,
        };
        (TestCase { test_id, question, ground_truth, contexts, metadata }, response)
    }
}

/// A suite, and its comparison with another one of the same cases, if given.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RagReport {
    /// The figures of the suite, and those of each case.
    #[serde(flatten)]
    pub suite: Suite,
    /// The suite (B) over the other one (A).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
}

/// Differences of a suite from a baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Against {
    /// In per cent of the baseline; none where a figure of the baseline is 0, as an unmeasured latency.
    pub comparison: Option<Comparison>,
    /// A paired test of each figure.
    pub significance: Significance,
}

/// Evaluates answered cases, and compares them with those of a baseline.
///
/// # Errors
/// Those of [`Suite::evaluate`] and of [`significance`].
pub fn rag_report(
    (experiment_id, model_version): (&str, &str),
    answered: Vec<RagCase>,
    baseline: Option<Vec<RagCase>>,
    resampling: &Resampling,
) -> Result<RagReport> {
    let evaluate = |answered: Vec<RagCase>| {
        let parts = answered.into_iter().map(RagCase::into_parts);
        Suite::evaluate(experiment_id, model_version, parts)
    };
    let suite = evaluate(answered)?;
    let against = match baseline {
        None => None,
        Some(baseline) => {
            let (a, b) = (&evaluate(baseline)?.results, &suite.results);
            let comparison = match compare(a, b) {
                Err(Error::ZeroBaseline { .. }) => None,
                compared => Some(compared?),
            };
            Some(Against { comparison, significance: significance(a, b, resampling)? })
        }
    };
    Ok(RagReport { suite, against })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answers: &[&str], latency_ms: f64) -> Vec<RagCase> {
        let case = |(i, answer): (usize, &&str)| {
            let json = serde_json::json!({
                "question": format!("what is {i}"), "ground_truth": "a wing",
                "retrieved_contexts": ["a wing of steel"], "generated_answer": answer,
                "latency_ms": latency_ms,
            });
            serde_json::from_value(json).expect("a case")
        };
        answers.iter().enumerate().map(case).collect()
    }

    #[test]
    fn a_baseline_is_compared_case_by_case() {
        let good = answered(&["a wing"; 6], 2.0);
        let poor = answered(&["an unrelated thing"; 6], 4.0);
        let report_of = |cases: &[RagCase], base: Option<&[RagCase]>| {
            let base = base.map(<[_]>::to_vec);
            rag_report(("b", "m"), cases.to_vec(), base, &Resampling::default())
        };
        assert_eq!(report_of(&good, None).expect("reported").against, None);
        let report = report_of(&good, Some(&poor)).expect("reported");
        assert_eq!(report.suite.results[0].test_case.test_id, test_id("what is 0"));
        assert_eq!(report.suite.results[0].metrics.faithfulness, 1.0);
        let against = report.against.expect("a baseline");
        assert_eq!(against.significance.faithfulness.difference.mean, 1.0);
        assert_eq!(against.comparison.expect("compared").improvements.latency, 50.0);
        // No latency was measured: differences are reported, percentages are not.
        let against = report_of(&good, Some(&answered(&["x"; 6], 0.0))).expect("reported").against;
        let against = against.expect("a baseline");
        assert_eq!((against.comparison, against.significance.faithfulness.pairs), (None, 6));
        assert!(report_of(&good, Some(&poor[1..])).is_err(), "a case without its pair");
        assert_eq!(report_of(&[], None), Err(Error::NoResults));
    }
}
