//! Profiles: settings of searches kept in the collection under names, and the floor of one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec_eval::statistics::percentile;
use lexivec_query::Hit;
use lexivec_query::profile::Profile;
use lexivec_query::request::ConfidenceFloor;
use lexivec_query::request::{Leg, Mode, SearchRequest};

use super::Collection;
use super::shared::Shared;
use crate::error::{Error, Result};
use crate::schema::Schema;

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
            None => Err(unknown(name, profiles)),
        })
    }

    /// The floor that `share` of these queries stay below, which are to have no answer in the collection:
    /// the quantile of the best scores that a leg finds for them. So about (1 - share) of such queries
    /// pass for answered, whatever the rows; how many answered ones do not is not known from these.
    /// A query for which BM25 finds nothing counts as 0.
    ///
    /// # Errors
    /// When a query is refused, none has a hit, or the share is not from 0 to 1.
    pub fn calibrate_floor(
        &self,
        unanswered: &[SearchRequest],
        leg: Leg,
        share: f64,
    ) -> Result<ConfidenceFloor> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::invalid("share", "a number from 0 to 1 is expected"));
        }
        let mode = if leg == Leg::Text { Mode::Text } else { Mode::Vector };
        // As the profile of each has the leg, and that alone.
        let alone = |request: &SearchRequest| -> Result<SearchRequest> {
            let mut alone = self.resolve(request)?.ranking_only().mode(mode).limit(1);
            alone.profile = None;
            Ok(alone)
        };
        let requests = unanswered.iter().map(alone).collect::<Result<Vec<_>>>()?;
        let answers = self.search_many(&requests)?;
        let none = (leg == Leg::Text).then_some(0.0);
        // A floor is compared with what the leg itself gives.
        let raw = |hit: &Hit| hit.ledger.contributions.first().map(|part| part.score);
        let best = answers.iter().filter_map(|a| a.hits.first().and_then(raw).or(none));
        let best: Vec<f64> = best.collect();
        if best.is_empty() {
            return Err(Error::invalid("floor", "no query has a hit whose score could be taken"));
        }
        Ok(ConfidenceFloor { leg, score: percentile(&best, share * 100.0) })
    }

    /// The request with the settings of the profile it names.
    pub(super) fn resolve<'r>(&self, request: &'r SearchRequest) -> Result<Cow<'r, SearchRequest>> {
        let Some(name) = &request.profile else { return Ok(Cow::Borrowed(request)) };
        let profiles = self.shared.profiles.load();
        let profile = profiles.get(name).ok_or_else(|| unknown(name, &profiles))?;
        let mut request = request.clone();
        profile.apply(&mut request);
        Ok(Cow::Owned(request))
    }

    /// The same of many requests.
    pub(super) fn resolve_all<'r>(
        &self,
        requests: &'r [SearchRequest],
    ) -> Result<Cow<'r, [SearchRequest]>> {
        if requests.iter().all(|request| request.profile.is_none()) {
            return Ok(Cow::Borrowed(requests));
        }
        let resolved = requests.iter().enumerate().map(|(place, request)| {
            Ok(self.resolve(request).map_err(|e| e.of_request(place))?.into_owned())
        });
        Ok(Cow::Owned(resolved.collect::<Result<_>>()?))
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

fn unknown(name: &str, profiles: &Profiles) -> Error {
    let known: Vec<&String> = profiles.keys().collect();
    let detail = format!("{name:?} is not known; the collection has {known:?}");
    Error::Request(lexivec_query::Error::Invalid { at: "profile".to_owned(), detail })
}
