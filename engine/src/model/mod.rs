//! Models that live in the process: what an embedder must do, and the ones we bring.

pub mod adapter;
mod embed;
mod folder;
mod open;
pub(crate) mod rerank;
mod show;
mod tokenizer;
mod transformer;

pub use embed::{Embedder, StaticEmbedder, TokenLists};
pub use open::open_embedder;
pub use rerank::{Candidate, RerankQuery, Reranker, Wants, score_texts};
pub use show::{ModelInfo, ModelKind};
pub use tokenizer::beginning;
pub use transformer::{CrossEncoder, Precision, TransformerEmbedder};

pub use crate::deadline::Deadline;
