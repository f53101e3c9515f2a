//! The tool that searches: the request that its arguments mean, and hits with passages.

use std::time::Instant;

use lexivec::query::limits::{DEFAULT_LIMIT, DEFAULT_RRF_K, DEFAULT_VECTOR_SHARE};
use lexivec::query::request::{Fusion, Highlight, Syntax, Typos};
use lexivec::{SearchRequest, SearchResponse};
use serde::Serialize;
use serde_json::Value;

use super::Tools;
use super::answers::{Found, Hit, Passage};
use super::arguments::{FusionName, Search};
use super::cut::{Room, beginning, payload};
use crate::error::{ApiResult, Problem};
use crate::limits::{
    MAX_TOOL_HITS, MAX_TOOL_PASSAGE_CHARS, MAX_TOOL_PASSAGES, SEARCH_DEADLINE, TOOL_PASSAGE_CHARS,
};
use crate::state::Turn;
use crate::wire::within;

/// The passages that a call asks for.
#[derive(Clone, Copy)]
struct Passages {
    /// Of each text.
    count: usize,
    /// Characters of each.
    chars: usize,
}

impl Tools {
    pub(super) async fn search(&self, asked: Search) -> ApiResult<Found> {
        let (name, own, since) = (asked.collection.clone(), self.clone(), Instant::now());
        let passages = Passages {
            count: asked.passages.unwrap_or(1),
            chars: asked.passage_chars.unwrap_or(TOOL_PASSAGE_CHARS),
        };
        let mut request = request(asked, passages)?;
        let (lane, rows) = (name.clone(), request.limit);
        let search = move || {
            let collection = own.open(&name)?;
            let left = SEARCH_DEADLINE.saturating_sub(since.elapsed());
            request.deadline_ms = u64::try_from(left.as_millis()).ok();
            let answer = collection.searcher(own.state.budget(left))?.search(&request)?;
            found(answer, passages, request.explain)
        };
        self.state.admission.take_rows(&self.caller, rows)?;
        self.state.found(Turn::of(&self.caller, &lane), search).await
    }
}

/// The request that the arguments mean.
fn request(asked: Search, passages: Passages) -> ApiResult<SearchRequest> {
    if asked.text.is_none() && asked.vector.is_none() {
        return Err(Problem::bad_request("give text, vector, or both"));
    }
    let mut request = SearchRequest::default();
    request.limit = asked.limit.unwrap_or(DEFAULT_LIMIT);
    within("hits", request.limit, MAX_TOOL_HITS)?;
    within("passages", passages.count, MAX_TOOL_PASSAGES)?;
    within("passage_chars", passages.chars, MAX_TOOL_PASSAGE_CHARS)?;
    request.fusion = fusion(asked.fusion, asked.vector_share)?;
    request.text = asked.text;
    request.vector = asked.vector;
    request.filter = asked.filter.unwrap_or_default();
    request.offset = asked.offset.unwrap_or(0);
    request.mode = asked.mode.unwrap_or_default();
    request.profile = asked.profile;
    if asked.query_string {
        request.syntax = Syntax::QueryString;
    }
    if asked.typos {
        request.typos = Typos::Auto;
    }
    request.explain = asked.explain;
    request.with_text = passages.count > 0;
    request.highlight = (passages.count > 0)
        .then_some(Highlight { max_chars: passages.chars, snippets: passages.count });
    Ok(request)
}

fn fusion(name: Option<FusionName>, share: Option<f64>) -> ApiResult<Option<Fusion>> {
    let scores = |share: Option<f64>| Fusion::scores(share.unwrap_or(DEFAULT_VECTOR_SHARE));
    match (name, share) {
        (None, None) => Ok(None),
        (None | Some(FusionName::Scores), share) => Ok(Some(scores(share))),
        (Some(FusionName::Rrf), None) => Ok(Some(Fusion::rrf(DEFAULT_RRF_K))),
        (Some(FusionName::Dbsf), None) => Ok(Some(Fusion::dbsf())),
        (Some(_), Some(_)) => Err(Problem::bad_request(
            "vector_share is a setting of the fusion \"scores\"; leave out one of both",
        )),
    }
}

/// The answer as an agent reads it, as far as there is space for its hits.
fn found(answer: SearchResponse, passages: Passages, explain: bool) -> ApiResult<Found> {
    let mut room = Room::new();
    let mut found = Found {
        hits: Vec::new(),
        matching: answer.matching,
        exact: answer.exact,
        confident: answer.confident,
        did_you_mean: answer.did_you_mean,
        notices: answer.notices,
        plan: answer.plan.as_ref().map(json).transpose()?,
    };
    if let Some(cut) = answer.text_cut {
        let notice = format!("of the text the first {} bytes were searched for", cut.used_bytes);
        found.notices.push(notice);
    }
    room.takes(&found, usize::MAX);
    let all = answer.hits.len();
    for hit in answer.hits {
        let hit = shown(hit, passages, explain)?;
        if !room.takes(&hit, usize::MAX) {
            break;
        }
        found.hits.push(hit);
    }
    let left_out = all - found.hits.len();
    if left_out > 0 {
        found.notices.push(format!(
            "the answer has no space for {left_out} of {all} hits; search again with offset {}, or with a lower limit, \
             fewer or shorter passages, or without explain",
            found.hits.len()
        ));
    }
    Ok(found)
}

fn shown(hit: lexivec::Hit, wanted: Passages, explain: bool) -> ApiResult<Hit> {
    let ledger = explain.then(|| json(&hit.ledger)).transpose()?;
    let passages = passages(&hit, wanted);
    let payload = hit.payload.filter(|payload| !payload.is_empty()).and_then(payload);
    Ok(Hit { id: hit.id, score: hit.score, passages, payload, ledger })
}

/// The best passages of each text, or its beginning if the words of the search did not find it.
fn passages(hit: &lexivec::Hit, wanted: Passages) -> Vec<Passage> {
    let mut list: Vec<Passage> = Vec::new();
    for (field, text) in hit.text.iter().flatten() {
        let found = hit.highlight.as_ref().and_then(|fields| fields.get(field));
        let found = found.map(Vec::as_slice).unwrap_or_default();
        if found.is_empty() && wanted.count > 0 && !text.is_empty() {
            let text = beginning(text, wanted.chars);
            list.push(Passage { field: field.clone(), text });
        }
        for pieces in found.chunk_by(|a, b| a.snippet == b.snippet) {
            let text = pieces.iter().map(|piece| piece.text.as_str()).collect();
            list.push(Passage { field: field.clone(), text });
        }
    }
    list
}

fn json<T: Serialize>(value: &T) -> ApiResult<Value> {
    serde_json::to_value(value).map_err(|error| Problem::bad_request(error.to_string()))
}
