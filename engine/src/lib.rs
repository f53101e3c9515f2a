//! An embedded hybrid search engine with its own on-disk index.
//!
//! A collection is a directory of immutable, memory-mapped segments. Each holds an HNSW graph over
//! its vectors next to an inverted index over the same rows; a request is answered by both, fused,
//! with a ledger that says where every score comes from.
//!
//! ```
//! use lexivec::{Collection, Document, Metric, Options, SearchRequest};
//!
//! fn main() -> lexivec::Result<()> {
//!     let papers = Collection::in_memory(Options::new().vector(2, Metric::Cosine))?;
//!     papers.upsert(vec![
//!         Document::new("a").text("a wing in a slipstream").vector([1.0, 0.0]),
//!         Document::new("b").text("heat in a boundary layer").vector([0.0, 1.0]),
//!     ])?;
//!     let answer = papers.search(&SearchRequest::hybrid("slipstream", [0.9, 0.1]).limit(1))?;
//!     assert_eq!(answer.hits[0].id, "a");
//!     assert!(answer.hits[0].ledger.adds_up());
//!     Ok(())
//! }
//! ```

#[cfg(target_endian = "big")]
compile_error!("mapped sections are little-endian tables; see FORMAT.md in storage/");

pub mod chunk;
mod collection;
mod database;
mod deadline;
mod document;
mod embed;
mod error;
mod generation;
#[cfg(doctest)]
mod guide;
mod learning;
pub mod limits;
mod location;
pub mod model;
mod options;
mod rows;
pub mod schema;
mod search;
mod segment;
mod text;
mod vector;

pub use collection::{
    Collection, CompactOptions, CompactReport, Inspection, MergeReport, Problem, Receipt,
    ReembedOptions, ReembedReport, RepairReport, SegmentStats, Snapshot, Stats, VerifyLevel,
    VerifyReport, WriteOptions, Writer,
};
pub use database::{Database, DatabaseOptions};
pub use document::{Document, IntoDocuments};
pub use error::{DocumentFault, Error, ErrorKind, Result};
pub use learning::{
    AdapterOptions, Feedback, LearnReceipt, MIN_GAIN, MIN_QUERIES, MIN_TRIPLETS, TrainReport,
};
pub use lexivec_eval as eval;
pub use lexivec_eval::JudgedQuery;
pub use lexivec_query as query;
pub use lexivec_query::answer::{Group, Groups, Hit, Passage, RerankReport, SearchResponse};
pub use lexivec_query::why_not::WhyNot;
pub use lexivec_query::{Filter, Fusion, Profile, Rerank, SearchRequest, field};
pub use lexivec_storage as storage;
pub use location::Location;
pub use model::adapters::{AdapterInfo, AdapterValidation};
pub use options::{OpenOptions, Options};
pub use schema::{Durability, Metric, Schema};
pub use search::{
    Cursor, RecallOptions, RecallQueries, RecallReport, ScrollPage, Searcher, SegmentRecall,
    ShareRecall, TuneOptions, TuneReport,
};
pub use segment::Stage;
