//! Filters in Qdrant's notation, translated so that columns answer what they can; payloads are read for the rest.

use lexivec::Filter;
use lexivec::query::filter::PayloadCondition;
use lexivec::query::limits::MAX_FILTER_DEPTH;
use serde_json::{Map, Value, json};

use super::ids::PointId;
use crate::error::{ApiResult, Problem};

/// The filter of a body; every row if there is none.
pub(super) fn read(json: Option<&Value>) -> ApiResult<Filter> {
    match json {
        None | Some(Value::Null) => Ok(Filter::All),
        Some(json) => clauses(json, "filter", 1),
    }
}

fn refused(at: &str, detail: &str) -> Problem {
    Problem::bad_request(format!("{at}: {detail}"))
}

fn clauses(json: &Value, at: &str, depth: usize) -> ApiResult<Filter> {
    if depth > MAX_FILTER_DEPTH {
        return Err(refused(at, "the filter is nested too deeply"));
    }
    let mut parts = Vec::new();
    for (name, value) in object(json, at)?.iter().filter(|(_, value)| !value.is_null()) {
        let at = format!("{at}.{name}");
        match name.as_str() {
            "must" => parts.extend(list(value, &at, depth)?),
            "must_not" => parts.extend(list(value, &at, depth)?.into_iter().map(|part| !part)),
            "should" => {
                let should = list(value, &at, depth)?;
                // Without any, nothing is asked for.
                if !should.is_empty() {
                    parts.push(Filter::Or(should));
                }
            }
            "min_should" => {
                let map = object(value, &at)?;
                only(map, &["conditions", "min_count"], &at)?;
                let conditions = map.get("conditions").unwrap_or(&Value::Null);
                let parts_of = list(conditions, &format!("{at}.conditions"), depth)?;
                let count = map.get("min_count").and_then(Value::as_u64);
                let count = count.and_then(|count| usize::try_from(count).ok());
                let missing = || refused(&format!("{at}.min_count"), "a count is expected");
                parts.push(Filter::AtLeast { count: count.ok_or_else(missing)?, parts: parts_of });
            }
            _ => return Err(refused(&at, "this is not supported in a filter")),
        }
    }
    Ok(one_of_and(parts))
}

fn list(value: &Value, at: &str, depth: usize) -> ApiResult<Vec<Filter>> {
    match value {
        Value::Array(items) => (items.iter().enumerate())
            .map(|(i, item)| condition(item, &format!("{at}[{i}]"), depth + 1))
            .collect(),
        one => Ok(vec![condition(one, at, depth + 1)?]),
    }
}

fn condition(json: &Value, at: &str, depth: usize) -> ApiResult<Filter> {
    let map = object(json, at)?;
    if map.is_empty()
        || map.keys().any(|k| ["must", "must_not", "should", "min_should"].contains(&k.as_str()))
    {
        return clauses(json, at, depth);
    }
    if map.contains_key("key") {
        return keyed(map, at);
    }
    let (Some((kind, inner)), 1) = (map.iter().next(), map.len()) else {
        return Err(refused(at, "one condition is expected"));
    };
    let place = format!("{at}.{kind}");
    match kind.as_str() {
        "has_id" => has_id(inner, &place),
        "is_null" | "is_empty" => {
            let key = key_of(object(inner, &place)?, &place)?;
            let read = by_payload(json, at)?;
            Ok(match plain(key) {
                // A row that has null or nothing there has no value there, unless it is one of several.
                Some(path) if !key.contains("[]") => {
                    Filter::And(vec![lexivec::field(path).missing(), read])
                }
                _ => read,
            })
        }
        "nested" => nested(json, object(inner, &place)?, at, &place),
        "filter" => clauses(inner, &place, depth + 1),
        _ => Err(refused(&place, "this condition is not supported")),
    }
}

fn has_id(list: &Value, at: &str) -> ApiResult<Filter> {
    let items = list.as_array().ok_or_else(|| refused(at, "an array of ids is expected"))?;
    let id = |(i, id): (usize, &Value)| {
        let refused =
            || refused(&format!("{at}[{i}]"), "an unsigned integer or a UUID is expected");
        Ok(PointId::read(id).ok_or_else(refused)?.0)
    };
    Ok(Filter::Ids(items.iter().enumerate().map(id).collect::<ApiResult<_>>()?))
}

/// The conditions on one key.
fn keyed(map: &Map<String, Value>, at: &str) -> ApiResult<Filter> {
    let key = key_of(map, at)?;
    let mut parts = Vec::new();
    for (kind, value) in map.iter().filter(|(name, value)| *name != "key" && !value.is_null()) {
        let place = format!("{at}.{kind}");
        let alone = json!({ "key": key, kind: value });
        let read = || by_payload(&alone, at);
        parts.push(match (kind.as_str(), plain(key)) {
            ("match", Some(path)) => matching(&path, value, &place, read)?,
            ("range", Some(path)) => range(&path, value, &place)?,
            ("match" | "range" | "values_count" | "is_null" | "is_empty", _) => read()?,
            _ => return Err(refused(&place, "this condition is not supported")),
        });
    }
    match parts.is_empty() {
        true => Err(refused(at, "a condition is expected with the key")),
        false => Ok(one_of_and(parts)),
    }
}

