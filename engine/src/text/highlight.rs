//! The passages of a text that match a query best, with the matched words marked.

use std::collections::HashMap;
use std::ops::Range;

use lexivec_query::answer::Passage;
use lexivec_query::request::Highlight;
use tantivy::tokenizer::Token;

use super::analyzer::Analysis;
use super::extent::{Extent, extents};
use super::query::TextQuery;
use crate::deadline::{Deadline, Watch};
use crate::error::Result;
use crate::schema::TextField;

/// Share of a passage (one in this many) that precedes the first matched word, as context.
const LEAD: usize = 4;
/// Share of a passage (one in this many) that it has at least if it is cut at the end of a sentence.
const SENTENCES: usize = 2;

/// Bytes of a text that are analyzed together: the passages are those of the first stretches with matches, so that a
/// long text costs no more than the way to them.
const STRETCH_BYTES: usize = 256 << 10;
/// Bytes that two stretches share, so that a phrase is found which the end of one cuts.
const SHARED_BYTES: usize = 4 << 10;
/// Bytes of a hit's texts that are looked at: as many as a document may have. What follows them in a longer text is not
/// shown.
const LOOKED_BYTES: usize = 1 << 20;

/// The rest of the text and of the time that the passages of one hit may take.
pub(crate) struct Looked {
    bytes: usize,
    watch: Watch,
}

impl Looked {
    /// All of a hit's share, until a deadline.
    pub(crate) fn new(deadline: Deadline) -> Self {
        Self { bytes: LOOKED_BYTES, watch: Watch::new(deadline) }
    }
}

impl TextQuery {
    /// The best passages of a text for the query, each in parts that joined are the passage; empty if no word
    /// of the text matches. `fields` are the indices of the indexed fields that have the text.
    pub(crate) fn passages(
        &self,
        text: &str,
        fields: &[usize],
        settings: &TextField,
        options: &Highlight,
        looked: &mut Looked,
    ) -> Result<Vec<Passage>> {
        let mut analysis = Analysis::of_documents(&settings.analyzer);
        let mut shown: Vec<Range<usize>> = Vec::new();
        let (mut passages, mut end) = (Vec::new(), 0usize);
        for (start, stretch) in stretches(text) {
            if shown.len() >= options.snippets || looked.bytes == 0 {
                break;
            }
            // What two stretches share counts once.
            let most = end.saturating_sub(start) + looked.bytes;
            let stretch = &stretch[..stretch.floor_char_boundary(most)];
            let new = (start + stretch.len()).saturating_sub(end);
            looked.bytes = looked.bytes.saturating_sub(new.max(1));
            end += new;
            looked.watch.steps(stretch.len())?;
            let tokens = analysis.tokens(stretch);
            let marks = self.marks(fields, &tokens, &mut looked.watch)?;
            let words = Words::new(stretch, &tokens, &marks, options.max_chars);
            // What the stretch before shows is in this one too.
            let before = shown.iter().map(|range| range.end.saturating_sub(start)).max();
            for range in words.best(options.snippets - shown.len(), before.unwrap_or(0)) {
                passages.extend(words.parts(range.clone(), shown.len()));
                shown.push(start + range.start..start + range.end);
            }
        }
        Ok(passages)
    }
}

/// Pieces of a text that together are all of it, cut between words where there are spaces, each with its first byte.
fn stretches(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let rest = &text[from..];
        if rest.len() <= STRETCH_BYTES {
            start = None;
            return Some((from, rest));
        }
        let full = &rest[..rest.floor_char_boundary(STRETCH_BYTES)];
        let end = full.rfind(char::is_whitespace).filter(|&end| end > SHARED_BYTES * 2);
        let end = end.unwrap_or(full.len());
        let shared = rest.floor_char_boundary(end.saturating_sub(SHARED_BYTES));
        let next = rest[shared..end].find(char::is_whitespace).map_or(end, |space| shared + space);
        start = Some(from + next);
        Some((from, &rest[..end]))
    })
}

/// The words of a stretch, as far as passages are chosen by them.
struct Words<'a> {
    text: &'a str,
    tokens: &'a [Token],
    /// True for a token that is a match.
    marks: &'a [bool],
    extents: Vec<Extent>,
    /// Characters before the start and before the end of each extent.
    edges: Vec<(usize, usize)>,
    /// Most characters of a passage.
    chars: usize,
}

