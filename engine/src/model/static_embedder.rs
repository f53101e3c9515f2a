//! The static token-embedding model.

use std::borrow::Cow;
use std::path::Path;

use lexivec_storage::Bytes;
use rayon::prelude::*;
use tokenizers::Encoding;
use xxhash_rust::xxh3::Xxh3;

use super::embed::{Embedder, beginning};
use super::folder::Folder;
use super::tokenizer::Tokenizer;
use crate::error::Result;

/// A static model: each token has a vector, and a text is the mean of its tokens' vectors, normalized
/// to unit length. Tens of thousands of texts a second on one core.
pub struct StaticEmbedder {
    name: String,
    hash: String,
    dim: usize,
    tokenizer: Tokenizer,
    /// Row-major table of half floats, `tokens x dim`, little-endian.
    table: Bytes,
    tokens: usize,
}

impl StaticEmbedder {
    /// Opens a folder that holds one `*.safetensors` file with a two-dimensional F16 table and one
    /// tokenizer `*.json` in the format of the `tokenizers` library.
    ///
    /// # Errors
    /// [`Error::Embedder`](crate::Error::Embedder) when a file is missing, ambiguous or not of that form.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = Folder::open(folder.as_ref())?;
        let (weights_name, _) = folder.the_one(".safetensors")?;
        let (tokenizer_name, _) = folder.the_one(".json")?;
        let weights = folder.map(&weights_name)?;
        let bad = |detail: String| folder.fault(&weights_name, detail);
        let (start, shape) = {
            let file = safetensors::SafeTensors::deserialize(&weights)
                .map_err(|e| bad(format!("not a safetensors file: {e}")))?;
            let mut tensors = file.tensors();
            let Some((name, tensor)) = tensors.pop().filter(|_| tensors.is_empty()) else {
                return Err(bad(format!("{} tensors; one is expected", tensors.len() + 1)));
            };
            if tensor.dtype() != safetensors::Dtype::F16 || tensor.shape().len() != 2 {
                return Err(bad(format!("tensor {name:?} is not a two-dimensional F16 table")));
            }
            // The tensor's bytes are the last slice of the mapped file, so this is their offset in it.
            (weights.len() - tensor.data().len(), tensor.shape().to_vec())
        };
        let (tokens, dim) = match shape.as_slice() {
            &[tokens, dim] if dim > 0 => (tokens, dim),
            _ => return Err(bad("the table has no columns".to_owned())),
        };
        let table = weights
            .slice(start..weights.len())
            .filter(|t| t.len() == tokens * dim * 2)
            .ok_or_else(|| bad("the table is cut short".to_owned()))?;
        let infinite = |half: &[u8; 2]| !half::f16::from_le_bytes(*half).is_finite();
        if let Some(at) = table.as_chunks::<2>().0.iter().position(infinite) {
            return Err(bad(format!(
                "the vector of token {} has a component that is no number",
                at / dim
            )));
        }
        let (tokenizer, tokenizer_bytes) = Tokenizer::open(&folder, &tokenizer_name, None)?;
        let mut hasher = Xxh3::new();
        hasher.update(&weights);
        hasher.update(&tokenizer_bytes);
        let hash = format!("{:032x}", hasher.digest128());
        let name = weights_name.trim_end_matches(".safetensors").to_owned();
        Ok(Self { name, hash, dim, tokenizer, table, tokens })
    }

    /// The tokens of the beginning of a text.
    fn tokens_of(&self, text: &str) -> Result<Encoding> {
        self.tokenizer.encode(&*lower_capitals(beginning(text)), false)
    }

    fn embed_one(&self, text: &str) -> Result<Option<Vec<f32>>> {
        let encoding = self.tokens_of(text)?;
        let mut sum = vec![0f32; self.dim];
        let width = self.dim * 2;
        let mut any = false;
        for &token in encoding.get_ids() {
            let token = token as usize;
            let row =
                self.table.get(token * width..(token + 1) * width).filter(|_| token < self.tokens);
            let Some(row) = row else { continue };
            any = true;
            for (s, half) in sum.iter_mut().zip(row.as_chunks::<2>().0) {
                *s += half::f16::from_le_bytes(*half).to_f32();
            }
        }
        // The mean and the sum have one direction, so the sum is normalized.
        Ok(if any { normalize(sum) } else { None })
    }
}

/// The text in lower case if it has no lower-case letter: a table that keeps case has few vectors for
/// words in capitals, while most texts are mostly in lower case.
fn lower_capitals(text: &str) -> Cow<'_, str> {
    match text.chars().any(char::is_lowercase) || !text.chars().any(char::is_uppercase) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.to_lowercase()),
    }
}

impl Embedder for StaticEmbedder {
    fn name(&self) -> &str {
        &self.name
    }

    fn hash(&self) -> &str {
        &self.hash
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn is_contextual(&self) -> bool {
        false
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>> {
        if texts.len() < 2 {
            return texts.iter().map(|t| self.embed_one(t)).collect();
        }
        texts.par_iter().map(|t| self.embed_one(t)).collect()
    }

    fn count_tokens(&self, texts: &[&str]) -> Result<Option<usize>> {
        let count = |text: &&str| Ok(self.tokens_of(text)?.len());
        // Counting one text takes less time than a switch to another thread.
        let sum: Result<usize> = match texts {
            [text] => count(text),
            texts => texts.par_iter().map(count).sum(),
        };
        sum.map(Some)
    }
}

/// A vector at unit length, computed in double precision; `None` for a vector without a direction.
pub(super) fn normalize(vector: Vec<f32>) -> Option<Vec<f32>> {
    let norm = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if !(norm.is_finite() && norm >= f64::from(f32::MIN_POSITIVE)) {
        return None;
    }
    Some(vector.into_iter().map(|x| (f64::from(x) / norm) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_in_capitals_are_put_in_lower_case() {
        for (text, expected) in [
            ("MAGNETIC FIELD, 3 T", "magnetic field, 3 t"),
            ("NASA and ESA", "NASA and ESA"),
            ("ÜBER", "über"),
            ("東京 3", "東京 3"),
            ("", ""),
        ] {
            assert_eq!(lower_capitals(text), expected);
        }
    }
}
