//! Answering requests from one generation: filter, legs, fusion, rerank, and documents for the winners only.

mod answer;
mod complete;
mod cursor;
mod evaluation;
mod floor;
mod groups;
mod leg;
mod leg_table;
mod legs;
mod map;
mod merge;
mod notices;
mod prepare;
mod principal;
mod ranking;
mod read;
mod recall;
mod rerank;
mod searcher;
mod statistics;
mod suggest;
mod text;
mod tune;
mod vector;
mod why_not;

pub use cursor::Cursor;
pub use map::{MapOptions, MapPoint, VectorMap};
pub use read::ScrollPage;
pub(crate) use recall::measure_recall;
pub use recall::{RecallOptions, RecallQueries, RecallReport, SegmentRecall, ShareRecall};
pub use searcher::Searcher;
pub(crate) use searcher::unknown_profile;
pub use tune::{TuneOptions, TuneReport};
