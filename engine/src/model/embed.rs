//! Turning text into vectors: the trait, and the static token-embedding model.

use std::path::Path;

use lexivec_storage::{Bytes, DiskVfs, Vfs};
use rayon::prelude::*;
use tokenizers::Tokenizer;
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Error, Result};
use crate::limits::{MAX_EMBED_BYTES, MAX_MODEL_BYTES};

/// Something that turns texts into vectors of one fixed dimension.
///
/// An embedder is handed in from outside; the engine opens no network connection for it.
pub trait Embedder: Send + Sync {
    /// Name of the model, recorded in the collection.
    fn name(&self) -> &str;
    /// Hash of everything that decides its output, 32 hexadecimal digits (XXH3-128).
    fn hash(&self) -> &str;
    /// Components of every vector it makes.
    fn dim(&self) -> usize;
    /// One vector per text, in order; `None` for a text the model has nothing to say about
    /// (an empty one, say).
    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>>;
}

/// A static model: each token has a vector, a text is the mean of its tokens' vectors, brought to
/// unit length. Tens of thousands of texts a second on one core.
pub struct StaticEmbedder {
    name: String,
    hash: String,
    dim: usize,
    tokenizer: Tokenizer,
    /// Row-major table of half floats, `tokens x dim`, little-endian, at this place of `weights`.
    table: Bytes,
    tokens: usize,
}

impl StaticEmbedder {
    /// Opens a folder that holds one `*.safetensors` file with a two-dimensional F16 table and one
    /// tokenizer `*.json` in the format of the `tokenizers` library.
    ///
    /// # Errors
    /// [`Error::Embedder`] when a file is missing, ambiguous or not of that form.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let vfs = DiskVfs::open_root(folder)?;
        let (weights_name, weights_len) = the_one(&vfs, ".safetensors")?;
        let (tokenizer_name, tokenizer_len) = the_one(&vfs, ".json")?;
        let weights = vfs.map(&weights_name, weights_len)?;
        let tokenizer_bytes = vfs.read(&tokenizer_name, tokenizer_len)?;
        let mut hasher = Xxh3::new();
        hasher.update(&weights);
        hasher.update(&tokenizer_bytes);
        let hash = format!("{:032x}", hasher.digest128());

        let bad = |detail: String| {
            Error::Embedder(format!("{} in {}: {detail}", weights_name, vfs.describe()))
        };
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
            // The tensor's bytes are a slice of the mapped file: where it starts in it.
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
        let tokenizer = Tokenizer::from_bytes(&tokenizer_bytes)
            .map_err(|e| Error::Embedder(format!("{tokenizer_name}: {e}")))?;
        let tokenizer = whole_texts(tokenizer)?;
        let name = weights_name.trim_end_matches(".safetensors").to_owned();
        Ok(Self { name, hash, dim, tokenizer, table, tokens })
    }

    fn embed_one(&self, text: &str) -> Result<Option<Vec<f32>>> {
        let mut end = text.len().min(MAX_EMBED_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let encoding = self
            .tokenizer
            .encode_fast(&text[..end], false)
            .map_err(|e| Error::Embedder(format!("tokenizer of {}: {e}", self.name)))?;
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
        let norm = sum.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        if !any || norm < f64::from(f32::MIN_POSITIVE) {
            return Ok(None);
        }
        // The mean and the sum have one direction, so only the length is mended.
        Ok(Some(sum.into_iter().map(|x| (f64::from(x) / norm) as f32).collect()))
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

    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>> {
        if texts.len() < 2 {
            return texts.iter().map(|t| self.embed_one(t)).collect();
        }
        texts.par_iter().map(|t| self.embed_one(t)).collect()
    }
}

/// The single file of a folder with this ending.
fn the_one(vfs: &DiskVfs, ending: &str) -> Result<(String, u64)> {
    let mut found: Vec<_> = vfs.list()?.into_iter().filter(|f| f.name.ends_with(ending)).collect();
    match found.pop() {
        Some(file) if found.is_empty() => {
            if file.len > MAX_MODEL_BYTES {
                return Err(Error::Embedder(format!("{} has {} bytes", file.name, file.len)));
            }
            Ok((file.name, file.len))
        }
        _ => Err(Error::Embedder(format!(
            "{}: exactly one *{ending} file is expected",
            vfs.describe()
        ))),
    }
}

/// Takes padding and truncation out: a tokenizer file that carries them would have only the
/// beginning of each text embedded, diluted by padding.
fn whole_texts(mut tokenizer: Tokenizer) -> Result<Tokenizer> {
    tokenizer.with_padding(None);
    tokenizer
        .with_truncation(None)
        .map_err(|e| Error::Embedder(format!("tokenizer settings: {e}")))?;
    Ok(tokenizer)
}
