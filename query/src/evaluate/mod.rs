//! How good a ranking is, by human judgments, and how good the answers made from it are: files of
//! judgments and runs, and the metrics; and how far a measured mean, or a difference of two, may be
//! from the truth.

pub mod answer;
pub mod change;
pub mod compare;
pub mod interval;
pub mod means;
pub mod metric;
pub mod ranking;
pub mod statistics;
pub mod trec;
pub mod tune;

pub use ranking::{Summary, evaluate};
pub use trec::{Qrels, Run};
