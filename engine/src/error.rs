//! Errors of the engine; each message says what failed, where, and what to do.

use lexivec_storage as storage;

use crate::limits::{MAX_DOCUMENT_BYTES, MAX_ID_BYTES, MAX_PAYLOAD_DEPTH, MAX_ROW_TOKENS};

/// Result of every engine call.
pub type Result<T> = std::result::Result<T, Error>;

/// Kind of an [`Error`], for callers that act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A search request, filter, profile or evaluation file is refused; [`Error::Request`] says where.
    InvalidRequest,
    /// A document is refused, and nothing of its batch was written; [`DocumentFault`] has the field and the reason.
    InvalidDocument,
    /// An option, a schema, a name or another argument is refused.
    InvalidArgument,
    /// A vector, of a document or of a request, has another number of components than its field.
    DimensionMismatch,
    /// The collection was made with another model than the one that was given, or with none.
    Embedder,
    /// The named collection, snapshot, version or file does not exist.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// The named item is in a state that does not allow the operation: it has snapshots, or is served alone.
    Conflict,
    /// Another handle, of this process or another, has the collection open for writing.
    Locked,
    /// The handle was opened for reading.
    ReadOnly,
    /// Writes are refused since an earlier one failed in a way that leaves unknown what reached the disk, or since the
    /// directory is no longer the one that was opened. Reads go on; opening the collection again shows what is there.
    Poisoned,
    /// A sync failed under this write, so it may or may not survive; opening the collection again shows it.
    DurabilityUnknown,
    /// The handle came into this process by a fork; open the collection again in this process.
    Forked,
    /// The disk, or the quota on it, is full. Nothing was published; the write may be repeated once there is space.
    OutOfSpace,
    /// Bytes on disk, or of an export, are not those that were written.
    Corrupt,
    /// A newer release wrote the files. Nothing was changed.
    NewerFormat,
    /// The directory is on a file system that does not keep the promises durability rests on.
    UnsafeFilesystem,
    /// The process, or the system, has no file descriptor left. Nothing was written; the call may be repeated once there
    /// is one.
    NoDescriptors,
    /// The operating system refused an operation.
    Io,
    /// The work was cancelled; the collection is as it was.
    Cancelled,
    /// The search did not end within its deadline.
    DeadlineExceeded,
    /// The answers take more memory than the reader was given.
    OverBudget,
}

impl ErrorKind {
    /// Its name for programs of other languages, such as `invalid_request`.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidDocument => "invalid_document",
            Self::InvalidArgument => "invalid_argument",
            Self::DimensionMismatch => "dimension_mismatch",
            Self::Embedder => "embedder",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::Locked => "locked",
            Self::ReadOnly => "read_only",
            Self::Poisoned => "poisoned",
            Self::DurabilityUnknown => "durability_unknown",
            Self::Forked => "forked",
            Self::OutOfSpace => "out_of_space",
            Self::Corrupt => "corrupt",
            Self::NewerFormat => "newer_format",
            Self::UnsafeFilesystem => "unsafe_filesystem",
            Self::NoDescriptors => "no_descriptors",
            Self::Io => "io",
            Self::Cancelled => "cancelled",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::OverBudget => "over_budget",
        }
    }

    /// True if the call itself is at fault: it changed nothing, and fails again unless it is mended.
    pub fn is_input(self) -> bool {
        matches!(
            self,
            Self::InvalidRequest
                | Self::InvalidDocument
                | Self::InvalidArgument
                | Self::DimensionMismatch
                | Self::Embedder
                | Self::ReadOnly
        )
    }
}

/// Reason why a document is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentFault {
    /// The id is empty or too long.
    #[error("the id has {bytes} bytes; 1 to {MAX_ID_BYTES} are allowed")]
    Id {
        /// Its length.
        bytes: usize,
    },
    /// An earlier document of the batch has the same id.
    #[error("documents[{first}] has the same id")]
    Duplicate {
        /// Index of the earlier document, from 0.
        first: usize,
    },
    /// The collection has no field of this name.
    #[error("no {kind} field {field:?}; the collection has {known:?}")]
    UnknownField {
        /// `text`, `vector` or `token`.
        kind: &'static str,
        /// The name.
        field: String,
        /// The names of the fields of this kind.
        known: Vec<String>,
    },
    /// A vector has another number of components than its field.
    #[error("{} has {found} components; the field has {expected}", vector_name(field, *token))]
    Dimension {
        /// The field.
        field: String,
        /// Index of the vector in a list of token vectors.
        token: Option<usize>,
        /// Components of the field.
        expected: usize,
        /// Components of the vector.
        found: usize,
    },
    /// A vector is not one that can be compared.
    #[error("{} {detail}", vector_name(field, *token))]
    Vector {
        /// The field.
        field: String,
        /// Index of the vector in a list of token vectors.
        token: Option<usize>,
        /// The reason and the remedy.
        detail: String,
    },
    /// A list of token vectors is empty or too long.
    #[error(
        "{count} token vectors {field:?}; 1 to {MAX_ROW_TOKENS} are allowed, or leave them out"
    )]
    TokenCount {
        /// The field.
        field: String,
        /// Number of vectors.
        count: usize,
    },
    /// The payload is nested too deep.
    #[error("the payload is nested deeper than {MAX_PAYLOAD_DEPTH} levels")]
    PayloadDepth,
    /// The row would lie outside the scope of the writer that writes it.
    #[error("it would lie outside the writer's scope; write what the scope admits")]
    OutsideScope,
    /// The id belongs to a row outside the writer's scope, which does not exist for this writer.
    #[error("the row to replace is not there for this writer; use another id")]
    NotThere,
    /// The document is too large.
    #[error("id, texts and payload have {bytes} bytes; the limit is {MAX_DOCUMENT_BYTES}")]
    TooLarge {
        /// Length of id, texts and payload.
        bytes: usize,
    },
}

