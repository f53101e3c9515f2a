//! What a caller asks for.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, within};
use crate::filter::Filter;
use crate::gather::{Facet, GroupBy, MAX_FACETS};
use crate::plan::StrategyKind;
use crate::profile::Floor;
use crate::rerank::Rerank;

/// Hits of one answer, and the last place a page may reach. Each leg brings at least as many.
pub const MAX_WINDOW: usize = 10_000;
/// Beam of a graph walk; a wider one costs more than the exact scan of most segments.
pub const MAX_EF: usize = 4_096;
/// Bytes of a query text.
pub const MAX_QUERY_BYTES: usize = 4 << 10;
/// Hits of an answer where the caller names no number.
pub const DEFAULT_LIMIT: usize = 10;
/// The rank constant of reciprocal rank fusion: Cormack, Clarke and Buettcher, "Reciprocal rank
/// fusion outperforms Condorcet and individual rank learning methods", 2009.
pub const DEFAULT_RRF_K: f64 = 60.0;

/// Frequency saturation of BM25 where none is named; Lucene's default.
pub const DEFAULT_K1: f64 = 1.2;
/// Length normalisation of BM25 where none is named; Lucene's default.
pub const DEFAULT_B: f64 = 0.75;
/// The highest k1: far below it a score is a plain count already.
pub const MAX_K1: f64 = 1_000.0;

/// The constants of BM25.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bm25 {
    /// How soon further occurrences of a term stop adding: 0 (at once) to [`MAX_K1`].
    pub k1: f64,
    /// How far long texts count less: 0 (not at all) to 1.
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

/// One of the two ways to find rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leg {
    /// BM25 over the inverted index.
    Text,
    /// Similarity of vectors.
    Vector,
}

/// Which legs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Those the request has something for: text, vector, or text that a model embeds.
    #[default]
    Auto,
    /// The text leg.
    Text,
    /// The vector leg.
    Vector,
    /// Both.
    Hybrid,
}

/// Which query adapter changes the vector of a request. As JSON it is `"active"`, `"off"` or the number of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "AdapterJson", into = "AdapterJson")]
pub enum AdapterChoice {
    /// The collection's active one, if it has one.
    #[default]
    Active,
    /// None.
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

/// How the text of a request is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Syntax {
    /// As words; no text is wrong.
    #[default]
    Words,
    /// As a query of the language of [`query_string`](crate::query_string).
    QueryString,
}

/// Longest time that a search may be given, in milliseconds: who waits longer waits for no answer in
/// particular, and leaves the deadline out.
pub const MAX_DEADLINE_MS: u64 = 600_000;

/// Characters of a passage where the caller names no number.
pub const DEFAULT_PASSAGE_CHARS: usize = 160;
/// Characters of a passage at the most; who wants more of a text asks for all of it.
pub const MAX_PASSAGE_CHARS: usize = 10_000;

/// How the passages that answer best are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Highlight {
    /// Characters of a passage at the most; a single longer word is shown whole.
    pub max_chars: usize,
}

impl Default for Highlight {
    fn default() -> Self {
        Self { max_chars: DEFAULT_PASSAGE_CHARS }
    }
}

/// Settings of one leg.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LegOptions {
    /// Factor on what the leg contributes.
    pub weight: f64,
    /// Hits the leg brings to the fusion, if more than the page needs.
    pub candidates: Option<usize>,
}

impl Default for LegOptions {
    fn default() -> Self {
        Self { weight: 1.0, candidates: None }
    }
}

/// How the legs' lists become one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "FusionJson", into = "FusionJson")]
pub enum Fusion {
    /// Each leg contributes weight / (k + rank), rank from 1.
    Rrf {
        /// The rank constant.
        k: f64,
    },
    /// The vector leg contributes alpha x score, the text leg (1 - alpha) x score, each also times
    /// the leg's own weight.
    Weighted {
        /// Share of the vector leg, 0 to 1.
        alpha: f64,
        /// How scores are made comparable first.
        normalize: Normalize,
    },
    /// Distribution-based score fusion: each leg contributes weight x score, its scores brought to 0..=1
    /// between mean - 3 s and mean + 3 s, where s is the standard deviation of the leg's list (divided by
    /// n - 1) and few scores lie outside. Mazzeschi, "Distribution-based score fusion", 2023, as Qdrant
    /// defines it: one score alone, or scores without spread, become 0.5.
    Dbsf,
}

