//! Reasons why data cannot be made or written.

/// A reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A member of an argument is missing; a Python caller expects a `KeyError`.
    #[error("{0:?} is missing; give it")]
    Missing(&'static str),
    /// A list that has to have elements is empty; a Python caller expects a `ValueError`.
    #[error("{0} is empty; give at least one")]
    Empty(&'static str),
    /// More of something is asked for than one answer holds.
    #[error("{given} {what} are too many for one answer; ask for {most} at most")]
    TooMany {
        /// Name of what is counted.
        what: &'static str,
        /// The number that was asked for.
        given: u32,
        /// Most of them.
        most: u32,
    },
    /// A text is none of the words that are understood.
    #[error("{what} {given:?} is not known; give one of {known}")]
    Unknown {
        /// Name of the argument.
        what: &'static str,
        /// Its value.
        given: String,
        /// All values that are understood.
        known: &'static str,
    },
    /// A guest asked for something that only registered users may do. The text is for the guest.
    #[error("{0}")]
    Guest(&'static str),
    /// The output cannot be written.
    #[error("cannot write the records: {0}")]
    Write(#[from] std::io::Error),
    /// A record cannot be encoded as JSON.
    #[error("a record cannot be encoded as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A record cannot be encoded as CSV.
    #[error("a record cannot be encoded as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// Records cannot be encoded as Parquet, or the file cannot be written.
    #[error("cannot write the records as Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
}

/// A value, or the reason why there is none.
pub type Result<T> = std::result::Result<T, Error>;
