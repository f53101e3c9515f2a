//! Local transformer models of the BERT family: vectors of texts and of their tokens.

mod config;
mod cross_encoder;
mod encoder;
mod linear;
mod weights;

pub use cross_encoder::CrossEncoder;
pub use linear::Precision;

pub(super) use config::Architecture;

use std::path::Path;

use rayon::prelude::*;
use serde_json::json;
use xxhash_rust::xxh3::Xxh3;

use self::config::{Config, Pooling, Setup};
use self::encoder::{Encoder, Tokens};
use self::weights::{FILE, Tensors};
use super::embed::{Embedder, TokenLists, beginning};
use super::folder::Folder;
use super::static_embedder::normalize;
use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};

/// Tokens that one task takes through the layers together: the activations between two layers stay in
/// the L2 cache.
const TASK_TOKENS: usize = 256;
/// Name of the tokenizer's file.
const TOKENIZER: &str = "tokenizer.json";

/// A model with its tokenizer.
struct Model {
    name: String,
    hash: String,
    setup: Setup,
    tokenizer: Tokenizer,
    encoder: Encoder,
}

impl Model {
    /// Opens a folder; `head` builds the further layers of a model from its tensors.
    fn open<H>(
        path: &Path,
        precision: Precision,
        head: impl FnOnce(&Config, &Tensors<'_>, &Encoder) -> Result<H>,
    ) -> Result<(Self, H)> {
        let folder = Folder::open(path)?;
        let config = Config::read(&folder)?;
        let setup = Setup::read(&folder, &config)?;
        let (tokenizer, tokenizer_bytes) =
            Tokenizer::open(&folder, TOKENIZER, Some(setup.max_tokens))?;
        let mut hasher = Xxh3::new();
        let (mut encoder, head) = {
            let bytes = folder.map(FILE)?;
            hasher.update(&bytes);
            let tensors = Tensors::read(&folder, &bytes)?;
            let encoder = Encoder::new(&config, &tensors, &bytes, precision)?;
            let head = head(&config, &tensors, &encoder)?;
            (encoder, head)
        };
        encoder.read_words_from(folder.map(FILE)?);
        hasher.update(&tokenizer_bytes);
        // The JSON has the names of the files' members in a fixed order, so renaming a field of the
        // code does not change the hash.
        let decides = json!({ "config": config, "setup": setup, "precision": precision.name() });
        hasher.update(decides.to_string().as_bytes());
        let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let hash = format!("{:032x}", hasher.digest128());
        Ok((Self { name, hash, setup, tokenizer, encoder }, head))
    }

    /// The tokens of a text.
    fn tokens(&self, prefix: &str, text: &str) -> Result<Tokens> {
        let text = format!("{prefix}{}", beginning(text));
        let text = if self.setup.lower_case { text.to_lowercase() } else { text };
        self.encode(text)
    }

    fn encode<'s>(&self, input: impl Into<tokenizers::EncodeInput<'s>>) -> Result<Tokens> {
        let encoding = self.tokenizer.encode(input, true)?;
        Ok(Tokens { ids: encoding.get_ids().to_vec(), types: encoding.get_type_ids().to_vec() })
    }

    /// Takes texts through the layers on all threads, in tasks of about [`TASK_TOKENS`]; `of_text` maps
    /// the token vectors of each text. `stop` is checked before each task.
    fn each<T: Send>(
        &self,
        texts: &[Tokens],
        stop: impl Fn() -> bool + Sync,
        of_text: impl Fn(&[f32]) -> T + Sync,
    ) -> Result<Vec<T>> {
        let mut tasks: Vec<&[Tokens]> = Vec::new();
        let (mut start, mut tokens) = (0, 0);
        for (index, text) in texts.iter().enumerate() {
            if tokens > 0 && tokens + text.ids.len() > TASK_TOKENS {
                tasks.push(&texts[start..index]);
                (start, tokens) = (index, 0);
            }
            tokens += text.ids.len();
        }
        if tokens > 0 {
            tasks.push(&texts[start..]);
        }
        let run = |task: &&[Tokens]| -> Result<Vec<T>> {
            if stop() {
                return Err(Error::Embedder(format!("{} was stopped", self.name)));
            }
            let hidden = self.encoder.hidden(task)?;
            let mut rest = hidden.as_slice();
            let parts = task.iter().map(|text| {
                let (own, others) = rest.split_at(text.ids.len() * self.encoder.width);
                rest = others;
                of_text(own)
            });
            Ok(parts.collect())
        };
        match tasks.as_slice() {
            [one] => run(one),
            _ => Ok(tasks
                .par_iter()
                .map(run)
                .collect::<Result<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect()),
        }
    }
}

/// A local model that embeds each text in one vector.
pub struct TransformerEmbedder {
    model: Model,
}