impl DocumentFault {
    /// The field that is at fault, if one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::UnknownField { field, .. }
            | Self::Dimension { field, .. }
            | Self::Vector { field, .. }
            | Self::TokenCount { field, .. } => Some(field),
            _ => None,
        }
    }
}

fn vector_name(field: &str, token: Option<usize>) -> String {
    match token {
        Some(index) => format!("token vector {index} of {field:?}"),
        None => format!("vector {field:?}"),
    }
}

/// An engine error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One document of a batch was refused; the batch changed nothing.
    #[error("documents[{position}] (id {id:?}): {fault}; nothing was written")]
    Document {
        /// Index in the batch, from 0.
        position: usize,
        /// Its id, cut to 64 characters.
        id: String,
        /// The reason.
        fault: DocumentFault,
    },
    /// A vector that a request or a measurement gives is refused.
    #[error("{at}: {fault}")]
    Vector {
        /// Path of the argument, such as `queries[3]`.
        at: String,
        /// The reason.
        fault: DocumentFault,
    },
    /// One of several requests or judged queries was refused or failed; none was answered.
    #[error("{at}: {source}")]
    InBatch {
        /// The list and the index in it, as in `requests[3]`.
        at: String,
        /// The reason.
        source: Box<Error>,
    },
    /// An option, schema or argument was refused.
    #[error("{what}: {detail}")]
    Invalid {
        /// The argument.
        what: String,
        /// The fault, and what is expected.
        detail: String,
    },
    /// A request was refused.
    #[error(transparent)]
    Request(#[from] lexivec_query::Error),
    /// The collection was made with another model, or with none.
    #[error("embedder: {0}")]
    Embedder(String),
    /// A model of the caller's own failed.
    #[error("model {name}: {source}")]
    Model {
        /// Name of the model.
        name: String,
        /// The failure.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The work was cancelled before its end; the collection is unchanged.
    #[error("cancelled; the collection is as it was")]
    Cancelled,
    /// A search exceeded the deadline of its request.
    #[error(
        "the search did not end within its deadline; give it more time, or ask for less: a narrower filter, \
         fewer candidates, a lower target_recall"
    )]
    DeadlineExceeded,
    /// The answers of a reader would take more memory than its budget; it returned none.
    #[error(
        "the answer would take more than {limit} bytes of memory; ask for fewer hits, rows or queries at once, or \
         without texts, payloads and explanations"
    )]
    OverBudget {
        /// The budget, in bytes.
        limit: u64,
    },
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
        "the snapshots of collection {name:?} ({count}) are removed with it; move them away, or drop the \
         collection with its snapshots"
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
    /// The inverted index failed although its bytes are verified.
    #[error("text index of {file}: {detail}")]
    TextIndex {
        /// The segment file.
        file: String,
        /// The message of tantivy.
        detail: String,
    },
}

impl Error {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Document { fault: DocumentFault::Dimension { .. }, .. }
            | Self::Vector { fault: DocumentFault::Dimension { .. }, .. }
            | Self::Request(lexivec_query::Error::Dimension { .. }) => ErrorKind::DimensionMismatch,
            Self::Document { fault: DocumentFault::NotThere, .. } => ErrorKind::NotFound,
            Self::Document { .. } => ErrorKind::InvalidDocument,
            Self::Vector { .. } => ErrorKind::InvalidRequest,
            Self::Request(_) => ErrorKind::InvalidRequest,
            Self::Invalid { .. } => ErrorKind::InvalidArgument,
            Self::Embedder(_) | Self::Model { .. } => ErrorKind::Embedder,
            Self::TextIndex { .. } => ErrorKind::Corrupt,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::DeadlineExceeded => ErrorKind::DeadlineExceeded,
            Self::OverBudget { .. } => ErrorKind::OverBudget,
            Self::NoCollection { .. } => ErrorKind::NotFound,
            Self::CollectionExists { .. } | Self::DuplicateName { .. } => ErrorKind::AlreadyExists,
            Self::HasSnapshots { .. } | Self::SingleCollection { .. } => ErrorKind::Conflict,
            Self::Open { source, .. } | Self::InBatch { source, .. } => source.kind(),
            Self::Storage(error) => kind_of_storage(error),
        }
    }

    /// This error of one request of a batch, with its index if the request is at fault.
    pub(crate) fn of_request(self, index: usize) -> Self {
        self.in_batch("requests", index)
    }

    /// This error of one judged query, with its index if the query is at fault.
    pub(crate) fn of_query(self, index: usize) -> Self {
        self.in_batch("queries", index)
    }

    fn in_batch(self, list: &str, index: usize) -> Self {
        match self.kind().is_input() {
            true => Self::InBatch { at: format!("{list}[{index}]"), source: Box::new(self) },
            false => self,
        }
    }

    /// The refusal of a document in a batch.
    pub(crate) fn document(position: usize, id: &str, fault: DocumentFault) -> Self {
        Self::Document { position, id: id.chars().take(64).collect(), fault }
    }

    pub(crate) fn invalid(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), detail: detail.into() }
    }
}

