//! Recall and speed of the legs on one data set: `search-bench DATA INDEX`.
//!
//! `DATA` is a folder as `DataSet::read` wants it; `INDEX` a directory for the collection, built if
//! it is not there. One thread; queries per second of processor time; medians of three rounds.
#![allow(clippy::print_stdout, clippy::print_stderr)] // its output is its purpose

use std::time::Instant;

use lexivec::query::request::Mode;
use lexivec::{Collection, Document, Metric, Options, SearchRequest};
use lexivec_benches::{DataSet, cpu_seconds, data_and_index};

const ROUNDS: usize = 3;
const K: usize = 10;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let (data, index) = data_and_index("search-bench")?;
    if !lexivec::storage::disk::is_collection(&index) {
        build(&data, &index)?;
    }
    let start = Instant::now();
    let collection = Collection::open_read_only(&index)?;
    let opened = start.elapsed();
    let first = SearchRequest::hybrid(&*data.query_texts[0], data.queries[..data.dim].to_vec());
    collection.search(&first)?;
    let (opened, first) = (opened.as_secs_f64() * 1e3, start.elapsed().as_secs_f64() * 1e3);
    println!("open {opened:.1} ms, first hybrid answer after {first:.1} ms");

    println!("| mode | ef | recall@{K} | q/s per CPU-second |\n|---|---|---|---|");
    for ef in [16, 32, 64, 96, 128, 192, 256, 400] {
        let (recall, speed) = measure(&data, &collection, Mode::Vector, Some(ef), false)?;
        println!("| vector | {ef} | {recall:.4} | {speed:.0} |");
    }
    let (recall, speed) = measure(&data, &collection, Mode::Vector, None, true)?;
    println!("| vector, exact | - | {recall:.4} | {speed:.0} |");
    let (_, speed) = measure(&data, &collection, Mode::Text, None, false)?;
    println!("| text | - | - | {speed:.0} |");
    let (_, speed) = measure(&data, &collection, Mode::Hybrid, Some(100), false)?;
    println!("| hybrid, 50 a leg | 100 | - | {speed:.0} |");
    Ok(())
}

fn build(data: &DataSet, index: &std::path::Path) -> Result<(), Failure> {
    let documents: Vec<Document> = data
        .texts
        .iter()
        .zip(data.vectors.chunks(data.dim))
        .enumerate()
        .map(|(i, (text, vector))| Document::new(i.to_string()).text(text).vector(vector.to_vec()))
        .collect();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let collection = Collection::create(index, Options::new().vector(data.dim, Metric::Cosine))?;
    collection.upsert(documents)?;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("build {wall:.1} s, {cpu:.1} CPU-seconds, {} bytes", collection.stats()?.bytes);
    Ok(())
}

/// Recall and the median speed of all queries.
fn measure(
    data: &DataSet,
    collection: &Collection,
    mode: Mode,
    ef: Option<usize>,
    exact: bool,
) -> Result<(f64, f64), Failure> {
    let mut speeds = Vec::new();
    let mut recall = 0.0;
    let rounds = if exact { 1 } else { ROUNDS };
    for _ in 0..rounds {
        let mut answers = Vec::with_capacity(data.query_texts.len());
        let cpu = cpu_seconds();
        for (text, vector) in data.query_texts.iter().zip(data.queries.chunks(data.dim)) {
            let mut request = SearchRequest::hybrid(text, vector.to_vec()).mode(mode).limit(K);
            if mode == Mode::Hybrid {
                request = request.candidates(50);
            }
            request.params.ef = ef;
            request.params.exact = exact;
            request.with_payload = false;
            let hits = collection.search(&request)?.hits;
            answers.push(hits.iter().filter_map(|h| h.id.parse().ok()).collect());
        }
        speeds.push(answers.len() as f64 / (cpu_seconds() - cpu));
        recall = data.recall(&answers, K);
    }
    speeds.sort_by(f64::total_cmp);
    Ok((recall, speeds[rounds / 2]))
}
