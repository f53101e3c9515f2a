//! Rankings scored, compared and tuned by human judgments: files of judgments and runs, the metrics of
//! a ranking, the uncertainty of a mean and of a difference, and the choice of settings. Pure
//! functions: the caller gives the rankings.
#![forbid(unsafe_code)]

pub mod compare;
pub mod diff;
pub mod evaluation;
pub mod interval;
pub mod metric;
pub mod random;
pub mod ranking;
pub mod report;
pub mod statistics;
pub mod trec;
pub mod tune;

pub use evaluation::{Diff, Evaluation, JudgedQuery};
pub use ranking::{Summary, evaluate};
pub use report::Report;
pub use trec::{Qrels, Run};
