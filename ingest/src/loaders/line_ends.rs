//! Words that a hyphen at the end of a line divides.

use std::collections::HashSet;

/// Most words that are kept: a document has fewer, unless it is no text.
const MAX_WORDS: usize = 1 << 20;

/// The words of a document so far, which decide whether a hyphen at the end of a line belongs to its word.
#[derive(Default)]
pub(super) struct KnownWords(HashSet<String>);

impl KnownWords {
    /// A text in which the parts of such a word stand together: without the hyphen if the document has the word written
    /// so elsewhere (`infor-`, `mation`), and with it otherwise (`well-`, `known`). A word with a hyphen is found as a
    /// whole and by its parts, so that it is found in either case.
    pub(super) fn joined(&mut self, text: &str) -> String {
        self.learn(text);
        let mut joined = String::with_capacity(text.len());
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let line =
                if joined.is_empty() || joined.ends_with('\n') { line } else { line.trim_start() };
            joined.push_str(line);
            let Some(next) = lines.peek() else { break };
            match divided(line, next) {
                None => joined.push('\n'),
                Some(whole) => {
                    joined.truncate(joined.trim_end().len());
                    if self.0.contains(&whole) {
                        joined.pop();
                    }
                }
            }
        }
        joined
    }

    fn learn(&mut self, text: &str) {
        for word in text.split_whitespace().filter(|word| !word.ends_with(is_hyphen)) {
            let word = bare(word);
            if self.0.len() < MAX_WORDS && !word.is_empty() {
                self.0.insert(word.to_lowercase());
            }
        }
    }
}

/// The word, without a hyphen, that the end of a line and the beginning of the next one have together, if one is divided
/// there.
fn divided(line: &str, next: &str) -> Option<String> {
    let first = line.split_whitespace().next_back()?.strip_suffix(is_hyphen)?;
    let second = bare(next.split_whitespace().next()?);
    let joins = first.ends_with(char::is_alphanumeric) && second.starts_with(char::is_alphanumeric);
    joins.then(|| format!("{}{second}", bare(first)).to_lowercase())
}

/// A word without the signs around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// True for the signs that divide a word: those of the keyboard and of typography, and the soft one.
fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divided_words_stand_together() {
        for (text, expected) in [
            ("The infor-\nmation is well- \nknown.\nEnd", "The infor-mation is well-known.\nEnd"),
            ("Information (infor-\nmation)", "Information (information)"),
            ("A sys\u{2010}\n  tem-\natic\n", "A sys\u{2010}tem-atic\n"),
            ("Anglo-\nSaxon 1990-\n95", "Anglo-Saxon 1990-95"),
            // What is no divided word stays.
            ("word -\nnext", "word -\nnext"),
            ("word-\n\nnext", "word-\n\nnext"),
            ("word-\n- item", "word-\n- item"),
            ("word-", "word-"),
            ("", ""),
            ("\n\n", "\n\n"),
        ] {
            assert_eq!(KnownWords::default().joined(text), expected, "{text:?}");
        }
        // What the pages before have is known.
        let mut known = KnownWords::default();
        known.joined("Information");
        assert_eq!(known.joined("infor-\nmation"), "information");
    }
}
