//! Formats of files: each file becomes blocks of text or rows of a table, by one module for each format.

mod html;
mod isolated;
mod line_ends;
mod markdown;
mod pdf;
mod pdf_fonts;
mod subtitles;
pub mod table;
mod text;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use lexivec::chunk::Block;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use lexivec::storage::reason;

use crate::error::{Error, Result};
use crate::lines::{Numbered, Places};
use isolated::Bounds;
pub use isolated::{READER_VARIABLE, Reader, serve, serve_if_asked};

/// Most bytes of a file of a folder: its chunks are written together, and held in memory until then.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
/// Largest file of text that is read in this process, in bytes. The time of a parser may grow with the square of its
/// input, as that of HTML with the attributes of one element: of a file of this size it is below a second.
const MAX_OWN_BYTES: usize = 128 << 10;
/// Lines of a table that cannot be read and are reported one by one; the others are counted.
const MAX_LINE_FAULTS: usize = 3;
/// Bytes of a title or a heading that are kept: every chunk repeats both.
const MAX_HEADING_BYTES: usize = 256;

/// The text of a file.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Content {
    /// Title of the document; `None` if it names none.
    pub title: Option<String>,
    /// Paragraphs, items and cues in their order; empty for a table.
    pub blocks: Vec<Block>,
    /// Rows of a table; empty for other files.
    pub rows: Vec<Row>,
    /// Parts that could not be read, while the rest could.
    pub faults: Vec<String>,
}

impl Content {
    /// Its parts in their order.
    fn into_parts(self) -> impl Iterator<Item = Part> {
        let Self { title, blocks, rows, faults } = self;
        let blocks = blocks.into_iter().map(Part::Block);
        let rows = rows.into_iter().map(Part::Row);
        let faults = faults.into_iter().map(Part::Fault);
        title.map(Part::Title).into_iter().chain(blocks).chain(rows).chain(faults)
    }
}

/// A row of a table: values by column.
pub type Row = Map<String, Value>;

/// A part of a file's content, as one line of JSON between two processes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    Title(String),
    Block(Block),
    Row(Row),
    /// A part that could not be read, while the rest could.
    Fault(String),
    /// The reason why reading stopped.
    Failure(String),
    /// The end of the file.
    End,
}

/// A format of files, known by how their names end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `.md`, `.markdown`.
    Markdown,
    /// `.html`, `.htm`, `.xhtml`.
    Html,
    /// `.txt`, `.text`: plain text in UTF-8.
    Text,
    /// `.srt`, `.vtt`.
    Subtitles,
    /// `.pdf`.
    Pdf,
    /// `.jsonl`, `.ndjson`: one JSON object a line.
    JsonLines,
    /// `.csv` with the names of the columns in its first line.
    Csv,
    /// `.parquet`.
    Parquet,
}

impl Format {
    /// The format of a file of this name; `None` if it is not supported.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Self::Markdown,
            "html" | "htm" | "xhtml" => Self::Html,
            "txt" | "text" => Self::Text,
            "srt" | "vtt" => Self::Subtitles,
            "pdf" => Self::Pdf,
            "jsonl" | "ndjson" => Self::JsonLines,
            "csv" => Self::Csv,
            "parquet" => Self::Parquet,
            _ => return None,
        })
    }
}

/// Reads a file, whose bytes the caller has read. PDF, Parquet and any file of more than 128 KiB are read from the path by
/// `reader`, or by [`Reader::find`] if it is `None`.
///
/// # Errors
/// [`Error::Input`] if the file is not of its format, in words that follow the file's name;
/// [`Error::Argument`] if a reader is needed and there is none.
pub fn read(path: &Path, format: Format, bytes: &[u8], reader: Option<&Reader>) -> Result<Content> {
    let read = match format {
        // Their libraries may panic, loop or take all memory on damaged bytes.
        Format::Pdf | Format::Parquet => isolated::read(&found(reader)?, path, Bounds::OF_A_FILE),
        _ if bytes.len() > MAX_OWN_BYTES => {
            isolated::read(&found(reader)?, path, Bounds::OF_A_TEXT)
        }
        format => parse(format, bytes),
    };
    read.map_err(Error::Input)
}