/// The distinct terms of a passage, and its matched words: more are better.
type Worth = (usize, usize);

impl<'a> Words<'a> {
    fn new(text: &'a str, tokens: &'a [Token], marks: &'a [bool], chars: usize) -> Self {
        let mut counted = (0, 0);
        let count =
            |from: usize, to: usize| text.get(from..to).map_or(0, |part| part.chars().count());
        let mut before = |byte: usize| {
            // The extents of a word and of its parts overlap.
            counted = (byte, counted.1 + count(counted.0, byte) - count(byte, counted.0));
            counted.1
        };
        let extents = extents(text, tokens);
        let edges = extents.iter().map(|extent| (before(extent.from), before(extent.to))).collect();
        Self { text, tokens, marks, extents, edges, chars }
    }

    /// The bytes of up to `count` passages behind a byte that do not overlap, best first; ties go to the first in the
    /// text.
    fn best(&self, count: usize, behind: usize) -> Vec<Range<usize>> {
        let first = self.extents.partition_point(|extent| extent.from < behind);
        let window = |free: Range<usize>| Some((self.window(free.clone())?, free));
        let mut found: Vec<_> = window(first..self.tokens.len()).into_iter().collect();
        let mut chosen = Vec::new();
        while chosen.len() < count {
            let best = (0..found.len()).rev().max_by_key(|&index| found[index].0.0);
            let Some(((_, window_of), free)) = best.map(|index| found.remove(index)) else { break };
            let taken = self.at_sentences(window_of, &free);
            chosen.push(self.bytes(&taken));
            let split = best.unwrap_or(0);
            let rest = [free.start..taken.start, taken.end..free.end];
            found.splice(split..split, rest.into_iter().filter_map(window));
        }
        chosen
    }

