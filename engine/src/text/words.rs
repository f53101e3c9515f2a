//! The words of a text and their parts, in the second version of analysis.
//!
//! Words are those of Unicode Standard Annex #29, cut at signs and at changes of case and of letters and digits. What
//! stands together (`example.com`, `parseURL`, `wing-body`) is found by its parts, each with a position, and as a
//! whole, whose position is that of its first part. Chinese, Japanese and Korean characters are found in pairs.

use std::ops::Range;

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_segmentation::UnicodeSegmentation;

use super::normal::{Normal, push_folded};
use crate::limits::MAX_TERM_BYTES;

/// Fewest letters of a part that is cut off at a change of case or at a digit.
const PART_LETTERS: usize = 2;

/// Bytes for each word of usual text, to have the space for its tokens at once.
const BYTES_PER_WORD: usize = 5;

/// Splits text into words and their parts.
#[derive(Clone, Copy)]
pub(super) struct Words {
    /// True if an apostrophe ends a word, as in French.
    pub(super) elision: bool,
    /// True for a query: of a run of characters that are found in pairs it has the pairs alone, and documents have
    /// each character besides.
    pub(super) query: bool,
}

/// A piece of a text that is not cut further.
struct Atom {
    range: Range<usize>,
    joint: Joint,
    /// True for a run of characters that are found in pairs.
    paired: bool,
}

/// A connection of an atom to the one before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Joint {
    /// A change of case, or of letters and digits.
    Change,
    /// A sign within a name: `.`, `-`, `_`.
    Inner,
    /// A sign between names: `/`, `:`, `@`.
    Outer,
}

impl Words {
    /// The tokens of a text by position, wholes before their first part. The position length of a whole is the number
    /// of its parts; that of others is 1.
    #[cfg(test)]
    fn tokens(mut self, text: &str) -> Vec<Token> {
        let mut stream = self.token_stream(text);
        let mut tokens = Vec::new();
        stream.process(&mut |token| tokens.push(token.clone()));
        tokens
    }
}

struct Scan<'a> {
    words: Words,
    text: &'a str,
    /// Atoms that are joined so far.
    chain: Vec<Atom>,
    /// True if the chain is an address, of which more signs are parts.
    url: bool,
    position: usize,
    /// The texts of all tokens so far, one after another.
    terms: String,
    pieces: Vec<Piece>,
}

/// A token of a text, without its own text.
struct Piece {
    /// End of its text among the terms; it starts where that of the piece before it ends.
    term_end: usize,
    /// Its bytes in the normal text.
    range: Range<usize>,
    position: usize,
    /// Positions that it takes.
    positions: usize,
}

