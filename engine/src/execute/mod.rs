//! Answering a request: filter, legs, gather, fusion, rerank, and documents for the winners only.

mod cursor;
mod gather;
mod groups;
mod learn;
mod recall;
mod rerank;
mod text;
mod tune;
mod vector;
mod why_not;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use cursor::Cursor;
pub(crate) use groups::facet;
pub use learn::{AdapterOptions, AdapterValidation, MIN_GAIN, MIN_QUERIES, MIN_TRIPLETS};
pub(crate) use learn::{Question, learn, normalize};
pub use recall::{RecallOptions, RecallQueries, RecallReport, SegmentRecall, ShareRecall};
pub(crate) use recall::{measure_recall, report as recall_report};
pub(crate) use tune::tune;
pub use tune::{TuneOptions, TuneReport};
pub(crate) use why_not::why_not;

use arc_swap::ArcSwap;
use lexivec_query::SearchRequest;
use lexivec_query::answer::{Hit, RerankReport, SearchResponse};
use lexivec_query::bind::{BoundLeg, BoundRequest, bind};
use lexivec_query::explain::Ledger;
use lexivec_query::filter::Filter;
use lexivec_query::fusion::{LegHits, fuse};
use lexivec_query::limits::MAX_QUERY_TOKENS;
use lexivec_query::plan::SegmentPlan;
use lexivec_query::request::{Leg, Params};
use lexivec_query::rerank::Ranked;
use rayon::prelude::*;

use crate::collection::{Adapters, Generation, LiveSegment, check_tokens, token_lists};
use crate::deadline::Deadline;
use crate::document::{Document, check_embedded, vector_fault};
use crate::error::{Error, Result};
use crate::limits::MAX_BATCH_REQUESTS;
use crate::model::Embedder;
use crate::model::rerank::RerankerHandle;
use crate::schema::Schema;
use crate::segment::RowSet;
use crate::text::TextQuery;
use vector::{Asked, Found};

/// A row of a generation: place of its segment, and its number there.
pub(crate) type Place = (u32, u32);

/// Requests of a batch that one task answers together at the most.
const TASK_REQUESTS: usize = 32;

/// Runs a request on a generation.
pub(crate) fn search(
    source: &Source<'_>,
    request: &SearchRequest,
    time: Deadline,
) -> Result<SearchResponse> {
    let prepared = source.prepare(request, time)?;
    let wanted = source.wanted(&prepared)?;
    let ranking = source.rank_one(&prepared, &wanted)?;
    source.answer(&prepared, ranking, &wanted)
}

/// Runs many requests on a generation, on all threads: a filter that some of them have in common is
/// evaluated once, and where rows are scanned, once for all of them.
pub(crate) fn search_many(
    source: &Source<'_>,
    requests: &[SearchRequest],
) -> Result<Vec<SearchResponse>> {
    if requests.len() > MAX_BATCH_REQUESTS {
        let detail = format!("{} are over the limit of {MAX_BATCH_REQUESTS}", requests.len());
        return Err(Error::invalid("requests", detail));
    }
    // Every one is checked before one is run.
    let prepared: Vec<_> = requests
        .par_iter()
        .enumerate()
        .map(|(place, request)| {
            source.prepare(request, Deadline::of(request)).map_err(|e| e.of_request(place))
        })
        .collect::<Result<_>>()?;
    // As many tasks as keep all threads busy.
    let share = requests.len().div_ceil(rayon::current_num_threads());
    let tasks: Vec<&[Prepared<'_>]> = prepared
        .chunk_by(|a, b| a.is_like(b))
        .flat_map(|like| like.chunks(share.clamp(1, TASK_REQUESTS)))
        .collect();
    let answers = tasks.into_par_iter().map(|task| source.answer_task(task));
    Ok(answers.collect::<Result<Vec<_>>>()?.concat())
}

/// A request and what it means.
#[derive(Clone)]
pub(crate) struct Prepared<'a> {
    request: &'a SearchRequest,
    bound: BoundRequest,
    vector: Option<Vec<f32>>,
    /// Token vectors of the request's words, where the model is to make them.
    tokens: Option<Vec<Vec<f32>>>,
    time: Deadline,
    /// The query adapter that was applied.
    adapter: Option<u32>,
    /// What the rerank may take, or what is left of that.
    rerank_budget: Duration,
}

impl<'a> Prepared<'a> {
    fn new(
        request: &'a SearchRequest,
        bound: BoundRequest,
        vector: Option<Vec<f32>>,
        time: Deadline,
    ) -> Self {
        let millis = request.rerank.as_ref().map_or(0, |rerank| rerank.budget_ms);
        let rerank_budget = Duration::from_millis(millis);
        Self { request, bound, vector, tokens: None, time, adapter: None, rerank_budget }
    }

