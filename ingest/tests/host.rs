//! A host that is not the lexivec command: this program ingests a folder with a Parquet file, which a
//! second process of this same program reads. It has its `main`, like a host, so that no test harness
//! runs it.
#![allow(clippy::expect_used, clippy::print_stdout)] // a test's ways to fail and report

use lexivec::{Collection, Options};
use lexivec_ingest::{FolderOptions, FolderReport, Reader, ingest_folder};

fn main() {
    // Started as a reader, this program reads and ends here. It does not yet offer itself as one.
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = lexivec_ingest::serve(&arguments) {
        std::process::exit(code);
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let folder = scratch.path().join("folder");
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join("notes.md"), "# Notes\n\ntext").expect("written");
    std::fs::write(folder.join("rows.parquet"), parquet()).expect("written");
    let take = |name: &str, options: &FolderOptions<'_>| {
        let collection =
            Collection::create(scratch.path().join(name), Options::new().join_text(true));
        let collection = collection.expect("created");
        let report = ingest_folder(&collection, &folder, options).expect("ingested");
        let row = collection.get("rows.parquet#0").expect("read");
        (report, row.and_then(|row| row.text.get("text").cloned()))
    };

    // No reader is known: the other file goes in, and the failure lists the ways to provide one.
    let (report, row) = take("none", &FolderOptions::new());
    assert_eq!((report.documents, row), (1, None));
    let message = reason(&report);
    for way in ["LEXIVEC_READER", "FolderOptions::reader", "serve_if_asked()"] {
        assert!(message.contains(way), "{message:?} lacks {way:?}");
    }

    // A program that is no reader, and one that does not exist.
    let (report, _) = take("stranger", &FolderOptions::new().reader(Reader::new("/bin/true")));
    assert!(reason(&report).contains("/bin/true, does not call serve_if_asked()"), "{report:?}");
    let (report, _) = take("missing", &FolderOptions::new().reader(Reader::new("/no/such")));
    assert!(reason(&report).contains("cannot start its reader, /no/such"), "{report:?}");

    // A program by its path: here this one.
    let own = std::env::current_exe().expect("a path");
    let (report, row) = take("named", &FolderOptions::new().reader(Reader::new(own)));
    assert_eq!((report.failures.len(), row.as_deref()), (0, Some("in a column")));

    // This program, which serves.
    lexivec_ingest::serve_if_asked();
    let (report, row) = take("served", &FolderOptions::new());
    assert_eq!((report.failures.len(), row.as_deref()), (0, Some("in a column")));
    println!("1 passed, 0 failed");
}

fn reason(report: &FolderReport) -> String {
    let [failure] = report.failures.as_slice() else { return format!("{report:?}") };
    assert_eq!(failure.path, "rows.parquet");
    failure.reason.clone()
}

/// A Parquet file with one row and one column, `text`.
fn parquet() -> Vec<u8> {
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::writer::SerializedFileWriter;
    let schema = "message m { required binary text (UTF8); }";
    let schema = parquet::schema::parser::parse_message_type(schema).expect("a schema");
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema.into(), Default::default()).expect("begun");
    let mut group = writer.next_row_group().expect("a group");
    let mut column = group.next_column().expect("a column").expect("there");
    let cells = [ByteArray::from("in a column")];
    column.typed::<ByteArrayType>().write_batch(&cells, None, None).expect("written");
    column.close().expect("closed");
    group.close().expect("closed");
    writer.close().expect("closed");
    bytes
}
