//! House rules that a machine can hold.

use std::path::Path;

/// Most code lines of a file, its inline tests included.
const MAX_FILE_LINES: usize = 600;
/// A function has fewer lines than this.
const FUNCTION_LINES: usize = 70;
/// Folders with source of the product and its tests.
const CRATES: [&str; 13] = [
    "storage", "query", "access", "eval", "platform", "demo", "engine", "ingest", "server", "cli",
    "python", "tests", "benches",
];

/// Files of the tree whose name, relative to its root, is `wanted`, with their text; no build output.
pub(crate) fn tree(wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(path) = paths.pop() {
        let name = path.strip_prefix(&root).expect("below").to_string_lossy().into_owned();
        if path.is_dir() {
            let last = path.file_name().unwrap_or_default().to_string_lossy();
            if last != "target" && (name.is_empty() || !last.starts_with('.')) {
                let entries = std::fs::read_dir(&path).expect("listed");
                paths.extend(entries.map(|e| e.expect("an entry").path()));
            }
        } else if wanted(&name) {
            files.push((name, std::fs::read_to_string(&path).expect("read")));
        }
    }
    files.sort();
    files
}

/// Rust sources of the product and its tests.
fn sources() -> Vec<(String, String)> {
    let in_crate = |name: &str| CRATES.iter().any(|c| name.starts_with(&format!("{c}/")));
    let sources = tree(|name| name.ends_with(".rs") && in_crate(name));
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

/// Files among the sources that break a rule.
fn breaking(rule: impl Fn(&str, &str) -> bool) -> Vec<String> {
    sources().into_iter().filter(|(n, t)| rule(n, t)).map(|(n, _)| n).collect()
}

#[test]
fn every_file_says_what_it_owns_and_is_not_too_long() {
    assert_eq!(breaking(|_, text| !text.starts_with("//! ")), [""; 0]);
    let code = |text: &str| {
        text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//")).count()
    };
    assert_eq!(breaking(|_, text| code(text) > MAX_FILE_LINES), [""; 0]);
    let bucket = |name: &str| {
        ["common", "utils", "types", "helpers", "manager"].iter().any(|b| name.contains(b))
    };
    assert_eq!(breaking(|name, _| bucket(name)), [""; 0]);
}

/// Functions of a text with more lines than allowed: from the line with `fn` to the closing brace at its
/// indentation.
fn long_functions(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let words = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async ", "unsafe "];
    let name = |line: &str| {
        let mut rest = line.trim_start();
        while let Some(word) = words.iter().find(|word| rest.starts_with(**word)) {
            rest = &rest[word.len()..];
        }
        rest.strip_prefix("fn ").map(|rest| rest.split(['(', '<']).next().unwrap_or("").to_owned())
    };
    let functions = lines.iter().enumerate().filter_map(|(i, line)| Some((i, line, name(line)?)));
    let length = |i: usize, line: &str| {
        let end = |l: &&str| l.trim_start().starts_with('}') && indent(l) == indent(line);
        lines[i..].iter().position(end).map_or(1, |lines| lines + 1)
    };
    let one_line = |line: &str| line.trim_end().ends_with([';', '}']);
    functions
        .filter(|(i, line, _)| !one_line(line) && length(*i, line) >= FUNCTION_LINES)
        .map(|(_, _, name)| name)
        .collect()
}

#[test]
fn functions_are_short_and_tests_do_not_sleep() {
    let long = sources().into_iter().flat_map(|(name, text)| {
        let long = long_functions(&text).into_iter();
        long.map(|function| format!("{name} {function}")).collect::<Vec<_>>()
    });
    assert_eq!(long.collect::<Vec<_>>(), [""; 0]);
    let body = "    pub fn long() {\n".to_owned() + &"        f();\n".repeat(68) + "    }\n";
    assert_eq!(long_functions(&body), ["long"]);
    assert_eq!(long_functions(&body.replacen("        f();\n", "", 1)), [""; 0]);
    // A campaign kills a process at a random moment, and has to let time pass until then.
    let sleep = concat!("thread::", "sleep(");
    let sleeps = breaking(|name, text| {
        let test = name.starts_with("tests/") && name != "tests/campaigns/kill.rs";
        let inside = text.split("#[cfg(test)]").nth(1).unwrap_or_default();
        test && text.contains(sleep)
            || name.ends_with("/tests.rs") && text.contains(sleep)
            || inside.contains(sleep)
    });
    assert_eq!(sleeps, [""; 0]);
}

const HTTP_CLIENTS: &[&str] = &[
    "ingest/src/endpoint/",
    "cli/src/commands/health.rs",
    "tests/it/http.rs",
    "tests/it/keyed.rs",
    "tests/it/mcp.rs",
];

#[test]
fn each_thing_stays_in_its_room() {
    let own = file!().trim_start_matches("tests/");
    let outside = |rooms: &'static [&'static str], word: &'static str| {
        breaking(move |name, text| {
            let room = rooms.iter().any(|r| name.starts_with(r)) || name.ends_with(own);
            !room && text.lines().any(|l| !l.trim_start().starts_with("//") && l.contains(word))
        })
    };
    assert_eq!(
        outside(
            &[
                "storage/src/mapped.rs",
                "storage/src/sigbus.rs",
                "engine/src/vector/distance/x86",
                "engine/src/vector/distance/neon",
            ],
            "unsafe "
        ),
        [""; 0]
    );
    assert_eq!(outside(&["engine/src/text/", "benches/compare/"], "tantivy::"), [""; 0]);
    let files = &[
        "storage/src/vfs/disk.rs",
        "storage/src/vfs/place.rs",
        "storage/src/vfs/tests.rs",
        // Files with secrets, which have modes and are appended to.
        "storage/src/vfs/private.rs",
        "storage/src/mapped.rs",
        "storage/src/output.rs",
        "access/src/audit/tests.rs",
        "access/src/keys/tests.rs",
        "access/src/token/tests.rs",
        // Its own address space, which the kernel shows as a file.
        "server/src/memory.rs",
        "ingest/",
        "cli/",
        "python/",
        "tests/",
        "benches/",
    ];
    assert_eq!(outside(files, "std::fs"), [""; 0]);
    assert_eq!(
        outside(
            &[
                "server/",
                "tests/it/http.rs",
                "tests/it/examples.rs",
                "engine/examples/axum_service.rs"
            ],
            "axum"
        ),
        [""; 0]
    );
    assert_eq!(outside(&["cli/"], "clap::"), [""; 0]);
    assert_eq!(outside(HTTP_CLIENTS, "ureq::"), [""; 0]);
    assert_eq!(outside(&["storage/src/mapped.rs"], "memmap2"), [""; 0]);
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, allowed) in [
        ("storage", &[][..]),
        ("query", &[]),
        ("access", &["lexivec-storage", "lexivec-query"]),
        ("eval", &["lexivec-query"]),
        ("platform", &["lexivec-query", "lexivec-eval"]),
        ("demo", &["lexivec-query", "lexivec-eval"]),
        ("engine", &["lexivec-storage", "lexivec-query", "lexivec-eval"]),
        ("server", &["lexivec", "lexivec-access", "lexivec-platform"]),
        ("ingest", &["lexivec"]),
        (
            "cli",
            &[
                "lexivec",
                "lexivec-access",
                "lexivec-demo",
                "lexivec-ingest",
                "lexivec-platform",
                "lexivec-server",
            ],
        ),
        ("python", &["lexivec", "lexivec-demo", "lexivec-platform"]),
    ] {
        let manifest = std::fs::read_to_string(root.join(name).join("Cargo.toml")).expect("read");
        let dependencies = manifest
            .lines()
            .skip_while(|l| *l != "[dependencies]")
            .take_while(|l| *l != "[dev-dependencies]")
            .filter(|l| l.starts_with("lexivec"))
            .map(|l| l.split(['.', ' ', '=']).next().unwrap_or_default());
        for dependency in dependencies {
            assert!(allowed.contains(&dependency), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn every_dependency_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = sources();
    let mut unused = Vec::new();
    for name in CRATES {
        let manifest = std::fs::read_to_string(root.join(name).join("Cargo.toml")).expect("read");
        let folder = format!("{name}/");
        let used =
            |word: &str| sources.iter().any(|(n, t)| n.starts_with(&folder) && names(t, word));
        for dependency in dependencies(&manifest) {
            let word = dependency.replace('-', "_");
            if !used(&word) {
                unused.push(format!("{name}: {dependency}"));
            }
        }
    }
    assert_eq!(unused, [""; 0]);
    // The check can fail.
    assert_eq!(dependencies("[dependencies]\na-b.workspace = true\n[lints]\nc = 1\n"), ["a-b"]);
    assert!(
        names("use a_b::c;", "a_b") && !names("use xa_b::c;", "a_b") && !names("// a_b", "a_b")
    );
}

/// Names in the tables of dependencies of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside && !line.starts_with('#') && line.contains('=') {
            names.push(line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned());
        }
    }
    names
}

/// True if a source names a crate, in code or in an example of its documentation.
fn names(text: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_comment = |l: &&str| l.trim_start().starts_with("// ");
    text.lines().filter(|l| !is_comment(l)).any(|line| {
        line.match_indices(word).any(|(at, _)| {
            let after = line[at + word.len()..].chars().next();
            !line[..at].ends_with(is_word) && !after.is_some_and(is_word)
        })
    })
}
