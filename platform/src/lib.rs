//! Rules that imitate the education platform's Python, to the bit: the scores of answers made from retrieved
//! texts, BM25 and the fusion of two lists, the type of a query, the words of a text, and the texts of errors. They live here and nowhere else.
#![forbid(unsafe_code)]

mod error;
pub mod lexical;
pub mod okapi;
pub mod query_type;
pub mod rag;
pub mod rank_fusion;
mod words;

pub use error::{Error, Result};
pub use words::word_hashes;
