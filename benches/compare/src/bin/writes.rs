//! Acknowledged writes a second, next to SQLite doing the same rows in the same run: batches of one
//! and of a thousand, with vectors and without; and searches while single rows are written.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // it is a command

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lexivec::{Collection, Document, Metric, OpenOptions, Options, SearchRequest};
use rusqlite::{Connection, params};

type Failure = Box<dyn std::error::Error>;

const DIM: usize = 384;
/// Rounds, in each of which both write in turn; the median counts.
const ROUNDS: usize = 7;
/// Rows of a round, written one by one, and in batches.
const SINGLE_ROWS: usize = 1_000;
const BATCHED_ROWS: usize = 8_000;
const BATCH: usize = 1_000;

/// Rows that both databases write.
struct Rows {
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

fn rows(count: usize) -> Rows {
    // Few words are in most rows, most words in few.
    let words: Vec<String> = (0..5_000).map(|n| format!("word{n}")).collect();
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let text = |next: &mut dyn FnMut() -> u64| {
        let skewed = |n: u64| (n % 5_000) * (n / 5_000 % 5_000) / 5_000;
        let chosen: Vec<&str> =
            (0..40).map(|_| words[skewed(next()) as usize].as_str()).collect();
        chosen.join(" ")
    };
    let texts = (0..count).map(|_| text(&mut next)).collect();
    let mut vector = || (0..DIM).map(|_| (next() % 2_000) as f32 / 1_000.0 - 1.0).collect();
    let vectors = (0..count).map(|_| vector()).collect();
    Rows { texts, vectors }
}

/// Rows a second of one round; keys begin at `first`.
trait Store {
    fn write(&mut self, rows: &Rows, first: usize, batch: usize, vectors: bool) -> Result<f64, Failure>;
}

struct Sqlite(Connection);

impl Sqlite {
    fn open(path: &Path) -> Result<Self, Failure> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.execute(
            "create table rows (id text primary key, body text, vector blob) without rowid",
            [],
        )?;
        Ok(Self(connection))
    }
}

impl Store for Sqlite {
    fn write(&mut self, rows: &Rows, first: usize, batch: usize, vectors: bool) -> Result<f64, Failure> {
        let start = Instant::now();
        for (chunk, texts) in rows.texts.chunks(batch).enumerate() {
            let transaction = self.0.transaction()?;
            {
                let mut insert = transaction
                    .prepare_cached("insert or replace into rows values (?, ?, ?)")?;
                for (i, text) in texts.iter().enumerate() {
                    let place = chunk * batch + i;
                    let vector: Option<Vec<u8>> = vectors.then(|| {
                        rows.vectors[place].iter().flat_map(|x| x.to_le_bytes()).collect()
                    });
                    insert.execute(params![format!("d{}", first + place), text, vector])?;
                }
            }
            transaction.commit()?;
        }
        Ok(rows.texts.len() as f64 / start.elapsed().as_secs_f64())
    }
}

struct Ours(Collection);

