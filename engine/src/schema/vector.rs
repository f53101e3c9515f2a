//! Declarations of vector fields: their metric, graph parameters and codes.

use serde::{Deserialize, Serialize};

use super::{Field, Schema, within};
use crate::error::{Error, Result};
use crate::limits::{
    CODES_MIN_ROWS, FLUSH_VECTOR_BYTES, MAX_DIMENSION, MAX_EF_CONSTRUCTION, MAX_GRAPH_ROWS, MAX_M,
    MAX_ROW_COMPONENTS,
};

/// Default out-degree of a graph; most engines use it.
const DEFAULT_M: usize = 16;
/// Default number of candidates for the neighbours of a row.
const DEFAULT_EF_CONSTRUCTION: usize = 100;
/// Number of components from which four bits are enough for each; see [`Quantization::usual`].
pub(crate) const FOUR_BITS_DIM: usize = 192;
/// Name of the default vector field.
pub const DEFAULT_VECTOR_FIELD: &str = "vector";

/// Similarity of two vectors. Scores are higher for closer vectors under every metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Cosine of the angle; a zero vector is an input error.
    #[default]
    Cosine,
    /// Inner product.
    Dot,
    /// Score is minus the squared Euclidean distance.
    L2,
}

impl std::str::FromStr for Metric {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        match s {
            "cosine" => Ok(Self::Cosine),
            "dot" => Ok(Self::Dot),
            "l2" => Ok(Self::L2),
            other => Err(Error::invalid(
                "metric",
                format!("{other:?} is not a metric; use cosine, dot or l2"),
            )),
        }
    }
}

/// Format of the codes that walks and scans compare. The rows they find are always rescored on the
/// stored vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Quantization {
    /// Half floats with eight bits of mantissa and the range of floats: twice the memory of `Int8`, for
    /// collections where `Int8` loses hits.
    Bf16,
    /// Half floats with eleven bits of mantissa: of the same size, and eight times finer.
    F16,
    /// Eight bits a component.
    Int8,
    /// Four bits a component, of rotated vectors.
    Int4,
    /// One bit a component, of rotated vectors: for collections much larger than memory.
    Binary,
}

impl Quantization {
    /// Default codes for vectors of this many components: four bits for many components, whose errors
    /// are small in their sum, so that a walk reads half as much memory; benches/RESULTS.md has the
    /// figures.
    pub fn usual(dim: usize) -> Self {
        if dim < FOUR_BITS_DIM { Self::Int8 } else { Self::Int4 }
    }
}

impl std::str::FromStr for Quantization {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        match s {
            "bf16" => Ok(Self::Bf16),
            "f16" => Ok(Self::F16),
            "int8" => Ok(Self::Int8),
            "int4" => Ok(Self::Int4),
            "binary" => Ok(Self::Binary),
            other => Err(Error::invalid(
                "quantization",
                format!("{other:?} is not a quantization; use bf16, f16, int8, int4 or binary"),
            )),
        }
    }
}

/// One named dense vector of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "GivenField")]
pub struct VectorField {
    /// Name, `[a-z0-9_-]`, at most 63 bytes.
    pub name: String,
    /// Components of every vector of this field.
    pub dim: usize,
    /// Similarity of its vectors.
    pub metric: Metric,
    /// HNSW out-degree on the upper levels (level 0: twice as many). Malkov and Yashunin,
    /// "Efficient and robust approximate nearest neighbor search using HNSW graphs", 2016.
    pub m: usize,
    /// HNSW beam while building.
    pub ef_construction: usize,
    /// Codes that walks and scans compare.
    pub quantization: Quantization,
}

/// The JSON form of a field; the defaults of missing members depend on the others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenField {
    name: String,
    dim: usize,
    metric: Option<Metric>,
    m: Option<usize>,
    ef_construction: Option<usize>,
    quantization: Option<Quantization>,
}

impl From<GivenField> for VectorField {
    fn from(given: GivenField) -> Self {
        let usual = Self::new(given.name, given.dim, given.metric.unwrap_or_default());
        Self {
            m: given.m.unwrap_or(usual.m),
            ef_construction: given.ef_construction.unwrap_or(usual.ef_construction),
            quantization: given.quantization.unwrap_or(usual.quantization),
            ..usual
        }
    }
}

impl VectorField {
    /// A field with the default graph parameters (m 16, ef_construction 100).
    pub fn new(name: impl Into<String>, dim: usize, metric: Metric) -> Self {
        Self {
            name: name.into(),
            dim,
            metric,
            m: DEFAULT_M,
            ef_construction: DEFAULT_EF_CONSTRUCTION,
            quantization: Quantization::usual(dim),
        }
    }
}

impl Field for VectorField {
    fn kind() -> &'static str {
        "vector"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn fixed(&self) -> String {
        let metric = format!("{:?}", self.metric).to_lowercase();
        format!("{} components, {metric}", self.dim)
    }

    fn check(&self) -> Result<()> {
        within("dimension", self.dim, 1, MAX_DIMENSION)?;
        within("m", self.m, 2, MAX_M)?;
        within("ef_construction", self.ef_construction, self.m, MAX_EF_CONSTRUCTION)
    }
}

impl Schema {
    /// Bytes that the vectors of a row take in a segment.
    pub fn row_vector_bytes(&self) -> usize {
        self.vectors.iter().map(|field| field.dim.saturating_mul(size_of::<f32>())).sum()
    }

    /// Refuses fields whose vectors would make rows too large; collections that were made before have them still.
    pub(crate) fn check_row_components(&self) -> Result<()> {
        let components: usize = self.vectors.iter().map(|field| field.dim).sum();
        if components <= MAX_ROW_COMPONENTS {
            return Ok(());
        }
        let detail = format!(
            "the vectors of a row would have {components} components together; the limit is {MAX_ROW_COMPONENTS}"
        );
        Err(Error::invalid("vector fields", detail))
    }

    /// Rows that a segment in memory may have, or from which a flush is due: fewer than `rows` where their vectors would
    /// take more than [`FLUSH_VECTOR_BYTES`].
    pub(crate) fn rows_in_memory(&self, rows: usize) -> usize {
        rows.min(FLUSH_VECTOR_BYTES / self.row_vector_bytes().max(1)).max(1)
    }

    /// True if a segment with this many vectors of a field has a graph over them.
    pub(crate) fn wants_graph(&self, vectors: u32) -> bool {
        vectors as usize >= self.graph_min_rows.max(1) && vectors <= MAX_GRAPH_ROWS
    }

    /// True if a segment with this many vectors of a field has codes of them: graphs are walked by
    /// codes, and from [`CODES_MIN_ROWS`] rows a scan by codes is faster.
    pub(crate) fn wants_codes(&self, vectors: u32) -> bool {
        vectors as usize >= CODES_MIN_ROWS.min(self.graph_min_rows.max(1))
    }
}
