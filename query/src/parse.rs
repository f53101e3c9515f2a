//! Filters in their JSON notation: `{"year": {"$gte": 2020}, "$or": [..]}`.

use std::ops::Bound;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::filter::{Filter, Scalar};

/// Clauses of a filter; each is a pass over the rows.
pub const MAX_FILTER_NODES: usize = 1_024;
/// Nesting of a filter; the parser and the evaluators recurse.
pub const MAX_FILTER_DEPTH: usize = 32;
/// Bytes of a path; the longest that payload columns are kept under.
pub const MAX_PATH_BYTES: usize = 1_024;
/// Values of all `$in` of a filter.
pub const MAX_IN_VALUES: usize = 10_000;

const KNOWN: &str = "$eq $in $gt $gte $lt $lte $and $or $not";

impl Filter {
    /// Reads the JSON notation. Several keys, and several operators of a key, must all hold; a bare
    /// value means `$eq`.
    ///
    /// # Errors
    /// Names the place in the filter and what is wrong there.
    pub fn from_json(json: &Value) -> Result<Self> {
        let mut parser = Parser { nodes: 0 };
        match json {
            Value::Null => Ok(Self::All),
            Value::Object(map) => {
                let filter = parser.object(map, "filter", 0)?;
                filter.check()?;
                Ok(filter)
            }
            _ => Err(Error::invalid("filter", "an object is expected")),
        }
    }
}

impl Filter {
    /// Checks a filter, however it was made, against the limits of filters.
    pub(crate) fn check(&self) -> Result<()> {
        let mut left = vec![(self, 1)];
        let (mut nodes, mut values) = (0, 0);
        while let Some((filter, depth)) = left.pop() {
            nodes += 1;
            // The notation nests a path's operators one level below the path.
            within("nesting of the filter", depth, MAX_FILTER_DEPTH + 2)?;
            within("clauses of the filter", nodes, MAX_FILTER_NODES)?;
            match filter {
                Self::All => {}
                Self::And(parts) | Self::Or(parts) => {
                    left.extend(parts.iter().map(|p| (p, depth + 1)));
                }
                Self::Not(part) => left.push((part, depth + 1)),
                Self::Eq { path, .. } | Self::Range { path, .. } => {
                    within("bytes of a path", path.len(), MAX_PATH_BYTES)?;
                }
                Self::In { path, values: some } => {
                    within("bytes of a path", path.len(), MAX_PATH_BYTES)?;
                    values += some.len();
                    within("values of all $in", values, MAX_IN_VALUES)?;
                }
            }
        }
        Ok(())
    }
}

fn within(what: &str, found: usize, limit: usize) -> Result<()> {
    if found <= limit {
        return Ok(());
    }
    Err(Error::TooLarge { what: what.to_owned(), limit, found })
}

struct Parser {
    nodes: usize,
}

impl Parser {
    fn enter(&mut self, depth: usize) -> Result<()> {
        self.nodes += 1;
        within("clauses of the filter", self.nodes, MAX_FILTER_NODES)?;
        within("nesting of the filter", depth, MAX_FILTER_DEPTH)
    }

    fn object(&mut self, map: &Map<String, Value>, at: &str, depth: usize) -> Result<Filter> {
        self.enter(depth)?;
        let mut parts = Vec::with_capacity(map.len());
        for (key, value) in map {
            let at = format!("{at}.{key}");
            parts.push(match key.as_str() {
                "$and" => Filter::And(self.list(value, &at, depth)?),
                "$or" => Filter::Or(self.list(value, &at, depth)?),
                "$not" => match value {
                    Value::Object(map) => {
                        Filter::Not(Box::new(self.object(map, &at, depth + 1)?))
                    }
                    _ => return Err(Error::invalid(at, "an object is expected")),
                },
                operator if operator.starts_with('$') => return Err(unknown(&at)),
                "" => return Err(Error::invalid(at, "a path has at least one character")),
                path => self.field(path, value, &at, depth + 1)?,
            });
        }
        Ok(all_of(parts))
    }

