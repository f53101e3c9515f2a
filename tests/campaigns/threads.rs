//! Threads of one process that write, flush, compact and search at once: each writer reads exactly
//! what it wrote, no reader sees a row twice, and at the end every row is as its writer left it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lexivec::{
    Collection, Document, Durability, ErrorKind, Filter, Metric, OpenOptions, Options,
    SearchRequest, WriteOptions,
};
use serde_json::{Map, json};

use super::{Outcome, steps};
use crate::Random;
use crate::model::{self, DIM, Model, TOKEN_DIM, WORDS};

/// Threads that write.
const WRITERS: usize = 4;
/// Ids each of them has for its own.
const IDS: usize = 60;
/// Rows from which a batch becomes a segment file with a graph at once.
const GRAPH_MIN_ROWS: usize = 30;

/// State shared by the threads.
struct Run {
    collection: Collection,
    end: Instant,
    failed: AtomicBool,
    writes: AtomicU64,
    flushes: AtomicU64,
    compactions: AtomicU64,
    searches: AtomicU64,
}

type Done = Result<(), String>;

/// Lets them run for so long. With `shared` two writers have the same ids, which a run has to notice.
pub fn run(seconds: u64, seed: u64, shared: bool) -> Outcome {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let dir = scratch.path().join("index");
    let open = OpenOptions::new().flush_rows(150).log_file_bytes(32 << 10);
    let options = Options::new().vector(DIM, Metric::L2).tokens(TOKEN_DIM);
    let options = options.graph_min_rows(GRAPH_MIN_ROWS);
    let collection = Collection::create(&dir, options.open(open)).map_err(fail)?;
    let run = Run {
        collection,
        end: Instant::now() + Duration::from_secs(seconds),
        failed: AtomicBool::new(false),
        writes: AtomicU64::new(0),
        flushes: AtomicU64::new(0),
        compactions: AtomicU64::new(0),
        searches: AtomicU64::new(0),
    };
    let models = at_once(&run, seed, shared).map_err(|e| format!("seed {seed}: {e}"))?;
    let mut expected = Model::default();
    models.iter().for_each(|m| expected.rows.extend(m.rows.clone()));
    if steps::rows(&run.collection).map_err(fail)? != expected {
        return Err(format!("seed {seed}: the rows are not those that were written"));
    }
    let totals = format!(
        "{seconds} s from seed {seed}, {WRITERS} writers: {} writes, {} flushes, {} compactions, {} \
         searches, no difference",
        run.writes.into_inner(),
        run.flushes.into_inner(),
        run.compactions.into_inner(),
        run.searches.into_inner()
    );
    drop(run.collection);
    let again = Collection::open(&dir).map_err(fail)?;
    if steps::rows(&again).map_err(fail)? != expected {
        return Err(format!("seed {seed}: a row is lost or came back with a new open"));
    }
    drop(again);
    let report = Collection::verify(&dir, lexivec::VerifyLevel::Full).map_err(fail)?;
    if report.is_sound() { Ok(totals) } else { Err(format!("{:?}", report.problems)) }
}

fn fail(error: lexivec::Error) -> String {
    error.to_string()
}

/// Runs all threads; gives what each writer believes is there.
fn at_once(run: &Run, seed: u64, shared: bool) -> Result<Vec<Model>, String> {
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|own| {
                let ids = if shared { own / 2 } else { own };
                scope.spawn(move || run.until_the_end(|| write_thread(run, ids, seed + own as u64)))
            })
            .collect();
        let others = [flusher as fn(&Run, u64) -> Done, compactor, searcher]
            .map(|work| scope.spawn(move || run.until_the_end(|| work(run, seed))));
        let ended = || "a thread panicked".to_owned();
        let models: Result<Vec<Model>, String> =
            writers.into_iter().map(|w| w.join().map_err(|_| ended())?).collect();
        for other in others {
            other.join().map_err(|_| ended())??;
        }
        models
    })
}

impl Run {
    fn ended(&self) -> bool {
        self.failed.load(Ordering::Relaxed) || Instant::now() >= self.end
    }

    /// The first that fails ends the run for all.
    fn until_the_end<T>(&self, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let done = work();
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        done
    }
}

/// Writes rows that no other thread writes, and reads each one back.
fn write_thread(run: &Run, own: usize, seed: u64) -> Result<Model, String> {
    let (mut random, mut model) = (Random(seed), Model::default());
    let mine = Filter::from_json(&json!({ "owner": own })).map_err(|e| e.to_string())?;
    while !run.ended() {
        write(&run.collection, &mut random, &mut model, own)?;
        run.writes.fetch_add(1, Ordering::Relaxed);
        compare(&run.collection, &mut random, &model, own, &mine)?;
    }
    Ok(model)
}

