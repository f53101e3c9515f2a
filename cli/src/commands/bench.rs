//! `bench`: speed and recall of searches, on the caller's queries.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use lexivec::query::request::{Mode, Params};
use lexivec::{Collection, Filter, SearchRequest};
use rustix::time::{ClockId, clock_gettime};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::open_with_model;
use crate::exit::{Failure, Outcome};
use crate::model::ModelArgs;
use crate::output;
use crate::target::Target;
use crate::values::one_of;
use lexivec_ingest::lines;
use lexivec_ingest::vectors::{read_numbers, read_vectors};

/// The ids of the right hits of each query, best first.
type Truth = Vec<Vec<String>>;

#[derive(Serialize)]
struct Report {
    settings: Vec<Setting>,
}

/// The figures of one setting, medians of the rounds. JSON has the recall under the name of its limit, as recall@50.
struct Setting {
    limit: usize,
    ef: Option<usize>,
    target_recall: Option<f64>,
    /// Share of the right hits found.
    recall: Option<f64>,
    /// Queries per second of processor time, that of all threads.
    qps: f64,
    /// Queries per second of wall-clock time.
    qps_wall: f64,
    /// Median of the milliseconds of a query.
    p50_ms: f64,
    /// 99th percentile of the milliseconds of a query.
    p99_ms: f64,
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(ef) = self.ef {
            map.serialize_entry("ef", &ef)?;
        }
        if let Some(target) = self.target_recall {
            map.serialize_entry("target_recall", &target)?;
        }
        if let Some(recall) = self.recall {
            map.serialize_entry(&format!("recall@{}", self.limit), &recall)?;
        }
        map.serialize_entry("qps", &self.qps)?;
        map.serialize_entry("qps_wall", &self.qps_wall)?;
        map.serialize_entry("p50_ms", &self.p50_ms)?;
        map.serialize_entry("p99_ms", &self.p99_ms)?;
        map.end()
    }
}

/// A query as a line of a file; other keys are ignored.
#[derive(Deserialize)]
struct Line {
    text: String,
}

/// One pass over all queries.
struct Round {
    answers: Vec<Vec<String>>,
    cpu: f64,
    wall: f64,
    /// Seconds each query took.
    took: Vec<f64>,
}

#[derive(clap::Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    target: Target,
    /// Vectors of the queries: an .npy file of float32 or float16, rows x components.
    #[arg(long, value_name = "NPY")]
    query_vectors: Option<PathBuf>,
    /// Texts of the queries: a file of one JSON object with a "text" a line.
    #[arg(long, value_name = "FILE")]
    query_text: Option<PathBuf>,
    /// Right hits, best first: an .npy file of integers that are ids, one row for each query. Without it, vector
    /// searches are compared with an exhaustive scan.
    #[arg(long, value_name = "NPY")]
    truth: Option<PathBuf>,
    /// Legs of the search: text is BM25, vector is similarity of vectors, hybrid is both.
    #[arg(long, value_parser = one_of(Mode::ALL, Mode::name), default_value = "vector")]
    mode: Mode,
    /// Beam widths in graphs, comma-separated; each is measured.
    #[arg(long, value_delimiter = ',')]
    ef: Vec<usize>,
    /// Shares of the exact hits that vector searches should find, comma-separated; each is measured.
    #[arg(long, value_delimiter = ',')]
    target_recall: Vec<f64>,
    /// Scan all vectors instead of searching graphs.
    #[arg(long)]
    exact: bool,
    /// Filter: "year >= 2020 AND lang IN ('en', 'de')", or as JSON {"year": {"$gte": 2020}}.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Number of hits.
    #[arg(long, short = 'k', default_value_t = 10)]
    limit: usize,
    /// Hits that each leg passes to the fusion.
    #[arg(long)]
    candidates: Option<usize>,
    /// Threads, each with a part of the queries.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Send all queries as one batch, which uses all processors.
    #[arg(long, conflicts_with = "threads")]
    batch: bool,
    /// Repetitions of all queries; figures are medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    model: ModelArgs,
}

