//! Keeping a collection in order from the command line: deletes, compaction, snapshots, exports,
//! repair.

use std::path::Path;

use lexivec::{Collection, Document, Metric, Options};
use serde_json::Value;

use crate::{arg, lexivec, lexivec_ok};

/// A collection with two graphs, dead rows and a write that is only in the log.
fn made(dir: &Path) {
    let options = Options::new().vector(2, Metric::L2).graph_min_rows(50);
    let collection = Collection::create(dir, options).expect("created");
    let row = |i: u32| {
        let vector = vec![(i * 37 % 101) as f32, (i * 53 % 89) as f32];
        Document::new(format!("d{i}")).text("wing flow").vector(vector).payload("n", i)
    };
    collection.upsert((0..120).map(row)).expect("written");
    collection.upsert((100..220).map(row)).expect("written");
    collection.upsert(vec![row(500)]).expect("written");
}

fn documents(dir: &Path) -> u64 {
    let stats: Value =
        serde_json::from_str(&lexivec_ok(&["stats", arg(dir), "--json"])).expect("JSON");
    stats["documents"].as_u64().expect("a number")
}

#[test]
fn deletes_ask_and_say_what_they_did() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("index");
    made(&dir);
    let refused = lexivec(&["delete", arg(&dir), "d1"]);
    assert_eq!(refused.status.code(), Some(2), "nobody is there to ask");
    assert_eq!(documents(&dir), 221);
    let stdout = lexivec_ok(&["delete", arg(&dir), "d1", "d2", "none", "--yes", "--json"]);
    assert!(stdout.contains("\"deleted\":2"), "{stdout}");
    let filter = "{\"n\": {\"$gte\": 200}}";
    let stdout = lexivec_ok(&["delete", arg(&dir), "--filter", filter, "--yes", "--json"]);
    assert!(stdout.contains("\"deleted\":21"), "{stdout}");
    assert_eq!(documents(&dir), 198);
    assert_eq!(lexivec(&["delete", arg(&dir), "--yes"]).status.code(), Some(2));
    assert_eq!(
        lexivec(&["delete", arg(&dir), "--filter", "{oops", "--yes"]).status.code(),
        Some(2)
    );
}

#[test]
fn what_is_in_the_log_is_shown_flushed_and_compacted() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("index");
    made(&dir);
    let shown = lexivec_ok(&["inspect", arg(&dir)]);
    assert!(shown.contains("write       3:") && shown.contains("1 row, 0 ids"), "{shown}");
    lexivec_ok(&["flush", arg(&dir)]);
    let shown = lexivec_ok(&["inspect", arg(&dir)]);
    assert!(!shown.contains("write       "), "it is in a file: {shown}");
    let stdout = lexivec_ok(&["compact", arg(&dir), "--memory", "1GiB", "--json"]);
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&report["segments"][1], &report["merges"][0]["freed"]), (&1.into(), &20.into()));
    assert!(report["merges"][0]["recall_after"].as_f64() > Some(0.9), "{report}");
    for level in ["--quick", "--full", "--deep"] {
        let stdout = lexivec_ok(&["verify", arg(&dir), level, "--json"]);
        assert!(
            stdout.contains("\"problems\":[]") && stdout.contains("\"orphans\":[]"),
            "{stdout}"
        );
    }
    for bad in ["1XB", "", "99999999999GiB"] {
        assert_eq!(
            lexivec(&["compact", arg(&dir), "--memory", bad]).status.code(),
            Some(2),
            "{bad}"
        );
    }
}

