//! The query adapters that a handle applies, read from the learning store.

use std::sync::Arc;

use super::Collection;
use super::records::{read_all, record};
use super::siblings::LEARNING;
use crate::error::{Error, Result};
use crate::model::adapter::Adapter;
use crate::model::adapters::{AdapterInfo, AdapterValidation, Adapters, StoredAdapter};
use crate::schema::Schema;

/// Kind of the records that hold an adapter.
const ADAPTER: &str = "adapter";
/// Kind and id of the record that names the active adapter.
const ACTIVE: &str = "active";
/// Kind and id of the record that has the last assigned version, so that no version is assigned twice.
const LAST: &str = "last";

fn id_of(version: u32) -> String {
    format!("{ADAPTER}-{version:010}")
}

/// The adapters that fit the collection's present vectors.
fn read_adapters(store: &Collection, schema: &Schema) -> Result<Adapters> {
    let stored = read_all::<StoredAdapter>(store, ADAPTER)?;
    let active = read_all::<u32>(store, ACTIVE)?.pop();
    Ok(Adapters::new(stored, active, schema))
}

impl Collection {
    /// Reads the adapters again. If they cannot be read, searches apply none and say so.
    pub(super) fn load_adapters(&self) {
        if let Err(error) = self.reload_adapters() {
            let reason = format!("the learning store: {error}");
            self.adapters.store(Arc::new(Adapters::unreadable(reason)));
        }
    }

    fn reload_adapters(&self) -> Result<()> {
        let read = self.read_sibling(LEARNING, |store| read_adapters(store, self.schema()))?;
        self.adapters.store(Arc::new(read.unwrap_or_default()));
        Ok(())
    }

    /// Stores an adapter durably under a new version, which it returns. It is not active.
    pub(crate) fn add_adapter(
        &self,
        field: &str,
        validation: AdapterValidation,
        adapter: Adapter,
    ) -> Result<u32> {
        let version = {
            let store = self.sibling_store(LEARNING)?;
            let version = read_all::<u32>(&store, LAST)?.pop().unwrap_or(0) + 1;
            let (field, model) = (field.to_owned(), self.schema().model_of(field));
            let info = AdapterInfo { version, field, model, validation, active: false };
            let stored = record(id_of(version), ADAPTER, &StoredAdapter { info, adapter })?;
            store.upsert(vec![stored, record(LAST.to_owned(), LAST, &version)?])?;
            version
        };
        self.reload_adapters()?;
        Ok(version)
    }

    /// The stored adapters that fit the collection's vectors, by version.
    ///
    /// # Errors
    /// [`Corrupt`](lexivec_storage::Error::Corrupt) when their store is damaged, missing or another collection's.
    pub fn adapters(&self) -> Result<Vec<AdapterInfo>> {
        self.adapters.load().list()
    }

    /// Applies an adapter to all queries that name none, from the next search on; `None` applies no adapter.
    ///
    /// # Errors
    /// When there is no such version, or the handle cannot write.
    pub fn activate_adapter(&self, version: Option<u32>) -> Result<()> {
        self.shared.writable()?;
        // A refusal does not create the folder.
        if let Some(store) = self.existing_store(LEARNING)? {
            match version {
                Some(version) => {
                    read_adapters(&store, self.schema())?.known(version)?;
                    store.upsert(vec![record(ACTIVE.to_owned(), ACTIVE, &version)?])?;
                }
                None => {
                    store.delete(&[ACTIVE])?;
                }
            }
        } else if let Some(version) = version {
            Adapters::default().known(version)?;
        }
        self.reload_adapters()
    }

    /// Deletes an adapter.
    ///
    /// # Errors
    /// When there is no such version, it is the active one, or the handle cannot write.
    pub fn delete_adapter(&self, version: u32) -> Result<()> {
        self.shared.writable()?;
        let Some(store) = self.existing_store(LEARNING)? else {
            return Adapters::default().known(version);
        };
        // Adapters of earlier models are deleted as well, though no search can name them.
        if store.get(&id_of(version))?.is_none() {
            read_adapters(&store, self.schema())?.known(version)?;
        }
        if read_all::<u32>(&store, ACTIVE)?.contains(&version) {
            let detail = format!(
                "version {version} is active; activate another version, or no version, first"
            );
            return Err(Error::invalid("adapter", detail));
        }
        store.delete(&[id_of(version)])?;
        drop(store);
        self.reload_adapters()
    }
}
