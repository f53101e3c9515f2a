//! The options that name models, and the opening of what they name.

use std::path::PathBuf;
use std::sync::Arc;

use lexivec::model::{Embedder, Precision, Reranker};
use lexivec_ingest::endpoint::{Address, Endpoint, Key};
use lexivec_ingest::model_registry;

use crate::exit::Outcome;

/// The model that makes vectors of words.
#[derive(clap::Args)]
pub(crate) struct ModelArgs {
    /// Folder of the model that makes vectors of words, or name of one that was added with `lexivec model add`: a transformer (config.json, model.safetensors,
    /// tokenizer.json) or a static table. A collection takes the one it was made with.
    #[arg(id = "model", long, value_name = "FOLDER", env = "LEXIVEC_MODEL")]
    pub(crate) folder: Option<PathBuf>,
    /// URL of an endpoint with OpenAI's embeddings, without /embeddings, instead: texts are sent there. A collection
    /// records URL, name and dimension; of the weights behind them it knows
    /// what they make of two texts.
    #[arg(long, value_name = "URL", requires = "model_name", conflicts_with_all = ["model", "precision"])]
    pub(crate) model_url: Option<String>,
    /// Name of the model at --model-url.
    #[arg(long, value_name = "NAME", requires = "model_url")]
    pub(crate) model_name: Option<String>,
    /// Variable of the environment with the key for --model-url.
    #[arg(long, value_name = "VARIABLE", requires = "model_url")]
    pub(crate) model_key_env: Option<String>,
    /// Components of the vectors of --model-url; one text is sent to learn it if not given.
    #[arg(long, value_name = "N", requires = "model_url")]
    pub(crate) model_dim: Option<usize>,
    /// How transformers compute: int8 or float; int8 if not given. It decides the vectors, so that a
    /// collection takes its model in the precision it was made with.
    #[arg(long, env = "LEXIVEC_PRECISION")]
    pub(crate) precision: Option<Precision>,
}

impl ModelArgs {
    /// True if a model is named.
    pub(crate) fn is_named(&self) -> bool {
        self.folder.is_some() || self.model_url.is_some()
    }

    /// Opens the embedder, if one is named.
    pub(crate) fn embedder(&self) -> Outcome<Option<Arc<dyn Embedder>>> {
        if let (Some(url), Some(name)) = (&self.model_url, &self.model_name) {
            let key = self.model_key_env.as_deref().map(Key::from_env).transpose()?;
            let endpoint = Endpoint::open(Address { url, name, key, dim: self.model_dim })?;
            return Ok(Some(Arc::new(endpoint)));
        }
        let Some(folder) = &self.folder else { return Ok(None) };
        Ok(Some(model_registry::open_embedder(folder, self.precision)?))
    }
}

/// The models for those who ask.
#[derive(clap::Args)]
pub(crate) struct Models {
    #[command(flatten)]
    pub(crate) vectors: ModelArgs,
    /// Folder of the cross-encoder for the rerank "model", or name of an added one.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) rerank_model: Option<PathBuf>,
}

impl Models {
    /// Opens the cross-encoder, if one is named, in the precision of the other model.
    pub(crate) fn reranker(&self) -> Outcome<Option<Arc<dyn Reranker>>> {
        let Some(folder) = &self.rerank_model else { return Ok(None) };
        let precision = self.vectors.precision.unwrap_or_default();
        Ok(Some(model_registry::open_reranker(folder, precision)?))
    }
}
