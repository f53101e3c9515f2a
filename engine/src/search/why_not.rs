//! Explanation of a missing row: the request is run, and the row is searched for after each stage.

use lexivec_query::SearchRequest;
use lexivec_query::bind::BoundLeg;
use lexivec_query::filter::Filter;
use lexivec_query::fusion::Contribution;
use lexivec_query::request::{Leg, Syntax};
use lexivec_query::topk::descending;
use lexivec_query::why_not::{LegOutcome, LegReport, Verdict, WhyNot, failing_clause, judge};

use super::ranking::Ranking;
use super::{Searcher, merge, text};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::generation::DocAddress;

impl Searcher {
    /// Finds the stage of a request that dropped a row, or its rank in the answer: the collection, the
    /// filter and its clause, the legs with the row's rank in each (counted exactly), the reranker, the
    /// threshold, or the end of the page. It costs a search and a scan.
    ///
    /// # Errors
    /// As [`search`](Self::search); and where the request asks for groups.
    pub fn why_not(&self, request: &SearchRequest, id: &str) -> Result<WhyNot> {
        let request = &*self.resolve(request)?;
        let report = |verdict, legs| Ok(WhyNot { id: id.to_owned(), verdict, legs });
        if request.group_by.is_some() {
            return Err(Error::invalid(
                "group_by",
                "why_not explains hits, not groups; leave the groups out",
            ));
        }
        let prepared = self.prepare(request, Deadline::of(request))?;
        let Some(address) = self.find(id)? else {
            return report(Verdict::NotInCollection, Vec::new());
        };
        let (segment, row) = (address.segment as usize, address.row);
        let wanted = self.matching(&request.filter, prepared.time)?;
        if !wanted.get(segment).is_some_and(|rows| rows.contains(row)) {
            let live = self.generation.segments.get(segment);
            let mut admits = |clause: &Filter| match live {
                Some(live) => Ok(live.matching(&self.schema, clause)?.contains(row)),
                None => Ok::<bool, Error>(false),
            };
            let clause = failing_clause(&request.filter, &mut admits)?.unwrap_or(&request.filter);
            return report(Verdict::Filtered { clause: clause.to_text() }, Vec::new());
        }
        let ranking = self.rank_rows(&prepared, &wanted)?;
        let found = ranking.list.iter().enumerate().find(|(_, ranked)| ranked.fused.key == address);
        let contributions = found.map_or(&[][..], |(_, ranked)| &ranked.fused.contributions);
        let (syntax, time) = (request.syntax, prepared.time);
        let looked =
            RowTrace { searcher: self, address, wanted: &wanted, ranking: &ranking, syntax, time };
        let mut legs = Vec::with_capacity(prepared.bound.legs.len());
        for leg in &prepared.bound.legs {
            let part = contributions.iter().find(|c| c.leg == leg.kind);
            let outcome = looked.in_leg(leg, part, prepared.vector.as_deref())?;
            legs.push(LegReport { leg: leg.kind, window: leg.window, outcome });
        }
        let verdict = judge(request, &legs, found, ranking.threshold(request));
        report(verdict, legs)
    }
}

/// The row to explain.
struct RowTrace<'a> {
    searcher: &'a Searcher,
    address: DocAddress,
    wanted: &'a [std::sync::Arc<crate::rows::RowSet>],
    ranking: &'a Ranking,
    syntax: Syntax,
    time: Deadline,
}

/// The reason that the text leg does not match a row.
fn no_words(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::Words => "it has no term of the query",
        Syntax::QueryString => {
            "it matches no clause of the query, lacks a required clause, or has what it excludes"
        }
    }
}

impl RowTrace<'_> {
    /// Its outcome in a leg: its contribution, or its exact rank.
    fn in_leg(
        &self,
        leg: &BoundLeg,
        part: Option<&Contribution>,
        vector: Option<&[f32]>,
    ) -> Result<LegOutcome> {
        if let Some(part) = part {
            return Ok(LegOutcome::Found { rank: part.rank, score: part.score });
        }
        let (counted, absent) = match leg.kind {
            Leg::Text => (self.by_words(leg)?, no_words(self.syntax).to_owned()),
            Leg::Vector => {
                let field = leg.vector_field.as_deref().unwrap_or_default();
                match vector {
                    Some(vector) => (
                        self.by_vector(field, vector)?,
                        format!("it has no vector in field {field:?}"),
                    ),
                    None => (None, "the model has nothing to say about the words".to_owned()),
                }
            }
        };
        Ok(match counted {
            Some((rank, score)) if rank <= leg.window => LegOutcome::Missed { rank, score },
            Some((rank, score)) => LegOutcome::Outside { rank, score },
            None => LegOutcome::Absent { why: absent },
        })
    }

    /// Its rank among all rows that the text leg matches, and its score.
    fn by_words(&self, leg: &BoundLeg) -> Result<Option<(usize, f64)>> {
        let Some(query) = &self.ranking.text_query else { return Ok(None) };
        let rows: usize = self.wanted.iter().map(|rows| rows.count() as usize).sum();
        let window = rows.max(leg.window);
        let hits = text::search(&self.searcher.generation, query, self.wanted, window, self.time)?;
        let found = hits.iter().position(|(address, _)| *address == self.address);
        Ok(found.and_then(|i| Some((i + 1, hits.get(i)?.1))))
    }

    /// Its rank among all rows that have a vector in this field, and its score.
    fn by_vector(&self, field: &str, vector: &[f32]) -> Result<Option<(usize, f64)>> {
        let generation = &*self.searcher.generation;
        let segments = (0u32..).zip(&generation.segments).zip(self.wanted);
        let stores = segments.filter_map(|((segment, live), rows)| {
            Some((segment, &live.segment.vectors(field)?.store, rows))
        });
        let own = stores.clone().find(|(segment, store, _)| {
            *segment == self.address.segment && store.present.contains(self.address.row)
        });
        let Some((_, store, _)) = own else { return Ok(None) };
        let query = store.query(vector);
        let own = f64::from(query.similarity(&query.stored(self.address.row)?));
        let mut rank = 1;
        for (segment, store, rows) in stores {
            self.time.check()?;
            let query = store.query(vector);
            for row in rows.iter().filter(|&row| store.present.contains(row)) {
                let score = f64::from(query.similarity(&query.stored(row)?));
                let other = DocAddress::new(segment, row);
                let order = descending(score, own)
                    .then_with(|| merge::by_id(generation, other, self.address));
                rank += usize::from(order.is_lt());
            }
        }
        Ok(Some((rank, own)))
    }
}
