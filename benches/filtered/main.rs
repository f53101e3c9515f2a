//! Recall and speed of the vector leg under filters: `filtered-bench DATA INDEX`.
//!
//! `DATA` is a folder as `DataSet::read` wants it; `INDEX` a directory for the collection, built if it is
//! not there. Filters admit rows picked at random, the rows closest to the query, or those farthest from
//! it; from one row in ten thousand to all. The judge is the exact scan under the same filter. One thread;
//! queries per second of processor time.
#![allow(clippy::print_stdout, clippy::print_stderr)] // its output is its purpose

use std::collections::BTreeMap;
use std::path::Path;

use lexivec::{Collection, Document, Filter, Metric, Options, SearchRequest};
use lexivec_benches::{DataSet, cpu_seconds, data_and_index};
use serde_json::json;

const K: usize = 10;
const SHARES: [f64; 6] = [0.0001, 0.001, 0.01, 0.1, 0.5, 1.0];
/// Queries by whose distances the rows are ranked for filters that depend on the query.
const ANCHORS: usize = 25;
/// Queries searched for each of them: those most similar to it.
const NEAR_ANCHOR: usize = 20;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let (data, index) = data_and_index("filtered-bench")?;
    if !lexivec::storage::disk::is_collection(&index) {
        build(&data, &index)?;
    }
    let collection = Collection::open_read_only(&index)?;
    let rows = data.texts.len();
    println!("| rows admitted | share | recall@{K} | hits missing | q/s per CPU-second | ways |");
    println!("|---|---|---|---|---|---|");
    for kind in ["at random", "closest to the query", "farthest from it"] {
        for share in SHARES {
            let most = (share * rows as f64).round() as usize;
            let filter = |anchor: usize| match kind {
                "at random" => json!({ "random": { "$lt": most } }),
                "closest to the query" => json!({ format!("rank{anchor}"): { "$lt": most } }),
                _ => json!({ format!("rank{anchor}"): { "$gte": rows - most } }),
            };
            let mut requests = Vec::new();
            for anchor in 0..ANCHORS {
                let filter = Filter::from_json(&filter(anchor))?;
                for query in closest(&data.queries, data.dim, anchor, NEAR_ANCHOR) {
                    let mut request = SearchRequest::vector(vector(&data.queries, data.dim, query))
                        .limit(K)
                        .filter(filter.clone());
                    request.with_payload = false;
                    requests.push(request);
                }
            }
            println!("| {kind} | {share} | {} |", measure(&collection, &requests)?);
        }
    }
    Ok(())
}

fn vector(of: &[f32], dim: usize, place: usize) -> Vec<f32> {
    of[place * dim..(place + 1) * dim].to_vec()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The indices of the vectors closest to one of them, itself first.
fn closest(vectors: &[f32], dim: usize, anchor: usize, count: usize) -> Vec<usize> {
    let mut ranked = ranked(vectors, dim, &vector(vectors, dim, anchor));
    ranked.truncate(count);
    ranked
}

/// Indices of all vectors, closest first.
fn ranked(vectors: &[f32], dim: usize, query: &[f32]) -> Vec<usize> {
    let mut scored: Vec<(f32, usize)> =
        vectors.chunks(dim).zip(0..).map(|(row, place)| (dot(row, query), place)).collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().map(|(_, place)| place).collect()
}

fn build(data: &DataSet, index: &Path) -> Result<(), Failure> {
    let rows = data.texts.len();
    let mut payloads = vec![serde_json::Map::new(); rows];
    for anchor in 0..ANCHORS {
        let query = vector(&data.queries, data.dim, anchor);
        for (rank, row) in ranked(&data.vectors, data.dim, &query).into_iter().enumerate() {
            payloads[row].insert(format!("rank{anchor}"), rank.into());
        }
    }
    // A permutation that has nothing to do with the vectors: a step that shares no factor with `rows`.
    let step = (rows * 5 / 8..).find(|step| common_factor(*step, rows) == 1).unwrap_or(1);
    for (row, payload) in payloads.iter_mut().enumerate() {
        payload.insert("random".to_owned(), (row * step % rows).into());
    }
    let documents = data.vectors.chunks(data.dim).zip(payloads).zip(0..);
    let documents: Vec<Document> = documents
        .map(|((vector, payload), row)| {
            let mut document = Document::new(row.to_string()).vector(vector.to_vec());
            document.payload = payload;
            document
        })
        .collect();
    Collection::create(index, Options::new().vector(data.dim, Metric::Cosine))?
        .upsert(documents)?;
    Ok(())
}

fn common_factor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_factor(b, a % b) }
}

/// Recall, missing hits, speed, and the number of times each strategy was used.
fn measure(collection: &Collection, requests: &[SearchRequest]) -> Result<String, Failure> {
    let ids = |request: &SearchRequest| -> Result<Vec<String>, Failure> {
        Ok(collection.search(request)?.hits.into_iter().map(|hit| hit.id).collect())
    };
    let exact: Vec<Vec<String>> = requests
        .iter()
        .map(|request| ids(&request.clone().exact()))
        .collect::<Result<_, Failure>>()?;
    let start = cpu_seconds();
    let found: Vec<Vec<String>> = requests.iter().map(ids).collect::<Result<_, Failure>>()?;
    let speed = requests.len() as f64 / (cpu_seconds() - start);
    let mut ways = BTreeMap::new();
    for request in requests {
        let plan = collection.search(&request.clone().explain())?.plan.unwrap_or_default();
        for segment in plan {
            let way = serde_json::to_value(&segment.strategy)?;
            let name = match &way {
                serde_json::Value::Object(named) => named.keys().next().cloned(),
                other => other.as_str().map(ToOwned::to_owned),
            };
            *ways.entry(name.unwrap_or_default()).or_insert(0usize) += 1;
        }
    }
    let wanted: usize = exact.iter().map(Vec::len).sum();
    let missing = wanted - found.iter().map(Vec::len).sum::<usize>();
    let both = exact.iter().zip(&found);
    let right: usize =
        both.map(|(exact, found)| exact.iter().filter(|id| found.contains(id)).count()).sum();
    let recall = right as f64 / wanted as f64;
    let ways: Vec<String> = ways.iter().map(|(way, count)| format!("{way} {count}")).collect();
    Ok(format!("{recall:.4} | {missing} | {speed:.0} | {}", ways.join(", ")))
}
