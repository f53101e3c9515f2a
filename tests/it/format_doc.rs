//! `storage/FORMAT.md` against what is written: versions, names of files, sections, keys and limits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lexivec::query::request::Bm25;
use lexivec::storage::{Directory, DiskVfs, SegmentReader};
use lexivec::{Collection, Feedback, OpenOptions, Options, Profile};
use lexivec_tests::campaigns::fixture;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The rows of the first table below a heading of FORMAT.md, cell by cell, without its head.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = read("storage/FORMAT.md");
    let below = text.split_once(&format!("\n{heading}\n")).expect("the heading is there").1;
    let rows = below.lines().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|'));
    let cell = |c: &str| c.trim().to_owned();
    let rows = rows.map(|l| l.trim_matches('|').split('|').map(cell).collect());
    let rows: Vec<_> = rows.skip(2).collect();
    assert!(!rows.is_empty(), "no table below {heading:?}");
    rows
}

/// The first cells of a table: names in backquotes.
fn names(heading: &str) -> BTreeSet<String> {
    let quoted = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
    };
    table(heading).iter().flat_map(|row| quoted(&row[0])).collect()
}

/// Sixteen hexadecimal digits in a name, as the document writes them.
fn pattern(name: &str) -> String {
    let hex = |s: &str| s.bytes().all(|c| c.is_ascii_hexdigit());
    for from in 0..name.len() {
        if let (Some(digits), Some(end)) = (name.get(from..from + 16), name.get(from + 16..))
            && hex(digits)
        {
            return format!("{}<16 hex>{end}", &name[..from]);
        }
    }
    name.to_owned()
}

/// Names of what lies in a directory; those of directories end with a slash.
fn listed(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).expect("listed").map(|e| e.expect("an entry"));
    entries
        .map(|entry| {
            let name = pattern(&entry.file_name().to_string_lossy());
            if entry.path().is_dir() { format!("{name}/") } else { name }
        })
        .collect()
}

/// Constants of a source file: what is written behind `=`, by name.
fn constants(text: &str) -> BTreeMap<String, String> {
    let line = |l: &str| {
        let l = l.trim().split_once("const ")?.1;
        let (name, value) = l.split_once('=')?;
        let value = value.split(';').next()?.trim().to_owned();
        Some((name.split(':').next()?.trim().to_owned(), value))
    };
    text.lines().filter_map(line).collect()
}

/// The value of a constant: a number, a shift, or another constant of the file.
fn value(expression: &str, of: &BTreeMap<String, String>) -> u64 {
    if let Some((number, shift)) = expression.split_once("<<") {
        return value(number.trim(), of) << value(shift.trim(), of);
    }
    match of.get(expression) {
        Some(other) => value(other, of),
        None => expression.replace('_', "").parse().expect("a number"),
    }
}

/// A collection with everything that the format has, and what an export of it is.
fn everything(dir: &Path) -> (Collection, Vec<u8>) {
    fixture::write(dir).expect("written");
    let open = OpenOptions::new().background(false);
    let collection = open.open(dir).expect("opened");
    collection.set_profile("usual", Profile::default()).expect("set");
    collection.snapshot("first").expect("taken");
    let mut feedback = Feedback::default();
    (feedback.vector, feedback.relevant) = (Some(vec![1.0; 8]), vec!["d1".to_owned()]);
    collection.add_feedback(&[feedback]).expect("taken in");
    let mut export = Vec::new();
    collection.export(&mut export).expect("exported");
    // A write that is in the log.
    collection.delete(&["d1"]).expect("deleted");
    (collection, export)
}

fn versions_of(file: &str) -> BTreeSet<(u16, u16)> {
    let constants = constants(&read(file));
    let versions = constants.iter().filter(|(name, _)| name.starts_with("VERSION"));
    let numbers = versions.map(|(_, value)| {
        let (major, minor) = value.trim_matches(['(', ')']).split_once(", ").expect("two numbers");
        (major.parse().expect("a number"), minor.parse().expect("a number"))
    });
    numbers.collect()
}

