//! README and the guide, held to what they say: every command is run and its output compared.
//!
//! A page is run from top to bottom in one scratch directory. In a `console` block a line that begins with `$ ` is a
//! command, for `sh` with the built `lexivec` first in its path; the lines up to the next command are its output, stdout
//! and stderr together. `[..]` stands for any text within a line, `in 0.0 s` for any time, and a line `...` for any lines. JSON may be shown indented:
//! there the string `"[..]"` stands for any value, and a last `"..."` for further elements or members. A command that ends in
//! `&` is a server, on a free port in place of 8009; `curl` is answered by a client of the test; `kill %1` stops the server. The directory's own path is
//! shown as `/home/you`.
//! ```` ```console not-run: REASON ```` marks a block that is not run.
//!
//! `LEXIVEC_DOCS=update` writes what was printed into the pages, in place of what differs.

mod compare;
mod json;
mod page;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use page::{Block, Page};
use session::Session;

/// Columns of a line of prose.
const WIDTH: usize = 120;

/// Root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// README, and the pages of the guide by name.
fn pages() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("docs")).expect("the guide");
    let mut pages: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    pages.retain(|p| p.extension().is_some_and(|e| e == "md"));
    pages.sort();
    assert!(pages.len() >= 10, "pages of the guide are missing: {pages:?}");
    pages.insert(0, root().join("README.md"));
    pages
}

/// Runs a page; returns one message for each command whose output differs.
fn run(page: &mut Page) -> Vec<String> {
    let mut session = Session::new();
    let mut faults = Vec::new();
    for block in &mut page.blocks {
        let Block::Console(commands) = block else { continue };
        for command in commands {
            let at = format!("{}:{}: {}", page.name, command.line, command.text);
            match session.run(&command.text) {
                Err(failure) => faults
                    .push(format!("{at}\n{failure}; a failure is shown with || echo \"exit $?\"")),
                Ok(found) => {
                    if let Some(fault) = compare::difference(&command.output, &found) {
                        faults.push(format!("{at}\n{fault}"));
                        command.output = compare::merged(&command.output, &found);
                    }
                }
            }
        }
    }
    faults
}

#[test]
fn every_command_of_the_guide_prints_what_the_page_shows() {
    let mut faults = Vec::new();
    for path in pages() {
        let mut page = Page::read(&path);
        let found = run(&mut page);
        if !found.is_empty() && std::env::var_os("LEXIVEC_DOCS").is_some_and(|v| v == "update") {
            std::fs::write(&path, page.text()).expect("written");
        }
        faults.extend(found);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_wrong_output_is_noticed() {
    let said = |output: &str| {
        let text = format!("# A page\n\n```console\n$ echo one; echo two 12 >&2\n{output}```\n");
        run(&mut Page::of("page", &text)).len()
    };
    for right in ["one\ntwo 12\n", "one\ntwo [..]\n", "...\ntwo 12\n", "one\n...\n", "...\n"] {
        assert_eq!(said(right), 0, "{right:?}");
    }
    for wrong in
        ["", "one\n", "one\ntwo 13\n", "one\ntwo\n", "two 12\none\n", "one\ntwo 12\n...\nx\n"]
    {
        assert_eq!(said(wrong), 1, "{wrong:?}");
    }
    let json = |output: &str| {
        let text = format!("```console\n$ echo '{{\"a\": [1, 2], \"b\": 0.5}}'\n{output}\n```\n");
        run(&mut Page::of("page", &text)).len()
    };
    for right in [
        "{\n  \"b\": 0.5,\n  \"a\": [1, 2]\n}",
        r#"{"a": "[..]", "b": 0.5}"#,
        r#"{"a": [1, "..."], "...": "..."}"#,
    ] {
        assert_eq!(json(right), 0, "{right}");
    }
    for wrong in [r#"{"a": [1, 2]}"#, r#"{"a": [1], "b": 0.5}"#, r#"{"a": [1, 2], "b": 0.6}"#, "[]"]
    {
        assert_eq!(json(wrong), 1, "{wrong}");
    }
    let failing = "```console\n$ lexivec get nowhere a\n...\n```\n";
    assert_eq!(run(&mut Page::of("page", failing)).len(), 1, "a command that fails has to say so");
}

#[test]
fn what_is_written_back_is_the_page_with_its_placeholders() {
    let text = "# A page\n\n```console\n$ echo one; echo two 12\nx\ntwo [..]\n```\n\nWords.\n";
    let mut page = Page::of("page", text);
    assert_eq!(page.text(), text);
    assert_eq!(run(&mut page).len(), 1);
    assert_eq!(page.text(), text.replace("\nx\n", "\none\n"));
}

#[test]
fn every_block_of_a_page_is_run_or_says_why_not() {
    for path in pages() {
        let page = Page::read(&path);
        for block in &page.blocks {
            if let Block::Prose(lines) = block {
                let long = lines.iter().find(|l| l.chars().count() > WIDTH && !l.starts_with('|'));
                assert!(long.is_none(), "{}: over {WIDTH} columns: {long:?}", page.name);
            }
            let Block::Other { line, info, lines } = block else { continue };
            let at = format!("{}:{line}", page.name);
            match info.split_once(' ').unwrap_or((info, "")) {
                // A doctest of the crate, and of the Python package.
                ("rust" | "python", "") => {}
                ("console", reason) => {
                    let reason = reason.strip_prefix("not-run: ").unwrap_or_default();
                    assert!(!reason.is_empty(), "{at}: say why the block is not run");
                }
                ("json", "") => {
                    let text = lines.join("\n");
                    let read = serde_json::from_str::<serde_json::Value>(&text);
                    assert!(read.is_ok(), "{at}: {:?}", read.err());
                }
                ("toml", "") => {}
                ("text", "") => {
                    let command =
                        lines.iter().find(|l| l.starts_with("$ ") || l.starts_with("lexivec "));
                    assert!(command.is_none(), "{at}: {command:?} belongs in a console block");
                }
                _ => panic!(
                    "{at}: a block is console, json, python, rust, text or toml; this is {info:?}"
                ),
            }
        }
    }
}

#[test]
fn pages_are_linked_and_their_links_lead_somewhere() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README");
    for path in pages().into_iter().skip(1) {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(readme.contains(&format!("(docs/{name})")), "README does not link docs/{name}");
    }
    let more = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "GLOSSARY.md"];
    for path in pages().into_iter().chain(more.map(|name| root().join(name))) {
        let text = std::fs::read_to_string(&path).expect("a page");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(l, _)| l)
        {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || link.starts_with("http") {
                continue;
            }
            let target = path.parent().expect("a folder").join(file);
            assert!(target.exists(), "{}: {link} leads nowhere", path.display());
        }
    }
}

