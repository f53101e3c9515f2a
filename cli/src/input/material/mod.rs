//! Files of many formats as blocks of text, or as rows of a table: one module for each format.

mod html;
mod isolated;
mod markdown;
mod pdf;
mod subtitles;
pub(crate) mod table;
mod text;
pub(crate) mod walk;

use std::path::Path;

use lexivec::chunk::Block;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use isolated::{Bounds, run as read_here};

/// Bytes of a file of a folder at the most: its chunks are written together, and held in memory for it.
pub(crate) const MAX_FILE_BYTES: u64 = 64 << 20;
/// Bytes of a title or a heading that are kept: both stand beside every chunk.
const MAX_HEADING_BYTES: usize = 256;

/// What a file says.
#[derive(Default)]
pub(crate) struct Content {
    pub(crate) title: Option<String>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) rows: Vec<Row>,
    /// What of it could not be read, while the rest could.
    pub(crate) faults: Vec<String>,
}

/// A row of a table: values by column.
pub(crate) type Row = Map<String, Value>;

/// A part of what a file says, as one line of JSON between two processes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    Title(String),
    Block(Block),
    Row(Row),
    /// What could not be read, while the rest could.
    Fault(String),
    /// Why nothing more is read.
    Failure(String),
}

/// A format of files, known by how their names end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Markdown,
    Html,
    Text,
    Subtitles,
    Pdf,
    JsonLines,
    Csv,
    Parquet,
}

impl Format {
    /// The format of a file of this name, if it is one that is read.
    pub(crate) fn of(path: &Path) -> Option<Self> {
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

/// Reads a file, of which `bytes` are the bytes; otherwise says why not.
pub(crate) fn read(path: &Path, format: Format, bytes: &[u8]) -> Result<Content, String> {
    match format {
        Format::Markdown => Ok(markdown::read(text::decode(bytes)?)),
        Format::Html => Ok(html::read(text::decode(bytes)?)),
        Format::Text => Ok(text::read(text::decode(bytes)?)),
        Format::Subtitles => subtitles::read(text::decode(bytes)?),
        Format::JsonLines => rows(table::json_lines(text::decode(bytes)?.as_bytes())),
        Format::Csv => rows(table::csv(text::decode(bytes)?.as_bytes(), None)),
        // Their libraries may panic, run on or take all memory on bytes that are not what they say.
        Format::Pdf | Format::Parquet => isolated::read(path, Bounds::OF_A_FILE),
    }
}

/// Reads the rows of a table that was asked for by name, `-` for CSV from stdin; otherwise says why not.
pub(crate) fn read_table(path: &Path, format: Format, id_column: &str) -> Result<Vec<Row>, String> {
    let open = || std::fs::File::open(path).map_err(|e| e.to_string());
    match format {
        Format::Csv if path == Path::new("-") => {
            table::csv(std::io::stdin().lock(), Some(id_column)).collect()
        }
        Format::Csv => table::csv(open()?, Some(id_column)).collect(),
        _ => {
            open()?;
            Ok(isolated::read(path, Bounds::OF_A_TABLE)?.rows)
        }
    }
}

fn rows(rows: impl Iterator<Item = Result<Row, String>>) -> Result<Content, String> {
    Ok(Content { rows: rows.collect::<Result<_, _>>()?, ..Content::default() })
}

/// The beginning of a title or heading, its spaces made one each.
pub(crate) fn heading(text: &str) -> String {
    let mut short = text.split_whitespace().collect::<Vec<_>>().join(" ");
    short.truncate(short.floor_char_boundary(MAX_HEADING_BYTES));
    short
}

/// The headings that a text stands under, by level.
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
