//! Filters in every notation: what they mean, that they are one, and what is refused.

use std::ops::Bound;

use super::*;
use crate::filter::PayloadCondition;
use proptest::prelude::*;
use serde_json::json;

fn parse(json: Value) -> Filter {
    Filter::from_json(&json).expect("a valid filter")
}

#[test]
fn a_filter_is_a_predicate_over_the_payload() {
    let payload = json!({"year": 2021, "lang": "en", "tags": ["a", "b"], "open": true,
        "author": {"name": "Ada"}, "rating": 4.5, "none": null, "scores": [1, 9]});
    let cases = [
        (json!({}), true),
        (json!(null), true),
        (json!({"year": 2021}), true),
        (json!({"year": 2021.0}), true),
        (json!({"year": "2021"}), false),
        (json!({"year": {"$gte": 2021, "$lt": 2022}}), true),
        (json!({"year": {"$gt": 2021}}), false),
        (json!({"rating": {"$gt": 4, "$lte": 4.5}}), true),
        (json!({"tags": "b"}), true),
        (json!({"tags": {"$in": ["x", "a"]}}), true),
        (json!({"tags": {"$in": []}}), false),
        (json!({"author.name": "Ada"}), true),
        (json!({"open": true}), true),
        (json!({"open": 1}), false),
        (json!({"none": null}), true),
        (json!({"absent": null}), true),
        (json!({"year": null}), false),
        (json!({"year": {"$not": {"$gt": 2021}}}), true),
        (json!({"$not": {"year": 2021}}), false),
        (json!({"$not": {"absent": 1}}), true),
        (json!({"lang": "en", "year": 1999}), false),
        (json!({"$or": [{"lang": "de"}, {"year": 2021}]}), true),
        (json!({"$and": [{"lang": "en"}, {"$or": [{"year": 1}, {"tags": "a"}]}]}), true),
        (json!({"lang": {"$gte": "e", "$lt": "f"}}), true),
        (json!({"lang": {"$gte": 1}}), false),
        (json!({"scores": {"$gt": 5, "$lt": 3}}), true),
        (json!({"year": {"$ne": 2021}}), false),
        (json!({"absent": {"$ne": 2021}}), true),
        (json!({"none": {"$ne": 1}}), true),
        (json!({"tags": {"$ne": "b"}}), false),
        (json!({"tags": {"$nin": ["x", "y"]}}), true),
        (json!({"absent": {"$nin": [1, null]}}), false),
        (json!({"year": {"$exists": true}}), true),
        (json!({"none": {"$exists": true}}), false),
        (json!({"absent": {"$exists": false}}), true),
        (json!({"author": {"$exists": true}}), false),
        (json!({"author.name": {"$contains": "d"}}), true),
        (json!({"author.name": {"$contains": "D"}}), false),
        (json!({"tags": {"$contains": "a"}}), true),
        (json!({"tags": {"$contains": "ab"}}), false),
        (json!({"scores": {"$contains": 9.0}}), true),
        (json!({"year": {"$contains": "2021"}}), false),
        (json!({"$text": "words"}), false),
        (json!({"$ids": ["a"]}), false),
    ];
    for (json, expected) in cases {
        let filter = parse(json.clone());
        assert_eq!(filter.matches(&payload), expected, "{json} as {}", filter.to_text());
    }
}