    /// What its vector leg asks for.
    fn vector_leg(&self) -> Option<(&BoundLeg, &[f32])> {
        Some((leg_of(&self.bound, Leg::Vector)?, self.vector.as_deref()?))
    }

    /// True if both ask the same of the same rows, with other words and vectors.
    fn is_like(&self, other: &Self) -> bool {
        let asks = |p: &Self| p.vector_leg().map(|(leg, _)| (leg.vector_field.clone(), leg.window));
        self.request.filter == other.request.filter
            && self.request.params == other.request.params
            && asks(self) == asks(other)
    }
}

fn leg_of(bound: &BoundRequest, kind: Leg) -> Option<&BoundLeg> {
    bound.legs.iter().find(|leg| leg.kind == kind)
}

/// What requests are answered from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) generation: &'a Generation,
    pub(crate) schema: &'a Schema,
    pub(crate) embedder: Option<&'a dyn Embedder>,
    pub(crate) reranker: Option<&'a RerankerHandle>,
    /// Nothing where no query has a vector any more.
    pub(crate) adapters: Option<&'a ArcSwap<Adapters>>,
}

/// The final list of a request, before its page is cut out of it.
struct Ranking {
    list: Vec<Ranked<Place>>,
    rerank: Option<RerankReport>,
    rerank_took: Duration,
    confident: Option<bool>,
    text_query: Option<TextQuery>,
    plans: Vec<SegmentPlan>,
    /// False if the legs brought all they find.
    more: bool,
}

impl Ranking {
    /// The request's threshold, unless it is on the scale of a reranker that was not applied.
    fn threshold(&self, request: &SearchRequest) -> Option<f64> {
        let applied = self.rerank.as_ref().is_none_or(|r| r.applied);
        request.score_threshold.filter(|_| applied)
    }

    /// Takes the rows of the request's page out.
    fn page(&mut self, request: &SearchRequest) -> impl Iterator<Item = Ranked<Place>> + use<> {
        let (threshold, list) = (self.threshold(request), std::mem::take(&mut self.list));
        let list = list.into_iter().filter(move |row| threshold.is_none_or(|t| row.reaches(t)));
        list.skip(request.offset).take(request.limit)
    }

    /// What an answer says besides its hits, groups and facets.
    fn into_head(
        self,
        generation: &Generation,
        prepared: &Prepared<'_>,
        wanted: &[Arc<RowSet>],
    ) -> SearchResponse {
        let mut head = SearchResponse::default();
        head.generation = generation.number;
        head.seq = generation.seq;
        head.exact = self.plans.iter().all(|p| p.strategy.is_exact());
        head.matching = wanted.iter().map(|rows| u64::from(rows.count())).sum();
        head.adapter = prepared.adapter;
        head.rerank = self.rerank;
        head.confident = self.confident;
        head.plan = prepared.request.explain.then_some(self.plans);
        head
    }
}

