//! Filters written in the SQL-like notation, so that reading gives the same filter.

use std::ops::Bound;

use super::sql::is_plain;
use crate::filter::{Filter, Scalar};

impl Filter {
    /// The filter in one line of the SQL-like notation.
    pub fn to_text(&self) -> String {
        match self {
            Self::All => "TRUE".to_owned(),
            Self::And(parts) if parts.is_empty() => "TRUE".to_owned(),
            Self::Or(parts) if parts.is_empty() => "FALSE".to_owned(),
            Self::And(parts) => list(parts, " AND ", Self::to_part),
            Self::Or(parts) => list(parts, " OR ", Self::to_part),
            Self::Not(part) => match part.as_ref() {
                Self::Eq { path, value: Scalar::Null } => format!("{} IS NOT NULL", name(path)),
                Self::Eq { path, value } => format!("{} != {}", name(path), literal(value)),
                Self::In { path, values } => {
                    format!("{} NOT IN ({})", name(path), list(values, ", ", literal))
                }
                part => format!("NOT {}", part.to_part()),
            },
            Self::AtLeast { count, parts } => {
                let parts: String = parts.iter().map(|p| format!(", {}", p.to_text())).collect();
                format!("AT_LEAST({count}{parts})")
            }
            Self::Eq { path, value: Scalar::Null } => format!("{} IS NULL", name(path)),
            Self::Eq { path, value } => format!("{} = {}", name(path), literal(value)),
            Self::In { path, values } => {
                format!("{} IN ({})", name(path), list(values, ", ", literal))
            }
            Self::Range { path, lower, upper } => range(&name(path), lower, upper),
            Self::Contains { path, part } => {
                format!("{} CONTAINS {}", name(path), quoted(part, '\''))
            }
            Self::Text { field: None, words } => format!("MATCH({})", quoted(words, '\'')),
            Self::Text { field: Some(field), words } => {
                format!("{} MATCH {}", name(field), quoted(words, '\''))
            }
            Self::Ids(ids) => format!("HAS_ID({})", list(ids, ", ", |id| quoted(id, '\''))),
            Self::Payload(condition) => {
                format!("QDRANT({})", quoted(&condition.json().to_string(), '\''))
            }
            // No reader takes this: an unreadable filter cannot become a readable one by way of text.
            Self::Invalid(error) => format!("INVALID({})", quoted(&error.to_string(), '\'')),
        }
    }

    /// The filter's text, in brackets if it could be misread among other parts.
    fn to_part(&self) -> String {
        match self {
            Self::And(parts) | Self::Or(parts) if !parts.is_empty() => {
                format!("({})", self.to_text())
            }
            _ => self.to_text(),
        }
    }
}

fn list<T>(parts: &[T], between: &str, write: impl Fn(&T) -> String) -> String {
    parts.iter().map(write).collect::<Vec<_>>().join(between)
}

fn range(path: &str, lower: &Bound<Scalar>, upper: &Bound<Scalar>) -> String {
    let edge = |bound: &Bound<Scalar>, strict: &str, loose: &str| match bound {
        Bound::Unbounded => String::new(),
        Bound::Excluded(value) => format!("{strict}{}", literal(value)),
        Bound::Included(value) => format!("{loose}{}", literal(value)),
    };
    match (lower, upper) {
        // Between no bounds is every value.
        (Bound::Unbounded, Bound::Unbounded) => format!("{path} IS NOT NULL"),
        (lower, Bound::Unbounded) => format!("{path} {}", edge(lower, "> ", ">= ")),
        (Bound::Unbounded, upper) => format!("{path} {}", edge(upper, "< ", "<= ")),
        (lower, upper) => {
            format!("{path} BETWEEN {} AND {}", edge(lower, "> ", ""), edge(upper, "< ", ""))
        }
    }
}

fn name(path: &str) -> String {
    if is_plain(path) { path.to_owned() } else { quoted(path, '"') }
}

fn literal(value: &Scalar) -> String {
    match value {
        Scalar::Str(text) => quoted(text, '\''),
        value => value.to_json().to_string(),
    }
}

fn quoted(text: &str, quote: char) -> String {
    let doubled = text.replace(quote, &format!("{quote}{quote}"));
    format!("{quote}{doubled}{quote}")
}
