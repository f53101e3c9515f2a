//! The chunks of a file as documents, and their ids.

use lexivec::Document;
use lexivec::chunk::{Block, ChunkOptions, Counter, SourceLocation, chunk};
use lexivec::schema::TITLE_TEXT_FIELD;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::loaders::table::{self, TEXT_COLUMNS};
use crate::loaders::{Content, heading};

/// Most bytes of a row's columns without its texts: each chunk of the row repeats them.
const MAX_ROW_BYTES: usize = 64 << 10;

/// Returns the id of a chunk: the path of its file, `#`, and its number from 0.
#[must_use]
pub fn chunk_id(path: &str, number: u64) -> String {
    format!("{path}#{number}")
}

/// Returns the file of a chunk and the chunk's number in it, from its payload; `None` if the document is no chunk.
#[must_use]
pub fn chunk_of(payload: &Map<String, Value>) -> Option<(&str, u64)> {
    Some((payload.get("parent")?.as_str()?, payload.get("chunk")?.as_u64()?))
}

/// Rules by which files become chunks.
pub(crate) struct Cutter<'a> {
    pub(crate) options: ChunkOptions,
    pub(crate) count: &'a Counter<'a>,
}

impl Cutter<'_> {
    /// The chunks of a file as documents, each with the file's hash.
    pub(crate) fn documents(
        &self,
        path: &str,
        content: Content,
        hash: &str,
    ) -> Result<Vec<Document>> {
        let title = content.title.unwrap_or_else(|| path.to_owned());
        let mut documents = Vec::new();
        let mut add = |blocks: &[Block], title: &str, row: Option<&Map<String, Value>>| {
            for chunk in chunk(blocks, self.options, self.count)? {
                let number = documents.len() as u64;
                let mut document = Document::new(chunk_id(path, number))
                    .text_in(TITLE_TEXT_FIELD, title_path(title, &chunk.heading))
                    .text(chunk.text)
                    .payload("path", path)
                    .payload("parent", path)
                    .payload("title", title)
                    .payload("chunk", number)
                    .payload("hash", hash);
                if !chunk.heading.is_empty() {
                    document = document.payload("heading", chunk.heading.join(" > "));
                }
                document = match chunk.location {
                    SourceLocation::Page(page) => document.payload("page", page),
                    SourceLocation::Time { start, end } => {
                        document.payload("start", seconds(start)).payload("end", seconds(end))
                    }
                    _ => document,
                };
                if let Some(row) = row.filter(|row| !row.is_empty()) {
                    document = document.payload("row", row.clone());
                }
                documents.push(document);
            }
            Ok::<(), lexivec::Error>(())
        };
        add(&content.blocks, &title, None)?;
        for mut row in content.rows {
            let [own, text] = table::texts(&mut row);
            // A row with nothing but a title has it as its text.
            let text = text.or_else(|| own.clone()).unwrap_or_default();
            let own = own.map(|title| heading(&title)).filter(|title| !title.is_empty());
            let block = Block { text, ..Block::default() };
            add(&[block], own.as_deref().unwrap_or(&title), Some(&row))?;
        }
        Ok(documents)
    }
}

/// The title of a file and the headings above a chunk, which are its title: those that repeat the one before are left
/// out, as the first heading is often the title.
fn title_path(title: &str, headings: &[String]) -> String {
    let mut path = vec![title];
    path.extend(headings.iter().map(String::as_str));
    path.dedup();
    path.join(" > ")
}

/// Removes the rows with too many bytes next to their texts, and adds their number to the faults.
pub(crate) fn drop_wide_rows(content: &mut Content) {
    let all = content.rows.len();
    let size = |row: &Map<String, Value>| {
        let others = row.iter().filter(|(column, _)| !TEXT_COLUMNS.contains(&column.as_str()));
        others.map(|(column, value)| column.len() + value.to_string().len()).sum::<usize>()
    };
    content.rows.retain(|row| size(row) <= MAX_ROW_BYTES);
    let dropped = all - content.rows.len();
    if dropped > 0 {
        let detail = format!(
            "{dropped} rows have over {MAX_ROW_BYTES} bytes in columns other than title and text"
        );
        content.faults.push(detail);
    }
}

/// Seconds with a fraction, as players show them.
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}
