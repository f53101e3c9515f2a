//! A search request: its parts, its one JSON form, and the check of its limits.

mod builder;
mod settings;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

pub use settings::{
    AdapterChoice, Bm25, ConfidenceFloor, Highlight, Mode, Params, Syntax, Typos,
    check_field_weight,
};
pub use words::{TextCut, beginning};

use crate::error::{Error, Result, within};
use crate::facets::{Facet, GroupBy};
use crate::filter::Filter;
pub use crate::fusion::{Fusion, FusionKind, Normalize};
pub use crate::leg::{Leg, LegOptions, PerLeg};
use crate::limits::{
    DEFAULT_LIMIT, MAX_DEADLINE_MS, MAX_FACETS, MAX_FIELD_WEIGHTS, MAX_GIVEN_QUERY_BYTES,
    MAX_QUERY_BYTES, MAX_WINDOW,
};
use crate::rerank::Rerank;

/// A search request. Build one with [`text`](Self::text), [`vector`](Self::vector) or
/// [`hybrid`](Self::hybrid), then set what differs from the defaults.
///
/// As JSON it is the body of `POST /v1/collections/{c}/search`: every member may be left out, and a member
/// that is not known is refused. A request that is written and read is the same request.
///
/// ```
/// # use lexivec_query::SearchRequest;
/// let request: SearchRequest = serde_json::from_str(r#"{"text": "red shoes", "top_k": 3}"#)?;
/// assert_eq!(request, SearchRequest::text("red shoes").limit(3));
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SearchRequest {
    /// Words to look for. Of plain words longer than [`MAX_QUERY_BYTES`] the beginning is searched for, and the answer
    /// has a [`TextCut`]; a query string is not cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The language of the text.
    #[serde(skip_serializing_if = "is_default")]
    pub syntax: Syntax,
    /// False to look for the plain words alone, without the collection's synonyms.
    #[serde(skip_serializing_if = "is_true")]
    pub synonyms: bool,
    /// Typing errors that plain words may have.
    #[serde(skip_serializing_if = "is_default")]
    pub typos: Typos,
    /// Query vector, as long as the vectors of its field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// Vector field; the collection's first if not named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector_field: Option<String>,
    /// The query adapter that changes the query vector, given or made of the text.
    #[serde(skip_serializing_if = "is_default")]
    pub adapter: AdapterChoice,
    /// Predicate that every hit satisfies.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub filter: Filter,
    /// Hits wanted; [`DEFAULT_LIMIT`] by default.
    #[serde(
        alias = "k",
        alias = "top_k",
        deserialize_with = "or_default_limit",
        skip_serializing_if = "is_default_limit"
    )]
    pub limit: usize,
    /// Hits skipped before the first one wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub offset: usize,
    /// The legs that run.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Settings of each leg.
    #[serde(skip_serializing_if = "PerLeg::is_default")]
    pub legs: PerLeg<LegOptions>,
    /// The constants of BM25; the collection's if not given. They cost nothing: no index stores them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bm25: Option<Bm25>,
    /// Weights of text fields by name, above 0 to [`MAX_FIELD_WEIGHT`](crate::limits::MAX_FIELD_WEIGHT); the
    /// collection's for fields that are not named.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub field_weights: BTreeMap<String, f64>,
    /// The rule that makes one list of the legs' lists; the collection's if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// The reranker of the fused list, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<Rerank>,
    /// Lowest final score of a hit; [`Ranked::reaches`](crate::rerank::Ranked::reaches).
    /// It is on the scale of the reranker's scores, so it is not applied if the reranker was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_threshold: Option<f64>,
    /// Name of the collection's profile, which gives the settings that are at their defaults here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Raw score of a leg below which the answer says that it is not confident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<ConfidenceFloor>,
    /// Payload field by whose values the hits are grouped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<GroupBy>,
    /// Payload fields whose values are counted, over all rows that the filter admits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facets: Vec<Facet>,
    /// Exactness against speed.
    #[serde(skip_serializing_if = "is_default")]
    pub params: Params,
    /// True if hits carry their payload, as they do by default.
    #[serde(skip_serializing_if = "is_true")]
    pub with_payload: bool,
    /// True if hits carry their texts.
    #[serde(skip_serializing_if = "is_default")]
    pub with_text: bool,
    /// Passages: hits that the text leg found carry the best passages of each text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highlight: Option<Highlight>,
    /// True if hits carry the scores of their terms, and the answer its plan.
    #[serde(skip_serializing_if = "is_default")]
    pub explain: bool,
    /// Time the search has, in milliseconds, unlimited if not set. After it the search fails and returns
    /// no hits. Its deadline is checked between steps, so it may end a little later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_default_limit(limit: &usize) -> bool {
    *limit == DEFAULT_LIMIT
}

