//! The vector leg over all segments: each is scanned or walked, as the planner says.

use lexivec_query::plan::{SegmentFacts, SegmentPlan, Strategy};
use lexivec_query::planner::plan_vector;
use lexivec_query::request::Params;

use super::{Place, gather};
use crate::collection::Generation;
use crate::error::Result;
use crate::segment::{RowSet, Segment, Vectors};
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
            has_codes: vectors.codes.is_some(),
            has_graph: vectors.graph.is_some(),
            degree: vectors.graph.as_ref().map_or(0, |g| g.degree() as u32),
            vector_bytes: vectors.store.dim as u32 * 4,
            code_bytes: vectors.codes.as_ref().map_or(0, |c| c.row_bytes() as u32),
        };
        let mut plan = plan_vector(&facts, asked.window, params);
        let found = run(segment, vectors, asked, &rows, &mut plan)?;
        plans.push(plan);
        hits.extend(found.into_iter().map(|(row, score)| ((place, row), score)));
    }
    Ok(gather::merge(generation, hits, asked.window))
}

fn run(
    segment: &Segment,
    vectors: &Vectors,
    asked: &Asked<'_>,
    rows: &RowSet,
    plan: &mut SegmentPlan,
) -> Result<Vec<(u32, f64)>> {
    let rank = |row| segment.documents.rank(row);
    let (store, window) = (&vectors.store, asked.window);
    let query = store.query(asked.vector);
    let enough = window.min(rows.count() as usize);
    let codes = match (&plan.strategy, &vectors.codes) {
        (Strategy::Empty, _) => return Ok(Vec::new()),
        (Strategy::Exact, _) | (_, None) => return scan(&query, rows.iter(), window, rank),
        (_, Some(codes)) => codes,
    };
    let near = codes.query(asked.vector, query.unit());
    let most = window + codes.spare(window);
    if let (Strategy::Graph { ef } | Strategy::FilteredGraph { ef }, Some(graph)) =
        (&plan.strategy, &vectors.graph)
    {
        let found = hnsw::search(graph, codes, &near, *ef)?;
        let wanted = found.into_iter().map(|n| n.row).filter(|&row| rows.contains(row));
        let best: Vec<u32> = wanted.take(most).collect();
        if best.len() >= enough {
            return scan(&query, best.into_iter(), window, rank);
        }
        // The walk did not meet as many rows as there are: no hit may be missing.
        plan.strategy = Strategy::Codes;
    }
    scan(&query, codes.scan(&near, rows, most)?.into_iter(), window, rank)
}
