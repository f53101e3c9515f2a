//! hnsw_rs compared with our graph: `lexivec-compare DATA`. Same vectors, same M and ef_construction, one
//! run, rounds in turn; one query thread; queries per second of processor time, medians.

use std::path::PathBuf;

use hnsw_rs::prelude::{DistDot, Hnsw};
use lexivec::query::request::Mode;
use lexivec::{Collection, Document, Metric, Options, SearchRequest};
use lexivec_benches::{DataSet, cpu_seconds};

const M: usize = 16;
const EF_CONSTRUCTION: usize = 200;
const K: usize = 10;
const ROUNDS: usize = 3;

type Failure = Box<dyn std::error::Error>;
type Search<'a> = Box<dyn Fn(&[f32], usize) -> Vec<usize> + 'a>;

fn main() -> Result<(), Failure> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err("usage: lexivec-compare DATA".into());
    };
    let data = DataSet::read(&folder)?;
    let rows: Vec<Vec<f32>> = data.vectors.chunks(data.dim).map(<[f32]>::to_vec).collect();

    let before = cpu_seconds();
    let ours = Collection::in_memory(Options::new().vector(data.dim, Metric::Dot))?;
    let document = |(i, row): (usize, &Vec<f32>)| Document::new(i.to_string()).vector(row.clone());
    ours.upsert(rows.iter().enumerate().map(document))?;
    println!("lexivec: build {:.1} CPU-seconds", cpu_seconds() - before);

    let before = cpu_seconds();
    let theirs = Hnsw::<f32, DistDot>::new(M, rows.len(), 16, EF_CONSTRUCTION, DistDot {});
    let points: Vec<(&Vec<f32>, usize)> = rows.iter().zip(0..).collect();
    theirs.parallel_insert(&points);
    println!("hnsw_rs: build {:.1} CPU-seconds", cpu_seconds() - before);

    let engines: [(&str, Search<'_>); 2] = [
        (
            "lexivec",
            Box::new(|query, ef| {
                let request =
                    SearchRequest::vector(query.to_vec()).mode(Mode::Vector).limit(K).ef(ef);
                let hits = ours.search(&request).map(|a| a.hits).unwrap_or_default();
                hits.iter().filter_map(|h| h.id.parse().ok()).collect()
            }),
        ),
        (
            "hnsw_rs",
            Box::new(|query, ef| theirs.search(query, K, ef).into_iter().map(|n| n.d_id).collect()),
        ),
    ];
    println!("| engine | ef | recall@{K} | q/s per CPU-second |\n|---|---|---|---|");
    for ef in [32, 64, 128, 256] {
        let mut speeds = [const { Vec::new() }; 2];
        let mut recalls = [0.0; 2];
        for _ in 0..ROUNDS {
            for (i, (_, search)) in engines.iter().enumerate() {
                let before = cpu_seconds();
                let answers: Vec<Vec<usize>> =
                    data.queries.chunks(data.dim).map(|query| search(query, ef)).collect();
                speeds[i].push(answers.len() as f64 / (cpu_seconds() - before));
                recalls[i] = data.recall(&answers, K);
            }
        }
        for (i, (name, _)) in engines.iter().enumerate() {
            speeds[i].sort_by(f64::total_cmp);
            println!("| {name} | {ef} | {:.4} | {:.0} |", recalls[i], speeds[i][ROUNDS / 2]);
        }
    }
    // Dropping their graph takes seconds, which are not measured.
    std::process::exit(0)
}