impl Scan<'_> {
    /// Takes the next word, which `gap` separates from the one before it.
    fn word(&mut self, gap: Range<usize>, word: Range<usize>) {
        let joint = if self.chain.is_empty() { None } else { self.joint(&self.text[gap.clone()]) };
        if joint.is_none() && !(gap.is_empty() && self.chain.last().is_some_and(|a| a.paired)) {
            self.finish_chain();
        }
        let text = &self.text[word.clone()];
        if text.bytes().all(|b| b.is_ascii_lowercase()) {
            self.atom(word, joint, false);
        } else {
            self.cut(text, word.start, joint);
        }
    }

    /// The joint that the text between two words is.
    fn joint(&mut self, gap: &str) -> Option<Joint> {
        Some(match gap {
            " " => return None,
            "." | "-" | "\u{2010}" => Joint::Inner,
            "/" | ":" | "@" | "\\" | "::" => Joint::Outer,
            "://" => {
                self.url = true;
                Joint::Outer
            }
            "?" | "=" | "&" | "#" | "%" | "~" | "+" | "/?" | "/#" | "/~" if self.url => {
                Joint::Outer
            }
            _ => return None,
        })
    }

    /// Adds an atom to the chain, or to the run of pairs at its end.
    fn atom(&mut self, range: Range<usize>, joint: Option<Joint>, paired: bool) {
        if let Some(last) = self.chain.last_mut() {
            if paired && last.paired && last.range.end == range.start {
                last.range.end = range.end;
                return;
            }
            if paired || last.paired || joint.is_none() {
                self.finish_chain();
            }
        }
        self.chain.push(Atom { range, joint: joint.unwrap_or(Joint::Outer), paired });
    }

    /// Cuts one word of the annex, which starts at a byte of the text, to atoms.
    fn cut(&mut self, word: &str, at: usize, first_joint: Option<Joint>) {
        let mut joint = first_joint;
        let mut start = 0;
        let mut rest = word.char_indices().peekable();
        let mut before = Class::Sign;
        while let Some((i, c)) = rest.next() {
            let next = rest.peek().map(|&(_, c)| c);
            let class = Class::of(c, before);
            if let Some(sign) = self.sign(c, before, next) {
                if start < i {
                    self.atom(at + start..at + i, joint, before == Class::Paired);
                    joint = Some(sign);
                } else {
                    joint = joint.map(|joint| joint.max(sign));
                }
                start = i + c.len_utf8();
                before = Class::Sign;
                continue;
            }
            if start < i && changes(&word[start..i], &word[i..], before, class) {
                let paired = before == Class::Paired;
                self.atom(at + start..at + i, joint, paired);
                joint = Some(Joint::Change).filter(|_| !paired && class != Class::Paired);
                start = i;
            }
            before = class;
        }
        if start < word.len() {
            self.atom(at + start..at + word.len(), joint, before == Class::Paired);
        }
    }

    /// The joint that a sign within a word is; none if it belongs to the word.
    fn sign(&self, c: char, before: Class, next: Option<char>) -> Option<Joint> {
        let number = before == Class::Digit && next.is_some_and(char::is_numeric);
        match c {
            '_' | '\u{203f}' => Some(Joint::Inner),
            '.' if !number => Some(Joint::Inner),
            ':' => Some(Joint::Outer),
            '\'' | '\u{2019}' | '\u{2bc}' if self.words.elision => Some(Joint::Inner),
            _ => None,
        }
    }

    /// Makes tokens of the chain.
    fn finish_chain(&mut self) {
        self.url = false;
        let chain = std::mem::take(&mut self.chain);
        match &chain[..] {
            [] => {}
            [run] if run.paired => self.pairs(run.range.clone()),
            [word] => self.part(word.range.clone()),
            [first, .., last] if self.is_acronym(&chain) => {
                let letters = chain.iter().map(|atom| &self.text[atom.range.clone()]);
                letters.for_each(|letter| push_folded(letter, &mut self.terms));
                self.push(first.range.start..last.range.end, 1);
                self.position += 1;
            }
            _ => self.parts(&chain),
        }
        // The allocation is used again.
        self.chain = chain;
        self.chain.clear();
    }

    /// True for single letters with stops between them, as in `U.S.A.`.
    fn is_acronym(&self, chain: &[Atom]) -> bool {
        let letter = |atom: &Atom| {
            let mut chars = self.text[atom.range.clone()].chars();
            chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
        };
        chain.iter().all(letter)
            && chain
                .windows(2)
                .all(|pair| matches!(pair, [a, b] if between(self.text, a, b) == "."))
    }

    /// The parts of a chain, and before the first of each whole that whole.
    fn parts(&mut self, chain: &[Atom]) {
        for (first, atom) in chain.iter().enumerate() {
            let mut larger = 0;
            for within in [Joint::Outer, Joint::Inner, Joint::Change] {
                if first > 0 && atom.joint <= within {
                    continue;
                }
                let rest = chain.iter().skip(first + 1);
                let count = 1 + rest.take_while(|atom| atom.joint <= within).count();
                if count > 1 && count != larger {
                    let end = chain.get(first + count - 1).map_or(atom.range.end, |a| a.range.end);
                    self.whole(&chain[first..first + count], atom.range.start..end);
                    larger = count;
                }
            }
            self.part(atom.range.clone());
        }
    }

    /// The token of atoms together: without hyphens, low lines and changes of case, which are ways of writing one word,
    /// and with all other signs. Between digits all remain, so that dates are no numbers.
    fn whole(&mut self, atoms: &[Atom], range: Range<usize>) {
        let start = self.terms.len();
        for (i, atom) in atoms.iter().enumerate() {
            if let Some(before) = i.checked_sub(1).and_then(|i| atoms.get(i)) {
                let sign = between(self.text, before, atom);
                let digit = |c: Option<char>| c.is_some_and(char::is_numeric);
                let digits = digit(self.text[before.range.clone()].chars().next_back())
                    && digit(self.text[atom.range.clone()].chars().next());
                let spelling =
                    sign.chars().all(|c| matches!(c, '-' | '_' | '\u{2010}' | '\u{203f}'));
                if digits || !spelling {
                    push_folded(sign, &mut self.terms);
                }
            }
            push_folded(&self.text[atom.range.clone()], &mut self.terms);
            if self.terms.len() - start > MAX_TERM_BYTES {
                break;
            }
        }
        self.push(range, atoms.len());
    }

    /// The token of one atom, which takes a position.
    fn part(&mut self, range: Range<usize>) {
        push_folded(&self.text[range.clone()], &mut self.terms);
        self.push(range, 1);
        self.position += 1;
    }

    /// The characters of a run and their pairs; each character has a position, which is that of the pair it begins.
    fn pairs(&mut self, run: Range<usize>) {
        let text = &self.text[run.clone()];
        let marks = |&(_, c): &(usize, char)| is_paired(c);
        let mut starts: Vec<usize> = text.char_indices().filter(marks).map(|(i, _)| i).collect();
        starts.push(text.len());
        for at in 0..starts.len() - 1 {
            let (start, second, end) = (starts[at], starts[at + 1], starts.get(at + 2));
            let alone = Some(second).filter(|_| !self.words.query || starts.len() == 2);
            for end in alone.into_iter().chain(end.copied()) {
                let range = run.start + start..run.start + end;
                push_folded(&self.text[range.clone()], &mut self.terms);
                self.push(range, 1);
            }
            self.position += 1;
        }
    }

    /// Adds a token of the text that was added to the terms since the last one.
    fn push(&mut self, range: Range<usize>, positions: usize) {
        let (term_end, position) = (self.terms.len(), self.position);
        self.pieces.push(Piece { term_end, range, position, positions });
    }
}

