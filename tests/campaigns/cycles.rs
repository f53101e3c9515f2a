//! Cycles of deleting, writing and compacting: recall and space stay those of a fresh build.

use lexivec::{Collection, Document, Metric, OpenOptions, Options, SearchRequest};

use super::Outcome;
use crate::Random;

/// Recall@10 that may be lost against a fresh build.
const MARGIN: f64 = 0.005;
/// Times the bytes of a fresh build that may be taken.
const GROWTH: f64 = 1.2;
const QUERIES: usize = 100;

/// The vectors rows are made of.
pub struct Source {
    /// Row after row.
    pub vectors: Vec<Vec<f32>>,
    /// Not among the rows.
    pub queries: Vec<Vec<f32>>,
}

impl Source {
    /// Points around random centres, where no real vectors are at hand.
    pub fn clustered(rows: usize, dim: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let centres: Vec<Vec<f32>> = (0..rows / 50 + 1).map(|_| random.vector(dim)).collect();
        let mut point = || {
            let centre = &centres[random.below(centres.len())];
            centre.iter().map(|x| x + 0.35 * random.unit()).collect()
        };
        let vectors = (0..rows).map(|_| point()).collect();
        Self { vectors, queries: (0..QUERIES).map(|_| point()).collect() }
    }
}

/// Rows are the vectors of the source in turns: a fifth goes and comes as others in each cycle. Without
/// `compact` nothing is merged by request, which a run has to notice.
pub fn run(cycles: usize, source: &Source, seed: u64, compact: bool) -> Outcome {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    cycle(cycles, source, seed, compact, scratch.path()).map_err(|e| e.to_string())?
}

fn cycle(
    cycles: usize,
    source: &Source,
    seed: u64,
    compact: bool,
    scratch: &std::path::Path,
) -> lexivec::Result<Outcome> {
    let dim = source.vectors.first().map_or(1, Vec::len);
    let make = |name: &str| {
        let open = OpenOptions::new().background(false);
        let options = Options::new().vector(dim, Metric::Cosine).graph_min_rows(1_000).open(open);
        Collection::create(scratch.join(name), options)
    };
    let mut random = Random(seed);
    let all = source.vectors.len();
    let kept = all * 4 / 5;
    let row = |i: usize| {
        let text = format!("row {} of {}", i, i % 97);
        Document::new(format!("d{i}")).text(text).vector(source.vectors[i].clone())
    };
    let mut live: Vec<usize> = (0..kept).collect();
    let mut free: Vec<usize> = (kept..all).collect();
    let collection = make("cycled")?;
    collection.upsert(live.iter().map(|&i| row(i)))?;
    for _ in 0..cycles {
        let mut deleted = Vec::new();
        for _ in 0..free.len() {
            deleted.push(live.swap_remove(random.below(live.len())));
        }
        collection.delete(&deleted.iter().map(|i| format!("d{i}")).collect::<Vec<_>>())?;
        collection.upsert(free.iter().map(|&i| row(i)))?;
        live.append(&mut free);
        free = deleted;
        if !compact {
            continue;
        }
        let report = collection.compact(lexivec::CompactOptions::new())?;
        if let Some(refused) = report.merges.iter().find(|m| !m.published) {
            return Ok(Err(format!("the gate refused a merge: {refused:?}")));
        }
    }
    let fresh = make("fresh")?;
    fresh.upsert(live.iter().map(|&i| row(i)))?;
    fresh.compact(lexivec::CompactOptions::new())?;
    let (old, new) = (recall(&fresh, source)?, recall(&collection, source)?);
    let bytes = (disk_bytes(scratch, "fresh"), disk_bytes(scratch, "cycled"));
    let growth = bytes.1 as f64 / bytes.0 as f64;
    let report = format!(
        "{cycles} cycles over {kept} rows of {dim}: recall@10 {new:.4}, of a fresh build {old:.4}; \
         {} bytes on disk, {growth:.3} times those of a fresh build",
        bytes.1
    );
    let fine = new >= old - MARGIN && growth <= GROWTH;
    Ok(if fine { Ok(report) } else { Err(report) })
}

fn recall(collection: &Collection, source: &Source) -> lexivec::Result<f64> {
    let (mut found, mut all) = (0, 0);
    for query in &source.queries {
        let request = SearchRequest::vector(query.clone()).limit(10);
        let exact = collection.search(&request.clone().exact())?;
        let near = collection.search(&request.ef(64))?;
        let ids: Vec<&String> = near.hits.iter().map(|h| &h.id).collect();
        found += exact.hits.iter().filter(|h| ids.contains(&&h.id)).count();
        all += exact.hits.len();
    }
    Ok(found as f64 / all as f64)
}

/// Bytes of all files of a collection, the reserve left out, which both have.
fn disk_bytes(scratch: &std::path::Path, name: &str) -> u64 {
    let entries = std::fs::read_dir(scratch.join(name)).into_iter().flatten().flatten();
    let counted = entries.filter(|e| e.file_name() != "RESERVE");
    counted.filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum()
}
