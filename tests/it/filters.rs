//! Filters over real collections: what each operator admits of missing, null, mixed and nested values,
//! words, ids and dates; and that every notation and every use counts the same rows.

use lexivec::{Collection, Document, Filter, Options, SearchRequest};
use serde_json::{Value, json};

/// One row of every situation, with a letter for an id.
fn rows() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("a", "wings in a flow", json!({"n": 2, "s": "intro", "d": "1969-07-21T20:17:40"})),
        ("b", "the flow of heat", json!({"n": -2.5, "s": "abstract", "d": "1972-12-11T19:54:58Z"})),
        ("c", "heat", json!({"n": "2", "s": "2", "d": "1989-11-09T18:53:00+01:00"})),
        ("d", "a wing", json!({"n": null, "s": ["intro", "end"], "d": "1989-11-09"})),
        ("e", "", json!({"n": [1, 9], "s": true, "d": "yesterday"})),
        ("f", "flows", json!({"n": {"n": 2}, "s": ["Intro", 2], "d": 1989})),
        ("g", "the of", json!({})),
        // One that columns do not hold: the predicate judges it.
        (
            "h",
            "wing heat",
            json!({"n": 2.0, "s": "intro", "big": u64::MAX, "d": "1989-11-09 17:53"}),
        ),
    ]
}

fn collection() -> Collection {
    let collection = Collection::in_memory(Options::new()).expect("a collection");
    let document = |(id, text, payload): (&str, &str, Value)| {
        let mut document = Document::new(id).text(text);
        document.payload = payload.as_object().cloned().expect("an object");
        document
    };
    collection.upsert(rows().into_iter().map(document)).expect("written");
    collection
}

fn admitted(collection: &Collection, filter: &Filter) -> String {
    let page = collection.scroll(filter, None, 100).expect("a page");
    page.documents.into_iter().map(|d| d.id).collect()
}

#[test]
fn each_operator_admits_what_the_table_says() {
    let collection = collection();
    for (filter, expected) in [
        ("n = 2", "ah"),
        ("n = 100", ""),
        ("n = '2'", "c"),
        ("n = NULL", "dfg"),
        ("n IS NOT NULL", "abceh"),
        ("n != 100", "abcdefgh"),
        ("n != 2", "bcdefg"),
        ("n > 0", "aeh"),
        ("n >= 2", "aeh"),
        ("n < 2", "be"),
        ("n <= -2.5", "b"),
        // Over an array two bounds may be met by two values, or asked of one.
        ("n > 5 AND n < 3", "e"),
        ("n BETWEEN 2 AND 5", "ah"),
        // A string bound admits strings.
        ("n > '1'", "c"),
        ("n IN (10, 9, -2.5)", "be"),
        ("n NOT IN (9, 10)", "abcdfgh"),
        ("n IN ()", ""),
        ("n.n = 2", "f"),
        ("s CONTAINS 'ntr'", "adfh"),
        ("s CONTAINS 'Intro'", "f"),
        ("s CONTAINS 2", "f"),
        ("s = 'intro'", "adh"),
        ("s != 'intro'", "bcefg"),
        ("s", "e"),
        ("NOT s", "abcdfgh"),
        ("d > '1972-12-11T19:54:58'", "cdh"),
        ("d >= '1972-12-11T20:54:58+01:00'", "bcdh"),
        ("d < '1970-01-01'", "a"),
        ("d <= '1989-11-09T17:53:00Z'", "abcdh"),
        ("d = '1989-11-09T17:53:00Z'", ""),
        ("d BETWEEN '1989-11-09T17:53:00Z' AND '1989-11-09T17:53:00Z'", "ch"),
        ("n = 2 AND s = 'intro'", "ah"),
        ("n = 2 OR s = 'intro'", "adh"),
        ("NOT (n = 2 AND s = 'intro')", "bcdefg"),
        ("big > 18446744073709551614", "h"),
        ("MATCH('flow')", "abf"),
        ("MATCH('wings heat')", "h"),
        ("MATCH('unheard')", ""),
        // Stop words leave nothing to ask for, and nothing is admitted.
        ("MATCH('the')", ""),
        ("NOT MATCH('wing') AND n IS NOT NULL", "bce"),
        ("HAS_ID('h', 'b', 'none')", "bh"),
        ("AT_LEAST(2, n = 2, MATCH('wing'), HAS_ID('d'))", "adh"),
        ("TRUE", "abcdefgh"),
        ("FALSE", ""),
    ] {
        let filter = Filter::parse(filter).expect("a filter");
        let text = filter.to_text();
        assert_eq!(admitted(&collection, &filter), expected, "{text}");
        let count = collection.count(&filter).expect("counted");
        assert_eq!(count, expected.len() as u64, "{text}");
        let request = SearchRequest::text("wing flow heat").filter(filter.clone()).limit(100);
        let answer = collection.search(&request).expect("an answer");
        assert_eq!(answer.matching, count, "{text}");
        assert!(answer.hits.iter().all(|h| expected.contains(&h.id)), "{text}");
    }
}

/// Clauses with operands that have no order, or form no list, are refused instead of matching no row.
#[test]
fn wrong_operands_are_refused() {
    for filter in [
        json!({"n": {"$gt": [1]}}),
        json!({"n": {"$gte": null}}),
        json!({"n": {"$lt": {"a": 1}}}),
        json!({"n": {"$in": 9}}),
        json!({"n": {"$nin": "a"}}),
        json!({"must": [{"key": "n", "range": {"gt": "1"}}]}),
        json!({"n": {"$eq": [1]}}),
        json!({"and": {"conditions": []}}),
    ] {
        assert!(Filter::from_json(&filter).is_err(), "{filter}");
    }
}

#[test]
fn a_text_field_that_is_not_there_is_named() {
    let collection = Collection::in_memory(Options::new().join_text(false)).expect("a collection");
    let document = Document::new("a").text_in("title", "wings").text("heat flow");
    collection.upsert(vec![document]).expect("written");
    for (filter, expected) in [
        ("title MATCH 'wing'", 1),
        ("title MATCH 'heat'", 0),
        ("MATCH('heat flows')", 1),
        // All words in one text.
        ("MATCH('wing heat')", 0),
    ] {
        let filter = Filter::parse(filter).expect("a filter");
        assert_eq!(collection.count(&filter).expect("counted"), expected, "{}", filter.to_text());
    }
    let filter = Filter::parse("body MATCH 'wing'").expect("a filter");
    let error = collection.count(&filter).expect_err("refused").to_string();
    assert!(error.contains("body") && error.contains("title"), "{error}");
}

#[test]
fn a_delete_takes_what_a_count_counts() {
    for filter in ["n >= 2", "n IS NULL", "s CONTAINS 'intro'", "d > '1980-01-01'", "MATCH('heat')"]
    {
        let collection = collection();
        let filter = Filter::parse(filter).expect("a filter");
        let expected = collection.count(&filter).expect("counted");
        assert!(expected > 0);
        let receipt = collection.delete_where(&filter).expect("deleted");
        assert_eq!(receipt.deleted as u64, expected, "{}", filter.to_text());
        assert_eq!(collection.count(&filter).expect("counted"), 0);
        let left = collection.count(&Filter::All).expect("counted");
        assert_eq!(left, rows().len() as u64 - expected);
    }
}
