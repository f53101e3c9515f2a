//! The HNSW graph of one vector field: how it is built, laid out in a section and walked.
//!
//! Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
//! Hierarchical Navigable Small World graphs", 2016.

mod beam;
mod build;
mod built;
mod compare;
mod connect;
mod copies;
mod layout;
mod recall_curve;
mod search;

pub(crate) use beam::Beam;
pub(crate) use build::{BuildParameters, build, extend};
pub(crate) use built::BuiltGraph;
pub(crate) use layout::{Graph, write_graph};
pub(crate) use recall_curve::RecallCurve;
pub(crate) use search::{CodeRows, PageBudget, Widen, search};

/// Highest level a node may have. With m = 2 the chance of a node above it is 2^-32.
pub(crate) const MAX_LEVEL: usize = 32;

/// Marks an unused slot in a list of neighbours.
pub(crate) const NO_NEIGHBOUR: u32 = u32::MAX;
