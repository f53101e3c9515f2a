//! Any text as a filter, in each notation: read, written, and evaluated in two ways that must agree.

use std::sync::OnceLock;

use lexivec::query::filter::Row;
use lexivec::{Collection, Document, Filter, Options, SearchRequest};
use serde_json::{Value, json};

/// Reads a filter and counts the payloads that it admits, by the predicate and by columns.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let filter = match serde_json::from_str::<Value>(text) {
        Ok(json) => Filter::from_json(&json),
        Err(_) => Filter::parse(text),
    };
    let Ok(filter) = filter else {
        return;
    };
    let text = filter.to_text();
    if cfg!(feature = "planted") {
        // Trusts that what is in brackets is not empty.
        assert!(!text.contains("IN ()"), "planted");
    }
    // What is written is read as a filter that says the same.
    let again = Filter::parse(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(again.to_text(), text);
    let (payloads, collection) = stored();
    let rows: Vec<Stored<'_>> =
        payloads.iter().enumerate().map(|(i, p)| Stored(i.to_string(), p)).collect();
    let admitted: Vec<bool> = rows.iter().map(|row| filter.matches(row)).collect();
    assert_eq!(rows.iter().map(|row| again.matches(row)).collect::<Vec<_>>(), admitted, "{text}");
    if asks_words(&filter) {
        // Words are analysed by the collection alone.
        let request = SearchRequest::text("word").limit(payloads.len()).filter(filter);
        drop(collection.search(&request));
        return;
    }
    let expected = admitted.iter().filter(|&&admits| admits).count() as u64;
    let request = SearchRequest::text("word").limit(payloads.len()).filter(filter);
    let answer = collection.search(&request).expect("a filter that was read is answered");
    assert_eq!(answer.matching, expected, "{text}: {admitted:?}");
    for hit in answer.hits {
        let index: usize = hit.id.parse().expect("ids are indices");
        assert!(admitted[index], "{text} admits {}", payloads[index]);
    }
}

/// A row as it is stored.
struct Stored<'a>(String, &'a Value);

impl Row for Stored<'_> {
    fn payload(&self) -> &Value {
        self.1
    }

    fn id(&self) -> Option<&str> {
        Some(&self.0)
    }
}

fn asks_words(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) | Filter::AtLeast { parts, .. } => {
            parts.iter().any(asks_words)
        }
        Filter::Not(part) => asks_words(part),
        Filter::Text { .. } => true,
        _ => false,
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
            json!({"b": ["2020-01-01", "2020-01-01T00:30:00+01:00"], "d": "2019-12-31T23:59:59Z"}),
            json!({"k\u{1}": 1, "d": 5e-324}),
            json!({"a": 9_007_199_254_740_991_i64, "d": 9_007_199_254_740_992.0}),
        ];
        let collection = Collection::in_memory(Options::new()).expect("created");
        let documents = payloads.iter().enumerate().map(|(i, payload)| {
            let mut document = Document::new(i.to_string()).text("word");
            document.payload = payload.as_object().cloned().unwrap_or_default();
            document
        });
        collection.upsert(documents).expect("written");
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
        json!({"a": {"$nin": [1, "y"]}, "b": {"$contains": "x", "$exists": true}, "$ids": [1, 2]}),
        json!({"a": {"$near": 1}}),
        json!({"$or": []}),
        json!([1]),
    ];
    let texts = [
        "a.b >= 1 AND NOT (b = 'x' OR \"b\" IN ('z', NULL, 1.0)) OR c",
        "d BETWEEN > '2019-12-31' AND <= '2020-01-01T00:00:00+01:00'",
        "b CONTAINS 'é' OR b IS NOT NULL AND a IN ()",
        "AT_LEAST(2, a = 1, c, HAS_ID('1', '3')) OR MATCH('word')",
        "text MATCH 'it''s' AND EXISTS(a.b.c)",
        "a ! 1",
        "{\"must\": [{\"key\": \"a\", \"range\": {\"gt\": 0, \"lte\": 2}}], \"must_not\": [{\"is_null\": {\"key\": \"b\"}}]}",
        "{\"min_should\": {\"min_count\": 1, \"conditions\": [{\"has_id\": [1, \"2\"]}, {\"key\": \"b\", \"match\": {\"except\": [\"x\"]}}]}}",
    ];
    let deep = (0..33).fold(json!({"a": 1}), |inner, _| json!({"$not": inner}));
    let filters = filters.into_iter().chain([deep]).map(|f| f.to_string().into_bytes());
    filters.chain(texts.map(|t| t.as_bytes().to_vec())).collect()
}
