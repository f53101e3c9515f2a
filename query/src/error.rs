//! The faults of a question; always the caller's to mend.

/// Result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The reason why a request, a filter or a file of judgments is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A part is not valid.
    #[error("{at}: {detail}")]
    Invalid {
        /// Path into the request, or line of a file.
        at: String,
        /// The fault, and what is expected.
        detail: String,
    },
    /// A field the collection does not have.
    #[error("{at}: the collection has no {kind} field {name:?}; it has {known:?}")]
    UnknownField {
        /// Path to the name.
        at: String,
        /// Text or vector.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A query vector of the wrong length.
    #[error("vector: it has {found} components, field {field:?} has {expected}")]
    Dimension {
        /// The vector field.
        field: String,
        /// Components of the field.
        expected: usize,
        /// Components of the query.
        found: usize,
    },
    /// A limit is crossed.
    #[error("{what}: {found} is over the limit of {limit}")]
    TooLarge {
        /// The part that is too large.
        what: String,
        /// The limit.
        limit: usize,
        /// The requested number.
        found: usize,
    },
}

impl Error {
    /// A part that is not valid: where it is, and what would be right.
    pub fn invalid(at: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid { at: at.into(), detail: detail.into() }
    }
}

/// Refuses what is over its limit.
pub(crate) fn within(what: &str, found: usize, limit: usize) -> Result<()> {
    match found <= limit {
        true => Ok(()),
        false => Err(Error::TooLarge { what: what.to_owned(), limit, found }),
    }
}