/// The JSON of a fusion: {"rrf": {"k": 60}}, {"weighted": {"alpha": 0.3, "normalize": "minmax"}},
/// {"dbsf": {}}. An object for every kind, so that constants can be added.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum FusionJson {
    Rrf {
        #[serde(default = "default_rrf_k")]
        k: f64,
    },
    Weighted {
        alpha: f64,
        #[serde(default)]
        normalize: Normalize,
    },
    Dbsf {},
}

fn default_rrf_k() -> f64 {
    DEFAULT_RRF_K
}

impl From<FusionJson> for Fusion {
    fn from(json: FusionJson) -> Self {
        match json {
            FusionJson::Rrf { k } => Self::Rrf { k },
            FusionJson::Weighted { alpha, normalize } => Self::Weighted { alpha, normalize },
            FusionJson::Dbsf {} => Self::Dbsf,
        }
    }
}

impl From<Fusion> for FusionJson {
    fn from(fusion: Fusion) -> Self {
        match fusion {
            Fusion::Rrf { k } => Self::Rrf { k },
            Fusion::Weighted { alpha, normalize } => Self::Weighted { alpha, normalize },
            Fusion::Dbsf => Self::Dbsf {},
        }
    }
}

impl Default for Fusion {
    fn default() -> Self {
        Self::Rrf { k: DEFAULT_RRF_K }
    }
}

/// How the scores of a leg are made comparable with those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// To 0..=1 between the leg's lowest and highest score.
    #[default]
    MinMax,
    /// To mean 0 and standard deviation 1 (of the leg's list).
    ZScore,
    /// Left as they are.
    None,
}

/// Exactness against speed.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Params {
    /// Beam of graph walks.
    pub ef: Option<usize>,
    /// Share of the exact hits that an answer should have on the average, above 0 up to 1: each segment
    /// makes the beam as wide as its own measurements say, for easy queries less than for hard ones.
    pub target_recall: Option<f64>,
    /// Scan instead of walking a graph.
    pub exact: bool,
    /// The way every segment goes that has what it takes, whatever it costs; the planner's if not
    /// set. To compare ways, and to test them.
    pub strategy: Option<StrategyKind>,
    /// Pages of 4 KiB that the vector leg may touch in a segment's file, for collections larger than
    /// memory: a walk ends when it has come so far, and ways that touch more are not taken. Where a filter
    /// leaves only a scan to find all hits there are, it is done all the same. The plan tells the count.
    /// The first touch of a block of 4 KiB since the segment was opened reads all of it, to verify it.
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

