//! One writer and several reader processes for a while: no reader meets an error, and each answer is
//! of one moment.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lexivec::{
    Collection, CompactOptions, Document, Filter, Metric, OpenOptions, Options, SearchRequest,
};
use serde_json::{Value, json};

use super::Outcome;
use crate::Random;

/// Reader processes.
const READERS: usize = 8;
/// Rows of the collection; all of them are rewritten in each round.
const ROWS: usize = 24;

/// Lets the writer write for this long while readers read. `reader` starts a program that serves a
/// reader by [`read`]. With `halves` each round is two writes, which a run has to notice.
pub fn run(seconds: u64, seed: u64, halves: bool, reader: impl Fn(&Path) -> Command) -> Outcome {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let dir = scratch.path().join("index");
    let open = OpenOptions::new().flush_rows(200).log_file_bytes(64 << 10);
    let options = Options::new().vector(4, Metric::L2).graph_min_rows(100).open(open);
    let collection = Collection::create(&dir, options).map_err(|e| e.to_string())?;
    round(&collection, 0, false)?;
    let children: Vec<_> = (0..READERS)
        .map(|_| reader(&dir).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn())
        .collect::<Result<_, _>>()
        .map_err(|e| e.to_string())?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut random, mut rounds, mut compactions) = (Random(seed), 0u64, 0);
    let mut failed = None;
    while Instant::now() < end && failed.is_none() {
        rounds += 1;
        failed = round(&collection, rounds, halves).err();
        match random.below(100) {
            0 => {
                compactions += 1;
                failed = failed.or(compact(&collection).err());
            }
            1..=4 => failed = failed.or(collection.flush().err().map(|e| e.to_string())),
            _ => {}
        }
    }
    // A reader ends when its input does.
    let (mut answers, mut refreshes) = (0, 0);
    for mut child in children {
        drop(child.stdin.take());
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if let Some(error) = report["error"].as_str() {
            failed.get_or_insert(format!("a reader: {error}"));
        } else if !output.status.success() {
            failed.get_or_insert(format!("a reader ended with {}", output.status));
        }
        answers += report["answers"].as_u64().unwrap_or(0);
        refreshes += report["refreshes"].as_u64().unwrap_or(0);
    }
    if let Some(failed) = failed {
        return Err(format!("seed {seed}, round {rounds}: {failed}"));
    }
    drop(collection);
    let report = Collection::verify(&dir, lexivec::VerifyLevel::Full).map_err(|e| e.to_string())?;
    if !report.is_sound() {
        return Err(format!("{:?}", report.problems));
    }
    Ok(format!(
        "{seconds} s, 1 writer, {READERS} readers: {rounds} rounds of {ROWS} rows, {compactions} \
         compactions, {answers} answers after {refreshes} newer generations, no error, none mixed"
    ))
}

/// Writes all rows with one number: an answer with two numbers is of two moments.
fn round(collection: &Collection, number: u64, halves: bool) -> Result<(), String> {
    let row = |i: usize| {
        Document::new(format!("d{i}"))
            .text(format!("wing {}", number % 7))
            .vector(vec![i as f32, 1.0, 2.0, 3.0])
            .payload("round", number)
    };
    let middle = if halves { ROWS / 2 } else { 0 };
    for part in [0..middle, middle..ROWS] {
        collection.upsert(part.map(row)).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn compact(collection: &Collection) -> Result<(), String> {
    match collection.compact(CompactOptions::new()) {
        // The background thread was at it.
        Err(e) if e.to_string().contains("under way") => Ok(()),
        done => done.map(drop).map_err(|e| e.to_string()),
    }
}

/// A reader: looks until its input ends, and prints what it saw.
pub fn read(dir: &Path) -> Value {
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
        let _ = sender.send(());
    });
    let (mut answers, mut refreshes, mut last) = (0u64, 0u64, 0u64);
    let mut reader = None;
    while ended.try_recv().is_err() {
        // Reopened now and then, and refreshed otherwise.
        if answers % 400 == 0 {
            reader = None;
        }
        match look(dir, &mut reader, &mut last) {
            Ok(newer) => refreshes += u64::from(newer),
            Err(error) => return json!({ "error": error }),
        }
        answers += 1;
    }
    json!({ "answers": answers, "refreshes": refreshes })
}

fn look(dir: &Path, reader: &mut Option<Collection>, last: &mut u64) -> Result<bool, String> {
    let fail = |e: lexivec::Error| e.to_string();
    let newer = match reader {
        Some(open) => open.refresh().map_err(fail)?,
        None => {
            *reader = Some(Collection::open_read_only(dir).map_err(fail)?);
            true
        }
    };
    let Some(open) = reader else { return Ok(newer) };
    let round = |payload: &Option<serde_json::Map<String, Value>>| {
        payload.as_ref().and_then(|p| p.get("round")).and_then(Value::as_u64)
    };
    for request in [
        SearchRequest::text("wing").limit(100),
        SearchRequest::vector(vec![3.0, 1.0, 2.0, 3.0]).limit(100),
        SearchRequest::hybrid("wing", vec![3.0, 1.0, 2.0, 3.0]).limit(100),
    ] {
        let answer = open.search(&request).map_err(fail)?;
        let rounds: Vec<_> = answer.hits.iter().map(|h| round(&h.payload)).collect();
        if rounds.len() != ROWS || rounds.iter().any(|r| *r != rounds[0]) {
            return Err(format!("an answer of several moments: {rounds:?}"));
        }
        let now = rounds[0].unwrap_or(0);
        if now < *last {
            return Err(format!("round {now} after round {last}"));
        }
        *last = now;
    }
    let count = open.count(&Filter::All).map_err(fail)?;
    if count != ROWS as u64 { Err(format!("{count} rows")) } else { Ok(newer) }
}
