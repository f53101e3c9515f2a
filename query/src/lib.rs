//! Questions to a collection: what a request means, which rows a filter admits, how legs are
//! planned and fused, and how good a ranking or an answer is. Pure functions: no file, no clock, no
//! thread.
#![forbid(unsafe_code)]

pub mod bind;
pub mod catalog;
mod error;
pub mod evaluate;
pub mod explain;
pub mod filter;
pub mod fusion;
pub mod gather;
pub mod instant;
pub mod parse;
pub mod plan;
pub mod planner;
pub mod profile;
pub mod query_string;
pub mod query_type;
pub mod random;
pub mod request;
pub mod rerank;
pub mod topk;
pub mod value;
pub mod why_not;
mod words;

pub use error::{Error, Result};
pub use filter::Filter;
pub use profile::Profile;
pub use request::{Fusion, SearchRequest};
pub use rerank::Rerank;
