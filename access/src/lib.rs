//! Access to a database: what a role may do, which collections and rows a key reaches, and what was done with it.
//!
//! A [`Principal`] is the caller of a request, once its key or token is checked: a [`Role`], which allows verbs, and a
//! [`Scope`], which confines them to collections and rows. Nothing here knows HTTP.
#![forbid(unsafe_code)]

mod access;
pub mod audit;
mod denied;
mod document;
mod error;
mod failures;
mod keys;
mod principal;
mod rate;
mod recent;
mod role;
mod scope;
mod token;

pub use access::{Access, AccessOptions, Unauthenticated};
pub use denied::{Denied, Reason};
pub use error::{Error, Result};
pub use failures::{FAILURE_PAUSE, FAILURE_WINDOW, Failures, MAX_FAILURES, Paused};
pub use keys::{
    ACCESS_DIRECTORY, KeyInfo, KeyRing, KeyState, KeyStore, MAX_KEY_NAME_CHARS, MAX_KEYS,
    MAX_KEYS_BYTES, MAX_SCOPE_BYTES, NewKey, Secret, rfc3339, seconds_of, unix_seconds,
};
pub use principal::{Principal, Refused};
pub use rate::{
    Cost, DEFAULT_BURST, DEFAULT_REQUESTS_PER_SECOND, Exceeded, Holder, Limited, Limits,
    RateLimits, Rates, Remaining, SearchPermit,
};
pub use role::{Reach, Role, Verb};
pub use scope::{CollectionNames, MAX_TENANT_CHARS, Rows, Scope};
pub use token::{
    JwtAlgorithm, JwtOptions, MAX_SUBJECT_CHARS, MAX_TOKEN_BYTES, MIN_SECRET_BYTES,
    TOKEN_LEEWAY_SECONDS, Tokens,
};
