//! The write path as a program meets it: what is acknowledged is seen, replaced rows never show
//! twice, small writes leave few segments, and a full disk is survived.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lexivec::storage::{FaultyVfs, Vfs};
use lexivec::{
    Collection, Document, Durability, ErrorKind, Filter, Metric, OpenOptions, Options,
    SearchRequest, WriteOptions,
};
use lexivec_tests::campaigns::fixture::answers;
use serde_json::{Value, json};

fn row(id: &str, words: &str, n: u64) -> Document {
    Document::new(id).text(words).vector(vec![n as f32, 1.0]).payload("n", n)
}

fn foreground() -> OpenOptions {
    OpenOptions::new().background(false)
}

fn options() -> Options {
    Options::new().vector(2, Metric::L2).open(foreground())
}

#[test]
fn a_write_is_seen_and_says_what_it_did() {
    let scratch = tempfile::tempdir().expect("a directory");
    let collection = Collection::create(scratch.path(), options()).expect("created");
    let first = collection.upsert(vec![row("a", "wing", 1), row("b", "flow", 2)]).expect("written");
    assert_eq!((first.seq, first.durable, first.written), (1, true, 2));
    let bulk = WriteOptions::new().durability(Durability::Bulk);
    let second = collection.writer(bulk).upsert(vec![row("c", "wing", 3)]).expect("written");
    assert_eq!((second.seq, second.durable), (2, false));
    let answer = collection.search(&SearchRequest::text("wing")).expect("an answer");
    assert_eq!((answer.hits.len(), answer.seq), (2, 2));

    let Value::Object(changes) = json!({"n": 9, "deep": {"k": 1}}) else { panic!("an object") };
    let third = collection.patch("a", &changes).expect("written").expect("it is there");
    assert_eq!((third.seq, third.durable), (3, true));
    assert!(collection.patch("none", &changes).expect("looked").is_none());
    let patched = collection.get("a").expect("read").expect("there");
    assert_eq!((&patched.payload["n"], &patched.payload["deep"]["k"]), (&json!(9), &json!(1)));
    assert_eq!(patched.text["text"], "wing");

    let receipt = collection.delete(&["b", "b", "none"]).expect("deleted");
    assert_eq!(receipt.deleted, 1);
    let filter = Filter::from_json(&json!({"n": {"$gte": 5}})).expect("a filter");
    assert_eq!(collection.count(&filter).expect("counted"), 1);
    assert_eq!(collection.delete_where(&filter).expect("deleted").deleted, 1);
    assert_eq!(collection.delete_where(&filter).expect("deleted").deleted, 0);
    let page = collection.scroll(&Filter::All, None, 10).expect("read");
    assert_eq!(page.documents.len(), 1);
    drop(collection);
    // From the log alone.
    let reader = Collection::open_read_only(scratch.path()).expect("opened");
    assert_eq!(reader.scroll(&Filter::All, None, 10).expect("read"), page);
    assert_eq!(reader.stats().expect("counted").seq, 5);
}

