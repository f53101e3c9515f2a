//! The text leg of one segment; the only module that uses tantivy.
//!
//! tantivy brings the inverted index (term dictionary, postings with positions) and the payload
//! columns. Scoring is ours (`score`): its block-max pruning rests on block maxima computed with
//! one segment's average length and fixed k1 and b, so under statistics of the whole collection it
//! may drop a row, and its sums are of floats in an order that depends on the segment's layout.

mod analyzer;
mod clauses;
mod column_cache;
mod columns;
mod directory;
mod expand;
mod extent;
mod highlight;
mod index;
mod merge;
mod normal;
mod phrase;
mod postings;
mod query;
mod score;
mod sorted_columns;
mod statistics;
mod suggest;
mod synonyms;
#[cfg(test)]
mod tests;
mod typos;
mod weights;
mod words;

pub(crate) use analyzer::has_all_words;
pub(crate) use columns::{Columns, StoredFields, write_columns};
pub(crate) use expand::{Expand, Near};
pub(crate) use highlight::Looked;
pub(crate) use index::{TextIndex, write_text};
pub(crate) use merge::{merge_bytes, merge_text};
pub(crate) use query::{QueryContext, TextQuery};
pub(crate) use statistics::{SegmentStatistics, Statistics};
pub(crate) use suggest::{folded, terms_of_text, typed_words, words_of_term};
pub(crate) use synonyms::SynonymTable;
pub(crate) use typos::Mistyped;

use crate::error::Error;

/// Translates a tantivy error: one of ours that came through it is taken out again.
fn tantivy_error(file: &str, error: impl Into<tantivy::TantivyError>) -> Error {
    let error = error.into();
    let io = match &error {
        tantivy::TantivyError::IoError(io) => Some(io),
        tantivy::TantivyError::OpenReadError(
            tantivy::directory::error::OpenReadError::IoError { io_error, .. },
        ) => Some(io_error),
        _ => None,
    };
    let ours = io
        .and_then(|io| io.get_ref())
        .and_then(|inner| inner.downcast_ref::<lexivec_storage::Error>());
    match ours {
        Some(lexivec_storage::Error::Corrupt { file, section, offset, detail }) => {
            Error::Storage(lexivec_storage::Error::Corrupt {
                file: file.clone(),
                section: section.clone(),
                offset: *offset,
                detail: detail.clone(),
            })
        }
        _ => Error::TextIndex { file: file.to_owned(), detail: error.to_string() },
    }
}
