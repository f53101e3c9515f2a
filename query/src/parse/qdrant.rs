//! Filters in Qdrant's notation: `{"must": [{"key": "year", "range": {"gte": 2020}}]}`.

use std::ops::Bound;

use serde_json::{Map, Value};

use super::{Parser, QDRANT_CLAUSES, all_of, exists, ids, not, one_of, scalar, values};
use crate::error::{Error, Result};
use crate::filter::{Filter, Scalar};
use crate::timestamp::Timestamp;

const CONDITIONS: &str = "{\"key\", \"match\"}, {\"key\", \"range\"}, {\"is_empty\"}, {\"is_null\"}, \
                          {\"has_id\"} and filters";

impl Parser {
    pub(super) fn qdrant(
        &mut self,
        map: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) -> Result<Filter> {
        only(map, &QDRANT_CLAUSES, at)?;
        let mut parts = Vec::new();
        let clause = |name: &str| map.get(name).filter(|v| !v.is_null());
        if let Some(value) = clause("must") {
            parts.extend(self.conditions(value, &format!("{at}.must"), depth)?);
        }
        if let Some(value) = clause("should") {
            let should = self.conditions(value, &format!("{at}.should"), depth)?;
            // Without any, nothing is asked for.
            if !should.is_empty() {
                parts.push(one_of(should));
            }
        }
        if let Some(value) = clause("must_not") {
            let must_not = self.conditions(value, &format!("{at}.must_not"), depth)?;
            parts.extend(must_not.into_iter().map(not));
        }
        if let Some(value) = clause("min_should") {
            parts.push(self.min_should(value, &format!("{at}.min_should"), depth)?);
        }
        Ok(all_of(parts))
    }

    fn min_should(&mut self, value: &Value, at: &str, depth: usize) -> Result<Filter> {
        let map = object(value, at)?;
        only(map, &["conditions", "min_count"], at)?;
        let conditions = required(map, "conditions", at)?;
        let parts = self.conditions(conditions, &format!("{at}.conditions"), depth)?;
        let count = required(map, "min_count", at)?.as_u64().and_then(|n| n.try_into().ok());
        let at = format!("{at}.min_count");
        let count = count.ok_or_else(|| Error::invalid(at, "an integer from 0 is expected"))?;
        Ok(Filter::AtLeast { count, parts })
    }

    /// One condition, or an array of them.
    fn conditions(&mut self, value: &Value, at: &str, depth: usize) -> Result<Vec<Filter>> {
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(i, item)| self.condition(item, &format!("{at}[{i}]"), depth + 1))
                .collect(),
            one => Ok(vec![self.condition(one, at, depth + 1)?]),
        }
    }

    fn condition(&mut self, value: &Value, at: &str, depth: usize) -> Result<Filter> {
        let map = object(value, at)?;
        self.enter(depth)?;
        if map.keys().any(|key| QDRANT_CLAUSES.contains(&key.as_str())) {
            return self.qdrant(map, at, depth);
        }
        if map.contains_key("key") {
            return keyed(map, at);
        }
        match map.iter().next().map(|(kind, inner)| (kind.as_str(), inner)) {
            Some((kind @ ("is_empty" | "is_null"), inner)) if map.len() == 1 => {
                let at = format!("{at}.{kind}");
                let inner = object(inner, &at)?;
                only(inner, &["key"], &at)?;
                Ok(exists(path(inner, &at)?, false))
            }
            Some(("has_id", list)) if map.len() == 1 => {
                Ok(Filter::Ids(ids(list, &format!("{at}.has_id"))?))
            }
            first => {
                let name = first.map(|(key, _)| format!(": {key:?}")).unwrap_or_default();
                let detail = format!("this condition is not known{name}; there are {CONDITIONS}");
                Err(Error::invalid(at, detail))
            }
        }
    }
}