/// Bytes of the sign that belongs to a name of one letter: `++` or `#` directly behind it and before no other letter,
/// as in C++, C# and F#. Without it they would all be one word.
fn sign_of_name(text: &str, start: usize, word: &str) -> usize {
    let mut letters = word.chars();
    let first = letters.next().filter(|&c| c.is_alphabetic() && !is_paired(c));
    let single = first.is_some() && letters.next().is_none();
    let rest = text.get(start + word.len()..).filter(|_| single).unwrap_or_default();
    let sign = ["++", "#"].into_iter().find(|sign| rest.starts_with(sign));
    let ends = |sign: &&str| !rest[sign.len()..].starts_with(|c: char| c.is_alphanumeric());
    sign.filter(ends).map_or(0, str::len)
}

/// The text between two atoms.
fn between<'a>(text: &'a str, a: &Atom, b: &Atom) -> &'a str {
    text.get(a.range.end..b.range.start).unwrap_or_default()
}

/// The kind of a character, as far as it matters to where a word is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Sign,
    Small,
    Capital,
    Digit,
    Paired,
}

impl Class {
    /// The class of a character; accents and signs within numbers and words have that of the character before them.
    fn of(c: char, before: Self) -> Self {
        match c {
            c if is_paired(c) => Self::Paired,
            c if c.is_numeric() => Self::Digit,
            c if c.is_uppercase() => Self::Capital,
            c if c.is_alphabetic() => Self::Small,
            _ => before,
        }
    }