fn write(collection: &Collection, random: &mut Random, model: &mut Model, own: usize) -> Done {
    let durability = [Durability::Sync, Durability::Interval, Durability::Bulk][random.below(3)];
    let options = WriteOptions::new().durability(durability);
    let some_id = |random: &mut Random| format!("d{}", own * IDS + random.below(IDS));
    match random.below(10) {
        0 | 1 => {
            let ids = [some_id(random), some_id(random)];
            let receipt = collection.writer(options).delete(&ids).map_err(fail)?;
            let deleted = model.delete(&ids);
            if receipt.deleted != deleted {
                return Err(format!("{} rows deleted, not {deleted}", receipt.deleted));
            }
        }
        2 => {
            let filter = json!({ "owner": own, "n": random.below(6) });
            let filter = Filter::from_json(&filter).map_err(|e| e.to_string())?;
            collection.writer(options).delete_where(&filter).map_err(fail)?;
            let ids = model.admitted(&filter);
            model.delete(&ids);
        }
        3 | 4 => {
            let (id, mut changes) = (some_id(random), Map::new());
            changes.insert("n".to_owned(), json!(random.below(6)));
            let patched = collection.writer(options).patch(&id, &changes).map_err(fail)?.is_some();
            if model.patch(&id, &changes) != patched {
                return Err(format!("{id} was patched: {patched}"));
            }
        }
        kind => {
            let wanted = if kind == 5 { GRAPH_MIN_ROWS } else { 1 + random.below(6) };
            let first = random.below(IDS);
            let rows: Vec<Document> = (0..wanted)
                .map(|i| model::document(random, own * IDS + (first + i) % IDS))
                .map(|row| row.payload("owner", own as u64))
                .collect();
            collection.writer(options).upsert(rows.clone()).map_err(fail)?;
            model.upsert(&rows);
        }
    }
    Ok(())
}

/// Checks that a writer finds under its filter the rows it wrote, to the last bit of a vector's score;
/// scores of words depend on the rows of others.
fn compare(
    collection: &Collection,
    random: &mut Random,
    model: &Model,
    own: usize,
    mine: &Filter,
) -> Done {
    let count = collection.count(mine).map_err(fail)?;
    if count != model.rows.len() as u64 {
        return Err(format!("writer {own} counts {count} of its {} rows", model.rows.len()));
    }
    let id = format!("d{}", own * IDS + random.below(IDS));
    let got = collection.get(&id).map_err(fail)?;
    if got.as_ref() != model.rows.get(&id) {
        return Err(format!("writer {own} reads {got:?} for {id}"));
    }
    let query = model::vector(random);
    let request = SearchRequest::vector(query.clone()).limit(IDS).exact().filter(mine.clone());
    let hits = collection.search(&request).map_err(fail)?.hits;
    let found: Vec<(String, f64)> = hits.into_iter().map(|h| (h.id, h.score)).collect();
    if found != model.nearest(&query, mine, IDS) {
        return Err(format!("writer {own} finds {found:?} by vector"));
    }
    let word = WORDS[random.below(WORDS.len())];
    let request = SearchRequest::text(word).limit(IDS).filter(mine.clone());
    let hits = collection.search(&request).map_err(fail)?.hits;
    let found: HashSet<String> = hits.into_iter().map(|h| h.id).collect();
    let expected: HashSet<String> =
        model.matching(word, mine, IDS).into_iter().map(|(id, _)| id).collect();
    if found != expected {
        return Err(format!("writer {own} finds {found:?} by {word:?}, not {expected:?}"));
    }
    Ok(())
}

fn flusher(run: &Run, _: u64) -> Done {
    while !run.ended() {
        run.collection.flush().map_err(fail)?;
        run.flushes.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Compacts, with a cancellation now and then from another thread.
fn compactor(run: &Run, seed: u64) -> Done {
    let mut random = Random(seed);
    while !run.ended() {
        let cancel = random.below(3) == 0;
        let done = std::thread::scope(|scope| {
            let work = scope.spawn(|| run.collection.compact(lexivec::CompactOptions::new()));
            if cancel {
                run.collection.cancel_compaction();
            }
            work.join()
        });
        match done.map_err(|_| "a compaction panicked".to_owned())? {
            Err(error) if error.kind() == ErrorKind::Cancelled => {}
            done => done.map(drop).map_err(fail)?,
        }
        run.compactions.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Searches all rows: no id comes twice, in no leg, and no ledger fails to add up.
fn searcher(run: &Run, seed: u64) -> Done {
    let mut random = Random(seed);
    while !run.ended() {
        let word = WORDS[random.below(WORDS.len())];
        let query = model::vector(&mut random);
        for request in [
            SearchRequest::text(word),
            SearchRequest::vector(query.clone()),
            SearchRequest::hybrid(word, query.clone()),
        ] {
            let hits = run.collection.search(&request.limit(WRITERS * IDS)).map_err(fail)?.hits;
            let ids: HashSet<&str> = hits.iter().map(|h| h.id.as_str()).collect();
            if ids.len() < hits.len() {
                return Err("an id comes twice".to_owned());
            }
            if !hits.iter().all(|h| h.ledger.adds_up()) {
                return Err("a ledger does not add up".to_owned());
            }
            run.searches.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}
