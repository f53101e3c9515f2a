//! Explanation of a missing row: the request is run, and the row is searched for after each stage.

use lexivec_query::SearchRequest;
use lexivec_query::bind::BoundLeg;
use lexivec_query::filter::Filter;
use lexivec_query::fusion::Contribution;
use lexivec_query::why_not::{LegOutcome, LegReport, Verdict, WhyNot, failing_clause, judge};

use super::leg::RowTrace;
use super::{Searcher, leg_table};
use crate::deadline::Deadline;
use crate::error::{Error, Result};

impl Searcher {
    /// Finds the stage of a request that dropped a row, or its rank in the answer: the collection, the
    /// filter and its clause, the legs with the row's rank in each (counted exactly), the reranker, the
    /// threshold, or the end of the page. It costs a search and a scan.
    ///
    /// # Errors
    /// As [`search`](Self::search); and where the request asks for groups.
    pub fn why_not(&self, request: &SearchRequest, id: &str) -> Result<WhyNot> {
        let request = &*self.resolve(request)?;
        self.whole(|| self.trace(request, id))
    }

    /// The stage that dropped a row, of a request that names no profile.
    fn trace(&self, request: &SearchRequest, id: &str) -> Result<WhyNot> {
        let report = |verdict, legs| {
            Ok(WhyNot { id: id.to_owned(), verdict, legs, text_cut: request.text_cut() })
        };
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
        let trace = RowTrace { searcher: self, prepared: &prepared, address, matching: &wanted };
        let mut legs = Vec::with_capacity(prepared.bound.legs.len());
        for leg in &prepared.bound.legs {
            let part = contributions.iter().find(|c| c.leg == leg.kind);
            let outcome = in_leg(&trace, leg, part)?;
            legs.push(LegReport { leg: leg.kind, window: leg.window, outcome });
        }
        let verdict = judge(request, &legs, found, ranking.threshold(request));
        report(verdict, legs)
    }
}

/// The outcome of one leg for the row: the rank it contributed with, or the rank it is counted at.
fn in_leg(trace: &RowTrace<'_>, leg: &BoundLeg, part: Option<&Contribution>) -> Result<LegOutcome> {
    // A completed score says nothing about where the leg itself would have brought the row.
    if let Some((part, rank)) =
        part.filter(|p| p.completed.is_none()).and_then(|p| Some((p, p.rank?)))
    {
        return Ok(LegOutcome::Found { rank, score: part.score });
    }
    let search = leg_table::of(leg.kind);
    Ok(match search.locate(trace, leg)? {
        Some((rank, score)) if rank <= leg.window => LegOutcome::Missed { rank, score },
        Some((rank, score)) => LegOutcome::Outside { rank, score },
        None => LegOutcome::Absent { why: search.absent(trace, leg) },
    })
}