fn is_true(value: &bool) -> bool {
    *value
}

/// Reads a member that may be null, which is its default.
fn or_default<'de, D, T>(deserializer: D) -> std::result::Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn or_default_limit<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<usize, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(DEFAULT_LIMIT))
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            text: None,
            syntax: Syntax::Words,
            synonyms: true,
            typos: Typos::Off,
            vector: None,
            vector_field: None,
            adapter: AdapterChoice::default(),
            filter: Filter::All,
            limit: DEFAULT_LIMIT,
            offset: 0,
            mode: Mode::Auto,
            legs: PerLeg::default(),
            bm25: None,
            field_weights: BTreeMap::new(),
            fusion: None,
            rerank: None,
            score_threshold: None,
            profile: None,
            floor: None,
            group_by: None,
            facets: Vec::new(),
            params: Params::default(),
            with_payload: true,
            with_text: false,
            highlight: None,
            explain: false,
            deadline_ms: None,
        }
    }
}

impl SearchRequest {
    /// Hits that the legs have to bring, for the page or the groups.
    pub(crate) fn wanted_hits(&self) -> usize {
        match &self.group_by {
            Some(group_by) => group_by.rows(self.limit),
            None => self.limit + self.offset,
        }
    }

    /// The request for its ranked list alone: from the first hit on, without the steps that follow the
    /// ranking, and without a deadline.
    #[must_use]
    pub fn ranking_only(&self) -> Self {
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

    /// Checks the length of the text.
    fn check_text(&self) -> Result<()> {
        let bytes = self.text.as_ref().map_or(0, String::len);
        within("bytes of the query text", bytes, MAX_GIVEN_QUERY_BYTES)?;
        // Without its end a query string asks for something else.
        if self.syntax == Syntax::QueryString && bytes > MAX_QUERY_BYTES {
            let detail = format!(
                "it has {bytes} bytes, at most {MAX_QUERY_BYTES} are read; shorten it, or search for plain words, of which \
                 the beginning is taken"
            );
            return Err(Error::invalid("query string", detail));
        }
        Ok(())
    }

    /// Checks every number against its limit.
    ///
    /// # Errors
    /// Names the member that is out of its range, and the range.
    pub fn validate(&self) -> Result<()> {
        within("limit + offset", self.limit.saturating_add(self.offset), MAX_WINDOW)?;
        self.params.check()?;
        self.check_text()?;
        self.highlight.map_or(Ok(()), |highlight| highlight.check())?;
        within("deadline_ms", self.deadline_ms.unwrap_or(0) as usize, MAX_DEADLINE_MS as usize)?;
        self.filter.check()?;
        self.bm25.unwrap_or_default().check()?;
        within("field_weights", self.field_weights.len(), MAX_FIELD_WEIGHTS)?;
        self.field_weights
            .iter()
            .try_for_each(|(name, weight)| check_field_weight(name, *weight))?;
        self.legs.iter().try_for_each(|(leg, options)| options.check(leg))?;
        self.rerank.as_ref().map_or(Ok(()), Rerank::check)?;
        self.floor.map_or(Ok(()), |floor| floor.check())?;
        self.group_by.as_ref().map_or(Ok(()), |by| by.check(self.limit, self.offset))?;
        within("facets", self.facets.len(), MAX_FACETS)?;
        self.facets.iter().try_for_each(Facet::check)?;
        if self.score_threshold.is_some_and(|t| !t.is_finite()) {
            return Err(Error::invalid("score_threshold", "a finite number is expected"));
        }
        self.fusion.map_or(Ok(()), |fusion| fusion.check())?;
        match self.vector.as_ref().and_then(|v| v.iter().position(|x| !x.is_finite())) {
            Some(i) => Err(Error::invalid(format!("vector[{i}]"), "it is not a finite number")),
            None => Ok(()),
        }
    }
}