#[test]
fn faults_name_their_place() {
    let deep = (0..40).fold(json!({"a": 1}), |inner, _| json!({"$not": inner}));
    let wide = json!({"$or": vec![json!({"a": 1}); 2_000]});
    for (json, expected) in [
        (json!([1]), "filter: an object"),
        (json!({"a": {"$near": 1}}), "filter.a.$near: this operator is not known"),
        (json!({"$nor": []}), "filter.$nor: this operator"),
        (json!({"$and": [{"a": 1}, {"b": {"$gt": null}}]}), "filter.$and[1].b.$gt: null"),
        (json!({"$or": []}), "filter.$or: at least one"),
        (json!({"a": [1]}), "filter.a: a number"),
        (json!({"a": {"$in": 3}}), "filter.a.$in: an array"),
        (json!({"a": {"$gt": 1, "$gte": 2}}), "two bounds"),
        (json!({"a": {}}), "filter.a: an operator"),
        (json!({"a": {"$exists": 1}}), "filter.a.$exists: true or false"),
        (json!({"a": {"$contains": null}}), "filter.a.$contains: null"),
        (json!({"a": {"$gt": [1]}}), "filter.a.$gt: a number"),
        (json!({"a": {"$nin": 9}}), "filter.a.$nin: an array"),
        (json!({"$text": 1}), "filter.$text: a string"),
        (json!({"$text": "w".repeat(5_000)}), "bytes of the words"),
        (json!({"$ids": "a"}), "filter.$ids: an array"),
        (json!({"must": [], "year": 1}), "filter.year: this is not known here"),
        (json!({"must": [{"key": "a", "geo_radius": {}}]}), "filter.must[0].geo_radius: this"),
        (json!({"must": [{"nested": {}}]}), "this condition is not known: \"nested\""),
        (json!({"must": {"key": "a"}}), "filter.must: \"match\" or \"range\""),
        (json!({"should": [{"key": "a", "match": {"near": 1}}]}), "match.near: this match"),
        (json!({"must": [{"key": "a", "range": {"gt": "b"}}]}), "range.gt: \"b\" is neither"),
        (json!({"must": [{"key": "a", "range": {}}]}), "at least one of gt"),
        (json!({"must": [{"match": {"value": 1}}]}), "filter.must[0]: this condition is not known"),
        (json!({"must": [{"is_empty": {}}]}), "is_empty: \"key\" is missing"),
        (json!({"min_should": {"conditions": []}}), "\"min_count\" is missing"),
        (json!({"must": [{"has_id": [1.5]}]}), "has_id[0]: a string or an integer"),
        (json!({"": 1}), "at least one character"),
        (deep, "nesting of the filter"),
        (wide, "clauses of the filter"),
        (json!({"x".repeat(2_000): 1}), "bytes of a path"),
    ] {
        let error = Filter::from_json(&json).expect_err("must be refused").to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
}

#[test]
fn a_filter_made_in_code_has_the_same_limits() {
    let leaf = Filter::Eq { path: "a".to_owned(), value: Scalar::Int(1) };
    let deep = (0..1_000).fold(leaf.clone(), |inner, _| Filter::Not(Box::new(inner)));
    assert!(leaf.check().is_ok() && deep.check().is_err());
    assert!(Filter::And(vec![leaf; MAX_FILTER_NODES]).check().is_err());
}

fn payloads() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        (-3i64..4).prop_map(|i| Value::from(i as f64 / 2.0)),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    let value = prop_oneof![
        scalar.clone(),
        prop::collection::vec(scalar.clone(), 0..3).prop_map(Value::from),
    ];
    prop::collection::btree_map("[xy]", value, 0..3)
        .prop_map(|m| Value::Object(m.into_iter().collect()))
}

proptest! {
    #[test]
    fn not_is_the_complement(payload in payloads(), bound in -3i64..4) {
        let inner = parse(json!({"x": {"$gte": bound}}));
        let outer = Filter::Not(Box::new(inner.clone()));
        prop_assert_eq!(outer.matches(&payload), !inner.matches(&payload));
    }

    #[test]
    fn a_range_is_what_comparison_says(payload in payloads(), bound in -3i64..4) {
        let filter = parse(json!({"x": {"$gt": bound}}));
        let bound = Value::from(bound);
        let expected = crate::value::scalars_at(&payload, "x").into_iter().any(|v| {
            crate::value::compare(v, &bound) == Some(std::cmp::Ordering::Greater)
        });
        prop_assert_eq!(filter.matches(&payload), expected);
    }
}