fn kind_of_storage(error: &storage::Error) -> ErrorKind {
    use storage::Error;
    match error {
        Error::Corrupt { .. } | Error::NotAFile { .. } | Error::BadExport { .. } => {
            ErrorKind::Corrupt
        }
        Error::NewerFormat { .. } => ErrorKind::NewerFormat,
        Error::NotFound { .. } => ErrorKind::NotFound,
        Error::AlreadyExists { .. } => ErrorKind::AlreadyExists,
        Error::Locked { .. } => ErrorKind::Locked,
        Error::Invalid { .. } => ErrorKind::InvalidArgument,
        Error::ReadOnly => ErrorKind::ReadOnly,
        Error::Poisoned { .. } | Error::Displaced { .. } => ErrorKind::Poisoned,
        Error::DurabilityUnknown { .. } => ErrorKind::DurabilityUnknown,
        Error::Forked { .. } => ErrorKind::Forked,
        Error::OutOfSpace { .. } => ErrorKind::OutOfSpace,
        Error::NoDescriptors { .. } => ErrorKind::NoDescriptors,
        Error::UnsafeFilesystem { .. } => ErrorKind::UnsafeFilesystem,
        // `Io`, and what storage adds later.
        _ => ErrorKind::Io,
    }
}

/// A structural fault found in bytes whose checksum was right.
pub(crate) fn corrupt(file: &str, section: &str, detail: impl Into<String>) -> Error {
    Error::Storage(storage::Error::Corrupt {
        file: file.to_owned(),
        section: Some(section).filter(|name| !name.is_empty()).map(str::to_owned),
        offset: 0,
        detail: detail.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_storage_keep_their_kinds() {
        let reason = || "a sync failed".to_owned();
        let path = || "dir".to_owned();
        for (error, kind) in [
            (storage::Error::Poisoned { reason: reason() }, ErrorKind::Poisoned),
            (storage::Error::DurabilityUnknown { reason: reason() }, ErrorKind::DurabilityUnknown),
            (storage::Error::Forked { opener: 1 }, ErrorKind::Forked),
            (storage::Error::OutOfSpace { path: path() }, ErrorKind::OutOfSpace),
            (storage::Error::NoDescriptors { path: path() }, ErrorKind::NoDescriptors),
            (storage::Error::NotAFile { path: path(), kind: "a FIFO" }, ErrorKind::Corrupt),
            (storage::Error::Displaced { path: path(), change: reason() }, ErrorKind::Poisoned),
            (
                storage::Error::UnsafeFilesystem { path: path(), kind: "NFS" },
                ErrorKind::UnsafeFilesystem,
            ),
            (storage::Error::Locked { path: path(), pid: None }, ErrorKind::Locked),
            (storage::Error::ReadOnly, ErrorKind::ReadOnly),
            (storage::Error::NotFound { path: path() }, ErrorKind::NotFound),
            (storage::Error::AlreadyExists { path: path() }, ErrorKind::AlreadyExists),
            (
                storage::Error::NewerFormat { file: path(), found: (2, 0), supported: (1, 6) },
                ErrorKind::NewerFormat,
            ),
            (storage::Error::BadExport { detail: reason() }, ErrorKind::Corrupt),
            (
                storage::Error::Io {
                    op: "read",
                    path: path(),
                    source: std::io::ErrorKind::Other.into(),
                },
                ErrorKind::Io,
            ),
        ] {
            let error = Error::from(error);
            assert_eq!(error.kind(), kind, "{error}");
            let opened = Error::Open { path: path(), source: Box::new(error) };
            assert_eq!(opened.kind(), kind, "a path in front changes no kind");
        }
    }

    #[test]
    fn only_errors_of_the_request_get_its_index() {
        let wrong = || {
            Error::Request(lexivec_query::Error::Dimension {
                field: "vector".to_owned(),
                expected: 2,
                found: 3,
            })
        };
        let indexed = wrong().of_request(7);
        assert_eq!(indexed.to_string(), format!("requests[7]: {}", wrong()));
        assert_eq!(indexed.kind(), ErrorKind::DimensionMismatch);
        assert!(matches!(Error::DeadlineExceeded.of_query(7), Error::DeadlineExceeded));
    }
}