    /// The best window among some tokens: the most distinct terms, then the most matched words, then the first. One
    /// pass is enough, as both ends only move forward.
    fn window(&self, free: Range<usize>) -> Option<(Worth, Range<usize>)> {
        let Self { tokens, marks, edges, .. } = self;
        let (mut first, mut end) = (free.start, free.start);
        let (mut counts, mut words): (HashMap<&str, usize>, usize) = (HashMap::new(), 0);
        let mut best: Option<(Worth, Range<usize>)> = None;
        for hit in free.clone().filter(|&i| marks[i]) {
            while edges[hit].0.saturating_sub(edges[first].0) > self.chars / LEAD {
                if first < end && marks[first] {
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
            while end < free.end && (end <= hit || self.fits(first, end)) {
                if marks[end] {
                    words += 1;
                    *counts.entry(&tokens[end].text).or_default() += 1;
                }
                end += 1;
            }
            let worth = (counts.len(), words);
            if best.as_ref().is_none_or(|(most, _)| worth > *most) {
                best = Some((worth, first..end));
            }
        }
        best
    }

    /// True if a passage from one token to another, both with it, is not too long.
    fn fits(&self, first: usize, last: usize) -> bool {
        self.edges[last].1.saturating_sub(self.edges[first].0) <= self.chars
    }

    /// A window that begins and ends with a sentence, as far as all of its matched words and half of its length stay.
    fn at_sentences(&self, window: Range<usize>, free: &Range<usize>) -> Range<usize> {
        let found = |i: &usize| self.marks[*i];
        let (Some(first), Some(last)) =
            (window.clone().find(found), window.clone().rev().find(found))
        else {
            return window;
        };
        let begins = |i: &usize| self.extents[*i].begins;
        let mut before = (free.start..window.start).rev().take_while(|&i| self.fits(i, last));
        let start = (window.start..=first).find(begins).or_else(|| before.find(begins));
        let start = start.unwrap_or(window.start);
        let mut end = last + 1;
        while end < free.end && self.fits(start, end) {
            end += 1;
        }
        let ends = |&i: &usize| self.extents.get(i + 1).is_none_or(|next| next.begins);
        let long = |&i: &usize| !self.fits_in(start, i, self.chars / SENTENCES);
        let last = (last..end).rev().find(|i| ends(i) && long(i));
        start..last.map_or(end, |last| last + 1)
    }

    fn fits_in(&self, first: usize, last: usize, chars: usize) -> bool {
        self.edges[last].1.saturating_sub(self.edges[first].0) < chars
    }

    /// The bytes of some tokens, from the start of the first to the end of that which ends last.
    fn bytes(&self, tokens: &Range<usize>) -> Range<usize> {
        let extents = self.extents.get(tokens.clone()).unwrap_or_default();
        let start = extents.first().map_or(0, |extent| extent.from);
        start..extents.iter().map(|extent| extent.to).max().unwrap_or(start)
    }

    /// A passage with its marks; marks that overlap become one.
    fn parts(&self, range: Range<usize>, snippet: usize) -> Vec<Passage> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let first = self.tokens.partition_point(|token| token.offset_from < range.start);
        for (token, marked) in self.tokens.iter().zip(self.marks).skip(first) {
            if token.offset_from >= range.end {
                break;
            }
            if !marked || token.offset_to > range.end {
                continue;
            }
            match found.last_mut() {
                Some(last) if token.offset_from < last.end => {
                    last.end = last.end.max(token.offset_to);
                }
                _ => found.push(token.offset_from..token.offset_to),
            }
        }
        let mut parts: Vec<Passage> = Vec::new();
        let mut add = |range: Range<usize>, found: bool| {
            if let Some(text) = self.text.get(range).filter(|text| !text.is_empty()) {
                parts.push(Passage { text: text.to_owned(), found, snippet });
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The passages of a text, whose matched words are given.
    fn passages(text: &str, words: &[&str], chars: usize, count: usize) -> Vec<String> {
        let plain = crate::schema::Analyzer { stop_words: true, stemming: false, ..<_>::default() };
        let tokens = Analysis::of_documents(&plain).tokens(text);
        let marks: Vec<bool> = tokens.iter().map(|t| words.contains(&t.text.as_str())).collect();
        let words = Words::new(text, &tokens, &marks, chars);
        words.best(count, 0).into_iter().map(|range| text[range].to_owned()).collect()
    }

    #[test]
    fn the_best_passage_has_the_most_terms() {
        let text = "flow flow flow and much more that is not of interest, a wing in heat, flow";
        for (words, chars, expected) in [
            (&["wing", "heat"][..], 30, Some("wing in heat, flow")),
            (&["flow"], 16, Some("flow flow flow")),
            (&["interest"], 5, Some("interest,")),
            (&["cone"], 30, None),
            (&["wing"], 1_000, Some(text)),
        ] {
            assert_eq!(
                passages(text, words, chars, 1).first().map(String::as_str),
                expected,
                "{words:?}"
            );
        }
    }

    #[test]
    fn passages_begin_and_end_with_sentences_and_words() {
        let text =
            "The wing is in it. Some (heat-transfer) of the nose! What flows over a cone is in it.";
        for (words, chars, expected) in [
            (&["wing"][..], 30, "The wing is in it."),
            (&["transfer", "nose"], 34, "Some (heat-transfer) of the nose!"),
            (&["transfer"], 20, "Some (heat-transfer)"),
            (&["transfer"], 19, "(heat-transfer)"),
            (&["cone"], 40, "What flows over a cone is in it."),
            (&["wing", "cone"], 200, text),
        ] {
            assert_eq!(passages(text, words, chars, 1), [expected], "{words:?}");
        }
        let text = "翼の流れ。熱の伝達。";
        assert_eq!(passages(text, &["伝達"], 6, 1), ["熱の伝達。"]);
    }

    #[test]
    fn several_passages_do_not_overlap() {
        let text = "A wing here. Nothing is there. A wing and heat here. And heat there.";
        let found = passages(text, &["wing", "heat"], 24, 9);
        assert_eq!(found, ["A wing and heat here.", "A wing here.", "And heat there."]);
        assert_eq!(passages(text, &["wing", "heat"], 24, 2), found[..2]);
        assert_eq!(passages(text, &["wing", "heat"], 500, 3), [text]);
    }

    #[test]
    fn stretches_are_all_of_a_text() {
        for text in
            ["".to_owned(), "word ".repeat(100_000), "w".repeat(600_000), "漢".repeat(200_000)]
        {
            let mut end = 0;
            for (start, stretch) in stretches(&text) {
                assert!(start <= end && stretch == &text[start..start + stretch.len()]);
                assert!(stretch.len() <= STRETCH_BYTES);
                end = start + stretch.len();
            }
            assert_eq!(end, text.len());
        }
    }
}