/// A filter in Qdrant's notation: a condition on `a`.
fn key(rest: Value) -> Value {
    let mut condition = json!({"key": "a"});
    condition.as_object_mut().expect("one").extend(rest.as_object().expect("one").clone());
    json!({"must": [condition]})
}

/// Filters in JSON, in the SQL-like notation and, if it can express them, in Qdrant's.
fn notations() -> Vec<(Value, &'static str, Option<Value>)> {
    vec![
        (json!({"a": 1}), "a = 1", Some(key(json!({"match": {"value": 1}})))),
        (json!({"a": "it's"}), "a == 'it''s'", Some(key(json!({"match": {"value": "it's"}})))),
        (
            json!({"a": {"$ne": true}}),
            "a <> TRUE",
            Some(json!({"must_not": {"key": "a", "match": {"value": true}}})),
        ),
        (
            json!({"a": {"$in": [1, "x"]}}),
            "a IN (1, 'x')",
            Some(key(json!({"match": {"any": [1, "x"]}}))),
        ),
        (
            json!({"a": {"$nin": [1.5]}}),
            "a not in (1.5)",
            Some(key(json!({"match": {"except": [1.5]}}))),
        ),
        (json!({"a": {"$in": []}}), "a IN ()", Some(key(json!({"match": {"any": []}})))),
        (json!({"a": {"$gt": -1}}), "a > -1", Some(key(json!({"range": {"gt": -1, "lt": null}})))),
        (
            json!({"a": {"$lte": "2020-01-01"}}),
            "a <= '2020-01-01'",
            Some(key(json!({"range": {"lte": "2020-01-01"}}))),
        ),
        (json!({"a": {"$gte": 1, "$lt": 1e3}}), "a >= 1 AND a < 1e3", None),
        (json!({"a": null}), "a IS NULL", Some(json!({"must": {"is_empty": {"key": "a"}}}))),
        (
            json!({"a": {"$exists": false}}),
            "a = NULL",
            Some(json!({"should": [{"is_null": {"key": "a"}}]})),
        ),
        (
            json!({"a": {"$exists": true}}),
            "EXISTS(a)",
            Some(json!({"must_not": [{"is_empty": {"key": "a"}}]})),
        ),
        (json!({"a": {"$contains": "x"}}), "a CONTAINS 'x'", None),
        (json!({"a": {"$contains": 1}}), "a contains 1", None),
        (json!({"a": true}), "a", None),
        (
            json!({"a b.c": 1}),
            "\"a b.c\" = 1",
            Some(json!({"must": [{"key": "a b[].c", "match": {"value": 1}}]})),
        ),
        (json!({"and": 1}), "\"and\" = 1", None),
        (json!({"$text": "some words"}), "MATCH('some words')", None),
        (json!({"a": {"$text": "w"}}), "a MATCH 'w'", Some(key(json!({"match": {"text": "w"}})))),
        (
            json!({"$ids": ["x", 7]}),
            "HAS_ID('x', '7')",
            Some(json!({"must": [{"has_id": ["x", 7]}]})),
        ),
    ]
}

/// Combinations of clauses in the same notations.
fn combinations() -> Vec<(Value, &'static str, Option<Value>)> {
    vec![
        (
            json!({"$or": [{"a": 1}, {"$and": [{"a": 2}, {"b": 3}]}]}),
            "a=1 or a=2 and b=3",
            Some(json!({"should": [{"key": "a", "match": {"value": 1}},
                {"must": [{"key": "a", "match": {"value": 2}}, {"key": "b", "match": {"value": 3}}]}]})),
        ),
        (
            json!({"$and": [{"$or": [{"a": 1}, {"a": 2}]}, {"$not": {"b": 3}}]}),
            "(a = 1 OR a = 2) AND NOT b = 3",
            Some(
                json!({"should": [{"key": "a", "match": {"value": 1}}, {"key": "a", "match": {"value": 2}}],
                "must_not": [{"key": "b", "match": {"value": 3}}]}),
            ),
        ),
        (json!({}), "TRUE", Some(json!({"must": [], "should": null}))),
    ]
}

