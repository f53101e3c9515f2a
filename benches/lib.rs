//! Items shared by the benchmarks: the data set, and processor time.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use npyz::NpyFile;
use npyz::half::f16;
use rustix::time::{ClockId, clock_gettime};

/// Texts, their vectors, queries and the exact answers.
pub struct DataSet {
    /// One text a row.
    pub texts: Vec<String>,
    /// `rows x dim` floats, row-major, of unit length.
    pub vectors: Vec<f32>,
    /// Components of a vector.
    pub dim: usize,
    /// Query texts.
    pub query_texts: Vec<String>,
    /// `queries x dim` floats, row-major.
    pub queries: Vec<f32>,
    /// Rows of each query's exact neighbours, closest first, and their number for each query.
    pub truth: (Vec<i64>, usize),
}

impl DataSet {
    /// Reads `docs.json`, `x.f16.npy`, `queries.json`, `q.npy` and `gt.npy` from a folder.
    ///
    /// # Errors
    /// When a file is missing or not of that form.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let npy = |name: &str| NpyFile::new(BufReader::new(File::open(folder.join(name))?));
        let text = |name: &str| -> io::Result<Vec<String>> {
            let file = BufReader::new(File::open(folder.join(name))?);
            serde_json::from_reader(file).map_err(io::Error::other)
        };
        let width = |shape: &[u64]| shape.get(1).copied().unwrap_or(1) as usize;
        let vectors = npy("x.f16.npy")?;
        let dim = width(vectors.shape());
        let halves: Vec<f16> = vectors.into_vec()?;
        let mut vectors: Vec<f32> = halves.into_iter().map(f16::to_f32).collect();
        for row in vectors.chunks_mut(dim) {
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.iter_mut().for_each(|x| *x /= norm);
        }
        let truth = npy("gt.npy")?;
        let each = width(truth.shape());
        // 4-byte rows in some sets, 8-byte in others.
        let truth = match truth.into_vec::<i64>() {
            Ok(rows) => rows,
            Err(_) => npy("gt.npy")?.into_vec::<i32>()?.into_iter().map(i64::from).collect(),
        };
        Ok(Self {
            texts: text("docs.json")?,
            vectors,
            dim,
            query_texts: text("queries.json")?,
            queries: npy("q.npy")?.into_vec()?,
            truth: (truth, each),
        })
    }

    /// Share of the exact `k` nearest that an answer has, over all queries.
    pub fn recall(&self, answers: &[Vec<usize>], k: usize) -> f64 {
        let (truth, each) = (&self.truth.0, self.truth.1);
        let hits: usize = answers
            .iter()
            .zip(truth.chunks(each))
            .map(|(found, exact)| {
                let near = exact.iter().take(k);
                near.filter(|&&row| found.iter().take(k).any(|&f| f as i64 == row)).count()
            })
            .sum();
        hits as f64 / (answers.len() * k) as f64
    }
}

/// The data set and the directory of the collection that a bench called `name DATA INDEX` was given.
///
/// # Errors
/// When an argument is missing, and those of [`DataSet::read`].
pub fn data_and_index(name: &str) -> io::Result<(DataSet, PathBuf)> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(data), Some(index)) = (args.next(), args.next()) else {
        return Err(io::Error::other(format!("usage: {name} DATA INDEX")));
    };
    Ok((DataSet::read(&data)?, index))
}

/// Seconds this process has spent on processors, over all threads.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
