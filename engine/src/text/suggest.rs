//! Reads of an inverted index for suggestions: terms that begin in some way, and the words of texts that are terms.

use std::collections::BTreeSet;
use std::ops::Range;

use lexivec_query::topk::TopK;
use tantivy::DocSet;

use super::analyzer::{Analysis, prefix, range_of};
use super::index::TextIndex;
use super::tantivy_error;
use super::words::is_paired;
use crate::deadline::{Deadline, Watch};
use crate::error::Result;
use crate::rows::RowSet;
use crate::schema::TextField;

/// Most terms of a segment's dictionary that are looked at for one completion: one letter may begin millions.
const MAX_VISITED_TERMS: usize = 500_000;

/// A word of a text that is being typed.
pub(crate) struct TypedWord {
    /// Its bytes in the text.
    pub(crate) range: Range<usize>,
    /// Its terms: as a whole and in parts.
    pub(crate) terms: Vec<String>,
    /// True if it may have a typing error: one term of letters alone.
    pub(crate) is_plain: bool,
}

/// The words of a text, as a field's analyzer reads queries.
pub(crate) fn typed_words(field: &TextField, text: &str) -> Vec<TypedWord> {
    let words = Analysis::of_queries(&field.analyzer).words(text).into_iter();
    let typed = words.map(|word| {
        let terms: Vec<String> = word.tokens().map(|token| token.text.clone()).collect();
        let letters = |term: &String| term.chars().all(|c| c.is_alphabetic() && !is_paired(c));
        let is_plain = terms.len() == 1 && terms.iter().all(letters);
        TypedWord { range: range_of(std::slice::from_ref(&word)), terms, is_plain }
    });
    typed.collect()
}

/// A word as it is compared with others: without differences of case and form, and not stemmed.
pub(crate) fn folded(field: &TextField, word: &str) -> Option<String> {
    prefix(&field.analyzer, word)
}

/// The words of a text of which a field's analyzer makes a term, as they are written.
pub(crate) fn words_of_term(field: &TextField, text: &str, term: &str) -> Vec<String> {
    let tokens = Analysis::of_documents(&field.analyzer).tokens(text).into_iter();
    let of_term = tokens.filter(|token| token.text == term);
    of_term.filter_map(|t| text.get(t.offset_from..t.offset_to).map(str::to_owned)).collect()
}

/// The terms that a field's analyzer makes of a text of a row.
pub(crate) fn terms_of_text(field: &TextField, text: &str) -> BTreeSet<String> {
    let tokens = Analysis::of_documents(&field.analyzer).tokens(text);
    tokens.into_iter().map(|token| token.text).collect()
}

impl TextIndex {
    /// Of the terms that begin in a way the `most` that are in most rows of the segment, each with the number of
    /// these rows, dead ones among them; of the dictionary at most [`MAX_VISITED_TERMS`] are looked at.
    pub(crate) fn beginning(
        &self,
        field: usize,
        start: &str,
        most: usize,
        time: Deadline,
    ) -> Result<Vec<(String, u64)>> {
        let inverted = self.inverted(field)?;
        let stream = inverted.terms().range().ge(start).into_stream();
        let mut terms = stream.map_err(|e| tantivy_error(self.file(), e))?;
        let mut best = TopK::new(most);
        let (mut visited, mut watch) = (0, Watch::new(time));
        while visited < MAX_VISITED_TERMS
            && terms.advance()
            && terms.key().starts_with(start.as_bytes())
        {
            visited += 1;
            watch.steps(1)?;
            let rows = terms.value().doc_freq;
            // Most terms of a large dictionary are passed over without a copy.
            if best.threshold().is_none_or(|least| f64::from(rows) > least) {
                best.push(f64::from(rows), (terms.key().to_vec(), rows));
            }
        }
        let found = best.into_sorted().into_iter();
        Ok(found
            .map(|(_, (t, rows))| (String::from_utf8_lossy(&t).into_owned(), u64::from(rows)))
            .collect())
    }

    /// The first rows of `among` that have a term.
    pub(crate) fn first_rows(
        &self,
        field: usize,
        term: &str,
        among: &RowSet,
        most: usize,
        time: Deadline,
    ) -> Result<Vec<u32>> {
        let mut rows = Vec::new();
        let Some(mut postings) = self.postings(field, term)? else { return Ok(rows) };
        let (mut row, mut watch) = (postings.doc(), Watch::new(time));
        while row < self.rows() && rows.len() < most {
            watch.steps(1)?;
            if among.contains(row) {
                rows.push(row);
            }
            row = postings.advance();
        }
        Ok(rows)
    }
}