#[test]
fn versions_and_magics_are_those_that_are_written_and_read() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("all");
    let (_collection, export) = everything(&dir);
    let start = |prefix: &str| {
        let mut entries = std::fs::read_dir(&dir).expect("listed").map(|e| e.expect("an entry"));
        let found = entries.find(|e| e.file_name().to_string_lossy().starts_with(prefix));
        std::fs::read(found.expect("there").path()).expect("read")
    };
    let rows = table("## Versions of the files");
    assert_eq!(rows.len(), 5);
    for (row, (name, bytes, source)) in rows.iter().zip([
        ("manifest", start("MANIFEST-"), "storage/src/manifest.rs"),
        ("segment file", start("segment-"), "storage/src/segment/mod.rs"),
        ("log file", start("log-"), "storage/src/wal/frame.rs"),
        ("record of the log's end", start("LOG-END"), "storage/src/wal/end.rs"),
        ("export", export, "storage/src/export.rs"),
    ]) {
        let magic = bytes[..8].iter().map(|&b| match b {
            0 => "\\0".to_owned(),
            b => char::from(b).to_string(),
        });
        assert_eq!(row[1], format!("`{}`", magic.collect::<String>()), "{name}");
        let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let written = (number(8), number(10));
        assert_eq!((row[0].as_str(), row[2].as_str()), (name, &*shown(written)), "{source}");
        let mut known = versions_of(source);
        assert_eq!(known.pop_last(), Some(written), "{source}");
        let older = match (known.first(), known.last()) {
            (Some(&first), Some(&last)) if first != last => {
                assert_eq!(known.len(), usize::from(last.1 - first.1 + 1), "no gap: {known:?}");
                format!("{} to {}", shown(first), shown(last))
            }
            (Some(&only), _) => shown(only),
            _ => String::new(),
        };
        assert_eq!(row[3], older, "{name}: older versions that are read");
    }
}

fn shown((major, minor): (u16, u16)) -> String {
    format!("{major}.{minor}")
}

#[test]
fn each_manifest_version_has_a_fixture_and_the_changelog_names_the_newest() {
    let versions = versions_of("storage/src/manifest.rs");
    for (major, minor) in &versions {
        let fixture = root().join(format!("tests/fixtures/format-v{major}-{minor}"));
        assert!(fixture.is_dir(), "{} is missing", fixture.display());
    }
    let text = read("CHANGELOG.md").replace('\n', " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let named = words.windows(3).filter(|w| w[0] == "Manifest" && w[1] == "format");
    let number = |w: &str| w.trim_end_matches(['.', ',', ';']).to_owned();
    let named: BTreeSet<String> = named.map(|w| number(w[2])).collect();
    assert_eq!(named.last(), versions.last().map(|&v| shown(v)).as_ref());
}

#[test]
fn every_name_in_a_directory_is_in_the_table_and_the_other_way_round() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("all");
    let (_collection, _) = everything(&dir);
    let (found, described) = (listed(&dir), names("## Directory"));
    assert_eq!(found.difference(&described).collect::<Vec<_>>(), [""; 0], "not described");
    // Names that are there for a moment only; each is a constant, or made of some, in the code.
    let passing =
        ["MANIFEST-<16 hex>.tmp", "log-<16 hex>.wal.tmp", "LOG-END.tmp", "PROBE", "PROBE.tmp"];
    let passing: BTreeSet<String> = passing.map(ToOwned::to_owned).into();
    let unseen: BTreeSet<String> = described.difference(&found).cloned().collect();
    assert_eq!(unseen, passing);
    for (name, file) in [
        ("LOCK", "storage/src/names.rs"),
        ("RESERVE", "storage/src/names.rs"),
        ("RESERVE-COMMIT", "storage/src/names.rs"),
        ("LOG-END", "storage/src/names.rs"),
        ("PROBE", "storage/src/names.rs"),
        ("PROBE.tmp", "storage/src/vfs/probe.rs"),
    ] {
        let quoted = format!("\"{name}\"");
        assert!(constants(&read(file)).values().any(|v| *v == quoted), "{name} in {file}");
    }
    for ending in [".removed", ".unfinished"] {
        let quoted = format!("\"{ending}\"");
        assert!(constants(&read("storage/src/vfs/disk.rs")).values().any(|v| *v == quoted));
        assert!(read("storage/FORMAT.md").contains(&format!("`{ending}`")), "{ending}");
    }
}