fn matching(
    path: &str,
    value: &Value,
    at: &str,
    read: impl Fn() -> ApiResult<Filter>,
) -> ApiResult<Filter> {
    let map = object(value, at)?;
    let (Some((kind, value)), 1) = (map.iter().next(), map.len()) else {
        return Err(refused(at, "one kind of match is expected"));
    };
    let place = format!("{at}.{kind}");
    let listed = || by_columns(&json!({ "key": path, "match": { "any": value } }), at);
    match kind.as_str() {
        "value" => by_columns(&json!({ "key": path, "match": { "value": value } }), at),
        "any" => listed(),
        // A row with a listed value may have another one.
        "except" => Ok(Filter::And(vec![
            lexivec::field(path).exists(),
            Filter::Or(vec![!listed()?, Filter::And(vec![listed()?, read()?])]),
        ])),
        "text" | "text_any" | "phrase" => read(),
        _ => Err(refused(&place, "this kind of match is not supported")),
    }
}

/// A range, whose sides are the narrower ones of the bounds that are given.
fn range(path: &str, value: &Value, at: &str) -> ApiResult<Filter> {
    let map = object(value, at)?;
    only(map, &["gt", "gte", "lt", "lte"], at)?;
    let given = |name: &str| map.get(name).filter(|bound| !bound.is_null());
    let both = |a: &str, b: &str| given(a).is_some() && given(b).is_some();
    if both("gt", "gte") || both("lt", "lte") {
        // Of an array one value has to satisfy every bound.
        return by_payload(&json!({ "key": path, "range": value }), at);
    }
    by_columns(&json!({ "key": path, "range": value }), at)
}

/// Conditions that one element of an array satisfies. For columns, what the elements must have some element has.
fn nested(json: &Value, inner: &Map<String, Value>, at: &str, place: &str) -> ApiResult<Filter> {
    only(inner, &["key", "filter"], place)?;
    let key = key_of(inner, place)?;
    let mut parts = Vec::new();
    let must = inner.get("filter").and_then(|filter| filter.get("must"));
    let must = match must {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    for map in must.iter().filter_map(Value::as_object) {
        let below = map.get("key").and_then(Value::as_str).and_then(plain);
        if let (Some(below), Some(above)) = (below, plain(key)) {
            let path = format!("{above}.{below}");
            let of = |kind: &str| map.get(kind).filter(|value| !value.is_null());
            let except = |value: &&Value| value.get("except").is_none();
            if let Some(value) = of("match").filter(except) {
                parts.push(matching(&path, value, place, || Ok(Filter::All))?);
            }
            if let Some(value) = of("range") {
                parts.push(range(&path, value, place)?);
            }
        }
    }
    parts.retain(|part| !matches!(part, Filter::Payload(_)));
    parts.push(by_payload(json, at)?);
    Ok(one_of_and(parts))
}

/// A condition that columns answer.
fn by_columns(condition: &Value, at: &str) -> ApiResult<Filter> {
    let filter = Filter::from_json(&json!({ "must": [condition] }));
    filter.map_err(|error| refused(at, &error.to_string()))
}

/// A condition for which payloads are read.
fn by_payload(condition: &Value, at: &str) -> ApiResult<Filter> {
    let condition = PayloadCondition::from_json(condition, at);
    let condition = condition.map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Filter::Payload(Box::new(condition)))
}

/// The dotted path of a key that asks for no single element, and whose names need no quotes.
pub(super) fn plain(key: &str) -> Option<String> {
    let path = key.replace("[]", "");
    (!path.contains(['[', ']', '"'])).then_some(path)
}

fn one_of_and(mut parts: Vec<Filter>) -> Filter {
    match (parts.len(), parts.pop()) {
        (1, Some(part)) => part,
        (_, Some(last)) => {
            parts.push(last);
            Filter::And(parts)
        }
        (_, None) => Filter::All,
    }
}

fn key_of<'a>(map: &'a Map<String, Value>, at: &str) -> ApiResult<&'a str> {
    let key = map.get("key").and_then(Value::as_str).filter(|key| !key.is_empty());
    key.ok_or_else(|| refused(&format!("{at}.key"), "a path is expected"))
}

fn object<'a>(value: &'a Value, at: &str) -> ApiResult<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| refused(at, "an object is expected"))
}

fn only(map: &Map<String, Value>, known: &[&str], at: &str) -> ApiResult<()> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(refused(&format!("{at}.{key}"), "this is not supported")),
    }
}
