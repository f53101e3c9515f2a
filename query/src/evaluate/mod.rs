//! How good a ranking is, by human judgments: files of judgments and runs, and the metrics.

pub mod ranking;
pub mod trec;

pub use ranking::{Summary, evaluate};
pub use trec::{Qrels, Run};
