//! The generator of demo data: the same bytes for a seed, the same records in every format, and its command.

mod answers;
mod records;
mod schema;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use lexivec_demo::{Format, Kind, Moment, Source, Timeframe, Viewer};
use lexivec_tests::Killed;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

use crate::{arg, lexivec, lexivec_ok};

/// Records of a comparison: more than one batch, and no whole number of them.
const COUNT: u64 = 1_300;

/// Every kind, with every role, with and without a course, under a name.
fn kinds() -> Vec<(&'static str, Kind)> {
    let instructor = Viewer::Instructor("Dr. Sarah Johnson".to_owned());
    let course = || Some("c-1".to_owned());
    vec![
        ("courses of an instructor", Kind::Courses(instructor.clone())),
        ("courses of a student", Kind::Courses(Viewer::Student)),
        ("courses of an administrator", Kind::Courses(Viewer::Administrator)),
        ("students", Kind::Students(None)),
        ("students of a course", Kind::Students(course())),
        ("quizzes", Kind::Quizzes),
        ("labs", Kind::Labs(None)),
        ("feedback of a course", Kind::Feedback(course())),
        ("analytics of an instructor", Kind::Analytics(instructor, Timeframe::Quarter)),
        ("analytics of a student", Kind::Analytics(Viewer::Student, Timeframe::Year)),
        ("analytics of an administrator", Kind::Analytics(Viewer::Administrator, Timeframe::Month)),
    ]
}

fn source(seed: u64) -> Source {
    Source::new(seed, Moment::from_unix(1_764_547_200))
}

fn written(kind: &Kind, count: u64, format: Format, seed: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    lexivec_demo::write(kind, count, source(seed), format, &mut bytes).expect("written");
    bytes
}

#[test]
fn threads_and_batches_change_no_byte() {
    for (name, kind) in kinds() {
        for format in Format::ALL {
            let with = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("a pool").install(|| written(&kind, COUNT, format, 3))
            };
            let one = with(1);
            assert!(one == with(2) && one == with(5), "{name} as {format:?}");
        }
        // Fewer records are the beginning of more.
        let lines = written(&kind, COUNT, Format::JsonLines, 3);
        for fewer in [0, 1, 511, 513] {
            assert!(lines.starts_with(&written(&kind, fewer, Format::JsonLines, 3)), "{name}");
        }
        assert_ne!(lines, written(&kind, COUNT, Format::JsonLines, 4), "{name}");
    }
    let lines = String::from_utf8(written(&Kind::Quizzes, COUNT, Format::JsonLines, 3));
    for (line, quiz) in lines.expect("text").lines().zip(lexivec_demo::quizzes(COUNT, source(3))) {
        assert_eq!(line, serde_json::to_string(&quiz).expect("JSON"));
    }
}

/// BLAKE3 of the first 1,000 records of each kind under seed 7 as JSON lines, its first 16 digits.
const GOLDEN: [&str; 11] = [
    "1eb215f57bd60609",
    "95dc84750af1b73a",
    "6164c21939d819c6",
    "0aac43ccd09897ac",
    "82eb260f8698d9ae",
    "e6ea4680f1ae51cf",
    "6005f1e0a1f0c6a8",
    "b16cff124bd23a13",
    "5e5d48f463ae67a2",
    "45e8affa2e5b400e",
    "37938113380f302b",
];

#[test]
fn the_same_seed_gives_the_same_bytes_everywhere() {
    let found: Vec<String> = kinds()
        .iter()
        .map(|(_, kind)| {
            let hash = blake3::hash(&written(kind, 1_000, Format::JsonLines, 7));
            hash.to_hex()[..16].to_owned()
        })
        .collect();
    assert_eq!(
        found, GOLDEN,
        "the records of a seed have changed; if that is meant, say so in CHANGELOG.md"
    );
}

/// The records of JSON lines.
fn records(lines: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(lines).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Asserts that a cell, as text, holds a member.
fn assert_cell(cell: &str, member: Option<&Value>) {
    match member {
        None | Some(Value::Null) => assert_eq!(cell, ""),
        Some(Value::String(text)) => assert_eq!(cell, text),
        Some(nested @ (Value::Array(_) | Value::Object(_))) => {
            assert_eq!(&serde_json::from_str::<Value>(cell).expect("JSON"), nested);
        }
        Some(plain) => assert_eq!(cell, plain.to_string()),
    }
}

fn assert_csv(bytes: &[u8], records: &[Value]) {
    let mut reader = csv::Reader::from_reader(bytes);
    let names = reader.headers().expect("names").clone();
    let rows: Vec<csv::StringRecord> =
        reader.into_records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), records.len());
    for (row, record) in rows.iter().zip(records) {
        let record = record.as_object().expect("an object");
        assert!(record.keys().all(|key| names.iter().any(|name| name == key)), "{names:?}");
        names.iter().zip(row).for_each(|(name, cell)| assert_cell(cell, record.get(name)));
    }
}

