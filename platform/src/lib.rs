//! Rules that imitate the education platform's Python, to the bit: the scores of answers made from retrieved
//! texts, the type of a query, the words of a text, and the texts of errors. They live here and nowhere else.
#![forbid(unsafe_code)]

mod error;
pub mod query_type;
pub mod rag;
mod words;

pub use error::{Error, Result};
