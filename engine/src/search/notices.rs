//! Notices of an answer for which the filter admits no row.

use std::ops::Bound;

use lexivec_query::filter::{Filter, Scalar, comparable};
use lexivec_query::timestamp::Timestamp;
use serde_json::Value;

use super::Searcher;
use crate::error::Result;

/// Most characters of a value that a notice shows.
const SHOWN_CHARS: usize = 60;

impl Searcher {
    /// The ranges of a filter that no row can be in, as all values at their paths are of another kind: a number is not
    /// between dates, nor is a string that cannot be read as a date.
    pub(super) fn unlike_bounds(&self, filter: &Filter) -> Result<Vec<String>> {
        let mut notices = Vec::new();
        for (path, lower, upper) in ranges(filter) {
            let like = |value: &Value| comparable(value, lower, upper);
            let mut other = None;
            for live in &self.generation.segments {
                match live.sample(&self.schema, path, &like)? {
                    Some(value) if like(&value) => {
                        other = None;
                        break;
                    }
                    value => other = other.or(value),
                }
            }
            let Some(other) = other else { continue };
            let shown: String = other.to_string().chars().take(SHOWN_CHARS).collect();
            let kind = kind_of(lower).or(kind_of(upper)).unwrap_or("value of another kind");
            let notice = format!(
                "the filter compares {path:?} with a {kind}, and no value there is one, for instance {shown}"
            );
            if !notices.contains(&notice) {
                notices.push(notice);
            }
        }
        Ok(notices)
    }
}

/// The ranges in a filter.
fn ranges(filter: &Filter) -> Vec<(&str, &Bound<Scalar>, &Bound<Scalar>)> {
    match filter {
        Filter::And(parts) | Filter::Or(parts) | Filter::AtLeast { parts, .. } => {
            parts.iter().flat_map(ranges).collect()
        }
        Filter::Range { path, lower, upper } => vec![(path, lower, upper)],
        _ => Vec::new(),
    }
}

/// The kind of values that a bound is compared with.
fn kind_of(bound: &Bound<Scalar>) -> Option<&'static str> {
    match bound {
        Bound::Unbounded => None,
        Bound::Included(value) | Bound::Excluded(value) => Some(match value {
            Scalar::Str(text) if Timestamp::parse(text).is_some() => "date",
            Scalar::Str(_) => "string",
            Scalar::Bool(_) => "truth value",
            _ => "number",
        }),
    }
}
