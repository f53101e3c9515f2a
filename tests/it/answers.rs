//! Answers against a plain in-memory model: filters, exact search, BM25 scores that do not move
//! however the rows came to lie in segments.

use std::collections::BTreeMap;

use lexivec::query::request::{Fusion, Mode, Normalize};
use lexivec::{Collection, Document, Filter, Metric, Options, SearchRequest};
use lexivec_tests::Random;
use serde_json::{Value, json};

const DIM: usize = 8;
const WORDS: [&str; 8] = ["wing", "flow", "heat", "shock", "layer", "mach", "nose", "cone"];

fn document(random: &mut Random, id: usize) -> Document {
    let words: Vec<&str> =
        (0..random.below(12)).map(|_| WORDS[random.below(WORDS.len())]).collect();
    let mut document = Document::new(format!("doc-{id}")).text(words.join(" "));
    if random.below(10) > 0 {
        document = document.vector(random.vector(DIM));
    }
    let year = match random.below(6) {
        0 => json!(2000.5),
        1 => json!("2001"),
        2 => json!([1999, 2003]),
        3 => json!(9_007_199_254_740_993_i64), // beyond what a double holds
        _ => json!(1998 + random.below(8) as i64),
    };
    document = document.payload("year", year).payload("open", random.below(2) == 0);
    if random.below(3) > 0 {
        let tag = ["a", "b", "c"][random.below(3)];
        document = document.payload("meta", json!({ "tag": [tag, "x"], "n": random.below(5) }));
    }
    if random.below(20) == 0 {
        document = document.payload("long", "l".repeat(10_000));
    }
    document
}

fn filters() -> Vec<Filter> {
    [
        json!({}),
        json!({"year": 2001}),
        json!({"year": {"$gte": 2000, "$lt": 2003}}),
        json!({"year": {"$gt": 9_007_199_254_740_992_i64}}),
        json!({"year": "2001"}),
        json!({"open": true, "meta.tag": {"$in": ["a", "b"]}}),
        json!({"$not": {"meta.n": {"$lte": 2}}}),
        json!({"$or": [{"open": false}, {"meta.tag": "c"}]}),
        json!({"meta.tag": null}),
        json!({"long": {"$gt": "k"}}),
        json!({"long": {"$not": {"$gte": ""}}}),
        json!({"absent": 1}),
        json!({"year": {"$ne": 2001}, "meta.tag": {"$nin": ["a"]}}),
        json!({"meta.n": {"$exists": true}, "long": {"$exists": false}}),
        json!({"$or": [{"meta.tag": {"$contains": "b"}}, {"long": {"$contains": "ll"}}]}),
        json!("AT_LEAST(2, open, meta.n >= 2, year BETWEEN 2000 AND 2002, long IS NOT NULL)"),
        json!({"must": [{"key": "meta.n", "range": {"gte": 1, "lt": 4}}],
            "must_not": [{"key": "meta.tag", "match": {"any": ["b", "c"]}}]}),
    ]
    .iter()
    .map(|f| Filter::from_json(f).expect("a filter"))
    .collect()
}

fn collection(graph_min_rows: usize) -> Collection {
    let options = Options::new().vector(DIM, Metric::Cosine).graph_min_rows(graph_min_rows);
    Collection::in_memory(options).expect("a collection")
}

fn ids(collection: &Collection, request: &SearchRequest) -> Vec<(String, f64)> {
    let hits = collection.search(request).expect("an answer").hits;
    assert!(hits.iter().all(|h| h.ledger.adds_up()), "a ledger does not add up");
    hits.into_iter().map(|h| (h.id, h.score)).collect()
}

/// Rows written in many batches, a third of them again, and what should be there in the end.
fn written_in_batches(seed: u64) -> (Collection, BTreeMap<String, Document>) {
    let mut random = Random(seed);
    let (collection, mut model) = (collection(10_000), BTreeMap::new());
    for _ in 0..40 {
        let mut batch = BTreeMap::new();
        for _ in 0..=random.below(30) {
            let id = random.below(300);
            batch.insert(id, document(&mut random, id));
        }
        let batch: Vec<Document> = batch.into_values().collect();
        model.extend(batch.iter().map(|d| (d.id.clone(), d.clone())));
        collection.upsert(batch).expect("written");
        if random.below(4) == 0 {
            collection.flush().expect("flushed");
        }
    }
    (collection, model)
}

