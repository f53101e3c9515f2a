//! Profiles: settings of searches kept in the collection under names.

use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec_query::profile::Profile;

use super::Collection;
use super::shared::Shared;
use crate::error::Result;
use crate::schema::Schema;
use crate::search::unknown_profile;

/// Profiles by their names.
type Profiles = BTreeMap<String, Profile>;

impl Collection {
    /// The profiles there are, by their names.
    pub fn profiles(&self) -> Arc<BTreeMap<String, Profile>> {
        self.shared.profiles.load_full()
    }

    /// Keeps a profile under a name, in place of the one that had it; gives the generation. It is durable
    /// then: a crash leaves either the old ones or the new. Other handles see it after a
    /// [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// When the name or a setting is refused, there are too many, or the handle cannot write.
    pub fn set_profile(&self, name: &str, profile: Profile) -> Result<u64> {
        self.shared.change_profiles(|profiles| {
            profiles.insert(name.to_owned(), profile);
            Ok(())
        })
    }

    /// Removes the profile of a name; gives the generation.
    ///
    /// # Errors
    /// When there is none, or the handle cannot write.
    pub fn remove_profile(&self, name: &str) -> Result<u64> {
        self.shared.change_profiles(|profiles| match profiles.remove(name) {
            Some(_) => Ok(()),
            None => Err(unknown_profile(name, profiles)),
        })
    }
}

impl Shared {
    /// Commits the newest generation once more, with the profiles that are left by a change.
    fn change_profiles(&self, change: impl FnOnce(&mut Profiles) -> Result<()>) -> Result<u64> {
        let _maintenance = self.maintenance.lock();
        let _watch = self.poison.watch();
        self.writable()?;
        let mut profiles = (*self.profiles.load_full()).clone();
        change(&mut profiles)?;
        let schema = Schema { profiles, ..(*self.schema).clone() };
        schema.validate()?;
        let number = self.commit_schema(Some(schema.to_bytes()?))?;
        self.profiles.store(Arc::new(schema.profiles));
        Ok(number)
    }
}
