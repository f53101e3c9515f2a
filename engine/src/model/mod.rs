//! Models that live in the process: what an embedder must do, and the ones we bring.

mod embed;

pub use embed::{Embedder, StaticEmbedder};
