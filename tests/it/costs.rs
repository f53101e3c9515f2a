//! Budgets of memory and time that refuse a request, in the library and over HTTP.

use lexivec::{
    AdapterOptions, Budget, Collection, Document, Error, ErrorKind, Feedback, Filter, Metric,
    Options, SearchRequest,
};
use lexivec_server::Config;
use serde_json::{Value, json};

use crate::http::Running;

/// A collection in memory of rows with a long text and a payload of many small objects.
fn rows(count: usize) -> Collection {
    let collection = Collection::in_memory(Options::new()).expect("made");
    let payload = json!({"list": (0..50).map(|n| json!({"n": n})).collect::<Vec<_>>()});
    let row = |id: usize| {
        let mut row = Document::new(format!("{id:05}")).text("wing ".repeat(200));
        row.payload = payload.as_object().expect("an object").clone();
        row
    };
    collection.upsert((0..count).map(row)).expect("written");
    collection
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.expect_err("over the budget");
    assert_eq!(error.kind(), ErrorKind::OverBudget, "{error}");
}

#[test]
fn answers_over_a_budget_are_refused_while_they_are_made() {
    let collection = rows(100);
    let request = SearchRequest::text("wing").limit(100).with_payload(false);
    let view = |bytes| collection.searcher_within(Budget::new().bytes(bytes)).expect("a view");
    // A hundred hits take between 50 and 70 KB, their texts 100 KB, their payloads 3.5 MB.
    refused(view(50_000).search(&request));
    assert_eq!(view(70_000).search(&request).expect("within").hits.len(), 100);
    refused(view(140_000).search(&request.clone().with_text(true)));
    assert!(view(180_000).search(&request.clone().with_text(true)).is_ok());
    refused(view(3_000_000).search(&request.clone().with_payload(true)));
    assert!(view(5_000_000).search(&request.clone().with_payload(true)).is_ok());
    // All answers of a view count, and those of a batch.
    let one = view(100_000);
    assert!(one.search(&request).is_ok());
    refused(one.search(&request));
    refused(view(1_000_000).search_many(&vec![request.clone(); 20]));
    assert!(view(1_400_000).search_many(&vec![request.clone(); 20]).is_ok());
    // Rankings keep ids and scores only.
    let ranked: Vec<_> = (0..20).map(|n| (n.to_string(), request.clone())).collect();
    assert!(view(200_000).rank(&ranked).is_ok());
    refused(view(100_000).rank(&ranked));
    refused(view(1_000_000).scroll(&Filter::All, None, 100));
    assert!(view(5_000_000).scroll(&Filter::All, None, 100).is_ok());
    // A cursor has the budget for each page.
    let mut cursor = view(40_000).cursor(&request, 100).expect("a cursor");
    for _ in 0..2 {
        assert_eq!(cursor.next(50).expect("a page").hits.len(), 50);
    }
    refused(cursor.page(0, 100));
}

#[test]
fn the_time_of_a_budget_ends_reads_without_a_deadline() {
    let collection = rows(10);
    let past = lexivec::model::Deadline::after(std::time::Duration::ZERO);
    let view = collection.searcher().expect("a view").within(Budget::new().until(past));
    for error in [
        view.scroll(&Filter::All, None, 10).err(),
        view.count(&Filter::parse("list = 1").expect("a filter")).err(),
        view.search(&SearchRequest::text("wing")).err(),
        view.rank(&[("q".to_owned(), SearchRequest::text("wing"))]).err(),
    ] {
        assert_eq!(error.map(|e| e.kind()), Some(ErrorKind::DeadlineExceeded));
    }
}

#[test]
fn a_training_takes_no_more_memory_than_it_may() {
    let options = Options::new().vector(2, Metric::Cosine);
    let collection = Collection::in_memory(options).expect("made");
    let row = |n: u16| Document::new(n.to_string()).vector([f32::from(n), 1.0]);
    collection.upsert((0..10).map(row)).expect("written");
    let mut feedback = Feedback::default();
    (feedback.vector, feedback.relevant) = (Some(vec![1.0, 0.0]), vec!["1".to_owned()]);
    collection.add_feedback(&[feedback]).expect("stored");
    let mut options = AdapterOptions::default();
    // The vectors of a query, of its answer and of up to 32 random rows.
    options.memory = 34 * 8;
    let error = collection.train_adapter(&options).expect_err("too little feedback");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    options.memory = 2 * 8 - 1;
    refused(collection.train_adapter(&options));
}

