//! Declarations of text fields and of the analysis of their texts.

use lexivec_query::limits::TITLE_WEIGHT;
use lexivec_query::request::check_field_weight;
use serde::de::{self, IntoDeserializer};
use serde::{Deserialize, Serialize};

use super::Field;
use crate::error::{Error, Result};

/// Name of the text field that [`Document::text`](crate::Document::text) sets.
pub const DEFAULT_TEXT_FIELD: &str = "text";
/// Name of the text field of titles, which a new collection has and weighs.
pub const TITLE_TEXT_FIELD: &str = "title";
/// Name of the searchable field that joins all text fields.
pub const JOINED_TEXT_FIELD: &str = "text";

/// Version of the analysis of collections from before it had versions.
pub(crate) const FIRST_VERSION: u32 = 1;
/// Version of the analysis of new collections.
pub const ANALYZER_VERSION: u32 = 2;

fn first_version() -> u32 {
    FIRST_VERSION
}

/// Analysis of text to terms, for documents and queries. In JSON each member may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Analyzer {
    /// Version of the analysis, so that a collection keeps its terms: 1 where it is left out. A new collection always
    /// gets [`ANALYZER_VERSION`], whatever is given.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Language of the stop words and of the Snowball stemmer.
    pub language: Language,
    /// True to leave out the language's stop words.
    pub stop_words: bool,
    /// True to reduce words to their stems.
    pub stemming: bool,
    /// True to leave accents out, so that `cafe` finds `café` and the other way round.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fold_accents: bool,
}

impl Default for Analyzer {
    fn default() -> Self {
        Self {
            version: ANALYZER_VERSION,
            language: Language::English,
            stop_words: true,
            stemming: true,
            fold_accents: false,
        }
    }
}

/// A language with stop words and a Snowball stemmer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
#[allow(missing_docs)] // the names say it
pub enum Language {
    Danish,
    Dutch,
    English,
    Finnish,
    French,
    German,
    Hungarian,
    Italian,
    Norwegian,
    Portuguese,
    Russian,
    Spanish,
    Swedish,
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl std::str::FromStr for Language {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        let unknown = |e: de::value::Error| Error::invalid("language", e.to_string());
        Self::deserialize(s.into_deserializer()).map_err(unknown)
    }
}

/// One named text of a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextField {
    /// Name, `[a-z0-9_-]`, at most 63 bytes.
    pub name: String,
    /// Analysis of its text to terms.
    #[serde(default)]
    pub analyzer: Analyzer,
    /// Its weight in the scores of words, unless a request has another: above 0 up to
    /// [`MAX_FIELD_WEIGHT`](lexivec_query::limits::MAX_FIELD_WEIGHT), 1 where it is left out. A collection that searches its texts as one indexes a field with a weight a second time, alone; the
    /// others can be neither weighed by a request nor named in a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

impl TextField {
    /// A field of this name, with the default analyzer and without a weight.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), analyzer: Analyzer::default(), weight: None }
    }

    /// Sets [`analyzer`](Self::analyzer).
    #[must_use]
    pub fn analyzer(mut self, analyzer: Analyzer) -> Self {
        self.analyzer = analyzer;
        self
    }

    /// Sets [`weight`](Self::weight).
    #[must_use]
    pub fn weight(mut self, weight: f64) -> Self {
        self.weight = Some(weight);
        self
    }
}

/// The text fields of a collection whose options name none: `title`, which weighs more where all texts are searched as
/// one, and `text`.
pub(crate) fn usual_text_fields(join_text: bool) -> Vec<TextField> {
    let title = TextField::new(TITLE_TEXT_FIELD);
    vec![
        if join_text { title.weight(TITLE_WEIGHT) } else { title },
        TextField::new(DEFAULT_TEXT_FIELD),
    ]
}

impl Field for TextField {
    fn kind() -> &'static str {
        "text"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn fixed(&self) -> String {
        // A collection of an older version is opened like any other.
        let Analyzer { version: _, language, stop_words, stemming, fold_accents } = &self.analyzer;
        let stop_words = if *stop_words { "" } else { ", with stop words" };
        let stemming = if *stemming { "" } else { ", without stemming" };
        let accents = if *fold_accents { ", without accents" } else { "" };
        format!("{language}{stop_words}{stemming}{accents}")
    }

    fn check(&self) -> Result<()> {
        self.weight.map_or(Ok(()), |weight| check_field_weight(&self.name, weight))?;
        match self.analyzer.version {
            FIRST_VERSION..=ANALYZER_VERSION => Ok(()),
            version => {
                let detail =
                    format!("{version} is not within {FIRST_VERSION}..={ANALYZER_VERSION}");
                Err(Error::invalid("version of an analyzer", detail))
            }
        }
    }
}
