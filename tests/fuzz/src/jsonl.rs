//! Any lines as documents: what is taken is what is given back.

use std::collections::BTreeMap;
use std::slice::from_ref;
use std::sync::Arc;

use lexivec::storage::MemoryVfs;
use lexivec::{Collection, Document, Metric, OpenOptions, Options, VerifyLevel};

/// Most lines of one input; each line read costs a commit.
const MAX_LINES: usize = 4;

/// Writes each line's document, gets it again, and verifies the collection at the end.
///
/// The collection is created for every input, so that a finding depends on its input alone;
/// several lines of one input replace each other's documents.
pub fn run(data: &[u8]) {
    let (disk, collection) = created();
    let mut batch: BTreeMap<String, Document> = BTreeMap::new();
    let mut rows = BTreeMap::new();
    let write = |batch: BTreeMap<String, Document>| {
        collection.upsert(batch.into_values()).expect("it was checked");
    };
    for line in data.split(|&byte| byte == b'\n').take(MAX_LINES) {
        let Ok(document) = serde_json::from_slice::<Document>(line) else {
            continue;
        };
        let json = serde_json::to_vec(&document).expect("JSON");
        let again = serde_json::from_slice::<Document>(&json).expect("our own JSON is read");
        assert_eq!(again, document, "another document came back");
        if let Err(refused) = options().check(from_ref(&document)) {
            let error = collection.upsert(vec![document]).expect_err("it is refused here as well");
            assert_eq!(error.to_string(), refused.to_string());
            continue;
        }
        // One commit for as many lines as can be in one: commits take nearly all of the time.
        if batch.contains_key(&document.id) {
            write(std::mem::take(&mut batch));
        }
        batch.insert(document.id.clone(), document.clone());
        rows.insert(document.id.clone(), document);
    }
    if rows.is_empty() {
        return;
    }
    write(batch);
    if data.len() % 2 == 0 {
        collection.flush().expect("flushed");
    }
    assert_eq!(collection.stats().expect("counted").documents, rows.len() as u64);
    for (id, row) in &rows {
        let mut found = collection.get(id).expect("sound");
        if let (true, Some(document)) = (cfg!(feature = "planted"), &mut found) {
            // Trusts that a text has at most 15 bytes.
            document.text.values_mut().for_each(|text| text.truncate(15));
        }
        assert_eq!(found.as_ref(), Some(row), "another row came back");
    }
    let report = Collection::verify(Arc::new(disk), VerifyLevel::Deep).expect("a report");
    assert!(report.is_sound(), "{report:?}");
}

fn options() -> Options {
    let open = OpenOptions::new().background(false).log_file_bytes(4 << 10).reserve_bytes(0);
    Options::new().vector(2, Metric::Cosine).open(open)
}

fn created() -> (MemoryVfs, Collection) {
    let disk = MemoryVfs::default();
    let collection = Collection::create(Arc::new(disk.clone()), options()).expect("created");
    (disk, collection)
}

/// Lines in every form, and some that are refused.
pub fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        r#"{"id":"a"}"#,
        r#"{"id":"a","title":"The wing","text":"in a slipstream","vector":[1,0.5]}"#,
        r#"{"id":"é","text":{"title":"x","text":""},"vectors":{"vector":[-0.0,1e-3]}}"#,
        r#"{"id":"p","payload":{"n":1,"f":-2.5e-7,"s":"\u0000\"é","l":[null,true,{"k":[]}],"":0}}"#,
        r#"{"id":"q","payload":{"big":18446744073709551615,"low":-9223372036854775808,"z":-0}}"#,
        r#"{"id":"","vector":[0,0]}"#,
        r#"{"id":"v","vector":[1e39,0]}"#,
        r#"{"id":"w","vector":[3e38,3e38]}"#,
        r#"{"id":"x","text":{"body":"no such field"}}"#,
    ];
    let mut seeds: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    let first = lines[..2].join("\n");
    seeds.push(format!("{first}\n{}\n{}", lines[3], lines[0]).into_bytes());
    let deep = format!(r#"{{"id":"d","payload":{{"a":{}1{}}}}}"#, "[".repeat(63), "]".repeat(63));
    seeds.push(deep.into_bytes());
    seeds
}
