//! Cross-encoders: a model that reads a query and a document together and gives the pair a score.

use std::path::Path;

use rayon::prelude::*;

use super::Model;
use super::config::Config;
use super::encoder::{Encoder, Tokens};
use super::linear::{Linear, Precision, Scratch};
use super::weights::Tensors;
use crate::error::{Error, Result};
use crate::model::beginning;
use crate::model::rerank::{Candidate, RerankQuery, Reranker};

/// A local model that scores pairs of a query and a document: its output for the pair, as it is, higher is
/// more relevant. Scores of one query can be compared with each other, on no fixed scale.
pub struct CrossEncoder {
    model: Model,
    head: Head,
}

/// The layers that compute a score from the first token's vector.
struct Head {
    dense: Linear,
    out: Linear,
}

impl Head {
    fn new(config: &Config, tensors: &Tensors<'_>, encoder: &Encoder) -> Result<Self> {
        let width = encoder.width;
        let (dense, out) = if config.is_bert() {
            ("bert.pooler.dense", "classifier")
        } else {
            ("classifier.dense", "classifier.out_proj")
        };
        let out_weight = format!("{out}.weight");
        if !tensors.has(&out_weight) {
            let detail =
                format!("there is no tensor {out_weight}, so the model is not a cross-encoder");
            return Err(Error::Embedder(detail));
        }
        let outputs = config.labels().or(tensors.rows(&out_weight)).unwrap_or(0);
        if outputs != 1 {
            let detail = format!("the model returns {outputs} scores for a pair; one is expected");
            return Err(Error::Embedder(detail));
        }
        // Float precision for both: they are small, and the last digits of a score depend on them.
        let linear = |name: &str, outputs: usize| {
            let weights = tensors.floats(&format!("{name}.weight"), &[outputs, width])?;
            let bias = tensors.floats(&format!("{name}.bias"), &[outputs])?;
            Linear::new(&weights, bias, width, Precision::Float)
        };
        let (dense, out) = (linear(dense, width)?, linear(out, 1)?);
        Ok(Self { dense, out })
    }

    fn score(&self, first: &[f32]) -> Result<f64> {
        let (mut scratch, mut pooled, mut score) = (Scratch::default(), Vec::new(), Vec::new());
        self.dense.apply(first, &mut scratch, &mut pooled)?;
        pooled.iter_mut().for_each(|x| *x = x.tanh());
        self.out.apply(&pooled, &mut scratch, &mut score)?;
        Ok(score.first().copied().map_or(f64::NAN, f64::from))
    }
}

impl CrossEncoder {
    /// Opens a folder with `config.json`, `model.safetensors` and `tokenizer.json` of a model for sequence
    /// classification with one output (those of the ms-marco-MiniLM and bge-reranker families are such ones).
    ///
    /// # Errors
    /// [`Error::Embedder`] when a file is missing or not of that form.
    pub fn open(folder: impl AsRef<Path>, precision: Precision) -> Result<Self> {
        let (model, head) = Model::open(folder.as_ref(), precision, Head::new)?;
        Ok(Self { model, head })
    }

    /// Hash of everything that decides its output, 32 hexadecimal digits (XXH3-128).
    pub fn hash(&self) -> &str {
        &self.model.hash
    }

    /// A score for each document.
    ///
    /// # Errors
    /// [`Error::Embedder`] when a text cannot be split into tokens.
    pub fn scores(&self, query: &str, documents: &[&str]) -> Result<Vec<f64>> {
        self.scores_until(query, documents, || false)
    }

    fn scores_until(
        &self,
        query: &str,
        documents: &[&str],
        stop: impl Fn() -> bool + Sync,
    ) -> Result<Vec<f64>> {
        let query = beginning(query);
        let pair = |document: &&str| self.model.encode((query, beginning(document)));
        let pairs: Vec<Tokens> = documents.par_iter().map(pair).collect::<Result<_>>()?;
        let width = self.model.encoder.width;
        let score = |hidden: &[f32]| self.head.score(hidden.get(..width).unwrap_or_default());
        self.model.each(&pairs, stop, score)?.into_iter().collect()
    }
}

impl Reranker for CrossEncoder {
    fn name(&self) -> &str {
        &self.model.name
    }

    fn rerank(&self, query: &RerankQuery, candidates: &[Candidate]) -> Result<Vec<f64>> {
        let Some(text) = &query.text else {
            return Err(Error::Embedder("a cross-encoder needs the words of the query".to_owned()));
        };
        let whole = |c: &Candidate| c.text.values().cloned().collect::<Vec<_>>().join(" ");
        let documents: Vec<String> = candidates.iter().map(whole).collect();
        let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
        self.scores_until(text, &documents, || query.deadline.passed())
    }
}
