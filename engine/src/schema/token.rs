//! Declarations of token fields: lists of token vectors for late interaction.

use serde::{Deserialize, Serialize};

use super::{Field, within};
use crate::error::Result;
use crate::limits::MAX_TOKEN_DIMENSION;

/// Name of the default token field.
pub const DEFAULT_TOKEN_FIELD: &str = "tokens";

/// One named list of token vectors of a document, for late interaction; only the direction of each counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenField {
    /// Name, `[a-z0-9_-]`, at most 63 bytes.
    pub name: String,
    /// Components of every token vector of this field, at most
    /// [`MAX_TOKEN_DIMENSION`].
    pub dim: usize,
}

impl TokenField {
    /// A field of this name and dimension.
    pub fn new(name: impl Into<String>, dim: usize) -> Self {
        Self { name: name.into(), dim }
    }
}

impl Field for TokenField {
    fn kind() -> &'static str {
        "token"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn fixed(&self) -> String {
        format!("{} components", self.dim)
    }

    fn check(&self) -> Result<()> {
        within("dimension of token vectors", self.dim, 1, MAX_TOKEN_DIMENSION)
    }
}
