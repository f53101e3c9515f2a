//! Suggestions: completions of a word that is being typed, and corrections of words that are in no text.

use serde::{Deserialize, Serialize};

use crate::error::{Result, within};
use crate::filter::Filter;
use crate::limits::{DEFAULT_SUGGESTIONS, MAX_DEADLINE_MS, MAX_QUERY_BYTES, MAX_SUGGESTIONS};

/// A text that is being typed.
///
/// ```
/// # use lexivec_query::suggest::SuggestRequest;
/// let request: SuggestRequest = serde_json::from_str(r#"{"text": "heat trans", "limit": 3}"#)?;
/// assert_eq!(request, SuggestRequest::new("heat trans").limit(3));
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SuggestRequest {
    /// The text. Its last word is completed, unless a space follows it.
    pub text: String,
    /// Completions wanted; [`DEFAULT_SUGGESTIONS`] by default.
    pub limit: usize,
    /// Predicate of the rows whose words are suggested.
    pub filter: Filter,
    /// Time that it has, in milliseconds, unlimited if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

impl Default for SuggestRequest {
    fn default() -> Self {
        Self {
            text: String::new(),
            limit: DEFAULT_SUGGESTIONS,
            filter: Filter::All,
            deadline_ms: None,
        }
    }
}

impl SuggestRequest {
    /// A request for suggestions for a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Sets the number of completions wanted.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Sets the predicate of the rows whose words are suggested.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Checks every part against its limit.
    ///
    /// # Errors
    /// Names the part that is over its limit, or not valid.
    pub fn validate(&self) -> Result<()> {
        within("bytes of the text", self.text.len(), MAX_QUERY_BYTES)?;
        within("limit", self.limit, MAX_SUGGESTIONS)?;
        within("deadline_ms", self.deadline_ms.unwrap_or(0) as usize, MAX_DEADLINE_MS as usize)?;
        self.filter.check()
    }
}

/// The answer to a [`SuggestRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Suggestions {
    /// Completions of the last word, those in most rows first, ties by the word.
    pub completions: Vec<Completion>,
    /// The text with words that are in rows in place of those that are in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<Correction>,
}

/// A word that begins as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The request's text with the word in full.
    pub text: String,
    /// The word, as a row has it.
    pub word: String,
    /// Rows with the word, or with another form of it that has the same stem.
    pub documents: u64,
}

/// A text without the words that are in no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The text.
    pub text: String,
    /// The words that are others in it.
    pub words: Vec<CorrectedWord>,
}

/// A word in place of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectedWord {
    /// The word as typed.
    pub typed: String,
    /// The word in its place, as a row has it.
    pub word: String,
    /// Rows with the word, or with another form of it that has the same stem.
    pub documents: u64,
}
