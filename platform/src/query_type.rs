//! Type of a query's words: names from code, or concepts; and the weight of the vector leg for it.

use serde::Serialize;

use crate::words::{runs, words};

/// Words that ask.
const QUESTION_WORDS: [&str; 6] = ["what", "how", "why", "when", "where", "who"];
/// Words for ideas.
const ABSTRACT_WORDS: [&str; 5] = ["concept", "theory", "principle", "approach", "strategy"];
/// Characters that code has and prose has not; the full stop is among them on purpose.
const CODE: [char; 8] = ['_', '.', '(', ')', '{', '}', '[', ']'];
/// Words of a query from which on it may be a sentence.
const LONG: usize = 7;

/// Type that most signs of a query indicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryType {
    /// Names from code: exact words matter.
    Technical,
    /// Ideas: meaning matters.
    Conceptual,
    /// Equally many signs of both.
    Balanced,
}

impl QueryType {
    /// The type of a query, by a majority of three signs each: code characters, `camelCase` and an
    /// ACRONYM; a question word, an abstract word and more than six words without code characters.
    pub fn of(query: &str) -> Self {
        let code = query.contains(CODE);
        let camel_case = query
            .as_bytes()
            .windows(2)
            .any(|w| matches!(w, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
        let acronym = runs(query).any(|t| t.len() > 1 && t.bytes().all(|b| b.is_ascii_uppercase()));
        let lower = query.to_lowercase();
        let question = runs(&lower).any(|t| QUESTION_WORDS.contains(&t));
        let idea = runs(&lower).any(|t| ABSTRACT_WORDS.contains(&t));
        let sentence = !code && words(query).count() >= LONG;

        let technical = u8::from(code) + u8::from(camel_case) + u8::from(acronym);
        let conceptual = u8::from(question) + u8::from(idea) + u8::from(sentence);
        match technical.cmp(&conceptual) {
            std::cmp::Ordering::Greater => Self::Technical,
            std::cmp::Ordering::Less => Self::Conceptual,
            std::cmp::Ordering::Equal => Self::Balanced,
        }
    }

    /// The vector leg's share of a weighted fusion, the text leg having the rest; `None` leaves
    /// what is configured.
    pub fn alpha(self) -> Option<f64> {
        match self {
            Self::Technical => Some(0.3),
            Self::Conceptual => Some(0.7),
            Self::Balanced => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_of_the_signs_is_the_type() {
        use QueryType::{Balanced, Conceptual, Technical};
        for (query, expected) in [
            ("", Balanced),
            ("HTTPServer.start()", Technical),
            ("loop in C", Balanced),
            ("use of JSON", Technical),
            // A digit, an underscore or a letter of any script goes on with the word.
            ("JSON5 parser", Balanced),
            ("éJSON JSONé", Balanced),
            ("JSON-parser", Technical),
            ("ÄÖÜ", Balanced),
            ("aB", Technical),
            ("whatever", Balanced),
            ("What's that", Conceptual),
            ("WHO", Balanced),
            ("the theory of everything", Conceptual),
            ("theories", Balanced),
            ("a b c d e f", Balanced),
            ("a b c d e f g", Conceptual),
            ("a b c d e f g.", Technical),
            // 'İ' becomes 'i' and a mark, which is not a word character, so the question word stands alone.
            ("İwhy", Conceptual),
            ("iwhy", Balanced),
        ] {
            assert_eq!(QueryType::of(query), expected, "{query:?}");
        }
        assert_eq!(
            [Technical, Conceptual, Balanced].map(QueryType::alpha),
            [Some(0.3), Some(0.7), None]
        );
    }
}
