//! Errors of the files of access; each says what, where and what now.

/// Result of every call that touches these files.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the keys, the tokens or the audit log of a database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system, or the mode of a file.
    #[error(transparent)]
    Storage(#[from] lexivec_storage::Error),
    /// A file is not what was written. It was not changed.
    #[error("{path}: {detail}; put back a copy of it, or move it away to begin with a new one")]
    Unreadable {
        /// The file.
        path: String,
        /// The fault.
        detail: String,
    },
    /// A newer release wrote the file. It was not changed.
    #[error(
        "{path} has version {found}, this release reads up to {supported}; use a newer release"
    )]
    NewerVersion {
        /// The file.
        path: String,
        /// Its version.
        found: u64,
        /// The newest version that this release reads.
        supported: u64,
    },
    /// An argument is refused.
    #[error("{detail}")]
    Invalid {
        /// The argument and the reason.
        detail: String,
    },
    /// No key has this id.
    #[error("there is no key {id}; `lexivec key list DIR` lists those that are there")]
    NoKey {
        /// The id.
        id: String,
    },
    /// The key has ended, so that it cannot be rotated.
    #[error("the key {id} is {state}; create a new one")]
    Ended {
        /// Its id.
        id: String,
        /// Expired or revoked.
        state: &'static str,
    },
    /// A live key has this name.
    #[error(
        "the key {id} has the name {name:?}; choose another name, rotate that key or revoke it"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The id of the key that has it.
        id: String,
    },
    /// The audit log is damaged. It was not changed, and takes no entries.
    #[error(
        "{path}: {fault}; keep a copy of the file as evidence, then move it and audit.head away, and a new log begins"
    )]
    AuditDamaged {
        /// The file.
        path: String,
        /// The first fault.
        fault: crate::audit::Fault,
    },
    /// An entry could not be made durable; it may be in the log or not.
    #[error("the audit log took no entry: {reason}")]
    NotLogged {
        /// The reason.
        reason: String,
    },
    /// An export could not be written.
    #[error("the export cannot be written: {reason}")]
    NotWritten {
        /// The reason.
        reason: String,
    },
    /// The system gave no random numbers.
    #[error("the system gives no random numbers for a key: {0}")]
    NoRandomness(getrandom::Error),
}

impl Error {
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::Invalid { detail: detail.into() }
    }
}
