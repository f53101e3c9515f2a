//! Filters read: three notations of one tree, and the limits of all of them.
//!
//! [`filter`](crate::filter) says what they are.

mod json;
mod qdrant;
mod sql;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use std::ops::Bound;

use serde_json::{Map, Value};

use crate::error::{Error, Result, within};
use crate::filter::{Filter, Scalar};
use crate::limits::{
    MAX_FILTER_BYTES, MAX_FILTER_DEPTH, MAX_FILTER_NODES, MAX_IN_VALUES, MAX_PATH_BYTES,
    MAX_QUERY_BYTES, MAX_TREE_DEPTH,
};

/// Members that make an object one of Qdrant's notation.
const QDRANT_CLAUSES: [&str; 4] = ["must", "should", "must_not", "min_should"];
/// Detail of a refused comparison.
const NULL_HAS_NO_ORDER: &str = "null has no order; give a number or a string";

impl Filter {
    /// Reads JSON: an object in our notation or in Qdrant's, or a string in the SQL-like one.
    ///
    /// # Errors
    /// Names the place in the filter and what is wrong there.
    pub fn from_json(json: &Value) -> Result<Self> {
        let mut parser = Parser { nodes: 0 };
        let filter = match json {
            Value::Null => Self::All,
            Value::Object(map) => parser.object(map, "filter", 0)?,
            Value::String(text) => parser.sql(text)?,
            _ => {
                let detail = "an object, or a string like \"year >= 2020\", is expected";
                return Err(Error::invalid("filter", detail));
            }
        };
        filter.check()?;
        Ok(filter)
    }

    /// Reads text: JSON if it begins with a brace, the SQL-like notation otherwise.
    ///
    /// # Errors
    /// Names the place in the filter and what is wrong there.
    pub fn parse(text: &str) -> Result<Self> {
        // A text out of a file may begin with a mark of byte order.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if !text.trim_start().starts_with('{') {
            let filter = Parser { nodes: 0 }.sql(text)?;
            filter.check()?;
            return Ok(filter);
        }
        within("bytes of the filter", text.len(), MAX_FILTER_BYTES)?;
        let json = serde_json::from_str(text)
            .map_err(|e| Error::invalid("filter", format!("it is not JSON: {e}")))?;
        Self::from_json(&json)
    }

    /// Checks a filter, however it was made, against the limits of filters.
    pub fn check(&self) -> Result<()> {
        let mut left = vec![(self, 1)];
        let (mut nodes, mut values, mut bytes) = (0, 0, 0);
        let edge = |bound: &Bound<Scalar>, path: &str| match bound {
            Bound::Included(Scalar::Null) | Bound::Excluded(Scalar::Null) => {
                Err(Error::invalid(format!("filter.{path}"), NULL_HAS_NO_ORDER))
            }
            Bound::Included(scalar) | Bound::Excluded(scalar) => length(scalar, path),
            Bound::Unbounded => Ok(0),
        };
        while let Some((filter, depth)) = left.pop() {
            nodes += 1;
            within("nesting of the filter", depth, MAX_TREE_DEPTH)?;
            within("clauses of the filter", nodes, MAX_FILTER_NODES)?;
            match filter {
                Self::All => {}
                Self::And(parts) | Self::Or(parts) | Self::AtLeast { parts, .. } => {
                    left.extend(parts.iter().map(|p| (p, depth + 1)));
                }
                Self::Not(part) => left.push((part, depth + 1)),
                Self::Eq { path, value } => {
                    within("bytes of a path", path.len(), MAX_PATH_BYTES)?;
                    bytes += length(value, path)?;
                }
                Self::Range { path, lower, upper } => {
                    within("bytes of a path", path.len(), MAX_PATH_BYTES)?;
                    bytes += edge(lower, path)? + edge(upper, path)?;
                }
                Self::Contains { path, part } => {
                    within("bytes of a path", path.len(), MAX_PATH_BYTES)?;
                    bytes += part.len();
                }
                Self::In { path, values: some } => {
                    within("bytes of a path", path.len(), MAX_PATH_BYTES)?;
                    values += some.len();
                    for value in some {
                        bytes += length(value, path)?;
                    }
                }
                Self::Ids(ids) => {
                    values += ids.len();
                    bytes += ids.iter().map(String::len).sum::<usize>();
                }
                Self::Text { words, .. } => {
                    within("bytes of the words of $text", words.len(), MAX_QUERY_BYTES)?;
                }
                Self::Payload(condition) => {
                    nodes += condition.nodes;
                    bytes += condition.json().to_string().len();
                }
                Self::Invalid(error) => return Err(error.as_ref().clone()),
            }
            within("values of all $in", values, MAX_IN_VALUES)?;
            within("bytes of the filter's strings", bytes, MAX_FILTER_BYTES)?;
        }
        Ok(())
    }
}

