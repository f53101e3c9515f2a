//! Tables: JSON lines, CSV and Parquet as rows, and rows as documents.

use std::io::Read;
use std::path::Path;

use lexivec::Document;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use super::{Part, Row};

/// Columns that are texts of a document; all others are payload.
pub(crate) const TEXT_COLUMNS: [&str; 2] = ["title", "text"];

/// The rows of JSON lines: objects.
pub(super) fn json_lines(bytes: &[u8]) -> impl Iterator<Item = Result<Row, String>> {
    let lines = bytes.split(|b| *b == b'\n').enumerate();
    lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(number, line)| {
        serde_json::from_slice(line).map_err(|e| format!("line {}: {e}", number + 1))
    })
}

/// The rows of a CSV file whose first line names the columns. A cell that is written as a number or a
/// truth value is one; an empty cell is none.
pub(super) fn csv(input: impl Read) -> impl Iterator<Item = Result<Row, String>> {
    let mut reader = csv::Reader::from_reader(input);
    let names = reader.headers().cloned();
    let mut names = Some(names.map(|names| {
        let plain = |name: &str| name.trim_start_matches('\u{feff}').trim().to_owned();
        names.iter().map(plain).collect::<Vec<_>>()
    }));
    let (failure, names) = match names.take() {
        Some(Ok(names)) => (None, names),
        Some(Err(e)) => (Some(Err(e.to_string())), Vec::new()),
        None => (None, Vec::new()),
    };
    let broken = failure.is_some();
    let rows = reader.into_records().take_while(move |_| !broken).map(move |record| {
        let record = record.map_err(|e| e.to_string())?;
        let cells = names.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        Ok(cells.map(|(name, cell)| (name.clone(), value(name, cell))).collect())
    });
    failure.into_iter().chain(rows)
}

/// A cell as JSON. What would be written otherwise than it is, as 007 or 1e3, stays a string.
fn value(name: &str, cell: &str) -> Value {
    if TEXT_COLUMNS.contains(&name) {
        return Value::from(cell);
    }
    match serde_json::from_str::<Value>(cell) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) if value.to_string() == cell => value,
        _ => Value::from(cell),
    }
}

/// Gives the rows of a Parquet file one after the other. Only ever called in a process of its own.
pub(super) fn parquet(path: &Path, give: &mut dyn FnMut(Part)) -> Result<(), String> {
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let reader = SerializedFileReader::new(file).map_err(|e| e.to_string())?;
    for row in reader.get_row_iter(None).map_err(|e| e.to_string())? {
        let Value::Object(mut row) = row.map_err(|e| e.to_string())?.to_json_value() else {
            return Err("a row is no object".to_owned());
        };
        row.retain(|_, value| !value.is_null());
        give(Part::Row(row));
    }
    Ok(())
}

/// Takes the texts out of a row: title, then text.
pub(crate) fn texts(row: &mut Row) -> [Option<String>; 2] {
    TEXT_COLUMNS.map(|column| row.remove(column).map(words))
}

/// A row as a document; its id is that of the column.
pub(crate) fn document(mut row: Row, id_column: &str) -> Result<Document, String> {
    let id = match row.remove(id_column) {
        Some(id @ (Value::String(_) | Value::Number(_))) => words(id),
        Some(other) => return Err(format!("its id is {other}; a string or number is expected")),
        None => return Err(format!("it has nothing in the column {id_column:?}, its id")),
    };
    let mut document = Document::new(id);
    for (column, text) in TEXT_COLUMNS.into_iter().zip(texts(&mut row)) {
        if let Some(text) = text {
            document = document.text(column, text);
        }
    }
    document.payload = row;
    Ok(document)
}

fn words(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
