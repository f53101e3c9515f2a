//! Models that live in the process: what an embedder must do, and the ones we bring.

pub mod adapter;
mod embed;
mod folder;
pub(crate) mod rerank;
mod tokenizer;
mod transformer;

pub use embed::{Embedder, StaticEmbedder};
pub use rerank::{Candidate, RerankQuery, Reranker, Wants};
pub use transformer::{CrossEncoder, Precision, TransformerEmbedder};

pub use crate::deadline::Deadline;
