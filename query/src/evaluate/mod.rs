//! How good a ranking is, by human judgments: files of judgments and runs, and the metrics;
//! and how far a measured mean may be from the truth.

pub mod interval;
pub mod ranking;
pub mod trec;

pub use ranking::{Summary, evaluate};
pub use trec::{Qrels, Run};
