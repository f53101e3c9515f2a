//! Folders of files: each format with its headings, pages and times; only what changed is written again;
//! what is broken is listed, and a kill loses nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use lexivec::{Collection, Document, Filter};
use lexivec_tests::{Random, command};
use serde_json::{Value, json};

use crate::{arg, lexivec, lexivec_ok};

/// A PDF of one page for each text.
fn pdf(pages: &[&str], title: &str) -> Vec<u8> {
    use lopdf::content::{Content, Operation};
    use lopdf::{Document, Object, Stream, StringFormat, dictionary};
    let mut pdf = Document::with_version("1.5");
    let root = pdf.new_object_id();
    let font = pdf.add_object(
        dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" },
    );
    let resources = pdf.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
    let mut kids: Vec<Object> = Vec::new();
    for text in pages {
        let text = Object::String(text.as_bytes().to_vec(), StringFormat::Literal);
        let operations = vec![
            Operation::new("BT", vec![]),
            Operation::new("Tf", vec!["F1".into(), 12.into()]),
            Operation::new("Td", vec![50.into(), 700.into()]),
            Operation::new("Tj", vec![text]),
            Operation::new("ET", vec![]),
        ];
        let content = Content { operations }.encode().expect("encoded");
        let content = pdf.add_object(Stream::new(dictionary! {}, content));
        let page = dictionary! { "Type" => "Page", "Parent" => root, "Contents" => content };
        kids.push(pdf.add_object(page).into());
    }
    let pages = dictionary! {
        "Type" => "Pages", "Count" => kids.len() as i64, "Kids" => kids, "Resources" => resources,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
    };
    pdf.objects.insert(root, Object::Dictionary(pages));
    let catalog = pdf.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
    let title = Object::String(title.as_bytes().to_vec(), StringFormat::Literal);
    let info = pdf.add_object(dictionary! { "Title" => title });
    pdf.trailer.set("Root", catalog);
    pdf.trailer.set("Info", info);
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).expect("saved");
    bytes
}

/// A Parquet file of rows with an id, a text and a year.
fn parquet(rows: &[(&str, &str, i32)]) -> Vec<u8> {
    use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
    use parquet::file::writer::SerializedFileWriter;
    let schema = "message m { required binary id (UTF8); required binary text (UTF8); \
                  required int32 year; }";
    let schema = parquet::schema::parser::parse_message_type(schema).expect("a schema");
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema.into(), Default::default()).expect("begun");
    let mut group = writer.next_row_group().expect("a group");
    for column in 0..2 {
        let cells: Vec<ByteArray> = rows.iter().map(|row| [row.0, row.1][column].into()).collect();
        let mut writer = group.next_column().expect("a column").expect("there");
        writer.typed::<ByteArrayType>().write_batch(&cells, None, None).expect("written");
        writer.close().expect("closed");
    }
    let years: Vec<i32> = rows.iter().map(|row| row.2).collect();
    let mut column = group.next_column().expect("a column").expect("there");
    column.typed::<Int32Type>().write_batch(&years, None, None).expect("written");
    column.close().expect("closed");
    group.close().expect("closed");
    writer.close().expect("closed");
    bytes
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, bytes).expect("written");
}

/// Words that differ from each other.
fn words(from: usize, count: usize) -> String {
    (from..from + count).map(|i| format!("word{i}")).collect::<Vec<_>>().join(" ")
}

/// Takes a folder in; the report.
fn ingest(index: &Path, folder: &Path, more: &[&str]) -> Value {
    let mut args = vec!["ingest", arg(index), "--folder", arg(folder), "--json"];
    args.extend(more);
    let mut report: Value = serde_json::from_str(&lexivec_ok(&args)).expect("JSON");
    assert!(report["seconds"].take().is_f64(), "{report}");
    report
}

/// Of a report what is counted: files, documents, chunks, deleted, unchanged, failures.
fn counts(report: &Value) -> [usize; 6] {
    let count = |key: &str| report[key].as_u64().expect("a number") as usize;
    let failures = report["failures"].as_array().expect("a list").len();
    let [files, documents, chunks] = ["files", "documents", "chunks"].map(count);
    [files, documents, chunks, count("deleted"), count("unchanged"), failures]
}

