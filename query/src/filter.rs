//! The filter tree: a predicate over rows.
//!
#![doc = include_str!("../../docs/filters.md")]

mod build;
mod payload;

use std::cmp::Ordering;
use std::ops::Bound;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use build::{Field, field};
pub use payload::PayloadCondition;

use crate::error::Error;
use crate::timestamp::Timestamp;
use crate::value::{compare, scalars_at};

/// A predicate over rows. Over several values at a path, one that fits is enough.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub enum Filter {
    /// Every row.
    #[default]
    All,
    /// Rows that all of these admit.
    And(Vec<Filter>),
    /// Rows that one of these admits.
    Or(Vec<Filter>),
    /// Rows that this one does not admit.
    Not(Box<Filter>),
    /// Rows that at least `count` of the parts admit.
    AtLeast {
        /// Least number of parts.
        count: usize,
        /// Of which.
        parts: Vec<Filter>,
    },
    /// Rows with this value at the path.
    Eq {
        /// Dotted path.
        path: String,
        /// The value; null admits rows without any value there.
        value: Scalar,
    },
    /// Rows with one of these values at the path.
    In {
        /// Dotted path.
        path: String,
        /// The values.
        values: Vec<Scalar>,
    },
    /// Rows with a value between the bounds, of the bounds' own kind.
    Range {
        /// Dotted path.
        path: String,
        /// Lower bound.
        lower: Bound<Scalar>,
        /// Upper bound.
        upper: Bound<Scalar>,
    },
    /// Rows with a string at the path that has this as a part, byte for byte.
    Contains {
        /// Dotted path.
        path: String,
        /// The part.
        part: String,
    },
    /// Rows of which one indexed text has all the words, as analysis gives them; none at all if
    /// analysis leaves no word (of stop words, say).
    Text {
        /// The text field; any one if not named.
        field: Option<String>,
        /// The words.
        words: String,
    },
    /// Rows with one of these ids.
    Ids(Vec<String>),
    /// Rows whose payload satisfies a condition that columns cannot answer: the payload of every row that the other
    /// clauses leave is read.
    Payload(Box<PayloadCondition>),
    /// No row: the filter could not be read. [`SearchRequest::filter`](crate::SearchRequest::filter)
    /// keeps the error here, and every use of the filter returns it.
    Invalid(Box<Error>),
}

/// A value to compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above `i64::MAX`.
    UInt(u64),
    /// A finite float.
    Float(f64),
    /// A string.
    Str(String),
}

impl Scalar {
    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::from(*b),
            Self::Int(i) => Value::from(*i),
            Self::UInt(u) => Value::from(*u),
            Self::Float(f) => Value::from(*f),
            Self::Str(s) => Value::from(s.as_str()),
        }
    }
}

/// A row as a filter asks for it. A payload by itself is one, without texts and without an id.
pub trait Row {
    /// Its payload.
    fn payload(&self) -> &Value;

    /// True if one of its indexed texts, or the one of this field, has all the words.
    fn has_words(&self, field: Option<&str>, words: &str) -> bool {
        let _ = (field, words);
        false
    }

    /// Its id.
    fn id(&self) -> Option<&str> {
        None
    }
}

/// Writes a filter to JSON as one string of the SQL-like notation; every notation can be read back.
impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        Self::from_json(&json).map_err(serde::de::Error::custom)
    }
}

impl Row for Value {
    fn payload(&self) -> &Value {
        self
    }
}

impl Filter {
    /// True for a row that the filter admits. This is the meaning of the filter; faster ways to
    /// evaluate it must agree.
    pub fn matches(&self, row: &impl Row) -> bool {
        let values = |path| scalars_at(row.payload(), path);
        match self {
            Self::All => true,
            Self::And(parts) => parts.iter().all(|p| p.matches(row)),
            Self::Or(parts) => parts.iter().any(|p| p.matches(row)),
            Self::Not(part) => !part.matches(row),
            Self::AtLeast { count, parts } => {
                parts.iter().filter(|p| p.matches(row)).count() >= *count
            }
            Self::Eq { path, value } => equals_one(&values(path), std::slice::from_ref(value)),
            Self::In { path, values: wanted } => equals_one(&values(path), wanted),
            Self::Range { path, lower, upper } => {
                values(path).into_iter().any(|value| between(value, lower, upper))
            }
            Self::Contains { path, part } => {
                values(path).iter().any(|value| value.as_str().is_some_and(|s| s.contains(part)))
            }
            Self::Text { field, words } => row.has_words(field.as_deref(), words),
            Self::Ids(ids) => row.id().is_some_and(|id| ids.iter().any(|wanted| wanted == id)),
            Self::Payload(condition) => condition.matches(row.payload()),
            Self::Invalid(_) => false,
        }
    }
}

fn equals_one(found: &[&Value], values: &[Scalar]) -> bool {
    values.iter().any(|wanted| match wanted {
        Scalar::Null => found.is_empty(),
        wanted => {
            let wanted = wanted.to_json();
            found.iter().any(|v| compare(v, &wanted) == Some(Ordering::Equal))
        }
    })
}

/// True for a value between two bounds.
pub fn between(value: &Value, lower: &Bound<Scalar>, upper: &Bound<Scalar>) -> bool {
    (match lower {
        Bound::Unbounded => true,
        Bound::Included(b) => compare_with_bound(value, b).is_some_and(Ordering::is_ge),
        Bound::Excluded(b) => compare_with_bound(value, b).is_some_and(Ordering::is_gt),
    }) && (match upper {
        Bound::Unbounded => true,
        Bound::Included(b) => compare_with_bound(value, b).is_some_and(Ordering::is_le),
        Bound::Excluded(b) => compare_with_bound(value, b).is_some_and(Ordering::is_lt),
    })
}

/// True for a value of the bounds' kind, which therefore may be between them.
pub fn comparable(value: &Value, lower: &Bound<Scalar>, upper: &Bound<Scalar>) -> bool {
    [lower, upper].into_iter().all(|bound| match bound {
        Bound::Unbounded => true,
        Bound::Included(b) | Bound::Excluded(b) => compare_with_bound(value, b).is_some(),
    })
}

/// Orders a value against a bound: in time where the bound is a moment.
fn compare_with_bound(value: &Value, bound: &Scalar) -> Option<Ordering> {
    if let (Value::String(value), Scalar::Str(bound)) = (value, bound)
        && let Some(bound) = Timestamp::parse(bound)
    {
        return Some(Timestamp::parse(value)?.cmp(&bound));
    }
    compare(value, &bound.to_json())
}
