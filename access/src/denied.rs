//! Refused credentials: one text for the caller, the reason for the audit log.

use std::fmt;

/// A key or token that is not accepted. Its `Display` is the same for every reason, so that a caller learns nothing about
/// the keys that exist; [`reason`](Self::reason) is for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    reason: Reason,
    id: Option<String>,
}

/// The reason of a [`Denied`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It has the form of neither a key nor a token.
    Malformed,
    /// No key has its id.
    UnknownKey,
    /// The secret is not that of the key.
    WrongSecret,
    /// Its time is over.
    Expired,
    /// The key was revoked.
    Revoked,
    /// Tokens are not accepted here.
    NoTokens,
    /// The signature or the algorithm of the token is not the expected one.
    BadSignature,
    /// The time of the token has not come.
    NotYetValid,
    /// The issuer or audience of the token is not the expected one.
    WrongParty,
    /// The token has no end, no role, no scope, or a malformed one.
    BadClaims,
}

impl Reason {
    /// The reason in the words of the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::WrongSecret => "wrong_secret",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::NoTokens => "no_tokens",
            Self::BadSignature => "bad_signature",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongParty => "wrong_party",
            Self::BadClaims => "bad_claims",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Denied {
    pub(crate) fn new(reason: Reason) -> Self {
        Self { reason, id: None }
    }

    pub(crate) fn of_key(reason: Reason, id: &str) -> Self {
        Self { reason, id: Some(id.to_owned()) }
    }

    /// The reason, for logs alone.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The id in the text of the key, for logs alone; `None` for what is no key. It may be made up.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key or token is not valid here; it is unknown, expired or revoked")
    }
}

impl std::error::Error for Denied {}