impl Source<'_> {
    fn prepare<'r>(&self, request: &'r SearchRequest, time: Deadline) -> Result<Prepared<'r>> {
        time.check()?;
        let bound = bind(request, &self.schema.catalog())?;
        self.handed(request)?;
        let mut vector = query_vector(self.schema, self.embedder, request, &bound)?;
        let mut adapter = None;
        if let (Some(vector), Some(adapters)) = (&mut vector, self.adapters) {
            let field = bound.query_field.as_deref().unwrap_or_default();
            adapter = adapters.load().apply(request, field, vector)?;
        }
        let tokens = query_tokens(self.schema, self.embedder, request, &bound)?;
        Ok(Prepared { adapter, tokens, ..Prepared::new(request, bound, vector, time) })
    }

    /// Live rows that a request's filter admits, per segment.
    fn wanted(&self, prepared: &Prepared<'_>) -> Result<Vec<Arc<RowSet>>> {
        let filter = &prepared.request.filter;
        wanted_rows(self.generation, self.schema, filter, prepared.time)
    }

    /// The live row with this id.
    fn find(&self, id: &str) -> Result<Option<Place>> {
        for (place, live) in (0u32..).zip(&self.generation.segments) {
            let row = live.segment.documents.row_of(id)?;
            if let Some(row) = row.filter(|&row| live.alive.contains(row)) {
                return Ok(Some((place, row)));
            }
        }
        Ok(None)
    }

    /// Ranks the rows of one request.
    fn rank_one(&self, prepared: &Prepared<'_>, wanted: &[Arc<RowSet>]) -> Result<Ranking> {
        let found = match prepared.vector_leg() {
            Some((leg, vector)) => {
                let how = (&prepared.request.params, prepared.time);
                self.vector_leg(leg, &[vector], how, wanted)?.pop()
            }
            None => None,
        };
        self.rank(prepared, found.unwrap_or_default(), wanted)
    }

    /// Answers requests that are alike.
    fn answer_task(&self, task: &[Prepared<'_>]) -> Result<Vec<SearchResponse>> {
        let Some(first) = task.first() else {
            return Ok(Vec::new());
        };
        // What is done for all of them has the time of the one that has least.
        let time = task.iter().fold(first.time, |time, p| time.earlier(p.time));
        let wanted = wanted_rows(self.generation, self.schema, &first.request.filter, time)?;
        let found = match first.vector_leg() {
            None => vec![Found::default(); task.len()],
            Some((leg, _)) => {
                let vectors = task.iter().filter_map(|p| Some(p.vector_leg()?.1));
                let vectors: Vec<&[f32]> = vectors.collect();
                self.vector_leg(leg, &vectors, (&first.request.params, time), &wanted)?
            }
        };
        let answers = task.iter().zip(found);
        answers.map(|(p, found)| self.answer(p, self.rank(p, found, &wanted)?, &wanted)).collect()
    }

    fn vector_leg(
        &self,
        leg: &BoundLeg,
        vectors: &[&[f32]],
        (params, time): (&Params, Deadline),
        wanted: &[Arc<RowSet>],
    ) -> Result<Vec<Found>> {
        let field = leg.vector_field.as_deref().unwrap_or_default();
        let asked = Asked { field, vectors, window: leg.window, params, time };
        vector::search(self.generation, &asked, wanted)
    }

    /// Ranks the rows of a request whose vector leg has been run.
    fn rank(
        &self,
        prepared: &Prepared<'_>,
        mut found: Found,
        wanted: &[Arc<RowSet>],
    ) -> Result<Ranking> {
        let (generation, schema) = (self.generation, self.schema);
        let Prepared { request, bound, time, .. } = prepared;
        let mut text_query = None;
        let (mut legs, mut more) = (Vec::with_capacity(bound.legs.len()), false);
        for leg in &bound.legs {
            let hits = match leg.kind {
                Leg::Text => {
                    let query = text_query.insert(text::query(generation, schema, request)?);
                    text::search(generation, query, wanted, leg.window, *time)?
                }
                Leg::Vector => std::mem::take(&mut found.hits),
            };
            more |= hits.len() >= leg.window;
            legs.push(LegHits { leg: leg.kind, weight: leg.weight, hits });
        }
        let confident = request.floor.and_then(|floor| {
            let leg = legs.iter().find(|leg| leg.leg == floor.leg)?;
            Some(leg.hits.first().is_some_and(|(_, score)| *score >= floor.score))
        });
        time.check()?;
        let fused = fuse(&legs, &request.fusion, |a, b| gather::by_id(generation, *a, *b));
        time.check()?;
        let (start, plans) = (Instant::now(), found.plans);
        let (list, rerank) = self.rerank(prepared, fused)?;
        let rerank_took = start.elapsed();
        time.check()?;
        Ok(Ranking { list, rerank, rerank_took, confident, text_query, plans, more })
    }

    /// Reads the documents of a request's page.
    fn answer(
        &self,
        prepared: &Prepared<'_>,
        mut ranking: Ranking,
        wanted: &[Arc<RowSet>],
    ) -> Result<SearchResponse> {
        let request = prepared.request;
        let facets = self.facets(request, wanted, prepared.time)?;
        let (mut hits, mut groups) = (Vec::new(), None);
        if let Some(by) = &request.group_by {
            let (made, last) = self.groups(prepared, by, ranking, wanted)?;
            (groups, ranking) = (Some(made), last);
        } else {
            let page = ranking.page(request);
            hits = self.read(request, ranking.text_query.as_ref(), page, prepared.time)?;
        }
        let mut answer = ranking.into_head(self.generation, prepared, wanted);
        (answer.hits, answer.groups, answer.facets) = (hits, groups, facets);
        Ok(answer)
    }

    /// Reads the documents of ranked rows.
    fn read(
        &self,
        request: &SearchRequest,
        query: Option<&TextQuery>,
        rows: impl Iterator<Item = Ranked<Place>>,
        time: Deadline,
    ) -> Result<Vec<Hit>> {
        let read = |row| {
            time.check()?;
            hit(self.generation, self.schema, request, query, row)
        };
        rows.map(read).collect()
    }
}