impl Store for Ours {
    fn write(&mut self, rows: &Rows, first: usize, batch: usize, vectors: bool) -> Result<f64, Failure> {
        let start = Instant::now();
        for (chunk, texts) in rows.texts.chunks(batch).enumerate() {
            let document = |(i, text): (usize, &String)| {
                let place = chunk * batch + i;
                let document =
                    Document::new(format!("d{}", first + place)).text(text.as_str());
                if vectors { document.vector(rows.vectors[place].clone()) } else { document }
            };
            let receipt = self.0.upsert(texts.iter().enumerate().map(document))?;
            assert!(receipt.durable, "it is acknowledged as durable");
        }
        Ok(rows.texts.len() as f64 / start.elapsed().as_secs_f64())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn ours(path: &Path) -> Result<Ours, Failure> {
    let options = Options::new().vector(DIM, Metric::Cosine).open(OpenOptions::new());
    Ok(Ours(Collection::create(path, options)?))
}

fn main() -> Result<(), Failure> {
    let scratch = tempfile::tempdir()?;
    println!("| batch | vectors | lexivec, rows/s | SQLite, rows/s | ratio | with its flush, rows/s |");
    println!("|---|---|---|---|---|---|");
    for (batch, count) in [(1, SINGLE_ROWS), (BATCH, BATCHED_ROWS)] {
        let rows = rows(count);
        for vectors in [false, true] {
            let (mut own, mut sqlite, mut flushed) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..ROUNDS {
                let place = scratch.path().join(format!("{batch}-{vectors}-{round}"));
                let mut peer = Sqlite::open(&place.with_extension("db"))?;
                let mut store = ours(&place)?;
                let first = round * count;
                let start = Instant::now();
                own.push(store.write(&rows, first, batch, vectors)?);
                store.0.flush()?;
                flushed.push(count as f64 / start.elapsed().as_secs_f64());
                sqlite.push(peer.write(&rows, first, batch, vectors)?);
            }
            let (own, sqlite, flushed) = (median(own), median(sqlite), median(flushed));
            println!(
                "| {batch} | {} | {own:.0} | {sqlite:.0} | {:.2} | {flushed:.0} |",
                if vectors { DIM.to_string() } else { "none".to_owned() },
                own / sqlite
            );
        }
    }
    searches_during_writes(scratch.path())
}

/// Hybrid searches a second on one thread, with and without a thousand single upserts a second.
fn searches_during_writes(scratch: &Path) -> Result<(), Failure> {
    const ROWS: usize = 20_000;
    const SECONDS: u64 = 8;
    let Ours(collection) = ours(&scratch.join("searched"))?;
    let rows = rows(ROWS);
    let document = |i: usize| {
        let place = i % ROWS;
        Document::new(format!("d{place}"))
            .text(rows.texts[place].as_str())
            .vector(rows.vectors[place].clone())
    };
    collection.upsert((0..ROWS).map(document))?;
    let search = |seconds: u64| -> Result<(f64, f64, usize), Failure> {
        let (start, mut took, mut most) = (Instant::now(), Vec::new(), 0);
        while start.elapsed() < Duration::from_secs(seconds) {
            let vector = rows.vectors[took.len() * 37 % ROWS].clone();
            let begun = Instant::now();
            collection.search(&SearchRequest::hybrid("word30 word700", vector))?;
            took.push(begun.elapsed().as_secs_f64());
            if took.len() % 64 == 0 {
                most = most.max(collection.stats()?.segments.len());
            }
        }
        took.sort_by(f64::total_cmp);
        let rate = took.len() as f64 / start.elapsed().as_secs_f64();
        Ok((rate, took[took.len() * 99 / 100] * 1e3, most))
    };
    let (quiet, quiet_p99, _) = search(SECONDS)?;
    let (done, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let (busy, busy_p99, most) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            while !done.load(Ordering::Relaxed) {
                let n = written.load(Ordering::Relaxed);
                if start.elapsed().as_millis() as u64 >= n
                    && collection.upsert(vec![document(n as usize * 7)]).is_ok()
                {
                    written.fetch_add(1, Ordering::Relaxed);
                }
                // To write at that pace and not faster.
                let ahead = (n + 1).saturating_sub(start.elapsed().as_millis() as u64);
                std::thread::sleep(Duration::from_millis(ahead));
            }
        });
        let searched = search(SECONDS);
        done.store(true, Ordering::Relaxed);
        searched
    })?;
    println!();
    println!(
        "{ROWS} rows of {DIM}, hybrid, one thread: {quiet:.0} searches/s (p99 {quiet_p99:.1} ms); with {} \
         single durable upserts/s at the same time as {busy:.0} searches/s (p99 {busy_p99:.1} ms), at most {most} \
         segments",
        written.load(Ordering::Relaxed) / SECONDS
    );
    Ok(())
}
