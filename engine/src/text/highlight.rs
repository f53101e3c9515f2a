//! The passage of a text that matches a query best, with the matched words marked.

use std::collections::HashMap;

use lexivec_query::answer::Passage;
use lexivec_query::request::Highlight;
use tantivy::tokenizer::Token;

use super::analyzer::Analysis;
use super::query::TextQuery;
use crate::schema::TextField;

/// Share of a passage (one in this many) that precedes the first matched word, as context.
const LEAD: usize = 4;

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
        let tokens = Analysis::new(&settings.analyzer).tokens(text);
        let mut known: HashMap<&str, bool> = HashMap::new();
        let mut looks_for =
            |term| *known.entry(term).or_insert_with(|| self.looks_for(field, term));
        let found: Vec<bool> = tokens.iter().map(|t| looks_for(t.text.as_str())).collect();
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

/// Byte range of the best passage: the most distinct terms, then the most matched words, then the
/// first; it begins and ends with a word. One pass is enough, as both ends of the passage only move
/// forward.
fn best(text: &str, tokens: &[Token], found: &[bool], chars: usize) -> Option<(usize, usize)> {
    // Characters before the start and before the end of each word.
    let mut counted = (0, 0);
    let mut before = |byte: usize| {
        let between = text.get(counted.0..byte).map_or(0, |part| part.chars().count());
        counted = (byte, counted.1 + between);
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
            best = Some((worth, tokens[first].offset_from, tokens[end - 1].offset_to));
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
