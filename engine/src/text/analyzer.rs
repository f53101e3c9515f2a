//! Analysis of text to terms: Unicode words (UAX #29), lower case, stop words, Snowball stems.

use std::collections::HashSet;

use tantivy::tokenizer::{
    LowerCaser, Stemmer, StopWordFilter, TextAnalyzer, Token, TokenStream, Tokenizer,
};
use unicode_segmentation::{UnicodeSegmentation, UnicodeWordIndices};

use crate::limits::MAX_TERM_BYTES;
use crate::schema::{Analyzer, Language, TextField};

/// The analyzer of one field, ready to run.
#[derive(Clone)]
pub(crate) struct Analysis {
    chain: TextAnalyzer,
}

impl Analysis {
    pub(crate) fn new(settings: &Analyzer) -> Self {
        let language = tantivy_language(settings.language);
        let mut chain = TextAnalyzer::builder(UnicodeWords).filter(LowerCaser).dynamic();
        if settings.stop_words
            && let Some(stop_words) = StopWordFilter::new(language)
        {
            chain = chain.filter_dynamic(stop_words);
        }
        if settings.stemming {
            chain = chain.filter_dynamic(Stemmer::new(language));
        }
        Self { chain: chain.build() }
    }

    /// The tokens of a text, with positions and byte offsets into it.
    pub(crate) fn tokens(&mut self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut stream = self.chain.token_stream(text);
        stream.process(&mut |token| {
            let mut token = token.clone();
            let mut end = token.text.len().min(MAX_TERM_BYTES);
            while !token.text.is_char_boundary(end) {
                end -= 1;
            }
            token.text.truncate(end);
            if !token.text.is_empty() {
                tokens.push(token);
            }
        });
        tokens
    }
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
    let mut analysis = Analysis::new(&field.analyzer);
    let wanted = analysis.tokens(words);
    let found: HashSet<String> = analysis.tokens(text).into_iter().map(|t| t.text).collect();
    !wanted.is_empty() && wanted.iter().all(|token| found.contains(&token.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(settings: &Analyzer, text: &str) -> Vec<String> {
        Analysis::new(settings).tokens(text).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn english_words_become_stems() {
        let english = Analyzer::default();
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
        let plain = Analyzer { language: Language::English, stop_words: false, stemming: false };
        assert_eq!(terms(&plain, "The foxes"), ["the", "foxes"]);
        let german = Analyzer { language: Language::German, ..Analyzer::default() };
        assert_eq!(terms(&german, "die Häuser"), ["haus"]);
    }

    #[test]
    fn positions_count_stop_words_and_offsets_point_into_the_text() {
        let tokens = Analysis::new(&Analyzer::default()).tokens("Flow of the air");
        assert_eq!(tokens.iter().map(|t| t.position).collect::<Vec<_>>(), [0, 3]);
        assert_eq!((tokens[1].offset_from, tokens[1].offset_to), (12, 15));
    }

    #[test]
    fn a_long_token_is_cut_at_a_character() {
        let tokens = terms(&Analyzer::default(), &"é".repeat(1000));
        assert_eq!(tokens, ["é".repeat(MAX_TERM_BYTES / 2)]);
    }
}