    fn list(&mut self, value: &Value, at: &str, depth: usize) -> Result<Vec<Filter>> {
        let Value::Array(items) = value else {
            return Err(Error::invalid(at, "an array of filters is expected"));
        };
        if items.is_empty() {
            return Err(Error::invalid(at, "at least one filter is expected"));
        }
        let mut parts = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let at = format!("{at}[{i}]");
            match item {
                Value::Object(map) => parts.push(self.object(map, &at, depth + 1)?),
                _ => return Err(Error::invalid(at, "an object is expected")),
            }
        }
        Ok(parts)
    }

    /// What is said of one path: a bare value, or an object of operators.
    fn field(&mut self, path: &str, value: &Value, at: &str, depth: usize) -> Result<Filter> {
        self.enter(depth)?;
        let Value::Object(operators) = value else {
            return Ok(Filter::Eq { path: path.to_owned(), value: scalar(value, at)? });
        };
        if operators.is_empty() {
            return Err(Error::invalid(at, format!("an operator is expected: {KNOWN}")));
        }
        let mut parts = Vec::new();
        let (mut lower, mut upper) = (Bound::Unbounded, Bound::Unbounded);
        for (operator, value) in operators {
            let at = format!("{at}.{operator}");
            match operator.as_str() {
                "$eq" => {
                    let value = scalar(value, &at)?;
                    parts.push(Filter::Eq { path: path.to_owned(), value });
                }
                "$in" => {
                    let values = values(value, &at)?;
                    parts.push(Filter::In { path: path.to_owned(), values });
                }
                "$gt" => set(&mut lower, Bound::Excluded(ordered(value, &at)?), &at)?,
                "$gte" => set(&mut lower, Bound::Included(ordered(value, &at)?), &at)?,
                "$lt" => set(&mut upper, Bound::Excluded(ordered(value, &at)?), &at)?,
                "$lte" => set(&mut upper, Bound::Included(ordered(value, &at)?), &at)?,
                "$not" => {
                    let inner = self.field(path, value, &at, depth + 1)?;
                    parts.push(Filter::Not(Box::new(inner)));
                }
                _ => return Err(unknown(&at)),
            }
        }
        // Each bound is a clause of its own: over an array one element may fit the one and another
        // the other, as with two keys.
        if lower != Bound::Unbounded {
            let (path, upper) = (path.to_owned(), Bound::Unbounded);
            parts.push(Filter::Range { path, lower, upper });
        }
        if upper != Bound::Unbounded {
            let (path, lower) = (path.to_owned(), Bound::Unbounded);
            parts.push(Filter::Range { path, lower, upper });
        }
        Ok(all_of(parts))
    }
}

fn all_of(mut parts: Vec<Filter>) -> Filter {
    match parts.len() {
        0 => Filter::All,
        1 => parts.swap_remove(0),
        _ => Filter::And(parts),
    }
}

fn set(bound: &mut Bound<Scalar>, new: Bound<Scalar>, at: &str) -> Result<()> {
    if *bound != Bound::Unbounded {
        return Err(Error::invalid(at, "two bounds on one side; keep one"));
    }
    *bound = new;
    Ok(())
}

fn unknown(at: &str) -> Error {
    Error::invalid(at, format!("this operator is not known; the operators are {KNOWN}"))
}

fn values(value: &Value, at: &str) -> Result<Vec<Scalar>> {
    let Value::Array(items) = value else {
        return Err(Error::invalid(at, "an array of values is expected"));
    };
    within(&format!("values of {at}"), items.len(), MAX_IN_VALUES)?;
    items.iter().enumerate().map(|(i, v)| scalar(v, &format!("{at}[{i}]"))).collect()
}

/// A value that has an order: a number, string or boolean.
fn ordered(value: &Value, at: &str) -> Result<Scalar> {
    match scalar(value, at)? {
        Scalar::Null => Err(Error::invalid(at, "null has no order; give a number or a string")),
        scalar => Ok(scalar),
    }
}

fn scalar(value: &Value, at: &str) -> Result<Scalar> {
    Ok(match value {
        Value::Null => Scalar::Null,
        Value::Bool(b) => Scalar::Bool(*b),
        Value::String(s) => Scalar::Str(s.clone()),
        Value::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            (Some(i), _, _) => Scalar::Int(i),
            (_, Some(u), _) => Scalar::UInt(u),
            (_, _, Some(f)) if f.is_finite() => Scalar::Float(f),
            _ => {
                return Err(Error::invalid(at, format!("{n} is not a number we can hold")));
            }
        },
        Value::Array(_) | Value::Object(_) => {
            let detail = "a number, string, boolean or null is expected, not an array or object";
            return Err(Error::invalid(at, detail));
        }
    })
}

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
