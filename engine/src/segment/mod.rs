//! A segment: rows that share one number across vectors, graph, inverted index and documents.

mod builder;
mod documents;
mod merge;
mod numbered;
mod open;

pub(crate) use builder::SegmentBuilder;
pub(crate) use documents::StoredDocuments;
pub(crate) use merge::{Input, SegmentMerger};
pub(crate) use numbered::NumberedId;
pub(crate) use open::Segment;
