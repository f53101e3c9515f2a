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
//!
//! # The flow
//!
//! 1. [`Collection::open_or_create`] opens the collection in a directory for writing, or makes it with the fields that
//!    [`Options`] names. [`Collection::open_read_only`] opens it next to a writer, also in another process, and a
//!    [`Database`] keeps many collections in one directory.
//! 2. [`Collection::upsert`] writes one [`Document`] or a batch, all or none; the [`Receipt`] says if it is on disk.
//! 3. A [`SearchRequest`] says what is looked for; [`Collection::search`] answers with a [`SearchResponse`], whose
//!    [`Hit`]s carry a [`Ledger`] of where their score comes from.
//! 4. [`Collection::searcher`] gives a [`Searcher`], a read view of one state: clone it, send it to other threads, and
//!    every answer is of the same rows, whatever is written.
//!
//! `use lexivec::prelude::*` brings the names that most programs need; `examples/` has a program for each of the
//! groups below.
//!
//! # The main types
//!
//! | group | types |
//! |---|---|
//! | collections | [`Collection`], [`Database`], [`Options`], [`OpenOptions`], [`Schema`], [`Metric`], [`Durability`] |
//! | writing | [`Document`], [`IntoDocuments`], [`WriteOptions`], [`Receipt`] |
//! | asking | [`SearchRequest`], [`Filter`] and [`field`], [`Mode`], [`Leg`], [`Fusion`], [`Rerank`], [`GroupBy`], [`Facet`], [`Highlight`], [`Params`], [`Profile`] |
//! | answers | [`SearchResponse`], [`Hit`], [`Ledger`], [`Passage`], [`Groups`], [`Cursor`], [`WhyNot`] |
//! | reading | [`Searcher`], [`ScrollPage`], [`FacetCounts`] |
//! | models | [`Embedder`], [`Reranker`], and those that run in process in [`model`] |
//! | quality | [`Searcher::tune`], [`Searcher::recall`], [`Feedback`], and the measures in [`eval`] |
//! | operation | [`Stats`], [`VerifyReport`], [`RepairReport`], [`CompactReport`], [`Snapshot`] |
//!
//! # Cargo features
//!
//! Both are on by default; a program that brings its own vectors builds sooner without them.
//!
//! * `models`: static and transformer models that run in the process, [`model::open_embedder`] among them.
//! * `learning`: relevance feedback and the training of query adapters. A collection's active adapter is applied in
//!   every build, so answers do not depend on this feature.
//!
//! Every call returns [`Result`]; an [`Error`] says what, where and what now, and its [`ErrorKind`] is for programs.

// A feature gates whole modules; what only those modules use stays compiled without them.
#![cfg_attr(not(all(feature = "models", feature = "learning")), allow(dead_code, unused_imports))]

#[cfg(target_endian = "big")]
compile_error!("mapped sections are little-endian tables; see FORMAT.md in storage/");

mod budget;
pub mod chunk;
mod collection;
mod database;
mod deadline;
mod document;
mod embed;
mod error;
mod fields;
mod generation;
#[cfg(doctest)]
mod guide;
#[cfg(feature = "learning")]
mod learning;
pub mod limits;
mod location;
pub mod model;
mod options;
pub mod prelude;
mod progress;
mod rows;
pub mod schema;
mod search;
mod segment;
mod text;
mod trace;
mod vector;

pub use budget::Budget;
pub use collection::{
    Collection, CompactOptions, CompactReport, CopyOptions, DamagedSnapshot, Inspection,
    MergeReport, Problem, Receipt, ReembedReport, ReindexReport, RepairReport, RewriteOptions,
    SegmentStats, Snapshot, SnapshotList, Stats, VerifyLevel, VerifyReport, WriteOptions, Writer,
};
pub use database::{Database, DatabaseOptions, Unopened};
pub use document::{Document, IntoDocuments};
pub use error::{DocumentFault, Error, ErrorKind, Result};
#[cfg(feature = "learning")]
pub use learning::{
    AdapterOptions, Feedback, FeedbackReceipt, MIN_GAIN, MIN_QUERIES, MIN_TRIPLETS, TrainReport,
};
pub use lexivec_eval as eval;
pub use lexivec_eval::JudgedQuery;
pub use lexivec_query::answer::{Group, Groups, Hit, Passage, RerankReport, SearchResponse};
pub use lexivec_query::explain::Ledger;
pub use lexivec_query::facets::{Facet, FacetCounts, GroupBy};
pub use lexivec_query::leg::LegOptions;
pub use lexivec_query::request::{
    AdapterChoice, Bm25, Highlight, Normalize, Params, Syntax, Typos,
};
pub use lexivec_query::suggest::{Completion, Correction, SuggestRequest, Suggestions};
pub use lexivec_query::why_not::WhyNot;
pub use lexivec_query::{
    Filter, Fusion, Leg, Mode, Profile, Rerank, SearchRequest, Synonyms, field,
};
// Callers with their own file system name `Vfs` of it; the rest is for tests and for tools that read
// files.
#[doc(hidden)]
pub use lexivec_storage as storage;
pub use location::Location;
pub use model::adapters::{AdapterInfo, AdapterValidation};
pub use model::{Candidate, Embedder, RerankQuery, Reranker};
pub use options::{OpenOptions, Options};
pub use progress::Stage;
pub use schema::{Durability, Metric, Schema};
pub use search::{
    Cursor, MapOptions, MapPoint, RecallOptions, RecallQueries, RecallReport, ScrollPage, Searcher,
    SegmentRecall, ShareRecall, TuneOptions, TuneReport, VectorMap,
};
pub use trace::{MAX_TRACED_PLANS, SearchStage, SearchTrace};

/// The parts of requests, plans and answers in full; what most programs use is at the root.
pub mod query {
    pub use lexivec_query::{
        Error, Filter, Fusion, Hit, Leg, Mode, Profile, Rerank, Result, SearchRequest,
        SearchResponse, Synonyms, answer, explain, facets, filter, fusion, ids, json, leg, limits,
        plan, profile, query_string, request, rerank, shards, suggest, synonyms, why_not,
    };
}

/// Internals that tests, benches and fuzz targets reach; no part of the interface.
#[doc(hidden)]
pub mod testing {
    pub use lexivec_query::{bind, parse, planner, timestamp, topk, value};
}