#[test]
fn three_notations_make_one_tree() {
    for (json, sql, qdrant) in notations().into_iter().chain(combinations()) {
        let expected = parse(json.clone());
        assert_eq!(Filter::parse(sql), Ok(expected.clone()), "{sql}");
        assert_eq!(Filter::parse(&json.to_string()), Ok(expected.clone()), "{json}");
        assert_eq!(parse(json!(sql)), expected, "{sql} in JSON");
        if let Some(qdrant) = qdrant {
            assert_eq!(parse(qdrant.clone()), expected, "{qdrant}");
        }
    }
}

#[test]
fn ranges_and_minimums_make_one_tree() {
    for (sql, qdrant) in [
        ("a BETWEEN 1 AND 2", key(json!({"range": {"gte": 1, "lte": 2}}))),
        ("a BETWEEN > 1 AND < 2", key(json!({"range": {"gt": 1, "lt": 2}}))),
        (
            "AT_LEAST(2, a = 1, b = 2 OR b = 3, c)",
            json!({"min_should": {"min_count": 2, "conditions": [
                {"key": "a", "match": {"value": 1}},
                {"should": [{"key": "b", "match": {"value": 2}}, {"key": "b", "match": {"value": 3}}]},
                {"key": "c", "match": {"value": true}},
            ]}}),
        ),
    ] {
        assert_eq!(Filter::parse(sql), Ok(parse(qdrant)), "{sql}");
    }
    // A payload's own key of such a name.
    assert_eq!(parse(json!({"must": {"$eq": 1}})), parse(json!("must = 1")));
}

#[test]
fn faults_of_a_text_name_their_column() {
    for (text, expected) in [
        ("", "column 1: a path is expected, not the end"),
        ("year", "valid"),
        ("year >", "column 7: a value"),
        ("year > NULL", "column 8: null has no order"),
        ("year > [1]", "column 8: '[' has no meaning"),
        ("year LIKE 'a%'", "column 6: an operator (= == !="),
        ("(year = 1", "column 10: ) is expected, not the end"),
        ("year = 1)", "column 9: AND, OR or the end is expected, not )"),
        ("year = 1 lang = 'en'", "column 10: AND, OR or the end"),
        ("year = 'en", "column 8: the ' that begins here has no end"),
        ("é = 'ü' AND year ! 3", "column 18: '!' has no meaning"),
        ("year = 01", "column 8: 01 is not a number"),
        ("year = 1e999", "column 8: 1e999 is not a number"),
        ("year = -", "column 8: - is not a number"),
        ("year = 12abc", "column 8: 12abc is not a number"),
        ("year. = 1", "column 1: year. is no path"),
        ("a..b = 1", "column 1: a..b is no path"),
        ("AND = 1", "column 1: a path is expected, not AND"),
        ("2020 < year", "column 1: a path is expected, not 2020"),
        ("\"\" = 1", "column 1: a path is expected"),
        ("a NOT 1", "column 3: an operator"),
        ("a IS 1", "column 6: NULL is expected, not 1"),
        ("a IN 1", "column 6: ( is expected, not 1"),
        ("a IN (1 2)", "column 9: , or ) is expected"),
        ("a BETWEEN 1", "column 12: AND is expected"),
        ("a MATCH 1", "column 9: 'a string' is expected, not 1"),
        ("AT_LEAST(x)", "column 10: an integer from 0"),
        (&"(".repeat(1_000), "nesting of the filter"),
        (&"NOT ".repeat(1_000), "nesting of the filter"),
        (&vec!["a = 1"; 2_000].join(" OR "), "clauses of the filter"),
        (&format!("a = '{}'", "x".repeat(2 << 20)), "bytes of the filter"),
        ("{\"a\": 1", "it is not JSON"),
    ] {
        let found = Filter::parse(text).map_or_else(|e| e.to_string(), |_| "valid".to_owned());
        assert!(found.contains(expected), "{text:.40}: {found:?} lacks {expected:?}");
    }
}

