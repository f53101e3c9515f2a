//! Tables: JSON lines, CSV and Parquet as rows, and rows as documents.

use std::io::Read;
use std::path::Path;

use lexivec::Document;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use super::{Part, Row};
use crate::error::{Error, Result};

/// Columns that are texts of a document; all other columns are payload.
pub const TEXT_COLUMNS: [&str; 2] = ["title", "text"];

/// The rows of JSON lines: objects.
pub(super) fn json_lines(bytes: &[u8]) -> impl Iterator<Item = std::result::Result<Row, String>> {
    let lines = bytes.split(|b| *b == b'\n').enumerate();
    lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(number, line)| {
        serde_json::from_slice(line).map_err(|e| format!("line {}: {e}", number + 1))
    })
}

/// The rows of a CSV file whose first line names the columns. A cell that is written as a number or a
/// truth value is one, but for the texts and the ids, if there is a column of them; an empty cell is none.
pub(super) fn csv(
    input: impl Read,
    id_column: Option<&str>,
) -> impl Iterator<Item = std::result::Result<Row, String>> {
    let mut reader = csv::Reader::from_reader(input);
    let (names, failure) = match reader.headers() {
        Ok(names) => (names.clone(), None),
        Err(e) => (csv::StringRecord::new(), Some(Err(e.to_string()))),
    };
    let column = |name: &str| {
        let name = name.trim_start_matches('\u{feff}').trim().to_owned();
        let verbatim = id_column == Some(&name) || TEXT_COLUMNS.contains(&name.as_str());
        (name, verbatim)
    };
    let columns: Vec<(String, bool)> = names.iter().map(column).collect();
    let broken = failure.is_some();
    let rows = reader.into_records().take_while(move |_| !broken).map(move |record| {
        let record = record.map_err(|e| e.to_string())?;
        let cells = columns.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        let value = |verbatim: bool, cell: &str| if verbatim { cell.into() } else { value(cell) };
        Ok(cells.map(|((name, verbatim), cell)| (name.clone(), value(*verbatim, cell))).collect())
    });
    failure.into_iter().chain(rows)
}

/// A cell as JSON. A number is one by JSON's grammar, so that 007 and +1 stay as they are, and so do whole
/// numbers that are too long for 64 bits.
fn value(cell: &str) -> Value {
    match serde_json::from_str::<Value>(cell) {
        Ok(Value::Bool(truth)) => Value::from(truth),
        Ok(Value::Number(n)) if !n.is_f64() || cell.contains(['.', 'e', 'E']) => Value::from(n),
        _ => Value::from(cell),
    }
}

/// Gives the rows of a Parquet file one after the other. Called in a reader process only, see `isolated`.
pub(crate) fn parquet(path: &Path, give: &mut dyn FnMut(Part)) -> std::result::Result<(), String> {
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

/// Makes a document of a row; its id is the value of `id_column`.
///
/// # Errors
/// [`Error::Input`] if the row has no string or number there, in words that follow the number of the row.
pub fn document(mut row: Row, id_column: &str) -> Result<Document> {
    let id = match row.remove(id_column) {
        Some(id @ (Value::String(_) | Value::Number(_))) => words(id),
        Some(other) => {
            let detail = format!("its id is {other}; a string or number is expected");
            return Err(Error::Input(detail));
        }
        None => {
            let detail = format!("it has nothing in the column {id_column:?}, its id");
            return Err(Error::Input(detail));
        }
    };
    let mut document = Document::new(id);
    for (column, text) in TEXT_COLUMNS.into_iter().zip(texts(&mut row)) {
        if let Some(text) = text {
            document = document.text_in(column, text);
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
