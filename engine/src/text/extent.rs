//! The extent of each word in a passage: the word as it is written, signs included, and the rest of its sentence if that
//! is of stop words.

use tantivy::tokenizer::Token;

/// Bytes around a word that belong to it at most: a longer run without spaces is an address, or a text of a script
/// without them, and more stop words than these are no sentence.
const NEAR_BYTES: usize = 128;

/// The bytes of a text that a word takes in a passage.
pub(super) struct Extent {
    pub(super) from: usize,
    pub(super) to: usize,
    /// True if a sentence begins with it.
    pub(super) begins: bool,
}

/// The extents of the tokens of a text.
pub(super) fn extents(text: &str, tokens: &[Token]) -> Vec<Extent> {
    let mut extents: Vec<Extent> = tokens.iter().map(|token| run(text, token)).collect();
    for index in 1..extents.len() {
        let [.., before, extent] = &mut extents[..=index] else { continue };
        if before.to <= extent.from {
            between(text, before, extent);
        }
    }
    if let Some(first) = extents.first_mut() {
        first.begins = true;
        let start = text.len() - text.trim_start().len();
        if first.from.saturating_sub(start) <= NEAR_BYTES {
            first.from = start.min(first.from);
        }
    }
    if let Some(last) = extents.last_mut() {
        let end = text.trim_end().len();
        if end.saturating_sub(last.to) <= NEAR_BYTES {
            last.to = end.max(last.to);
        }
    }
    extents
}

/// A word with all that stands next to it without a space.
fn run(text: &str, token: &Token) -> Extent {
    let (start, end) = (token.offset_from, token.offset_to);
    let near = text.floor_char_boundary(start.saturating_sub(NEAR_BYTES));
    let before = text.get(near..start).unwrap_or_default();
    let from = before.char_indices().rev().find(|&(_, c)| c.is_whitespace() || is_full_stop(c));
    let from = from.map(|(at, c)| near + at + c.len_utf8()).or((near == 0).then_some(0));
    let far = text.floor_char_boundary(end.saturating_add(NEAR_BYTES));
    let after = text.get(end..far).unwrap_or_default();
    let to = after.char_indices().find(|&(_, c)| c.is_whitespace() || is_full_stop(c));
    let to = to.map(|(at, c)| end + at + if c.is_whitespace() { 0 } else { c.len_utf8() });
    let to = to.or((far == text.len()).then_some(far));
    Extent { from: from.unwrap_or(start), to: to.unwrap_or(end), begins: false }
}

/// Divides what stands between two words, which are stop words and signs, if a sentence ends there.
fn between(text: &str, before: &mut Extent, extent: &mut Extent) {
    let gap = text.get(before.to..extent.from).unwrap_or_default();
    if gap.len() > NEAR_BYTES {
        extent.begins = ends_sentence(text.get(..before.to).unwrap_or_default());
        return;
    }
    let start = before.to;
    let mut ends = Vec::new();
    if ends_sentence(text.get(..start).unwrap_or_default()) {
        ends.push(start);
    }
    let mut at = start;
    for piece in gap.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let line = piece.ends_with('\n') && word.is_empty();
        if line || (!word.is_empty() && ends_sentence(word)) {
            ends.push(at + word.len());
        }
        at += piece.len();
    }
    if let (Some(&first), Some(&last)) = (ends.first(), ends.last()) {
        let rest = text.get(last..extent.from).unwrap_or_default();
        before.to = first.max(start);
        extent.from -= rest.trim_start().len();
        extent.begins = true;
    }
}

/// True for the full stops of Chinese and Japanese, which no space follows.
fn is_full_stop(c: char) -> bool {
    matches!(c, '\u{3002}' | '\u{ff01}' | '\u{ff1f}')
}

/// True if a sentence ends with this text; a quotation mark or a bracket may follow its stop.
fn ends_sentence(text: &str) -> bool {
    let closing = |c| matches!(c, '"' | '\'' | ')' | ']' | '\u{201d}' | '\u{2019}' | '\u{bb}');
    let last = text.trim_end_matches(closing).chars().next_back();
    last.is_some_and(|c| matches!(c, '.' | '!' | '?' | '\u{2026}') || is_full_stop(c))
}
