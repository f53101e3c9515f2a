//! Models that run in the process: the traits of embedders and rerankers, and the built-in models.
//!
//! The built-in models, which read a folder with a tokenizer and weights, need the cargo feature `models`; the traits
//! are always there.

pub mod adapter;
pub(crate) mod adapters;
mod embed;
#[cfg(feature = "models")]
mod folder;
#[cfg(feature = "models")]
mod info;
#[cfg(feature = "models")]
mod open;
mod record;
pub(crate) use record::usual_fusion;
pub(crate) mod rerank;
#[cfg(feature = "models")]
mod static_embedder;
#[cfg(feature = "models")]
mod tokenizer;
#[cfg(feature = "models")]
mod transformer;

pub use embed::{Embedder, TokenLists, beginning};
#[cfg(feature = "models")]
pub use info::{ModelInfo, ModelKind};
#[cfg(feature = "models")]
pub use open::open_embedder;
pub use rerank::{Candidate, RerankQuery, Reranker, Wants, score_texts};
#[cfg(feature = "models")]
pub use static_embedder::StaticEmbedder;
#[cfg(feature = "models")]
pub use transformer::{CrossEncoder, Precision, TransformerEmbedder};

pub use crate::deadline::Deadline;
