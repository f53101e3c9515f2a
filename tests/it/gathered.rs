//! Groups and facets against plain models, over several segments and payloads of every kind.

use std::collections::BTreeMap;

use lexivec::query::facets::{Facet, FacetCounts, FacetValue, GroupBy, Key};
use lexivec::query::limits::MAX_WINDOW;
use lexivec::query::request::Mode;
use lexivec::{Collection, Document, Filter, Groups, Metric, Options, Rerank, SearchRequest};
use lexivec_tests::Random;
use serde_json::{Value, json};

use crate::{arg, lexivec, lexivec_ok};

const DIM: usize = 4;
const WORDS: [&str; 4] = ["wing", "flow", "heat", "shock"];
const FIELDS: [&str; 5] = ["value", "meta.tag", "meta", "long", "absent"];

fn value(random: &mut Random) -> Value {
    match random.below(10) {
        0 => json!(2.0),
        1 => json!("2"),
        2 => json!([1, 2, 2.0, [1]]),
        3 => json!(9_007_199_254_740_993_i64), // beyond what a column holds
        4 => json!(random.below(2) == 0),
        5 => json!(null),
        6 => json!([0.5, "b", true]),
        _ => json!(random.below(4)),
    }
}

fn row(random: &mut Random, id: usize) -> Document {
    let text = WORDS[random.below(WORDS.len())];
    let row = Document::new(format!("r{id:03}")).text(text).vector(random.vector(DIM));
    let row = row.payload("value", value(random));
    let tag = ["b", "c"][random.below(2)];
    let row = match random.below(3) {
        0 => row,
        _ => row.payload("meta", json!({"tag": ["a", tag]})),
    };
    match random.below(15) {
        0 => row.payload("long", "l".repeat(10_000)),
        _ => row,
    }
}

/// Rows in several segments, some of them replaced and deleted since.
fn written(seed: u64) -> (Collection, BTreeMap<String, Document>) {
    let mut random = Random(seed);
    let options = Options::new().vector(DIM, Metric::Cosine).graph_min_rows(1_000_000);
    let collection = Collection::in_memory(options).expect("a collection");
    let mut model = BTreeMap::new();
    for _ in 0..6 {
        let ids = (0..40).map(|_| random.below(150)).collect::<std::collections::BTreeSet<_>>();
        let batch: Vec<Document> = ids.into_iter().map(|id| row(&mut random, id)).collect();
        model.extend(batch.iter().map(|d| (d.id.clone(), d.clone())));
        collection.upsert(batch).expect("written");
        if random.below(2) == 0 {
            collection.flush().expect("flushed");
        }
    }
    let deleted: Vec<String> = model.keys().take(9).cloned().collect();
    collection.delete(&deleted).expect("deleted");
    model.retain(|id, _| !deleted.contains(id));
    (collection, model)
}

fn filters() -> Vec<Filter> {
    [json!({}), json!({"value": {"$gte": 1}}), json!({"meta.tag": "b"}), json!({"value": "none"})]
        .iter()
        .map(|json| Filter::from_json(json).expect("a filter"))
        .collect()
}

/// Counts by reading every row.
fn counted(model: &BTreeMap<String, Document>, filter: &Filter, facet: &Facet) -> FacetCounts {
    let mut counts: BTreeMap<Key, u64> = BTreeMap::new();
    for document in model.values() {
        let payload = Value::Object(document.payload.clone());
        if filter.matches(&payload) {
            for key in Key::all_at(&payload, &facet.field) {
                *counts.entry(key).or_default() += 1;
            }
        }
    }
    let distinct = counts.len();
    let mut values: Vec<FacetValue> =
        counts.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
    values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values.truncate(facet.limit);
    FacetCounts { field: facet.field.clone(), values, distinct }
}

#[test]
fn facets_count_what_a_plain_pass_counts() {
    let mut values = 0;
    for seed in 0..12 {
        let (collection, model) = written(seed);
        for filter in filters() {
            for limit in [0, 2, 100] {
                let mut request =
                    SearchRequest::text("wing").mode(Mode::Text).limit(1).filter(filter.clone());
                let facets: Vec<Facet> = FIELDS.iter().map(|f| Facet::new(*f, limit)).collect();
                request.facets = facets.clone();
                let expected: Vec<_> = facets.iter().map(|f| counted(&model, &filter, f)).collect();
                let answer = collection.search(&request).expect("an answer");
                assert_eq!(answer.facets, expected, "{}", filter.to_text());
                for (facet, expected) in facets.iter().zip(expected) {
                    values += expected.values.len();
                    let found = collection.facet(&facet.field, &filter, limit).expect("counted");
                    assert_eq!(found, expected);
                }
            }
        }
    }
    assert!(values > 500, "{values}");
}

/// Ids by value, as groups have them.
type Ids = Vec<(Key, Vec<String>)>;

fn ids(groups: &Groups) -> Ids {
    let of = |g: &lexivec::Group| {
        (g.value.clone(), g.hits.iter().map(|h| h.id.clone()).collect::<Vec<_>>())
    };
    groups.list.iter().map(of).collect()
}

