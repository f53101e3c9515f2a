//! Words of a text: as white space parts them, what Python's `str.split()` gives, and as runs of word characters, what
//! its regular expression `\w+` finds.

use unicode_normalization::char::is_combining_mark;

/// White space to Python: Unicode's, and the four information separators of ASCII.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The words of a text, in order, punctuation left on them.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// Letters in circles and squares: Unicode calls them alphabetic, Python does not.
const ENCLOSED: [std::ops::RangeInclusive<char>; 4] = [
    '\u{24b6}'..='\u{24e9}',
    '\u{1f130}'..='\u{1f149}',
    '\u{1f150}'..='\u{1f169}',
    '\u{1f170}'..='\u{1f189}',
];

/// A word character to Python's `\w`: a letter or a number of any script, or the underscore. Vowel signs are marks, and
/// marks are none.
fn is_word(c: char) -> bool {
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || c == '_',
        false => {
            let enclosed = || ENCLOSED.iter().any(|range| range.contains(&c));
            c.is_alphanumeric() && !is_combining_mark(c) && !enclosed()
        }
    }
}

/// The longest runs of word characters, in order.
pub(crate) fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word(c)).filter(|run| !run.is_empty())
}

/// A number for each word of a text in lower case, equal words having equal ones, and how many different words there
/// are. The numbers are the same in every process.
pub fn word_hashes(text: &str) -> (Vec<i64>, usize) {
    let text = text.to_lowercase();
    let hash = |word: &str| {
        let digest = md5::compute(word).0;
        digest.iter().take(8).fold(0, |hash, byte| hash << 8 | i64::from(*byte))
    };
    let hashes = words(&text).map(hash).collect();
    (hashes, words(&text).collect::<std::collections::HashSet<_>>().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_where_pythons_ends() {
        for (text, expected) in [
            ("", &[][..]),
            ("C++ and don't", &["C", "and", "don", "t"]),
            (
                "snake_case x1 \u{4f60}\u{597d} \u{b2}",
                &["snake_case", "x1", "\u{4f60}\u{597d}", "\u{b2}"],
            ),
            // A vowel sign of Hindi, a circled letter, a squared one, an emoji.
            (
                "\u{915}\u{93e}\u{915} a\u{24b6}b\u{1f130}c\u{1f600}",
                &["\u{915}", "\u{915}", "a", "b", "c"],
            ),
        ] {
            assert_eq!(runs(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    #[test]
    fn equal_words_have_equal_numbers() {
        let (hashes, different) = word_hashes("A b a, a");
        assert_eq!((hashes.len(), different), (4, 3));
        assert_eq!(hashes[0], hashes[3]);
        assert_ne!(hashes[0], hashes[2]);
        // RFC 1321: the MD5 of "a" begins with these bytes.
        assert_eq!(hashes[0], 0x0cc1_75b9_c0f1_b6a8);
        assert_eq!(word_hashes(" "), (Vec::new(), 0));
    }

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
