//! Analysis of text to terms: words, stop words, Snowball stems. The first version has the words of Unicode Standard
//! Annex #29 in lower case; those of the second are in `words`.

use std::collections::HashSet;
use std::ops::Range;

use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, Stemmer, StopWordFilter, TextAnalyzer, Token, TokenStream,
    Tokenizer,
};
use unicode_segmentation::{UnicodeSegmentation, UnicodeWordIndices};

use super::words::Words;
use crate::limits::MAX_TERM_BYTES;
use crate::schema::{Analyzer, FIRST_VERSION, Language, TextField};

/// The analyzer of one field, ready to run.
#[derive(Clone)]
pub(crate) struct Analysis {
    chain: TextAnalyzer,
}

/// A word of a query: its parts in a row, or all of them as one term.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Terms of several parts together; that of all of them first. None if there is one part.
    pub(super) wholes: Vec<Token>,
    pub(super) parts: Vec<Token>,
}

impl Word {
    /// Its terms: those of several parts together, then each part.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.wholes.iter().chain(&self.parts)
    }
}

/// The bytes of a text that words of it take; none if they have no term.
pub(super) fn range_of(words: &[Word]) -> Range<usize> {
    let tokens = || words.iter().flat_map(Word::tokens);
    let from = tokens().map(|token| token.offset_from).min().unwrap_or(0);
    from..tokens().map(|token| token.offset_to).max().unwrap_or(from)
}

impl Analysis {
    /// The analysis of documents.
    pub(crate) fn of_documents(settings: &Analyzer) -> Self {
        Self::new(settings, false)
    }

    /// The analysis of queries.
    pub(crate) fn of_queries(settings: &Analyzer) -> Self {
        Self::new(settings, true)
    }

    fn new(settings: &Analyzer, query: bool) -> Self {
        let language = tantivy_language(settings.language);
        let words = Words { elision: elides(settings.language), query };
        let mut chain = match settings.version {
            FIRST_VERSION => TextAnalyzer::builder(UnicodeWords).filter(LowerCaser).dynamic(),
            _ => TextAnalyzer::builder(words).dynamic(),
        };
        if settings.stop_words
            && let Some(stop_words) = StopWordFilter::new(language)
        {
            chain = chain.filter_dynamic(stop_words);
            if settings.version != FIRST_VERSION && settings.language == Language::German {
                chain = chain.filter_dynamic(StopWordFilter::remove([FOLDED_STOP_WORD.to_owned()]));
            }
        }
        // After the stop words, which have accents, and before the stems, which are then those of words without them.
        if settings.fold_accents {
            chain = chain.filter_dynamic(AsciiFoldingFilter);
        }
        if settings.stemming {
            chain = chain.filter_dynamic(Stemmer::new(language));
        }
        Self { chain: chain.build() }
    }

    /// The tokens of a text, with positions and byte offsets into it. Several at one position are different.
    pub(crate) fn tokens(&mut self, text: &str) -> Vec<Token> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut stream = self.chain.token_stream(text);
        while stream.advance() {
            let mut token = stream.token().clone();
            token.text.truncate(token.text.floor_char_boundary(MAX_TERM_BYTES));
            let mut same = tokens.iter().rev().take_while(|other| other.position == token.position);
            if !token.text.is_empty() && !same.any(|other| other.text == token.text) {
                tokens.push(token);
            }
        }
        tokens
    }

    /// The words of a text, each whole and in parts.
    pub(super) fn words(&mut self, text: &str) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        let mut end = 0;
        for token in self.tokens(text) {
            match words.last_mut() {
                Some(word) if token.position < end => match token.position_length {
                    1 => word.parts.push(token),
                    _ => word.wholes.push(token),
                },
                _ if token.position_length > 1 => {
                    end = token.position + token.position_length;
                    words.push(Word { wholes: vec![token], parts: Vec::new() });
                }
                _ => words.push(Word { wholes: Vec::new(), parts: vec![token] }),
            }
        }
        words
    }
}

/// The length of a text: its words. Parts that no sign separates, as in `parseURL`, are one word.
pub(super) fn length(tokens: &[Token]) -> u32 {
    let (mut words, mut last, mut part_end, mut whole_end) = (0, None, None, 0);
    for token in tokens {
        if last != Some(token.position) {
            let goes_on = token.position < whole_end && part_end == Some(token.offset_from);
            words += u32::from(!goes_on);
            last = Some(token.position);
        }
        match token.position_length {
            1 => part_end = Some(token.offset_to),
            parts => whole_end = whole_end.max(token.position + parts),
        }
    }
    words
}

