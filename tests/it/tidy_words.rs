//! The prose rule: plain words in names, comments, help, errors and documents.
//!
//! A doc line opens with a noun phrase or a third-person verb, and each phrase of [`BANNED`] has a
//! plainer form. The tree began with 1,534 of them.

use regex::Regex;

use crate::tidy::tree;

/// Banned phrases and headless doc lines in the whole tree; a change may lower this, not raise it.
const ALLOWED: usize = 5;

/// Phrases that a reader stops at, each as a pattern for text whose lines are joined.
const BANNED: [(&str, &str); 15] = [
    ("let go", r"\b(lets? go|letting go)\b"),
    ("told, tells", r"\b(told|tells?)\b"),
    ("none that", r"\bnone (that|of them)\b"),
    ("so many", r"\bso many\b"),
    ("at the most, at the least", r"\bat the (most|least)\b"),
    ("anew", r"\banew\b"),
    ("beside", r"\bbeside\b"),
    ("of its own", r"\bof (its|their|his|her|our|your|one's) own\b"),
    // The word in quotes is data: a question word.
    ("who", r#"(^|[^"`'\w])(who|whoever|nobody|somebody)\b"#),
    ("gone", r"(^|[^:\w])gone\b"),
    ("for want of", r"\bfor want of\b"),
    ("hand in", r"\b(hand|hands|handed|handing) (\w+ )?in\b"),
    ("look at the clock", r"\b(looks?|looked|looking) (at|on|to) the (clock|time)\b"),
    ("meanwhile", r"\bmeanwhile\b"),
    ("nothing if", r"([;,] |\bor )nothing (if|where|when|without)\b"),
];
/// Openings of a doc comment that name no subject.
const HEADLESS: &str =
    r"^(What|Whether|How|Who|Where|When|Which|Nothing|None|Those|That|The same|As)\b";

/// Folders of the product.
const PRODUCT: [&str; 10] = [
    "cli/src/",
    "demo/src/",
    "engine/src/",
    "eval/src/",
    "ingest/src/",
    "platform/src/",
    "python/src/",
    "query/src/",
    "server/src/",
    "storage/src/",
];

/// Sources, documents and recipes of the tree without licences, this file, and the tables of figures
/// and findings, which are records.
fn texts() -> Vec<(String, String)> {
    let readable = |name: &str| {
        [".rs", ".md", ".py", "Makefile"].iter().any(|end| name.ends_with(end))
            && !name.starts_with("LICENSE")
            && !name.ends_with("tidy_words.rs")
    };
    let mut texts = tree(readable);
    for (name, text) in &mut texts {
        if ["benches/RESULTS.md", "tests/LEDGER.md"].contains(&name.as_str()) {
            *text = text
                .lines()
                .filter(|l| !l.starts_with('|'))
                .fold(String::new(), |all, l| all + l + "\n");
        }
    }
    texts
}

/// The lines joined, without the marks of comments, so that a phrase is found across a line break.
fn joined(text: &str) -> String {
    let bare = |line: &str| line.trim().trim_start_matches(['/', '!', '#']).trim().to_owned();
    text.lines().map(bare).collect::<Vec<_>>().join(" ").to_lowercase()
}

/// First lines of the doc comments.
fn openings(text: &str) -> impl Iterator<Item = &str> {
    let doc = |line: &str| line.trim().starts_with("///") || line.trim().starts_with("//!");
    let before = std::iter::once("").chain(text.lines());
    let first = text.lines().zip(before).filter(move |(line, before)| doc(line) && !doc(before));
    first.map(|(line, _)| line.trim().trim_start_matches(['/', '!']).trim())
}

/// Banned phrases of a text, each with the words around it, and its headless doc lines.
pub(crate) fn banned_in(text: &str) -> Vec<String> {
    let whole = joined(text);
    let around = |at: std::ops::Range<usize>| {
        let (start, end) = (at.start.saturating_sub(30), (at.end + 30).min(whole.len()));
        let excerpt = &whole[whole.floor_char_boundary(start)..whole.ceil_char_boundary(end)];
        format!("…{excerpt}…")
    };
    let mut found: Vec<String> = Vec::new();
    for (name, pattern) in BANNED {
        let pattern = Regex::new(pattern).expect("a pattern");
        found.extend(pattern.find_iter(&whole).map(|m| format!("{name}: {}", around(m.range()))));
    }
    let headless = Regex::new(HEADLESS).expect("a pattern");
    found.extend(openings(text).filter(|l| headless.is_match(l)).map(|l| format!("headless: {l}")));
    found
}

/// The parts of a file that a user reads: documents whole; of the product the string literals, the
/// help of the command, and the documentation of public items.
fn read_by_users(name: &str, text: &str) -> String {
    let guide =
        |name: &str| name == "README.md" || name == "GLOSSARY.md" || name.starts_with("docs/");
    if name.ends_with(".md") && (guide(name) || name.ends_with("FILTERS.md")) {
        return text.to_owned();
    }
    if name.starts_with("python/lexivec/") && name.ends_with(".py") {
        return texts_of_python(text);
    }
    let tests = name.ends_with("/tests.rs") || name.contains("/tests/");
    if tests || !name.ends_with(".rs") || !PRODUCT.iter().any(|folder| name.starts_with(folder)) {
        return String::new();
    }
    let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: Vec<&str> = product.lines().filter(|l| !l.trim().starts_with("//")).collect();
    let literal = Regex::new(r#""(?:[^"\\]|\\.)*""#).expect("a pattern");
    let code = code.join("\n");
    let mut read: String = literal.find_iter(&code).map(|l| l.as_str().to_owned() + "\n").collect();
    let help = name.starts_with("cli/") && product.contains("#[arg(");
    let public = Regex::new(r"^(pub |[A-Z]\w*( \{|\(|,|$))").expect("a pattern");
    let mut block = String::new();
    for line in product.lines().map(str::trim) {
        if line.starts_with("///") {
            block = block + line + "\n";
        } else if !line.starts_with("#[") {
            if help || public.is_match(line) {
                read += &block;
                read += "\n";
            }
            block.clear();
        }
    }
    read
}

/// The docstrings of Python, as doc comments, and its string literals.
fn texts_of_python(text: &str) -> String {
    let literal = Regex::new(r#""(?:[^"\\\n]|\\.)*""#).expect("a pattern");
    let comment = Regex::new(r"(?m)^\s*#.*$").expect("a pattern");
    let mut read = String::new();
    for (part, text) in text.split("\"\"\"").enumerate() {
        if part % 2 == 1 {
            read.extend(text.trim().lines().map(|line| format!("/// {}\n", line.trim())));
        } else {
            let code = comment.replace_all(text, "");
            read.extend(literal.find_iter(&code).map(|l| l.as_str().to_owned() + "\n"));
        }
        read.push('\n');
    }
    read
}

#[test]
fn words_are_plain() {
    let (mut all, mut read) = (Vec::new(), Vec::new());
    for (name, text) in texts() {
        all.extend(banned_in(&text).into_iter().map(|f| format!("{name}: {f}")));
        let text = read_by_users(&name, &text);
        read.extend(banned_in(&text).into_iter().map(|f| format!("{name}: {f}")));
    }
    assert_eq!(
        read, [""; 0],
        "texts that a user reads: documents, help, errors, docs of public items"
    );
    assert!(all.len() <= ALLOWED, "{ALLOWED} allowed in the tree: {all:#?}");
}

#[test]
fn a_phrase_is_found_across_lines_and_an_opening_in_its_comment() {
    let text = "    /// What it does: it is let\n    /// go of.\n    fn f() {}\n";
    let found =
        ["let go: …what it does: it is let go of. fn f() {}…", "headless: What it does: it is let"];
    assert_eq!(banned_in(text), found);
    assert_eq!(banned_in("/// A row.\n/// What follows.\n"), [""; 0]);
    let code = "/// Who reads.\npub fn f() { g(\"told\") }\n// beside\nfn g() {}\n";
    assert_eq!(banned_in(&read_by_users("cli/src/x.rs", code)).len(), 3);
    let code = "def f():\n    \"\"\"What it does.\"\"\"\n    # told\n    raise E(\"told\")\n";
    assert_eq!(banned_in(&read_by_users("python/lexivec/x.py", code)).len(), 2);
}
