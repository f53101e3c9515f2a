//! Bad input: a clear error that names what and where, and a collection that is as it was.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{arg, lexivec, lexivec_ok};

/// Bytes of every file of a directory.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).expect("listed");
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        (name, std::fs::read(entry.path()).expect("read"))
    };
    // The lock file has the stamp of its last holder.
    entries.map(file).filter(|(name, _)| name != "LOCK").collect()
}

#[test]
fn each_fault_is_named_and_changes_nothing() {
    let scratch = tempfile::tempdir().expect("a directory");
    let index = scratch.path().join("index");
    let input = scratch.path().join("input.jsonl");
    let write = |text: &str| std::fs::write(&input, text).expect("written");
    write("{\"id\":\"a\",\"text\":\"one\",\"vector\":[1,0]}\n");
    lexivec_ok(&["ingest", arg(&index), "--jsonl", arg(&input)]);
    let before = contents(&index);

    let good = "{\"id\":\"x\",\"text\":\"two\",\"vector\":[0,1]}\n";
    let long_id = format!("{{\"id\":\"{}\"}}\n", "i".repeat(2 << 20));
    let six_and_bad = format!("{}{{\"id\": \"y\", oops}}\n", {
        (0..6).map(|i| format!("{{\"id\":\"n{i}\"}}\n")).collect::<String>()
    });
    let deep =
        format!("{{\"id\":\"d\",\"payload\":{{\"a\":{}1{}}}}}", "[".repeat(70), "]".repeat(70));
    for (text, expected) in [
        (
            "{\"id\":\"b\",\"vector\":[1,0,0]}\n",
            "input.jsonl line 1 (id \"b\"): vector \"vector\" has 3 components; the field has 2",
        ),
        (&format!("{good}{{\"id\":\"b\",\"vector\":[1e39,0]}}\n"), "line 2"),
        ("{\"id\":\"b\",\"vector\":[NaN,0]}\n", "line 1"),
        ("{\"id\":\"b\",\"vector\":[0,0]}\n", "a zero vector has no direction"),
        (&format!("{good}{good}"), "input.jsonl line 2 (id \"x\"): line 1 has the same id"),
        (&long_id, "the id has 2097152 bytes; 1 to 512 are allowed"),
        ("{\"id\":\"\"}\n", "the id has 0 bytes"),
        (&six_and_bad, "input.jsonl line 7:"),
        ("", "the input has no documents"),
        ("{\"id\":\"b\",\"body\":\"x\"}\n", "unknown field `body`"),
        (
            "{\"id\":\"b\",\"text\":{\"abstract\":\"x\"}}\n",
            "no text field \"abstract\"; the collection has [\"title\", \"text\"]",
        ),
        (&deep, "nested deeper than 64 levels"),
    ] {
        write(text);
        let output = lexivec(&["ingest", arg(&index), "--jsonl", arg(&input)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{expected}: {stderr}");
        assert!(stderr.contains(expected), "{stderr:?} lacks {expected:?}");
        assert_eq!(contents(&index), before, "{expected}");
    }
}

#[test]
fn faults_of_vector_files_are_named() {
    let scratch = tempfile::tempdir().expect("a directory");
    let at = |name: &str| scratch.path().join(name);
    std::fs::write(at("corpus.jsonl"), "{\"_id\":\"a\",\"text\":\"one\"}\n").expect("written");
    let npy = |name: &str, shape: &[u64], data: &[f32]| {
        use npyz::WriterBuilder;
        let file = std::fs::File::create(at(name)).expect("created");
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file);
        let mut writer = options.begin_nd().expect("begun");
        writer.extend(data.iter().copied()).expect("written");
        writer.finish().expect("finished");
    };
    npy("one.npy", &[1, 2], &[1.0, 2.0]);
    npy("two.npy", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    npy("nan.npy", &[1, 2], &[1.0, f32::NAN]);
    npy("flat.npy", &[2], &[1.0, 2.0]);
    std::fs::write(at("a.ids"), "a\n").expect("written");
    std::fs::write(at("b.ids"), "b\n").expect("written");
    std::fs::write(at("twice.ids"), "a\na\n").expect("written");
    std::fs::write(at("no.npy"), "not an array").expect("written");
    for (vectors, ids, expected) in [
        ("two.npy", "a.ids", "has 1 ids"),
        ("one.npy", "b.ids", "1 of 1 vectors belong to no document, \"b\" for one"),
        ("two.npy", "twice.ids", "line 2: id \"a\" is also line 1"),
        ("nan.npy", "a.ids", "has NaN at component 1"),
        ("flat.npy", "a.ids", "rows x components is expected"),
        ("no.npy", "a.ids", "no.npy"),
        ("missing.npy", "a.ids", "missing.npy"),
    ] {
        let (vectors, ids) = (at(vectors), at(ids));
        let index = at("index");
        let output = lexivec(&[
            "ingest",
            arg(&index),
            "--beir",
            arg(scratch.path()),
            "--vectors",
            arg(&vectors),
            "--vector-ids",
            arg(&ids),
        ]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(expected), "{stderr:?} lacks {expected:?}");
        assert!(!index.exists(), "{expected}: a collection was left behind");
    }
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, missing) = (arg(scratch.path()), scratch.path().join("missing"));
    for args in [
        vec!["search"],
        vec!["frobnicate"],
        vec!["search", dir, "x", "--no-such-flag"],
        vec!["ingest", dir],
        vec!["ingest", dir, "--beir", "a", "--jsonl", "b"],
        vec!["create", dir, "--metric", "manhattan"],
        vec!["search", dir, "x", "--filter", "{oops"],
        vec!["verify", arg(&missing)],
    ] {
        let output = lexivec(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{args:?}");
    }
    for args in [vec!["search", arg(&missing), "x"], vec!["stats", dir], vec!["get", dir, "a"]] {
        assert_eq!(lexivec(&args).status.code(), Some(1), "{args:?}");
    }
    assert!(!missing.exists());
    assert_eq!(std::fs::read_dir(scratch.path()).expect("listed").count(), 0);
}
