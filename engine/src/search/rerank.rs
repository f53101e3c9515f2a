//! The rerank stage after the fusion: candidates are read, scored and put in their final order.

use lexivec_query::SearchRequest;
use lexivec_query::answer::RerankReport;
use lexivec_query::bind::BoundRequest;
use lexivec_query::fusion::Fused;
use lexivec_query::rerank::{Ranked, Rerank, RerankMethod, mmr, reorder};

use super::Searcher;
use super::merge::by_id;
use super::prepare::Prepared;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::fields::Vectors;
use crate::generation::DocAddress;
use crate::model::rerank::{Candidate, RerankQuery, RerankerHandle, out_of_time};
use crate::schema::Metric;
use crate::vector::TokenQuery;
use crate::vector::distance::{inverse_norm, similarity};

/// The reason for missing scores if the model has no embedding for the words.
const NOTHING_TO_SAY: &str = "the model has nothing to say about the query's words";

/// The final list, and the report of the rerank.
pub(super) type Final = (Vec<Ranked<DocAddress>>, Option<RerankReport>);

/// Scores of the first rows of the fused list, or the reason that there are none.
type Scores = std::result::Result<Vec<Option<f64>>, String>;

/// A candidate's stored vector.
struct StoredVector<'a> {
    index: usize,
    vector: &'a [f32],
    unit: f32,
}

impl Searcher {
    /// Puts the fused list in its final order.
    pub(super) fn rerank(
        &self,
        prepared: &Prepared<'_>,
        fused: Vec<Fused<DocAddress>>,
    ) -> Result<Final> {
        let Prepared { request, bound, time, .. } = prepared;
        let Some(rerank) = &request.rerank else {
            return Ok((fused.into_iter().map(Ranked::plain).collect(), None));
        };
        let deadline = time.within(prepared.rerank_budget);
        let vector = prepared.vector.as_deref();
        let candidates = fused.get(..rerank.depth).unwrap_or(&fused);
        let tokens = prepared.tokens.as_deref();
        let stage = Stage { searcher: self, request, bound, rerank, vector, tokens, deadline };
        let mut report = RerankReport {
            kind: rerank.method.kind(),
            applied: true,
            reason: None,
            candidates: candidates.len(),
            scored: 0,
        };
        let list = match stage.scores(candidates)? {
            Ok(scores) => {
                report.scored = scores.iter().flatten().count();
                by_id(&self.generation, |ties| {
                    reorder(fused, report.kind, &scores, |a, b| ties.order(*a, *b))
                })?
            }
            Err(reason) => {
                (report.applied, report.reason) = (false, Some(reason));
                fused.into_iter().map(Ranked::plain).collect()
            }
        };
        Ok((list, Some(report)))
    }

    /// The reranker that a request asks for.
    pub(super) fn handed(&self, request: &SearchRequest) -> Result<Option<&RerankerHandle>> {
        match request.rerank.as_ref().map(|r| &r.method) {
            Some(RerankMethod::Model) if self.reranker.is_none() => Err(Error::invalid(
                "rerank.model",
                "the collection has no reranker; set one, or leave this out",
            )),
            _ => Ok(self.reranker.as_ref()),
        }
    }
}

/// One rerank.
struct Stage<'a> {
    searcher: &'a Searcher,
    request: &'a SearchRequest,
    bound: &'a BoundRequest,
    rerank: &'a Rerank,
    vector: Option<&'a [f32]>,
    /// Token vectors of the request's words, made by the model.
    tokens: Option<&'a [Vec<f32>]>,
    deadline: Deadline,
}

