//! Rows of a live segment that a filter admits, and counts of them by their values.

use std::cell::RefCell;
use std::sync::Arc;

use lexivec_query::facets::Tally;
use lexivec_query::filter::{Filter, Row};
use serde_json::Value;

use super::LiveSegment;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::rows::RowSet;
use crate::schema::{Schema, TextField};
use crate::segment::Segment;
use crate::text::{StoredFields, has_all_words};

impl LiveSegment {
    /// Live rows that a filter admits.
    pub(crate) fn matching(&self, schema: &Schema, filter: &Filter) -> Result<Arc<RowSet>> {
        let stored = Rows { segment: &self.segment, schema };
        self.segment.columns.matching(filter, &self.alive, &stored)
    }

    /// Counts rows by their values at a payload path.
    pub(crate) fn count_values(
        &self,
        schema: &Schema,
        path: &str,
        wanted: &RowSet,
        tally: &mut Tally,
    ) -> Result<()> {
        let stored = Rows { segment: &self.segment, schema };
        self.segment.columns.count_values(path, wanted, &stored, tally)
    }
}

/// The stored fields of a segment, for filters on values that columns do not hold.
struct Rows<'a> {
    segment: &'a Segment,
    schema: &'a Schema,
}

impl StoredFields for Rows<'_> {
    fn payload(&self, row: u32) -> Result<Value> {
        self.segment.documents.payload(self.schema, row)
    }

    fn id(&self, row: u32) -> Result<&str> {
        self.segment.documents.id(row)
    }

    fn row_of(&self, id: &str) -> Result<Option<u32>> {
        self.segment.documents.row_of(id)
    }

    fn rows_with(&self, field: Option<&str>, words: &str) -> Result<RowSet> {
        let fields = self.schema.indexed_fields();
        if let Some(name) = field.filter(|name| fields.iter().all(|f| f.name != *name)) {
            return Err(unknown_text_field(name, fields));
        }
        let searched = if field.is_some() { fields.len() } else { self.schema.searched_fields() };
        self.segment.text().rows_with(fields.get(..searched).unwrap_or_default(), field, words)
    }
}

/// The error of a filter by the words of a text field that is not indexed.
fn unknown_text_field(name: &str, fields: Vec<TextField>) -> Error {
    Error::Request(lexivec_query::Error::UnknownField {
        at: "filter: $text".to_owned(),
        kind: "text",
        name: name.to_owned(),
        known: fields.into_iter().map(|f| f.name).collect(),
    })
}

/// True if a filter admits a document, as it would admit its row.
///
/// # Errors
/// A filter that is refused, or that asks for words of a text field that is not indexed: its answer would be false,
/// and the answer of its negation true, for every document.
pub(crate) fn admits(schema: &Schema, filter: &Filter, document: &Document) -> Result<bool> {
    if matches!(filter, Filter::All) {
        return Ok(true);
    }
    filter.check()?;
    let payload = Value::Object(document.payload.clone());
    let row = UnwrittenRow { schema, document, payload, unknown: RefCell::new(None) };
    let admitted = filter.matches(&row);
    match row.unknown.into_inner() {
        Some(name) => Err(unknown_text_field(&name, schema.indexed_fields())),
        None => Ok(admitted),
    }
}

/// A document as a filter asks for its row.
struct UnwrittenRow<'a> {
    schema: &'a Schema,
    document: &'a Document,
    payload: Value,
    /// The text field that the filter asked for and that is not indexed, if there was one.
    unknown: RefCell<Option<String>>,
}

impl Row for UnwrittenRow<'_> {
    fn payload(&self) -> &Value {
        &self.payload
    }

    fn has_words(&self, field: Option<&str>, words: &str) -> bool {
        let fields = self.schema.indexed_fields();
        if let Some(name) = field.filter(|name| fields.iter().all(|f| f.name != *name)) {
            *self.unknown.borrow_mut() = Some(name.to_owned());
            return false;
        }
        // A word of a field that is in the joined text is a word of the joined text.
        let searched = if field.is_some() { fields.len() } else { self.schema.searched_fields() };
        fields
            .iter()
            .take(searched)
            .filter(|f| field.is_none_or(|name| name == f.name))
            .any(|f| has_all_words(f, &self.document.indexed_text(self.schema, &f.name), words))
    }

    fn id(&self) -> Option<&str> {
        Some(&self.document.id)
    }
}
