//! Damage: every byte of every file of a small collection, and every length it may be cut to.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use lexivec::storage::MemoryVfs;
use lexivec::{Collection, Document, Error, ErrorKind, Filter, Metric, Options, SearchRequest};
use lexivec_tests::Random;
use serde_json::json;

type Files = BTreeMap<String, Vec<u8>>;

/// A small collection that has every kind of section: two segments, a graph, dead rows.
fn collection() -> Files {
    let disk = MemoryVfs::default();
    let options = Options::new().vector(4, Metric::Cosine).graph_min_rows(20);
    let collection = Collection::create_on(Arc::new(disk.clone()), options).expect("created");
    let mut random = Random(1);
    let mut batch = |ids: std::ops::Range<usize>| -> Vec<Document> {
        ids.map(|i| {
            Document::new(format!("d{i}"))
                .text("title", format!("title {i}"))
                .text("text", format!("wing flow {} heat", ["nose", "cone"][i % 2]))
                .vector(random.vector(4))
                .payload("n", i as u64)
                .payload("tag", ["a", "b", "c"][i % 3])
        })
        .collect()
    };
    let (first, second) = (batch(0..40), batch(35..38));
    collection.upsert(first).expect("written");
    collection.upsert(second).expect("written");
    assert_eq!(collection.stats().segments.len(), 2);
    assert_eq!(collection.stats().segments[0].graphs, ["vector"]);
    disk.contents()
}

/// Everything a user may see: answers of several kinds, and the rows themselves.
fn look(files: Files) -> Result<String, Error> {
    let disk = MemoryVfs::with_files(files);
    let collection = Collection::open_read_only_on(Arc::new(disk))?;
    let filter = Filter::from_json(&json!({"n": {"$gte": 5}, "tag": "b"})).expect("a filter");
    let vector = vec![0.3, -0.2, 0.9, 0.1];
    let mut graph = SearchRequest::vector(vector.clone()).limit(5).ef(30);
    graph.explain = true;
    let mut seen = String::new();
    for request in [
        SearchRequest::hybrid("nose wing title", vector.clone()).explain(),
        SearchRequest::text("cone heat").filter(filter).limit(30),
        SearchRequest::vector(vector).limit(40).exact(),
        graph,
    ] {
        seen.push_str(&serde_json::to_string(&collection.search(&request)?).expect("JSON"));
    }
    for i in [0, 7, 36, 39, 99] {
        let document = collection.get(&format!("d{i}"))?;
        seen.push_str(&serde_json::to_string(&document).expect("JSON"));
    }
    Ok(seen)
}

/// What came of one damaged collection.
fn outcome(files: Files, sound: &str) -> &'static str {
    match catch_unwind(AssertUnwindSafe(|| look(files))) {
        Err(_) => "panic",
        Ok(Ok(seen)) if seen == sound => "harmless",
        Ok(Ok(_)) => "wrong",
        Ok(Err(error)) => {
            let text = error.to_string();
            // An answer to damage names the file; NotFound is for a manifest nobody can see.
            let named = text.contains("segment-") || text.contains("MANIFEST-");
            match error.kind() {
                ErrorKind::Corrupt if named => "told",
                ErrorKind::NotFound => "told",
                _ => "told badly",
            }
        }
    }
}

fn check(counts: &BTreeMap<&'static str, usize>) {
    for bad in ["panic", "wrong", "told badly"] {
        assert_eq!(counts.get(bad), None, "{counts:?}");
    }
    assert!(counts["told"] > 0, "{counts:?}");
}

#[test]
fn a_flipped_bit_in_any_byte_is_told_or_harmless() {
    let files = collection();
    let sound = look(files.clone()).expect("sound");
    let mut random = Random(2);
    let mut counts = BTreeMap::new();
    for (name, bytes) in &files {
        for at in 0..bytes.len() {
            let mut damaged = files.clone();
            if let Some(byte) = damaged.get_mut(name).and_then(|f| f.get_mut(at)) {
                *byte ^= 1 << random.below(8);
            }
            *counts.entry(outcome(damaged, &sound)).or_default() += 1;
        }
    }
    check(&counts);
    println!("flips over {} files: {counts:?}", files.len());
}

#[test]
fn a_file_cut_to_any_length_is_told_or_harmless() {
    let files = collection();
    let sound = look(files.clone()).expect("sound");
    let mut counts = BTreeMap::new();
    for (name, bytes) in &files {
        for len in (0..bytes.len()).step_by(7) {
            let mut damaged = files.clone();
            if let Some(file) = damaged.get_mut(name) {
                file.truncate(len);
            }
            *counts.entry(outcome(damaged, &sound)).or_default() += 1;
        }
    }
    check(&counts);
    println!("cuts over {} files: {counts:?}", files.len());
}

#[test]
fn verify_finds_a_flip_anywhere_in_a_live_segment() {
    let files = collection();
    let live: Vec<String> = {
        let disk = MemoryVfs::with_files(files.clone());
        let report = Collection::verify_on(Arc::new(disk.clone())).expect("verified");
        assert!(report.is_sound(), "{report:?}");
        let collection = Collection::open_read_only_on(Arc::new(disk)).expect("opened");
        collection.stats().segments.into_iter().map(|s| s.file).collect()
    };
    for name in live {
        for at in 0..files[&name].len() {
            let mut damaged = files.clone();
            if let Some(byte) = damaged.get_mut(&name).and_then(|f| f.get_mut(at)) {
                *byte ^= 0x10;
            }
            let disk = Arc::new(MemoryVfs::with_files(damaged));
            let report = Collection::verify_on(disk).expect("a report");
            assert_eq!(report.problems.len(), 1, "byte {at} of {name}");
            assert!(report.problems[0].detail.contains(&name), "{report:?}");
        }
    }
}

#[test]
fn the_error_names_file_and_section() {
    let files = collection();
    let collection = Collection::open_read_only_on(Arc::new(MemoryVfs::with_files(files.clone())));
    let file = collection.expect("opened").stats().segments[0].file.clone();
    // The vectors are the only place of these bytes.
    let mut damaged = files;
    let needle = Random(1).vector(4)[0].to_le_bytes();
    let bytes = damaged.get_mut(&file).expect("the file");
    let at = bytes.windows(4).position(|w| w == needle).expect("the first vector");
    bytes[at] ^= 1;
    let disk = Arc::new(MemoryVfs::with_files(damaged));
    let collection = Collection::open_read_only_on(disk).expect("opened");
    let request = SearchRequest::vector(vec![1.0, 0.0, 0.0, 0.0]).exact();
    let error = collection.search(&request).expect_err("damage").to_string();
    assert!(error.contains(&file) && error.contains("vector/vector/rows"), "{error}");
    assert!(error.contains("lexivec verify"), "{error}");
    // The text leg does not touch them and goes on.
    assert_eq!(collection.search(&SearchRequest::text("nose")).expect("an answer").hits.len(), 10);
}
