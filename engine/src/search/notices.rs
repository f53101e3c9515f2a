//! Notices of an answer for which the filter admits no row.

use std::ops::Bound;

use lexivec_query::field;
use lexivec_query::filter::{Filter, Scalar};
use lexivec_query::timestamp::Timestamp;

use super::Searcher;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::rows::RowSet;

impl Searcher {
    /// The ranges of a filter that no row can be in, as all values at their paths are of another kind: a number is not
    /// between dates, nor is a string that cannot be read as a date. Only rows of the scope count, and no value is
    /// shown.
    pub(super) fn unlike_bounds(&self, filter: &Filter, time: Deadline) -> Result<Vec<String>> {
        let any = |filter: &Filter| -> Result<bool> {
            Ok(RowSet::total(&self.matching(filter, time)?) > 0)
        };
        let mut notices = Vec::new();
        for (path, lower, upper) in ranges(filter) {
            let like =
                Filter::And([lower, upper].into_iter().filter_map(|b| like(path, b)).collect());
            if any(&like)? || !any(&field(path).exists())? {
                continue;
            }
            let kind = kind_of(lower).or(kind_of(upper)).unwrap_or("value of another kind");
            let notice =
                format!("the filter compares {path:?} with a {kind}, and no value there is one");
            if !notices.contains(&notice) {
                notices.push(notice);
            }
        }
        Ok(notices)
    }
}

/// The rows with a value at a path that can be compared with a bound.
fn like(path: &str, bound: &Bound<Scalar>) -> Option<Filter> {
    let (Bound::Included(value) | Bound::Excluded(value)) = bound else { return None };
    Some(field(path).gte(value.clone()) | field(path).lte(value.clone()))
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
