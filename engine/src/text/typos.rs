//! Typing errors: the terms of a dictionary that a word may have been meant to be.
//!
//! Terms are compared with the term of the word. The dictionary holds stems, and an error in an ending keeps the stemmer
//! from removing it: "investigaton" is four edits from "investig", and one from "investigation". So the words one edit in
//! the ending away are made, and their terms count as one edit away.

use std::collections::BTreeSet;

use strsim::osa_distance;

use super::analyzer::Analysis;
use crate::schema::TextField;

/// Letters at the end of a word in which an edit may change what the stemmer removes: those of the longest endings, as in
/// "organizational".
const ENDING: usize = 8;
/// Letters of the shortest word whose ending is edited: of shorter ones little is left without it.
const SHORTEST: usize = 6;
/// Letters of the longest one.
const LONGEST: usize = 40;

/// A term of a query with the edits within which it is looked for.
pub(crate) struct Mistyped<'a> {
    pub(crate) field: usize,
    pub(crate) term: &'a str,
    pub(crate) edits: u8,
    /// Terms of the words that differ from the typed one by an edit in the ending.
    pub(crate) by_ending: BTreeSet<String>,
}

impl<'a> Mistyped<'a> {
    /// A term of a field; `typed` is the word that it is the only term of, if it is.
    pub(crate) fn new(
        field: usize,
        settings: &TextField,
        term: &'a str,
        typed: Option<&str>,
        edits: u8,
    ) -> Self {
        let typed = typed.filter(|_| settings.analyzer.stemming && edits > 0);
        let mut by_ending = typed.map(|typed| by_ending(settings, typed)).unwrap_or_default();
        by_ending.remove(term);
        Self { field, term, edits, by_ending }
    }

    /// The edits between the term and another; `None` if they are too many.
    pub(crate) fn edits_to(&self, other: &str) -> Option<usize> {
        let edits = osa_distance(self.term, other);
        match edits <= usize::from(self.edits) {
            true => Some(edits),
            false => self.by_ending.contains(other).then_some(1),
        }
    }
}

/// The terms of the words that differ from one by a letter left out, added, exchanged or swapped with the next in the
/// last [`ENDING`] letters.
fn by_ending(settings: &TextField, typed: &str) -> BTreeSet<String> {
    let word: Vec<char> = typed.to_lowercase().chars().collect();
    if !(SHORTEST..=LONGEST).contains(&word.len()) || !word.iter().all(|c| c.is_alphabetic()) {
        return BTreeSet::new();
    }
    let letters: BTreeSet<char> = ('a'..='z').chain(word.iter().copied()).collect();
    let mut words = String::new();
    let mut add = |before: &[char], between: &[char], after: &[char]| {
        words.extend([before, between, after].into_iter().flatten());
        words.push(' ');
    };
    for at in word.len().saturating_sub(ENDING)..=word.len() {
        let (before, after) = word.split_at(at);
        for letter in &letters {
            add(before, &[*letter], after);
            if let [_, rest @ ..] = after {
                add(before, &[*letter], rest);
            }
        }
        match after {
            [one, two, rest @ ..] => {
                add(before, &[], &after[1..]);
                add(before, &[*two, *one], rest);
            }
            [_] => add(before, &[], &[]),
            [] => {}
        }
    }
    let tokens = Analysis::of_queries(&settings.analyzer).tokens(&words);
    tokens.into_iter().map(|token| token.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_an_ending_is_one_edit() {
        let field = TextField::new("text");
        for (typed, term, meant, expected) in [
            ("investigaton", "investigaton", "investig", Some(1)),
            ("administraton", "administraton", "administr", Some(1)),
            ("significnat", "significnat", "signific", Some(1)),
            ("Investigaton", "investigaton", "investig", Some(1)),
            ("investigatxyn", "investigatxyn", "investig", None),
            ("flow", "flow", "flaw", Some(1)),
            ("lining", "line", "winter", None),
        ] {
            let word = Mistyped::new(0, &field, term, Some(typed), 2);
            assert_eq!(word.edits_to(meant), expected, "{typed} {meant}");
        }
        let whole = Mistyped::new(0, &field, "investigaton", None, 2);
        assert_eq!(whole.edits_to("investig"), None);
        assert_eq!(whole.edits_to("investigaton"), Some(0));
    }
}
