//! The filter tree: a predicate over rows.
//!
//! # What a clause admits
//!
//! A path leads to *values*: the numbers, strings and booleans found there, arrays flattened at every
//! level. `{"a": [{"b": 1}, {"b": [2, "x"]}]}` has the values 1, 2 and "x" at `a.b`. Null, an empty array
//! and an object are no values, so a row with `null` at a path is a row that lacks the path. **Over
//! several values one that fits is enough**, for every clause; its negation asks that none fits.
//!
//! | clause | nothing there, or null | value of another kind | several values (array) | object there |
//! |---|---|---|---|---|
//! | `$eq v` | no | no: `"1"` is not 1, `true` is not 1; 1 is 1.0 | one is equal | as nothing |
//! | `$eq null` | yes | no | no; of an empty array, yes | yes |
//! | `$ne`, `$nin`, `$not` | the complement: yes | yes | none is equal | yes |
//! | `$in [..]` | if null is listed | no | one is equal to one listed | as nothing |
//! | `$gt $gte $lt $lte` | no | no | one fits; two bounds may be met by two values | as nothing |
//! | `$exists true` | no; `false`: yes | yes | yes; of an empty array, no | no |
//! | `$contains "s"` | no | no | one has it as a part, as does one that is equal | as nothing |
//! | `$contains v`, no string | no | no | one is equal | as nothing |
//! | `$text "words"` | does not look at the payload: all words are in one indexed text, as analysis gives them | | | |
//!
//! **Order.** Numbers by value, exactly, integers and floats together; strings by their bytes; false
//! before true. A bound of another kind than the value admits nothing. **Dates** are strings: where
//! a bound reads as a moment (RFC 3339 and the shorter forms of [`Instant::parse`]), it is compared in
//! time with the stored strings that read as moments, whatever their offsets; no other string fits.
//! `$eq` and `$in` compare strings as they are.
//!
//! **Refused**, not guessed: arrays and objects as operands (but of `$in` and `$nin`), order against null,
//! an operator that is not known, two bounds on one side.
//!
//! There are three notations of this tree, see [`parse`](crate::parse).

use std::cmp::Ordering;
use std::ops::Bound;

use serde_json::Value;

use crate::instant::Instant;
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
    /// Rows that so many of these admit.
    AtLeast {
        /// How many at the least.
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
    /// The same value as JSON.
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

/// Orders a value against a bound: in time where the bound is a moment.
fn compare_with_bound(value: &Value, bound: &Scalar) -> Option<Ordering> {
    if let (Value::String(value), Scalar::Str(bound)) = (value, bound)
        && let Some(bound) = Instant::parse(bound)
    {
        return Some(Instant::parse(value)?.cmp(&bound));
    }
    compare(value, &bound.to_json())
}
