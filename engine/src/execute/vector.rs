//! The vector leg over all segments: each is scanned or walked, as the planner says.

use lexivec_query::plan::{SegmentFacts, SegmentPlan, Strategy};
use lexivec_query::planner::plan_vector;
use lexivec_query::request::Params;
use lexivec_query::topk::descending;

use super::{Place, gather};
use crate::collection::Generation;
use crate::error::Result;
use crate::segment::{RowSet, Segment};
use crate::vector::{hnsw, scan};

/// The question to the vector leg.
pub(super) struct Asked<'a> {
    pub(super) field: &'a str,
    pub(super) vector: &'a [f32],
    pub(super) window: usize,
}

/// The `window` closest wanted rows, best first; adds each segment's plan to `plans`.
pub(super) fn search(
    generation: &Generation,
    asked: &Asked<'_>,
    params: &Params,
    wanted: &[RowSet],
    plans: &mut Vec<SegmentPlan>,
) -> Result<Vec<(Place, f64)>> {
    let mut hits = Vec::new();
    for ((place, live), rows) in (0u32..).zip(&generation.segments).zip(wanted) {
        let segment = &live.segment;
        let Some(vectors) = segment.vectors(asked.field) else {
            continue;
        };
        let mut rows = rows.clone();
        rows.intersect(&vectors.store.present);
        let facts = SegmentFacts {
            rows: vectors.store.present.count(),
            live: live.alive.count(),
            matching: rows.count(),
            has_graph: vectors.graph.is_some(),
            degree: vectors.graph.as_ref().map_or(0, |g| g.degree() as u32),
        };
        let mut plan = plan_vector(&facts, asked.window, params);
        let found = run(segment, asked, &rows, &mut plan)?;
        plans.push(plan);
        hits.extend(found.into_iter().map(|(row, score)| ((place, row), score)));
    }
    Ok(gather::merge(generation, hits, asked.window))
}

fn run(
    segment: &Segment,
    asked: &Asked<'_>,
    rows: &RowSet,
    plan: &mut SegmentPlan,
) -> Result<Vec<(u32, f64)>> {
    let Some(vectors) = segment.vectors(asked.field) else {
        return Ok(Vec::new());
    };
    let rank = |row| segment.documents.rank(row);
    let ef = match (plan.strategy.clone(), &vectors.graph) {
        (Strategy::Empty, _) => return Ok(Vec::new()),
        (Strategy::Graph { ef } | Strategy::FilteredGraph { ef }, Some(graph)) => {
            Some((graph, ef.max(asked.window)))
        }
        _ => None,
    };
    if let Some((graph, ef)) = ef {
        let near = hnsw::search(graph, &vectors.store, asked.vector, rows, ef)?;
        if near.len() >= asked.window.min(rows.count() as usize) {
            let mut ranked = near
                .into_iter()
                .map(|n| Ok((f64::from(n.score), rank(n.row)?, n.row)))
                .collect::<Result<Vec<_>>>()?;
            ranked.sort_unstable_by(|a, b| descending(a.0, b.0).then(a.1.cmp(&b.1)));
            ranked.truncate(asked.window);
            return Ok(ranked.into_iter().map(|(score, _, row)| (row, score)).collect());
        }
        // The walk ended before it met as many rows as there are: no hit may be missing.
        plan.strategy = Strategy::Exact;
    }
    scan(&vectors.store, asked.vector, rows, asked.window, rank)
}