#[test]
fn the_vectors_of_a_row_are_bounded() {
    let fields = |count: usize, dim| {
        let add = |options: Options, n| options.vector_field(field(n, dim));
        (0..count).fold(Options::new(), add)
    };
    let error = Collection::in_memory(fields(64, 65_536)).expect_err("refused");
    assert!(error.to_string().contains("4194304 components together"), "{error}");
    assert!(Collection::in_memory(fields(2, 32_769)).is_err());
    assert!(Collection::in_memory(fields(2, 32_768)).is_ok());
}

fn field(number: usize, dim: usize) -> lexivec::schema::VectorField {
    lexivec::schema::VectorField::new(format!("v{number}"), dim, Metric::Cosine)
}

/// Expects a refusal for its cost.
fn too_costly(server: &Running, path: &str, body: &str) {
    let (status, _, answer) = server.call("POST", path, "application/json", body);
    let problem: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((status, &problem["code"]), (400, &json!("over_budget")), "{path}: {answer}");
}

#[test]
fn requests_over_their_budget_are_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::with(Config::new(scratch.path()));
    let vectors = json!({"vectors": [{"name": "vector", "dim": 65_536}]});
    for (name, options) in [("rows", json!({})), ("wide", vectors)] {
        assert_eq!(server.json("PUT", &format!("/v1/collections/{name}"), &options).0, 201);
    }
    let row = |id: usize| json!({"id": id.to_string(), "text": "wing"});
    let some = Value::Array((0..5_000).map(row).collect());
    assert_eq!(server.json("POST", "/v1/collections/rows/documents", &some).0, 200);
    // Rows have space for vectors even if they have none.
    too_costly(&server, "/v1/collections/wide/documents", &some.to_string());
    let few = Value::Array((0..100).map(row).collect());
    assert_eq!(server.json("POST", "/v1/collections/wide/documents", &few).0, 200);

    let search = json!({"text": "wing", "limit": 10_000});
    let batch = |count: usize| json!({"requests": vec![&search; count]}).to_string();
    too_costly(&server, "/v1/collections/rows/search/batch", &batch(1_000));
    let path = "/v1/collections/rows/search/batch";
    let (status, _, answers) = server.call("POST", path, "application/json", &batch(3));
    let answers: Value = serde_json::from_str(&answers).expect("JSON");
    assert_eq!((status, answers[2]["hits"].as_array().map(Vec::len)), (200, Some(5_000)));
    let query = |id: usize| json!({"id": id.to_string(), "request": {"text": "wing"}});
    let queries: Vec<Value> = (0..1_000).map(query).collect();
    let evaluation = json!({"queries": queries, "depth": 10_000}).to_string();
    too_costly(&server, "/v1/collections/rows/evaluate", &evaluation);

    // Small values of JSON take many times their length, in every body.
    let objects = format!("[{}]", vec!["{}"; 300_000].join(","));
    for (rest, body) in [
        ("count", format!(r#"{{"filter":{{"$and":{objects}}}}}"#)),
        ("search", format!(r#"{{"text":"wing","filter":{{"$and":{objects}}}}}"#)),
        ("search/batch", format!(r#"{{"requests":{objects}}}"#)),
        ("explain", format!(r#"{{"text":"wing","filter":{{"$and":{objects}}}}}"#)),
        ("documents", objects.clone()),
        ("documents", format!(r#"{{"id":"a","payload":{{"list":{objects}}}}}"#)),
    ] {
        too_costly(&server, &format!("/v1/collections/rows/{rest}"), &body);
    }
    assert_eq!(server.json("GET", "/v1/collections/rows", &Value::Null).1["documents"], 5_000);
}

#[test]
fn a_server_does_not_start_with_too_little_address_space() {
    let scratch = tempfile::tempdir().expect("a directory");
    let least = lexivec_server::limits::LEAST_ADDRESS_SPACE >> 10;
    let script = format!("ulimit -v {}; exec \"$0\" serve \"$1\" --create --port 0", least - 1);
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(lexivec_tests::command())
        .arg(scratch.path())
        .output()
        .expect("run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("ulimit -v"), "{error}");
}
