//! Signed tokens (JWT) of another issuer, checked with one key and one algorithm.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use lexivec_storage::read_key_file;
use serde::{Deserialize, Serialize};

use crate::denied::{Denied, Reason};
use crate::error::{Error, Result};
use crate::principal::Principal;
use crate::role::Role;
use crate::scope::{CollectionNames, Scope};

#[cfg(test)]
mod tests;

/// Longest token, in bytes; a header of a request has to hold it.
pub const MAX_TOKEN_BYTES: usize = 8 << 10;
/// Seconds that the clocks of issuer and server may differ.
pub const TOKEN_LEEWAY_SECONDS: f64 = 60.0;
/// Least secret of HS256, in bytes: as long as its hash (RFC 7518, 3.2).
pub const MIN_SECRET_BYTES: usize = 32;
/// Longest subject of a token, in characters; limits and the audit log repeat it.
pub const MAX_SUBJECT_CHARS: usize = 128;
/// Longest file of a key, in bytes: more than an RSA key of 16,384 bits takes as PEM.
const MAX_KEY_FILE_BYTES: u64 = 64 << 10;

/// The algorithm of the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum JwtAlgorithm {
    /// A shared secret: HMAC with SHA-256.
    HS256,
    /// An RSA key: PKCS #1 signatures with SHA-256.
    RS256,
    /// An Ed25519 key.
    EdDSA,
}

/// The tokens that a server accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct JwtOptions {
    /// Their algorithm. The header of a token never chooses another.
    pub algorithm: JwtAlgorithm,
    /// The file of the key: a public key as PEM, or the bytes of a secret, which its owner alone may read.
    pub key_file: PathBuf,
    /// The issuer that tokens have to name, if there is one.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The audience that tokens have to name. Without it a token for an audience is refused.
    #[serde(default)]
    pub audience: Option<String>,
}

impl JwtOptions {
    /// Tokens of this algorithm and key, of any issuer.
    pub fn new(algorithm: JwtAlgorithm, key_file: impl Into<PathBuf>) -> Self {
        Self { algorithm, key_file: key_file.into(), issuer: None, audience: None }
    }
}

/// The members of a token that count. Others are allowed, as issuers add theirs.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    role: Role,
    scope: Option<Scope>,
    tenant: Option<String>,
    collections: Option<CollectionNames>,
}

/// The check of tokens.
pub struct Tokens {
    key: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("algorithms", &self.validation.algorithms)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads the key.
    ///
    /// # Errors
    /// If the file cannot be read, is no key of the algorithm, or is a secret that is too short or that others may read.
    pub fn open(options: &JwtOptions) -> Result<Self> {
        let path = &options.key_file;
        let is_secret = options.algorithm == JwtAlgorithm::HS256;
        let bytes = read_key_file(path, is_secret, MAX_KEY_FILE_BYTES)?;
        let (algorithm, key) = match options.algorithm {
            JwtAlgorithm::HS256 => (Algorithm::HS256, secret(path, &bytes)?),
            JwtAlgorithm::RS256 => {
                (Algorithm::RS256, public(path, DecodingKey::from_rsa_pem(&bytes))?)
            }
            JwtAlgorithm::EdDSA => {
                (Algorithm::EdDSA, public(path, DecodingKey::from_ed_pem(&bytes))?)
            }
        };
        let mut validation = Validation::new(algorithm);
        // The times are checked here, by the time of the caller.
        validation.validate_exp = false;
        let mut required = vec!["exp", "sub"];
        if let Some(issuer) = &options.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = &options.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        Ok(Self { key, validation })
    }

    /// Checks a token at a time in seconds since the beginning of 1970. Its subject, role and scope become the caller.
    ///
    /// # Errors
    /// [`Denied`] with the reason.
    pub fn authenticate(
        &self,
        token: &str,
        now: u64,
    ) -> std::result::Result<Arc<Principal>, Denied> {
        let denied = |reason| Err(Denied::new(reason));
        if token.len() > MAX_TOKEN_BYTES {
            return denied(Reason::Malformed);
        }
        let claims = match decode::<Claims>(token, &self.key, &self.validation) {
            Ok(token) => token.claims,
            Err(error) => return denied(reason(error.kind())),
        };
        let now = now as f64;
        if claims.exp <= now - TOKEN_LEEWAY_SECONDS {
            return denied(Reason::Expired);
        }
        if claims.nbf.is_some_and(|start| start > now + TOKEN_LEEWAY_SECONDS) {
            return denied(Reason::NotYetValid);
        }
        match principal(claims) {
            Some(principal) => Ok(Arc::new(principal)),
            None => denied(Reason::BadClaims),
        }
    }
}

/// The caller of a token; `None` if it has no scope, or two.
fn principal(claims: Claims) -> Option<Principal> {
    let chars = claims.sub.chars().count();
    let scope = match (claims.scope, claims.tenant, claims.collections) {
        (Some(scope), None, None) => scope,
        (None, Some(tenant), collections) => {
            Scope::of_tenant(collections.unwrap_or_default(), &tenant)
        }
        _ => return None,
    };
    let valid = (1..=MAX_SUBJECT_CHARS).contains(&chars) && scope.check().is_ok();
    valid.then(|| Principal::new(claims.sub, claims.role, scope))
}

fn reason(error: &ErrorKind) -> Reason {
    match error {
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => Reason::BadSignature,
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => Reason::WrongParty,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" || claim == "aud" => {
            Reason::WrongParty
        }
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Reason::BadClaims,
        ErrorKind::Json(_) => Reason::BadClaims,
        _ => Reason::Malformed,
    }
}

fn secret(path: &Path, bytes: &[u8]) -> Result<DecodingKey> {
    // Editors and `echo` end a file with a line feed, which is no part of the secret.
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if bytes.len() < MIN_SECRET_BYTES {
        return Err(Error::invalid(format!(
            "the secret in {} has {} bytes, and HS256 takes at least {MIN_SECRET_BYTES}; make one with \
             `openssl rand -base64 32`",
            path.display(),
            bytes.len()
        )));
    }
    public(path, DecodingKey::from_secret(bytes))
}

fn public(path: &Path, key: jsonwebtoken::errors::Result<DecodingKey>) -> Result<DecodingKey> {
    key.map_err(|e| {
        Error::invalid(format!(
            "{} holds no key of the algorithm ({e}); for RS256 and EdDSA it is a public key as PEM",
            path.display()
        ))
    })
}
