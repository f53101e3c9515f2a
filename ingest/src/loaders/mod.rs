//! Formats of files: each file becomes blocks of text or rows of a table, by one module for each format.

mod html;
mod isolated;
mod markdown;
mod pdf;
mod subtitles;
pub mod table;
mod text;

use std::path::Path;

use lexivec::chunk::Block;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use isolated::Bounds;
pub use isolated::{READER_VARIABLE, Reader, serve, serve_if_asked};

/// Most bytes of a file of a folder: its chunks are written together, and held in memory until then.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
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

/// Reads a file, whose bytes the caller has read. PDF and Parquet are read from the path by `reader`, or by
/// [`Reader::find`] if it is `None`.
///
/// # Errors
/// [`Error::Input`] if the file is not of its format, in words that follow the file's name;
/// [`Error::Argument`] if a reader is needed and there is none.
pub fn read(path: &Path, format: Format, bytes: &[u8], reader: Option<&Reader>) -> Result<Content> {
    let read = match format {
        Format::Markdown => text::decode(bytes).map(markdown::read),
        Format::Html => text::decode(bytes).map(html::read),
        Format::Text => text::decode(bytes).map(text::read),
        Format::Subtitles => text::decode(bytes).and_then(subtitles::read),
        Format::JsonLines => {
            text::decode(bytes).and_then(|text| rows(table::json_lines(text.as_bytes())))
        }
        Format::Csv => text::decode(bytes).and_then(|text| rows(table::csv(text.as_bytes(), None))),
        // Their libraries may panic, loop or take all memory on damaged bytes.
        Format::Pdf | Format::Parquet => isolated::read(&found(reader)?, path, Bounds::OF_A_FILE),
    };
    read.map_err(Error::Input)
}

/// Reads the rows of a table that was named by itself, a CSV or Parquet file of any length; `-` is CSV from stdin.
/// Cells of `id_column` stay text.
///
/// # Errors
/// Those of [`read`].
pub fn read_table(
    path: &Path,
    format: Format,
    id_column: &str,
    reader: Option<&Reader>,
) -> Result<Vec<Row>> {
    let open = || std::fs::File::open(path).map_err(|e| Error::Input(e.to_string()));
    let rows: std::result::Result<_, String> = match format {
        Format::Csv if path == Path::new("-") => {
            table::csv(std::io::stdin().lock(), Some(id_column)).collect()
        }
        Format::Csv => table::csv(open()?, Some(id_column)).collect(),
        _ => {
            open()?;
            isolated::read(&found(reader)?, path, Bounds::OF_A_TABLE).map(|content| content.rows)
        }
    };
    rows.map_err(Error::Input)
}

fn found(reader: Option<&Reader>) -> Result<Reader> {
    reader.cloned().map_or_else(Reader::find, Ok)
}

fn rows(
    rows: impl Iterator<Item = std::result::Result<Row, String>>,
) -> std::result::Result<Content, String> {
    Ok(Content { rows: rows.collect::<std::result::Result<_, _>>()?, ..Content::default() })
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
