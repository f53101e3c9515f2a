//! Errors as RFC 9457 problem documents, and what keeps a server from starting.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lexivec::ErrorKind;
use lexivec_access::{Exceeded, Remaining};
use serde::Serialize;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {detail}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        detail: String,
    },
    /// A file of TLS cannot be used.
    #[error("TLS: {}: {detail}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The process may take too little address space.
    #[error(
        "the process may take {limit} bytes of address space, and a server needs {least}; raise the limit \
         (`ulimit -v`)"
    )]
    AddressSpace {
        /// Bytes that it may take.
        limit: u64,
        /// Bytes that it needs at least.
        least: u64,
    },
    /// The keys, the key of tokens or the audit log cannot be used.
    #[error(transparent)]
    Access(#[from] lexivec_access::Error),
    /// The directory, or a collection in it, cannot be opened.
    #[error(transparent)]
    Database(#[from] lexivec::Error),
    /// The server's machinery failed.
    #[error("server: {0}")]
    Io(#[from] std::io::Error),
}

/// A problem document. `code` is stable and meant for programs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(skip)]
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    pub(crate) detail: String,
    /// The limit that the request is over, if it is over one of its key or tenant.
    #[serde(skip)]
    pub(crate) exceeded: Option<Box<Exceeded>>,
}

pub(crate) type ApiResult<T> = Result<T, Problem>;

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, code, title, detail: detail.into(), exceeded: None }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", "The request is not valid", detail)
    }

    /// The problem without the paths of the server's directory, which are no business of a client; `None` if it names
    /// none.
    pub(crate) fn without(&self, directory: &Path) -> Option<Self> {
        let detail = without_path(&self.detail, directory);
        (detail != self.detail).then(|| Self { detail, ..self.clone() })
    }

    pub(crate) fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "A valid key is needed", detail)
    }

    pub(crate) fn too_many(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests", detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "The key does not allow it", detail)
    }

    pub(crate) fn over_budget(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "over_budget", "The request costs too much", detail)
    }

    pub(crate) fn overloaded(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            "The server is busy; try again",
            detail,
        )
    }
}

/// A text without the paths of the server's directory.
pub(crate) fn without_path(text: &str, directory: &Path) -> String {
    let directory = directory.display().to_string();
    text.replace(&format!("{directory}/"), "").replace(&directory, "the server's directory")
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        Self { exceeded: Some(Box::new(exceeded)), ..Self::too_many(exceeded.to_string()) }
    }
}

impl From<lexivec_access::Error> for Problem {
    fn from(error: lexivec_access::Error) -> Self {
        use lexivec_access::Error;
        let (status, code, title) = match &error {
            Error::Invalid { .. } => {
                (StatusCode::BAD_REQUEST, "invalid_request", "The request is not valid")
            }
            Error::NoKey { .. } => (StatusCode::NOT_FOUND, "key_not_found", "No such key"),
            Error::Ended { .. } | Error::NameTaken { .. } => {
                (StatusCode::CONFLICT, "conflict", "Conflict")
            }
            Error::NotLogged { .. } | Error::AuditDamaged { .. } => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "not_logged",
                "The act could not be written to the audit log",
            ),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "machine_failure", "The machine failed"),
        };
        Self::new(status, code, title, error.to_string())
    }
}

impl From<lexivec_access::Refused> for Problem {
    fn from(refused: lexivec_access::Refused) -> Self {
        Self::forbidden(refused.to_string())
    }
}

impl From<lexivec_platform::Error> for Problem {
    fn from(error: lexivec_platform::Error) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<lexivec::Error> for Problem {
    fn from(error: lexivec::Error) -> Self {
        if let lexivec::Error::HasSnapshots { name, count } = &error {
            return Self::new(
                StatusCode::CONFLICT,
                "has_snapshots",
                "The collection has snapshots",
                format!(
                    "the snapshots of {name:?} ({count}) would be removed with it; add ?snapshots=true to allow it"
                ),
            );
        }
        let (status, code, title) = answer_of(&error);
        Self::new(status, code, title, error.to_string())
    }
}

/// Status, code and title of the answer to an error.
fn answer_of(error: &lexivec::Error) -> (StatusCode, &'static str, &'static str) {
    use lexivec::Error;
    match error {
        Error::NoCollection { .. } => {
            return (StatusCode::NOT_FOUND, "collection_not_found", "No such collection");
        }
        Error::CollectionExists { .. } => {
            return (StatusCode::CONFLICT, "collection_exists", "The collection exists");
        }
        Error::SingleCollection { .. } => {
            return (StatusCode::CONFLICT, "single_collection", "The server serves one collection");
        }
        _ => {}
    }
    match error.kind() {
        kind if kind.is_input() => {
            (StatusCode::BAD_REQUEST, "invalid_request", "The request is not valid")
        }
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found", "Not found"),
        ErrorKind::AlreadyExists | ErrorKind::Locked | ErrorKind::Conflict => {
            (StatusCode::CONFLICT, "conflict", "Conflict")
        }
        ErrorKind::Corrupt | ErrorKind::NewerFormat => {
            (StatusCode::INTERNAL_SERVER_ERROR, "corrupt", "Stored data is damaged")
        }
        ErrorKind::DeadlineExceeded => {
            (StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", "The time of the request is over")
        }
        ErrorKind::OverBudget => {
            (StatusCode::BAD_REQUEST, "over_budget", "The request costs too much")
        }
        ErrorKind::OutOfSpace => {
            (StatusCode::INSUFFICIENT_STORAGE, "out_of_space", "The disk is full")
        }
        ErrorKind::NoDescriptors => {
            (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "No file descriptor is left")
        }
        ErrorKind::DurabilityUnknown => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "durability_unknown",
            "It is unknown whether the write is on disk",
        ),
        ErrorKind::Poisoned => (StatusCode::SERVICE_UNAVAILABLE, "read_only", "Writes are refused"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "machine_failure", "The machine failed"),
    }
}

/// Sets the headers of a limit (draft-ietf-httpapi-ratelimit-headers-10), unless it is one of work at once, which has no
/// window.
pub(crate) fn rate_headers(headers: &mut HeaderMap, state: &Remaining) {
    let policy = format!("{}-{}", state.holder.name(), state.what.name());
    let (window, reset) = (state.window.as_secs_f64().ceil(), state.reset.as_secs_f64().ceil());
    let lines = [
        (RATE_POLICY, format!("\"{policy}\";q={};w={window}", state.limit)),
        (RATE, format!("\"{policy}\";r={};t={reset}", state.remaining)),
    ];
    for (name, value) in lines {
        if let (Ok(value), false) = (HeaderValue::from_str(&value), headers.contains_key(&name)) {
            headers.insert(name, value);
        }
    }
}

const RATE_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE: HeaderName = HeaderName::from_static("ratelimit");

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    status: u16,
    #[serde(flatten)]
    problem: &'a Problem,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let body = Body { r#type: "about:blank", status: status.as_u16(), problem: &self };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        match &self.exceeded {
            Some(exceeded) => {
                let seconds = exceeded.retry_after.as_secs_f64().ceil().max(1.0) as u64;
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                rate_headers(headers, &exceeded.state);
            }
            None if status == StatusCode::SERVICE_UNAVAILABLE
                || status == StatusCode::TOO_MANY_REQUESTS =>
            {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            None => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}