impl TransformerEmbedder {
    /// Opens a folder as the `sentence-transformers` library writes it: `config.json`,
    /// `model.safetensors`, `tokenizer.json`, and if they are there `modules.json` with the folder of its
    /// pooling, `sentence_bert_config.json` and `config_sentence_transformers.json`. Models of type bert,
    /// roberta and xlm-roberta are known (those of the MiniLM, BGE and E5 families are such ones).
    ///
    /// # Errors
    /// [`Error::Embedder`] when a file is missing or not of that form.
    pub fn open(folder: impl AsRef<Path>, precision: Precision) -> Result<Self> {
        let (model, ()) = Model::open(folder.as_ref(), precision, |_, _, _| Ok(()))?;
        Ok(Self { model })
    }

    fn embed_with(&self, prefix: &str, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>> {
        let setup = &self.model.setup;
        let pooled = |hidden: &[f32]| {
            let vector = pool(hidden, self.model.encoder.width, setup.pooling);
            if !vector.iter().all(|x| x.is_finite()) {
                let detail =
                    "its vectors have components that are no numbers; its weights are damaged";
                return Err(Error::Embedder(format!("model {:?}: {detail}", self.model.name)));
            }
            Ok(if setup.normalize { normalize(vector) } else { Some(vector) })
        };
        let made = self.of_full(prefix, texts, pooled)?.into_iter();
        made.map(|one| one.transpose().map(Option::flatten)).collect()
    }

    /// The vectors of all tokens of each text, including special ones.
    fn tokens_with(&self, prefix: &str, texts: &[&str]) -> Result<TokenLists> {
        let width = self.model.encoder.width;
        let each = |hidden: &[f32]| {
            hidden.chunks(width).filter_map(|row| normalize(row.to_vec())).collect()
        };
        let lists = self.of_full(prefix, texts, each)?;
        Ok(lists.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Maps the token vectors of each text by `of_text`; `None` for blank texts.
    fn of_full<T: Send>(
        &self,
        prefix: &str,
        texts: &[&str],
        of_text: impl Fn(&[f32]) -> T + Sync,
    ) -> Result<Vec<Option<T>>> {
        let is_full = |text: &str| !text.trim().is_empty();
        let full: Vec<&str> = texts.iter().copied().filter(|text| is_full(text)).collect();
        let tokens = |text: &&str| self.model.tokens(prefix, text);
        // The single text of a search does not wait for busy threads.
        let tokens: Vec<Tokens> = match full.as_slice() {
            [one] => vec![tokens(one)?],
            _ => full.par_iter().map(tokens).collect::<Result<_>>()?,
        };
        let mut made = self.model.each(&tokens, || false, of_text)?.into_iter();
        Ok(texts.iter().map(|text| if is_full(text) { made.next() } else { None }).collect())
    }
}

impl Embedder for TransformerEmbedder {
    fn name(&self) -> &str {
        &self.model.name
    }

    fn hash(&self) -> &str {
        &self.model.hash
    }

    fn dim(&self) -> usize {
        self.model.encoder.width
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>> {
        self.embed_with(&self.model.setup.passage_prefix, texts)
    }

    fn embed_query(&self, text: &str) -> Result<Option<Vec<f32>>> {
        Ok(self.embed_with(&self.model.setup.query_prefix, &[text])?.pop().flatten())
    }

    fn embed_tokens(&self, texts: &[&str]) -> Result<Option<TokenLists>> {
        self.tokens_with(&self.model.setup.passage_prefix, texts).map(Some)
    }

    fn embed_query_tokens(&self, text: &str) -> Result<Option<Vec<Vec<f32>>>> {
        Ok(self.tokens_with(&self.model.setup.query_prefix, &[text])?.pop())
    }

    fn count_tokens(&self, texts: &[&str]) -> Result<Option<usize>> {
        let prefix = &self.model.setup.passage_prefix;
        let count = |text: &&str| Ok(self.model.tokens(prefix, text)?.ids.len());
        // Counting one text takes less time than a switch to another thread.
        let sum: Result<usize> = match texts {
            [text] => count(text),
            texts => texts.par_iter().map(count).sum(),
        };
        sum.map(Some)
    }
}

/// The vector of a text, pooled from those of its tokens.
fn pool(hidden: &[f32], width: usize, pooling: Pooling) -> Vec<f32> {
    match pooling {
        Pooling::First => hidden.iter().take(width).copied().collect(),
        Pooling::Mean => {
            let mut sum = vec![0f32; width];
            for row in hidden.chunks(width) {
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            let count = (hidden.len() / width.max(1)).max(1) as f32;
            sum.iter_mut().for_each(|sum| *sum /= count);
            sum
        }
    }
}