/// State shared by the parsers of all notations.
struct Parser {
    nodes: usize,
}

impl Parser {
    /// An object in our notation or in Qdrant's.
    fn object(&mut self, map: &Map<String, Value>, at: &str, depth: usize) -> Result<Filter> {
        self.enter(depth)?;
        match is_qdrant(map) {
            true => self.qdrant(map, at, depth),
            false => self.paths(map, at, depth),
        }
    }

    fn enter(&mut self, depth: usize) -> Result<()> {
        self.node()?;
        within("nesting of the filter", depth, MAX_FILTER_DEPTH)
    }

    fn node(&mut self) -> Result<()> {
        self.nodes += 1;
        within("clauses of the filter", self.nodes, MAX_FILTER_NODES)
    }
}

/// True for an object in Qdrant's notation. In ours a key's value is no array, and an object only of
/// operators: so a payload's own `must` can still be asked for.
fn is_qdrant(map: &Map<String, Value>) -> bool {
    QDRANT_CLAUSES.iter().filter_map(|clause| map.get(*clause)).any(|value| match value {
        Value::Array(_) => true,
        Value::Object(inner) => !inner.is_empty() && !inner.keys().any(|k| k.starts_with('$')),
        _ => false,
    })
}

fn all_of(mut parts: Vec<Filter>) -> Filter {
    match parts.len() {
        0 => Filter::All,
        1 => parts.swap_remove(0),
        _ => Filter::And(parts),
    }
}

fn one_of(mut parts: Vec<Filter>) -> Filter {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => Filter::Or(parts),
    }
}

fn not(part: Filter) -> Filter {
    Filter::Not(Box::new(part))
}

/// Rows with, or without, a value at the path.
fn exists(path: String, wanted: bool) -> Filter {
    let nothing = Filter::Eq { path, value: Scalar::Null };
    if wanted { not(nothing) } else { nothing }
}

/// Part of a string, or an element: strings that have a string, values equal to anything else.
fn contains(path: String, value: Scalar, at: &str) -> Result<Filter> {
    Ok(match value {
        Scalar::Str(part) => Filter::Contains { path, part },
        Scalar::Null => {
            let detail = "null is no part of anything; ask whether a value exists";
            return Err(Error::invalid(at, detail));
        }
        value => Filter::Eq { path, value },
    })
}

fn values(value: &Value, at: &str) -> Result<Vec<Scalar>> {
    let Value::Array(items) = value else {
        return Err(Error::invalid(at, "an array of values is expected"));
    };
    within(&format!("values of {at}"), items.len(), MAX_IN_VALUES)?;
    items.iter().enumerate().map(|(i, v)| scalar(v, &format!("{at}[{i}]"))).collect()
}

/// A list of ids. Integers are their digits, as they are where documents are taken in.
fn ids(value: &Value, at: &str) -> Result<Vec<String>> {
    let Value::Array(items) = value else {
        return Err(Error::invalid(at, "an array of ids is expected"));
    };
    within(&format!("values of {at}"), items.len(), MAX_IN_VALUES)?;
    let id = |(i, item): (usize, &Value)| match item {
        Value::String(id) => Ok(id.clone()),
        Value::Number(n) if !n.is_f64() => Ok(n.to_string()),
        _ => Err(Error::invalid(format!("{at}[{i}]"), "a string or an integer is expected")),
    };
    items.iter().enumerate().map(id).collect()
}

/// Bytes of a value that counts against [`MAX_FILTER_BYTES`]; refuses a float that no payload holds.
fn length(scalar: &Scalar, path: &str) -> Result<usize> {
    match scalar {
        Scalar::Str(text) => Ok(text.len()),
        Scalar::Float(x) if !x.is_finite() => Err(Error::invalid(
            format!("filter.{path}"),
            format!("{x} is not a number we can hold"),
        )),
        _ => Ok(0),
    }
}

/// A value that has an order: a number, string or boolean.
fn ordered(scalar: Scalar, at: &str) -> Result<Scalar> {
    match scalar {
        Scalar::Null => Err(Error::invalid(at, NULL_HAS_NO_ORDER)),
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
