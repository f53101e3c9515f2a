//! What can go wrong, told so that the caller knows what, where and what now.

use lexivec_storage as storage;

/// Result of every engine call.
pub type Result<T> = std::result::Result<T, Error>;

/// Coarse class of an [`Error`], for exit codes and HTTP statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's input is at fault; nothing was changed.
    Input,
    /// The named thing is not there.
    NotFound,
    /// The named thing is already there, or held by another process.
    Conflict,
    /// Bytes on disk are not what was written.
    Corrupt,
    /// The machine failed (disk full, I/O error).
    Machine,
    /// Somebody asked for the work to end.
    Cancelled,
    /// The work was not done in the time it was given.
    TimedOut,
}

/// An engine error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One document of a batch was refused; the batch changed nothing.
    #[error("document {position} of the batch (id {id:?}): {detail}; nothing was written")]
    Document {
        /// Place in the batch, from 0.
        position: usize,
        /// Its id, cut to 64 characters.
        id: String,
        /// What is wrong with it.
        detail: String,
    },
    /// An option, schema or argument was refused.
    #[error("{what}: {detail}")]
    Invalid {
        /// The argument.
        what: String,
        /// What is wrong and what would be right.
        detail: String,
    },
    /// A request was refused.
    #[error(transparent)]
    Request(#[from] lexivec_query::Error),
    /// The collection was made with another model, or with none.
    #[error("embedder: {0}")]
    Embedder(String),
    /// The work was ended before it was done; what was there is as it was.
    #[error("cancelled; the collection is as it was")]
    Cancelled,
    /// A search was not done in the time that its request gives it.
    #[error(
        "the search did not end within its deadline; give it more time, or ask for less: a narrower filter, \
         fewer candidates, a lower target_recall"
    )]
    DeadlineExceeded,
    /// Files, durability, corruption.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A database has no collection of this name.
    #[error("there is no collection {name:?}")]
    NoCollection {
        /// The name.
        name: String,
    },
    /// A database has a collection of this name already.
    #[error("there is a collection {name:?} already")]
    CollectionExists {
        /// The name.
        name: String,
    },
    /// A collection with snapshots was to be dropped without them; nothing was removed.
    #[error(
        "collection {name:?} has {count} snapshots, which are removed with it; move them away, or drop \
         the collection with its snapshots"
    )]
    HasSnapshots {
        /// The name of the collection.
        name: String,
        /// The number of its snapshots.
        count: usize,
    },
    /// The database was opened on the directory of one collection, so it can neither create nor drop one.
    #[error(
        "{path} is the directory of one collection; open a directory of collections to create or drop some"
    )]
    SingleCollection {
        /// The directory.
        path: String,
    },
    /// Two directories of a database hold collections of one name.
    #[error("the name {name:?} belongs to two collections, {first} and {second}; move one away")]
    DuplicateName {
        /// The name.
        name: String,
        /// The directory of one.
        first: String,
        /// The directory of the other.
        second: String,
    },
    /// A collection of a database, or the database's own directory, cannot be opened.
    #[error("{path}: {source}")]
    Open {
        /// The directory.
        path: String,
        /// The reason.
        source: Box<Error>,
    },
    /// The inverted index failed although its bytes were verified.
    #[error("text index of {file}: {detail}")]
    TextIndex {
        /// The segment file.
        file: String,
        /// What tantivy said.
        detail: String,
    },
}

impl Error {
    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Document { .. } | Self::Invalid { .. } | Self::Request(_) => ErrorKind::Input,
            Self::Embedder(_) => ErrorKind::Input,
            Self::TextIndex { .. } => ErrorKind::Corrupt,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::DeadlineExceeded => ErrorKind::TimedOut,
            Self::NoCollection { .. } => ErrorKind::NotFound,
            Self::CollectionExists { .. }
            | Self::HasSnapshots { .. }
            | Self::SingleCollection { .. }
            | Self::DuplicateName { .. } => ErrorKind::Conflict,
            Self::Open { source, .. } => source.kind(),
            Self::Storage(e) => match e {
                storage::Error::Corrupt { .. }
                | storage::Error::BadExport { .. }
                | storage::Error::NewerFormat { .. } => ErrorKind::Corrupt,
                storage::Error::NotFound { .. } => ErrorKind::NotFound,
                storage::Error::AlreadyExists { .. } | storage::Error::Locked { .. } => {
                    ErrorKind::Conflict
                }
                storage::Error::Invalid { .. } | storage::Error::ReadOnly => ErrorKind::Input,
                _ => ErrorKind::Machine,
            },
        }
    }

    /// The same, of a request in a batch.
    pub(crate) fn of_request(self, place: usize) -> Self {
        match self.kind() {
            ErrorKind::Input => Self::invalid(format!("requests[{place}]"), self.to_string()),
            _ => self,
        }
    }

    /// The same, of a judged query.
    pub(crate) fn of_query(self, place: usize) -> Self {
        match self.kind() {
            ErrorKind::Input => Self::invalid(format!("queries[{place}]"), self.to_string()),
            _ => self,
        }
    }

    pub(crate) fn invalid(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), detail: detail.into() }
    }
}

/// A structural fault found in bytes whose checksum was right.
pub(crate) fn corrupt(file: &str, section: &str, detail: impl Into<String>) -> Error {
    Error::Storage(storage::Error::Corrupt {
        file: file.to_owned(),
        section: Some(section.to_owned()),
        offset: 0,
        detail: detail.into(),
    })
}
