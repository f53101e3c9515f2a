//! Scores of answers, and the figures of suites of them.

use lexivec_platform::rag::{
    self, AggregatedMetrics, EvaluationResult, Metrics, Recommendation, compare,
};
use numpy::PyArray1;
use pyo3::prelude::*;

use super::raised;
use super::vectors::{floats, integers};
use crate::convert::to_python;

/// The similarity of two sets from their sizes and that of their intersection.
#[pyfunction]
fn jaccard(a: usize, b: usize, intersection: usize) -> f64 {
    rag::jaccard(a, b, intersection)
}

/// The share of words, as numbers, that are in others.
#[pyfunction]
fn overlap_ratio(
    words: &Bound<'_, PyAny>,
    others: &Bound<'_, PyAny>,
    different: usize,
) -> PyResult<f64> {
    Ok(rag::overlap_ratio(&integers("words", words)?, &integers("others", others)?, different))
}

/// 1 for each sentence that a context supports, 0 for the others.
#[pyfunction]
fn supported_sentences<'py>(
    py: Python<'py>,
    words: &Bound<'py, PyAny>,
    lengths: &Bound<'py, PyAny>,
    context: &Bound<'py, PyAny>,
    sentences: usize,
    threshold: f64,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let lengths = integers("lengths", lengths)?;
    let lengths: Vec<usize> =
        lengths.iter().take(sentences).map(|n| usize::try_from(*n).unwrap_or(0)).collect();
    let (words, context) = (integers("words", words)?, integers("context", context)?);
    let supported = rag::supported_sentences(&words, &lengths, &context, threshold);
    Ok(PyArray1::from_iter(py, supported.into_iter().map(i32::from)))
}

/// A number for each word of a text, and how many different words there are.
#[pyfunction]
fn word_hashes<'py>(py: Python<'py>, text: &str) -> (Bound<'py, PyArray1<i64>>, usize) {
    let (hashes, different) = lexivec_platform::word_hashes(text);
    (PyArray1::from_vec(py, hashes), different)
}

/// Mean, median and population standard deviation.
#[pyfunction]
fn statistics(values: &Bound<'_, PyAny>) -> PyResult<(f64, f64, f64)> {
    let values = floats("values", values)?;
    let of = &values;
    Ok((
        lexivec::eval::statistics::mean(of),
        lexivec::eval::statistics::median(of),
        lexivec::eval::statistics::population_std(of),
    ))
}

/// The values below which these percentages of the values lie.
#[pyfunction]
fn percentiles<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    percentiles: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let mut values = floats("values", values)?;
    values.sort_unstable_by(f64::total_cmp);
    let percents = floats("percentiles", percentiles)?;
    let of = |percent| lexivec::eval::statistics::percentile_of_sorted(&values, percent);
    Ok(PyArray1::from_iter(py, percents.into_iter().map(of)))
}

/// The share of scores that reach a threshold.
#[pyfunction]
fn pass_rate(scores: &Bound<'_, PyAny>, threshold: f64) -> PyResult<f64> {
    Ok(lexivec::eval::statistics::pass_rate(&floats("scores", scores)?, threshold))
}

/// The similarity of the words of two texts.
#[pyfunction]
fn text_similarity(py: Python<'_>, a: String, b: String) -> f64 {
    py.detach(|| rag::similarity(&a, &b))
}

/// The share of an answer's sentences that contexts support.
#[pyfunction]
fn faithfulness(py: Python<'_>, answer: String, contexts: Vec<String>) -> f64 {
    py.detach(|| rag::faithfulness(&answer, &contexts))
}

/// The relevancy of an answer to its question.
#[pyfunction]
fn answer_relevancy(py: Python<'_>, question: String, answer: String) -> f64 {
    py.detach(|| rag::answer_relevancy(&question, &answer))
}

