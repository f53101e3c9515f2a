//! The passage of a text that matches a query best, with the matched words marked.

use std::collections::HashMap;
use std::ops::Range;

use lexivec_query::answer::Passage;
use lexivec_query::request::Highlight;
use tantivy::tokenizer::Token;

use super::analyzer::Analysis;
use super::query::TextQuery;
use crate::schema::TextField;

/// Share of a passage (one in this many) that precedes the first matched word, as context.
const LEAD: usize = 4;

/// Bytes of a text that are analyzed together: the best passage of the first stretch with a match is shown, so that a
/// long text costs no more than the way to it.
const STRETCH_BYTES: usize = 256 << 10;
/// Bytes that two stretches share, so that a phrase is found which the end of one cuts.
const SHARED_BYTES: usize = 4 << 10;
/// Most stretches of a text that are analyzed, 4 MiB; a match after them is not shown.
const MAX_STRETCHES: usize = 16;

impl TextQuery {
    /// The best passage of a text for the query, in parts that joined are the passage; empty if no word
    /// of the text matches. `field` is the index of the text field that the text belongs to.
    pub(crate) fn passage(
        &self,
        text: &str,
        field: usize,
        settings: &TextField,
        options: &Highlight,
    ) -> Vec<Passage> {
        let mut analysis = Analysis::of_documents(&settings.analyzer);
        let passage = |stretch: &str| {
            let tokens = analysis.tokens(stretch);
            let marks = self.marks(field, &tokens);
            let (start, end) = best(stretch, &tokens, &marks, options.max_chars)?;
            Some(parts(stretch, &tokens, &marks, start..end))
        };
        stretches(text).take(MAX_STRETCHES).find_map(passage).unwrap_or_default()
    }
}

/// Pieces of a text that together are all of it, cut between words where there are spaces.
fn stretches(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        if text.len() <= STRETCH_BYTES {
            return rest.take();
        }
        let full = &text[..text.floor_char_boundary(STRETCH_BYTES)];
        let end = full.rfind(char::is_whitespace).filter(|&end| end > SHARED_BYTES * 2);
        let end = end.unwrap_or(full.len());
        let shared = text.floor_char_boundary(end.saturating_sub(SHARED_BYTES));
        let next = text[shared..end].find(char::is_whitespace).map_or(end, |space| shared + space);
        rest = Some(&text[next..]);
        Some(&text[..end])
    })
}

/// A range of a text with its marks; marks that overlap become one.
fn parts(text: &str, tokens: &[Token], marks: &[bool], range: Range<usize>) -> Vec<Passage> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (token, _) in tokens.iter().zip(marks).filter(|(_, marked)| **marked) {
        if token.offset_from < range.start || token.offset_to > range.end {
            continue;
        }
        match found.last_mut() {
            Some(last) if token.offset_from < last.end => last.end = last.end.max(token.offset_to),
            _ => found.push(token.offset_from..token.offset_to),
        }
    }
    let mut parts: Vec<Passage> = Vec::new();
    let mut add = |range: Range<usize>, found: bool| {
        if let Some(text) = text.get(range).filter(|text| !text.is_empty()) {
            parts.push(Passage { text: text.to_owned(), found });
        }
    };
    let mut at = range.start;
    for mark in found {
        add(at..mark.start, false);
        at = mark.end;
        add(mark, true);
    }
    add(at..range.end, false);
    parts
}

/// Byte range of the best passage: the most distinct terms, then the most matched words, then the
/// first; it begins and ends with a word. One pass is enough, as both ends of the passage only move
/// forward.
fn best(text: &str, tokens: &[Token], found: &[bool], chars: usize) -> Option<(usize, usize)> {
    // Characters before the start and before the end of each word.
    let mut counted = (0, 0);
    let count = |from: usize, to: usize| text.get(from..to).map_or(0, |part| part.chars().count());
    let mut before = |byte: usize| {
        // The first part of a word starts before the end of the whole.
        counted = (byte, counted.1 + count(counted.0, byte) - count(byte, counted.0));
        counted.1
    };
    let edges: Vec<(usize, usize)> =
        tokens.iter().map(|t| (before(t.offset_from), before(t.offset_to))).collect();
    let (mut first, mut end) = (0, 0);
    let (mut counts, mut words): (HashMap<&str, usize>, usize) = (HashMap::new(), 0);
    let mut best: Option<((usize, usize), usize, usize)> = None;
    for hit in (0..tokens.len()).filter(|&i| found[i]) {
        while edges[hit].0 - edges[first].0 > chars / LEAD {
            if first < end && found[first] {
                words -= 1;
                let left = counts.entry(&tokens[first].text).or_default();
                *left -= 1;
                if *left == 0 {
                    counts.remove(tokens[first].text.as_str());
                }
            }
            first += 1;
        }
        end = end.max(first);
        while end < tokens.len() && (end <= hit || edges[end].1 - edges[first].0 <= chars) {
            if found[end] {
                words += 1;
                *counts.entry(&tokens[end].text).or_default() += 1;
            }
            end += 1;
        }
        let worth = (counts.len(), words);
        if best.is_none_or(|(most, ..)| worth > most) {
            let last = tokens[end - 1].offset_to.max(tokens[hit].offset_to);
            best = Some((worth, tokens[first].offset_from, last));
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
        Analysis::of_documents(&plain).tokens(text)
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
