//! Several processes at one collection.

use std::path::Path;
use std::process::{Command, Stdio};

use lexivec::{Collection, Document, ErrorKind, Options, SearchRequest};
use lexivec_tests::{command, test_data};

use crate::{arg, lexivec, lexivec_ok};

fn small(dir: &Path) -> Collection {
    let collection = Collection::create(dir, Options::new()).expect("created");
    let row = |i: u32| Document::new(format!("d{i}")).text(format!("wing number {i}"));
    collection.upsert((0..50).map(row)).expect("written");
    collection
}

#[test]
fn a_second_writer_is_refused_with_the_first_ones_process_id() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("index");
    let collection = small(&dir);
    let input = scratch.path().join("more.jsonl");
    std::fs::write(&input, "{\"id\":\"x\"}\n").expect("written");
    let ingest = ["ingest", arg(&dir), "--jsonl", arg(&input)];
    let output = lexivec(&ingest);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&format!("process {}", std::process::id())), "{stderr}");
    let own = Collection::open(&dir).expect_err("refused in the same process, too").to_string();
    assert!(own.contains("open for writing"), "{own}");
    // Readers are not concerned.
    assert!(lexivec_ok(&["search", arg(&dir), "wing", "--json"]).contains("\"d0\""));
    drop(collection);
    lexivec_ok(&ingest);
}

#[test]
fn of_first_writers_at_the_same_time_one_creates_and_the_others_are_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    for round in 0..20 {
        let dir = scratch.path().join(round.to_string());
        let barrier = std::sync::Barrier::new(8);
        let create = || {
            barrier.wait();
            Collection::create(&dir, Options::new()).map(drop)
        };
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
            threads.into_iter().map(|thread| thread.join().expect("joined")).collect()
        });
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?}");
        for error in made.into_iter().filter_map(Result::err) {
            let kind = error.kind();
            assert!(matches!(kind, ErrorKind::Locked | ErrorKind::AlreadyExists), "{error}");
        }
    }
    let dir = scratch.path().join("ingested");
    let input = scratch.path().join("more.jsonl");
    std::fs::write(&input, "{\"id\":\"x\"}\n").expect("written");
    let ingest = || {
        Command::new(command())
            .args(["ingest", arg(&dir), "--jsonl", arg(&input)])
            .stderr(Stdio::piped())
            .spawn()
            .expect("started")
    };
    let children: Vec<_> = (0..4).map(|_| ingest()).collect();
    let ended = children.into_iter().map(|child| child.wait_with_output().expect("ended"));
    let (written, refused): (Vec<_>, Vec<_>) = ended.partition(|output| output.status.success());
    assert!(!written.is_empty());
    for output in refused {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("open for writing"), "{stderr}");
    }
}

#[test]
fn a_reader_keeps_its_generation_until_it_asks_for_the_newest() {
    let scratch = tempfile::tempdir().expect("a directory");
    let writer = small(scratch.path());
    let reader = Collection::open_read_only(scratch.path()).expect("opened");
    let request = SearchRequest::text("wing").limit(100);
    let before = reader.search(&request).expect("an answer");
    for i in 0..5 {
        let row = Document::new(format!("new{i}")).text("wing");
        writer.upsert(vec![row]).expect("written");
    }
    assert_eq!(reader.search(&request).expect("an answer"), before);
    assert!(reader.refresh().expect("refreshed"));
    assert_eq!(reader.search(&request).expect("an answer").hits.len(), 55);
    assert!(!reader.refresh().expect("refreshed"));
    let error = reader.upsert(vec![Document::new("x")]).expect_err("refused").to_string();
    assert!(error.contains("reading only"), "{error}");
}

#[test]
fn readers_open_and_answer_while_a_writer_commits() {
    let scratch = tempfile::tempdir().expect("a directory");
    let writer = small(scratch.path());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut opened = 0;
                    while !done.load(std::sync::atomic::Ordering::Relaxed) || opened < 3 {
                        let reader = Collection::open_read_only(scratch.path()).expect("opened");
                        let answer = reader.search(&SearchRequest::text("wing")).expect("answered");
                        assert_eq!(answer.hits.len(), 10);
                        opened += 1;
                    }
                    opened
                })
            })
            .collect();
        for i in 0..150 {
            let row = Document::new(format!("new{}", i % 7)).text("wing again");
            writer.upsert(vec![row]).expect("written");
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let opened: usize = readers.into_iter().map(|r| r.join().expect("a reader")).sum();
        assert!(opened >= 9);
    });
}

#[test]
fn two_processes_give_the_same_bytes() {
    let Some(data) = test_data("ir/cranfield") else { return };
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("index");
    let (vectors, ids) = (data.join("emb_corpus.npy"), data.join("emb_corpus.ids"));
    lexivec_ok(&[
        "ingest",
        arg(&dir),
        "--beir",
        arg(&data),
        "--vectors",
        arg(&vectors),
        "--vector-ids",
        arg(&ids),
    ]);
    let vector = serde_json::to_string(&vec![0.05f32; 384]).expect("JSON");
    let words = "heat transfer in a boundary layer";
    let args = ["search", arg(&dir), words, "--vector", &vector, "--explain", "--json"];
    let first = lexivec_ok(&args);
    assert!(first.contains("\"leg\":\"vector\"") && first.contains("\"leg\":\"text\""));
    assert_eq!(lexivec_ok(&args), first);
    let here = Collection::open_read_only(&dir).expect("opened");
    let request = SearchRequest::hybrid(words, vec![0.05; 384]).explain();
    let answer = serde_json::to_string(&here.search(&request).expect("an answer")).expect("JSON");
    assert_eq!(answer, first.trim_end());
}

#[test]
fn a_killed_writer_leaves_a_collection_as_it_was_or_with_the_batch() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("index");
    drop(small(&dir));
    let input = scratch.path().join("many.jsonl");
    let line = |i: u32| format!("{{\"id\":\"k{i}\",\"text\":\"wing and flow {i}\"}}\n");
    std::fs::write(&input, (0..20_000).map(line).collect::<String>()).expect("written");
    let ingest = ["ingest", arg(&dir), "--jsonl", arg(&input)];
    for kill_after in 0..12u32 {
        let mut child =
            Command::new(command()).args(ingest).stderr(Stdio::null()).spawn().expect("started");
        // Not a wait for anything: only to be killed at various moments of its work.
        for _ in 0..kill_after * 40_000 {
            std::hint::spin_loop();
        }
        std::thread::yield_now();
        let _ = child.kill();
        child.wait().expect("ended");
        let report = Collection::verify(&dir, lexivec::VerifyLevel::Full).expect("verified");
        assert!(report.is_sound(), "{report:?}");
        let documents = Collection::open(&dir).expect("opened").stats().expect("counted").documents;
        assert!([50, 20_050].contains(&documents), "{documents}");
    }
    lexivec_ok(&ingest);
    assert_eq!(Collection::open(&dir).expect("opened").stats().expect("counted").documents, 20_050);
}
