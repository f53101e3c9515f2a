//! The caller of a request, once its key or token is checked.

use crate::role::{Reach, Role, Verb};
use crate::scope::Scope;

/// A caller: its name, role and scope.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Principal {
    /// The id of the key, or the subject of the token. It is no secret.
    pub id: String,
    /// The name that was given to the key; empty for tokens.
    pub name: String,
    /// Its role, which allows verbs.
    pub role: Role,
    /// The collections and rows that it reaches.
    pub scope: Scope,
}

/// Why a caller may not do a verb. It depends on the caller and the verb alone, so that it says nothing about what
/// exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Its role is too low.
    #[error("this takes the role {least} or a higher one; the key has the role {role}")]
    Role {
        /// The least role that may do it.
        least: Role,
        /// The role of the caller.
        role: Role,
    },
    /// It holds some rows of its collections, and the verb is about all of them.
    #[error(
        "this is about all rows of a collection, and the key is confined to those that its filter admits"
    )]
    SomeRows,
    /// It does not hold every collection, and the verb is about the server.
    #[error(
        "this is about the whole server, and the key is confined to a part of its collections or rows"
    )]
    SomeCollections,
}

impl Principal {
    /// A caller.
    pub fn new(id: impl Into<String>, role: Role, scope: Scope) -> Self {
        Self { id: id.into(), name: String::new(), role, scope }
    }

    /// The caller of a server that asks for no keys: it may do everything.
    pub fn anyone() -> Self {
        Self::new("", Role::SiteAdmin, Scope::everything())
    }

    /// Checks that it may do a verb, whatever the collection.
    ///
    /// # Errors
    /// [`Refused`] with the reason.
    pub fn may(&self, verb: Verb) -> Result<(), Refused> {
        match verb.least_role() {
            Some(least) if self.role < least => {
                return Err(Refused::Role { least, role: self.role });
            }
            _ => {}
        }
        match verb.reach() {
            Reach::Collection if !self.scope.holds_whole_collections() => Err(Refused::SomeRows),
            Reach::Server if !self.scope.is_everything() => Err(Refused::SomeCollections),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::CollectionNames;

    #[test]
    fn a_caller_may_do_what_its_role_and_scope_allow() {
        let tenant = || Scope::of_tenant(CollectionNames::all(), "one");
        let named =
            || Scope { collections: CollectionNames::of(["a".to_owned()]), ..Scope::everything() };
        for role in Role::ALL {
            for verb in Verb::ALL {
                let high = verb.least_role().is_none_or(|least| role >= least);
                for (scope, reach) in [
                    (tenant(), Reach::Rows),
                    (named(), Reach::Collection),
                    (Scope::everything(), Reach::Server),
                ] {
                    let may = Principal::new("k", role, scope).may(verb);
                    assert_eq!(
                        may.is_ok(),
                        high && verb.reach() <= reach,
                        "{role} {verb} {reach:?}"
                    );
                    assert_eq!(matches!(may, Err(Refused::Role { .. })), !high, "{role} {verb}");
                }
            }
        }
        for verb in Verb::ALL {
            assert_eq!(Principal::anyone().may(verb), Ok(()));
        }
    }
}
