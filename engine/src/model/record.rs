//! The record of a schema's model: its form, and the check that refuses another model.

use lexivec_query::Fusion;
use lexivec_query::limits::{DEFAULT_VECTOR_SHARE, STATIC_VECTOR_SHARE};
use xxhash_rust::xxh3::xxh3_128;

use super::Embedder;
use crate::error::{Error, Result};
use crate::schema::{CANARY_TEXTS, EmbedderRecord, Metric, Quantization, Schema};
use crate::vector::distance::{inverse_norm, similarity};

/// Least cosine of a canary with its recorded vector. Machines differ in the last bits of sums, by 1e-6
/// and less.
const SAME_COSINE: f64 = 0.999;

impl EmbedderRecord {
    /// The record of a model that fills a field.
    ///
    /// # Errors
    /// When the model fails, or gives a vector with a component that is not a finite number.
    pub(crate) fn of(model: &dyn Embedder, field: &str) -> Result<Self> {
        let canaries = model.embed(&CANARY_TEXTS)?;
        if canaries.iter().flatten().flatten().any(|x| !x.is_finite()) {
            let detail = "it gave a vector with a component that is not a finite number";
            return Err(Error::Embedder(format!("model {}: {detail}", model.name())));
        }
        Ok(Self {
            name: model.name().to_owned(),
            hash: model.hash().to_owned(),
            field: field.to_owned(),
            canaries,
            tokens: None,
        })
    }

    /// Identity of the model: its hash, and a hash of its canary vectors.
    pub(crate) fn identity(&self) -> String {
        let canaries = self.canaries.iter().flatten().flatten();
        let bytes: Vec<u8> = canaries.flat_map(|x| x.to_le_bytes()).collect();
        format!("{}-{:032x}", self.hash, xxh3_128(&bytes))
    }

    /// Refuses a model that makes other vectors than the one recorded.
    ///
    /// # Errors
    /// [`Error::Embedder`] names the difference.
    pub(crate) fn check(&self, model: &dyn Embedder) -> Result<()> {
        if self.hash != model.hash() {
            return Err(Error::Embedder(format!(
                "the collection's vectors were made by {} ({}), the model given is {} ({}); \
                 vectors of two models cannot be compared: open the folder it was made with, a \
                 transformer in the precision it had then (int8 if none was given, or float), or an \
                 endpoint by the URL, the name and the dimension it had then, or re-embed the collection (`lexivec reembed`)",
                self.name,
                self.hash,
                model.name(),
                model.hash()
            )));
        }
        if self.canaries.is_empty() {
            return Ok(());
        }
        let same = |(was, is): (&Option<Vec<f32>>, &Option<Vec<f32>>)| match (was, is) {
            (Some(was), Some(is)) => {
                let (one, other) = (inverse_norm(was), inverse_norm(is));
                // Its length counts under dot and l2.
                let fits =
                    was.len() == is.len() && (one / other - 1.0).abs() <= 1.0 - SAME_COSINE as f32;
                fits && f64::from(similarity(Metric::Cosine, was, is, one * other)) >= SAME_COSINE
            }
            (was, is) => was.is_none() && is.is_none(),
        };
        let now = model.embed(&CANARY_TEXTS)?;
        if self.canaries.len() == now.len() && self.canaries.iter().zip(&now).all(same) {
            return Ok(());
        }
        Err(Error::Embedder(format!(
            "model {} has the name and the hash of the collection's, and makes other vectors than it made then of \
             the same texts: its files or its service changed; restore them, or re-embed the collection \
             (`lexivec reembed`)",
            model.name()
        )))
    }
}

impl Schema {
    /// The identity of the model that fills a vector field, if one does.
    pub(crate) fn model_of(&self, field: &str) -> Option<String> {
        let record = self.embedder.as_ref().filter(|record| record.field == field);
        record.map(EmbedderRecord::identity)
    }

    /// The schema with the vectors of another model.
    pub(crate) fn with_model(&self, model: &dyn Embedder, field: &str) -> Result<Self> {
        let mut schema = self.clone();
        let tokens = self.embedder.as_ref().and_then(|record| record.tokens.clone());
        if let Some(name) = &tokens {
            if model.embed_tokens(&[])?.is_none() {
                return Err(Error::Embedder(format!(
                    "the collection's token vectors {name:?} are made by its model, and model {} makes none; \
                     use a transformer",
                    model.name()
                )));
            }
            for field in schema.tokens.iter_mut().filter(|f| f.name == *name) {
                field.dim = model.dim();
            }
        }
        schema.embedder = Some(EmbedderRecord { tokens, ..EmbedderRecord::of(model, field)? });
        // The fusion was the usual one for the old model, unless the caller chose another.
        if [DEFAULT_VECTOR_SHARE, STATIC_VECTOR_SHARE].map(Fusion::scores).contains(&schema.fusion)
        {
            schema.fusion = usual_fusion(Some(model));
        }
        for field in schema.vectors.iter_mut().filter(|f| f.name == field) {
            // The quantization was the default for the old dimension, unless the caller chose another.
            if field.quantization == Quantization::usual(field.dim) {
                field.quantization = Quantization::usual(model.dim());
            }
            field.dim = model.dim();
        }
        schema.validate()?;
        Ok(schema)
    }
}

/// The fusion of a new collection: the less its model knows beyond single words, the smaller the share of vectors.
pub(crate) fn usual_fusion(model: Option<&dyn Embedder>) -> Fusion {
    Fusion::scores(match model.is_some_and(|model| !model.is_contextual()) {
        true => STATIC_VECTOR_SHARE,
        false => DEFAULT_VECTOR_SHARE,
    })
}
