//! An entry of the audit log: its 13 members, and their bounds.

use std::fmt;
use std::time::SystemTime;

use lexivec_query::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest user agent in an entry, in characters; clients choose theirs freely.
pub const MAX_USER_AGENT_CHARS: usize = 256;
/// Longest description in an entry, in characters: a few lines.
pub const MAX_DESCRIPTION_CHARS: usize = 1_024;
/// Longest of the other texts in an entry, in characters: the longest name of an address of mail has 254.
pub const MAX_MEMBER_CHARS: usize = 256;

/// The weight of an act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// An act of every day.
    #[default]
    Low,
    /// A change of settings, or a refusal.
    Medium,
    /// A change that cannot be undone, or one of access.
    High,
}

impl Severity {
    /// The severity as entries have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One act. A member that is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// A random identifier (a UUID).
    pub event_id: String,
    /// The act, as `key.create`.
    pub action: String,
    /// Its time: RFC 3339 in UTC, to the millisecond.
    pub timestamp: String,
    /// The id of the key, or the subject of the token, of the caller; `cli` for the command.
    pub user_id: String,
    /// The name of the caller.
    pub user_name: String,
    /// The address of the caller.
    pub user_email: String,
    /// The tenant of the caller.
    pub organization_id: String,
    /// The kind of thing that was acted on, as `collection` or `key`.
    pub target_resource_type: String,
    /// The thing: its name or id.
    pub target_resource: String,
    /// The act in words.
    pub description: String,
    /// The address of the peer.
    pub ip_address: String,
    /// The program of the peer, as it names itself.
    pub user_agent: String,
    /// The weight of the act.
    pub severity: Severity,
}

impl Entry {
    /// The names of the members, in their order.
    pub const MEMBERS: [&str; 13] = [
        "event_id",
        "action",
        "timestamp",
        "user_id",
        "user_name",
        "user_email",
        "organization_id",
        "target_resource_type",
        "target_resource",
        "description",
        "ip_address",
        "user_agent",
        "severity",
    ];

    /// An entry of an act at a time, with a new identifier; the other members are empty, and the severity is low.
    pub fn new(action: impl Into<String>, at: SystemTime) -> Self {
        Self {
            event_id: uuid::Uuid::new_v4().to_string(),
            action: action.into(),
            timestamp: Timestamp::of_system(at).to_string(),
            ..Self::default()
        }
    }

    /// The members, in their order.
    pub fn members(&self) -> [&str; 13] {
        [
            &self.event_id,
            &self.action,
            &self.timestamp,
            &self.user_id,
            &self.user_name,
            &self.user_email,
            &self.organization_id,
            &self.target_resource_type,
            &self.target_resource,
            &self.description,
            &self.ip_address,
            &self.user_agent,
            self.severity.name(),
        ]
    }

    /// The entry with each text cut to its bound.
    pub(crate) fn bounded(mut self) -> Self {
        for text in [
            &mut self.event_id,
            &mut self.action,
            &mut self.timestamp,
            &mut self.user_id,
            &mut self.user_name,
            &mut self.user_email,
            &mut self.organization_id,
            &mut self.target_resource_type,
            &mut self.target_resource,
            &mut self.ip_address,
        ] {
            cut(text, MAX_MEMBER_CHARS);
        }
        cut(&mut self.description, MAX_DESCRIPTION_CHARS);
        cut(&mut self.user_agent, MAX_USER_AGENT_CHARS);
        self
    }
}

fn cut(text: &mut String, chars: usize) {
    if let Some((end, _)) = text.char_indices().nth(chars) {
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_its_members_within_their_bounds() {
        let long = "é".repeat(2_000);
        let entry = Entry {
            user_agent: long.clone(),
            description: long.clone(),
            target_resource: long,
            severity: Severity::High,
            ..Entry::new("key.create", SystemTime::UNIX_EPOCH)
        }
        .bounded();
        let chars = |text: &str| text.chars().count();
        assert_eq!(
            [&entry.user_agent, &entry.description, &entry.target_resource].map(|t| chars(t)),
            [MAX_USER_AGENT_CHARS, MAX_DESCRIPTION_CHARS, MAX_MEMBER_CHARS]
        );
        let json = serde_json::to_value(&entry).expect("json");
        let object = json.as_object().expect("an object");
        assert_eq!(object.len(), Entry::MEMBERS.len());
        for (name, member) in Entry::MEMBERS.into_iter().zip(entry.members()) {
            assert_eq!(object.get(name).and_then(|v| v.as_str()), Some(member), "{name}");
        }
        assert_eq!(entry.timestamp, "1970-01-01T00:00:00Z");
    }
}