    fn is_letter(self) -> bool {
        matches!(self, Self::Small | Self::Capital)
    }
}

/// True if a word is cut before `rest`, of which the part before it is `part`.
fn changes(part: &str, rest: &str, before: Class, class: Class) -> bool {
    let letters =
        |text: &str| text.chars().filter(|c| c.is_alphabetic()).take(PART_LETTERS).count();
    let run = || rest.chars().take_while(|c| c.is_alphabetic()).take(PART_LETTERS).count();
    let small = || rest.chars().skip(1).take(PART_LETTERS).filter(|c| c.is_lowercase()).count();
    match (before, class) {
        (Class::Paired, class) => class != Class::Paired,
        (before, Class::Paired) => before != Class::Sign,
        (Class::Small, Class::Capital) => letters(part) >= PART_LETTERS && run() >= PART_LETTERS,
        (Class::Capital, Class::Capital) => {
            letters(part) >= PART_LETTERS && small() >= PART_LETTERS
        }
        (before, Class::Digit) if before.is_letter() => {
            let mut number = rest.chars().take_while(|&c| c.is_numeric() || c == '.');
            letters(part) >= PART_LETTERS || number.any(|c| c == '.')
        }
        (Class::Digit, class) if class.is_letter() => run() >= PART_LETTERS,
        _ => false,
    }
}

/// True for characters of scripts without spaces between words, which are found in pairs: Han, Hiragana, Katakana; and
/// Hangul, whose words have endings.
pub(super) fn is_paired(c: char) -> bool {
    matches!(
        c,
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}'
            | '\u{3031}'..='\u{3035}' | '\u{3038}'..='\u{303b}' | '\u{3041}'..='\u{3096}'
            | '\u{309d}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}'
            | '\u{3105}'..='\u{318e}' | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{a960}'..='\u{a97c}'
            | '\u{ac00}'..='\u{d7fb}' | '\u{f900}'..='\u{faff}' | '\u{1b000}'..='\u{1b16f}'
            | '\u{20000}'..='\u{323af}'
    )
}

impl Tokenizer for Words {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&mut self, text: &'a str) -> Stream<'a> {
        let normal = Normal::new(text);
        let mut scan = Scan {
            words: *self,
            text: &normal.text,
            chain: Vec::new(),
            url: false,
            position: 0,
            terms: String::with_capacity(normal.text.len()),
            pieces: Vec::with_capacity(normal.text.len() / BYTES_PER_WORD),
        };
        let mut end = 0;
        for (start, word) in scan.text.unicode_word_indices() {
            let word = start..start + word.len() + sign_of_name(scan.text, start, word);
            scan.word(end..start, word.clone());
            end = word.end;
        }
        scan.finish_chain();
        let (terms, pieces) = (scan.terms, scan.pieces.into_iter());
        Stream { normal, terms, pieces, at: 0, token: Token::default() }
    }
}

