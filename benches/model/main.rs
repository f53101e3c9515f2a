//! Speed of local models: `model-bench embed|rerank MODEL TEXTS PRECISION BATCH [VECTORS]`.
//!
//! `TEXTS` is a file of one JSON string a line; they are embedded `BATCH` at once, or as many documents are
//! scored for the first of them. `PRECISION` is float or int8. Prints texts a second, of the clock and of
//! processor time, and the median of a batch; writes the vectors as an .npy file if one is named.
//! `RAYON_NUM_THREADS` says how many threads there are.
#![allow(clippy::print_stdout)] // its output is its purpose

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

use lexivec::model::{CrossEncoder, Embedder, Precision, TransformerEmbedder};
use lexivec_benches::cpu_seconds;
use npyz::WriterBuilder;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [verb, model, texts, precision, batch, rest @ ..] = args.as_slice() else {
        return Err("model-bench embed|rerank MODEL TEXTS float|int8 BATCH [VECTORS]".into());
    };
    let precision = match precision.as_str() {
        "float" => Precision::Float,
        "int8" => Precision::Int8,
        other => return Err(format!("precision {other:?}; use float or int8").into()),
    };
    let texts = BufReader::new(File::open(texts)?).lines();
    let texts: Vec<String> =
        texts.map(|line| Ok(serde_json::from_str(&line?)?)).collect::<Result<_, Failure>>()?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let batches = texts.chunks(batch.parse::<usize>()?.max(1));
    match verb.as_str() {
        "embed" => {
            let model = TransformerEmbedder::open(model, precision)?;
            let mut vectors: Vec<f32> = Vec::new();
            time(texts.len(), batches, |batch| {
                for vector in model.embed(batch)? {
                    vectors.extend(vector.unwrap_or_else(|| vec![0.0; model.dim()]));
                }
                Ok(())
            })?;
            match rest {
                [] => Ok(()),
                [file, ..] => write(Path::new(file), &vectors, model.dim()),
            }
        }
        "rerank" => {
            let model = CrossEncoder::open(model, precision)?;
            let query = texts.first().copied().unwrap_or_default();
            time(texts.len(), batches, |batch| Ok(model.scores(query, batch).map(drop)?))
        }
        other => Err(format!("{other:?}; use embed or rerank").into()),
    }
}

fn time<'a>(
    count: usize,
    batches: impl Iterator<Item = &'a [&'a str]>,
    mut work: impl FnMut(&[&'a str]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut each = Vec::new();
    for batch in batches {
        let begun = Instant::now();
        work(batch)?;
        each.push(begun.elapsed().as_secs_f64());
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    each.sort_by(f64::total_cmp);
    let median = each.get(each.len() / 2).copied().unwrap_or(0.0);
    println!(
        "{:.1} texts/s, {:.1} per CPU-second, median of a batch {:.2} ms",
        count as f64 / seconds,
        count as f64 / cpu,
        median * 1e3
    );
    Ok(())
}

fn write(path: &Path, vectors: &[f32], dim: usize) -> Result<(), Failure> {
    let shape = [(vectors.len() / dim) as u64, dim as u64];
    let mut out = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&shape)
        .writer(File::create(path)?)
        .begin_nd()?;
    out.extend(vectors.iter().copied())?;
    Ok(out.finish()?)
}
