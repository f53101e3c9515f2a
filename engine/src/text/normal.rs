//! The form of text in which it is compared: compatibility forms replaced and accents composed (NFKC), invisible
//! characters removed, full case folding; and the way back from it to the bytes of the original.

use std::borrow::Cow;
use std::iter::once;
use std::ops::Range;

use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

/// A text in NFKC without invisible characters; the case is that of the original.
pub(super) struct Normal<'a> {
    pub(super) text: Cow<'a, str>,
    /// The places at which it differs from the original, ascending.
    edits: Vec<Edit>,
}

/// Bytes of the normal text that replace bytes of the original.
struct Edit {
    normal: Range<usize>,
    original: Range<usize>,
}

impl<'a> Normal<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let visible = || !text.chars().any(is_invisible);
        if text.is_ascii() || (is_nfkc_quick(text.chars()) == IsNormalized::Yes && visible()) {
            return Self { text: Cow::Borrowed(text), edits: Vec::new() };
        }
        let mut normal = String::with_capacity(text.len());
        let mut edits = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = plain_bytes(rest);
            normal.push_str(&rest[..plain]);
            at += plain;
            let chunk = first_chunk(&rest[plain..]);
            let start = normal.len();
            push_normal(&mut normal, chunk);
            if normal.get(start..) != Some(chunk) {
                edits.push(Edit { normal: start..normal.len(), original: at..at + chunk.len() });
            }
            at += chunk.len();
        }
        Self { text: Cow::Owned(normal), edits }
    }

    /// Bytes of the original that a range of the normal text stands for.
    pub(super) fn original(&self, normal: Range<usize>) -> Range<usize> {
        let after = |edit: &Edit, at: usize| edit.original.end + (at - edit.normal.end);
        let before = self.edits.partition_point(|edit| edit.normal.start <= normal.start);
        let start = match before.checked_sub(1).and_then(|last| self.edits.get(last)) {
            None => normal.start,
            Some(edit) if normal.start < edit.normal.end => edit.original.start,
            Some(edit) => after(edit, normal.start),
        };
        let before = self.edits.partition_point(|edit| edit.normal.start < normal.end);
        let end = match before.checked_sub(1).and_then(|last| self.edits.get(last)) {
            None => normal.end,
            Some(edit) if normal.end <= edit.normal.end => edit.original.end,
            Some(edit) => after(edit, normal.end),
        };
        start..end
    }
}

/// Bytes at the start that are ASCII and no part of a chunk with what follows.
fn plain_bytes(text: &str) -> usize {
    let ascii = text.bytes().take_while(u8::is_ascii).count();
    if ascii == text.len() { ascii } else { ascii.saturating_sub(1) }
}

/// The first characters, up to one at which normalization may begin.
fn first_chunk(text: &str) -> &str {
    let next = text.char_indices().skip(1).find(|&(_, c)| begins(c));
    next.map_or(text, |(end, _)| &text[..end])
}

/// True if a character changes nothing before it.
fn begins(c: char) -> bool {
    if c.is_ascii() {
        return true;
    }
    let mut first = None;
    decompose_compatible(c, |part| {
        first.get_or_insert(part);
    });
    !is_invisible(c)
        && first.is_some_and(|first| {
            canonical_combining_class(first) == 0
                && is_nfkc_quick(once(first)) != IsNormalized::Maybe
        })
}

fn push_normal(normal: &mut String, chunk: &str) {
    let chars = chunk.chars().filter(|&c| !is_invisible(c));
    match chars.clone().next() {
        Some(first) if is_kept(first, normal.chars().next_back()) => normal.extend(chars),
        _ => normal.extend(chars.nfkc().filter(|&c| !is_invisible(c))),
    }
}

/// True if a character remains although NFKC has another for it: a half is not `1/2` but one number, and the
/// exponent of `10²` is not a digit of 102.
fn is_kept(c: char, before: Option<char>) -> bool {
    let small = matches!(c, '²' | '³' | '¹' | '⁰'..='⁹' | '₀'..='₉' | '①'..='⑳');
    let fraction = matches!(c, '¼'..='¾' | '⅐'..='⅟' | '↉');
    fraction || (small && before.is_some_and(char::is_numeric))
}

