//! A segment: rows that share one number across vectors, graph, inverted index and documents.

mod builder;
mod documents;
mod merge;
mod open;

pub use builder::Stage;
pub(crate) use builder::{NEVER, Progress, SegmentBuilder};
pub(crate) use documents::StoredDocuments;
pub(crate) use merge::{GraphSource, Input, SegmentMerger, largest_graph};
pub(crate) use open::{Segment, Vectors};
