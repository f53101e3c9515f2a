//! The budget of a reader: the bytes and the time that its answers may take, charged while they are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lexivec_query::explain::Ledger;
use lexivec_query::plan::SegmentPlan;
use serde_json::{Map, Value};

use crate::deadline::Deadline;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::trace::{SearchStage, SearchTrace, StageGuard};

/// Bytes of a hit besides its id, texts, passages and payload: its members and two contributions.
const HIT_BYTES: usize = 512;
/// Bytes of a term of a ledger: its numbers, and two names of usual length.
const TERM_BYTES: usize = 160;
/// Bytes of a ranked id and its score, besides the id itself.
const RANKED_BYTES: usize = 64;
/// Bytes of a document besides its texts, vectors and payload.
const DOCUMENT_BYTES: usize = 512;
/// Bytes of a JSON value in an array.
const VALUE_BYTES: usize = 32;
/// Bytes of the smallest tree that holds the members of a JSON object: eleven names and values.
const OBJECT_BYTES: usize = 640;
/// Bytes of a member of an object, besides those: its name, and its share of further nodes.
const MEMBER_BYTES: usize = 64;

/// A limit on the memory and the time of a reader's answers; see [`Searcher::within`](crate::Searcher::within). The
/// default limits neither. It can also keep a trace of the time that was used.
#[derive(Clone, Debug)]
#[must_use]
pub struct Budget {
    limit: u64,
    time: Deadline,
    used: Arc<AtomicU64>,
    trace: Option<SearchTrace>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { limit: u64::MAX, time: Deadline::NEVER, used: Arc::default(), trace: None }
    }
}

impl Budget {
    /// A budget that limits nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the bytes of all answers together, as they are in memory: about half a KiB a hit, and its texts and payload.
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// Limits the time; a request's own deadline holds as well.
    pub fn until(mut self, time: Deadline) -> Self {
        self.time = time;
        self
    }

    /// Adds the times and plans of the searches to a trace.
    pub fn traced(mut self, trace: &SearchTrace) -> Self {
        self.trace = Some(trace.clone());
        self
    }

    /// Begins a stage of a search, which ends when the guard is dropped.
    pub(crate) fn stage(&self, stage: SearchStage) -> Option<StageGuard> {
        Some(self.trace.as_ref()?.begin(stage))
    }

    /// Keeps the plans of a search in the trace, if there is one.
    pub(crate) fn trace_plans(&self, plans: &[SegmentPlan]) {
        if let Some(trace) = &self.trace {
            trace.keep(plans);
        }
    }

    /// The moment until which answers are of use.
    pub(crate) fn time(&self) -> Deadline {
        self.time
    }

    /// Gives the same budget with nothing taken off.
    pub(crate) fn renewed(&self) -> Self {
        Self { used: Arc::default(), ..self.clone() }
    }

    /// Takes bytes off the budget.
    ///
    /// # Errors
    /// [`Error::OverBudget`] once more was taken than there is.
    pub(crate) fn charge(&self, bytes: usize) -> Result<()> {
        if self.limit == u64::MAX {
            return Ok(());
        }
        let used =
            self.used.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64);
        match used > self.limit {
            true => Err(Error::OverBudget { limit: self.limit }),
            false => Ok(()),
        }
    }

    /// Takes a hit's id and ledger off the budget.
    pub(crate) fn charge_hit(&self, id: &str, ledger: &Ledger) -> Result<()> {
        self.charge(HIT_BYTES + id.len() + ledger.terms.len() * TERM_BYTES)
    }

    /// Takes a ranked id off the budget.
    pub(crate) fn charge_ranked(&self, id: &str) -> Result<()> {
        self.charge(RANKED_BYTES + id.len())
    }

    /// Takes texts off the budget.
    pub(crate) fn charge_texts<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t String>,
    ) -> Result<()> {
        self.charge(texts.into_iter().map(|text| MEMBER_BYTES + text.len()).sum())
    }

    /// Takes a payload off the budget.
    pub(crate) fn charge_payload(&self, payload: &Map<String, Value>) -> Result<()> {
        match self.limit {
            u64::MAX => Ok(()),
            _ => self.charge(bytes_of(payload)),
        }
    }

    /// Takes a whole document off the budget.
    pub(crate) fn charge_document(&self, document: &Document) -> Result<()> {
        match self.limit {
            u64::MAX => Ok(()),
            _ => self.charge(bytes_of_document(document)),
        }
    }
}

/// Bytes that a document takes in memory.
pub(crate) fn bytes_of_document(document: &Document) -> usize {
    let vectors = document.vectors.values().map(|vector| vector.len() * 4).sum::<usize>();
    let tokens = document.tokens.values().flatten().map(|token| 24 + token.len() * 4);
    let texts = document.text.values().map(|text| MEMBER_BYTES + text.len());
    let values = vectors + tokens.sum::<usize>() + texts.sum::<usize>();
    DOCUMENT_BYTES + document.id.len() + values + bytes_of(&document.payload)
}

/// Bytes that a JSON object takes in memory: small numbers in small objects take many times their length as text.
fn bytes_of(object: &Map<String, Value>) -> usize {
    let member =
        |(name, value): (&String, &Value)| MEMBER_BYTES + name.len() + bytes_of_value(value);
    match object.is_empty() {
        true => 0,
        false => OBJECT_BYTES + object.iter().map(member).sum::<usize>(),
    }
}

/// Bytes that a JSON value takes besides its place.
fn bytes_of_value(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => {
            values.iter().map(|value| VALUE_BYTES + bytes_of_value(value)).sum()
        }
        Value::Object(object) => bytes_of(object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_budget_is_refused_and_a_renewed_one_is_whole() {
        let budget = Budget::new().bytes(100);
        budget.charge(60).expect("within");
        let view = budget.clone();
        assert!(matches!(view.charge(41), Err(Error::OverBudget { limit: 100 })), "it is shared");
        assert!(budget.charge(1).is_err(), "once over, it stays over");
        budget.renewed().charge(100).expect("whole");
        Budget::new().charge(usize::MAX).expect("no limit");
    }

    #[test]
    fn small_objects_count_many_times_their_length() {
        let payload = |json: &str| serde_json::from_str::<Map<String, Value>>(json).expect("JSON");
        let nested = payload(r#"{"a":[{"b":1},{"b":1},{}]}"#);
        let flat = payload(r#"{"a":"{b:1},{b:1},{}  "}"#);
        assert_eq!(bytes_of(&nested) - bytes_of(&flat), 2 * (640 + 65) + 3 * 32 - 16);
        assert_eq!(bytes_of(&payload("{}")), 0);
    }
}