#[test]
fn the_readme_is_short_and_its_program_is_the_doctest_of_the_crate() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README");
    assert!(readme.lines().count() <= 130, "README has {} lines", readme.lines().count());
    let programs: Vec<Vec<String>> = Page::read(&root().join("README.md"))
        .blocks
        .into_iter()
        .filter_map(|block| match block {
            Block::Other { info, lines, .. } if info == "rust" => Some(lines),
            _ => None,
        })
        .collect();
    let [program] = &programs[..] else { panic!("README has {} Rust programs", programs.len()) };
    assert!(program.len() <= 15, "the program has {} lines", program.len());
    let source = std::fs::read_to_string(root().join("engine/src/lib.rs")).expect("the crate");
    let doctest: Vec<String> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .skip_while(|line| !line.starts_with(" ```"))
        .skip(1)
        .take_while(|line| !line.starts_with(" ```"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned())
        .collect();
    assert_eq!(program, &doctest, "README and engine/src/lib.rs differ");
}

#[test]
fn the_rust_of_every_page_is_a_doctest() {
    let guide = std::fs::read_to_string(root().join("engine/src/guide.rs")).expect("the module");
    for path in pages().into_iter().skip(1) {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(guide.contains(&format!("docs/{name}\"")), "engine/src/guide.rs lacks docs/{name}");
    }
}

#[test]
fn every_dependency_of_the_product_has_its_reason() {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).expect("the workspace");
    let members =
        workspace.lines().find_map(|line| line.strip_prefix("members = [")).expect("members");
    let members = members.trim_end_matches(']').split(", ").map(|name| name.trim_matches('"'));
    for member in members.filter(|name| !["tests", "benches"].contains(name)) {
        let manifest = root().join(member).join("Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).expect("a manifest");
        let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
        for line in lines.take_while(|line| !line.starts_with('[')) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if !name.is_empty() && !name.starts_with('#') && !name.starts_with("lexivec") {
                used.entry(name.to_owned()).or_default().insert(member.to_owned());
            }
        }
    }
    assert!(used.len() > 20, "the manifests were not read");
    let page = std::fs::read_to_string(root().join("docs/dependencies.md")).expect("the page");
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let crates = rest.split(" | ").next()?.split(", ").map(str::to_owned).collect();
        Some((name.to_owned(), crates))
    };
    let listed: BTreeMap<String, BTreeSet<String>> = page.lines().filter_map(row).collect();
    let names: BTreeSet<&String> = listed.keys().chain(used.keys()).collect();
    let differ = names.into_iter().filter(|name| listed.get(*name) != used.get(*name));
    let differ: Vec<_> = differ.map(|name| (name, listed.get(name), used.get(name))).collect();
    assert!(
        differ.is_empty(),
        "name, crates of docs/dependencies.md, crates of the manifests: {differ:?}"
    );
}
