//! The parts of a request that are settings: mode, syntax, adapter, BM25, passages, exactness, confidence.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, within};
use crate::leg::Leg;
use crate::limits::{
    DEFAULT_B, DEFAULT_K1, DEFAULT_PASSAGE_CHARS, MAX_EF, MAX_FIELD_WEIGHT, MAX_K1,
    MAX_PASSAGE_CHARS, MAX_SNIPPETS,
};
use crate::names::names;
use crate::plan::StrategyKind;

/// The constants of BM25.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bm25 {
    /// Saturation of term frequency: 0 (further occurrences add nothing) to [`MAX_K1`].
    pub k1: f64,
    /// Length normalisation: 0 (none) to 1.
    pub b: f64,
}

impl Default for Bm25 {
    fn default() -> Self {
        Self { k1: DEFAULT_K1, b: DEFAULT_B }
    }
}

impl Bm25 {
    /// Checks both against their ranges.
    pub fn check(&self) -> Result<()> {
        if !(0.0..=MAX_K1).contains(&self.k1) {
            return Err(Error::invalid(
                "bm25.k1",
                format!("a number from 0 to {MAX_K1} is expected"),
            ));
        }
        if !(0.0..=1.0).contains(&self.b) {
            return Err(Error::invalid("bm25.b", "a number from 0 to 1 is expected"));
        }
        Ok(())
    }
}

/// Checks the weight of a text field against its range.
pub fn check_field_weight(field: &str, weight: f64) -> Result<()> {
    if weight > 0.0 && weight <= MAX_FIELD_WEIGHT {
        return Ok(());
    }
    let detail = format!("a number above 0 up to {MAX_FIELD_WEIGHT} is expected");
    Err(Error::invalid(format!("weight of the text field {field:?}"), detail))
}

/// The legs that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every leg the request has a query for: text, a vector, or text that a model embeds.
    #[default]
    Auto,
    /// The text leg.
    Text,
    /// The vector leg.
    Vector,
    /// Both.
    Hybrid,
}

impl Mode {
    /// True if the mode runs this leg; for [`Auto`](Self::Auto), if the request has a query for it.
    pub(crate) fn runs(self, leg: Leg, has_query: bool) -> bool {
        match self {
            Self::Auto => has_query,
            Self::Hybrid => true,
            alone => alone == Self::from(leg),
        }
    }
}

impl From<Leg> for Mode {
    /// The mode in which this leg runs alone.
    fn from(leg: Leg) -> Self {
        match leg {
            Leg::Text => Self::Text,
            Leg::Vector => Self::Vector,
        }
    }
}

names!(Mode, "mode", Auto = "auto", Text = "text", Vector = "vector", Hybrid = "hybrid");

/// The query adapter that changes the vector of a request. As JSON it is `"active"`, `"off"` or the number of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "AdapterJson", into = "AdapterJson")]
pub enum AdapterChoice {
    /// The collection's active one, if it has one.
    #[default]
    Active,
    /// No adapter.
    Off,
    /// This version.
    Version(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "\"adapter\" is \"active\", \"off\" or the number of a version")]
enum AdapterJson {
    Version(u32),
    Named(AdapterName),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AdapterName {
    Active,
    Off,
}

impl From<AdapterJson> for AdapterChoice {
    fn from(json: AdapterJson) -> Self {
        match json {
            AdapterJson::Version(version) => Self::Version(version),
            AdapterJson::Named(AdapterName::Active) => Self::Active,
            AdapterJson::Named(AdapterName::Off) => Self::Off,
        }
    }
}

impl From<AdapterChoice> for AdapterJson {
    fn from(choice: AdapterChoice) -> Self {
        match choice {
            AdapterChoice::Version(version) => Self::Version(version),
            AdapterChoice::Active => Self::Named(AdapterName::Active),
            AdapterChoice::Off => Self::Named(AdapterName::Off),
        }
    }
}

impl std::str::FromStr for AdapterChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "active" => Ok(Self::Active),
            "off" => Ok(Self::Off),
            number => number.parse().map(Self::Version).map_err(|_| {
                Error::invalid("adapter", format!("{text:?} is neither active, off nor a version"))
            }),
        }
    }
}

/// The language of a request's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Syntax {
    /// Plain words; every text is valid.
    #[default]
    Words,
    /// The language of [`query_string`](crate::query_string).
    QueryString,
}

names!(Syntax, "syntax", Words = "words", QueryString = "query_string");

/// The typing errors that a plain word may have: letters that are missing, too many or others, and neighbours that are
/// swapped. The terms of the dictionary that are so near the word count besides it, for less. As JSON it is 0, 1, 2 or
/// `"auto"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "TyposJson", into = "TyposJson")]
pub enum Typos {
    /// No typing error.
    #[default]
    Off,
    /// One typing error.
    One,
    /// Up to two typing errors.
    Two,
    /// A number that depends on the letters of a term: none up to two letters, one up to five, two in longer ones.
    Auto,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "\"typos\" is 0, 1, 2 or \"auto\"")]
