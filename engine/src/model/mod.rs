//! Models that live in the process: what an embedder must do, and the ones we bring.

mod embed;
pub(crate) mod rerank;

pub use embed::{Embedder, StaticEmbedder};
pub use rerank::{Candidate, RerankQuery, Reranker, Wants};

pub use crate::deadline::Deadline;
