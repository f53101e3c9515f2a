//! The scope of a key: collections by name, and the rows of them by a mandatory filter.

use lexivec_query::Filter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest name of a tenant, in characters; limits and the audit log repeat it.
pub const MAX_TENANT_CHARS: usize = 128;

/// The collections and rows that a caller reaches. One made by [`Scope::everything`] reaches every row of every collection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The collections.
    #[serde(default)]
    pub collections: CollectionNames,
    /// The rows of them; all if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    /// The tenant that limits and the audit log count the caller under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// The rows of a scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// The filter that is AND-ed to every read, and that every written row has to satisfy.
    pub filter: Filter,
    /// Payload keys that every written row gets, in place of what its writer has there.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub stamp: Map<String, Value>,
}

/// Collections by name. A pattern is a name, or a beginning of names followed by `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CollectionNames(Vec<String>);

impl Default for CollectionNames {
    fn default() -> Self {
        Self::all()
    }
}

impl CollectionNames {
    /// Every collection.
    pub fn all() -> Self {
        Self(vec!["*".to_owned()])
    }

    /// The collections that one of these patterns names.
    pub fn of(patterns: impl IntoIterator<Item = String>) -> Self {
        Self(patterns.into_iter().collect())
    }

    /// The patterns.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }

    /// True if every name is among them.
    pub fn is_all(&self) -> bool {
        self.0.iter().any(|pattern| pattern == "*")
    }

    /// True if a collection of this name is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => pattern == name,
        })
    }

    /// True if every collection that a pattern of `other` names is among these.
    pub fn includes(&self, other: &Self) -> bool {
        other.0.iter().all(|theirs| match theirs.strip_suffix('*') {
            Some(beginning) => self.0.iter().any(|ours| {
                ours.strip_suffix('*').is_some_and(|shorter| beginning.starts_with(shorter))
            }),
            None => self.contains(theirs),
        })
    }
}

impl Scope {
    /// Every row of every collection.
    pub fn everything() -> Self {
        Self::default()
    }

    /// The rows of one tenant: those whose payload has its name under `tenant`, which written rows get.
    pub fn of_tenant(collections: CollectionNames, tenant: &str) -> Self {
        let value: Value = tenant.into();
        let stamp: Map<String, Value> = [("tenant".to_owned(), value)].into_iter().collect();
        let filter = Filter::Eq { path: "tenant".to_owned(), value: tenant.into() };
        let rows = Some(Rows { filter, stamp });
        Self { collections, rows, tenant: Some(tenant.to_owned()) }
    }

    /// Checks the patterns and the tenant.
    ///
    /// # Errors
    /// A sentence with the reason, if a pattern can name no collection, or there is none.
    pub fn check(&self) -> Result<(), String> {
        let patterns = self.collections.patterns();
        if patterns.is_empty() {
            return Err("the scope names no collection; name some, or `*` for all".to_owned());
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = |name: &str| name.bytes().all(|byte| allowed(byte) || b"_-".contains(&byte));
        let is_pattern = |pattern: &&String| match pattern.strip_suffix('*') {
            Some(beginning) => is_name(beginning),
            None => !pattern.is_empty() && is_name(pattern),
        };
        if let Some(pattern) = patterns.iter().find(|pattern| !is_pattern(pattern)) {
            return Err(format!(
                "{pattern:?} names no collection; names have a-z, 0-9, _ and -, and a * at the end stands for the rest"
            ));
        }
        let tenant = self.tenant.as_deref().unwrap_or("-");
        if tenant.is_empty() || tenant.chars().count() > MAX_TENANT_CHARS {
            return Err(format!("a tenant has a name of 1 to {MAX_TENANT_CHARS} characters"));
        }
        Ok(())
    }

    /// True if it holds every row of its collections.
    pub fn holds_whole_collections(&self) -> bool {
        self.rows.is_none()
    }

    /// True if it holds every row of every collection.
    pub fn is_everything(&self) -> bool {
        self.rows.is_none() && self.collections.is_all()
    }

    /// True if `other` reaches nothing that this one does not: its collections are among these, and its rows are the
    /// same if these are confined. Filters are compared as they are written.
    pub fn includes(&self, other: &Self) -> bool {
        let rows = self.rows.is_none() || self.rows == other.rows;
        let tenant = self.tenant.is_none() || self.tenant == other.tenant;
        rows && tenant && self.collections.includes(&other.collections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(patterns: &[&str]) -> CollectionNames {
        CollectionNames::of(patterns.iter().map(|p| (*p).to_owned()))
    }

    #[test]
    fn patterns_name_collections() {
        for (patterns, inside, outside) in [
            (&["a"][..], &["a"][..], &["ab", "b", ""][..]),
            (&["a*"], &["a", "ab"], &["b", "ba"]),
            (&["*"], &["a", ""], &[]),
            (&["a", "b-*"], &["a", "b-1"], &["a1", "b"]),
            (&[], &[], &["a", ""]),
        ] {
            let names = names(patterns);
            for name in inside {
                assert!(names.contains(name), "{patterns:?} names {name:?}");
            }
            for name in outside {
                assert!(!names.contains(name), "{patterns:?} does not name {name:?}");
            }
        }
    }

    #[test]
    fn a_scope_includes_narrower_ones_only() {
        let patterns: &[&[&str]] =
            &[&["*"], &["a*"], &["ab*"], &["a"], &["ab", "a*"], &["b"], &[], &["a", "b"]];
        let probes = ["a", "ab", "abc", "ac", "b", "c"];
        for ours in patterns {
            for theirs in patterns {
                let (one, other) = (names(ours), names(theirs));
                // Everything the other names among the probes is named by this one, if it includes the other.
                let beyond = probes.iter().any(|p| other.contains(p) && !one.contains(p));
                assert_eq!(one.includes(&other), !beyond, "{ours:?} {theirs:?}");
            }
        }
        let all = Scope::everything();
        let one = Scope::of_tenant(names(&["a*"]), "one");
        let two = Scope::of_tenant(names(&["a*"]), "two");
        assert!(all.includes(&one) && !one.includes(&all));
        assert!(one.includes(&one) && !one.includes(&two));
        assert!(!one.includes(&Scope { rows: None, ..one.clone() }));
        assert!(!one.includes(&Scope { tenant: None, ..one.clone() }));
    }

    #[test]
    fn a_scope_is_read_back_and_members_that_are_unknown_are_refused() {
        let scope = Scope::of_tenant(names(&["a*", "b"]), "one \"quoted\"");
        let text = serde_json::to_string(&scope).expect("written");
        assert_eq!(serde_json::from_str::<Scope>(&text).expect("read"), scope);
        assert_eq!(serde_json::from_str::<Scope>("{}").expect("read"), Scope::everything());
        assert!(serde_json::from_str::<Scope>(r#"{"colections": ["a"]}"#).is_err());
    }
}