/// True for a character that is not seen inside a word: Default_Ignorable_Code_Point of Unicode (soft hyphen, joiners,
/// marks of direction, variation selectors, byte-order mark), and the Arabic stretching sign.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{640}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Appends a word of a normal text without its case.
pub(super) fn push_folded(word: &str, out: &mut String) {
    let start = out.len();
    if word.is_ascii() {
        out.push_str(word);
        out[start..].make_ascii_lowercase();
        return;
    }
    for c in word.chars() {
        match c {
            // The typographic apostrophe is the same sign to a reader and to the stemmer.
            '\u{2019}' | '\u{2BC}' => out.push('\''),
            // A dot above an i is not seen; the capital of Turkish has it.
            '\u{307}' if out.ends_with('i') => {}
            'İ' => out.push('i'),
            c => out.extend(folded(c)),
        }
    }
    let added = &out[start..];
    if is_nfc_quick(added.chars()) != IsNormalized::Yes {
        let added: String = added.nfc().collect();
        out.truncate(start);
        out.push_str(&added);
    }
}

/// Full case folding of one character: the small letters of its capitals, so that ß is ss and a final sigma a sigma.
fn folded(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> String {
        let mut out = String::new();
        push_folded(&Normal::new(text).text, &mut out);
        out
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (a, b) in [
            ("cafe\u{301}", "caf\u{e9}"),
            ("A\u{30a}ngstro\u{308}m", "\u{212b}ngström"),
            ("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", "한글"),
            ("e\u{323}\u{302}", "ệ"),
            ("Donau\u{ad}dampf\u{200b}schiff\u{2060}", "donaudampfschiff"),
            ("\u{feff}word", "word"),
            ("e\u{ad}\u{301}tat", "état"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("كتـــاب", "كتاب"),
            ("e\u{fb03}cient \u{fb06}", "efficient st"),
            ("Ｆｕｌｌ　１２", "full 12"),
            ("ｶﾞｲﾄﾞ", "ガイド"),
            ("H₂O m²", "h2o m2"),
            ("ΟΔΟΣ", "οδος"),
            ("οδός", "ΟΔΌΣ"),
            ("STRASSE", "Straße"),
            ("STRAẞE", "straße"),
            ("\u{130}stanbul", "istanbul"),
            ("i\u{307}", "i"),
            ("ﬆraße", "STRASSE"),
            ("it\u{2019}s", "it's"),
            ("㎏", "kg"),
            ("ſ", "S"),
            ("ǰ", "J\u{30c}"),
        ] {
            assert_eq!(form(a), form(b), "{a:?} {b:?}");
        }
        for (a, b) in [("10²", "102"), ("2½", "21/2"), ("o", "ö"), ("10⁻³", "103")] {
            assert_ne!(form(a), form(b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn folding_leaves_no_case() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let form = |chars: &mut dyn Iterator<Item = char>| form(&chars.collect::<String>());
            let folded = form(&mut once(c));
            assert_eq!(form(&mut c.to_uppercase()), folded, "{c:?}");
            assert_eq!(form(&mut c.to_lowercase()), folded, "{c:?}");
            assert_eq!(form(&mut folded.chars()), folded, "{c:?}");
        }
    }

    #[test]
    fn normal_text_is_that_of_the_whole_but_for_what_is_kept() {
        let text = "A\u{30a}b\u{323}\u{307} ﬁn ｶﾞ\u{1112}\u{1161}\u{11ab} … ﷺ plain text";
        assert_eq!(Normal::new(text).text, text.nfkc().collect::<String>());
    }

    #[test]
    fn ranges_point_into_the_original() {
        for (text, word, expected) in [
            ("a cafe\u{301} here", "café", "cafe\u{301}"),
            ("a cafe\u{301} here", "here", "here"),
            ("\u{feff}word", "word", "word"),
            ("an e\u{fb03}cient one", "efficient", "e\u{fb03}cient"),
            ("e\u{fb03}", "ff", "\u{fb03}"),
            ("Donau\u{ad}dampf", "dampf", "dampf"),
            ("Donau\u{ad}dampf", "Donaudampf", "Donau\u{ad}dampf"),
            ("１２ ab", "ab", "ab"),
            ("東京、ﾀﾜｰ", "タワー", "ﾀﾜｰ"),
        ] {
            let normal = Normal::new(text);
            let start = normal.text.find(word).expect("the word");
            assert_eq!(&text[normal.original(start..start + word.len())], expected, "{text:?}");
        }
    }
}
