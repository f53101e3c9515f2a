//! Exit codes: 0 ok, 1 failure or a check that failed, 2 usage, 130 interrupted (by the signal).

use std::fmt;
use std::process::ExitCode;

use lexivec::ErrorKind;

/// Why a command did not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    usage: bool,
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// The work could not be done.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), usage: false }
    }

    /// The command line does not make sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), usage: true }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(if self.usage { 2 } else { 1 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<lexivec::Error> for Failure {
    fn from(error: lexivec::Error) -> Self {
        let hint = match error.kind() {
            ErrorKind::NotFound => "\nmake one with `lexivec create DIR` or `lexivec ingest DIR …`",
            // Engine errors name calls of the library; these are the ways of the command.
            ErrorKind::Locked => {
                "\nsearch, get, list, count and stats work while it is open; `lexivec serve`, if that is the process, \
                 takes writes and snapshots over HTTP (PUT /v1/collections/NAME/snapshots/SNAPSHOT), and a snapshot \
                 can be exported: `lexivec export DIR/snapshots/SNAPSHOT FILE`"
            }
            _ => "",
        };
        let usage = matches!(error, lexivec::Error::Request(_));
        Self { message: format!("{error}{hint}"), usage }
    }
}

impl From<lexivec::storage::Error> for Failure {
    fn from(error: lexivec::storage::Error) -> Self {
        lexivec::Error::from(error).into()
    }
}

impl From<lexivec::query::Error> for Failure {
    fn from(error: lexivec::query::Error) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<lexivec_platform::Error> for Failure {
    fn from(error: lexivec_platform::Error) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<lexivec_access::Error> for Failure {
    fn from(error: lexivec_access::Error) -> Self {
        use lexivec_access::Error;
        match error {
            Error::Storage(lexivec::storage::Error::NotFound { path }) => Self::new(format!(
                "{path} is not there; name the directory of a collection or of a server (`mkdir` makes an empty one)"
            )),
            Error::Invalid { detail } => Self::usage(detail),
            error => Self::new(error.to_string()),
        }
    }
}

impl From<lexivec_demo::Error> for Failure {
    fn from(error: lexivec_demo::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<lexivec_ingest::Error> for Failure {
    fn from(error: lexivec_ingest::Error) -> Self {
        match error {
            lexivec_ingest::Error::Engine(error) => error.into(),
            lexivec_ingest::Error::Argument(message) => Self::usage(message),
            other => Self::new(other.to_string()),
        }
    }
}
