//! The options that name models, and the opening of what they name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lexivec::model::{CrossEncoder, Embedder, Precision, Reranker, open_embedder};

use crate::exit::{Failure, Outcome};

/// The model that makes vectors of words.
#[derive(clap::Args)]
pub(crate) struct ModelArgs {
    /// Folder of the model that makes vectors of words: a transformer (config.json, model.safetensors,
    /// tokenizer.json) or a static table. A collection takes the one it was made with.
    #[arg(id = "model", long, value_name = "FOLDER", env = "LEXIVEC_MODEL")]
    pub(crate) folder: Option<PathBuf>,
    /// How transformers compute: int8 or float; int8 if not given. It decides the vectors, so that a
    /// collection takes its model in the precision it was made with.
    #[arg(long, env = "LEXIVEC_PRECISION")]
    pub(crate) precision: Option<Precision>,
}

impl ModelArgs {
    /// Opens the embedder, if one is named.
    pub(crate) fn embedder(&self) -> Outcome<Option<Arc<dyn Embedder>>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let opened = open_embedder(folder, self.precision);
        opened.map(Some).map_err(|e| failed("--model", folder, &e))
    }
}

/// The models for those who ask.
#[derive(clap::Args)]
pub(crate) struct Models {
    #[command(flatten)]
    pub(crate) vectors: ModelArgs,
    /// Folder of the cross-encoder for the rerank "model".
    #[arg(long, value_name = "FOLDER")]
    pub(crate) rerank_model: Option<PathBuf>,
}

impl Models {
    /// Opens the cross-encoder, if one is named, in the precision of the other model.
    pub(crate) fn reranker(&self) -> Outcome<Option<Arc<dyn Reranker>>> {
        let Some(folder) = &self.rerank_model else { return Ok(None) };
        let opened = CrossEncoder::open(folder, self.vectors.precision.unwrap_or_default());
        let opened = opened.map_err(|e| failed("--rerank-model", folder, &e))?;
        Ok(Some(Arc::new(opened)))
    }
}

fn failed(option: &str, folder: &Path, error: &lexivec::Error) -> Failure {
    Failure::new(format!("{option} {}: {error}", folder.display()))
}
