//! Filters made in Rust: fields and their comparisons, the operators between filters, and what turns into one.

use std::convert::Infallible;
use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Bound, Not};
use std::str::FromStr;

use serde_json::Value;

use super::{Filter, Scalar};
use crate::error::{Error, Result};

/// The values at a dotted payload path, to compare them with others.
///
/// ```
/// use lexivec_query::{Filter, field};
///
/// let recent = field("year").gte(2000) & !field("tag").any_of(["draft", "retracted"]);
/// assert_eq!(recent, Filter::parse("year >= 2000 AND tag NOT IN ('draft', 'retracted')")?);
/// # Ok::<(), lexivec_query::Error>(())
/// ```
pub fn field(path: impl Into<String>) -> Field {
    Field { path: path.into() }
}

/// A dotted payload path that is not compared with anything yet; [`field`] makes it.
#[must_use = "a field is no filter before it is compared, as in `.is(1)`"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    path: String,
}

impl Field {
    /// Rows with this value at the path; [`Scalar::Null`] admits rows without any value there.
    pub fn is(self, value: impl Into<Scalar>) -> Filter {
        Filter::Eq { path: self.path, value: value.into() }
    }

    /// Rows without this value at the path, those without any value included.
    pub fn is_not(self, value: impl Into<Scalar>) -> Filter {
        !self.is(value)
    }

    /// Rows with a value greater than this.
    pub fn gt(self, value: impl Into<Scalar>) -> Filter {
        self.range(Bound::Excluded(value.into()), Bound::Unbounded)
    }

    /// Rows with a value of this or greater.
    pub fn gte(self, value: impl Into<Scalar>) -> Filter {
        self.range(Bound::Included(value.into()), Bound::Unbounded)
    }

    /// Rows with a value less than this.
    pub fn lt(self, value: impl Into<Scalar>) -> Filter {
        self.range(Bound::Unbounded, Bound::Excluded(value.into()))
    }

    /// Rows with a value of this or less.
    pub fn lte(self, value: impl Into<Scalar>) -> Filter {
        self.range(Bound::Unbounded, Bound::Included(value.into()))
    }

    /// Rows with a value between the two, both included.
    pub fn between(self, lower: impl Into<Scalar>, upper: impl Into<Scalar>) -> Filter {
        self.range(Bound::Included(lower.into()), Bound::Included(upper.into()))
    }

    /// Rows with one of these values at the path.
    pub fn any_of<V: Into<Scalar>>(self, values: impl IntoIterator<Item = V>) -> Filter {
        Filter::In { path: self.path, values: values.into_iter().map(Into::into).collect() }
    }

    /// Rows with a string at the path that has this as a part; upper and lower case differ.
    pub fn contains(self, part: impl Into<String>) -> Filter {
        Filter::Contains { path: self.path, part: part.into() }
    }

    /// Rows with any value at the path.
    pub fn exists(self) -> Filter {
        self.is_not(Scalar::Null)
    }

    /// Rows without a value at the path.
    pub fn missing(self) -> Filter {
        self.is(Scalar::Null)
    }

    /// Rows of which this indexed text has all the words. The path is the name of a text field here.
    pub fn matches(self, words: impl Into<String>) -> Filter {
        Filter::Text { field: Some(self.path), words: words.into() }
    }

    fn range(self, lower: Bound<Scalar>, upper: Bound<Scalar>) -> Filter {
        Filter::Range { path: self.path, lower, upper }
    }
}

impl Filter {
    /// Rows with one of these ids.
    pub fn ids<S: Into<String>>(ids: impl IntoIterator<Item = S>) -> Self {
        Self::Ids(ids.into_iter().map(Into::into).collect())
    }

    /// Rows that both admit; the same as `self & other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, filter) | (filter, Self::All) => filter,
            (Self::And(mut parts), Self::And(others)) => {
                parts.extend(others);
                Self::And(parts)
            }
            (Self::And(mut parts), other) => {
                parts.push(other);
                Self::And(parts)
            }
            (one, other) => Self::And(vec![one, other]),
        }
    }

    /// Rows that one of the two admits; the same as `self | other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Or(mut parts), Self::Or(others)) => {
                parts.extend(others);
                Self::Or(parts)
            }
            (Self::Or(mut parts), other) => {
                parts.push(other);
                Self::Or(parts)
            }
            (one, other) => Self::Or(vec![one, other]),
        }
    }
}

