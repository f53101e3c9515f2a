//! The query adapters of a collection, by version, and their application to a query's vector.

use std::collections::BTreeMap;

use lexivec_eval::compare::PairedTest;
use lexivec_query::SearchRequest;
use lexivec_query::request::AdapterChoice;
use serde::{Deserialize, Serialize};

use super::adapter::Adapter;
use crate::error::{Error, Result, corrupt};
use crate::schema::Schema;
use crate::vector::distance::normalize;

/// The examination of an adapter: nDCG@10 of exact vector search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AdapterValidation {
    /// Number of queries.
    pub queries: usize,
    /// Number of triplets trained on.
    #[serde(rename = "lessons")]
    pub triplets: usize,
    /// Mean without an adapter.
    pub before: f64,
    /// Mean with adapters that were trained without the query's fold, averaged over several splits.
    pub after: f64,
    /// Paired test of the differences `after - before`, query by query.
    pub test: PairedTest,
    /// True if the gain is [`MIN_GAIN`](crate::MIN_GAIN) or more and its p-value below
    /// [`SIGNIFICANCE`](lexivec_eval::tune::SIGNIFICANCE).
    pub passed: bool,
}

/// Description of a stored adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AdapterInfo {
    /// Its version, from 1.
    pub version: u32,
    /// The vector field whose queries it changes.
    pub field: String,
    /// The identity of the model that made the vectors it was trained on, if a model did: its hash, and that of its
    /// canaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its gain on queries that had no part in its training.
    #[serde(rename = "exam")]
    pub validation: AdapterValidation,
    /// True for the adapter that applies to requests that name none.
    #[serde(skip_deserializing)]
    pub active: bool,
}

/// An adapter as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredAdapter {
    pub(crate) info: AdapterInfo,
    pub(crate) adapter: Adapter,
}

impl StoredAdapter {
    /// True if it changes queries of a vector field as the schema has it.
    pub(crate) fn fits(&self, schema: &Schema) -> bool {
        let field = schema.vectors.iter().find(|f| f.name == self.info.field);
        field.is_some_and(|f| {
            f.dim == self.adapter.dim() && self.info.model == schema.model_of(&f.name)
        }) && self.adapter.is_sound()
    }
}

/// The adapters that fit a collection's vectors.
#[derive(Debug, Default)]
pub(crate) struct Adapters {
    active: Option<u32>,
    stored: BTreeMap<u32, StoredAdapter>,
    /// The reason that they cannot be read, if so; there are none then.
    fault: Option<String>,
}

impl Adapters {
    /// The stored adapters that fit the schema.
    pub(crate) fn new(stored: Vec<StoredAdapter>, active: Option<u32>, schema: &Schema) -> Self {
        let fitting = stored.into_iter().filter(|stored| stored.fits(schema));
        let stored: BTreeMap<u32, StoredAdapter> =
            fitting.map(|stored| (stored.info.version, stored)).collect();
        let active = active.filter(|version| stored.contains_key(version));
        Self { active, stored, fault: None }
    }

    /// Adapters that cannot be read, for this reason.
    pub(crate) fn unreadable(reason: String) -> Self {
        Self { fault: Some(reason), ..Self::default() }
    }

    /// The reason that they cannot be read, if so.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Fails if they cannot be read.
    fn readable(&self) -> Result<()> {
        match &self.fault {
            Some(fault) => Err(corrupt("learning", "", fault.clone())),
            None => Ok(()),
        }
    }

    /// Changes a query's vector as the request asks; returns the version.
    pub(crate) fn apply(
        &self,
        request: &SearchRequest,
        field: &str,
        vector: &mut [f32],
    ) -> Result<Option<u32>> {
        let (version, named) = match request.adapter {
            AdapterChoice::Off => return Ok(None),
            AdapterChoice::Active => (self.active, false),
            AdapterChoice::Version(version) => {
                self.readable()?;
                (Some(version), true)
            }
        };
        let Some(version) = version else { return Ok(None) };
        let fits = |stored: &&StoredAdapter| {
            stored.info.field == field && stored.adapter.dim() == vector.len()
        };
        match self.stored.get(&version).filter(fits) {
            Some(stored) => {
                // Adapted at unit length, like in training, then scaled back to its length.
                let length =
                    vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt() as f32;
                let adapted = stored.adapter.apply(&normalize(vector));
                vector.iter_mut().zip(adapted).for_each(|(to, x)| *to = x * length);
                Ok(Some(version))
            }
            None if named => {
                let known: Vec<&u32> = self.stored.keys().collect();
                let detail =
                    format!("no version {version} for field {field:?}; there are {known:?}");
                Err(Error::invalid("adapter", detail))
            }
            None => Ok(None),
        }
    }

    /// Refuses a version that does not exist.
    pub(crate) fn known(&self, version: u32) -> Result<()> {
        self.readable()?;
        if self.stored.contains_key(&version) {
            return Ok(());
        }
        let known: Vec<&u32> = self.stored.keys().collect();
        Err(Error::invalid("adapter", format!("no version {version}; there are {known:?}")))
    }

    /// All of them, by version.
    pub(crate) fn list(&self) -> Result<Vec<AdapterInfo>> {
        self.readable()?;
        let info = |stored: &StoredAdapter| {
            let active = self.active == Some(stored.info.version);
            AdapterInfo { active, ..stored.info.clone() }
        };
        Ok(self.stored.values().map(info).collect())
    }
}
