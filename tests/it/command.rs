//! The command for people: passages, colours, completions, the manual, and plain words in all it says.

use std::process::Command;

use serde_json::{Value, json};

use crate::tidy_words::banned_in;
use crate::{arg, lexivec, lexivec_ok};

/// A collection of three documents in a new folder: one with title and long text, one without a title.
fn collection() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("a directory");
    let filler = "It has many other sentences that no query asks for. ".repeat(20);
    let long = format!("{filler}\nA wing\tcarries the aircraft. {filler}");
    let lines = [
        serde_json::json!({"id": "a", "title": "On wings", "text": long, "payload": {"heading": "Part one"}}),
        serde_json::json!({"id": "b", "text": "The wing is swept."}),
        serde_json::json!({"id": "c", "title": "Tail", "text": "A tail."}),
    ];
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let file = scratch.path().join("in.jsonl");
    std::fs::write(&file, lines.join("\n")).expect("written");
    lexivec_ok(&["ingest", arg(&scratch.path().join("c")), "--jsonl", arg(&file)]);
    scratch
}

#[test]
fn a_hit_shows_title_and_passage_first_and_its_id_last() {
    let scratch = collection();
    let dir = scratch.path().join("c");
    let printed = lexivec_ok(&["search", arg(&dir), "wing"]);
    let lines: Vec<&str> = printed.lines().collect();
    let [first, first_passage, first_id, title, passage, id] = lines.as_slice() else {
        panic!("{printed}")
    };
    // The id stands in for a title.
    assert_eq!([*first, *first_passage], ["  1. b", "     The [wing] is swept."]);
    assert!(first_id.starts_with("     0.") && first_id.ends_with("  b"), "{printed}");
    assert_eq!(*title, "  2. On wings  Part one");
    assert!(passage.starts_with("     … ") && passage.ends_with(" …"), "{printed}");
    assert!(passage.contains("A [wing] carries the aircraft."), "{printed}");
    assert!(passage.chars().count() < 300, "{printed}");
    assert!(id.ends_with("  a"), "{printed}");
    // The ledger is printed on request only.
    assert!(!printed.contains("rank 1") && !printed.contains("idf"), "{printed}");
    let explained = lexivec_ok(&["search", arg(&dir), "wing", "--explain"]);
    assert!(explained.contains("text rank 1") && explained.contains("idf"), "{explained}");
    // JSON has texts and passages on request only.
    let json = lexivec_ok(&["search", arg(&dir), "wing", "--json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["hits"][1]["id"], "a");
    assert!(json["hits"][1]["text"].is_null() && json["hits"][1]["highlight"].is_null(), "{json}");
    let json = lexivec_ok(&["search", arg(&dir), "wing", "--json", "--highlight"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert!(json["hits"][1]["highlight"]["text"].is_array(), "{json}");
}

#[test]
fn words_are_marked_by_colour_where_colour_is_wanted() {
    let scratch = collection();
    let dir = scratch.path().join("c");
    let search = |variables: &[(&str, &str)]| {
        let output = Command::new(lexivec_tests::command())
            .args(["search", arg(&dir), "wing"])
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .envs(variables.iter().copied())
            .output()
            .expect("the command runs");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let piped = search(&[]);
    assert!(piped.contains("[wing]") && !piped.contains('\u{1b}'), "{piped:?}");
    let coloured = search(&[("CLICOLOR_FORCE", "1")]);
    assert!(coloured.contains("\u{1b}[1m\u{1b}[33mwing\u{1b}[0m"), "{coloured:?}");
    assert!(coloured.contains("\u{1b}[1mOn wings\u{1b}[0m"), "{coloured:?}");
    assert!(!coloured.contains("[wing]"), "{coloured:?}");
    assert_eq!(search(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), piped);
}

#[test]
fn what_stands_in_documents_is_shown_and_not_obeyed() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (index, file) = (scratch.path().join("c"), scratch.path().join("d.jsonl"));
    let row = json!({
        "id": "a\u{1b}[2J\u{7}", "text": "alpha \u{1b}]0;owned\u{7}", "title": "t\u{9b}31m",
        "payload": {"title": "\u{1b}]52;c;x\u{7}", "group": "g\u{1b}c"},
    });
    std::fs::write(&file, row.to_string()).expect("written");
    lexivec_ok(&["ingest", arg(&index), "--jsonl", arg(&file)]);
    for call in [
        &["search", arg(&index), "alpha", "--facet", "group"][..],
        &["search", arg(&index), "alpha", "--explain"],
        &["list", arg(&index)],
        &["get", arg(&index), "a\u{1b}[2J\u{7}"],
        &["get", arg(&index), "none\u{1b}[2J"],
        &["search", arg(&index), "alpha", "--filter", "{\"\u{1b}[2J\": {\"$oops\": 1}}"],
    ] {
        let output = lexivec(call);
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).expect("text");
        assert!(!printed.contains(|c: char| c.is_control() && c != '\n'), "{call:?}: {printed:?}");
    }
    let listed = lexivec_ok(&["list", arg(&index)]);
    assert!(listed.starts_with("a␛[2J␇  t"), "{listed}");
    // The id to go on after is a word for a shell.
    std::fs::write(&file, "{\"id\": \"it's b\"}\n{\"id\": \"z\"}").expect("written");
    lexivec_ok(&["ingest", arg(&index), "--jsonl", arg(&file)]);
    let output = lexivec(&["list", arg(&index), "--limit", "2"]);
    let hint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(hint.contains(r"--after 'it'\''s b'"), "{hint}");
}

#[test]
fn completions_and_the_manual_know_every_verb() {
    let scratch = tempfile::tempdir().expect("a directory");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = lexivec_ok(&["completions", shell]);
        assert!(script.contains("late-interaction") && script.contains("snapshot"), "{shell}");
    }
    assert_eq!(lexivec(&["completions", "sh"]).status.code(), Some(2));
    let page = lexivec_ok(&["man"]);
    assert!(page.contains(".TH lexivec") && page.contains("lexivec\\-search"), "{page}");
    lexivec_ok(&["man", arg(scratch.path())]);
    let read = |name: &str| std::fs::read_to_string(scratch.path().join(name)).expect("a page");
    assert!(read("lexivec.1").contains(".TH lexivec"));
    assert!(read("lexivec-snapshot-create.1").contains("snapshot"));
    let made = scratch.path().join("new/folder");
    lexivec_ok(&["man", arg(&made)]);
    assert!(made.join("lexivec.1").exists());
    let taken = lexivec(&["man", arg(&scratch.path().join("lexivec.1"))]);
    assert_eq!(taken.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&taken.stderr).contains("lexivec.1: it exists already"));
}

#[test]
fn help_is_in_plain_words() {
    let scratch = tempfile::tempdir().expect("a directory");
    lexivec_ok(&["man", arg(scratch.path())]);
    let pages: Vec<_> = std::fs::read_dir(scratch.path()).expect("listed").collect();
    assert!(pages.len() > 30, "{} pages", pages.len());
    for page in pages {
        let path = page.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("read").replace("\\-", "-");
        assert_eq!(banned_in(&text), [""; 0], "{}", path.display());
    }
}

#[test]
fn a_port_replaces_that_of_the_address() {
    let scratch = collection();
    let dir = scratch.path().join("c");
    let mut serve = lexivec_tests::bare(["serve", arg(&dir), "--port", "0", "--json"]);
    serve.env("LEXIVEC_BIND", "127.0.0.2:8009");
    let (_server, ready) = lexivec_tests::listening(serve).expect("started");
    let address = ready["address"].as_str().expect("an address");
    assert!(address.starts_with("127.0.0.2:") && !address.ends_with(":8009"), "{address}");
}
