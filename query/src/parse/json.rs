//! Filters in their JSON notation: `{"year": {"$gte": 2020}, "$or": [..]}`.

use std::ops::Bound;

use serde_json::{Map, Value};

use super::{Parser, all_of, contains, exists, ids, not, one_of, ordered, scalar, values};
use crate::error::{Error, Result};
use crate::filter::{Filter, Scalar};

const KNOWN: &str = "$eq $ne $in $nin $gt $gte $lt $lte $exists $contains $text $and $or $not $ids";

impl Parser {
    /// An object of this notation, whose node is counted.
    pub(super) fn paths(
        &mut self,
        map: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) -> Result<Filter> {
        let mut parts = Vec::with_capacity(map.len());
        for (key, value) in map {
            let at = format!("{at}.{key}");
            parts.push(match key.as_str() {
                "$and" => all_of(self.list(value, &at, depth)?),
                "$or" => one_of(self.list(value, &at, depth)?),
                "$not" => match value {
                    Value::Object(map) => not(self.object(map, &at, depth + 1)?),
                    _ => return Err(Error::invalid(at, "an object is expected")),
                },
                "$text" => Filter::Text { field: None, words: string(value, &at)? },
                "$ids" => Filter::Ids(ids(value, &at)?),
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

    /// The condition on one path: a bare value, or an object of operators.
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
            let bound = || ordered(scalar(value, &at)?, &at);
            match operator.as_str() {
                "$gt" => set(&mut lower, Bound::Excluded(bound()?), &at)?,
                "$gte" => set(&mut lower, Bound::Included(bound()?), &at)?,
                "$lt" => set(&mut upper, Bound::Excluded(bound()?), &at)?,
                "$lte" => set(&mut upper, Bound::Included(bound()?), &at)?,
                "$not" => parts.push(not(self.field(path, value, &at, depth + 1)?)),
                operator => parts.push(operation(operator, path.to_owned(), value, &at)?),
            }
        }
        // Each bound is a separate clause: in an array one element may fit the one and another the
        // other, as with two keys.
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

/// An operator that is a clause by itself.
fn operation(operator: &str, path: String, value: &Value, at: &str) -> Result<Filter> {
    Ok(match operator {
        "$eq" => Filter::Eq { path, value: scalar(value, at)? },
        "$ne" => not(Filter::Eq { path, value: scalar(value, at)? }),
        "$in" => Filter::In { path, values: values(value, at)? },
        "$nin" => not(Filter::In { path, values: values(value, at)? }),
        "$exists" => match value {
            Value::Bool(wanted) => exists(path, *wanted),
            _ => return Err(Error::invalid(at, "true or false is expected")),
        },
        "$contains" => contains(path, scalar(value, at)?, at)?,
        "$text" => Filter::Text { field: Some(path), words: string(value, at)? },
        _ => return Err(unknown(at)),
    })
}

fn string(value: &Value, at: &str) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| Error::invalid(at, "a string is expected"))
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
