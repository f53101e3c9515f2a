//! The builder calls of a [`SearchRequest`], one for each member.

use super::{
    AdapterChoice, Bm25, ConfidenceFloor, Fusion, Highlight, Leg, LegOptions, Mode, Params,
    SearchRequest, Syntax, Typos,
};
use crate::error::Error;
use crate::facets::{Facet, GroupBy};
use crate::filter::Filter;
use crate::plan::StrategyKind;
use crate::rerank::Rerank;

/// A filter that is given in some form; one that cannot be read is [`Filter::Invalid`].
fn read<F>(filter: F) -> Filter
where
    F: TryInto<Filter>,
    F::Error: Into<Error>,
{
    filter.try_into().unwrap_or_else(|e| Filter::Invalid(Box::new(e.into())))
}

impl SearchRequest {
    /// A request for rows with these words; also by vector if the collection has a model.
    #[must_use]
    pub fn text(words: impl Into<String>) -> Self {
        Self { text: Some(words.into()), ..Self::default() }
    }

    /// A request for rows near a vector.
    #[must_use]
    pub fn vector(vector: impl Into<Vec<f32>>) -> Self {
        Self { vector: Some(vector.into()), ..Self::default() }
    }

    /// A request by words and by a vector.
    #[must_use]
    pub fn hybrid(words: impl Into<String>, vector: impl Into<Vec<f32>>) -> Self {
        Self { text: Some(words.into()), vector: Some(vector.into()), ..Self::default() }
    }

    /// Sets the language of the text.
    #[must_use]
    pub fn syntax(mut self, syntax: Syntax) -> Self {
        self.syntax = syntax;
        self
    }

    /// Sets whether plain words also find the collection's synonyms of them; they do by default.
    #[must_use]
    pub fn synonyms(mut self, synonyms: bool) -> Self {
        self.synonyms = synonyms;
        self
    }

    /// Sets the typing errors that plain words may have; none by default.
    #[must_use]
    pub fn typos(mut self, typos: Typos) -> Self {
        self.typos = typos;
        self
    }

    /// Names the vector field; the collection's first by default.
    #[must_use]
    pub fn vector_field(mut self, name: impl Into<String>) -> Self {
        self.vector_field = Some(name.into());
        self
    }

    /// Names the query adapter.
    #[must_use]
    pub fn adapter(mut self, choice: AdapterChoice) -> Self {
        self.adapter = choice;
        self
    }

    /// Sets the predicate that every hit satisfies: a [`Filter`], its text (`"year > 2000"`) or its JSON. It replaces
    /// an earlier one; [`and_filter`](Self::and_filter) narrows it.
    ///
    /// A text that cannot be read becomes [`Filter::Invalid`], so that requests are built without a `?` in the
    /// middle; the search, and every other use of the request, then returns its error.
    #[must_use]
    pub fn filter<F>(mut self, filter: F) -> Self
    where
        F: TryInto<Filter>,
        F::Error: Into<Error>,
    {
        self.filter = read(filter);
        self
    }

    /// Adds a predicate to the present one: every hit satisfies both.
    ///
    /// ```
    /// # use lexivec_query::SearchRequest;
    /// let request = SearchRequest::text("wing").filter("year >= 1959").and_filter("lab = 'bath'");
    /// assert_eq!(request.filter, "year >= 1959 AND lab = 'bath'".parse()?);
    /// # Ok::<_, lexivec_query::Error>(())
    /// ```
    #[must_use]
    pub fn and_filter<F>(mut self, filter: F) -> Self
    where
        F: TryInto<Filter>,
        F::Error: Into<Error>,
    {
        self.filter &= read(filter);
        self
    }

    /// Sets the number of hits wanted.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Skips this many hits first.
    #[must_use]
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// Sets the legs that run.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the options of one leg.
    #[must_use]
    pub fn leg(mut self, leg: Leg, options: LegOptions) -> Self {
        self.legs[leg] = options;
        self
    }

    /// Sets the factor on what one leg contributes.
    #[must_use]
    pub fn weight(mut self, leg: Leg, weight: f64) -> Self {
        self.legs[leg].weight = weight;
        self
    }

