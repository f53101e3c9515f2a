//! The filter tree: a predicate over payloads.

use std::cmp::Ordering;
use std::fmt::Write;
use std::ops::Bound;

use serde_json::Value;

use crate::value::{compare, scalars_at};

/// A predicate over a row's payload. Over several values at a path, one that fits is enough.
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

impl Filter {
    /// True for a payload that the filter admits. This is the meaning of the filter; faster ways
    /// to evaluate it must agree.
    pub fn matches(&self, payload: &Value) -> bool {
        match self {
            Self::All => true,
            Self::And(parts) => parts.iter().all(|p| p.matches(payload)),
            Self::Or(parts) => parts.iter().any(|p| p.matches(payload)),
            Self::Not(part) => !part.matches(payload),
            Self::Eq { path, value } => equals_one(payload, path, std::slice::from_ref(value)),
            Self::In { path, values } => equals_one(payload, path, values),
            Self::Range { path, lower, upper } => {
                scalars_at(payload, path).into_iter().any(|v| above(v, lower) && below(v, upper))
            }
        }
    }

    /// The filter in one readable line.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        let mut list = |parts: &[Self], word: &str| {
            out.push('(');
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    out.push_str(word);
                }
                part.write(out);
            }
            out.push(')');
        };
        match self {
            Self::All => out.push_str("all"),
            Self::And(parts) => list(parts, " and "),
            Self::Or(parts) => list(parts, " or "),
            Self::Not(part) => {
                out.push_str("not (");
                part.write(out);
                out.push(')');
            }
            // Writing to a string does not fail.
            Self::Eq { path, value } => {
                let _ = write!(out, "{path} = {}", value.to_json());
            }
            Self::In { path, values } => {
                let values: Vec<String> = values.iter().map(|v| v.to_json().to_string()).collect();
                let _ = write!(out, "{path} in ({})", values.join(", "));
            }
            Self::Range { path, lower, upper } => {
                let parts: Vec<String> = [bound(lower, ">", ">="), bound(upper, "<", "<=")]
                    .into_iter()
                    .flatten()
                    .map(|part| format!("{path} {part}"))
                    .collect();
                out.push_str(&parts.join(" and "));
            }
        }
    }
}

fn bound(bound: &Bound<Scalar>, strict: &str, loose: &str) -> Option<String> {
    match bound {
        Bound::Unbounded => None,
        Bound::Excluded(v) => Some(format!("{strict} {}", v.to_json())),
        Bound::Included(v) => Some(format!("{loose} {}", v.to_json())),
    }
}

fn equals_one(payload: &Value, path: &str, values: &[Scalar]) -> bool {
    let found = scalars_at(payload, path);
    values.iter().any(|wanted| match wanted {
        Scalar::Null => found.is_empty(),
        wanted => {
            let wanted = wanted.to_json();
            found.iter().any(|v| compare(v, &wanted) == Some(Ordering::Equal))
        }
    })
}

fn above(value: &Value, lower: &Bound<Scalar>) -> bool {
    match lower {
        Bound::Unbounded => true,
        Bound::Included(b) => compare(value, &b.to_json()).is_some_and(Ordering::is_ge),
        Bound::Excluded(b) => compare(value, &b.to_json()).is_some_and(Ordering::is_gt),
    }
}

fn below(value: &Value, upper: &Bound<Scalar>) -> bool {
    match upper {
        Bound::Unbounded => true,
        Bound::Included(b) => compare(value, &b.to_json()).is_some_and(Ordering::is_le),
        Bound::Excluded(b) => compare(value, &b.to_json()).is_some_and(Ordering::is_lt),
    }
}