/// A search request. Build one with [`text`](Self::text), [`vector`](Self::vector) or
/// [`hybrid`](Self::hybrid), then set what differs from the defaults.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SearchRequest {
    /// Words to look for.
    pub text: Option<String>,
    /// How the text is read.
    pub syntax: Syntax,
    /// Vector to be near to.
    pub vector: Option<Vec<f32>>,
    /// Vector field; the collection's first if not named.
    pub vector_field: Option<String>,
    /// The query adapter that changes the query's vector, given or made of the text.
    pub adapter: AdapterChoice,
    /// Predicate that every hit satisfies.
    pub filter: Filter,
    /// Hits wanted.
    pub limit: usize,
    /// Hits passed over first.
    pub offset: usize,
    /// Which legs run.
    pub mode: Mode,
    /// Settings of the text leg.
    pub text_leg: LegOptions,
    /// Settings of the vector leg.
    pub vector_leg: LegOptions,
    /// The constants of BM25; the collection's if not given. They cost nothing: no index knows them.
    pub bm25: Option<Bm25>,
    /// How the legs become one list.
    pub fusion: Fusion,
    /// What is done with the fused list, if anything.
    pub rerank: Option<Rerank>,
    /// Hits whose final score is below are left out; [`Ranked::reaches`](crate::rerank::Ranked::reaches).
    /// Not applied when a reranker that is asked for was not: it is on the scale of its scores.
    pub score_threshold: Option<f64>,
    /// Gathers the hits by the values of a payload field, as groups.
    pub group_by: Option<GroupBy>,
    /// Payload fields whose values are counted, over all rows that the filter admits.
    pub facets: Vec<Facet>,
    /// Exactness against speed.
    pub params: Params,
    /// Name of the collection's profile from which settings are taken that are at their defaults here.
    pub profile: Option<String>,
    /// Raw score of a leg under which the answer says that it is not confident.
    pub floor: Option<Floor>,
    /// Hits carry their payload.
    pub with_payload: bool,
    /// Hits carry their texts.
    pub with_text: bool,
    /// Hits that the text leg found carry the best passage of each text.
    pub highlight: Option<Highlight>,
    /// Hits carry the scores of their terms, and the answer its plan.
    pub explain: bool,
    /// Time the search has, in milliseconds; then it fails, and nothing of what was found is given. As
    /// long as it takes if not set. The clock is looked at now and then, so it may end a little later.
    pub deadline_ms: Option<u64>,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            text: None,
            syntax: Syntax::Words,
            vector: None,
            vector_field: None,
            adapter: AdapterChoice::default(),
            filter: Filter::All,
            limit: DEFAULT_LIMIT,
            offset: 0,
            mode: Mode::Auto,
            text_leg: LegOptions::default(),
            vector_leg: LegOptions::default(),
            bm25: None,
            fusion: Fusion::default(),
            rerank: None,
            score_threshold: None,
            group_by: None,
            facets: Vec::new(),
            params: Params::default(),
            profile: None,
            floor: None,
            with_payload: true,
            with_text: false,
            highlight: None,
            explain: false,
            deadline_ms: None,
        }
    }
}

impl SearchRequest {
    /// Looks for words; also by vector where the collection has a model.
    pub fn text(words: impl Into<String>) -> Self {
        Self { text: Some(words.into()), ..Self::default() }
    }

    /// Looks for rows near a vector.
    pub fn vector(vector: impl Into<Vec<f32>>) -> Self {
        Self { vector: Some(vector.into()), ..Self::default() }
    }

    /// Looks for both.
    pub fn hybrid(words: impl Into<String>, vector: impl Into<Vec<f32>>) -> Self {
        Self { text: Some(words.into()), vector: Some(vector.into()), ..Self::default() }
    }

    /// Sets the number of hits wanted.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Passes over this many hits first.
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// Sets the predicate that every hit satisfies.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Names the query adapter.
    pub fn adapter(mut self, choice: AdapterChoice) -> Self {
        self.adapter = choice;
        self
    }

    /// Sets which legs run.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets how the legs become one list.
    pub fn fusion(mut self, fusion: Fusion) -> Self {
        self.fusion = fusion;
        self
    }

    /// Sets what is done with the fused list.
    pub fn rerank(mut self, rerank: Rerank) -> Self {
        self.rerank = Some(rerank);
        self
    }

    /// Leaves out hits whose final score is below.
    pub fn score_threshold(mut self, threshold: f64) -> Self {
        self.score_threshold = Some(threshold);
        self
    }

    /// Names the profile whose settings are taken; see [`Profile`](crate::profile::Profile).
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Gathers the hits by the values at a payload path, up to `size` for each.
    pub fn group_by(mut self, field: impl Into<String>, size: usize) -> Self {
        self.group_by = Some(GroupBy::new(field, size));
        self
    }

    /// Counts the values at a payload path, over all rows that the filter admits.
    pub fn facet(mut self, field: impl Into<String>, limit: usize) -> Self {
        self.facets.push(Facet::new(field, limit));
        self
    }

    /// Hits that the legs have to bring, for the page or the groups.
    pub(crate) fn wanted_rows(&self) -> usize {
        match &self.group_by {
            Some(group_by) => group_by.rows(self.limit),
            None => self.limit + self.offset,
        }
    }

    /// Sets how many hits each leg brings to the fusion.
    pub fn candidates(mut self, candidates: usize) -> Self {
        self.text_leg.candidates = Some(candidates);
        self.vector_leg.candidates = Some(candidates);
        self
    }

