//! Opening of the embedder in a folder, of either kind.

use std::path::Path;
use std::sync::Arc;

use super::embed::Embedder;
use super::folder::Folder;
use super::static_embedder::StaticEmbedder;
use super::transformer::{Architecture, Precision, TransformerEmbedder};
use crate::error::{Error, Result};

/// Kind of the model in a folder, by its `config.json`.
pub(super) enum Kind {
    Static,
    Transformer,
    CrossEncoder,
}

pub(super) fn kind(folder: &Folder) -> Result<Kind> {
    Ok(match Architecture::read(folder)? {
        None => Kind::Static,
        Some(transformer) if transformer.scores() => Kind::CrossEncoder,
        Some(_) => Kind::Transformer,
    })
}

/// Opens the embedder of a folder: a transformer if its `config.json` names a `model_type`
/// ([`TransformerEmbedder::open`]), otherwise a static model ([`StaticEmbedder::open`]).
///
/// Without a precision a transformer has the default one. Another precision makes other vectors, so a
/// collection accepts a model only in the precision it was created with.
///
/// # Errors
/// [`Error::Embedder`] when a file is missing or not of that form, when it is a cross-encoder, and when a
/// precision is given for a static model, which has none to choose.
pub fn open_embedder(
    folder: impl AsRef<Path>,
    precision: Option<Precision>,
) -> Result<Arc<dyn Embedder>> {
    let path = folder.as_ref();
    let shown = path.display();
    let refused = |detail: String| Err(Error::Embedder(format!("{shown} {detail}")));
    match (kind(&Folder::open(path)?)?, precision) {
        (Kind::CrossEncoder, _) => refused(
            "has a cross-encoder, which makes no vectors; use it as the reranker".to_owned(),
        ),
        (Kind::Transformer, precision) => {
            Ok(Arc::new(TransformerEmbedder::open(path, precision.unwrap_or_default())?))
        }
        (Kind::Static, None) => Ok(Arc::new(StaticEmbedder::open(path)?)),
        (Kind::Static, Some(precision)) => refused(format!(
            "has no config.json with a model_type, so it is a static model, which has no precision to \
             choose; leave {} out",
            precision.name()
        )),
    }
}