/// Every document of a collection, by id.
fn all(index: &Path) -> BTreeMap<String, Document> {
    let collection = Collection::open_read_only(index).expect("opened");
    let everything = Filter::parse("TRUE").expect("a filter");
    let (mut found, mut after) = (BTreeMap::new(), None::<String>);
    loop {
        let page = collection.scroll(&everything, after.as_deref(), 10_000).expect("a page");
        found.extend(page.documents.into_iter().map(|d| (d.id.clone(), d)));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

/// A folder with a file of every format, with hidden files, and with a link to itself.
fn every_format(folder: &Path) {
    let guide = "---\ntitle: \"The guide\"\n---\nBefore *all*.\n\n# Install\n\nGet `it`.\n\n\
                 ## On Linux\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\
                 <p align=\"center\">In <b>HTML</b></p>\n\n# Use\n\nRun.\n";
    let page = "<!doctype html><html><head><title>A &amp; B</title><style>p { x }</style></head>\
                <body><nav><a href=x>elsewhere</a><nav>x</nav></nav><p>Before <em>all</em>.\
                <script>if (a < b) { document.write('<p>hidden</p>') }</script>\
                <h1>Top<a class=headerlink href=x>¶</a></h1><div role=navigation><div>x</div>y</div>\
                <p>One\n  two.<h2>Below</h2><pre>a\n  b</pre><table><tr><td>1<td>2</table></body>";
    for (name, bytes) in [
        ("guide.md", guide.as_bytes().to_vec()),
        ("deep/page.html", page.into()),
        ("notes.txt", b"\xef\xbb\xbfA first paragraph.\r\n\r\nA second.".to_vec()),
        (
            "talk.srt",
            b"1\r\n00:00:01,500 --> 00:00:02,000\r\n<i>Good</i>\r\nmorning\r\n\r\n2\r\n\
            01:00:03,000 --> 01:00:04,250\r\nall"
                .to_vec(),
        ),
        (
            "talk.vtt",
            b"WEBVTT\n\nNOTE none\n\n00:01.000 --> 00:02.000 align:start\n<v Ann>Q &amp; A\n"
                .to_vec(),
        ),
        ("book.pdf", pdf(&["First page here", "Second page there"], "A book")),
        (
            "rows.jsonl",
            b"{\"title\": \"T\", \"text\": \"in a row\", \"n\": 1}\n\n{\"text\": 2}\n".to_vec(),
        ),
        ("rows.csv", b"text,year,code\n\"a, \"\"b\"\"\",2020,007\n".to_vec()),
        ("rows.parquet", parquet(&[("p", "columns", 1999)])),
        (".hidden.md", b"hidden".to_vec()),
        (".git/x.md", b"hidden".to_vec()),
        ("program.rs", b"fn main() {}".to_vec()),
    ] {
        write(folder, name, bytes);
    }
    std::os::unix::fs::symlink(folder, folder.join("deep/loop")).expect("linked");
}

#[test]
fn each_format_keeps_where_its_texts_are() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (index, folder) = (scratch.path().join("index"), scratch.path().join("folder"));
    every_format(&folder);
    assert_eq!(counts(&ingest(&index, &folder, &[])), [9, 9, 15, 0, 0, 0]);
    let found = all(&index);
    let mut shown = Vec::new();
    for (id, document) in &found {
        let (title, text) = (&document.text["title"], &document.text["text"]);
        let mut payload = document.payload.clone();
        let (path, chunk) = id.split_once('#').expect("a chunk");
        let hash = payload.remove("hash").expect("a hash");
        assert_eq!(hash.as_str().expect("text").len(), 64);
        assert_eq!(payload.remove("path"), Some(path.into()));
        assert_eq!(payload.remove("parent"), Some(path.into()));
        let heading = payload.get("heading").and_then(Value::as_str);
        let title = match heading {
            // The headings follow the file's title, but for a first one that is the title.
            Some(heading) => title.strip_suffix(&format!(" > {heading}")).expect("a path"),
            None => title,
        };
        assert_eq!(payload.remove("title"), Some(title.into()));
        assert_eq!(payload.remove("chunk"), Some(chunk.parse::<u64>().expect("a number").into()));
        shown.push((id.as_str(), title, text.as_str(), Value::Object(payload)));
    }
    let under = |path: &str| json!({ "heading": path });
    let expected = [
        ("book.pdf#0", "A book", "First page here\n\nSecond page there", json!({"page": 1})),
        ("deep/page.html#0", "A & B", "Before all.", json!({})),
        ("deep/page.html#1", "A & B", "Top\n\nOne two.", under("Top")),
        ("deep/page.html#2", "A & B", "Below\n\na\n  b\n\n1 | 2", under("Top > Below")),
        ("guide.md#0", "The guide", "Before all.", json!({})),
        ("guide.md#1", "The guide", "Install\n\nGet it.", under("Install")),
        (
            "guide.md#2",
            "The guide",
            "On Linux\n\none\n\ntwo\n\na | b\n\n1 | 2\n\nIn HTML",
            under("Install > On Linux"),
        ),
        ("guide.md#3", "The guide", "Use\n\nRun.", under("Use")),
        ("notes.txt#0", "notes.txt", "A first paragraph.\n\nA second.", json!({})),
        ("rows.csv#0", "rows.csv", "a, \"b\"", json!({"row": {"year": 2020, "code": "007"}})),
        ("rows.jsonl#0", "T", "in a row", json!({"row": {"n": 1}})),
        ("rows.jsonl#1", "rows.jsonl", "2", json!({})),
        ("rows.parquet#0", "rows.parquet", "columns", json!({"row": {"id": "p", "year": 1999}})),
        ("talk.srt#0", "talk.srt", "Good morning\nall", json!({"start": 1.5, "end": 3604.25})),
        ("talk.vtt#0", "talk.vtt", "Q & A", json!({"start": 1.0, "end": 2.0})),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn files_are_chosen_by_globs_and_by_gitignore() {
    let scratch = tempfile::tempdir().expect("a directory");
    let folder = scratch.path().join("folder");
    for name in ["readme.md", "a/README.md", "a/other.md", "b/skip/README.md", "b/x.txt"] {
        write(&folder, name, "text");
    }
    write(&folder, ".gitignore", "skip/\n");
    let mut number = 0;
    let mut files = |more: &[&str]| {
        number += 1;
        let index = scratch.path().join(format!("index{number}"));
        ingest(&index, &folder, more);
        all(&index).into_keys().map(|id| id.replace("#0", "")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(files(&[]), "a/README.md a/other.md b/skip/README.md b/x.txt readme.md");
    assert_eq!(files(&["--gitignore"]), "a/README.md a/other.md b/x.txt readme.md");
    assert_eq!(files(&["--glob", "README.md"]), "a/README.md b/skip/README.md readme.md");
    assert_eq!(files(&["-g", "*.md", "-g", "!a/**"]), "b/skip/README.md readme.md");
    assert_eq!(files(&["-g", "*.md", "--gitignore"]), "a/README.md a/other.md readme.md");
    let none = scratch.path().join("none");
    let wrong = lexivec(&["ingest", arg(&none), "--folder", arg(&folder), "--glob", "{a"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn only_changed_files_are_written_and_removed_ones_pruned() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (index, folder) = (scratch.path().join("index"), scratch.path().join("folder"));
    // Words without sentences: chunks of 20 words, of which each after the first brings 16 new ones.
    let small = ["--chunk-tokens", "20", "--chunk-overlap", "4"];
    write(&folder, "a.txt", words(0, 100));
    write(&folder, "b.txt", words(500, 20));
    write(&folder, "c/d.md", words(900, 36));
    assert_eq!(counts(&ingest(&index, &folder, &small)), [3, 3, 6 + 1 + 2, 0, 0, 0]);
    let first = all(&index);
    assert_eq!(first["a.txt#1"].text["text"], words(16, 20));
    assert_eq!(counts(&ingest(&index, &folder, &small)), [3, 0, 0, 0, 3, 0]);
    assert_eq!(all(&index), first);
    // Shorter: what is beyond its end goes with the same write.
    let generation = Collection::open_read_only(&index).expect("opened").generation();
    write(&folder, "a.txt", words(7, 36));
    assert_eq!(counts(&ingest(&index, &folder, &small)), [3, 1, 2, 4, 2, 0]);
    assert!(Collection::open_read_only(&index).expect("opened").generation() > generation);
    let second = all(&index);
    assert_eq!(
        second.keys().collect::<Vec<_>>(),
        ["a.txt#0", "a.txt#1", "b.txt#0", "c/d.md#0", "c/d.md#1"]
    );
    assert_eq!(second["a.txt#0"].text["text"], words(7, 20));
    assert_eq!(second["b.txt#0"], first["b.txt#0"]);
    // Longer, and one that is new.
    write(&folder, "b.txt", words(500, 40));
    write(&folder, "e.txt", "new");
    assert_eq!(counts(&ingest(&index, &folder, &small)), [4, 2, 4, 0, 2, 0]);
    // Removed files: their chunks stay until `--prune`; documents that are not chunks stay in any case.
    let other = scratch.path().join("other.jsonl");
    std::fs::write(&other, "{\"id\": \"z\", \"payload\": {\"chunk\": 0}}\n").expect("written");
    lexivec_ok(&["ingest", arg(&index), "--jsonl", arg(&other)]);
    std::fs::remove_dir_all(folder.join("c")).expect("removed");
    assert_eq!(counts(&ingest(&index, &folder, &small)), [3, 0, 0, 0, 3, 0]);
    let prune = [&small[..], &["--prune"]].concat();
    assert_eq!(counts(&ingest(&index, &folder, &prune)), [3, 0, 0, 2, 3, 0]);
    assert_eq!(counts(&ingest(&index, &folder, &prune)), [3, 0, 0, 0, 3, 0]);
    assert!(all(&index).contains_key("z") && !all(&index).contains_key("c/d.md#0"));
    // Other chunks, so that every file is another one.
    let report = ingest(&index, &folder, &["--chunk-tokens", "30", "--chunk-overlap", "4"]);
    assert_eq!(counts(&report)[1], 3);
    assert_eq!(all(&index).len(), 2 + 2 + 1 + 1);
    assert!(Collection::verify(&index, lexivec::VerifyLevel::Full).expect("verified").is_sound());
}

#[test]
fn pruning_keeps_files_that_an_ingestion_leaves_out() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (index, folder) = (scratch.path().join("index"), scratch.path().join("folder"));
    for name in ["a.md", "b.txt", "removed.txt", "left-out.txt"] {
        write(&folder, name, "words");
    }
    assert_eq!(counts(&ingest(&index, &folder, &[])), [4, 4, 4, 0, 0, 0]);
    write(&folder, ".gitignore", "left-out.txt");
    std::fs::remove_file(folder.join("removed.txt")).expect("removed");
    for (options, files, deleted) in
        [(vec!["--glob", "*.md"], 1, 1), (vec!["--gitignore"], 2, 0), (vec![], 3, 0)]
    {
        let report = ingest(&index, &folder, &[&options[..], &["--prune"]].concat());
        assert_eq!(counts(&report), [files, 0, 0, deleted, files, 0], "{options:?}");
        let left: Vec<String> = all(&index).into_keys().collect();
        assert_eq!(left, ["a.md#0", "b.txt#0", "left-out.txt#0"], "{options:?}");
    }
}

#[test]
fn what_is_missing_of_a_file_is_reported_by_each_ingestion() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (index, folder) = (scratch.path().join("index"), scratch.path().join("folder"));
    write(&folder, "part.jsonl", "{\"text\": \"a wing\"}\n{oops}\n");
    let first = ingest(&index, &folder, &[]);
    assert_eq!(counts(&first), [1, 1, 1, 0, 0, 1], "{first}");
    let second = ingest(&index, &folder, &[]);
    assert_eq!(counts(&second), [1, 0, 0, 0, 0, 1], "{second}");
    assert_eq!(first["failures"], second["failures"]);
    write(&folder, "part.jsonl", "{\"text\": \"a wing\"}\n");
    assert_eq!(counts(&ingest(&index, &folder, &[])), [1, 1, 1, 0, 0, 0]);
    assert_eq!(counts(&ingest(&index, &folder, &[])), [1, 0, 0, 0, 1, 0]);
}

#[test]
fn broken_files_are_listed_and_the_rest_goes_in() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (index, folder) = (scratch.path().join("index"), scratch.path().join("folder"));
    let sound = pdf(&["A sound page", "and another"], "Sound");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("latin1.txt", b"caf\xe9".to_vec(), "byte 3 is not UTF-8"),
        ("utf16.txt", b"\xff\xfeh\0i\0".to_vec(), "not UTF-8"),
        ("zero.md", b"a\0b".to_vec(), "byte 1 is zero"),
        ("empty.md", Vec::new(), "it is empty"),
        ("blank.html", b"<p> </p><script>x</script>".to_vec(), "it has no text"),
        ("time.srt", b"1\n00:00:01,000 --> soon\nx\n".to_vec(), "line 2:"),
        ("odd.csv", b"a,b\n1,2,3\n".to_vec(), "line 2: it has another number of fields (3)"),
        ("twice.csv", b"id,text,a,a\n1,x,2,3\n".to_vec(), "two columns have the name \\\"a\\\""),
        ("bad.jsonl", b"\n{oops}\n".to_vec(), "line 2:"),
        ("bad.parquet", b"PAR1 and no more".to_vec(), "arquet"),
        ("cut.parquet", parquet(&[("p", "columns", 1)])[..60].to_vec(), "arquet"),
        ("bad.pdf", b"%PDF-1.5\nnothing".to_vec(), "not a PDF"),
        ("long.txt", vec![b'a'; (64 << 20) + 1], "more than 67108864 bytes"),
        (
            "wide.jsonl",
            format!("{{\"text\": \"x\", \"a\": \"{}\"}}", "b".repeat(2 << 20)).into(),
            "bytes in columns other than title and text",
        ),
    ];
    for (name, bytes, _) in &cases {
        write(&folder, name, bytes);
    }
    write(&folder, "sound.pdf", &sound);
    write(&folder, "sound.md", "# Sound\n\ntext");
    let report = ingest(&index, &folder, &[]);
    assert_eq!(counts(&report), [cases.len() + 2, 2, 2, 0, 0, cases.len()], "{report}");
    let listed = report["failures"].as_array().expect("a list");
    for (name, _, expected) in &cases {
        let reason = listed.iter().find(|f| f["path"] == *name).map(|f| f["reason"].clone());
        let reason = reason.unwrap_or_default().to_string();
        assert!(reason.contains(expected), "{name}: {reason} lacks {expected:?}");
    }
    assert_eq!(all(&index).into_keys().collect::<Vec<_>>(), ["sound.md#0", "sound.pdf#0"]);
    // For people one line, on stderr, and the list if they ask for it.
    let call = |more: &[&str]| {
        let output = lexivec(&[&["ingest", arg(&index), "--folder", arg(&folder)], more].concat());
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{printed}");
        printed
    };
    let printed = call(&[]);
    assert!(printed.contains("2 files unchanged"), "{printed}");
    assert!(printed.contains("14 of 16 files not read, or only in part: bad.jsonl, bad.parquet, bad.pdf, 11 more; --details"), "{printed}");
    assert_eq!(printed.lines().count(), 2, "{printed}");
    let printed = call(&["--details"]);
    assert!(printed.contains("not read: latin1.txt: byte 3 is not UTF-8"), "{printed}");
    assert_eq!(printed.lines().count(), 2 + cases.len(), "{printed}");
    // Of nothing but broken files no collection is made.
    let (none, lone) = (scratch.path().join("none"), scratch.path().join("lone"));
    write(&lone, "empty.md", "");
    let output = lexivec(&["ingest", arg(&none), "--folder", arg(&lone)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!none.exists());
    for wrong in [["--chunk-tokens", "3"], ["--chunk-overlap", "150"]] {
        let args = ["ingest", arg(&none), "--folder", arg(&folder), wrong[0], wrong[1]];
        assert_eq!(lexivec(&args).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn hostile_files_end_their_reader_and_nothing_else() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (index, folder) = (scratch.path().join("index"), scratch.path().join("folder"));
    let sound = pdf(&["A sound page", "and another"], "Sound");
    let table = parquet(&[("p", "columns", 1), ("q", "more", 2)]);
    let mut random = Random(7);
    write(&folder, "sound.pdf", &sound);
    for (ending, whole) in [("pdf", &sound), ("parquet", &table)] {
        for i in 0..12 {
            write(&folder, &format!("cut{i}.{ending}"), &whole[..whole.len() * (i + 1) / 13]);
            let mut flipped = whole.clone();
            for _ in 0..=i {
                let at = random.below(flipped.len());
                flipped[at] ^= 1 << random.below(8);
            }
            write(&folder, &format!("flipped{i}.{ending}"), flipped);
        }
        let noise: Vec<u8> = (0..4_000).map(|_| random.number() as u8).collect();
        write(&folder, &format!("noise.{ending}"), [&whole[..20], &noise].concat());
    }
    let deep = |open: &str, close: &str| {
        let nested = format!("{}{}", open.repeat(300_000), close.repeat(300_000));
        let text = String::from_utf8_lossy(&sound).into_owned();
        text.replace("/MediaBox", &format!("/Deep {nested} /MediaBox"))
    };
    write(&folder, "arrays.pdf", deep("[", "]"));
    write(&folder, "dictionaries.pdf", deep("<</A ", ">>"));
    let depth = 200_000;
    write(&folder, "deep.html", "<div><b>".repeat(depth) + "x");
    write(&folder, "deep.md", ">".repeat(depth) + " x\n" + &"* ".repeat(depth) + "y");
    write(&folder, "deep.jsonl", "[".repeat(depth));
    let report = ingest(&index, &folder, &[]);
    let found = all(&index);
    assert!(found["sound.pdf#0"].text["text"].starts_with("A sound page"));
    let listed = report["failures"].as_array().expect("a list");
    assert!(listed.len() > 20, "{report}");
    for entry in std::fs::read_dir(&folder).expect("listed") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let stderr = listed.iter().any(|f| f["path"] == *name);
        assert!(stderr || found.contains_key(&format!("{name}#0")), "{name} is nowhere");
    }
}

#[test]
fn long_files_are_read_within_bounds() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (index, folder) = (scratch.path().join("index"), scratch.path().join("folder"));
    let attributes: String = (0..200_000).map(|i| format!(" a{i}")).collect();
    let page = format!("<p>{}</p>", words(0, 40_000));
    let arrays = format!("{{\"text\":\"a\",\"b\":[{}0]}}", "[],".repeat(8_000_000));
    let hostile = [
        ("attributes.html", format!("<p{attributes}>text</p>"), "gave up"),
        ("headings.md", "# a\n\nb\n".repeat(1_500_000), "split it"),
        ("rows.jsonl", "{\"text\":\"a\"}\n".repeat(1_500_000), "split it"),
        ("arrays.jsonl", arrays, "bytes in columns"),
        ("tags.html", "<p>a".repeat(3_000_000), "split it"),
    ];
    for (name, text, _) in &hostile {
        write(&folder, name, text);
    }
    write(&folder, "long.html", &page);
    let report = ingest(&index, &folder, &[]);
    let reasons = report["failures"].as_array().expect("a list");
    for (name, _, expected) in &hostile {
        let reason = reasons.iter().find(|failure| failure["path"] == *name);
        let reason = reason.expect(name)["reason"].as_str().expect("a reason").to_owned();
        // A reader may also run out of memory first.
        assert!(reason.contains(expected) || reason.contains("gave up"), "{name}: {reason}");
    }
    assert_eq!(reasons.len(), hostile.len(), "{report}");
    assert!(all(&index).contains_key("long.html#9"), "a long page is no fault");
}

#[test]
fn a_reader_of_one_file_is_held_to_its_bounds() {
    let scratch = tempfile::tempdir().expect("a directory");
    let pages: Vec<String> = (0..200).map(|i| words(i * 100, 100)).collect();
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    write(scratch.path(), "long.pdf", pdf(&pages, "Long"));
    let file = scratch.path().join("long.pdf");
    // The reader's processor seconds, bytes of memory, bytes of output, and paragraphs.
    let read = |memory: &str, parts: &str| {
        lexivec(&["lexivec-read-file", "60", memory, "100000000", parts, arg(&file)])
    };
    let output = read("2000000000", "200");
    assert!(output.status.success());
    // A title, the pages, and the end.
    assert_eq!(String::from_utf8(output.stdout).expect("UTF-8").lines().count(), 202);
    assert!(!read("1000000", "200").status.success());
    let output = String::from_utf8(read("2000000000", "199").stdout).expect("UTF-8");
    let last = output.lines().last().expect("a line");
    assert!(last.contains("failure") && last.contains("split it"), "{last}");
}

#[test]
fn a_killed_ingestion_run_again_equals_one_that_finished() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (whole, folder) = (scratch.path().join("whole"), scratch.path().join("folder"));
    for i in 0..70 {
        write(&folder, &format!("{i:02}.txt"), words(i * 10_000, 16 * 200));
    }
    let small = ["--chunk-tokens", "16", "--chunk-overlap", "0"];
    assert_eq!(counts(&ingest(&whole, &folder, &small)), [70, 70, 14_000, 0, 0, 0]);
    let expected = all(&whole);
    let (mut killed_halfway, mut began_at) = (0, Vec::new());
    for batches in 0..3 {
        let index = scratch.path().join(format!("killed{batches}"));
        let mut child = Command::new(command())
            .args(["ingest", arg(&index), "--folder", arg(&folder)])
            .args(small)
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let written = || {
            let collection = Collection::open_read_only(&index).ok()?;
            Some(collection.stats().ok()?.documents)
        };
        // Killed once `batches` batches are visible, or at the end if it was faster.
        while child.try_wait().expect("asked").is_none()
            && written().is_none_or(|n| n < batches * 4_000)
        {
            std::thread::yield_now();
        }
        let _ = child.kill();
        child.wait().expect("ended");
        if index.join("LOCK").exists() {
            drop(Collection::open(&index).expect("opened"));
            let found = all(&index);
            killed_halfway += usize::from(!found.is_empty() && found.len() < expected.len());
            // Files are there wholly or not at all.
            assert_eq!(found.len() % 200, 0);
            assert!(found.iter().all(|(id, document)| expected[id] == *document));
            began_at.push(found.len());
        }
        let report = ingest(&index, &folder, &small);
        let [files, documents, _, deleted, unchanged, failures] = counts(&report);
        assert_eq!((files, documents + unchanged, deleted, failures), (70, 70, 0, 0));
        assert_eq!(all(&index), expected);
        assert!(
            Collection::verify(&index, lexivec::VerifyLevel::Full).expect("verified").is_sound()
        );
    }
    assert!(killed_halfway > 0, "none was killed on its way: {began_at:?}");
}

#[test]
fn a_chunk_is_shown_between_its_neighbours_and_found_by_its_file() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (index, folder) = (scratch.path().join("index"), scratch.path().join("folder"));
    write(&folder, "long.txt", format!("{} engine {}", words(0, 50), words(50, 50)));
    write(&folder, "short.txt", "an engine");
    write(&folder, "other.txt", "nothing of it");
    ingest(&index, &folder, &["--chunk-tokens", "20", "--chunk-overlap", "10"]);
    let ids = |id: &str, reach: &str| -> Vec<String> {
        let printed = lexivec_ok(&["get", arg(&index), id, "--neighbours", reach, "--json"]);
        let id = |line: &str| {
            let document: Value = serde_json::from_str(line).expect("JSON");
            document["id"].as_str().expect("an id").to_owned()
        };
        printed.lines().map(id).collect()
    };
    assert_eq!(
        ids("long.txt#3", "2").join(" "),
        "long.txt#1 long.txt#2 long.txt#3 long.txt#4 long.txt#5"
    );
    assert_eq!(ids("long.txt#0", "1"), ["long.txt#0", "long.txt#1"]);
    assert_eq!(ids("short.txt#0", "9"), ["short.txt#0"]);
    assert_eq!(ids("long.txt#0", "0"), ["long.txt#0"]);
    // Files with their best chunks: the two that have the word, and of the long one the two chunks.
    let search = ["search", arg(&index), "engine", "--group-by", "parent", "--json"];
    let answer: Value = serde_json::from_str(&lexivec_ok(&search)).expect("JSON");
    let groups = answer["groups"]["list"].as_array().expect("groups");
    let shown: Vec<(&str, usize)> = groups
        .iter()
        .map(|g| (g["value"].as_str().expect("a path"), g["hits"].as_array().expect("hits").len()))
        .collect();
    assert_eq!(shown, [("short.txt", 1), ("long.txt", 2)]);
    // What is no chunk has no neighbours.
    let other = scratch.path().join("other.jsonl");
    std::fs::write(&other, "{\"id\": \"z\"}\n").expect("written");
    lexivec_ok(&["ingest", arg(&index), "--jsonl", arg(&other)]);
    let output = lexivec(&["get", arg(&index), "z", "--neighbours", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no chunk"));
}

#[test]
fn tables_by_name_are_documents_by_row() {
    let scratch = tempfile::tempdir().expect("a directory");
    let at = |name: &str| scratch.path().join(name);
    std::fs::write(at("t.csv"), "id,title,text,year,ok\na,1,x,2020,true\n007,,y,1.50,+1\n")
        .expect("written");
    std::fs::write(at("t.parquet"), parquet(&[("a", "x", 2020), ("b", "y", 1999)]))
        .expect("written");
    let (csv, table) = (at("csv"), at("parquet"));
    lexivec_ok(&["ingest", arg(&csv), "--csv", arg(&at("t.csv"))]);
    lexivec_ok(&["ingest", arg(&table), "--parquet", arg(&at("t.parquet"))]);
    let found = all(&csv);
    let a = Document::new("a").text_in("title", "1").text("x");
    assert_eq!(found["a"], a.payload("year", 2020).payload("ok", true));
    let seven = Document::new("007").text("y");
    assert_eq!(found["007"], seven.payload("year", 1.5).payload("ok", "+1"));
    let found = all(&table);
    assert_eq!(found["b"], Document::new("b").text("y").payload("year", 1999));
    let file = at("t.parquet");
    lexivec_ok(&["ingest", arg(&table), "--parquet", arg(&file), "--id-column", "year"]);
    assert!(all(&table).contains_key("2020"));
    let before = all(&csv);
    for (text, expected) in [
        ("title,text\n1,x\n", "no column \"id\" for the ids; its columns are title, text"),
        ("id,text\na,x\na,y\n", "line 3 (id \"a\"): line 2 has the same id"),
        (
            "id,text\nb,x\nc\n",
            "line 3: it has another number of fields (1) than the first line (2)",
        ),
        ("id,text\n", "the input has no documents"),
    ] {
        std::fs::write(at("bad.csv"), text).expect("written");
        let output = lexivec(&["ingest", arg(&csv), "--csv", arg(&at("bad.csv"))]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{expected}: {stderr}");
        assert!(stderr.contains(expected), "{stderr:?} lacks {expected:?}");
        assert_eq!(all(&csv), before);
    }
    std::fs::write(at("bad.parquet"), "PAR1").expect("written");
    let output = lexivec(&["ingest", arg(&csv), "--parquet", arg(&at("bad.parquet"))]);
    assert_eq!(output.status.code(), Some(1));
}
