//! ARCHITECTURE.md and CONTRIBUTING.md name only files and tests that exist.

use std::path::Path;

use regex::Regex;

use crate::tidy::tree;

/// Fewest underscores by which a word in code type is taken for the name of a test.
const UNDERSCORES_OF_A_TEST: usize = 3;

/// The words in code type of a page, without its blocks of code.
fn code_words(page: &str) -> Vec<String> {
    let prose: String = page.split("```").step_by(2).collect();
    let words = Regex::new(r"`([^`\s]+)`").expect("a pattern");
    words.captures_iter(&prose).map(|found| found[1].to_owned()).collect()
}

/// The paths that a word with alternatives stands for: `a/{b,c}.rs` is `a/b.rs` and `a/c.rs`.
fn alternatives(word: &str) -> Vec<String> {
    let parts = word.split_once('{').and_then(|(start, rest)| Some((start, rest.split_once('}')?)));
    match parts {
        None => vec![word.to_owned()],
        Some((start, (inside, end))) => {
            inside.split(',').map(|part| format!("{start}{part}{end}")).collect()
        }
    }
}

/// Words of a page that name a file or a test which does not exist.
fn missing(page: &str, sources: &[(String, String)]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path =
        Regex::new(r"^[A-Za-z.][\w./{},-]*(/[\w{},.-]*|\.(rs|md|toml|py))$").expect("a pattern");
    let test = Regex::new(r"^[a-z][a-z0-9_]*…?$").expect("a pattern");
    let exists = |name: &str| {
        let file = |(file, _): &(String, String)| file.ends_with(&format!("/{name}"));
        root.join(name).exists() || (!name.contains('/') && sources.iter().any(file))
    };
    let defined = |name: &str| {
        let definition = match name.strip_suffix('…') {
            Some(start) => format!("fn {start}"),
            None => format!("fn {name}("),
        };
        sources.iter().any(|(_, text)| text.contains(&definition))
    };
    let mut missing = Vec::new();
    for word in code_words(page) {
        if path.is_match(&word) && !word.contains("://") {
            missing.extend(alternatives(&word).into_iter().filter(|name| !exists(name)));
        } else if test.is_match(&word) && word.matches('_').count() >= UNDERSCORES_OF_A_TEST {
            missing.extend((!defined(&word)).then_some(word));
        }
    }
    missing
}

#[test]
fn files_and_tests_that_the_developers_pages_name_exist() {
    let sources = tree(|name| name.ends_with(".rs"));
    let pages = tree(|name| ["ARCHITECTURE.md", "CONTRIBUTING.md"].contains(&name));
    assert_eq!(pages.len(), 2);
    let mut faults = Vec::new();
    for (name, page) in &pages {
        assert!(code_words(page).len() > 10, "{name}: its words in code type were not found");
        faults.extend(missing(page, &sources).into_iter().map(|word| format!("{name}: {word}")));
    }
    assert_eq!(faults, [""; 0]);
}

#[test]
fn a_missing_file_or_test_is_noticed() {
    let sources = vec![("a/real.rs".to_owned(), "fn a_test_of_four_words() {}".to_owned())];
    let right = "`tests/it/architecture.rs` `tests/it/{docs,tidy}.rs` `real.rs` `a_test_of_four_words` `a_test_of_…`";
    assert_eq!(missing(right, &sources), [""; 0]);
    let wrong = "`tests/it/{docs,never}.rs` `unreal.rs` `a_test_of_five_words` `another_test_of_…`\n```\n`no/file.rs`\n```\n";
    let found = missing(wrong, &sources);
    assert_eq!(
        found,
        ["tests/it/never.rs", "unreal.rs", "a_test_of_five_words", "another_test_of_…"]
    );
}