/// The query vector: given, or made from the text. `None` when the model has nothing to say about
/// the text; the vector leg is empty then.
fn query_vector(
    schema: &Schema,
    embedder: Option<&dyn Embedder>,
    request: &SearchRequest,
    bound: &BoundRequest,
) -> Result<Option<Vec<f32>>> {
    let Some(name) = bound.query_field.as_deref() else {
        return Ok(None);
    };
    if let Some(vector) = &request.vector {
        let field = schema.vectors.iter().find(|f| f.name == name);
        if let Some(fault) = field.and_then(|f| vector_fault(f, vector)) {
            return Err(Error::invalid("query vector", fault));
        }
        return Ok(Some(vector.clone()));
    }
    if let Some(record) = schema.embedder.as_ref().filter(|r| r.field != name) {
        return Err(Error::invalid(
            "vector_field",
            format!("text is embedded for field {:?} only; give a vector for others", record.field),
        ));
    }
    let Some(model) = embedder else {
        return Err(no_model("give a vector, or ask for the text leg only"));
    };
    let text = request.text.as_deref().unwrap_or_default();
    let vector = model.embed_query(text)?;
    if let Some(vector) = &vector {
        check_embedded(schema, model, vector)?;
    }
    Ok(vector)
}

/// The query's token vectors where the model is to make them: the first [`MAX_QUERY_TOKENS`], none when it
/// has nothing to say about the text.
fn query_tokens(
    schema: &Schema,
    embedder: Option<&dyn Embedder>,
    request: &SearchRequest,
    bound: &BoundRequest,
) -> Result<Option<Vec<Vec<f32>>>> {
    let asked = request.rerank.as_ref().is_some_and(|rerank| rerank.method.embeds_tokens());
    let field = schema.tokens.iter().find(|f| Some(&f.name) == bound.token_field.as_ref());
    let Some(field) = field.filter(|_| asked) else {
        return Ok(None);
    };
    let Some(model) = embedder else {
        return Err(no_model("give \"query_tokens\", or leave late interaction out"));
    };
    let text = request.text.as_deref().unwrap_or_default();
    let mut list = token_lists(model, model.embed_query_tokens(text)?)?;
    list.truncate(MAX_QUERY_TOKENS);
    if !list.is_empty() {
        check_tokens(model, field, &list)?;
    }
    Ok(Some(list))
}

fn no_model(instead: &str) -> Error {
    Error::Embedder(format!(
        "the text has to be embedded and no model was handed in; hand it in, {instead}"
    ))
}

/// Live rows the filter admits, per segment.
fn wanted_rows(
    generation: &Generation,
    schema: &Schema,
    filter: &Filter,
    time: Deadline,
) -> Result<Vec<Arc<RowSet>>> {
    let matching = |live: &LiveSegment| {
        time.check()?;
        live.matching(schema, filter)
    };
    generation.segments.iter().map(matching).collect()
}

fn hit(
    generation: &Generation,
    schema: &Schema,
    request: &SearchRequest,
    text_query: Option<&TextQuery>,
    ranked: Ranked<Place>,
) -> Result<Hit> {
    let score = ranked.score();
    let Ranked { fused, reranked } = ranked;
    let (segment, row) = fused.key;
    let live = generation.segment(segment)?;
    let mut ledger = Ledger::new(score, fused.contributions);
    ledger.rerank = reranked;
    // Terms of a row that the text leg did not bring are no part of its score.
    let from_text = ledger.contributions.iter().any(|c| c.leg == Leg::Text);
    if let (true, true, Some(query)) = (request.explain, from_text, text_query) {
        ledger.terms = query.explain(&live.segment.text, row)?;
    }
    let documents = &live.segment.documents;
    let highlight = request.highlight.as_ref().filter(|_| from_text).zip(text_query);
    let (id, text, payload) = if request.with_text || request.with_payload || highlight.is_some() {
        let Document { id, text, payload, .. } = documents.document(schema, row)?;
        (id, text, Some(payload).filter(|_| request.with_payload))
    } else {
        (documents.id(row)?.to_owned(), BTreeMap::new(), None)
    };
    let highlight = highlight.map(|(how, query)| text::passages(schema, query, &text, how));
    let text = Some(text).filter(|_| request.with_text);
    let mut hit = Hit::new(id, ledger);
    (hit.text, hit.highlight, hit.payload) = (text, highlight, payload);
    Ok(hit)
}