pub(super) fn run(args: &Bench) -> Outcome<ExitCode> {
    let requests = requests(args)?;
    let embeds = args.query_vectors.is_none() && args.mode != Mode::Text;
    let collection = open_with_model(&args.target.dir, &args.model, embeds)?;
    let truth = truth(args, &collection, &requests)?;
    let base = Params { exact: args.exact, ..Params::default() };
    let widths = args.ef.iter().map(|&ef| Params { ef: Some(ef), ..base });
    let targets = args.target_recall.iter().map(|&t| Params { target_recall: Some(t), ..base });
    let mut settings: Vec<Params> = widths.chain(targets).collect();
    if settings.is_empty() {
        settings.push(base);
    }
    let mut rounds: Vec<Vec<Round>> = settings.iter().map(|_| Vec::new()).collect();
    // All settings in turn, so that other work of the machine slows all of them alike.
    for _ in 0..args.rounds.max(1) {
        for (params, rounds) in settings.iter().zip(&mut rounds) {
            let with = |request: &SearchRequest| {
                let mut request = request.clone();
                request.params = *params;
                request
            };
            let requests: Vec<SearchRequest> = requests.iter().map(with).collect();
            rounds.push(round(&collection, &requests, args)?);
        }
    }
    let settings = settings.iter().zip(rounds);
    let settings = settings.map(|(params, rounds)| summary(params, rounds, truth.as_ref(), args));
    let report = Report { settings: settings.collect() };
    if args.target.json {
        output::json(&report)?;
    } else {
        print(&report, args.limit)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn requests(args: &Bench) -> Outcome<Vec<SearchRequest>> {
    let mut requests: Vec<SearchRequest> = Vec::new();
    if let Some(npy) = &args.query_vectors {
        let (rows, dim) = read_vectors(npy)?;
        requests.extend(rows.chunks_exact(dim).map(|v| SearchRequest::vector(v.to_vec())));
    }
    if let Some(file) = &args.query_text {
        let texts: Vec<Line> = lines::read(file, r#"{"text": "some words"}"#)?.values;
        if requests.is_empty() {
            requests.resize(texts.len(), SearchRequest::default());
        }
        if texts.len() != requests.len() {
            let detail = format!("{} texts and {} vectors", texts.len(), requests.len());
            return Err(Failure::usage(format!("{detail}; one of each a query is expected")));
        }
        for (request, line) in requests.iter_mut().zip(texts) {
            request.text = Some(line.text);
        }
    }
    if requests.is_empty() {
        return Err(Failure::usage("there are no queries: give --query-vectors or --query-text"));
    }
    let filter = args.filter.as_deref().map(Filter::parse).transpose()?.unwrap_or_default();
    for request in &mut requests {
        request.mode = args.mode;
        request.limit = args.limit;
        request.filter = filter.clone();
        request.legs.iter_mut().for_each(|(_, leg)| leg.candidates = args.candidates);
        request.with_payload = false;
    }
    Ok(requests)
}

/// The right hits: given, or found by scanning where only vectors are asked.
fn truth(
    args: &Bench,
    collection: &Collection,
    requests: &[SearchRequest],
) -> Outcome<Option<Truth>> {
    if let Some(npy) = &args.truth {
        let (rows, width) = read_numbers(npy)?;
        if rows.len() / width < requests.len() || width < args.limit {
            return Err(Failure::new(format!(
                "{}: {} rows of {width}; one of at least {} for each of {} queries is expected",
                npy.display(),
                rows.len() / width,
                args.limit,
                requests.len()
            )));
        }
        let ids = |row: &[i64]| row.iter().take(args.limit).map(ToString::to_string).collect();
        return Ok(Some(rows.chunks_exact(width).map(ids).collect()));
    }
    if args.mode != Mode::Vector {
        return Ok(None);
    }
    let exact: Vec<SearchRequest> = requests.iter().cloned().map(SearchRequest::exact).collect();
    let answers = collection.search_many(&exact)?;
    Ok(Some(answers.into_iter().map(|a| a.hits.into_iter().map(|h| h.id).collect()).collect()))
}

fn round(collection: &Collection, requests: &[SearchRequest], args: &Bench) -> Outcome<Round> {
    let one = |request: &SearchRequest| -> Outcome<(Vec<String>, f64)> {
        let start = Instant::now();
        let hits = collection.search(request)?.hits;
        Ok((hits.into_iter().map(|hit| hit.id).collect(), start.elapsed().as_secs_f64()))
    };
    let share = requests.len().div_ceil(args.threads.max(1)).max(1);
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let parts: Vec<Outcome<Vec<_>>> = if args.batch {
        let answers = collection.search_many(requests)?;
        let each = start.elapsed().as_secs_f64() / requests.len() as f64;
        let ids = |hits: Vec<lexivec::Hit>| hits.into_iter().map(|hit| hit.id).collect();
        vec![Ok(answers.into_iter().map(|answer| (ids(answer.hits), each)).collect())]
    } else if args.threads <= 1 {
        vec![requests.iter().map(one).collect()]
    } else {
        std::thread::scope(|scope| {
            let parts = requests.chunks(share);
            let parts: Vec<_> =
                parts.map(|part| scope.spawn(|| part.iter().map(one).collect())).collect();
            let lost = || Err(Failure::new("a thread of the bench panicked"));
            parts.into_iter().map(|part| part.join().unwrap_or_else(|_| lost())).collect()
        })
    };
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let answered = parts.into_iter().collect::<Outcome<Vec<_>>>()?.concat();
    let (answers, took) = answered.into_iter().unzip();
    Ok(Round { answers, cpu, wall, took })
}

fn summary(params: &Params, rounds: Vec<Round>, truth: Option<&Truth>, args: &Bench) -> Setting {
    let median = |of: &dyn Fn(&Round) -> f64| quantile(rounds.iter().map(of).collect(), 0.5);
    let count = |round: &Round| round.answers.len() as f64;
    let recall = |truth: &Truth, answers: &[Vec<String>]| {
        let pairs = || truth.iter().zip(answers).map(|(right, found)| (&right[..], found));
        let limit = |right: &[String]| right.len().min(args.limit);
        let all: usize = pairs().map(|(right, _)| limit(right)).sum();
        let hits = |right: &[String], found: &Vec<String>| {
            right.iter().take(limit(right)).filter(|id| found.contains(id)).count()
        };
        let found: usize = pairs().map(|(right, found)| hits(right, found)).sum();
        if all == 0 { 1.0 } else { found as f64 / all as f64 }
    };
    Setting {
        limit: args.limit,
        ef: params.ef,
        target_recall: params.target_recall,
        recall: truth.zip(rounds.first()).map(|(truth, round)| recall(truth, &round.answers)),
        qps: median(&|round| count(round) / round.cpu),
        qps_wall: median(&|round| count(round) / round.wall),
        p50_ms: median(&|round| quantile(round.took.clone(), 0.5) * 1e3),
        p99_ms: median(&|round| quantile(round.took.clone(), 0.99) * 1e3),
    }
}

/// The quantile of the numbers at this share.
fn quantile(mut numbers: Vec<f64>, share: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let rank = (numbers.len() as f64 * share).ceil() as usize;
    numbers.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// Processor seconds of this process, of all threads.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn print(report: &Report, limit: usize) -> Outcome<()> {
    output::line(&format!(
        "{:>10} {:>10} {:>10} {:>10} {:>8} {:>8}",
        "setting",
        format!("recall@{limit}"),
        "q/CPU-s",
        "q/s",
        "p50 ms",
        "p99 ms"
    ))?;
    for s in &report.settings {
        let setting = match (s.ef, s.target_recall) {
            (Some(ef), _) => format!("ef {ef}"),
            (_, Some(target)) => format!("{target}"),
            _ => "default".to_owned(),
        };
        let recall = s.recall.map_or_else(|| "-".to_owned(), |r| format!("{r:.4}"));
        output::line(&format!(
            "{setting:>10} {recall:>10} {:>10.0} {:>10.0} {:>8.3} {:>8.3}",
            s.qps, s.qps_wall, s.p50_ms, s.p99_ms
        ))?;
    }
    Ok(())
}
