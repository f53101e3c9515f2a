//! A folder with an embedder in it, of whichever kind.

use std::path::Path;
use std::sync::Arc;

use super::embed::{Embedder, StaticEmbedder};
use super::folder::Folder;
use super::transformer::{Architecture, Precision, TransformerEmbedder};
use crate::error::{Error, Result};

/// What a folder has in it, by its `config.json`.
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

/// Opens the embedder of a folder: a transformer where its `config.json` names a `model_type`
/// ([`TransformerEmbedder::open`]), a static model elsewhere ([`StaticEmbedder::open`]).
///
/// Without a precision a transformer has the default one. Another precision makes other vectors, so that a
/// collection takes a model in the precision it was made with.
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
            "has a cross-encoder, which makes no vectors; hand it in as a reranker".to_owned(),
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
