//! Records of a sibling store: rows that are a kind and the JSON of one value.

use lexivec_query::Filter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Collection;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::limits::MAX_SCROLL_ROWS;

/// Payload keys of a record: its kind, and its JSON.
const KIND: &str = "kind";
const JSON: &str = "json";

/// The filter that admits the records of a kind.
pub(crate) fn of_kind(kind: &str) -> Result<Filter> {
    Ok(Filter::from_json(&json!({ KIND: kind }))?)
}

/// The values of all records of a kind, by their ids.
pub(crate) fn read_all<T: DeserializeOwned>(store: &Collection, kind: &str) -> Result<Vec<T>> {
    let (filter, mut all, mut after) = (of_kind(kind)?, Vec::new(), None);
    loop {
        let page = store.scroll(&filter, after.as_deref(), MAX_SCROLL_ROWS)?;
        for row in &page.documents {
            let json = row.payload.get(JSON).and_then(|json| json.as_str()).unwrap_or_default();
            let name = &store.schema().name;
            let fault = |e| Error::invalid(format!("{name}, row {:?}", row.id), format!("{e}"));
            all.push(serde_json::from_str(json).map_err(fault)?);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

/// A record.
pub(crate) fn record(id: String, kind: &str, content: &impl Serialize) -> Result<Document> {
    let json = serde_json::to_string(content).map_err(|e| Error::invalid(kind, e.to_string()))?;
    Ok(Document::new(id).payload(KIND, kind).payload(JSON, json))
}