/// The start that words of the dictionary are to have, for one that a query gives; none if no single word starts so.
/// It is not stemmed, although the dictionary holds stems: its stem could be another word.
pub(super) fn prefix(settings: &Analyzer, start: &str) -> Option<String> {
    if settings.version == FIRST_VERSION {
        return Some(start.to_lowercase());
    }
    let whole = Analyzer { stop_words: false, stemming: false, ..settings.clone() };
    let tokens = Analysis::of_queries(&whole).tokens(start);
    let positions = tokens.last().map_or(0, |last| last.position + 1);
    tokens
        .into_iter()
        .next()
        .filter(|first| first.position_length == positions)
        .map(|token| token.text)
}

/// The German stop word that full case folding writes otherwise than the list of stop words: daß.
const FOLDED_STOP_WORD: &str = "dass";

/// True for languages whose articles and pronouns are joined to the next word by an apostrophe.
fn elides(language: Language) -> bool {
    matches!(language, Language::French | Language::Italian)
}

/// Splits text into the words of Unicode Standard Annex #29.
#[derive(Clone)]
struct UnicodeWords;

struct UnicodeWordStream<'a> {
    words: UnicodeWordIndices<'a>,
    token: Token,
}

impl Tokenizer for UnicodeWords {
    type TokenStream<'a> = UnicodeWordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> UnicodeWordStream<'a> {
        // `position` starts one before 0 and is advanced with the first word.
        UnicodeWordStream { words: text.unicode_word_indices(), token: Token::default() }
    }
}

impl TokenStream for UnicodeWordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some((offset, word)) = self.words.next() else {
            return false;
        };
        self.token.offset_from = offset;
        self.token.offset_to = offset + word.len();
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        // The typographic apostrophe is the same sign to a reader and to the stemmer.
        self.token.text.extend(word.chars().map(|c| if c == '\u{2019}' { '\'' } else { c }));
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

fn tantivy_language(language: Language) -> tantivy::tokenizer::Language {
    use tantivy::tokenizer::Language as T;
    match language {
        Language::Danish => T::Danish,
        Language::Dutch => T::Dutch,
        Language::English => T::English,
        Language::Finnish => T::Finnish,
        Language::French => T::French,
        Language::German => T::German,
        Language::Hungarian => T::Hungarian,
        Language::Italian => T::Italian,
        Language::Norwegian => T::Norwegian,
        Language::Portuguese => T::Portuguese,
        Language::Russian => T::Russian,
        Language::Spanish => T::Spanish,
        Language::Swedish => T::Swedish,
    }
}

/// True if a text has all the words, as the field's analysis gives them; false if analysis leaves no word.
pub(crate) fn has_all_words(field: &TextField, text: &str, words: &str) -> bool {
    let wanted = Analysis::of_queries(&field.analyzer).words(words);
    let tokens = Analysis::of_documents(&field.analyzer).tokens(text);
    let found: HashSet<String> = tokens.into_iter().map(|token| token.text).collect();
    let has = |token: &Token| found.contains(&token.text);
    !wanted.is_empty()
        && wanted.iter().all(|word| {
            word.wholes.first().is_some_and(has)
                || (!word.parts.is_empty() && word.parts.iter().all(has))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(settings: &Analyzer, text: &str) -> Vec<String> {
        Analysis::of_documents(settings).tokens(text).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn english_words_become_stems() {
        let english = Analyzer { version: FIRST_VERSION, ..Analyzer::default() };
        for (text, expected) in [
            ("The quick brown foxes", vec!["quick", "brown", "fox"]),
            ("wing-body interference", vec!["wing", "bodi", "interfer"]),
            ("Mach 2.5 flows", vec!["mach", "2.5", "flow"]),
            ("the pilot\u{2019}s chart", vec!["pilot", "chart"]),
            ("", vec![]),
            ("of the and", vec![]),
            ("Überschall ÉCOULEMENT", vec!["überschal", "écoulement"]),
        ] {
            assert_eq!(terms(&english, text), expected, "{text:?}");
        }
    }

    #[test]
    fn each_step_can_be_left_out() {
        let plain = Analyzer { stop_words: false, stemming: false, ..Analyzer::default() };
        assert_eq!(terms(&plain, "The foxes"), ["the", "foxes"]);
        let german = Analyzer { language: Language::German, ..Analyzer::default() };
        assert_eq!(terms(&german, "die Häuser"), ["haus"]);
    }

    #[test]
    fn positions_count_stop_words_and_offsets_point_into_the_text() {
        let tokens = Analysis::of_documents(&Analyzer::default()).tokens("Flow of the air");
        assert_eq!(tokens.iter().map(|t| t.position).collect::<Vec<_>>(), [0, 3]);
        assert_eq!((tokens[1].offset_from, tokens[1].offset_to), (12, 15));
    }

    #[test]
    fn a_long_token_is_cut_at_a_character() {
        let tokens = terms(&Analyzer::default(), &"é".repeat(1000));
        assert_eq!(tokens, ["é".repeat(MAX_TERM_BYTES / 2)]);
    }
}
