//! Filters read: three notations of one tree, and the limits of all of them.
//!
//! [`filter`](crate::filter) says what they are.

mod json;
mod qdrant;
mod sql;
#[cfg(test)]
mod tests;
mod write;

use std::ops::Bound;

use serde_json::Value;

use crate::error::{Error, Result, within};
use crate::filter::{Filter, Scalar};
use crate::request::MAX_QUERY_BYTES;

/// Clauses of a filter; each costs an evaluation.
pub const MAX_FILTER_NODES: usize = 1_024;
/// Nesting of a filter; the parser and the evaluators recurse.
pub const MAX_FILTER_DEPTH: usize = 32;
/// Bytes of a path; the longest that payload columns are kept under.
pub const MAX_PATH_BYTES: usize = 1_024;
/// Values of all `$in`, and ids, of a filter.
pub const MAX_IN_VALUES: usize = 10_000;
/// Bytes of a filter as text: as many values as there may be, of a hundred bytes each.
pub const MAX_FILTER_BYTES: usize = 1 << 20;
/// Nesting of a tree. The notations nest a path's operators one level below the path.
const MAX_TREE_DEPTH: usize = MAX_FILTER_DEPTH + 2;

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
    pub(crate) fn check(&self) -> Result<()> {
        let mut left = vec![(self, 1)];
        let (mut nodes, mut values, mut bytes) = (0, 0, 0);
        let length = |scalar: &Scalar| if let Scalar::Str(text) = scalar { text.len() } else { 0 };
        let edge = |bound: &Bound<Scalar>| match bound {
            Bound::Included(scalar) | Bound::Excluded(scalar) => length(scalar),
            Bound::Unbounded => 0,
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
                    bytes += length(value);
                }
                Self::Range { path, lower, upper } => {
                    within("bytes of a path", path.len(), MAX_PATH_BYTES)?;
                    bytes += edge(lower) + edge(upper);
                }
                Self::Contains { path, part } => {
                    within("bytes of a path", path.len(), MAX_PATH_BYTES)?;
                    bytes += part.len();
                }
                Self::In { path, values: some } => {
                    within("bytes of a path", path.len(), MAX_PATH_BYTES)?;
                    values += some.len();
                    bytes += some.iter().map(length).sum::<usize>();
                }
                Self::Ids(ids) => {
                    values += ids.len();
                    bytes += ids.iter().map(String::len).sum::<usize>();
                }
                Self::Text { words, .. } => {
                    within("bytes of the words of $text", words.len(), MAX_QUERY_BYTES)?;
                }
            }
            within("values of all $in", values, MAX_IN_VALUES)?;
            within("bytes of the filter's strings", bytes, MAX_FILTER_BYTES)?;
        }
        Ok(())
    }
}

/// What the notations share while one is read.
struct Parser {
    nodes: usize,
}

impl Parser {
    fn enter(&mut self, depth: usize) -> Result<()> {
        self.node()?;
        within("nesting of the filter", depth, MAX_FILTER_DEPTH)
    }

    fn node(&mut self) -> Result<()> {
        self.nodes += 1;
        within("clauses of the filter", self.nodes, MAX_FILTER_NODES)
    }
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

/// A value that has an order: a number, string or boolean.
fn ordered(scalar: Scalar, at: &str) -> Result<Scalar> {
    match scalar {
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