impl Stage<'_> {
    fn scores(&self, candidates: &[Fused<DocAddress>]) -> Result<Scores> {
        let name = self.rerank.method.kind().name();
        if let (RerankMethod::Model, Some(reranker)) =
            (&self.rerank.method, self.searcher.handed(self.request)?)
        {
            return self.by_model(reranker, candidates);
        }
        if let RerankMethod::LateInteraction { tokens, .. } = &self.rerank.method {
            let tokens = tokens.as_deref().or(self.tokens).unwrap_or_default();
            if tokens.is_empty() {
                return Ok(Err(NOTHING_TO_SAY.to_owned()));
            }
            return Ok(self.by_tokens(tokens, candidates)?.ok_or_else(|| out_of_time(name)));
        }
        let Some(query) = self.vector else {
            return Ok(Err(NOTHING_TO_SAY.to_owned()));
        };
        let scores = match self.rerank.method {
            RerankMethod::Mmr { lambda } => self.by_mmr(lambda, query, candidates)?,
            _ => self.by_similarity(query, candidates)?,
        };
        Ok(scores.ok_or_else(|| out_of_time(name)))
    }

    /// The compared vector field: the request's, or the collection's first.
    fn field(&self) -> &str {
        let asked = self.bound.query_field.as_deref().or(self.request.vector_field.as_deref());
        let first = || self.searcher.schema.vectors.first().map(|f| f.name.as_str());
        asked.or_else(first).unwrap_or_default()
    }

    /// The vectors of a row's segment in the field; `None` if the row has no vector there.
    fn vectors(&self, address: DocAddress) -> Option<&Vectors> {
        let live = self.searcher.generation.segments.get(address.segment as usize)?;
        let vectors = live.segment.vectors(self.field())?;
        vectors.store.present.contains(address.row).then_some(vectors)
    }

    /// Scores by exact similarity; `None` once the time is over.
    fn by_similarity(
        &self,
        query: &[f32],
        candidates: &[Fused<DocAddress>],
    ) -> Result<Option<Vec<Option<f64>>>> {
        let unit = inverse_norm(query);
        let mut scores = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            if self.deadline.passed() {
                return Ok(None);
            }
            let Some(Vectors { store, .. }) = self.vectors(candidate.key) else {
                scores.push(None);
                continue;
            };
            let (row, norm) =
                (store.vector(candidate.key.row)?, store.inverse_norm(candidate.key.row)?);
            scores.push(Some(f64::from(similarity(store.metric, query, row, unit * norm))));
        }
        Ok(Some(scores))
    }

    /// Scores by late interaction; `None` once the time is over.
    fn by_tokens(
        &self,
        tokens: &[Vec<f32>],
        candidates: &[Fused<DocAddress>],
    ) -> Result<Option<Vec<Option<f64>>>> {
        let field = self.bound.token_field.as_deref().unwrap_or_default();
        let mut query = TokenQuery::new(tokens);
        let mut scores = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            if self.deadline.passed() {
                return Ok(None);
            }
            let DocAddress { segment, row } = candidate.key;
            let store = self.searcher.generation.segment(segment)?.segment.tokens(field);
            scores.push(store.map_or(Ok(None), |store| store.score(row, &mut query))?);
        }
        Ok(Some(scores))
    }

    /// Scores by diversity (MMR); `None` once the time is over.
    fn by_mmr(
        &self,
        lambda: f64,
        query: &[f32],
        candidates: &[Fused<DocAddress>],
    ) -> Result<Option<Vec<Option<f64>>>> {
        let cosine =
            |a: &[f32], b: &[f32], units: f32| f64::from(similarity(Metric::Cosine, a, b, units));
        // All vectors are read before any is compared, so that damage is reported instead of compared.
        let mut stored = Vec::with_capacity(candidates.len());
        for (index, candidate) in candidates.iter().enumerate() {
            if let Some(vectors) = self.vectors(candidate.key) {
                let vector = vectors.store.vector(candidate.key.row)?;
                stored.push(StoredVector { index, vector, unit: inverse_norm(vector) });
            }
        }
        let of_query = inverse_norm(query);
        let relevance: Vec<f64> =
            stored.iter().map(|s| cosine(query, s.vector, of_query * s.unit)).collect();
        let between = |a: usize, b: usize| {
            let (a, b) = (&stored[a], &stored[b]);
            cosine(a.vector, b.vector, a.unit * b.unit)
        };
        let key = |i: usize| candidates[stored[i].index].key;
        let picked = by_id(&self.searcher.generation, |ties| {
            let order = |a: usize, b: usize| ties.order(key(a), key(b));
            mmr(&relevance, lambda, between, order, || self.deadline.passed())
        })?;
        let Some(picked) = picked else { return Ok(None) };
        let mut scores = vec![None; candidates.len()];
        for (stored, score) in stored.iter().zip(picked) {
            scores[stored.index] = Some(score);
        }
        Ok(Some(scores))
    }

    fn by_model(&self, reranker: &RerankerHandle, fused: &[Fused<DocAddress>]) -> Result<Scores> {
        let wants = reranker.wants();
        let mut candidates = Vec::with_capacity(fused.len());
        for (index, row) in fused.iter().enumerate() {
            if self.deadline.passed() {
                return Ok(Err(out_of_time(reranker.name())));
            }
            let DocAddress { segment, row: number } = row.key;
            let documents = &self.searcher.generation.segment(segment)?.segment.documents;
            let mut candidate = Candidate {
                id: documents.id(number)?.to_owned(),
                rank: index + 1,
                score: row.score,
                text: Default::default(),
                payload: Default::default(),
                vector: None,
            };
            if wants.text || wants.payload {
                let document = documents.document(&self.searcher.schema, number)?;
                candidate.text = if wants.text { document.text } else { Default::default() };
                candidate.payload =
                    if wants.payload { document.payload } else { Default::default() };
            }
            if let (true, Some(vectors)) = (wants.vector, self.vectors(row.key)) {
                candidate.vector = Some(vectors.store.vector(number)?.to_vec());
            }
            candidates.push(candidate);
        }
        let text = self.request.used_text().map(str::to_owned);
        let vector = self.vector.map(<[f32]>::to_vec);
        let query = RerankQuery { text, vector, deadline: self.deadline };
        let scores = reranker.call(query, candidates);
        Ok(scores.map(|scores| scores.into_iter().map(Some).collect()))
    }
}