    /// Sets the legs' weights.
    pub fn weights(mut self, text: f64, vector: f64) -> Self {
        self.text_leg.weight = text;
        self.vector_leg.weight = vector;
        self
    }

    /// Sets the beam of graph walks.
    pub fn ef(mut self, ef: usize) -> Self {
        self.params.ef = Some(ef);
        self
    }

    /// Sets the recall wanted; see [`Params::target_recall`].
    pub fn target_recall(mut self, recall: f64) -> Self {
        self.params.target_recall = Some(recall);
        self
    }

    /// Scans instead of walking a graph.
    pub fn exact(mut self) -> Self {
        self.params.exact = true;
        self
    }

    /// Goes this way wherever it can, whatever it costs; see [`Params::strategy`].
    pub fn strategy(mut self, strategy: StrategyKind) -> Self {
        self.params.strategy = Some(strategy);
        self
    }

    /// Asks for the scores of terms and for the plan.
    pub fn explain(mut self) -> Self {
        self.explain = true;
        self
    }

    /// Sets the time the search has, in milliseconds.
    pub fn deadline_ms(mut self, millis: u64) -> Self {
        self.deadline_ms = Some(millis);
        self
    }

    /// The same question for its ranked list alone: from the first hit on, without what is done with
    /// hits once they are ranked, and with nobody who waits for it.
    pub fn bare(&self) -> Self {
        Self {
            offset: 0,
            rerank: None,
            score_threshold: None,
            floor: None,
            group_by: None,
            facets: Vec::new(),
            with_payload: false,
            with_text: false,
            highlight: None,
            explain: false,
            deadline_ms: None,
            ..self.clone()
        }
    }

    /// Checks every number against its limit.
    pub fn validate(&self) -> Result<()> {
        within("limit + offset", self.limit.saturating_add(self.offset), MAX_WINDOW)?;
        self.params.check()?;
        within(
            "bytes of the query text",
            self.text.as_ref().map_or(0, String::len),
            MAX_QUERY_BYTES,
        )?;
        within(
            "highlight.max_chars",
            self.highlight.map_or(0, |h| h.max_chars),
            MAX_PASSAGE_CHARS,
        )?;
        within("deadline_ms", self.deadline_ms.unwrap_or(0) as usize, MAX_DEADLINE_MS as usize)?;
        self.filter.check()?;
        self.bm25.unwrap_or_default().check()?;
        for (name, leg) in [("text", &self.text_leg), ("vector", &self.vector_leg)] {
            within(&format!("legs.{name}.candidates"), leg.candidates.unwrap_or(0), MAX_WINDOW)?;
            if !leg.weight.is_finite() || leg.weight < 0.0 {
                let at = format!("legs.{name}.weight");
                return Err(Error::invalid(at, "a finite number from 0 up is expected"));
            }
        }
        self.rerank.as_ref().map_or(Ok(()), Rerank::check)?;
        self.floor.map_or(Ok(()), |floor| floor.check())?;
        self.group_by.as_ref().map_or(Ok(()), |by| by.check(self.limit, self.offset))?;
        within("facets", self.facets.len(), MAX_FACETS)?;
        self.facets.iter().try_for_each(Facet::check)?;
        if self.score_threshold.is_some_and(|t| !t.is_finite()) {
            return Err(Error::invalid("score_threshold", "a finite number is expected"));
        }
        match self.fusion {
            Fusion::Rrf { k } if !k.is_finite() || k < 0.0 => {
                Err(Error::invalid("fusion.rrf.k", "a finite number from 0 up is expected"))
            }
            Fusion::Weighted { alpha, .. } if !(0.0..=1.0).contains(&alpha) => {
                Err(Error::invalid("fusion.weighted.alpha", "a number from 0 to 1 is expected"))
            }
            _ => match self.vector.as_ref().and_then(|v| v.iter().position(|x| !x.is_finite())) {
                Some(i) => Err(Error::invalid(format!("vector[{i}]"), "it is not a finite number")),
                None => Ok(()),
            },
        }
    }
}
