//! A segment: rows that share one number across vectors, graph, inverted index and documents.

mod alive;
mod best;
mod builder;
mod documents;
mod merge;
mod open;

pub(crate) use alive::RowSet;
pub(crate) use best::BestRows;
pub use builder::Stage;
pub(crate) use builder::{NEVER, Progress, SegmentBuilder};
pub(crate) use documents::StoredDocuments;
pub(crate) use merge::{GraphFrom, Input, SegmentMerger, largest_graph};
pub(crate) use open::{Segment, Vectors};
