//! Embedding of text: the trait, and the part of a text that models read.

use crate::error::Result;
use crate::limits::MAX_EMBED_BYTES;

/// Token vectors of texts: a list for each text.
pub type TokenLists = Vec<Vec<Vec<f32>>>;

/// A model that turns texts into vectors of one fixed dimension.
///
/// The caller gives it to a collection; the engine opens no network connection for it.
pub trait Embedder: Send + Sync {
    /// Name of the model, recorded in the collection.
    fn name(&self) -> &str;
    /// Hash of everything that decides its output, 32 hexadecimal digits (XXH3-128).
    fn hash(&self) -> &str;
    /// Components of every vector it makes.
    fn dim(&self) -> usize;
    /// One vector per text, in order; `None` for a text without an embedding, such as an empty one.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>>;

    /// True if the vector of a word depends on the words around it, as in a transformer. Vectors of other models say
    /// little that BM25 does not, so a new collection gives them a smaller share of the fused score.
    fn is_contextual(&self) -> bool {
        true
    }

    /// The vector of a query. Models trained with a prefix for queries prepend it.
    fn embed_query(&self, text: &str) -> Result<Option<Vec<f32>>> {
        Ok(self.embed(&[text])?.pop().flatten())
    }

    /// The token vectors of each text, which late interaction compares: one of unit length and
    /// [`dim`](Self::dim) components for each token that the model reads. The list of a text without an
    /// embedding is empty. `None` for all texts if the model has no token vectors.
    fn embed_tokens(&self, _texts: &[&str]) -> Result<Option<TokenLists>> {
        Ok(None)
    }

    /// The token vectors of a query; see [`embed_query`](Self::embed_query).
    fn embed_query_tokens(&self, text: &str) -> Result<Option<Vec<Vec<f32>>>> {
        Ok(self.embed_tokens(&[text])?.and_then(|mut lists| lists.pop()))
    }

    /// Number of tokens that the model reads of the texts, including special ones; `None` if it does
    /// not count them.
    fn count_tokens(&self, _texts: &[&str]) -> Result<Option<usize>> {
        Ok(None)
    }
}

/// The part of a text that models read: its first [`MAX_EMBED_BYTES`] bytes, up to a whole character.
pub fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_EMBED_BYTES)]
}
