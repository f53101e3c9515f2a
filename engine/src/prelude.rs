//! The names that most programs use: `use lexivec::prelude::*;`.
//!
//! Neither `Result` nor `Error` is among them, so `Result<T, E>` stays the one of the standard library; write
//! [`lexivec::Result`](crate::Result) for that of the engine.

pub use crate::{
    Bm25, Candidate, Collection, Cursor, Database, Document, Durability, Embedder, ErrorKind,
    Facet, Filter, Fusion, GroupBy, Highlight, Hit, Leg, LegOptions, Metric, Mode, Normalize,
    OpenOptions, Options, Params, Receipt, Rerank, RerankQuery, Reranker, SearchRequest,
    SearchResponse, Searcher, WhyNot, WriteOptions, field,
};
