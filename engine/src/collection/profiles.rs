//! Profiles: settings of searches kept in the collection under names.

use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec_query::profile::Profile;

use super::Collection;
use super::shared::Shared;
use crate::error::Result;
use crate::search::unknown_profile;

/// Profiles by name.
type Profiles = BTreeMap<String, Profile>;

impl Collection {
    /// The stored profiles, by name.
    pub fn profiles(&self) -> Arc<BTreeMap<String, Profile>> {
        self.shared.profiles.load_full()
    }

    /// Stores a profile under a name, replacing the one of that name; returns the generation. It is
    /// durable: a crash leaves either the old profiles or the new ones. Other handles see it after a
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

    /// Removes the profile of a name; returns the generation.
    ///
    /// # Errors
    /// When there is no such profile, or the handle cannot write.
    pub fn remove_profile(&self, name: &str) -> Result<u64> {
        self.shared.change_profiles(|profiles| match profiles.remove(name) {
            Some(_) => Ok(()),
            None => Err(unknown_profile(name, profiles)),
        })
    }
}

impl Shared {
    /// Commits the newest generation once more, with changed profiles.
    fn change_profiles(&self, change: impl FnOnce(&mut Profiles) -> Result<()>) -> Result<u64> {
        let _maintenance = self.maintenance.lock();
        let _guard = self.poison.panic_guard();
        self.writable()?;
        let mut schema = self.present_schema();
        change(&mut schema.profiles)?;
        schema.validate()?;
        let number = self.commit_schema(Some(schema.to_bytes()?))?;
        self.profiles.store(Arc::new(schema.profiles));
        Ok(number)
    }
}
