//! Words of a text as white space parts them: what Python's `str.split()` gives.

/// White space to Python: Unicode's, and the four information separators of ASCII.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The words of a text, in order, punctuation left on them.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_where_python_parts_them() {
        for (text, expected) in [
            ("", &[][..]),
            (" \t\u{3000}", &[]),
            ("hello, world", &["hello,", "world"]),
            ("a\u{1c}b\u{1f}c\u{85}d\u{a0}e\u{2028}f", &["a", "b", "c", "d", "e", "f"]),
            // No white space: zero width space, the byte order mark, the Mongolian vowel separator.
            ("a\u{200b}b\u{feff}c\u{180e}d", &["a\u{200b}b\u{feff}c\u{180e}d"]),
        ] {
            assert_eq!(words(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }
}
