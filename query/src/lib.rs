//! Questions to a collection and their answers: the meaning of a request, the rows a filter admits, the plan
//! and the fusion of legs, and the ledger of a score. Pure functions: no file, no clock, no thread.
#![forbid(unsafe_code)]

pub mod answer;
pub mod bind;
pub mod catalog;
mod error;
pub mod explain;
pub mod facets;
pub mod filter;
pub mod fusion;
pub mod ids;
pub mod json;
pub mod leg;
pub mod limits;
mod names;
pub mod parse;
pub mod plan;
pub mod planner;
pub mod profile;
pub mod query_string;
pub mod request;
pub mod rerank;
pub mod shards;
pub mod suggest;
pub mod synonyms;
pub mod timestamp;
pub mod topk;
pub mod value;
pub mod why_not;

pub use answer::{Hit, SearchResponse};
pub use error::{Error, Result};
pub use filter::{Filter, field};
pub use leg::Leg;
pub use profile::Profile;
pub use request::{Fusion, Mode, SearchRequest};
pub use rerank::Rerank;
pub use synonyms::Synonyms;
