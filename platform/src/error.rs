//! Errors with the texts of the platform's own exceptions.

/// Result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The reason why cases or suites are refused; always the caller's to mend.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number or a file is not valid.
    #[error(transparent)]
    Invalid(#[from] lexivec_query::Error),
    /// Figures of a suite without a result: the platform's `ValueError`.
    #[error("No results to aggregate")]
    NoResults,
    /// An index of documents without a word: the platform's `ZeroDivisionError`.
    #[error("no document has a word: there is no average length to score by")]
    NoWords,
    /// A place whose rank and rank constant add up to 0: the platform's `ZeroDivisionError`.
    #[error("the rank constant {k} and the rank {rank} add up to 0: there is no reciprocal of it")]
    ZeroPlace {
        /// The constant.
        k: f64,
        /// The rank, from 0.
        rank: usize,
    },
    /// An improvement in per cent of a figure that is 0: the platform's `ZeroDivisionError`.
    #[error("the {what} of experiment A is 0: there is no percentage of it")]
    ZeroBaseline {
        /// The figure.
        what: &'static str,
    },
}

impl Error {
    pub(crate) fn invalid(at: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(lexivec_query::Error::invalid(at, detail))
    }
}
