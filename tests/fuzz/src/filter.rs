//! Any JSON as a filter: read, told as text, and evaluated in two ways that must agree.

use std::sync::OnceLock;

use lexivec::{Collection, Document, Filter, Options, SearchRequest};
use serde_json::{Value, json};

/// Reads a filter and counts the payloads that it admits, by the predicate and by columns.
pub fn run(data: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let Ok(filter) = Filter::from_json(&json) else {
        return;
    };
    let text = filter.to_text();
    assert!(!text.is_empty(), "{json}");
    if cfg!(feature = "planted") {
        // Trusts that what is in brackets is not empty.
        assert!(!text.contains("in ()"), "planted");
    }
    let (payloads, collection) = stored();
    let admitted: Vec<bool> = payloads.iter().map(|p| filter.matches(p)).collect();
    let expected = admitted.iter().filter(|&&admits| admits).count() as u64;
    let request = SearchRequest::text("word").limit(payloads.len()).filter(filter);
    let answer = collection.search(&request).expect("a filter that was read is answered");
    assert_eq!(answer.matching, expected, "{text}: {admitted:?}");
    for hit in answer.hits {
        let place: usize = hit.id.parse().expect("ids are places");
        assert!(admitted[place], "{text} admits {}", payloads[place]);
    }
}

/// Payloads of many kinds, and a collection of them.
fn stored() -> &'static (Vec<Value>, Collection) {
    static STORED: OnceLock<(Vec<Value>, Collection)> = OnceLock::new();
    STORED.get_or_init(|| {
        let big = 9_007_199_254_740_993_i64; // 2^53 + 1: no double equals it
        let payloads = vec![
            json!({}),
            json!({"a": 1, "b": "x", "c": true, "d": 1.5}),
            json!({"a": [1, 2, "y"], "b": null, "c": false}),
            json!({"a": {"b": {"c": 3}}, "a.b": 7, "d": -1.5}),
            json!({"a": [{"b": 1}, {"b": [2, 3.5]}], "b": ["x", "z", ""]}),
            json!({"a": big, "d": 1e300}),
            json!({"a": u64::MAX, "d": -0.0}),
            json!({"a": i64::MIN, "b": "é\u{10ffff}", "d": 0}),
            json!({"a": -1, "b": "b".repeat(9_000), "c": [true, false]}),
            json!({"": 1, "a": 2}),
            json!({"k\u{1}": 1, "d": 5e-324}),
            json!({"a": 9_007_199_254_740_991_i64, "d": 9_007_199_254_740_992.0}),
        ];
        let collection = Collection::in_memory(Options::new()).expect("created");
        let documents = payloads.iter().enumerate().map(|(i, payload)| {
            let mut document = Document::new(i.to_string()).text("text", "word");
            document.payload = payload.as_object().cloned().unwrap_or_default();
            document
        });
        collection.upsert(documents.collect()).expect("written");
        (payloads, collection)
    })
}

/// One filter of each kind, and some that are refused.
pub fn seeds() -> Vec<Vec<u8>> {
    let filters = [
        json!(null),
        json!({}),
        json!({"a": 1}),
        json!({"a.b": 7, "d": {"$gt": -2, "$lte": 1.5}}),
        json!({"b": {"$in": ["x", null, 1.0, "é"]}}),
        json!({"$or": [{"a.b.c": 3}, {"$and": [{"c": true}, {"b": {"$gte": "x", "$lt": "z"}}]}]}),
        json!({"$not": {"a": {"$not": {"$eq": 9_007_199_254_740_993_i64}}}}),
        json!({"d": {"$gte": -0.0, "$lt": 5e-324}, "a": {"$gt": u64::MAX}}),
        json!({"c": {"$gte": false}, "b": null}),
        json!({"a": {"$near": 1}}),
        json!({"$or": []}),
        json!([1]),
    ];
    let deep = (0..33).fold(json!({"a": 1}), |inner, _| json!({"$not": inner}));
    filters.into_iter().chain([deep]).map(|f| f.to_string().into_bytes()).collect()
}