/// Groups by a pass over the whole list.
fn gathered(collection: &Collection, request: &SearchRequest, by: &GroupBy) -> Ids {
    let mut whole = request.clone().limit(MAX_WINDOW);
    whole.group_by = None;
    let limit = by.limit.unwrap_or(request.limit);
    let mut groups: Ids = Vec::new();
    for hit in collection.search(&whole).expect("an answer").hits {
        let payload = Value::Object(hit.payload.expect("a payload"));
        for key in Key::all_at(&payload, &by.field) {
            match groups.iter().position(|group| group.0 == key) {
                Some(index) if groups[index].1.len() < by.size => {
                    groups[index].1.push(hit.id.clone());
                }
                None if groups.len() < limit => groups.push((key, vec![hit.id.clone()])),
                _ => {}
            }
        }
    }
    groups
}

#[test]
fn groups_are_those_of_a_pass_over_the_whole_list() {
    for seed in 0..8 {
        let (collection, _) = written(seed);
        let mut random = Random(seed);
        for (i, filter) in filters().into_iter().enumerate() {
            // One leg's list only grows with its window; fused ones have all rows from the start.
            let hybrid = SearchRequest::hybrid(WORDS[i], random.vector(DIM)).exact();
            let fused = hybrid.clone().candidates(MAX_WINDOW);
            let reranked = fused.clone().rerank(Rerank::mmr(0.5).depth(20).budget_ms(60_000));
            let near = hybrid.clone().mode(Mode::Vector);
            let requests =
                [near.clone().score_threshold(0.1), near, hybrid.mode(Mode::Text), fused, reranked];
            for request in requests {
                let request = request.filter(filter.clone()).limit(4);
                for field in FIELDS {
                    for (size, limit) in [(1, None), (3, Some(2)), (2, Some(50)), (3, Some(0))] {
                        let mut request = request.clone().group_by(field, size);
                        let by = GroupBy { limit, ..GroupBy::new(field, size) };
                        request.group_by = Some(by.clone());
                        let answer = collection.search(&request).expect("an answer");
                        let groups = answer.groups.clone().expect("groups");
                        let expected = gathered(&collection, &request, &by);
                        assert_eq!(ids(&groups), expected, "{request:?}");
                        assert!(answer.hits.is_empty() && groups.complete);
                        let both = [request.clone(), request.clone().limit(1)];
                        let many = collection.search_many(&both).expect("answers");
                        assert_eq!(many[0], answer);
                    }
                }
            }
        }
    }
}

#[test]
fn groups_that_the_window_does_not_fill_say_so() {
    let options = Options::new().vector(2, Metric::L2).graph_min_rows(1_000_000);
    let collection = Collection::in_memory(options).expect("a collection");
    let rows = MAX_WINDOW + 10;
    let row = |i: usize| {
        let far = i + 5 > rows;
        Document::new(i.to_string()).vector(vec![i as f32, 0.0]).payload("far", far)
    };
    collection.upsert((0..rows).map(row)).expect("written");
    let mut request = SearchRequest::vector(vec![0.0, 0.0]).exact().limit(2).group_by("far", 2);
    let groups = collection.search(&request).expect("an answer").groups.expect("groups");
    assert_eq!((groups.complete, groups.looked_at), (false, MAX_WINDOW));
    assert_eq!(ids(&groups), [(Key::of(&json!(false)), vec!["0".to_owned(), "1".to_owned()])]);
    request = request.limit(1);
    let groups = collection.search(&request).expect("an answer").groups.expect("groups");
    assert_eq!((groups.complete, groups.looked_at), (true, 2));
    let message = collection.why_not(&request, "0").expect_err("refused").to_string();
    assert!(message.contains("leave the groups out"), "{message}");
    for wrong in [request.clone().offset(1), request.clone().group_by("", 1), request.limit(6_000)]
    {
        assert!(collection.search(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_command_gathers_and_counts() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("c");
    let collection = Collection::create(&dir, Options::new()).expect("created");
    let row = |(id, year): (&str, i64)| {
        Document::new(id).text("wing").payload("year", year).payload("open", true)
    };
    let rows = [("a", 2000), ("b", 2001), ("c", 2000), ("d", 2000)].map(row).to_vec();
    collection.upsert(rows).expect("written");
    drop(collection);
    let search = ["search", arg(&dir), "wing"];
    let call = |more: &[&str]| lexivec_ok(&[&search[..], more].concat());
    let json = call(&["--group-by", "year", "--group-size", "2", "--facet", "open", "--json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let ids: Vec<&Value> = (0..2).map(|i| &json["groups"]["list"][0]["hits"][i]["id"]).collect();
    assert_eq!(ids, ["a", "c"]);
    assert_eq!(json["facets"][0]["values"], json!([{"value": true, "count": 4}]));
    let printed = call(&["--group-by", "year", "--facet", "year", "--facet", "open"]);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines.contains(&"2000") && lines.contains(&"year: 2 values"), "{printed}");
    assert!(lines.contains(&"        3  2000") && lines.contains(&"        4  true"), "{printed}");
    let wrong = [&search[..], &["--group-by", "year", "--group-size", "0"]].concat();
    assert_eq!(lexivec(&wrong).status.code(), Some(2));
}