/// The tokens of a text, one after another.
pub(super) struct Stream<'a> {
    normal: Normal<'a>,
    terms: String,
    pieces: std::vec::IntoIter<Piece>,
    /// Start of the next token's text among the terms.
    at: usize,
    token: Token,
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        let Some(piece) = self.pieces.next() else { return false };
        self.token.text.clear();
        self.token.text.push_str(self.terms.get(self.at..piece.term_end).unwrap_or_default());
        self.at = piece.term_end;
        let original = self.normal.original(piece.range);
        (self.token.offset_from, self.token.offset_to) = (original.start, original.end);
        self.token.position = piece.position;
        self.token.position_length = piece.positions;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each token with its position; wholes with their number of parts.
    fn shown(words: Words, text: &str) -> String {
        let show = |token: &Token| match token.position_length {
            1 => format!("{}@{}", token.text, token.position),
            parts => format!("{}@{}x{parts}", token.text, token.position),
        };
        words.tokens(text).iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_are_found_whole_and_in_parts() {
        let words = Words { elision: false, query: false };
        for (text, expected) in [
            ("plain words, don't", "plain@0 words@1 don't@2"),
            ("error:timeout at", "error:timeout@0x2 error@0 timeout@1 at@2"),
            ("e-mail eMail email", "email@0x2 e@0 mail@1 email@2 email@3"),
            ("foo_bar __init__", "foobar@0x2 foo@0 bar@1 init@2"),
            ("parseURL XMLParser", "parseurl@0x2 parse@0 url@1 xmlparser@2x2 xml@2 parser@3"),
            ("iPhone URLs LaTeX", "iphone@0 urls@1 latex@2x2 la@2 tex@3"),
            ("python3.12 v1.2.3", "python3.12@0x2 python@0 3.12@1 v1.2.3@2x2 v@2 1.2.3@3"),
            ("sha256 10km 3D 1990s", "sha256@0x2 sha@0 256@1 10km@2x2 10@2 km@3 3d@4 1990s@5"),
            ("2.5 1,000", "2.5@0 1,000@1"),
            ("2026-11-30", "2026-11-30@0x3 2026@0 11@1 30@2"),
            ("utf-8", "utf8@0x2 utf@0 8@1"),
            ("U.S.A. e.g.", "usa@0 eg@1"),
            ("a@b.org", "a@b.org@0x3 a@0 b.org@1x2 b@1 org@2"),
            (
                "java.lang.NullPointer",
                "java.lang.nullpointer@0x4 java@0 lang@1 nullpointer@2x2 null@2 pointer@3",
            ),
            ("https://x.io/a?b=c", "https://x.io/a?b=c@0x6 https@0 x.io@1x2 x@1 io@2 a@3 b@4 c@5"),
            ("what?yes a=b", "what@0 yes@1 a@2 b@3"),
            ("one. Two -- three-", "one@0 two@1 three@2"),
            ("-5 'quoted'", "5@0 quoted@1"),
            ("C++, C# and F#.", "c++@0 c#@1 and@2 f#@3"),
            ("C/C++ or C#", "c/c++@0x2 c@0 c++@1 or@2 c#@3"),
            ("C#7 a#b 4# No# x+y c+", "c@0 7@1 a@2 b@3 4@4 no@5 x@6 y@7 c@8"),
        ] {
            assert_eq!(shown(words, text), expected, "{text:?}");
        }
        let french = Words { elision: true, query: false };
        assert_eq!(shown(french, "l\u{2019}avion"), "l'avion@0x2 l@0 avion@1");
    }

    #[test]
    fn characters_without_spaces_are_found_in_pairs() {
        for (text, document, query) in [
            ("東京都", "東@0 東京@0 京@1 京都@1 都@2", "東京@0 京都@1"),
            ("茶", "茶@0", "茶@0"),
            (
                "Python入門、C言語",
                "python@0 入@1 入門@1 門@2 c@3 言@4 言語@4 語@5",
                "python@0 入門@1 c@3 言語@4",
            ),
            (
                "タワー 한글",
                "タ@0 タワ@0 ワ@1 ワー@1 ー@2 한@3 한글@3 글@4",
                "タワ@0 ワー@1 한글@3",
            ),
            ("2024年", "2024@0 年@1", "2024@0 年@1"),
        ] {
            assert_eq!(shown(Words { elision: false, query: false }, text), document, "{text:?}");
            assert_eq!(shown(Words { elision: false, query: true }, text), query, "{text:?}");
        }
    }

    #[test]
    fn offsets_are_those_of_the_original() {
        let text = "Eﬃcient cafe\u{301}\u{ad}s in 東ﾀﾜ";
        let tokens = Words { elision: false, query: true }.tokens(text);
        let pieces: Vec<&str> = tokens.iter().map(|t| &text[t.offset_from..t.offset_to]).collect();
        assert_eq!(pieces, ["Eﬃcient", "cafe\u{301}\u{ad}s", "in", "東ﾀ", "ﾀﾜ"]);
    }
}
