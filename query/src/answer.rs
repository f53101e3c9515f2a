//! The answer to a request: hits with their ledgers, groups, facets, and the report of how they came about.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::explain::Ledger;
use crate::facets::{FacetCounts, Key};
use crate::plan::SegmentPlan;
use crate::rerank::RerankKind;

/// The answer to a request. An answer that is written as JSON and read is the same answer, to the bit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SearchResponse {
    /// Best first; equal scores are ordered by id. Hits that a reranker gave no score come last, in fused
    /// order; their scores are on another scale. Empty if the request asks for groups.
    pub hits: Vec<Hit>,
    /// The groups, if the request asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Groups>,
    /// The counts that the request asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facets: Vec<FacetCounts>,
    /// The generation of segment files that answered.
    pub generation: u64,
    /// The number of the last write that the answer includes.
    pub seq: u64,
    /// True if no leg was approximate.
    pub exact: bool,
    /// Live rows the filter admits.
    pub matching: u64,
    /// The version of the query adapter that was applied to the query's vector, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<u32>,
    /// The report of the rerank, if the request asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerank: Option<RerankReport>,
    /// True if the best row of the floor's leg reaches the floor; `None` if neither the request nor its
    /// profile has a floor, or that leg does not run. False means that no hit is likely to be an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confident: Option<bool>,
    /// The plan of each segment's vector leg, if the request asks for an explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Vec<SegmentPlan>>,
}

/// One document found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hit {
    /// The document's id.
    pub id: String,
    /// Its final score; higher is better. The ledger's contributions add up to it, exactly, unless a
    /// reranker gave it.
    pub score: f64,
    /// The parts of the score.
    pub ledger: Ledger,
    /// Its texts by field, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<BTreeMap<String, String>>,
    /// The best passage of each text, if the request asks for them and the text leg found the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highlight: Option<BTreeMap<String, Vec<Passage>>>,
    /// Its payload, unless not wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Map<String, Value>>,
}

impl Hit {
    /// A hit with the score of its ledger, without texts, passages and payload.
    pub fn new(id: impl Into<String>, ledger: Ledger) -> Self {
        let score = ledger.score;
        Self { id: id.into(), score, ledger, text: None, highlight: None, payload: None }
    }

    /// Reads the payload into a deserialisable type.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the payload has another shape, or if the request left payloads out.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T> {
        let refused = |detail: String| Error::invalid(format!("payload of {:?}", self.id), detail);
        let Some(payload) = &self.payload else {
            return Err(refused(
                "the request left payloads out; ask with .with_payload(true)".to_owned(),
            ));
        };
        T::deserialize(payload).map_err(|error| refused(error.to_string()))
    }
}

/// A part of a passage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// Its text, as stored.
    pub text: String,
    /// True for a word that the query looks for.
    pub found: bool,
}

/// Hits by the values of a payload field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    /// The groups in the order of their best hits; groups with the same best hit by value.
    pub list: Vec<Group>,
    /// Rows of the final list that were read to fill the groups.
    pub looked_at: usize,
    /// False if a group may lack hits because the legs stopped at
    /// [`MAX_WINDOW`](crate::limits::MAX_WINDOW) rows.
    pub complete: bool,
}

/// The hits with one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The value.
    pub value: Key,
    /// Its hits, best first.
    pub hits: Vec<Hit>,
}

/// The report of the rerank that a request asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RerankReport {
    /// The kind asked for.
    pub kind: RerankKind,
    /// False if the hits are in fused order, though a rerank was asked for.
    pub applied: bool,
    /// The reason why it was not applied. A threshold of the request was not applied either then, as it is
    /// on the scale of the reranker's scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Rows the reranker was given.
    pub candidates: usize,
    /// Rows it gave a score; the others follow behind them.
    pub scored: usize,
}
