//! The passage of a text that answers a query best, with what was found marked.

use std::collections::HashSet;

use lexivec_query::request::Highlight;
use serde::Serialize;
use tantivy::tokenizer::Token;

use super::analyzer::Analysis;
use super::query::TextQuery;
use crate::schema::TextField;

/// Share of a passage that stands before the first word found, so that it is read in its context.
const LEAD: usize = 4;

/// A part of a passage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Passage {
    /// Its text, as stored.
    pub text: String,
    /// True for a word that the query looks for.
    pub found: bool,
}

impl TextQuery {
    /// The best passage of a text for the query, in parts that joined are the passage; nothing where no word
    /// of it is looked for. `field` is the place of the indexed field whose terms the text gave.
    pub(crate) fn passage(
        &self,
        text: &str,
        field: usize,
        settings: &TextField,
        options: &Highlight,
    ) -> Vec<Passage> {
        let tokens = Analysis::new(&settings.analyzer).tokens(text);
        let found: Vec<bool> = tokens.iter().map(|t| self.looks_for(field, &t.text)).collect();
        let Some((start, end)) = best(text, &tokens, &found, options.max_chars) else {
            return Vec::new();
        };
        let mut parts: Vec<Passage> = Vec::new();
        let mut add = |from: usize, to: usize, found: bool| {
            if let Some(text) = text.get(from..to).filter(|text| !text.is_empty()) {
                parts.push(Passage { text: text.to_owned(), found });
            }
        };
        let mut at = start;
        for (token, _) in tokens.iter().zip(&found).filter(|(_, found)| **found) {
            if token.offset_from >= at && token.offset_to <= end {
                add(at, token.offset_from, false);
                add(token.offset_from, token.offset_to, true);
                at = token.offset_to;
            }
        }
        add(at, end, false);
        parts
    }
}

/// Bytes of the best passage: with the most distinct terms found, then with the most words found, then the
/// first; it begins and ends with a word.
fn best(text: &str, tokens: &[Token], found: &[bool], chars: usize) -> Option<(usize, usize)> {
    let width = |from: usize, to: usize| text.get(from..to).map_or(0, |part| part.chars().count());
    let mut best: Option<((usize, usize), usize, usize)> = None;
    for hit in (0..tokens.len()).filter(|&i| found[i]) {
        let lead = |&first: &usize| {
            width(tokens[first].offset_from, tokens[hit].offset_from) <= chars / LEAD
        };
        let first = (0..=hit).rev().take_while(lead).last().unwrap_or(hit);
        let start = tokens[first].offset_from;
        let fits = |last: &usize| width(start, tokens[*last].offset_to) <= chars;
        let last = (hit..tokens.len()).take_while(fits).last().unwrap_or(hit);
        let inside = || (first..=last).filter(|&i| found[i]);
        let distinct: HashSet<&str> = inside().map(|i| tokens[i].text.as_str()).collect();
        let worth = (distinct.len(), inside().count());
        if best.is_none_or(|(most, ..)| worth > most) {
            best = Some((worth, start, tokens[last].offset_to));
        }
    }
    best.map(|(_, start, end)| (start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        let plain =
            crate::schema::Analyzer { stop_words: false, stemming: false, ..<_>::default() };
        Analysis::new(&plain).tokens(text)
    }

    #[test]
    fn the_best_passage_has_the_most_terms() {
        let text = "flow flow flow and much more that is not of interest, a wing in heat, flow";
        for (words, chars, expected) in [
            (&["wing", "heat"][..], 30, Some("a wing in heat, flow")),
            (&["flow"], 16, Some("flow flow flow")),
            (&["interest"], 5, Some("interest")),
            (&["cone"], 30, None),
            (&["wing"], 1_000, Some(text)),
        ] {
            let tokens = tokens(text);
            let found: Vec<bool> =
                tokens.iter().map(|t| words.contains(&t.text.as_str())).collect();
            let best = best(text, &tokens, &found, chars).map(|(start, end)| &text[start..end]);
            assert_eq!(best, expected, "{words:?}");
        }
    }
}