/// The share of retrieved texts that are right.
#[pyfunction]
fn context_precision(
    py: Python<'_>,
    question: String,
    retrieved: Vec<String>,
    expected: Vec<String>,
) -> f64 {
    py.detach(|| rag::context_precision(&question, &retrieved, &expected))
}

/// The share of expected texts that were retrieved.
#[pyfunction]
fn context_recall(py: Python<'_>, retrieved: Vec<String>, expected: Vec<String>) -> f64 {
    py.detach(|| rag::context_recall(&retrieved, &expected))
}

/// Faithfulness, relevancy, precision, recall and similarity to the true answer, each text split into words once.
#[pyfunction]
fn answer_metrics(
    py: Python<'_>,
    question: String,
    ground_truth: String,
    expected: Vec<String>,
    retrieved: Vec<String>,
    answer: String,
) -> (f64, f64, f64, f64, f64) {
    let m = py.detach(|| Metrics::of(&question, &ground_truth, &expected, &retrieved, &answer));
    let Metrics {
        faithfulness,
        answer_relevancy,
        context_precision,
        context_recall,
        answer_similarity,
    } = m;
    (faithfulness, answer_relevancy, context_precision, context_recall, answer_similarity)
}

/// Results of rows of faithfulness, relevancy, precision, recall and latency.
fn results(rows: Vec<(f64, f64, f64, f64, f64)>) -> Vec<EvaluationResult> {
    let result =
        |(faithfulness, answer_relevancy, context_precision, context_recall, latency_ms)| {
            let metrics = Metrics {
                faithfulness,
                answer_relevancy,
                context_precision,
                context_recall,
                ..Metrics::default()
            };
            EvaluationResult { metrics, latency_ms, ..EvaluationResult::default() }
        };
    rows.into_iter().map(result).collect()
}

/// The figures of a suite.
#[pyfunction]
fn aggregate(
    py: Python<'_>,
    rows: Vec<(f64, f64, f64, f64, f64)>,
    threshold: f64,
) -> PyResult<Bound<'_, PyAny>> {
    let figures = AggregatedMetrics::passing(&results(rows), threshold);
    to_python(py, &figures.map_err(|error| raised(py, &error))?)
}

/// Two suites side by side.
#[pyfunction]
fn compare_suites(
    py: Python<'_>,
    a: Vec<(f64, f64, f64, f64, f64)>,
    b: Vec<(f64, f64, f64, f64, f64)>,
) -> PyResult<Bound<'_, PyAny>> {
    let compared = compare(&results(a), &results(b)).map_err(|error| raised(py, &error))?;
    to_python(py, &compared)
}

/// The name of the better of two suites, by their qualities.
#[pyfunction]
fn better_suite(py: Python<'_>, a: f64, b: f64) -> PyResult<Bound<'_, PyAny>> {
    to_python(py, &Recommendation::of(a, b))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(jaccard, module)?)?;
    module.add_function(wrap_pyfunction!(overlap_ratio, module)?)?;
    module.add_function(wrap_pyfunction!(supported_sentences, module)?)?;
    module.add_function(wrap_pyfunction!(word_hashes, module)?)?;
    module.add_function(wrap_pyfunction!(statistics, module)?)?;
    module.add_function(wrap_pyfunction!(percentiles, module)?)?;
    module.add_function(wrap_pyfunction!(pass_rate, module)?)?;
    module.add_function(wrap_pyfunction!(text_similarity, module)?)?;
    module.add_function(wrap_pyfunction!(faithfulness, module)?)?;
    module.add_function(wrap_pyfunction!(answer_relevancy, module)?)?;
    module.add_function(wrap_pyfunction!(context_precision, module)?)?;
    module.add_function(wrap_pyfunction!(context_recall, module)?)?;
    module.add_function(wrap_pyfunction!(answer_metrics, module)?)?;
    module.add_function(wrap_pyfunction!(aggregate, module)?)?;
    module.add_function(wrap_pyfunction!(compare_suites, module)?)?;
    module.add_function(wrap_pyfunction!(better_suite, module)?)
}
