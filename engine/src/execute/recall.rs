//! Recall of graphs, measured against the exact scan on vectors of the rows themselves.

use lexivec_query::planner::DEFAULT_EF;

use crate::error::Result;
use crate::segment::{RowSet, Segment};
use crate::vector::{hnsw, scan};

/// Hits compared: ten, and the row that asks.
const DEPTH: usize = 11;

/// Segments that are searched together, each with its live rows.
pub(crate) type Searched<'a> = [(&'a Segment, &'a RowSet)];

/// Recall@10 of two ways to hold the same rows, for up to `queries` of their vectors. A hit counts if
/// it is no farther than the last of the exact ones.
pub(crate) fn measure_recall(
    before: &Searched<'_>,
    after: &Searched<'_>,
    field: &str,
    queries: usize,
    seed: u64,
) -> Result<(f64, f64)> {
    let (mut asked, mut old, mut new) = (0usize, 0usize, 0usize);
    for &(segment, alive) in after {
        let Some(vectors) = segment.vectors(field) else { continue };
        let mut rows = alive.clone();
        rows.intersect(&vectors.store.present);
        let step = (rows.count() as usize / queries.max(1)).max(1);
        for row in rows.iter().skip(seed as usize % step).step_by(step).take(queries) {
            let query = vectors.store.vector(row)?;
            let exact = scores(after, field, query, true)?;
            let Some(&least) = exact.last() else { continue };
            let close = |found: Vec<f64>| found.iter().filter(|&&score| score >= least).count();
            old += close(scores(before, field, query, false)?).min(exact.len());
            new += close(scores(after, field, query, false)?).min(exact.len());
            asked += exact.len();
        }
    }
    let share = |found: usize| if asked == 0 { 1.0 } else { found as f64 / asked as f64 };
    Ok((share(old), share(new)))
}

/// Scores of the closest live rows of all segments, best first.
fn scores(segments: &Searched<'_>, field: &str, query: &[f32], exact: bool) -> Result<Vec<f64>> {
    let mut found = Vec::new();
    for &(segment, alive) in segments {
        let Some(vectors) = segment.vectors(field) else { continue };
        let mut rows = alive.clone();
        rows.intersect(&vectors.store.present);
        let query = vectors.store.query(query);
        let walked = match (&vectors.graph, &vectors.codes) {
            (Some(graph), Some(codes)) if !exact => {
                let near = codes.query(query.vector(), query.unit());
                let found = hnsw::search(graph, codes, &near, DEFAULT_EF)?;
                let wanted = found.into_iter().map(|n| n.row).filter(|&row| rows.contains(row));
                Some(wanted.take(DEPTH + codes.spare(DEPTH)).collect::<Vec<u32>>())
            }
            _ => None,
        };
        let rank = |row| segment.documents.rank(row);
        let near = match walked {
            Some(best) => scan(&query, best.into_iter(), DEPTH, rank)?,
            None => scan(&query, rows.iter(), DEPTH, rank)?,
        };
        found.extend(near.into_iter().map(|(_, score)| score));
    }
    found.sort_unstable_by(|a, b| b.total_cmp(a));
    found.truncate(DEPTH);
    Ok(found)
}