/// Dates in several forms, and strings that are not dates.
#[test]
fn moments_are_compared_in_time() {
    let rows = json!([
        "2020-01-01",
        "2020-01-01T01:00:00+01:00",
        "2019-12-31T23:59:59Z",
        "zebra",
        "2020",
        2020
    ]);
    for (filter, expected) in [
        ("d >= '2020-01-01T00:00:00Z'", [true, true, false, false, false, false]),
        ("d < '2020-01-01'", [false, false, true, false, false, false]),
        ("d BETWEEN '2019-12-31' AND '2020-01-01 00:00'", [true, true, true, false, false, false]),
        ("d = '2020-01-01'", [true, false, false, false, false, false]),
        // No moment: by bytes.
        ("d >= '2020'", [true, true, false, true, true, false]),
        ("d BETWEEN '2020' AND '2020-01-01T00:30:00Z'", [true, true, false, false, false, false]),
    ] {
        let read = Filter::parse(filter).expect("a filter");
        let admits = |value| read.matches(&json!({ "d": value }));
        let found: Vec<bool> = rows.as_array().expect("rows").iter().map(admits).collect();
        assert_eq!(found, expected, "{filter}");
    }
}

fn scalars() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(Scalar::Int),
        (i64::MAX as u64 + 1..=u64::MAX).prop_map(Scalar::UInt),
        prop::num::f64::NORMAL.prop_map(Scalar::Float),
        "['\"a é]{0,4}|2020-01-01".prop_map(Scalar::Str),
    ]
}

/// Filters of every kind.
pub(crate) fn trees() -> impl Strategy<Value = Filter> {
    let path = || "[a-c_.\" ]{1,4}|NOT|in|match|null|é\\.x";
    let edge = || {
        let ordered = scalars().prop_filter("ordered", |s| *s != Scalar::Null);
        (ordered, 0..3).prop_map(|(value, kind)| match kind {
            0 => Bound::Unbounded,
            1 => Bound::Included(value),
            _ => Bound::Excluded(value),
        })
    };
    let leaf = prop_oneof![
        Just(Filter::All),
        Just(Filter::Or(Vec::new())),
        (path(), scalars()).prop_map(|(path, value)| Filter::Eq { path, value }),
        (path(), prop::collection::vec(scalars(), 0..3))
            .prop_map(|(path, values)| Filter::In { path, values }),
        (path(), edge(), edge())
            .prop_filter("bounded", |(_, l, u)| (l, u) != (&Bound::Unbounded, &Bound::Unbounded))
            .prop_map(|(path, lower, upper)| Filter::Range { path, lower, upper }),
        (path(), "['a]{0,3}").prop_map(|(path, part)| Filter::Contains { path, part }),
        (prop::option::of(path()), "['a ]{0,3}")
            .prop_map(|(field, words)| Filter::Text { field, words }),
        prop::collection::vec("['a,]{0,3}", 0..3).prop_map(Filter::Ids),
        "[a-c']{1,3}".prop_map(|key| {
            let json = json!({ "is_null": { "key": key } });
            Filter::Payload(Box::new(PayloadCondition::from_json(&json, "").expect("a condition")))
        }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            parts.clone().prop_map(Filter::And),
            parts.clone().prop_map(Filter::Or),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
            (prop_oneof![0usize..4, Just(usize::MAX)], parts)
                .prop_map(|(count, parts)| Filter::AtLeast { count, parts }),
        ]
    })
}

proptest! {
    #[test]
    fn a_filter_written_and_read_is_the_same(filter in trees()) {
        let text = filter.to_text();
        prop_assert_eq!(Filter::parse(&text), Ok(filter), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-b'\"() =<>!,.é0-9-]{0,20}|(a|NOT|AND|=|1| |\\(){0,12}") {
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(&filter.to_text()), Ok(filter));
        }
    }
}
