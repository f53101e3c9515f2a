//! Options that name models, and opening these models.

use std::path::PathBuf;
use std::sync::Arc;

use lexivec::model::{Embedder, Precision, Reranker};
use lexivec_ingest::endpoint::{Address, Endpoint, Key};
use lexivec_ingest::model_registry;

use crate::exit::{Failure, Outcome};

/// Environment variable that names the model where the command line names none.
const VARIABLE: &str = "LEXIVEC_MODEL";

/// Options that name the embedding model.
#[derive(clap::Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelArgs {
    /// Embedding model, which makes vectors from text: a folder, or the name of a model that was added with `lexivec
    /// model add`. It is a transformer (config.json, model.safetensors, tokenizer.json) or a static table. A collection
    /// accepts only the model it was created with.
    #[arg(id = "model", long, value_name = "FOLDER", env = VARIABLE)]
    pub(crate) folder: Option<PathBuf>,
    /// URL of an embedding endpoint in OpenAI's form, without /embeddings, instead of a local model; texts are sent
    /// there. The collection records URL, model name and dimension, and checks at each opening that two known texts
    /// still get the same vectors.
    #[arg(long, value_name = "URL", requires = "model_name", conflicts_with_all = ["model", "precision"])]
    pub(crate) model_url: Option<String>,
    /// Name of the model at --model-url.
    #[arg(long, value_name = "NAME", requires = "model_url")]
    pub(crate) model_name: Option<String>,
    /// Environment variable with the key for --model-url.
    #[arg(long, value_name = "VARIABLE", requires = "model_url")]
    pub(crate) model_key_env: Option<String>,
    /// Components of the vectors of --model-url; without it, one text is sent to learn the number.
    #[arg(long, value_name = "N", requires = "model_url")]
    pub(crate) model_dim: Option<usize>,
    /// Arithmetic of transformers: int8 or float; int8 by default. Vectors depend on it, so that a collection accepts
    /// its model only in the precision it was created with.
    #[arg(long, env = "LEXIVEC_PRECISION")]
    pub(crate) precision: Option<Precision>,
}

impl ModelArgs {
    /// True if a model is named.
    pub(crate) fn is_named(&self) -> bool {
        self.folder.is_some() || self.model_url.is_some()
    }

    /// True if a model is named on the command line, and not only by the environment.
    pub(crate) fn is_explicit(&self) -> bool {
        let folder = self.folder.as_ref().map(|folder| folder.as_os_str().to_owned());
        self.model_url.is_some() || folder.is_some_and(|f| std::env::var_os(VARIABLE) != Some(f))
    }

    /// Opens the embedder, if one is named.
    pub(crate) fn embedder(&self) -> Outcome<Option<Arc<dyn Embedder>>> {
        if let (Some(url), Some(name)) = (&self.model_url, &self.model_name) {
            let key = self.model_key_env.as_deref().map(Key::from_env).transpose()?;
            let endpoint = Endpoint::open(Address { url, name, key, dim: self.model_dim })?;
            return Ok(Some(Arc::new(endpoint)));
        }
        let Some(folder) = &self.folder else { return Ok(None) };
        let opened = model_registry::open_embedder(folder, self.precision);
        Ok(Some(opened.map_err(|e| of_option("--model", &e))?))
    }
}

/// Options that name the embedding model and the reranker.
#[derive(clap::Args)]
pub(crate) struct Models {
    #[command(flatten)]
    pub(crate) vectors: ModelArgs,
    /// Cross-encoder for --rerank model: a folder, or the name of an added model.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) rerank_model: Option<PathBuf>,
}

impl Models {
    /// Opens the cross-encoder, if one is named, in the precision of the other model.
    pub(crate) fn reranker(&self) -> Outcome<Option<Arc<dyn Reranker>>> {
        let Some(folder) = &self.rerank_model else { return Ok(None) };
        let precision = self.vectors.precision.unwrap_or_default();
        let opened = model_registry::open_reranker(folder, precision);
        Ok(Some(opened.map_err(|e| of_option("--rerank-model", &e))?))
    }
}

fn of_option(option: &str, error: &lexivec_ingest::Error) -> Failure {
    Failure::new(format!("{option} {error}"))
}