#[test]
fn pages_are_in_the_order_of_ids_over_all_segments() {
    let collection = Collection::in_memory(options()).expect("created");
    for i in 0..60 {
        collection.upsert(vec![row(&format!("d{:02}", i * 7 % 60), "wing", i)]).expect("written");
        if i % 13 == 0 {
            collection.flush().expect("flushed");
        }
    }
    let (mut ids, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = collection.scroll(&Filter::All, after.as_deref(), 7).expect("read");
        ids.extend(page.documents.into_iter().map(|d| d.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(ids, (0..60).map(|i| format!("d{i:02}")).collect::<Vec<_>>());
    let error = collection.scroll(&Filter::All, None, 10_001).expect_err("over the limit");
    assert!(error.to_string().contains("10001 is over the limit"), "{error}");
}

#[test]
fn a_thousand_single_writes_leave_a_handful_of_segments() {
    let collection = Collection::in_memory(options()).expect("created");
    let mut most = 0;
    for i in 0..1_000u64 {
        collection.upsert(vec![row(&format!("d{}", i % 700), "wing", i)]).expect("written");
        if i % 3 == 0 {
            let hits = collection.search(&SearchRequest::text("wing").limit(1_000)).expect("found");
            let all: std::collections::BTreeSet<&str> =
                hits.hits.iter().map(|h| h.id.as_str()).collect();
            assert_eq!(all.len(), hits.hits.len(), "an id shows twice");
            assert_eq!(all.len() as u64, (i + 1).min(700));
            most = most.max(collection.stats().expect("counted").segments.len());
        }
    }
    assert!(most <= 12, "{most} segments");
}

/// One thread replaces all rows in each of its writes while others search: every answer is of one
/// write, in every leg.
#[test]
fn searches_during_writes_flushes_and_compactions_see_whole_writes() {
    let scratch = tempfile::tempdir().expect("a directory");
    let open = OpenOptions::new().flush_rows(40);
    let options = Options::new().vector(2, Metric::L2).graph_min_rows(30).open(open);
    let collection = Collection::create(scratch.path(), options).expect("created");
    let write = |n: u64| {
        let rows = (0..12).map(|i| row(&format!("d{i}"), "wing", n));
        collection.upsert(rows).expect("written")
    };
    write(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let request = SearchRequest::hybrid("wing", vec![1.0, 1.0]).limit(100);
                    let hits = collection.search(&request).expect("an answer").hits;
                    let n = |i: usize| hits[i].payload.as_ref().expect("kept")["n"].as_u64();
                    assert_eq!(hits.len(), 12);
                    assert!((1..12).all(|i| n(i) == n(0)), "rows of two writes");
                    assert!(n(0) >= Some(last), "an older write after a newer one");
                    last = n(0).unwrap_or(0);
                }
            });
        }
        for n in 1..200 {
            write(n);
            match n % 25 {
                7 => drop(collection.flush().expect("flushed")),
                19 => match collection.compact(lexivec::CompactOptions::new()) {
                    Err(e) => assert!(e.to_string().contains("under way"), "{e}"),
                    Ok(report) => assert!(report.merges.iter().all(|m| m.published)),
                },
                _ => {}
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(collection.stats().expect("counted").failure, None);
}

#[test]
fn a_full_disk_lets_deletes_through_and_writing_resumes() {
    let disk = FaultyVfs::new();
    let open = foreground().flush_rows(1_000).log_file_bytes(4 << 10).reserve_bytes(24 << 10);
    let options = Options::new().vector(2, Metric::L2).open(open);
    let collection = Collection::create(Arc::new(disk.clone()), options).expect("created");
    for cycle in 0..5 {
        let mut written = 0;
        disk.limit(Some(120 << 10));
        let full = loop {
            match collection.upsert(vec![row(&format!("d{written}"), "wing", written)]) {
                Ok(_) => written += 1,
                Err(error) => break error,
            }
            if written % 40 == 0 {
                // Reads go on whatever happens; a flush may find no room.
                let _ = collection.flush();
            }
            assert!(written < 100_000, "the disk never was full");
        };
        assert!(full.to_string().contains("no space left"), "cycle {cycle}: {full}");
        let count = collection.count(&Filter::All).expect("reads go on");
        assert!(count >= written, "{count} of {written}");
        let all = collection.delete_where(&Filter::All).expect("deletes go through");
        assert_eq!(all.deleted as u64, count);
        collection.compact(lexivec::CompactOptions::new()).expect("compaction frees the space");
        let row = row("after", "wing", 1);
        collection.upsert(vec![row]).expect("writing resumes by itself");
        assert_eq!(collection.count(&Filter::All).expect("counted"), 1);
    }
}

#[test]
fn a_full_disk_never_ends_in_a_dead_end() {
    let open = || foreground().log_file_bytes(64 << 10).reserve_bytes(48 << 10);
    for capacity in [160 << 10, 400 << 10, 1 << 20] {
        let disk = FaultyVfs::new();
        let options = Options::new().vector(2, Metric::L2).open(open());
        let mut collection = Collection::create(Arc::new(disk.clone()), options).expect("created");
        disk.limit(Some(capacity));
        let mut kept: BTreeSet<String> = BTreeSet::new();
        let mut next = 0;
        for cycle in 0..12_usize {
            let what = format!("{capacity} bytes, cycle {cycle}");
            let full = loop {
                let id = format!("d{next:06}");
                match collection.upsert(vec![row(&id, "wing in a slipstream", next)]) {
                    Ok(_) => drop(kept.insert(id)),
                    Err(error) => break error,
                }
                next += 1;
                if next % 200 == 0 {
                    let _ = collection.flush();
                }
                assert!(next < 1_000_000, "the disk never was full");
            };
            assert_eq!(full.kind(), ErrorKind::OutOfSpace, "{what}: {full}");
            // The oldest two thirds, one by one: their rows are in segments, those in the log stay.
            let doomed: Vec<String> = kept.iter().take(kept.len() * 2 / 3).cloned().collect();
            for id in &doomed {
                let deleted = collection.delete(&[id]).map_err(|e| format!("{what}: delete: {e}"));
                assert_eq!(deleted.expect("deletes go through").deleted, 1);
                kept.remove(id);
            }
            if cycle % 3 == 2 {
                // Opened again on the full disk, it is read and written as before.
                drop(collection);
                let again = open().open(Arc::new(disk.clone()) as Arc<dyn Vfs>);
                collection = again.map_err(|e| format!("{what}: open: {e}")).expect("opened");
            }
            collection.flush().map_err(|e| format!("{what}: flush: {e}")).expect("flushed");
            let compacted = collection.compact(lexivec::CompactOptions::new());
            compacted.map_err(|e| format!("{what}: compact: {e}")).expect("compacted");
            let page = collection.scroll(&Filter::All, None, 10_000).expect("read");
            let found: BTreeSet<String> = page.documents.into_iter().map(|d| d.id).collect();
            assert_eq!(found, kept, "{what}");
            // Another program takes what is free: as the reserve is there again, a delete finds space.
            let free = disk.free_bytes().expect("known").unwrap_or(0);
            if free > 96 << 10 {
                disk.limit(Some(capacity - free));
                let id = kept.pop_first().expect("a row");
                let deleted = collection.delete(&[&id]).map_err(|e| format!("{what}: {e}"));
                assert_eq!(deleted.expect("deletes go through").deleted, 1);
                disk.limit(Some(capacity));
            }
        }
        assert!(next > 500, "{capacity}: {next} rows in all cycles");
    }
}

#[test]
fn a_collection_is_opened_on_a_full_disk_and_its_log_is_copied_once_there_is_space() {
    let disk = FaultyVfs::new();
    let open = || foreground().log_file_bytes(64 << 10).reserve_bytes(48 << 10);
    let options = Options::new().vector(2, Metric::L2).open(open());
    let collection = Collection::create(Arc::new(disk.clone()), options).expect("created");
    let rows = |from: u64, to: u64| (from..to).map(|i| row(&format!("d{i}"), "wing", i));
    collection.upsert(rows(0, 100).collect::<Vec<_>>()).expect("written");
    drop(collection);
    disk.limit(Some(0));
    let vfs = || Arc::new(disk.clone()) as Arc<dyn Vfs>;
    let collection = open().open(vfs()).expect("opened without a byte of space");
    assert_eq!(collection.count(&Filter::All).expect("read"), 100);
    let failure = collection.stats().expect("counted").failure.expect("reported");
    assert!(failure.contains("no space left"), "{failure}");
    let full = collection.upsert(rows(100, 101).collect::<Vec<_>>()).expect_err("full");
    assert_eq!(full.kind(), ErrorKind::OutOfSpace, "{full}");
    assert_eq!(collection.count(&Filter::All).expect("read"), 100);
    disk.limit(None);
    collection.upsert(rows(100, 101).collect::<Vec<_>>()).expect("there is space");
    drop(collection);
    let collection = open().open(vfs()).expect("opened");
    assert_eq!(collection.count(&Filter::All).expect("read"), 101);
}

#[test]
fn a_compaction_under_way_can_be_cancelled() {
    let collection = Collection::in_memory(options().graph_min_rows(500)).expect("created");
    let rows = |from: u64| (from..from + 600).map(|i| row(&format!("d{i}"), "wing", i));
    collection.upsert(rows(0)).expect("written");
    collection.upsert(rows(600)).expect("written");
    let before = collection.stats().expect("counted").segments.len();
    let cancel = |_, done, _| {
        if done > 0 {
            collection.cancel_compaction();
        }
    };
    let options = lexivec::CompactOptions::new().progress(&cancel);
    let error = collection.compact(options).expect_err("cancelled");
    assert_eq!(error.kind(), lexivec::ErrorKind::Cancelled, "{error}");
    assert_eq!(collection.stats().expect("counted").segments.len(), before);
    collection.compact(lexivec::CompactOptions::new()).expect("goes on from there");
    let stats = collection.stats().expect("counted");
    assert_eq!((stats.segments.len(), stats.documents), (1, 1_200));
}

#[test]
fn the_gate_measures_and_a_budget_is_kept() {
    let collection = Collection::in_memory(options().graph_min_rows(100)).expect("created");
    let mut random = lexivec_tests::Random(3);
    for part in 0..3 {
        let rows = (0..300).map(|i| {
            let vector = random.vector(2);
            Document::new(format!("d{part}-{i}")).text("wing").vector(vector)
        });
        collection.upsert(rows).expect("written");
    }
    let small = lexivec::CompactOptions::new().memory(1 << 20);
    let error = collection.compact(small).expect_err("too little").to_string();
    assert!(error.contains("the smallest one needs"), "{error}");
    collection.delete(&["d0-1", "d1-1"]).expect("deleted");
    let report = collection.compact(lexivec::CompactOptions::new()).expect("compacted");
    let merge = &report.merges[0];
    assert_eq!((merge.rows, merge.freed, merge.published), (898, 2, true));
    let (before, after) =
        (merge.recall_before.expect("graphs"), merge.recall_after.expect("a graph"));
    assert!(before > 0.9 && after >= before - 0.005, "{before} {after}");
}

#[test]
fn a_second_writer_is_refused_and_a_failure_is_reported() {
    let scratch = tempfile::tempdir().expect("a directory");
    let collection = Collection::create(scratch.path(), options()).expect("created");
    let second = Collection::open(scratch.path()).expect_err("refused").to_string();
    assert!(second.contains(&format!("in process {}", std::process::id())), "{second}");
    drop(collection);
    Collection::open(scratch.path()).expect("it went with its handle");
}

#[test]
fn the_background_thread_flushes_what_is_due() {
    let scratch = tempfile::tempdir().expect("a directory");
    let options = options().open(OpenOptions::new().flush_rows(20));
    let collection = Collection::create(scratch.path(), options).expect("created");
    for i in 0..25 {
        collection.upsert(vec![row(&format!("d{i}"), "wing", i)]).expect("written");
    }
    // Not a wait for a time: it ends when the flush was seen.
    while collection.stats().expect("counted").recent_rows >= 20 {
        std::thread::yield_now();
    }
    assert_eq!(collection.count(&Filter::All).expect("counted"), 25);
}

#[test]
fn collections_of_older_formats_answer_as_they_did() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut seen = 0;
    for entry in std::fs::read_dir(fixtures).expect("listed") {
        let entry = entry.expect("an entry");
        let path = entry.path();
        if !path.is_dir() || !entry.file_name().to_string_lossy().starts_with("format-") {
            continue;
        }
        seen += 1;
        let expected = std::fs::read_to_string(path.with_extension("json")).expect("answers");
        let expected: Value = serde_json::from_str(&expected).expect("JSON");
        // Opened for reading it stays as it was; a copy is written to.
        let reader = Collection::open_read_only(&path).expect("opened");
        assert_eq!(answers(&reader).expect("answers"), expected, "{}", path.display());
        let scratch = tempfile::tempdir().expect("a directory");
        for file in std::fs::read_dir(&path).expect("listed") {
            let file = file.expect("a file").path();
            let name = file.file_name().expect("a name");
            std::fs::copy(&file, scratch.path().join(name)).expect("copied");
        }
        let writer = foreground().open(scratch.path()).expect("opened");
        assert_eq!(answers(&writer).expect("answers"), expected);
        let row = Document::new("new").text("wing");
        // A model that a fixture was made with is not at hand.
        let row = match &writer.schema().embedder {
            Some(_) => row.vector(vec![1.0; 8]).tokens(vec![vec![1.0; 8]]),
            None => row,
        };
        writer.upsert(vec![row]).expect("written");
        writer.delete(&["new"]).expect("deleted");
        writer.compact(lexivec::CompactOptions::new()).expect("compacted");
        assert_eq!(answers(&writer).expect("answers"), expected, "compacted");
        drop(writer);
        let report = Collection::verify(scratch.path(), lexivec::VerifyLevel::Deep);
        assert!(report.expect("verified").is_sound());
    }
    assert!(seen >= 7, "{seen} formats");
}

#[test]
fn concurrent_flushes_and_compactions_lose_nothing() {
    let disk = FaultyVfs::new();
    let open = foreground().reserve_bytes(0).log_file_bytes(4 << 10);
    let options = Options::new().open(open.clone());
    let collection = Collection::create(Arc::new(disk.clone()), options).expect("created");
    let done = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0;
            while !done.load(Ordering::Relaxed) {
                let row = Document::new(format!("d{written}")).text("wing");
                collection.upsert(vec![row]).expect("written");
                written += 1;
                collection.flush().expect("flushed");
            }
            written
        });
        for _ in 0..60 {
            collection.compact(lexivec::CompactOptions::new()).expect("compacted");
        }
        done.store(true, Ordering::Relaxed);
        writer.join().expect("it ended")
    });
    drop(collection);
    let image = disk.crash_image(disk.ops(), lexivec::storage::CrashPolicy::KeepAll, 0);
    let again = open.open(Arc::new(image)).expect("opened");
    assert_eq!(again.count(&Filter::All).expect("counted"), written);
}
