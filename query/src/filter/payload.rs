//! Conditions on a payload in Qdrant's notation and with its meaning of arrays, missing keys and null: those that columns
//! cannot answer, so that payloads are read for them.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::limits::{MAX_FILTER_DEPTH, MAX_FILTER_NODES, MAX_IN_VALUES, MAX_PATH_BYTES};
use crate::timestamp::Timestamp;
use crate::value::compare;

/// A condition in Qdrant's notation, of a kind that asks for the payload alone.
#[derive(Clone, Debug, PartialEq)]
pub struct PayloadCondition {
    json: Value,
    test: Test,
    /// Conditions in it, itself included.
    pub(crate) nodes: usize,
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// The member of an object.
    Key(String),
    /// The element of an array.
    Index(usize),
    /// Every element of an array.
    Each,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Clauses(Clauses),
    IsNull(Vec<Step>),
    IsEmpty(Vec<Step>),
    Nested(Vec<Step>, Box<Test>),
    Count(Vec<Step>, Bounds),
    Match(Vec<Step>, Match),
    Range(Vec<Step>, Bounds),
    Times(Vec<Step>, Vec<(Side, Timestamp)>),
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Clauses {
    must: Vec<Test>,
    must_not: Vec<Test>,
    should: Option<Vec<Test>>,
    min_should: Option<(Vec<Test>, usize)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Match {
    Any(Vec<Value>),
    Except(Vec<Value>),
    /// A string has all of these words, in any order.
    Words(Vec<String>),
    /// A string has one of these words.
    AnyWord(Vec<String>),
    /// A string has these words one after the other.
    Phrase(Vec<String>),
}

/// Bounds of a number, each of which it has to satisfy.
type Bounds = Vec<(Side, Value)>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Side {
    const ALL: [(&'static str, Self); 4] =
        [("gt", Self::Gt), ("gte", Self::Gte), ("lt", Self::Lt), ("lte", Self::Lte)];

    fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Gt => order.is_gt(),
            Self::Gte => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Lte => order.is_le(),
        }
    }
}

impl PayloadCondition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Names the member of the condition that is refused, below `at`.
    pub fn from_json(json: &Value, at: &str) -> Result<Self> {
        let mut reader = Reader { nodes: 0 };
        let test = reader.condition(json, at, 1)?;
        Ok(Self { json: json.clone(), test, nodes: reader.nodes })
    }

    /// The condition as it was read.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// True if it admits a payload.
    pub fn matches(&self, payload: &Value) -> bool {
        self.test.matches(payload)
    }
}

impl Test {
    fn matches(&self, payload: &Value) -> bool {
        match self {
            Self::Clauses(clauses) => clauses.matches(payload),
            Self::IsNull(path) => at(payload, path, false).iter().any(|v| v.is_null()),
            Self::IsEmpty(path) => at(payload, path, false).iter().all(|v| is_empty(v)),
            Self::Nested(path, inner) => at(payload, path, true).iter().any(|v| inner.matches(v)),
            Self::Count(path, bounds) => {
                let values = at(payload, path, false);
                let count = |v: &&Value| match v {
                    Value::Null => 0,
                    Value::Array(items) => items.len(),
                    _ => 1,
                };
                let mut counts: Vec<Value> = values.iter().map(|v| Value::from(count(v))).collect();
                // A key that is missing has no values.
                if counts.is_empty() {
                    counts.push(Value::from(0));
                }
                counts
                    .iter()
                    .any(|c| bounds.iter().all(|(s, b)| compare(c, b).is_some_and(|o| s.admits(o))))
            }
            Self::Match(path, wanted) => at(payload, path, true).iter().any(|v| wanted.admits(v)),
            Self::Range(path, bounds) => at(payload, path, true).iter().any(|v| {
                v.is_number()
                    && bounds.iter().all(|(s, b)| compare(v, b).is_some_and(|o| s.admits(o)))
            }),
            Self::Times(path, bounds) => at(payload, path, true).iter().any(|v| {
                let time = v.as_str().and_then(Timestamp::parse);
                time.is_some_and(|time| bounds.iter().all(|(s, b)| s.admits(time.cmp(b))))
            }),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

impl Clauses {
    fn matches(&self, payload: &Value) -> bool {
        let admits = |test: &Test| test.matches(payload);
        self.must.iter().all(admits)
            && !self.must_not.iter().any(admits)
            && self.should.as_ref().is_none_or(|should| should.iter().any(admits))
            && self.min_should.as_ref().is_none_or(|(parts, count)| {
                parts.iter().filter(|test| admits(test)).count() >= *count
            })
    }
}

impl Match {
    fn admits(&self, value: &Value) -> bool {
        let equal = |wanted: &Value| compare(value, wanted) == Some(Ordering::Equal);
        match self {
            Self::Any(wanted) => wanted.iter().any(equal),
            Self::Except(unwanted) => !value.is_null() && !unwanted.iter().any(equal),
            Self::Words(wanted) => value.as_str().is_some_and(|text| {
                let words = words(text);
                !wanted.is_empty() && wanted.iter().all(|word| words.contains(word))
            }),
            Self::AnyWord(wanted) => value.as_str().is_some_and(|text| {
                let words = words(text);
                wanted.iter().any(|word| words.contains(word))
            }),
            Self::Phrase(wanted) => value.as_str().is_some_and(|text| {
                !wanted.is_empty() && words(text).windows(wanted.len()).any(|at| at == wanted)
            }),
        }
    }
}

/// The words of a text: what letters and digits make, in lower case.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// The values at a path. An array at its end stands for its elements if `flat` is true.
fn at<'a>(payload: &'a Value, path: &[Step], flat: bool) -> Vec<&'a Value> {
    let mut found = Vec::new();
    follow(payload, path, flat, &mut found);
    found
}

fn follow<'a>(value: &'a Value, path: &[Step], flat: bool, found: &mut Vec<&'a Value>) {
    let Some((step, rest)) = path.split_first() else {
        found.push(value);
        return;
    };
    match (step, value) {
        (Step::Key(key), Value::Object(map)) => match (map.get(key), rest) {
            (Some(Value::Array(items)), []) if flat => found.extend(items),
            (Some(member), rest) => follow(member, rest, flat, found),
            (None, _) => {}
        },
        (Step::Index(index), Value::Array(items)) => {
            if let Some(item) = items.get(*index) {
                follow(item, rest, flat, found);
            }
        }
        (Step::Each, Value::Array(items)) => {
            items.iter().for_each(|item| follow(item, rest, flat, found));
        }
        _ => {}
    }
}

/// The steps of a path: keys joined by dots, those with other signs in double quotes, `[]` and `[3]` behind them.
fn steps(path: &str) -> Option<Vec<Step>> {
    let (mut steps, mut rest) = (Vec::new(), path);
    loop {
        let (key, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        if key.is_empty() {
            return None;
        }
        steps.push(Step::Key(key.to_owned()));
        rest = after;
        while let Some(bracket) = rest.strip_prefix('[') {
            let (index, after) = bracket.split_once(']')?;
            steps.push(match index {
                "" => Step::Each,
                index => Step::Index(index.parse().ok()?),
            });
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None => return rest.is_empty().then_some(steps),
        }
    }
}

/// The state of reading: conditions are bounded like those of every filter.
struct Reader {
    nodes: usize,
}

impl Reader {
    fn condition(&mut self, json: &Value, at: &str, depth: usize) -> Result<Test> {
        self.nodes += 1;
        crate::error::within("nesting of the filter", depth, MAX_FILTER_DEPTH)?;
        crate::error::within("clauses of the filter", self.nodes, MAX_FILTER_NODES)?;
        let map = object(json, at)?;
        if ["must", "must_not", "should", "min_should"].iter().any(|c| map.contains_key(*c)) {
            return self.clauses(map, at, depth);
        }
        if map.contains_key("key") {
            return keyed(map, at);
        }
        let (Some((kind, inner)), 1) = (map.iter().next(), map.len()) else {
            return Err(Error::invalid(at, "one condition is expected"));
        };
        let at = format!("{at}.{kind}");
        match kind.as_str() {
            "is_null" => Ok(Test::IsNull(key_of(object(inner, &at)?, &at)?)),
            "is_empty" => Ok(Test::IsEmpty(key_of(object(inner, &at)?, &at)?)),
            "nested" => {
                let inner = object(inner, &at)?;
                let filter = inner.get("filter").unwrap_or(&Value::Null);
                let filter = self.condition(filter, &format!("{at}.filter"), depth + 1)?;
                Ok(Test::Nested(key_of(inner, &at)?, Box::new(filter)))
            }
            _ => Err(Error::invalid(at, "this condition is not supported here")),
        }
    }

    fn clauses(&mut self, map: &Map<String, Value>, at: &str, depth: usize) -> Result<Test> {
        let mut clauses = Clauses::default();
        for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
            let at = format!("{at}.{name}");
            match name.as_str() {
                "must" => clauses.must = self.list(value, &at, depth)?,
                "must_not" => clauses.must_not = self.list(value, &at, depth)?,
                "should" => {
                    let should = self.list(value, &at, depth)?;
                    clauses.should = (!should.is_empty()).then_some(should);
                }
                "min_should" => {
                    let map = object(value, &at)?;
                    let conditions = map.get("conditions").unwrap_or(&Value::Null);
                    let parts = self.list(conditions, &format!("{at}.conditions"), depth)?;
                    let count = map.get("min_count").and_then(Value::as_u64);
                    let count = count.and_then(|count| usize::try_from(count).ok());
                    let missing =
                        || Error::invalid(format!("{at}.min_count"), "a count is expected");
                    clauses.min_should = Some((parts, count.ok_or_else(missing)?));
                }
                _ => return Err(Error::invalid(at, "this is not supported in a filter")),
            }
        }
        Ok(Test::Clauses(clauses))
    }

    fn list(&mut self, value: &Value, at: &str, depth: usize) -> Result<Vec<Test>> {
        match value {
            Value::Array(items) => (items.iter().enumerate())
                .map(|(i, item)| self.condition(item, &format!("{at}[{i}]"), depth + 1))
                .collect(),
            one => Ok(vec![self.condition(one, at, depth + 1)?]),
        }
    }
}

/// The condition on a key.
fn keyed(map: &Map<String, Value>, at: &str) -> Result<Test> {
    let path = key_of(map, at)?;
    let mut given = map.iter().filter(|(name, value)| *name != "key" && !value.is_null());
    let (Some((kind, value)), None) = (given.next(), given.next()) else {
        return Err(Error::invalid(at, "one condition is expected with the key"));
    };
    let at = format!("{at}.{kind}");
    match kind.as_str() {
        "match" => Ok(Test::Match(path, matching(value, &at)?)),
        "values_count" => Ok(Test::Count(path, numbers(value, &at)?)),
        "range" if is_in_time(value) => {
            let times = bounds(value, &at)?.into_iter().map(|(side, bound)| {
                let time = bound.as_str().and_then(Timestamp::parse);
                let refused = || Error::invalid(at.clone(), "a date-time (RFC 3339) is expected");
                Ok((side, time.ok_or_else(refused)?))
            });
            Ok(Test::Times(path, times.collect::<Result<_>>()?))
        }
        "range" => Ok(Test::Range(path, numbers(value, &at)?)),
        "is_null" if value == &Value::Bool(true) => Ok(Test::IsNull(path)),
        "is_empty" if value == &Value::Bool(true) => Ok(Test::IsEmpty(path)),
        _ => Err(Error::invalid(at, "this condition is not supported")),
    }
}

fn is_in_time(range: &Value) -> bool {
    range.as_object().is_some_and(|map| map.values().any(Value::is_string))
}

fn matching(value: &Value, at: &str) -> Result<Match> {
    let map = object(value, at)?;
    let (Some((kind, value)), 1) = (map.iter().next(), map.len()) else {
        return Err(Error::invalid(at, "one kind of match is expected"));
    };
    let at = format!("{at}.{kind}");
    let scalars = || -> Result<Vec<Value>> {
        let Value::Array(items) = value else {
            return Err(Error::invalid(at.clone(), "an array is expected"));
        };
        crate::error::within("values of the filter", items.len(), MAX_IN_VALUES)?;
        Ok(items.clone())
    };
    let text = || value.as_str().ok_or_else(|| Error::invalid(at.clone(), "a string is expected"));
    match kind.as_str() {
        "value" => Ok(Match::Any(vec![value.clone()])),
        "any" => Ok(Match::Any(scalars()?)),
        "except" => Ok(Match::Except(scalars()?)),
        "text" => Ok(Match::Words(words(text()?))),
        "text_any" => Ok(Match::AnyWord(words(text()?))),
        "phrase" => Ok(Match::Phrase(words(text()?))),
        _ => Err(Error::invalid(at, "this kind of match is not supported")),
    }
}

fn numbers(value: &Value, at: &str) -> Result<Bounds> {
    let bounds = bounds(value, at)?;
    match bounds.iter().all(|(_, bound)| bound.is_number()) {
        true => Ok(bounds),
        false => Err(Error::invalid(at, "bounds are numbers")),
    }
}

fn bounds(value: &Value, at: &str) -> Result<Bounds> {
    let given = object(value, at)?.iter().filter(|(_, value)| !value.is_null());
    let bound = |(name, value): (&String, &Value)| {
        let side = Side::ALL.into_iter().find(|(known, _)| known == name);
        let unknown = || Error::invalid(format!("{at}.{name}"), "bounds are gt, gte, lt and lte");
        Ok((side.ok_or_else(unknown)?.1, value.clone()))
    };
    given.map(bound).collect()
}

fn key_of(map: &Map<String, Value>, at: &str) -> Result<Vec<Step>> {
    let key = map.get("key").and_then(Value::as_str);
    let key = key.filter(|key| key.len() <= MAX_PATH_BYTES);
    key.and_then(steps).ok_or_else(|| Error::invalid(format!("{at}.key"), "a path is expected"))
}

fn object<'a>(value: &'a Value, at: &str) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| Error::invalid(at, "an object is expected"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_admit_what_qdrant_documents() {
        let is_null = json!({"is_null": {"key": "a"}});
        let is_empty = json!({"is_empty": {"key": "a"}});
        let count = |bounds: Value| json!({"key": "a", "values_count": bounds});
        let except = json!({"key": "a", "match": {"except": [1, "x"]}});
        let nested = json!({"nested": {"key": "d", "filter": {"must": [
            {"key": "food", "match": {"value": "meat"}}, {"key": "likes", "match": {"value": true}}]}}});
        for (condition, payload, expected) in [
            (&is_null, json!({"a": null}), true),
            (&is_null, json!({}), false),
            (&is_null, json!({"a": []}), false),
            (&is_empty, json!({"a": null}), true),
            (&is_empty, json!({}), true),
            (&is_empty, json!({"a": []}), true),
            (&is_empty, json!({"a": {}}), false),
            (&is_empty, json!({"a": 0}), false),
            (&count(json!({"gt": 1})), json!({"a": [1, 2]}), true),
            (&count(json!({"gt": 1})), json!({"a": 1}), false),
            (&count(json!({"lt": 1})), json!({"a": null}), true),
            (&count(json!({"lt": 1})), json!({}), true),
            (&except, json!({"a": [1, 2]}), true),
            (&except, json!({"a": [1, "x"]}), false),
            (&except, json!({}), false),
            (&nested, json!({"d": [{"food": "meat", "likes": true}]}), true),
            (&nested, json!({"d": [{"food": "meat"}, {"food": "leaves", "likes": true}]}), false),
            (&json!({"key": "a[1].b", "match": {"value": 2}}), json!({"a": [0, {"b": 2}]}), true),
            (&json!({"key": "a[0].b", "match": {"value": 2}}), json!({"a": [0, {"b": 2}]}), false),
            (&json!({"key": "a.b", "match": {"value": 2}}), json!({"a": [{"b": 2}]}), false),
            (&json!({"key": "a[].b", "match": {"value": 2}}), json!({"a": [{"b": 2}]}), true),
            (&json!({"key": "\"a.b\"", "match": {"value": 2}}), json!({"a.b": 2}), true),
        ] {
            let read = PayloadCondition::from_json(condition, "filter").expect("a condition");
            assert_eq!(read.matches(&payload), expected, "{condition} {payload}");
        }
        for refused in [
            json!({"key": "a..b", "match": {"value": 1}}),
            json!({"key": "a[x]", "match": {"value": 1}}),
            json!({"key": "a", "geo_radius": {}}),
            json!({"has_id": [1]}),
            json!({"key": "a"}),
        ] {
            assert!(PayloadCondition::from_json(&refused, "filter").is_err(), "{refused}");
        }
    }
}
