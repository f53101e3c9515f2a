//! Why input could not be taken.

/// Result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of reading input; each message says what failed, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument makes no sense; no input was read.
    #[error("{0}")]
    Argument(String),
    /// A file, package or server does not give what it should.
    #[error("{0}")]
    Input(String),
    /// The engine refused what was read, or failed.
    #[error(transparent)]
    Engine(#[from] lexivec::Error),
}

impl Error {
    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::Argument(message.into())
    }

    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::Input(message.into())
    }
}

impl From<lexivec::query::Error> for Error {
    fn from(error: lexivec::query::Error) -> Self {
        Self::Engine(error.into())
    }
}
