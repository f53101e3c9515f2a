#[cfg(test)]
mod tests {
    use super::*;
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
}
