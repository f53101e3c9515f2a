//! Models that run in the process: the traits of embedders and rerankers, and the built-in models.

pub mod adapter;
pub(crate) mod adapters;
mod embed;
mod folder;
mod info;
mod open;
mod record;
pub(crate) mod rerank;
mod tokenizer;
mod transformer;

pub use embed::{Embedder, StaticEmbedder, TokenLists};
pub use info::{ModelInfo, ModelKind};
pub use open::open_embedder;
pub use rerank::{Candidate, RerankQuery, Reranker, Wants, score_texts};
pub use tokenizer::beginning;
pub use transformer::{CrossEncoder, Precision, TransformerEmbedder};

pub use crate::deadline::Deadline;