#[test]
fn an_export_changes_nothing_and_is_whole_or_not_there() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, out) = (scratch.path().join("index"), scratch.path().join("out"));
    made(&dir);
    std::fs::create_dir(&out).expect("made");
    lexivec_ok(&["snapshot", "create", arg(&dir), "first"]);
    let kept = dir.join("snapshots").join("first");
    let names = |dir: &Path| {
        let names = std::fs::read_dir(dir).expect("listed").flatten().map(|e| e.file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let before = names(&kept);
    lexivec_ok(&["export", arg(&kept), arg(&out.join("whole"))]);
    assert_eq!(names(&kept), before);
    // Files may not grow beyond 8 KiB, so that the export fails on its way.
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" export \"$1\" \"$2\"";
    let mut bash = std::process::Command::new("bash");
    let failed = bash.args(["-c", script]).arg(lexivec_tests::command());
    let failed = failed.args([&kept, &out.join("failed")]).output().expect("bash runs");
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert_eq!(names(&out).len(), 1, "{:?}", names(&out));
}

#[test]
fn snapshots_and_exports_give_the_same_collection_back() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, file) = (scratch.path().join("index"), scratch.path().join("index.lxv"));
    made(&dir);
    let rows = |dir: &Path| {
        let search = ["search", arg(dir), "wing", "-k", "300", "--vector", "[3, 4]", "--json"];
        let mut answer: Value = serde_json::from_str(&lexivec_ok(&search)).expect("JSON");
        answer["generation"] = 0.into();
        answer
    };
    let before = rows(&dir);
    lexivec_ok(&["snapshot", "create", arg(&dir), "first"]);
    lexivec_ok(&["export", arg(&dir), arg(&file)]);
    lexivec_ok(&["delete", arg(&dir), "--filter", "{}", "--yes"]);
    lexivec_ok(&["compact", arg(&dir)]);
    assert_eq!(documents(&dir), 0);
    // A folder that is not a collection is not listed.
    std::fs::create_dir(dir.join("snapshots").join("foreign")).expect("made");
    let listed = lexivec_ok(&["snapshot", "list", arg(&dir)]);
    assert!(listed.starts_with("first: generation") && listed.lines().count() == 1, "{listed}");
    // Nor is an export put where only the collection's files are.
    let within = lexivec(&["export", arg(&dir), arg(&dir.join("index.lxv"))]);
    assert_eq!(within.status.code(), Some(2));
    // A snapshot's name leads nowhere else, and is taken once.
    for name in ["first", "../up", "UP", ""] {
        let output = lexivec(&["snapshot", "create", arg(&dir), name]);
        assert_eq!(output.status.code(), Some(1), "{name}");
    }
    let (restored, imported) = (scratch.path().join("restored"), scratch.path().join("imported"));
    lexivec_ok(&["snapshot", "restore", arg(&dir), "first", arg(&restored)]);
    lexivec_ok(&["import", arg(&imported), arg(&file)]);
    for copy in [&restored, &imported] {
        assert_eq!(rows(copy), before);
        lexivec_ok(&["verify", arg(copy), "--deep"]);
    }
    let kept = dir.join("snapshots").join("first");
    let manifest = |dir: &Path| {
        let files = std::fs::read_dir(dir).expect("listed").map(|e| e.expect("an entry").path());
        let newest = files.filter(|p| p.to_string_lossy().contains("MANIFEST-")).max();
        std::fs::read(newest.expect("there")).expect("read")
    };
    assert_eq!(manifest(&restored), manifest(&kept), "the manifest is the same to the bit");
    assert_eq!(manifest(&imported), manifest(&kept));
    // Nothing is written over a collection, and nothing is left of what failed.
    assert_eq!(lexivec(&["import", arg(&imported), arg(&file)]).status.code(), Some(1));
    let mut bytes = std::fs::read(&file).expect("read");
    for at in [3, 30, 200, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        std::fs::write(&file, damaged).expect("written");
        let fresh = scratch.path().join("fresh");
        let output = lexivec(&["import", arg(&fresh), arg(&file)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "byte {at}: {stderr}");
        assert!(stderr.contains("the export is damaged"), "byte {at}: {stderr}");
        assert!(!fresh.exists(), "byte {at}");
    }
    bytes.truncate(5_000);
    std::fs::write(&file, &bytes).expect("written");
    assert_eq!(
        lexivec(&["import", arg(&scratch.path().join("x")), arg(&file)]).status.code(),
        Some(1)
    );
    let left: Vec<_> = std::fs::read_dir(scratch.path()).expect("listed").collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn a_damaged_collection_is_reported_and_repaired() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, target) = (scratch.path().join("index"), scratch.path().join("mended"));
    made(&dir);
    let files = std::fs::read_dir(&dir).expect("listed").map(|e| e.expect("an entry").path());
    let segment = files.filter(|p| p.extension().is_some_and(|e| e == "lxv")).min().expect("there");
    let mut bytes = std::fs::read(&segment).expect("read");
    // In the middle of the first section, the documents.
    bytes[700] ^= 1;
    std::fs::remove_file(&segment).expect("removed");
    std::fs::write(&segment, bytes).expect("written");
    let output = lexivec(&["verify", arg(&dir)]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("lexivec repair"), "{stderr}");
    let output = lexivec(&["repair", arg(&dir), arg(&target), "--json"]);
    assert_eq!(output.status.code(), Some(1), "rows were lost");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // Rows 100 to 119 were written again, into the other segment.
    assert_eq!(report["lost"].as_array().map(Vec::len), Some(100), "{report}");
    assert_eq!(report["documents"], 121);
    lexivec_ok(&["verify", arg(&target), "--deep"]);
}

#[test]
fn a_budget_of_memory_holds_for_the_process() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("index");
    let options = Options::new().vector(64, Metric::Cosine).graph_min_rows(2_000);
    let collection = Collection::create(&dir, options).expect("created");
    let mut random = lexivec_tests::Random(9);
    for part in 0..3 {
        let rows = (0..2_500).map(|i| {
            let text = format!("wing {} flow {}", i % 97, i % 13);
            Document::new(format!("d{part}-{i}")).text(text).vector(random.vector(64))
        });
        collection.upsert(rows).expect("written");
    }
    let mapped: u64 = collection.stats().expect("counted").bytes;
    drop(collection);
    // Address space: the budget, the mapped files before and after, and what a process of this
    // program has before it does anything (its own image, and a stack and an arena a thread).
    let own = 700u64 << 20;
    let limit = ((64 << 20) + 3 * mapped + own) / 1024;
    let script = format!(
        "ulimit -v {limit}; exec {} compact {} --memory 64MiB --json",
        lexivec_tests::command().display(),
        dir.display()
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("run");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["segments"][1], 1, "{report}");
}
