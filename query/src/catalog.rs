//! The names that a request may use in a collection.

use crate::fusion::Fusion;

/// The names of a collection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// Fields of the inverted index.
    pub text_fields: Vec<String>,
    /// Text fields that a request may weigh.
    pub weighed_fields: Vec<String>,
    /// Vector fields; the first is the default.
    pub vector_fields: Vec<VectorField>,
    /// Fields of token vectors.
    pub token_fields: Vec<VectorField>,
    /// True where a model turns text into vectors.
    pub has_embedder: bool,
    /// The token field that this model fills, if it does.
    pub embedded_tokens: Option<String>,
    /// The fusion of a request that names none.
    pub fusion: Fusion,
}

/// A field of vectors, or of token vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorField {
    /// Its name.
    pub name: String,
    /// Components of its vectors.
    pub dim: usize,
}
