//! The examples of the library: each runs to its end and prints what it promises.

use std::path::PathBuf;
use std::process::Command;

/// Each example, its arguments, and lines of its output.
const EXAMPLES: [(&str, &[&str], &[&str]); 8] = [
    ("quickstart", &[], &["2 of 3 rows found", "  wing\n", "slipstream"]),
    ("serde_documents", &[], &["soup: Tomato soup (40 minutes, vegan, soup)", "steps: Roast"]),
    ("hybrid_own_vectors", &[], &["hybrid, by ranks (RRF)", "with score", "hybrid, by scores"]),
    (
        "filters_and_facets",
        &[],
        &[
            "built  : 3",
            "text   : 3",
            "JSON   : 3",
            "refused: filter",
            "  2 in \"adventure\"",
            "best of ",
        ],
    ),
    ("own_embedder_and_reranker", &[], &["fused ", "reranked -15.0000  short", "applied: true"]),
    (
        "cursor",
        &[],
        &["7 hits are ranked", "page: note-1 note-2 note-3\n", "page: note-7\n", "finds 8"],
    ),
    (
        "readers_beside_writer",
        &[],
        &["a reader saw 1000 rows in each of 200", "still has 1000", "a new searcher has 2000"],
    ),
    (
        "axum_service",
        &["--once"],
        &["HTTP/1.1 200 OK", "\"id\":\"heat\"", "HTTP/1.1 400 Bad Request"],
    ),
];

/// A built example, in the folder next to this program's.
fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this program");
    let found = own.ancestors().skip(1).take(2).map(|dir| dir.join("examples").join(name));
    found
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("build the examples first: cargo build -p lexivec --examples"))
}

#[test]
fn every_example_runs_and_prints_what_it_promises() {
    for (name, args, lines) in EXAMPLES {
        let output = Command::new(built(name)).args(args).output().expect("it runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {failed}");
        for line in lines {
            assert!(printed.contains(line), "{name} does not print {line:?}:\n{printed}");
        }
    }
}

#[test]
fn no_example_is_left_out() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/examples");
    let files = std::fs::read_dir(folder).expect("the examples");
    let mut files: Vec<String> = files
        .map(|file| {
            file.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into()
        })
        .collect();
    files.sort();
    let mut names = EXAMPLES.map(|(name, _, _)| name);
    names.sort_unstable();
    assert_eq!(files, names);
}