impl BitAnd for Filter {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.and(other)
    }
}

impl BitAndAssign for Filter {
    fn bitand_assign(&mut self, other: Self) {
        *self = std::mem::take(self) & other;
    }
}

impl BitOrAssign for Filter {
    fn bitor_assign(&mut self, other: Self) {
        *self = std::mem::take(self) | other;
    }
}

impl BitOr for Filter {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            // An unreadable filter stays what it is: its negation must not admit every row.
            Self::Invalid(error) => Self::Invalid(error),
            filter => Self::Not(Box::new(filter)),
        }
    }
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for Filter {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Filter {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl TryFrom<&String> for Filter {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<Value> for Filter {
    type Error = Error;

    fn try_from(json: Value) -> Result<Self> {
        Self::from_json(&json)
    }
}

impl TryFrom<&Value> for Filter {
    type Error = Error;

    fn try_from(json: &Value) -> Result<Self> {
        Self::from_json(json)
    }
}

impl From<&Filter> for Filter {
    fn from(filter: &Filter) -> Self {
        filter.clone()
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<&String> for Scalar {
    fn from(text: &String) -> Self {
        Self::Str(text.clone())
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<f32> for Scalar {
    fn from(value: f32) -> Self {
        Self::Float(f64::from(value))
    }
}

/// Integers that an `i64` always holds.
macro_rules! from_small {
    ($($int:ty),*) => {$(
        impl From<$int> for Scalar {
            fn from(value: $int) -> Self {
                Self::Int(i64::from(value))
            }
        }
    )*};
}

from_small!(i8, i16, i32, i64, u8, u16, u32);

impl From<u64> for Scalar {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::UInt(value), Self::Int)
    }
}

impl From<usize> for Scalar {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

impl From<isize> for Scalar {
    fn from(value: isize) -> Self {
        Self::Int(value as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Filter {
        Filter::parse(text).expect("a filter")
    }

    #[test]
    fn built_filters_are_those_of_the_text_notation() {
        let year = || field("year");
        for (built, text) in [
            (year().is(2000), "year = 2000"),
            (year().is_not("x"), "year != 'x'"),
            (year().gt(1.5), "year > 1.5"),
            (year().gte(u64::MAX), "year >= 18446744073709551615"),
            (year().lt(7u8), "year < 7"),
            (year().lte("2020-01-01"), "year <= '2020-01-01'"),
            (year().between(1, 5), "year BETWEEN 1 AND 5"),
            (year().any_of([1, 2]), "year IN (1, 2)"),
            (!year().any_of(["a"]), "year NOT IN ('a')"),
            (field("a.b").contains("x"), "a.b CONTAINS 'x'"),
            (year().exists(), "year IS NOT NULL"),
            (year().missing(), "year IS NULL"),
            (field("title").matches("wing"), "title MATCH 'wing'"),
            (Filter::ids(["a", "b"]), "HAS_ID('a', 'b')"),
            (year().is(1) & year().is(2) & year().is(3), "year = 1 AND year = 2 AND year = 3"),
            (year().is(1) | year().is(2) & year().is(3), "year = 1 OR year = 2 AND year = 3"),
            (Filter::All & year().is(true), "year"),
        ] {
            assert_eq!(built, parsed(text), "{text}");
        }
    }

    #[test]
    fn unordered_bounds_and_numbers_that_are_none_are_refused() {
        for filter in [
            field("a").is(f64::NAN),
            field("a").any_of([1.0, f64::INFINITY]),
            field("a").lt(f64::NEG_INFINITY),
            field("a").gte(Scalar::Null),
        ] {
            assert!(filter.check().is_err(), "{filter:?}");
        }
    }

    #[test]
    fn an_unreadable_filter_admits_nothing_and_says_why() {
        let error = Filter::parse("year >").expect_err("half a filter");
        let invalid = Filter::Invalid(Box::new(error.clone()));
        for filter in [
            invalid.clone(),
            !invalid.clone(),
            invalid.clone() & field("a").is(1),
            Filter::All & !invalid.clone(),
        ] {
            assert_eq!(filter.check(), Err(error.clone()));
            assert!(!filter.matches(&serde_json::json!({"a": 1})));
            assert!(Filter::parse(&filter.to_text()).is_err());
        }
    }
}
