//! The vector leg of one segment: stored floats, the exact scan and the graph over them; and token vectors.

pub(crate) mod distance;
mod flat;
pub(crate) mod hnsw;
mod pages;
mod quantize;
mod rescore;
mod rotation;
mod store;
mod tokens;

pub(crate) use flat::scan_many;
pub(crate) use pages::Pages;
pub(crate) use quantize::{CodeQuery, Codes, write_codes};
pub(crate) use rescore::rescore;
pub(crate) use store::{Query, VectorRows, VectorStore, write_vectors};
pub(crate) use tokens::{TokenQuery, TokenStore, pack, row_codes, unpack, write_tokens};

/// A row and its similarity to the query; higher is closer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScoredRow {
    pub(crate) score: f32,
    pub(crate) row: u32,
}

// Scores compare by their total order, so that a walk ends for any floats of a file.
impl PartialEq for ScoredRow {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ScoredRow {}

impl Ord for ScoredRow {
    /// Closer is greater; among equals the lower row is, so that every walk is repeatable.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.row.cmp(&self.row))
    }
}

impl PartialOrd for ScoredRow {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