fn assert_parquet(bytes: &[u8], records: &[Value]) {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("written");
    let reader = SerializedFileReader::new(file).expect("a Parquet file");
    let mut rows = 0;
    for (row, record) in reader.get_row_iter(None).expect("rows").zip(records) {
        for (name, field) in row.expect("a row").get_column_iter() {
            let member = record.get(name).filter(|member| !member.is_null());
            match (field, member) {
                (Field::Str(text), _) => assert_cell(text, member),
                (Field::Null, None) => {}
                (Field::Long(number), Some(member)) => assert_eq!(member, number),
                (Field::Double(number), Some(member)) => assert_eq!(member, number),
                (Field::Bool(truth), Some(member)) => assert_eq!(member, truth),
                other => panic!("{name}: {other:?}"),
            }
        }
        rows += 1;
    }
    assert_eq!(rows, records.len());
}

#[test]
fn every_format_holds_the_same_records() {
    for (_, kind) in kinds() {
        // More than a row group of Parquet.
        let count = if matches!(kind, Kind::Labs(_)) { 9_000 } else { COUNT };
        let lines = records(&written(&kind, count, Format::JsonLines, 5));
        assert_eq!(lines.len() as u64, count);
        assert_csv(&written(&kind, count, Format::Csv, 5), &lines);
        assert_parquet(&written(&kind, count, Format::Parquet, 5), &lines);
        assert_csv(&written(&kind, 0, Format::Csv, 5), &[]);
        assert_parquet(&written(&kind, 0, Format::Parquet, 5), &[]);
        assert!(written(&kind, 0, Format::JsonLines, 5).is_empty());
    }
}

/// The members of a JSON object in the order of its text; nested ones are skipped.
fn names_in_order(line: &str) -> Vec<String> {
    let (mut depth, mut names, mut rest) = (0, Vec::new(), line);
    while let Some(at) = rest.find(['"', '{', '}', '[', ']']) {
        let (sign, after) = rest[at..].split_at(1);
        rest = after;
        match sign {
            "{" | "[" => depth += 1,
            "}" | "]" => depth -= 1,
            _ => {
                let end = rest.find('"').expect("no text has a quote in it");
                if depth == 1 && rest[end + 1..].starts_with(':') {
                    names.push(rest[..end].to_owned());
                }
                rest = &rest[end + 1..];
            }
        }
    }
    names
}

#[test]
fn columns_have_the_order_of_the_members() {
    for (name, kind) in kinds() {
        let csv = String::from_utf8(written(&kind, 1, Format::Csv, 1)).expect("text");
        let json = String::from_utf8(written(&kind, 1, Format::JsonLines, 1)).expect("text");
        let columns = csv.lines().next().expect("a line").trim_end_matches(",course_id");
        let members = names_in_order(&json).join(",");
        assert_eq!(columns, members.trim_end_matches(",course_id"), "{name}");
    }
}

fn count(index: &Path) -> String {
    lexivec_ok(&["count", arg(index)]).trim().to_owned()
}

#[test]
fn every_format_can_be_ingested() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = |name: &str| scratch.path().join(name);
    for (kind, id) in [("courses", "id"), ("quizzes", "quiz_id"), ("analytics", "id")] {
        for format in ["csv", "parquet"] {
            let (file, index) =
                (path(&format!("{kind}.{format}")), path(&format!("{kind}-{format}")));
            lexivec_ok(&["generate", kind, "--count", "120", "--output", arg(&file)]);
            let input = format!("--{format}");
            lexivec_ok(&["ingest", arg(&index), &input, arg(&file), "--id-column", id]);
            assert_eq!(count(&index), "120", "{kind} as {format}");
        }
    }
    std::fs::create_dir(path("folder")).expect("made");
    let args = ["generate", "courses", "-n", "50", "-o"];
    lexivec_ok(&[&args[..], &[arg(&path("folder/courses.jsonl"))]].concat());
    lexivec_ok(&["ingest", arg(&path("read")), "--folder", arg(&path("folder"))]);
    assert_eq!(count(&path("read")), "50");
}

