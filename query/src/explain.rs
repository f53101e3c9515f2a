//! The ledger of a hit: where its score comes from.

use serde::{Deserialize, Serialize};

use crate::fusion::Contribution;
use crate::names::names;
use crate::rerank::Reranked;

/// Every part of a hit's score. The contributions, added from left to right, are the fused score, which
/// is the final one unless a reranker gave another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The final score.
    pub score: f64,
    /// One for each leg that found the row.
    pub contributions: Vec<Contribution>,
    /// The reranker's part, where one was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<Reranked>,
    /// The text leg's raw score by terms, when the request asks for an explanation; added from
    /// left to right they are that score.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<TermScore>,
}

/// Contribution of one term to the text leg's raw score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TermScore {
    /// The indexed field.
    pub field: String,
    /// The term, as analyzed.
    pub term: String,
    /// Inverse document frequency over the live rows of the collection.
    pub idf: f64,
    /// Occurrences in the row's field.
    pub tf: u32,
    /// Tokens of the row's field.
    pub length: u32,
    /// The fields whose weight is in the contribution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<FieldWeight>,
    /// Addend of the raw score.
    pub contribution: f64,
    /// The words of the query that the term stands for, where they are others. `term` names the alternatives that the
    /// row has; `tf` counts all of them, and `idf` is that of the most frequent of all alternatives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expansion: Option<Expansion>,
}

/// The reason why a term stands for other words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expansion {
    /// The kind of reason.
    pub kind: ExpansionKind,
    /// The words as typed.
    pub words: String,
}

/// A kind of expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExpansionKind {
    /// The collection's synonyms.
    Synonym,
    /// Typing errors that the request allows.
    Typo,
}

names!(ExpansionKind, "expansion", Synonym = "synonym", Typo = "typo");

/// Weight of a text field in the contribution of a term. Where the texts are searched as one, each occurrence and each
/// token in this field counts `weight` times, of those that `tf` and `length` of the term count once; where each field
/// is searched by itself, it is a factor on the contribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldWeight {
    /// The text field.
    pub field: String,
    /// Its weight.
    pub weight: f64,
    /// Occurrences of the term in it.
    pub tf: u32,
    /// Its tokens.
    pub length: u32,
}

impl Ledger {
    /// A ledger without terms, of a row that was not reranked.
    pub fn new(score: f64, contributions: Vec<Contribution>) -> Self {
        Self { score, contributions, rerank: None, terms: Vec::new() }
    }

    /// True when the parts add up, to the last bit: the contributions to the fused score; that, or the
    /// reranker's where it gave one, to the score; and the terms, if there are any, to the raw score of
    /// the text leg.
    pub fn adds_up(&self) -> bool {
        let sum = added(self.contributions.iter().map(|c| c.contribution));
        let text = self.contributions.iter().find(|c| c.leg == crate::leg::Leg::Text);
        let terms = added(self.terms.iter().map(|t| t.contribution));
        let fused = self.rerank.as_ref().map_or(self.score, |r| r.fused);
        let last = self.rerank.as_ref().and_then(|r| r.score).unwrap_or(fused);
        sum.to_bits() == fused.to_bits()
            && last.to_bits() == self.score.to_bits()
            && (self.terms.is_empty() || text.is_some_and(|t| t.score.to_bits() == terms.to_bits()))
    }
}

/// Adds from left to right, starting with the first: a sum that starts at zero would turn -0 to 0.
fn added(mut parts: impl Iterator<Item = f64>) -> f64 {
    let first = parts.next().unwrap_or(0.0);
    parts.fold(first, |sum, part| sum + part)
}