#[test]
fn every_section_of_a_segment_is_in_the_table_and_the_other_way_round() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("all");
    let (collection, _) = everything(&dir);
    let vfs = Arc::new(DiskVfs::open_root(&dir).expect("opened"));
    let directory = Directory::open_read_only(vfs.clone()).expect("opened");
    let mut found = BTreeSet::new();
    for segment in &directory.manifest().segments {
        let reader = SegmentReader::open(vfs.as_ref(), &segment.file).expect("opened");
        found.extend(reader.names().map(|name| described(name, &collection)));
    }
    assert_eq!(found, names("## Sections written by the engine"));
}

/// The name of a section as the document writes it.
fn described(name: &str, collection: &Collection) -> String {
    let schema = collection.schema();
    let text = schema.text.iter().map(|f| &f.name);
    let fields = text.chain(schema.vectors.iter().map(|f| &f.name));
    let fields: Vec<&String> = fields.chain(schema.tokens.iter().map(|f| &f.name)).collect();
    let mut parts: Vec<String> = name.split('/').map(ToOwned::to_owned).collect();
    match (parts[0].as_str(), parts[1].as_str()) {
        ("text", "lengths") => parts[2] = "<field>".to_owned(),
        ("text", "tantivy") if parts[2] != "meta.json" => parts[2] = "<ending>".to_owned(),
        ("vector" | "tokens", _) => {
            assert!(fields.contains(&&parts[1]), "{name}");
            parts[1] = "<field>".to_owned();
        }
        _ => {}
    }
    parts.join("/")
}

#[test]
fn every_key_of_the_schema_is_in_the_table_and_the_other_way_round() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (collection, _) = everything(&scratch.path().join("all"));
    let mut schema = collection.stats().expect("counted").schema;
    // Keys that are left out where they have their usual values.
    schema.profiles.insert("usual".to_owned(), Profile::default());
    schema.bm25 = Bm25 { k1: 1.5, b: 0.5 };
    schema.synonyms = "wing, aerofoil".parse().expect("a rule");
    let json = serde_json::to_value(&schema).expect("JSON");
    let keys: BTreeSet<String> = json.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, names("### What the engine puts into the manifest"));
    let usual = Collection::in_memory(Options::new()).expect("made");
    let left_out = serde_json::to_value(usual.schema()).expect("JSON");
    assert!(left_out.get("bm25").is_none() && left_out.get("profiles").is_none());
}

#[test]
fn every_limit_has_the_value_that_the_table_says() {
    let rows = table("## Limits");
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let (constant, said) = (row[0].trim_matches('`'), &row[1]);
        let mut words = said.split([' ', ';']).map(|w| w.trim_end_matches(','));
        let number = words.next().expect("a number");
        let scale = match words.next() {
            Some("KiB") => 1 << 10,
            Some("MiB") => 1 << 20,
            Some("GiB") => 1 << 30,
            _ => 1,
        };
        let expected = match number.split_once('^') {
            Some((base, power)) => {
                let base: u64 = base.parse().expect("a number");
                base.pow(power.parse().expect("a number"))
            }
            None => number.replace(',', "").parse::<u64>().expect("a number") * scale,
        };
        for file in row[2].split(", ") {
            let constants = constants(&read(file.trim_matches('`')));
            let found = constants.get(constant);
            let found = found.unwrap_or_else(|| panic!("{constant} is not in {file}"));
            assert_eq!(value(found, &constants), expected, "{constant} of {file}");
        }
    }
}