/// The condition on one key: a match, a range, or both.
fn keyed(map: &Map<String, Value>, at: &str) -> Result<Filter> {
    only(map, &["key", "match", "range"], at)?;
    let key = path(map, at)?;
    let mut parts = Vec::new();
    if let Some(value) = map.get("match").filter(|v| !v.is_null()) {
        parts.push(matching(key.clone(), value, &format!("{at}.match"))?);
    }
    if let Some(value) = map.get("range").filter(|v| !v.is_null()) {
        parts.push(range(key, value, &format!("{at}.range"))?);
    }
    if parts.is_empty() {
        return Err(Error::invalid(at, "\"match\" or \"range\" is expected with \"key\""));
    }
    Ok(all_of(parts))
}

fn matching(path: String, value: &Value, at: &str) -> Result<Filter> {
    let map = object(value, at)?;
    let (Some((kind, value)), 1) = (map.iter().next(), map.len()) else {
        return Err(Error::invalid(
            at,
            "one of \"value\", \"any\", \"except\", \"text\" is expected",
        ));
    };
    let at = format!("{at}.{kind}");
    Ok(match kind.as_str() {
        "value" => Filter::Eq { path, value: scalar(value, &at)? },
        "any" => Filter::In { path, values: values(value, &at)? },
        "except" => not(Filter::In { path, values: values(value, &at)? }),
        "text" => match value.as_str() {
            Some(words) => Filter::Text { field: Some(path), words: words.to_owned() },
            None => return Err(Error::invalid(at, "a string is expected")),
        },
        _ => {
            let detail =
                "this match is not known; there are \"value\", \"any\", \"except\", \"text\"";
            return Err(Error::invalid(at, detail));
        }
    })
}

fn range(path: String, value: &Value, at: &str) -> Result<Filter> {
    let map = object(value, at)?;
    only(map, &["gt", "gte", "lt", "lte"], at)?;
    let bound = |strict: &str, loose: &str| -> Result<Bound<Scalar>> {
        let get = |name: &str| map.get(name).filter(|v| !v.is_null());
        Ok(match (get(strict), get(loose)) {
            (None, None) => Bound::Unbounded,
            (Some(v), None) => Bound::Excluded(edge(v, &format!("{at}.{strict}"))?),
            (None, Some(v)) => Bound::Included(edge(v, &format!("{at}.{loose}"))?),
            (Some(_), Some(_)) => {
                return Err(Error::invalid(at, "two bounds on one side; keep one"));
            }
        })
    };
    let (lower, upper) = (bound("gt", "gte")?, bound("lt", "lte")?);
    if lower == Bound::Unbounded && upper == Bound::Unbounded {
        return Err(Error::invalid(at, "at least one of gt, gte, lt, lte is expected"));
    }
    Ok(Filter::Range { path, lower, upper })
}

/// A bound: ranges of this notation are of numbers and of date-times.
fn edge(value: &Value, at: &str) -> Result<Scalar> {
    match scalar(value, at)? {
        Scalar::Str(s) if Timestamp::parse(&s).is_none() => {
            let detail = format!("{s:?} is neither a number nor a date-time (RFC 3339)");
            Err(Error::invalid(at, detail))
        }
        Scalar::Null | Scalar::Bool(_) => {
            Err(Error::invalid(at, "a number or a date-time is expected"))
        }
        edge => Ok(edge),
    }
}

/// The path that `key` names; `[]`, which asks for the elements of an array, is implied.
fn path(map: &Map<String, Value>, at: &str) -> Result<String> {
    let key = required(map, "key", at)?.as_str().map(|key| key.replace("[]", ""));
    key.filter(|key| !key.is_empty())
        .ok_or_else(|| Error::invalid(format!("{at}.key"), "a path is expected"))
}

fn object<'a>(value: &'a Value, at: &str) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| Error::invalid(at, "an object is expected"))
}

fn required<'a>(map: &'a Map<String, Value>, key: &str, at: &str) -> Result<&'a Value> {
    map.get(key).ok_or_else(|| Error::invalid(at, format!("{key:?} is missing")))
}

/// Refuses every key but these.
fn only(map: &Map<String, Value>, known: &[&str], at: &str) -> Result<()> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let detail = format!("this is not known here; known are {}", known.join(", "));
            Err(Error::invalid(format!("{at}.{key}"), detail))
        }
    }
}
