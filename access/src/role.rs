//! Roles, and the verbs that each of them may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A role. Each may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Searches and reads.
    Reader,
    /// Writes and deletes documents.
    Writer,
    /// Creates, configures, maintains and drops collections; makes keys within its own scope.
    Admin,
    /// Administers the server.
    SiteAdmin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Writer, Self::Admin, Self::SiteAdmin];

    /// The name of the role in files, flags and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Admin => "admin",
            Self::SiteAdmin => "site_admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.name() == name);
        role.ok_or_else(|| {
            format!("{name:?} is no role; the roles are reader, writer, admin and site_admin")
        })
    }
}

/// The part of a database that a caller has to hold before it may do a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Some rows: the verb touches those of the caller alone.
    Rows,
    /// Every row of the collection: the verb shows or changes what all of its rows share.
    Collection,
    /// Every collection: the verb is about the server.
    Server,
}

impl Reach {
    /// The reach in the words of the documentation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Collection => "whole collection",
            Self::Server => "whole server",
        }
    }
}

/// An act that a request asks for, as far as access is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// Asks whether the server lives, or for a file of its page; needs no key.
    Open,
    /// Lists collections, describes one.
    Describe,
    /// Searches, reads, counts and measures rows.
    Search,
    /// Uses a model of the server for the caller's own texts.
    UseModel,
    /// Shows what the rows of a collection share: profiles, synonyms, adapters, snapshots.
    ShowSettings,
    /// Reads the counters of the server.
    ReadMetrics,
    /// Writes, changes and deletes rows.
    Write,
    /// Stores feedback, which all searches of the collection share.
    Learn,
    /// Changes profiles, synonyms and adapters.
    Configure,
    /// Flushes, compacts, verifies, keeps snapshots.
    Maintain,
    /// Creates a collection.
    Create,
    /// Drops a collection.
    Drop,
    /// Makes, lists and revokes keys.
    ManageKeys,
    /// Reads the audit log.
    ReadAudit,
    /// Reads the statistics of the server.
    ReadStats,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 15] = [
        Self::Open,
        Self::Describe,
        Self::Search,
        Self::UseModel,
        Self::ShowSettings,
        Self::ReadMetrics,
        Self::Write,
        Self::Learn,
        Self::Configure,
        Self::Maintain,
        Self::Create,
        Self::Drop,
        Self::ManageKeys,
        Self::ReadAudit,
        Self::ReadStats,
    ];

    /// The least role that may do it; `None` if no key is needed.
    pub fn least_role(self) -> Option<Role> {
        match self {
            Self::Open => None,
            Self::Describe
            | Self::Search
            | Self::UseModel
            | Self::ShowSettings
            | Self::ReadMetrics => Some(Role::Reader),
            Self::Write | Self::Learn => Some(Role::Writer),
            Self::Configure
            | Self::Maintain
            | Self::Create
            | Self::Drop
            | Self::ManageKeys
            | Self::ReadAudit => Some(Role::Admin),
            Self::ReadStats => Some(Role::SiteAdmin),
        }
    }

    /// The part of the database that its caller has to hold.
    pub fn reach(self) -> Reach {
        match self {
            Self::Open
            | Self::Describe
            | Self::Search
            | Self::UseModel
            | Self::Write
            | Self::ManageKeys
            | Self::ReadAudit => Reach::Rows,
            Self::ShowSettings
            | Self::Learn
            | Self::Configure
            | Self::Maintain
            | Self::Create
            | Self::Drop => Reach::Collection,
            Self::ReadMetrics | Self::ReadStats => Reach::Server,
        }
    }

    /// True for a verb that the audit log has, whether it was done or refused.
    pub fn is_administrative(self) -> bool {
        matches!(
            self,
            Self::Configure
                | Self::Maintain
                | Self::Create
                | Self::Drop
                | Self::ManageKeys
                | Self::ReadAudit
        )
    }

    /// The verb in the words of the documentation and the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Describe => "describe",
            Self::Search => "search",
            Self::UseModel => "use_model",
            Self::ShowSettings => "show_settings",
            Self::ReadMetrics => "read_metrics",
            Self::Write => "write",
            Self::Learn => "learn",
            Self::Configure => "configure",
            Self::Maintain => "maintain",
            Self::Create => "create",
            Self::Drop => "drop",
            Self::ManageKeys => "manage_keys",
            Self::ReadAudit => "read_audit",
            Self::ReadStats => "read_stats",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_read_back() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
            let json = serde_json::to_value(role).expect("serialised");
            assert_eq!(json, role.name());
        }
        assert!("root".parse::<Role>().expect_err("refused").contains("site_admin"));
    }

    #[test]
    fn one_verb_is_open_and_names_differ() {
        let open: Vec<Verb> = Verb::ALL.into_iter().filter(|v| v.least_role().is_none()).collect();
        assert_eq!(open, [Verb::Open]);
        let names: std::collections::BTreeSet<_> = Verb::ALL.iter().map(|v| v.name()).collect();
        assert_eq!(names.len(), Verb::ALL.len());
    }
}
