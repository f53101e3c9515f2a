//! Quality of answers made from retrieved contexts: cases, the metrics of each, the figures of a suite,
//! and a comparison of two suites.
//!
//! The caller runs the cases (one after another or many at once) and gives the [`Response`]s and their
//! latencies: this module calls no model and reads no clock.

mod aggregate;
mod compare;
mod embedding;
mod overlap;
mod report;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use aggregate::{AggregatedMetrics, PASS_THRESHOLD};
pub use compare::{
    Comparison, Experiment, Improvements, NO_CLEAR_WINNER_BELOW, Recommendation, Significance,
    compare, significance,
};
pub use embedding::{cosines, rank_scores};
pub use overlap::{
    answer_relevancy, context_precision, context_recall, faithfulness, jaccard, overlap_ratio,
    similarity, supported_sentences,
};
pub use report::{Against, RagCase, RagReport, rag_report};

use crate::error::Result;

/// A question with its true answer and the contexts that hold it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "CaseFile")]
pub struct TestCase {
    /// Name of the case; results of two suites are paired by it.
    pub test_id: String,
    /// The question.
    pub question: String,
    /// The true answer.
    pub ground_truth: String,
    /// The texts that should be retrieved; empty where they are not known.
    pub contexts: Vec<String>,
    /// Anything else, such as the `domain` to search.
    pub metadata: Map<String, Value>,
}

impl TestCase {
    /// A case without contexts; its id is [`test_id`] of the question.
    pub fn new(question: impl Into<String>, ground_truth: impl Into<String>) -> Self {
        let (question, ground_truth) = (question.into(), ground_truth.into());
        Self { test_id: test_id(&question), question, ground_truth, ..Self::default() }
    }
}

/// The id of a case without an explicit one: the first 8 hexadecimal digits of the MD5 of the question
/// (RFC 1321). It is a name, not a protection.
pub fn test_id(question: &str) -> String {
    format!("{:x}", md5::compute(question)).chars().take(8).collect()
}

/// A case as a file has it. A misspelt key is refused: without its contexts a case would have a
/// recall of 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    question: String,
    ground_truth: String,
    #[serde(default)]
    contexts: Vec<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    test_id: String,
}

impl From<CaseFile> for TestCase {
    fn from(file: CaseFile) -> Self {
        let CaseFile { question, ground_truth, contexts, metadata, test_id: own } = file;
        let test_id = if own.is_empty() { test_id(&question) } else { own };
        Self { test_id, question, ground_truth, contexts, metadata }
    }
}

/// The system's response to a case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The retrieved texts, best first.
    pub contexts: Vec<String>,
    /// The answer made from them.
    pub answer: String,
    /// Retrieval and generation together, in milliseconds.
    pub latency_ms: f64,
}

/// The metrics of one answer, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// [`faithfulness`] of the answer to the retrieved contexts.
    pub faithfulness: f64,
    /// [`answer_relevancy`] to the question.
    pub answer_relevancy: f64,
    /// [`context_precision`] of the retrieved contexts.
    pub context_precision: f64,
    /// [`context_recall`] of the retrieved contexts.
    pub context_recall: f64,
    /// [`similarity`] to the true answer.
    pub answer_similarity: f64,
}

impl Metrics {
    /// 0.3 for faithfulness and for relevancy, 0.2 for precision and for recall.
    pub fn quality(&self) -> f64 {
        quality([
            self.faithfulness,
            self.answer_relevancy,
            self.context_precision,
            self.context_recall,
        ])
    }
}

fn quality([faithfulness, relevancy, precision, recall]: [f64; 4]) -> f64 {
    faithfulness * 0.3 + relevancy * 0.3 + precision * 0.2 + recall * 0.2
}

/// A case, what the system gave for it, and the metrics of that.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluationResult {
    /// The case.
    #[serde(flatten)]
    pub test_case: TestCase,
    /// The retrieved texts, best first.
    pub retrieved_contexts: Vec<String>,
    /// The answer made from them.
    pub generated_answer: String,
    /// The metrics.
    pub metrics: Metrics,
    /// Retrieval and generation together, in milliseconds.
    pub latency_ms: f64,
}

