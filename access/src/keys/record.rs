//! One key as the database keeps it, and as lists show it.

use std::time::{SystemTime, UNIX_EPOCH};

use lexivec_query::timestamp::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::role::Role;
use crate::scope::Scope;

/// A key in the file of keys. Times are seconds since the beginning of 1970 in UTC.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    /// The SHA-256 of the secret, in hexadecimal digits.
    pub(crate) sha256: String,
    pub(crate) created: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked: Option<u64>,
    /// The key in whose place this one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaces: Option<String>,
}

impl Record {
    pub(crate) fn state(&self, now: u64) -> KeyState {
        KeyState::at(self.expires, self.revoked, now)
    }

    pub(crate) fn is_live(&self, now: u64) -> bool {
        self.state(now) == KeyState::Live
    }

    /// The time at which it stopped to be live, or will.
    pub(crate) fn end(&self) -> u64 {
        self.revoked.into_iter().chain(self.expires).min().unwrap_or(u64::MAX)
    }
}

/// The state of a key at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyState {
    /// It is accepted.
    Live,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyState {
    pub(crate) fn at(expires: Option<u64>, revoked: Option<u64>, now: u64) -> Self {
        if revoked.is_some() {
            return Self::Revoked;
        }
        if expires.is_some_and(|expires| now >= expires) { Self::Expired } else { Self::Live }
    }

    /// The state in the words of lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A key without its secret and its hash. Serialised, times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// The beginning of its text, `lxv_` and the id.
    pub prefix: String,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its scope.
    pub scope: Scope,
    /// Its state at the time of the question.
    pub state: KeyState,
    /// Its creation, in seconds since the beginning of 1970.
    #[serde(serialize_with = "moment")]
    pub created: u64,
    /// The first second at which it is refused.
    #[serde(serialize_with = "some_moment", skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Its revocation.
    #[serde(serialize_with = "some_moment", skip_serializing_if = "Option::is_none")]
    pub revoked: Option<u64>,
    /// The key that it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Its last use that is known on disk; a server writes these now and then.
    #[serde(serialize_with = "some_moment", skip_serializing_if = "Option::is_none")]
    pub last_used: Option<u64>,
}

impl KeyInfo {
    pub(crate) fn of(record: &Record, last_used: Option<u64>, now: u64) -> Self {
        Self {
            id: record.id.clone(),
            prefix: super::secret::prefix(&record.id),
            name: record.name.clone(),
            role: record.role,
            scope: record.scope.clone(),
            state: record.state(now),
            created: record.created,
            expires: record.expires,
            revoked: record.revoked,
            replaces: record.replaces.clone(),
            last_used,
        }
    }
}

/// RFC 3339 of seconds since the beginning of 1970.
pub fn rfc3339(seconds: u64) -> String {
    Timestamp::of_unix(i64::try_from(seconds).unwrap_or(i64::MAX)).to_string()
}

/// The seconds from the beginning of 1970 to a time; zero for times before.
pub fn seconds_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The seconds since the beginning of 1970 of a time in RFC 3339; `None` for another text, and for times before.
pub fn unix_seconds(text: &str) -> Option<u64> {
    u64::try_from(Timestamp::parse(text)?.unix()).ok()
}

fn moment<S: Serializer>(seconds: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*seconds))
}

fn some_moment<S: Serializer>(seconds: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => moment(seconds, serializer),
        None => serializer.serialize_none(),
    }
}
