//! Synonyms of a collection, kept in its schema as profiles are.

use std::sync::Arc;

use lexivec_query::Synonyms;

use super::Collection;
use super::shared::Shared;
use crate::error::Result;
use crate::text::SynonymTable;

impl Collection {
    /// The synonyms of the collection, empty if it has none.
    pub fn synonyms(&self) -> Synonyms {
        self.shared.synonyms.load().source().clone()
    }

    /// Gives the collection these synonyms in place of those it had; returns the generation. It is durable: a crash
    /// leaves either the old synonyms or the new ones. Searches that begin afterwards expand their plain words by
    /// them; other handles see them after a [`refresh`](Self::refresh). Nothing is indexed again.
    ///
    /// # Errors
    /// When an entry has no word that is indexed, or too many; or the handle cannot write.
    pub fn set_synonyms(&self, synonyms: Synonyms) -> Result<u64> {
        self.shared.change_synonyms(synonyms)
    }

    /// Removes the synonyms; returns the generation.
    ///
    /// # Errors
    /// When the handle cannot write.
    pub fn remove_synonyms(&self) -> Result<u64> {
        self.shared.change_synonyms(Synonyms::default())
    }
}

impl Shared {
    /// Commits the newest generation once more, with other synonyms.
    fn change_synonyms(&self, synonyms: Synonyms) -> Result<u64> {
        let _maintenance = self.maintenance.lock();
        let _guard = self.poison.panic_guard();
        self.writable()?;
        let table = SynonymTable::new(synonyms.clone(), &self.schema.indexed_fields())?;
        let mut schema = self.present_schema();
        schema.synonyms = synonyms;
        let number = self.commit_schema(Some(schema.to_bytes()?))?;
        self.synonyms.store(Arc::new(table));
        Ok(number)
    }
}