impl EvaluationResult {
    /// The metrics of a response.
    pub fn of(test_case: TestCase, response: Response) -> Self {
        let Response { contexts, answer, latency_ms } = response;
        let TestCase { question, ground_truth, contexts: expected, .. } = &test_case;
        let metrics = Metrics::of(question, ground_truth, expected, &contexts, &answer);
        let (retrieved_contexts, generated_answer) = (contexts, answer);
        Self { test_case, retrieved_contexts, generated_answer, metrics, latency_ms }
    }

    /// The metrics and the latency.
    fn figures(&self) -> [f64; 6] {
        let m = &self.metrics;
        [
            m.faithfulness,
            m.answer_relevancy,
            m.context_precision,
            m.context_recall,
            m.answer_similarity,
            self.latency_ms,
        ]
    }
}

/// The results of all cases and their figures; as JSON it is what a later comparison reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// Name of the configuration that answered.
    pub experiment_id: String,
    /// The model that answered.
    pub model_version: String,
    /// The figures of all cases.
    pub aggregated: AggregatedMetrics,
    /// One for each case, in the order they were given.
    pub results: Vec<EvaluationResult>,
}

impl Suite {
    /// Evaluates what the system gave for each case.
    ///
    /// # Errors
    /// [`Error::NoResults`](crate::Error::NoResults) of no case; names a case with a latency that
    /// is not a finite number.
    pub fn evaluate(
        experiment_id: impl Into<String>,
        model_version: impl Into<String>,
        answered: impl IntoIterator<Item = (TestCase, Response)>,
    ) -> Result<Self> {
        let results: Vec<EvaluationResult> =
            answered.into_iter().map(|(case, given)| EvaluationResult::of(case, given)).collect();
        Ok(Self {
            experiment_id: experiment_id.into(),
            model_version: model_version.into(),
            aggregated: AggregatedMetrics::of(&results)?,
            results,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn a_case_gets_an_id_and_a_misspelt_key_is_refused() {
        let read = |json: &str| serde_json::from_str::<TestCase>(json);
        let case = read(r#"{"question": "", "ground_truth": "a"}"#).expect("a case");
        assert_eq!(case.test_id, "d41d8cd9", "RFC 1321: MD5 of nothing");
        assert_eq!(case, TestCase::new("", "a"));
        assert_eq!(test_id("abc"), "90015098", "RFC 1321: MD5 of abc");
        let named = read(r#"{"question": "q", "ground_truth": "a", "test_id": "own"}"#);
        assert_eq!(named.expect("a case").test_id, "own");
        for refused in [
            r#"{"question": "q"}"#,
            r#"{"question": "q", "ground_truth": "a", "context": ["misspelt"]}"#,
        ] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }

    fn answered(question: &str, truth: &[&str], contexts: &[&str]) -> (TestCase, Response) {
        let owned = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect();
        let case = TestCase { contexts: owned(truth), ..TestCase::new(question, "a b") };
        let contexts = owned(contexts);
        (case, Response { contexts, answer: "A b. C d.".to_owned(), latency_ms: 3.0 })
    }

    #[test]
    fn a_suite_has_the_metrics_of_each_case_and_is_read_back() {
        let suite = Suite::evaluate(
            "wide",
            "model",
            [answered("a x", &["a b", "z"], &["a b", "y", "v", "w"]), answered("", &[], &[])],
        )
        .expect("a suite");
        let expected = Metrics {
            faithfulness: 0.5,
            answer_relevancy: 0.5 * 0.7 + 1.0 * 0.3,
            context_precision: 0.25,
            context_recall: 0.5,
            answer_similarity: 1.0 / 5.0,
        };
        assert_eq!(suite.results[0].metrics, expected);
        let nothing = Metrics { context_recall: 1.0, answer_similarity: 0.2, ..Metrics::default() };
        assert_eq!(suite.results[1].metrics, nothing);
        assert_eq!(suite.aggregated.context_recall_mean, 0.75);
        assert_eq!(suite.aggregated.latency_p99, 3.0);

        let json = serde_json::to_string(&suite).expect("JSON");
        assert_eq!(serde_json::from_str::<Suite>(&json).expect("a suite"), suite);
        assert_eq!(Suite::evaluate("", "", []), Err(Error::NoResults));
    }
}
