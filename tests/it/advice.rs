//! Messages of the command to a new user: each names what is there and what to do.

use std::path::{Path, PathBuf};
use std::process::Command;

use lexivec::Collection;
use serde_json::Value;

use crate::http::Running;
use crate::{arg, lexivec, lexivec_ok};

/// A folder with a collection `c` of three documents with years.
fn scene() -> (tempfile::TempDir, impl Fn(&str) -> PathBuf) {
    let scratch = tempfile::tempdir().expect("a directory");
    let root = scratch.path().to_owned();
    let at = move |name: &str| root.join(name);
    let lines = "{\"id\": \"a\", \"title\": \"One\", \"text\": \"wing\", \"payload\": {\"year\": 2001}}\n\
                 {\"id\": \"b\", \"text\": \"wing tip\", \"payload\": {\"year\": 2002}}\n\
                 {\"id\": \"c\", \"title\": \"Three\", \"text\": \"the wing of it\", \"payload\": {\"year\": 2003}}\n";
    std::fs::write(at("in.jsonl"), lines).expect("written");
    lexivec_ok(&["ingest", arg(&at("c")), "--jsonl", arg(&at("in.jsonl"))]);
    (scratch, at)
}

/// Runs the command; its exit code and its messages.
fn stderr(args: &[&str]) -> (Option<i32>, String) {
    let output = lexivec(args);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn check(cases: &[(&[&str], i32, &str)]) {
    for (args, code, expected) in cases {
        let (found, printed) = stderr(args);
        assert_eq!(found, Some(*code), "{args:?}: {printed}");
        assert!(printed.contains(expected), "{args:?}: {printed:?} lacks {expected:?}");
        assert!(!printed.contains("os error"), "{args:?}: {printed}");
    }
}

#[test]
fn a_refusal_names_what_is_there_and_the_way_out() {
    let (_scratch, at) = scene();
    let (dir, none, file) = (at("c"), at("none"), at("file"));
    let (dir, none, file) = (arg(&dir), arg(&none), arg(&file));
    lexivec_ok(&["snapshot", "create", dir, "monday"]);
    lexivec_ok(&["export", dir, file]);
    let plain = at("plain.txt");
    std::fs::write(&plain, "words of a query\n").expect("written");
    let input = at("in.jsonl");
    let (plain, input) = (arg(&plain), arg(&input));
    check(&[
        (
            &["snapshot", "restore", dir, "tuesday", none],
            1,
            "no snapshot \"tuesday\"; it has monday",
        ),
        (&["snapshot", "restore", none, "monday", file], 1, "it has none"),
        (&["export", dir, file], 1, "it exists already; remove it, or name another file"),
        (&["import", none, plain], 1, "the export is damaged"),
        (&["import", none, arg(&at("missing"))], 1, "it does not exist"),
        (&["serve", none, "--port", "0"], 1, "give --create"),
        (
            &["diff", dir, "--queries", plain],
            1,
            "plain.txt line 1: expected value, column 1; a line is expected",
        ),
        (&["diff", dir, "--queries", plain], 1, "{\"_id\": \"q1\", \"text\": \"some words\"}"),
        (&["delete", dir, "--filter", "TRUE"], 2, "--yes"),
        (&["ingest", dir, "--jsonl", input, "--bm25", "0.9,0.4"], 2, "its bm25 is 1.2,0.75"),
        (
            &["ingest", dir, "--jsonl", input, "--model", "nosuch"],
            2,
            "without a model; omit the option",
        ),
        (&["search", dir, "wing", "--model", "nosuch"], 2, "without a model; omit the option"),
        (&["ingest", none, "--jsonl", input, "--model", "nosuch"], 1, "nosuch"),
    ]);
    assert!(!Path::new(none).exists());
    // The environment names a model for all commands, also for collections without one.
    let searched = Command::new(lexivec_tests::command())
        .args(["search", dir, "wing"])
        .env("LEXIVEC_MODEL", "nosuch")
        .output()
        .expect("the command runs");
    assert!(searched.status.success());
}

#[test]
fn tables_name_lines_and_columns() {
    let (_scratch, at) = scene();
    let (table, new) = (at("t.csv"), at("new"));
    for (text, expected) in [
        ("id,text\na,\"x\nb,y\nc,z\n", "t.csv: line 2: a quote opens and is never closed"),
        (
            "key,text,year\na,x,1\n",
            "no column \"id\" for the ids; its columns are key, text, year; name one with --id-column",
        ),
        (
            "id,text\na,x\n\nb,y,z\n",
            "t.csv: line 4: it has another number of fields (3) than the first line (2)",
        ),
        ("id,text\na,\"x\ny\"\na,z\n", "t.csv line 4 (id \"a\"): line 2 has the same id"),
        ("id,text\n,x\n", "t.csv line 2: it has nothing in the column \"id\""),
        ("id,text\n", "the input has no documents"),
    ] {
        std::fs::write(&table, text).expect("written");
        let (code, printed) = stderr(&["ingest", arg(&new), "--csv", arg(&table)]);
        assert_eq!(code, Some(1), "{text:?}: {printed}");
        assert!(printed.contains(expected), "{text:?}: {printed:?} lacks {expected:?}");
        assert!(!new.exists(), "{text:?}");
    }
    std::fs::write(&table, "\u{feff}id,text\na,\"a \"\"wing\"\"\"\n").expect("written");
    let (_, printed) = stderr(&["ingest", arg(&new), "--csv", arg(&table)]);
    assert!(printed.contains("wrote 1 document (0 replaced)"), "{printed}");
}

#[test]
fn a_folder_without_files_is_refused_and_bad_lines_cost_themselves_alone() {
    let (_scratch, at) = scene();
    let folder = at("folder");
    std::fs::create_dir(&folder).expect("made");
    let (folder, dir, new) = (arg(&folder), at("c"), at("new"));
    let (dir, new) = (arg(&dir), arg(&new));
    check(&[
        (
            &["ingest", dir, "--folder", folder],
            1,
            "has no file of a known format; nothing was written",
        ),
        (
            &["ingest", new, "--folder", folder],
            1,
            "has no file of a known format; nothing was written",
        ),
    ]);
    let write = |name: &str, text: &str| std::fs::write(Path::new(folder).join(name), text);
    write("rows.jsonl", "{\"text\": \"x\"}\n{oops}\n{\"text\": \"y\"}\n").expect("written");
    write("rows.csv", "text,n\nx,1\ny\nz,3\n").expect("written");
    write("array.jsonl", "[{\"text\": \"x\"},\n {\"text\": \"y\"}]").expect("written");
    check(&[
        (&["ingest", dir, "--folder", folder, "--glob", "*.pdf"], 1, "that --glob *.pdf admits"),
        (
            &["ingest", new, "--folder", folder],
            0,
            "2 of 3 files not read, or only in part: rows.csv, rows.jsonl; --details",
        ),
    ]);
    let found = lexivec_ok(&["list", new]);
    let ids: Vec<&str> = found.lines().filter_map(|line| line.split(' ').next()).collect();
    let expected = [
        "array.jsonl#0",
        "array.jsonl#1",
        "rows.csv#0",
        "rows.csv#1",
        "rows.jsonl#0",
        "rows.jsonl#1",
    ];
    assert_eq!(ids, expected);
    let (again, details) = (at("again"), ["--details"]);
    let (_, printed) =
        stderr(&[&["ingest", arg(&again), "--folder", folder], &details[..]].concat());
    for expected in [
        "rows.jsonl: the rest is in, but line 2: ",
        "rows.csv: the rest is in, but line 3: it has another number of fields (1)",
    ] {
        assert!(printed.contains(expected), "{printed}");
    }
}

#[test]
fn documents_are_listed_and_counted_by_filter() {
    let (_scratch, at) = scene();
    let dir = at("c");
    let dir = arg(&dir);
    assert_eq!(lexivec_ok(&["list", dir]), "a  One\nb\nc  Three\n");
    assert_eq!(lexivec_ok(&["list", dir, "--filter", "year > 2001", "--limit", "1"]), "b\n");
    assert_eq!(lexivec_ok(&["list", dir, "--after", "b"]), "c  Three\n");
    let (_, printed) = stderr(&["list", dir, "--limit", "2"]);
    assert!(printed.ends_with("--after b\n"), "{printed}");
    let json = lexivec_ok(&["list", dir, "--json", "--limit", "1"]);
    let json: Value = serde_json::from_str(&json).expect("a line");
    assert_eq!((&json["id"], &json["payload"]["year"]), (&"a".into(), &2001.into()));
    assert_eq!(lexivec_ok(&["count", dir]), "3\n");
    assert_eq!(lexivec_ok(&["count", dir, "--filter", "year > 2001", "--json"]), "{\"count\":2}\n");
    let (code, printed) = stderr(&["count", dir, "--filter", "year >"]);
    assert_eq!(code, Some(2), "{printed}");
}

#[test]
fn a_copy_may_have_another_name() {
    let (_scratch, at) = scene();
    let (dir, file) = (at("c"), at("file"));
    lexivec_ok(&["export", arg(&dir), arg(&file)]);
    lexivec_ok(&["snapshot", "create", arg(&dir), "monday"]);
    let copies = [(at("kept"), "c"), (at("imported"), "papers"), (at("restored"), "notes")];
    lexivec_ok(&["import", arg(&copies[0].0), arg(&file)]);
    lexivec_ok(&["import", arg(&copies[1].0), arg(&file), "--name", "papers"]);
    lexivec_ok(&["snapshot", "restore", arg(&dir), "monday", arg(&copies[2].0), "--name", "notes"]);
    for (path, name) in copies {
        let copy = Collection::open(&path).expect("opened");
        assert_eq!(
            (copy.schema().name.as_str(), copy.stats().expect("stats").documents),
            (name, 3)
        );
    }
    let (_, printed) = stderr(&["import", arg(&at("x")), arg(&file), "--name", "Not/a name"]);
    assert!(printed.contains("a-z, 0-9") && !at("x").exists(), "{printed}");
}

#[test]
fn numbers_and_nouns_agree_and_hits_keep_their_rank() {
    let (_scratch, at) = scene();
    let dir = at("c");
    let dir = arg(&dir);
    let second = lexivec_ok(&["search", dir, "wing", "--offset", "1", "--limit", "1"]);
    assert!(second.starts_with("  2. "), "{second}");
    let json = |more: &[&str]| -> Value {
        let printed = lexivec_ok(&[&["search", dir, "wing", "--json"], more].concat());
        serde_json::from_str(&printed).expect("JSON")
    };
    assert!(json(&[])["hits"][0]["text"].is_null());
    assert_eq!(json(&["--with-text"])["hits"][0]["text"]["text"], "wing tip");
    let (_, printed) = stderr(&["compact", dir]);
    assert!(printed.contains("1 segment, ") && printed.contains("nothing to merge"), "{printed}");
    let (_, printed) = stderr(&["delete", dir, "a", "--yes"]);
    assert_eq!(printed, "deleted 1 document\n");
}

#[test]
fn a_collection_that_is_served_says_how_to_write_and_copy_it() {
    let (_scratch, at) = scene();
    let (dir, file, new) = (at("c"), at("file"), at("deep/new"));
    let server = Running::start(&dir);
    // A write that is in the log only: without one, an export reads next to the server.
    let row = serde_json::json!([{"id": "d", "text": "wake"}]);
    assert_eq!(server.json("POST", "/v1/collections/c/documents", &row).0, 200);
    for verb in
        [["export", arg(&dir), arg(&file)].as_slice(), &["snapshot", "create", arg(&dir), "x"]]
    {
        let (code, printed) = stderr(verb);
        assert_eq!(code, Some(1), "{printed}");
        let holder = format!("in process {}", std::process::id());
        for expected in
            ["/v1/collections/NAME/snapshots/SNAPSHOT", "lexivec export DIR/snapshots", &holder]
        {
            assert!(printed.contains(expected), "{printed:?} lacks {expected:?}");
        }
        assert!(!printed.contains("LOCK") && !printed.contains("read-only"), "{printed}");
    }
    assert!(!file.exists(), "a refused export leaves no file");
    // The advice works.
    let route = "/v1/collections/c/snapshots/x";
    assert_eq!(server.json("PUT", route, &Value::Null).0, 200);
    lexivec_ok(&["export", arg(&dir.join("snapshots/x")), arg(&file)]);
    // A client learns no path of the server.
    let (status, twice) = server.json("PUT", route, &Value::Null);
    let detail = twice["detail"].as_str().expect("text");
    assert_eq!((status, detail), (409, "snapshots/x is already there"), "{twice}");
    drop(server);
    let serve = lexivec_tests::bare(["serve", arg(&new), "--create", "--port", "0", "--json"]);
    let (_server, ready) = lexivec_tests::listening(serve).expect("started");
    assert!(ready["address"].is_string() && new.is_dir(), "{ready}");
}