/// The content of a file's bytes, of a format whose parser is given bytes.
fn parse(format: Format, bytes: &[u8]) -> std::result::Result<Content, String> {
    match format {
        Format::Markdown => text::decode(bytes).map(markdown::read),
        Format::Html => text::decode(bytes).map(html::read),
        Format::Text => text::decode(bytes).map(text::read),
        Format::Subtitles => text::decode(bytes).and_then(subtitles::read),
        Format::JsonLines => text::decode(bytes).and_then(table::json_lines).map(rows),
        Format::Csv => {
            let table = text::decode(bytes).and_then(|text| table::csv(text.as_bytes(), None));
            table.map(|(_, lines)| rows(lines))
        }
        Format::Pdf | Format::Parquet => Err("it is read from its path".to_owned()),
    }
}

/// The rows of a table that was named by itself.
#[derive(Debug)]
#[non_exhaustive]
pub struct Table {
    /// The names of its columns.
    pub columns: Vec<String>,
    /// Its rows, with the line or row of each.
    pub rows: Numbered<Row>,
}

/// Reads the rows of a table that was named by itself, a CSV or Parquet file of any length; `-` is CSV from stdin.
/// Cells of `id_column` stay text.
///
/// # Errors
/// [`Error::Input`] with the file's name and the line if a row cannot be read; those of [`read`].
pub fn read_table(
    path: &Path,
    format: Format,
    id_column: &str,
    reader: Option<&Reader>,
) -> Result<Table> {
    let fail = |reason: &str| Error::input(format!("{}: {reason}", path.display()));
    let opened = |e: std::io::Error| fail(&reason(&e));
    let (mut values, mut columns) = (Vec::new(), Vec::new());
    let mut places = Places::new(path, if format == Format::Csv { "line" } else { "row" });
    if format == Format::Csv {
        let mut bytes = Vec::new();
        if path == Path::new("-") {
            std::io::stdin().lock().read_to_end(&mut bytes).map_err(opened)?;
        } else {
            std::fs::File::open(path)
                .and_then(|mut file| file.read_to_end(&mut bytes))
                .map_err(opened)?;
        }
        let (names, lines) = table::csv(&bytes, Some(id_column)).map_err(|e| fail(&e))?;
        columns = names;
        for line in lines {
            let (number, row) = line.map_err(|e| fail(&e))?;
            places.push(number);
            values.push(row);
        }
    } else {
        std::fs::File::open(path).map_err(opened)?;
        let content =
            isolated::read(&found(reader)?, path, Bounds::OF_A_TABLE).map_err(|e| fail(&e))?;
        values = content.rows;
        (1..=values.len()).for_each(|number| places.push(number));
        // A row has no column whose value is null.
        let names: BTreeSet<&String> = values.iter().flat_map(Map::keys).collect();
        columns.extend(names.into_iter().cloned());
    }
    Ok(Table { columns, rows: Numbered { values, places } })
}

fn found(reader: Option<&Reader>) -> Result<Reader> {
    reader.cloned().map_or_else(Reader::find, Ok)
}

/// The content of the lines of a table: rows, and the faults of the others.
fn rows(lines: Vec<table::Line>) -> Content {
    let mut content = Content::default();
    let mut more = 0;
    for line in lines {
        match line {
            Ok((_, row)) => content.rows.push(row),
            Err(fault) if content.faults.len() < MAX_LINE_FAULTS => content.faults.push(fault),
            Err(_) => more += 1,
        }
    }
    if more > 0 {
        content.faults.push(format!("and so on; more lines that cannot be read: {more}"));
    }
    content
}

/// The beginning of a title or heading, its spaces made one each.
pub(crate) fn heading(text: &str) -> String {
    let mut short = text.split_whitespace().collect::<Vec<_>>().join(" ");
    short.truncate(short.floor_char_boundary(MAX_HEADING_BYTES));
    short
}

/// The headings above a text, by level.
#[derive(Default)]
struct Headings(Vec<(u8, String)>);

impl Headings {
    /// A heading of this level begins.
    fn enter(&mut self, level: u8, text: &str) {
        self.0.retain(|(above, _)| *above < level);
        self.0.push((level, heading(text)));
    }

    fn path(&self) -> Vec<String> {
        self.0.iter().map(|(_, text)| text.clone()).collect()
    }
}