enum TyposJson {
    Edits(u8),
    Named(TyposName),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TyposName {
    Auto,
}

impl TryFrom<TyposJson> for Typos {
    type Error = Error;

    fn try_from(json: TyposJson) -> Result<Self> {
        match json {
            TyposJson::Edits(0) => Ok(Self::Off),
            TyposJson::Edits(1) => Ok(Self::One),
            TyposJson::Edits(2) => Ok(Self::Two),
            TyposJson::Edits(_) => Err(Error::invalid("typos", "0, 1, 2 or \"auto\" is expected")),
            TyposJson::Named(TyposName::Auto) => Ok(Self::Auto),
        }
    }
}

impl From<Typos> for TyposJson {
    fn from(typos: Typos) -> Self {
        match typos {
            Typos::Off => Self::Edits(0),
            Typos::One => Self::Edits(1),
            Typos::Two => Self::Edits(2),
            Typos::Auto => Self::Named(TyposName::Auto),
        }
    }
}

impl std::str::FromStr for Typos {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "0" => Ok(Self::Off),
            "1" => Ok(Self::One),
            "2" => Ok(Self::Two),
            "auto" => Ok(Self::Auto),
            other => Err(Error::invalid("typos", format!("{other:?} is none of 0, 1, 2, auto"))),
        }
    }
}

impl Typos {
    /// Every value.
    pub const ALL: &'static [Self] = &[Self::Off, Self::One, Self::Two, Self::Auto];

    /// The edits that a word of this many letters may have.
    pub fn edits(self, letters: usize) -> u8 {
        match (self, letters) {
            (Self::Off, _) | (Self::Auto, 0..=2) => 0,
            (Self::One, _) | (Self::Auto, 3..=5) => 1,
            (Self::Two | Self::Auto, _) => 2,
        }
    }
}

/// The passages of each text that match the query best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Highlight {
    /// Most characters of a passage; a single longer word is shown whole.
    pub max_chars: usize,
    /// Most passages of each text, 1 to [`MAX_SNIPPETS`]; they do not overlap.
    pub snippets: usize,
}

impl Default for Highlight {
    fn default() -> Self {
        Self { max_chars: DEFAULT_PASSAGE_CHARS, snippets: 1 }
    }
}

impl Highlight {
    /// Checks both numbers against their limits.
    pub fn check(&self) -> Result<()> {
        within("highlight.max_chars", self.max_chars, MAX_PASSAGE_CHARS)?;
        within("highlight.snippets", self.snippets, MAX_SNIPPETS)?;
        match self.snippets {
            0 => Err(Error::invalid("highlight.snippets", "at least 1 is expected")),
            _ => Ok(()),
        }
    }
}

/// Exactness against speed.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Beam of graph walks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ef: Option<usize>,
    /// Share of the exact hits that an answer should have on the average, above 0 up to 1: each segment
    /// makes the beam as wide as its own measurements say, for easy queries less than for hard ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_recall: Option<f64>,
    /// Scan instead of walking a graph.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// The way every segment goes that has what it takes, whatever it costs; the planner's if not
    /// set. To compare ways, and to test them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyKind>,
    /// Pages of 4 KiB that the vector leg may touch in a segment's file, for collections larger than
    /// memory: a walk ends at this number, and strategies that touch more are not used. If only a scan
    /// finds all hits under a filter, it runs in any case. The plan reports the count. The first touch
    /// of a block of 4 KiB since the segment was opened reads all of it, to verify it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_page_reads: Option<usize>,
}

impl Params {
    /// Checks every number against its limit.
    pub fn check(&self) -> Result<()> {
        within("params.ef", self.ef.unwrap_or(0), MAX_EF)?;
        let Some(target) = self.target_recall else { return Ok(()) };
        let at = "params.target_recall";
        if !(target > 0.0 && target <= 1.0) {
            return Err(Error::invalid(at, "a number above 0 up to 1 is expected"));
        }
        match self.ef {
            Some(_) => Err(Error::invalid(at, "give either ef or target_recall")),
            None => Ok(()),
        }
    }
}

/// The raw score that the best row of a leg has to reach for an answer to count as confident. It is the
/// leg's own score, a similarity or BM25: fused scores depend on ranks and on the spread of one list, so
/// the best row of a list of noise scores as high as any other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfidenceFloor {
    /// The leg.
    pub leg: Leg,
    /// Its score.
    pub score: f64,
}

impl ConfidenceFloor {
    /// Refuses a score that is no number.
    pub fn check(&self) -> Result<()> {
        match self.score.is_finite() {
            true => Ok(()),
            false => Err(Error::invalid("floor.score", "a finite number is expected")),
        }
    }
}
