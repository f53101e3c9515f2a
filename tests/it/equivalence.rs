//! Results of the education platform's Python compared with ours, case by case.

use lexivec_platform::Error;
use lexivec_platform::query_type::QueryType;
use lexivec_platform::rag::{
    self, AggregatedMetrics, EvaluationResult, Metrics, TestCase, compare,
};
use lexivec_tests::test_data;
use serde_json::{Value, from_value, json, to_value};

/// An area of the cases, and our answer to the input of one.
type Area = (&'static str, fn(&Value) -> Result<Value, Error>);

const AREAS: [Area; 10] = [
    ("text_similarity", similarity),
    ("faithfulness", |input| {
        let (answer, contexts): (String, Vec<String>) = from_value(input.clone()).expect("input");
        Ok(json!(rag::faithfulness(&answer, &contexts)))
    }),
    ("answer_relevancy", |input| {
        let (question, answer): (String, String) = from_value(input.clone()).expect("input");
        Ok(json!(rag::answer_relevancy(&question, &answer)))
    }),
    ("context_precision", |input| {
        let (question, retrieved, truth): (String, Vec<String>, Vec<String>) =
            from_value(input.clone()).expect("input");
        Ok(json!(rag::context_precision(&question, &retrieved, &truth)))
    }),
    ("context_recall", |input| {
        let (retrieved, truth): (Vec<String>, Vec<String>) =
            from_value(input.clone()).expect("input");
        Ok(json!(rag::context_recall(&retrieved, &truth)))
    }),
    ("aggregation", |input| {
        let figures = AggregatedMetrics::of(&results(input))?;
        Ok(to_value(figures).expect("JSON"))
    }),
    ("ab_comparison", |input| {
        let compared = compare(&results(&input[0]), &results(&input[1]))?;
        Ok(to_value(compared).expect("JSON"))
    }),
    ("test_case", |input| {
        let (question,): (String,) = from_value(input.clone()).expect("input");
        Ok(json!(TestCase::new(question, "").test_id))
    }),
    ("evaluate_embeddings", |input| {
        let (query, documents): (Vec<f64>, Vec<Vec<f64>>) =
            from_value(input.clone()).expect("input");
        let cosines = rag::cosines(&query, &documents.concat())?;
        Ok(json!(rag::rank_scores(&cosines, usize::MAX)))
    }),
    ("query_type", |input| {
        let (query,): (String,) = from_value(input.clone()).expect("input");
        Ok(json!(QueryType::of(&query)))
    }),
];

/// Two texts, or the sizes of two sets and of their intersection.
fn similarity(input: &Value) -> Result<Value, Error> {
    if let Ok((a, b, both)) = from_value(input.clone()) {
        return Ok(json!(rag::jaccard(a, b, both)));
    }
    let (a, b): (String, String) = from_value(input.clone()).expect("input");
    Ok(json!(rag::similarity(&a, &b)))
}

/// Results from rows of faithfulness, relevancy, precision, recall and latency.
fn results(rows: &Value) -> Vec<EvaluationResult> {
    let rows: Vec<[f64; 5]> = from_value(rows.clone()).expect("input");
    let result = |row: [f64; 5]| {
        let [faithfulness, answer_relevancy, context_precision, context_recall, latency_ms] = row;
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

/// The exception that the platform raises where we return this error.
fn raised(error: &Error) -> Value {
    match error {
        Error::ZeroBaseline { .. } => {
            json!({"raises": "ZeroDivisionError", "message": "float division by zero"})
        }
        _ => json!({"raises": "ValueError", "message": error.to_string()}),
    }
}

/// True if two values are equal, with numbers compared up to the tolerance.
fn same(ours: &Value, expected: &Value, tolerance: f64) -> bool {
    match (ours, expected) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().expect("a float"), b.as_f64().expect("a float"));
            (a - b).abs() <= tolerance
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, tolerance))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b, tolerance)))
        }
        _ => ours == expected,
    }
}

#[test]
fn answers_are_evaluated_as_the_platform_does() {
    let Some(path) = test_data("seed/equivalence.json") else { return };
    let file = std::fs::read(path).expect("read");
    let file: Value = serde_json::from_slice(&file).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    let mut differences = Vec::new();
    for (area, ours) in AREAS {
        let cases: Vec<&Value> = cases.iter().filter(|case| case["area"] == area).collect();
        assert!(!cases.is_empty(), "{area} has no case");
        let mut equal = 0;
        for case in &cases {
            let ours = ours(&case["input"]).unwrap_or_else(|error| raised(&error));
            let tolerance = case["tolerance"].as_f64().unwrap_or(0.0);
            if same(&ours, &case["expected"], tolerance) {
                equal += 1;
            } else {
                differences.push(format!("{}: {ours} is not {}", case["id"], case["expected"]));
            }
        }
        println!("{area}: {equal} of {} cases", cases.len());
    }
    assert!(differences.is_empty(), "{differences:#?}");
}
