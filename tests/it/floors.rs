//! Floors inside a crate: a module imports only from floors below its own, so no cycle of modules can form.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The floors of `engine`, top first. Modules of one floor do not import each other.
const ENGINE: [&[&str]; 14] = [
    &["learning", "database"],
    &["collection"],
    &["search"],
    &["generation", "embed"],
    &["segment"],
    &["options", "location"],
    &["fields", "budget"],
    &["document", "chunk"],
    &["model"],
    &["text", "vector"],
    &["rows", "deadline", "progress", "trace"],
    &["schema"],
    &["error"],
    &["limits"],
];

/// The floors of `query`.
const QUERY: [&[&str]; 6] = [
    &["answer", "bind", "planner", "profile", "shards", "why_not"],
    &["catalog", "explain", "request", "suggest"],
    &["rerank"],
    &["fusion", "parse"],
    &["facets", "filter", "leg", "plan", "query_string", "synonyms"],
    &["error", "ids", "json", "limits", "names", "timestamp", "topk", "value"],
];

/// The floors of `storage`.
const STORAGE: [&[&str]; 8] = [
    &["export"],
    &["directory"],
    &["manifest", "wal"],
    &["segment"],
    &["vfs"],
    &["codec", "mapped", "poison"],
    &["checksum", "names", "output", "sigbus"],
    &["error"],
];

/// Files above all floors: they name what the crate shows.
const ROOFS: [&str; 3] = ["lib.rs", "prelude.rs", "guide.rs"];

/// The source of a crate: each file's path below `src`, and its text.
fn files_of(name: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("listed") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let below = path.strip_prefix(&root).expect("below").to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path).expect("read");
                files.push((below, without_tests(&text).to_owned()));
            }
        }
    }
    files.sort();
    files
}

/// The module that a file below `src` belongs to.
fn module_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The text of a file before its unit tests, which may use the whole crate.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// The top-level modules that a text names as `crate::module` or within `crate::{…}`.
fn named_in(text: &str) -> BTreeSet<String> {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code = text.lines().filter(is_code).collect::<Vec<_>>().join("\n");
    let mut named = BTreeSet::new();
    for (at, start) in code.match_indices("crate::") {
        // `in crate::x` of a visibility is no import, and `$crate` is a macro's.
        let before = code.get(..at).unwrap_or_default();
        if before.ends_with("in ") || before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = code.get(at + start.len()..).unwrap_or_default();
        let word = |text: &str| -> String {
            text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        };
        match rest.strip_prefix('{') {
            None => drop(named.insert(word(rest))),
            Some(list) => {
                let (mut depth, mut part) = (0, String::new());
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => drop(named.insert(word(&std::mem::take(&mut part)))),
                        c if depth == 0 => part.push(c),
                        _ => {}
                    }
                }
                named.insert(word(&part));
            }
        }
    }
    named
}

/// Violations of the floors: a module on no floor, or an import from the same floor or one above.
fn breaking(files: &[(String, String)], floors: &[&[&str]]) -> Vec<String> {
    let floor = |module: &str| floors.iter().position(|floor| floor.contains(&module));
    let modules: BTreeSet<&str> = files.iter().map(|(file, _)| module_of(file)).collect();
    let mut faults = Vec::new();
    for (file, text) in files.iter().filter(|(file, _)| !ROOFS.contains(&file.as_str())) {
        let own = module_of(file);
        let Some(own_floor) = floor(own) else {
            faults.push(format!("{file}: module {own} is on no floor"));
            continue;
        };
        for named in named_in(text).iter().filter(|n| *n != own && modules.contains(n.as_str())) {
            if floor(named).is_some_and(|other| other <= own_floor) {
                faults.push(format!("{file}: {own} must not import {named}"));
            }
        }
    }
    faults
}

#[test]
fn modules_import_only_from_floors_below() {
    let crates: [(&str, &[&[&str]], usize); 3] =
        [("engine", &ENGINE, 50), ("query", &QUERY, 20), ("storage", &STORAGE, 15)];
    for (name, floors, fewest) in crates {
        let files = files_of(name);
        assert!(files.len() > fewest, "the sources of {name} were not found");
        assert_eq!(breaking(&files, floors), [""; 0], "{name}");
    }
}

#[test]
fn an_import_from_above_is_found() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let floors: [&[&str]; 3] = [&["top"], &["left", "right"], &["low"]];
    let sound = [
        file("lib.rs", "pub use crate::top::A;"),
        file("top/mod.rs", "use crate::left::B;\nuse crate::{low::C, right::{D, E}};"),
        file(
            "left.rs",
            "// crate::top is above\nuse crate::low::C;\npub(in crate::left) fn f() {}",
        ),
        file("right/inner.rs", "use crate::right::D;\nuse crate::Result;"),
        file("low.rs", ""),
    ];
    assert_eq!(breaking(&sound, &floors), [""; 0]);
    for (name, text, fault) in [
        ("low.rs", "use crate::left::B;", "low.rs: low must not import left"),
        ("low.rs", "use crate::{Error, right::D};", "low.rs: low must not import right"),
        ("left.rs", "fn f() { crate::right::d() }", "left.rs: left must not import right"),
        ("new.rs", "", "new.rs: module new is on no floor"),
    ] {
        let mut files = sound.to_vec();
        files.retain(|(file, _)| file != name);
        files.push(file(name, text));
        assert_eq!(breaking(&files, &floors), [fault.to_owned()]);
    }
}
