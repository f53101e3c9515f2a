//! Documents compared with the product: they name every route and every verb, and only existing ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lexivec_server::{Route, routes};
use serde_json::Value;

use crate::http::Running;
use crate::lexivec_ok;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents that a user reads, by name; `docs/` with them.
fn documents() -> Vec<(String, String)> {
    let mut names = vec!["README.md".to_owned()];
    let entries = std::fs::read_dir(root().join("docs")).expect("listed");
    for entry in entries {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    let text = |name: &str| std::fs::read_to_string(root().join(name)).expect("read");
    names.into_iter().map(|name| (name.clone(), text(&name))).collect()
}

/// The routes in the table of `docs/http.md`: paths, and the methods of each.
fn described_routes(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let rows = text.lines().filter(|l| l.starts_with("| `/"));
    let mut found = BTreeMap::new();
    for row in rows {
        let mut cells = row.trim_matches('|').split('|');
        let (paths, methods) = (cells.next().expect("paths"), cells.next().expect("methods"));
        let methods: BTreeSet<String> = methods.split(',').map(|m| m.trim().to_owned()).collect();
        for path in paths.split('`').skip(1).step_by(2) {
            assert!(
                found.insert(path.to_owned(), methods.clone()).is_none(),
                "{path} is there twice"
            );
        }
    }
    found
}

#[test]
fn the_route_table_of_the_documents_is_that_of_the_router() {
    let text = std::fs::read_to_string(root().join("docs/http.md")).expect("read");
    let methods = |r: &Route| r.methods.iter().map(|(method, _)| (*method).to_owned()).collect();
    let routes: BTreeMap<_, BTreeSet<_>> =
        routes().iter().map(|r| (r.path.to_owned(), methods(r))).collect();
    assert_eq!(described_routes(&text), routes);
}

#[test]
fn answers_404_and_405_list_the_routes_and_methods_of_the_table() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let (status, problem) = server.json("GET", "/v1/nothing", &Value::Null);
    let detail = problem["detail"].as_str().expect("a detail");
    assert_eq!(status, 404);
    for route in routes() {
        let path = route.path;
        let below = path.strip_prefix("/v1/collections/{collection}").filter(|p| !p.is_empty());
        let listed = detail.split([' ', ',']).any(|word| word == below.unwrap_or(path));
        assert!(listed, "{path} is not in {detail}");
    }
    for (method, path, methods) in [
        ("PUT", "/healthz", "it takes GET"),
        ("POST", "/v1/collections/x", "it takes GET, PUT, DELETE"),
    ] {
        let (status, problem) = server.json(method, path, &Value::Null);
        let detail = problem["detail"].as_str().expect("a detail");
        assert_eq!((status, detail.ends_with(methods)), (405, true), "{detail}");
    }
}

/// Paths of the server in a text: what starts like one, up to a character that no path has.
fn paths(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for start in ["/v1/", "/v2/", "/healthz", "/livez", "/readyz", "/metrics", "/collections"] {
        for (at, _) in text.match_indices(start) {
            // As of `/work/v1/…`: a path of something else.
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_ascii_alphanumeric() && !text[..at].ends_with("8009")) {
                continue;
            }
            let rest = &text[at..];
            let is_part = |c: char| c.is_ascii_alphanumeric() || "/_-{}".contains(c);
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            found.push(rest[..end].trim_end_matches('/'));
        }
    }
    found
}

/// True if a route's pattern has this path; a name in braces stands for any one part.
fn has(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern.iter().zip(&path).all(|(p, s)| p == s || (p.starts_with('{') && !s.is_empty()))
}

#[test]
fn documents_name_no_route_that_the_router_has_not() {
    let routes = routes();
    let mut checked = 0;
    for (name, text) in documents() {
        for path in paths(&text) {
            let known = routes.iter().any(|r| has(r.path, path));
            // A list of routes may be shortened after a slash or before a bracket.
            let begun = routes.iter().any(|r| r.path.starts_with(path));
            assert!(known || begun, "{name} names {path}, which is no route");
            checked += 1;
        }
    }
    assert!(checked >= routes.len(), "the paths in the documents are not found");
}

/// The verbs that a help text lists.
fn verbs_of(arguments: &[&str]) -> Vec<String> {
    let help = lexivec_ok(&[arguments, &["--help"]].concat());
    let Some((_, listed)) = help.split_once("Commands:\n") else { return Vec::new() };
    let lines = listed.lines().take_while(|l| l.starts_with("  "));
    // A line that goes on is indented further.
    let verbs = lines.filter(|l| !l.starts_with("   ")).filter_map(|l| l.split_whitespace().next());
    verbs.filter(|verb| *verb != "help").map(ToOwned::to_owned).collect()
}

/// Every verb of the command, those below a verb with it.
fn verbs() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for verb in verbs_of(&[]) {
        for inner in verbs_of(&[&verb]) {
            all.insert(format!("{verb} {inner}"));
        }
        all.insert(verb);
    }
    assert!(all.len() > 15, "{all:?}");
    all
}

#[test]
fn every_verb_is_named_in_the_documents_and_no_other() {
    let verbs = verbs();
    let (cli, cli_text) =
        documents().into_iter().find(|(name, _)| name == "docs/cli.md").expect("docs/cli.md");
    for verb in &verbs {
        let named = format!("lexivec {verb}");
        let found = cli_text.match_indices(&named).any(|(at, _)| {
            let next = cli_text[at + named.len()..].chars().next();
            next.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-')
        });
        assert!(found, "{cli} does not name `{named}`");
    }
    for (name, text) in documents() {
        // In a code block or between backquotes a word after the command's name is a verb.
        for (at, found) in text.match_indices("lexivec ") {
            let before = text[..at].chars().next_back();
            if !before.is_none_or(|c| matches!(c, '`' | '\n' | ' ' | '/')) {
                continue;
            }
            let line_start = text[..at].rfind('\n').map_or(0, |n| n + 1);
            let quoted = text[line_start..at].matches('`').count() % 2 == 1;
            if !quoted && !in_code(&text, at) {
                continue;
            }
            let word: String = text[at + found.len()..]
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '-')
                .collect();
            // `help` is a verb that clap adds; a flag is none.
            let other = word.is_empty() || word.starts_with('-') || word == "help";
            assert!(other || verbs.contains(&word), "{name}: `lexivec {word}` is no verb");
        }
    }
}

/// True for a place inside a fenced block of code.
fn in_code(text: &str, at: usize) -> bool {
    text[..at].lines().filter(|l| l.trim_start().starts_with("```")).count() % 2 == 1
}
