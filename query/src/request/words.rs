//! The part of a request's text that is searched for.

use serde::{Deserialize, Serialize};

use super::SearchRequest;
use crate::limits::MAX_QUERY_BYTES;

/// Report of a query text that is longer than what is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextCut {
    /// Bytes of the text.
    pub given_bytes: usize,
    /// Bytes at its beginning that were searched for and embedded.
    pub used_bytes: usize,
}

impl SearchRequest {
    /// The text that is searched for, embedded and given to a reranker: the [`beginning`] of the request's text.
    pub fn used_text(&self) -> Option<&str> {
        self.text.as_deref().map(beginning)
    }

    /// The report of the cut, if the text is longer than what is searched for.
    pub fn text_cut(&self) -> Option<TextCut> {
        let (given_bytes, used_bytes) = (self.text.as_ref()?.len(), self.used_text()?.len());
        (used_bytes < given_bytes).then_some(TextCut { given_bytes, used_bytes })
    }
}

/// The beginning of a text, of at most [`MAX_QUERY_BYTES`]. It ends with a word, unless its second half is one word,
/// as a text without spaces is.
pub fn beginning(text: &str) -> &str {
    if text.len() <= MAX_QUERY_BYTES {
        return text;
    }
    let (head, rest) = text.split_at(text.floor_char_boundary(MAX_QUERY_BYTES));
    if rest.starts_with(char::is_whitespace) {
        return head;
    }
    let space = head.rfind(char::is_whitespace).filter(|&space| space >= MAX_QUERY_BYTES / 2);
    space.and_then(|end| head.get(..end)).unwrap_or(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_ends_with_a_word() {
        let whole = "a".repeat(MAX_QUERY_BYTES);
        let words = "word ".repeat(MAX_QUERY_BYTES / 5) + "x";
        for (text, used) in [
            (whole.clone(), MAX_QUERY_BYTES),
            (whole.clone() + "a", MAX_QUERY_BYTES),
            (whole.clone() + " a", MAX_QUERY_BYTES),
            (words.clone(), MAX_QUERY_BYTES),
            (words.clone() + "y", MAX_QUERY_BYTES - 2),
            // A character of three bytes does not fit.
            ("\u{6f22}".repeat(MAX_QUERY_BYTES / 3 + 1), MAX_QUERY_BYTES - 1),
            (format!("a {whole}"), MAX_QUERY_BYTES),
        ] {
            let request = SearchRequest::text(text.clone());
            assert_eq!(request.used_text().map(str::len), Some(used), "{text:.20}");
            assert!(text.starts_with(beginning(&text)));
            let cut = TextCut { given_bytes: text.len(), used_bytes: used };
            assert_eq!(request.text_cut(), (used < text.len()).then_some(cut));
        }
        assert_eq!(SearchRequest::vector([1.0]).text_cut(), None);
    }
}
