//! Filling an answer: documents are read for the rows of a request's page.

use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec_query::SearchRequest;
use lexivec_query::answer::{Hit, SearchResponse};
use lexivec_query::explain::Ledger;
use lexivec_query::request::{AdapterChoice, Leg};
use lexivec_query::rerank::Ranked;

use super::prepare::Prepared;
use super::ranking::Ranking;
use super::{Searcher, text};
use crate::deadline::Deadline;
use crate::document::Document;
use crate::error::Result;
use crate::generation::DocAddress;
use crate::rows::RowSet;
use crate::text::TextQuery;
use crate::trace::SearchStage;

/// Notice of an answer whose query vector was used as it is.
const WITHOUT_ADAPTER: &str = "the query adapters cannot be read, so that none was applied; `lexivec verify` names the damage";

impl Searcher {
    /// Reads the documents of a request's page.
    pub(super) fn answer(
        &self,
        prepared: &Prepared<'_>,
        mut ranking: Ranking,
        wanted: &[Arc<RowSet>],
    ) -> Result<SearchResponse> {
        let _stage = self.budget.stage(SearchStage::Read);
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
        let whole = |text: &&str| request.text.as_deref() == Some(*text);
        let text = request.used_text().filter(whole).filter(|_| ranking.unmatched);
        let instead = text.map(|text| self.did_you_mean(text, wanted, prepared.time));
        let instead = instead.transpose()?.flatten();
        let mut answer = ranking.into_head(&self.generation, prepared, wanted);
        (answer.hits, answer.groups, answer.facets) = (hits, groups, facets);
        if answer.matching == 0 {
            answer.notices = self.unlike_bounds(&request.filter, prepared.time)?;
        }
        let wants_adapter = prepared.vector.is_some() && request.adapter == AdapterChoice::Active;
        if wants_adapter && self.adapters.fault().is_some() {
            answer.notices.push(WITHOUT_ADAPTER.to_owned());
        }
        answer.did_you_mean = instead;
        Ok(answer)
    }

    /// Reads the documents of ranked rows.
    pub(super) fn read(
        &self,
        request: &SearchRequest,
        query: Option<&TextQuery>,
        rows: impl Iterator<Item = Ranked<DocAddress>>,
        time: Deadline,
    ) -> Result<Vec<Hit>> {
        let read = |row| {
            time.check()?;
            self.hit(request, query, row, time)
        };
        rows.map(read).collect()
    }

    fn hit(
        &self,
        request: &SearchRequest,
        text_query: Option<&TextQuery>,
        ranked: Ranked<DocAddress>,
        time: Deadline,
    ) -> Result<Hit> {
        let score = ranked.score();
        let Ranked { fused, reranked } = ranked;
        let DocAddress { segment, row } = fused.key;
        let live = self.generation.segment(segment)?;
        let mut ledger = Ledger::new(score, fused.contributions);
        ledger.rerank = reranked;
        // If the text leg does not match a row, its terms are not part of its score.
        let from_text = ledger.contributions.iter().any(|c| c.leg == Leg::Text && c.rank.is_some());
        if let (true, true, Some(query)) = (request.explain, from_text, text_query) {
            ledger.terms = query.explain(live.segment.text(), row, time)?;
        }
        let budget = &self.budget;
        let documents = &live.segment.documents;
        let highlight = request.highlight.as_ref().filter(|_| from_text).zip(text_query);
        let (id, text, payload) =
            if request.with_text || request.with_payload || highlight.is_some() {
                let Document { id, text, payload, .. } = documents.document(&self.schema, row)?;
                (id, text, Some(payload).filter(|_| request.with_payload))
            } else {
                (documents.id(row)?.to_owned(), BTreeMap::new(), None)
            };
        let highlight = highlight
            .map(|(how, query)| text::passages(&self.schema, query, &text, how, time))
            .transpose()?;
        let text = Some(text).filter(|_| request.with_text);
        budget.charge_hit(&id, &ledger)?;
        budget.charge_texts(text.iter().flat_map(BTreeMap::values))?;
        budget.charge_texts(highlight.iter().flatten().flat_map(|(_, p)| p).map(|p| &p.text))?;
        payload.as_ref().map_or(Ok(()), |payload| budget.charge_payload(payload))?;
        let mut hit = Hit::new(id, ledger);
        (hit.text, hit.highlight, hit.payload) = (text, highlight, payload);
        Ok(hit)
    }
}
