//! A segment: rows that share one number across vectors, graph, inverted index and documents.

mod alive;
mod builder;
mod documents;
mod open;

pub(crate) use alive::RowSet;
pub(crate) use builder::SegmentBuilder;
pub use builder::Stage;
pub(crate) use documents::StoredDocuments;
pub(crate) use open::Segment;
