//! The scope of a writer: the rows it may touch, and the payload keys that it stamps.

use lexivec_query::Filter;
use serde_json::{Map, Value};

use crate::document::Document;
use crate::error::{DocumentFault, Error, Result};
use crate::generation::{Generation, admits};
use crate::schema::Schema;

/// A mandatory filter of writes, and the payload keys that every written row gets.
#[derive(Clone, Debug)]
pub(super) struct WriteScope {
    filter: Filter,
    stamp: Map<String, Value>,
}

impl WriteScope {
    pub(super) fn new(filter: Filter, stamp: Map<String, Value>) -> Self {
        Self { filter, stamp }
    }

    /// The scope within this one. Keys that are stamped already keep their values.
    pub(super) fn narrowed(self, filter: Filter, mut stamp: Map<String, Value>) -> Self {
        let filter = self.with(&filter);
        stamp.extend(self.stamp);
        Self { filter, stamp }
    }

    /// A filter within the scope.
    pub(super) fn with(&self, filter: &Filter) -> Filter {
        Filter::And(vec![self.filter.clone(), filter.clone()])
    }

    /// Puts the stamp's keys in the payload of every document.
    pub(super) fn stamp(&self, documents: &mut [Document]) {
        for document in documents {
            let stamp = self.stamp.iter().map(|(key, value)| (key.clone(), value.clone()));
            document.payload.extend(stamp);
        }
    }

    /// True for a document within the scope.
    pub(super) fn admits(&self, schema: &Schema, document: &Document) -> Result<bool> {
        admits(schema, &self.filter, document)
    }

    /// Refuses a batch with a document that would lie outside the scope: its writer could not read it.
    pub(super) fn check(&self, schema: &Schema, documents: &[Document]) -> Result<()> {
        for (position, document) in documents.iter().enumerate() {
            if !self.admits(schema, document)? {
                return refuse(documents, Some(position), DocumentFault::OutsideScope);
            }
        }
        Ok(())
    }

    /// Refuses a batch that would replace a row outside the scope.
    pub(super) fn check_replaced(
        &self,
        view: &Generation,
        schema: &Schema,
        documents: &[Document],
    ) -> Result<()> {
        let mut outside = None;
        for (position, document) in documents.iter().enumerate() {
            if self.of_id(view, schema, &document.id)? == Some(false) {
                outside = Some(position);
                break;
            }
        }
        refuse(documents, outside, DocumentFault::NotThere)
    }

    /// True for an id whose row is within the scope, false for one outside; `None` if no row has it.
    pub(super) fn of_id(
        &self,
        view: &Generation,
        schema: &Schema,
        id: &str,
    ) -> Result<Option<bool>> {
        let Some(address) = view.find(id)? else { return Ok(None) };
        self.admits(schema, &view.document(schema, address)?).map(Some)
    }

    /// The ids whose rows are within the scope.
    pub(super) fn only_admitted<'i>(
        &self,
        view: &Generation,
        schema: &Schema,
        ids: &[&'i str],
    ) -> Result<Vec<&'i str>> {
        let mut admitted = Vec::new();
        for id in ids {
            if self.of_id(view, schema, id)? == Some(true) {
                admitted.push(*id);
            }
        }
        Ok(admitted)
    }
}

/// Refuses a batch for the fault of the document at a position, if there is one.
fn refuse(documents: &[Document], at: Option<usize>, fault: DocumentFault) -> Result<()> {
    match at.and_then(|position| Some((position, documents.get(position)?))) {
        None => Ok(()),
        Some((position, document)) => Err(Error::document(position, &document.id, fault)),
    }
}