#[test]
fn the_command_writes_what_the_library_does() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = |name: &str| scratch.path().join(name);
    let now = ["--now", "2025-12-01T00:00:00Z"];
    let run = |more: &[&str]| lexivec_ok(&[&["generate"], more, &now].concat());
    for (args, kind) in [
        (&["students", "--count", "600"][..], Kind::Students(None)),
        (&["labs", "--count", "20", "--course-id", "c-1"], Kind::Labs(Some("c-1".to_owned()))),
        (
            &["analytics", "--count", "3", "--timeframe", "90d"],
            Kind::Analytics(Viewer::Administrator, Timeframe::Quarter),
        ),
        (&["courses", "--count", "9", "--role", "student"], Kind::Courses(Viewer::Student)),
    ] {
        let count = args[2].parse().expect("a number");
        let printed = run(&[args, &["--seed", "9"]].concat());
        let expected = written(&kind, count, Format::JsonLines, 9);
        assert_eq!(printed.as_bytes(), expected, "{args:?}");
        let csv = run(&[args, &["--seed", "9", "--format", "csv", "--output", "-"]].concat());
        assert_eq!(csv.as_bytes(), written(&kind, count, Format::Csv, 9));
    }
    run(&["quizzes", "-n", "30", "--seed", "9", "--output", arg(&file("q.parquet"))]);
    let bytes = std::fs::read(file("q.parquet")).expect("read");
    assert_eq!(bytes, written(&Kind::Quizzes, 30, Format::Parquet, 9));
    assert_eq!(run(&["courses", "--count", "0"]), "");
    // The case of an ending means nothing; a name without one is of JSON lines, and --format is stronger than an ending.
    for (name, format, more) in [
        ("q.PARQUET", Format::Parquet, &[][..]),
        ("q.Csv", Format::Csv, &[]),
        ("q", Format::JsonLines, &[]),
        ("q.data", Format::Csv, &["--format", "csv"]),
    ] {
        let path = file(name);
        run(&[&["quizzes", "-n", "30", "--seed", "9", "--output", arg(&path)], more].concat());
        assert_eq!(
            std::fs::read(file(name)).expect("read"),
            written(&Kind::Quizzes, 30, format, 9)
        );
    }
    // A device and a pipe are there already, and are written as they are.
    run(&["quizzes", "--output", "/dev/null"]);
    let pipe = file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read(pipe).expect("read")
    });
    run(&["quizzes", "-n", "30", "--seed", "9", "--output", arg(&pipe)]);
    let read = reader.join().expect("a reader");
    assert_eq!(read, written(&Kind::Quizzes, 30, Format::JsonLines, 9));
    // The seed chooses an instructor, and dates are of the present day.
    let lines = lexivec_ok(&["generate", "courses", "--role", "instructor"]);
    let courses = records(lines.as_bytes());
    assert_eq!(courses.len(), 10);
    assert!(
        courses
            .iter()
            .all(|course| course["instructor"]["name"] == courses[0]["instructor"]["name"])
    );
    assert!(courses.iter().all(|course| records::text(&course["created_at"]) > "2025"));
}

#[test]
fn a_wrong_use_is_said_and_an_existing_file_stays() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = scratch.path().join("a.csv");
    lexivec_ok(&["generate", "labs", "-o", arg(&file)]);
    let before = std::fs::read(&file).expect("read");
    for (args, code, message) in [
        (
            &["labs", "-o", arg(&file)][..],
            1,
            "a.csv: it exists already; remove it, or name another file",
        ),
        (&["labs", "-o", "nowhere/a.csv"], 1, "cannot write nowhere/a.csv"),
        #[cfg(target_os = "linux")]
        (&["labs", "-o", "/dev/full"], 1, "/dev/full"),
        (
            &["lessons"],
            2,
            "[possible values: courses, students, quizzes, labs, feedback, analytics]",
        ),
        (&["labs", "--format", "xml"], 2, "[possible values: jsonl, csv, parquet]"),
        (&["labs", "--format", "parquet"], 2, "name one with --output FILE"),
        (&["labs", "--count=-1"], 2, "invalid value '-1' for '--count <COUNT>'"),
        (&["labs", "--role", "admin"], 2, "labs do not depend on --role; leave it out"),
        (&["courses", "--course-id", "c"], 2, "courses do not depend on --course-id"),
        (&["courses", "--name", "A"], 2, "add --role instructor"),
        (&["analytics", "--timeframe", "14d"], 2, "[possible values: 7d, 30d, 90d, 1y]"),
        (&["labs", "--now", "yesterday"], 2, "a date or a time is expected"),
        (
            &["labs", "-o", "a.jsonl.gz"],
            2,
            "a.jsonl.gz ends in none of jsonl, csv, parquet; name the form with --format",
        ),
    ] {
        let output = lexivec(&[&["generate"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(std::fs::read(&file).expect("read"), before);
    assert_eq!(std::fs::read_dir(scratch.path()).expect("listed").count(), 1);
}

/// Most memory of a process so far, in KiB.
#[cfg(target_os = "linux")]
fn most_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[cfg(target_os = "linux")]
#[test]
fn many_records_take_little_memory_and_a_reader_may_leave() {
    /// Records, of which the last ones are not read, so that the process waits in the middle of its work.
    const ALL: u64 = 200_000;
    const READ: usize = 190_000;
    /// Most memory in KiB. All of them would be 400 MB of text.
    const BOUND: u64 = 96 << 10;
    let child = Command::new(lexivec_tests::command())
        .args(["generate", "courses", "--count", &ALL.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut child = Killed(child);
    let mut output = BufReader::new(child.0.stdout.take().expect("stdout"));
    let read = output.by_ref().split(b'\n').take(READ).filter(|line| line.is_ok()).count();
    assert_eq!(read, READ);
    let memory = most_memory(child.0.id());
    assert!(memory < BOUND, "{memory} KiB");
    // Its reader leaves, as `head` does: it ends quietly.
    drop(output);
    assert!(child.0.wait().expect("an end").success());
    let mut said = String::new();
    child.0.stderr.take().expect("stderr").read_to_string(&mut said).expect("text");
    assert_eq!(said, "");
}