#[test]
fn rows_filters_and_exact_search_equal_the_model() {
    for seed in 0..4 {
        let (collection, model) = written_in_batches(seed);
        assert_eq!(collection.stats().expect("counted").documents, model.len() as u64);
        for (id, document) in &model {
            assert_eq!(collection.get(id).expect("read").as_ref(), Some(document));
        }
        assert_eq!(collection.get("doc-none").expect("read"), None);
        let mut random = Random(seed + 100);
        for filter in filters() {
            let query = random.vector(DIM);
            let request =
                SearchRequest::vector(query.clone()).filter(filter.clone()).limit(1_000).exact();
            let found = ids(&collection, &request);
            let mut expected: Vec<(String, f64)> = model
                .values()
                .filter(|d| filter.matches(&Value::Object(d.payload.clone())))
                .filter_map(|d| Some((d.id.clone(), cosine(&query, d.vectors.get("vector")?))))
                .collect();
            expected.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            assert_eq!(found.len(), expected.len(), "{}", filter.to_text());
            for ((id, score), (expected_id, expected_score)) in found.iter().zip(&expected) {
                assert_eq!(id, expected_id, "{}", filter.to_text());
                assert!((score - expected_score).abs() < 1e-5);
            }
        }
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn scores_are_the_same_in_one_segment_and_in_many() {
    for seed in 0..4 {
        let (many, model) = written_in_batches(seed);
        let one = collection(10_000);
        one.upsert(model.into_values()).expect("written");
        assert!(
            many.stats().expect("counted").segments.len() > 1
                && many.stats().expect("counted").dead_rows > 0
        );
        assert_eq!(one.stats().expect("counted").segments.len(), 1);
        let mut random = Random(seed);
        for i in 0..60 {
            let words: Vec<&str> = (0..4).map(|_| WORDS[random.below(WORDS.len())]).collect();
            let filter = filters()[i % 12].clone();
            let fusion = match i % 3 {
                0 => Fusion::default(),
                1 => Fusion::weighted(0.4, Normalize::MinMax),
                _ => Fusion::weighted(0.4, Normalize::ZScore),
            };
            for mode in [Mode::Text, Mode::Hybrid] {
                let mut request = SearchRequest::hybrid(words.join(" "), random.vector(DIM))
                    .mode(mode)
                    .filter(filter.clone())
                    .fusion(fusion)
                    .limit(25)
                    .explain();
                request.params.exact = true;
                assert_eq!(ids(&many, &request), ids(&one, &request), "{request:?}");
            }
        }
    }
}

#[test]
fn pages_put_together_are_the_whole_list() {
    let (collection, _) = written_in_batches(9);
    let request = SearchRequest::hybrid("wing heat", Random(3).vector(DIM)).candidates(200);
    let whole = ids(&collection, &request.clone().limit(90));
    let pages: Vec<_> = (0..90)
        .step_by(7)
        .flat_map(|offset| ids(&collection, &request.clone().offset(offset).limit(7)))
        .take(90)
        .collect();
    assert_eq!(pages, whole);
}

#[test]
fn every_plan_returns_as_many_matching_hits_as_there_are() {
    let mut random = Random(5);
    // A filter that is anti-correlated with the query: what matches is far away.
    let documents: Vec<Document> = (0..6_000)
        .map(|i| {
            let mut vector = random.vector(DIM);
            let far = i % 10 == 0;
            vector[0] = if far { -3.0 } else { 3.0 };
            Document::new(format!("{i}")).vector(vector).payload("far", far).payload("i", i)
        })
        .collect();
    let collection = collection(1_000);
    collection.upsert(documents).expect("written");
    assert_eq!(collection.stats().expect("counted").segments[0].graphs, ["vector"]);
    let mut query = vec![0.1; DIM];
    query[0] = 3.0;
    for (filter, matching) in [
        (json!({"far": true}), 600),
        (json!({"far": false}), 5_400),
        (json!({"i": {"$lt": 3}}), 3),
        (json!({"i": {"$gte": 1_000}}), 5_000),
        (json!({"i": -1}), 0),
        (json!({}), 6_000),
    ] {
        for k in [1, 10, 700] {
            for ef in [None, Some(1), Some(4_000)] {
                let mut request = SearchRequest::vector(query.clone())
                    .filter(Filter::from_json(&filter).expect("a filter"))
                    .limit(k);
                request.params.ef = ef;
                let answer = collection.search(&request).expect("an answer");
                assert_eq!(answer.matching, matching as u64);
                assert_eq!(answer.hits.len(), k.min(matching), "{filter} {k} {ef:?}");
                for hit in &answer.hits {
                    let payload = Value::Object(hit.payload.clone().expect("a payload"));
                    assert!(request.filter.matches(&payload), "{filter}: {payload}");
                }
            }
        }
    }
}

#[test]
fn separate_text_fields_are_scored_by_themselves() {
    let collection = Collection::in_memory(Options::new().join_text(false)).expect("a collection");
    let rows = [("a", "wing", "heat flow"), ("b", "heat", "wing wing"), ("c", "", "mach")];
    let document = |(id, title, text): &(&str, &str, &str)| {
        Document::new(*id).text_in("title", *title).text(*text)
    };
    collection.upsert(rows.iter().map(document)).expect("written");
    let answer = collection.search(&SearchRequest::text("wing").explain()).expect("an answer");
    let mut fields: Vec<(&str, Vec<&str>)> = answer
        .hits
        .iter()
        .map(|h| (h.id.as_str(), h.ledger.terms.iter().map(|t| t.field.as_str()).collect()))
        .collect();
    fields.sort();
    assert_eq!(fields, [("a", vec!["title"]), ("b", vec!["text"])]);
}

#[test]
fn odd_requests_have_answers() {
    let empty = collection(10);
    let vector = vec![1.0; DIM];
    for request in [
        SearchRequest::hybrid("wing", vector.clone()),
        SearchRequest::text(""),
        SearchRequest::text("the of and"),
        SearchRequest::text("( \" ~ * AND OR ^^ [ } \\ :"),
        SearchRequest::vector(vector).limit(0),
    ] {
        assert_eq!(empty.search(&request).expect("an answer").hits, [], "{request:?}");
    }
    empty.upsert(vec![Document::new("only id")]).expect("written");
    assert!(empty.get("only id").expect("read").is_some());
    assert_eq!(empty.search(&SearchRequest::text("wing")).expect("an answer").hits, []);
}