    /// Sets the number of hits that every leg brings to the fusion.
    #[must_use]
    pub fn candidates(mut self, candidates: usize) -> Self {
        self.legs.iter_mut().for_each(|(_, leg)| leg.candidates = Some(candidates));
        self
    }

    /// Sets the weight of a text field in the text leg.
    #[must_use]
    pub fn field_weight(mut self, field: impl Into<String>, weight: f64) -> Self {
        self.field_weights.insert(field.into(), weight);
        self
    }

    /// Sets the constants of BM25.
    #[must_use]
    pub fn bm25(mut self, bm25: Bm25) -> Self {
        self.bm25 = Some(bm25);
        self
    }

    /// Sets the rule that makes one list of the legs' lists.
    #[must_use]
    pub fn fusion(mut self, fusion: Fusion) -> Self {
        self.fusion = Some(fusion);
        self
    }

    /// Sets the reranker of the fused list.
    #[must_use]
    pub fn rerank(mut self, rerank: Rerank) -> Self {
        self.rerank = Some(rerank);
        self
    }

    /// Leaves out hits whose final score is below the threshold.
    #[must_use]
    pub fn score_threshold(mut self, threshold: f64) -> Self {
        self.score_threshold = Some(threshold);
        self
    }

    /// Names the profile whose settings are taken; see [`Profile`](crate::profile::Profile).
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Sets the raw score of a leg below which the answer says that it is not confident.
    #[must_use]
    pub fn floor(mut self, leg: Leg, score: f64) -> Self {
        self.floor = Some(ConfidenceFloor { leg, score });
        self
    }

    /// Groups the hits by the values at a payload path, up to `size` hits for each value.
    #[must_use]
    pub fn group_by(mut self, field: impl Into<String>, size: usize) -> Self {
        self.group_by = Some(GroupBy::new(field, size));
        self
    }

    /// Counts the values at a payload path, over all rows that the filter admits.
    #[must_use]
    pub fn facet(mut self, field: impl Into<String>, limit: usize) -> Self {
        self.facets.push(Facet::new(field, limit));
        self
    }

    /// Sets all of [`Params`].
    #[must_use]
    pub fn params(mut self, params: Params) -> Self {
        self.params = params;
        self
    }

    /// Sets the beam of graph walks.
    #[must_use]
    pub fn ef(mut self, ef: usize) -> Self {
        self.params.ef = Some(ef);
        self
    }

    /// Sets the recall wanted; see [`Params::target_recall`].
    #[must_use]
    pub fn target_recall(mut self, recall: f64) -> Self {
        self.params.target_recall = Some(recall);
        self
    }

    /// Scans every row instead of walking a graph.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.params.exact = true;
        self
    }

    /// Forces this strategy wherever a segment supports it; see [`Params::strategy`].
    #[must_use]
    pub fn strategy(mut self, strategy: StrategyKind) -> Self {
        self.params.strategy = Some(strategy);
        self
    }

    /// Bounds the pages that the vector leg may touch; see [`Params::max_page_reads`].
    #[must_use]
    pub fn max_page_reads(mut self, pages: usize) -> Self {
        self.params.max_page_reads = Some(pages);
        self
    }

    /// Sets whether hits carry their payload; they do by default.
    #[must_use]
    pub fn with_payload(mut self, with: bool) -> Self {
        self.with_payload = with;
        self
    }

    /// Sets whether hits carry their texts.
    #[must_use]
    pub fn with_text(mut self, with: bool) -> Self {
        self.with_text = with;
        self
    }

    /// Adds to each hit the best passage of each text.
    #[must_use]
    pub fn highlight(mut self, highlight: Highlight) -> Self {
        self.highlight = Some(highlight);
        self
    }

    /// Adds the scores of terms to each hit, and the plan to the answer.
    #[must_use]
    pub fn explain(mut self) -> Self {
        self.explain = true;
        self
    }

    /// Sets the time the search has, in milliseconds.
    #[must_use]
    pub fn deadline_ms(mut self, millis: u64) -> Self {
        self.deadline_ms = Some(millis);
        self
    }
}
