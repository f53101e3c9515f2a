//! Tables: JSON lines, CSV and Parquet as rows, and rows as documents.

use std::path::Path;

use lexivec::Document;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

use super::{Part, Row};
use lexivec::storage::reason;

use crate::error::{Error, Result};
use crate::lines::{BYTE_ORDER_MARK, json_fault};

/// Columns that are texts of a document; all other columns are payload.
pub const TEXT_COLUMNS: [&str; 2] = ["title", "text"];

/// A row with the number of its line from 1, or the reason why a line is none.
pub(super) type Line = std::result::Result<(usize, Row), String>;

/// The rows of JSON lines, or of one JSON array: objects.
///
/// # Errors
/// The fault of an array, of which no part is read then.
pub(super) fn json_lines(text: &str) -> std::result::Result<Vec<Line>, String> {
    if text.trim_start().starts_with('[') {
        let rows: Vec<Row> = serde_json::from_str(text)
            .map_err(|e| format!("line {}: {}", e.line(), json_fault(&e)))?;
        return Ok((1..).zip(rows).map(Ok).collect());
    }
    let lines = (1..).zip(text.split('\n')).filter(|(_, line)| !line.trim().is_empty());
    let row = |(number, line): (usize, &str)| match serde_json::from_str(line) {
        Ok(row) => Ok((number, row)),
        Err(e) => Err(format!("line {number}: {}", json_fault(&e))),
    };
    Ok(lines.map(row).collect())
}

/// The rows of a CSV file whose first line names the columns. A cell that is written as a number or a
/// truth value is one, but for the texts and the ids, if there is a column of them; an empty cell is none.
///
/// # Errors
/// The fault of the whole file: its first line cannot be read, or a quote is never closed, so that one cell would
/// swallow the rows after it.
pub(super) fn csv(
    bytes: &[u8],
    id_column: Option<&str>,
) -> std::result::Result<(Vec<String>, Vec<Line>), String> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if let Some(line) = unclosed_quote(bytes) {
        return Err(format!(
            "line {line}: a quote opens and is never closed; close it, or double it if it is part of the text"
        ));
    }
    let mut reader = csv::Reader::from_reader(bytes);
    let names = reader.headers().map_err(|e| csv_fault(&e, bytes))?;
    let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    if let Some((name, _)) =
        names.iter().zip(1..).find(|(name, n)| names.iter().skip(*n).any(|other| other == *name))
    {
        return Err(format!(
            "line 1: two columns have the name {name:?}; give each column its own"
        ));
    }
    let verbatim = |name: &str| id_column == Some(name) || TEXT_COLUMNS.contains(&name);
    let records: Vec<csv::Result<csv::StringRecord>> = reader.into_records().collect();
    let of_one_scale = |column: usize| {
        has_one_scale(records.iter().flatten().filter_map(|record| record.get(column)))
    };
    let columns: Vec<(&String, bool)> =
        names.iter().enumerate().map(|(i, name)| (name, of_one_scale(i))).collect();
    let row = |record: &csv::Result<csv::StringRecord>| {
        let record = record.as_ref().map_err(|e| csv_fault(e, bytes))?;
        let line = line_of(record.position(), bytes);
        let cells = columns.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        let value = |name: &str, one_scale: bool, cell: &str| match verbatim(name) {
            true => cell.into(),
            false => value(cell, one_scale),
        };
        let cell = |(&(name, one_scale), cell): (&(&String, bool), &str)| {
            (name.clone(), value(name, one_scale, cell))
        };
        Ok((line, cells.map(cell).collect()))
    };
    let rows = records.iter().map(row).collect();
    Ok((names, rows))
}

/// The line, from 1, of a quote that opens a cell and is never closed; `None` if all are closed.
fn unclosed_quote(bytes: &[u8]) -> Option<usize> {
    enum Cell {
        Start,
        Plain,
        /// Within quotes, with the line of the first one.
        Quoted(usize),
        /// After a quote that ends the cell, or is the first half of a doubled one.
        Closed(usize),
    }
    let (mut line, mut cell) = (1, Cell::Start);
    for byte in bytes {
        cell = match (cell, byte) {
            (Cell::Quoted(opened), b'"') => Cell::Closed(opened),
            (Cell::Quoted(opened), _) => Cell::Quoted(opened),
            (Cell::Closed(opened), b'"') => Cell::Quoted(opened),
            (Cell::Start, b'"') => Cell::Quoted(line),
            (_, b',' | b'\n' | b'\r') => Cell::Start,
            _ => Cell::Plain,
        };
        line += usize::from(*byte == b'\n');
    }
    match cell {
        Cell::Quoted(opened) => Some(opened),
        _ => None,
    }
}

/// The line, from 1, of a record; its position is before the empty lines that come first.
fn line_of(position: Option<&csv::Position>, bytes: &[u8]) -> usize {
    let Some(position) = position else { return 1 };
    let rest = bytes.get(position.byte() as usize..).unwrap_or_default();
    let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() as usize + empty.filter(|byte| **byte == b'\n').count()
}

/// An error of CSV in words that begin with the line.
fn csv_fault(error: &csv::Error, bytes: &[u8]) -> String {
    let line = line_of(error.position(), bytes);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!(
                "line {line}: it has another number of fields ({len}) than the first line ({expected_len})"
            )
        }
        csv::ErrorKind::Utf8 { .. } => {
            format!("line {line}: it is not UTF-8; convert it with iconv")
        }
        _ => error.to_string(),
    }
}

/// True if all cells with a decimal point have as many digits after it, as prices have and versions have not.
fn has_one_scale<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let mut scales = cells.filter_map(|cell| Some(cell.split_once('.')?.1.len()));
    let first = scales.next();
    scales.all(|scale| Some(scale) == first)
}

/// A cell as JSON. A cell becomes a number only if the number is written as the cell is, or has the decimals of all of
/// its column: so versions and codes such as 007, +1, 1.10 next to 1.9, and 12E3 stay different texts, and so do whole
/// numbers that are too long for 64 bits.
fn value(cell: &str, one_scale: bool) -> Value {
    let is_plain = |cell: &str| one_scale && cell.contains('.') && !cell.contains(['e', 'E']);
    match serde_json::from_str::<Value>(cell) {
        Ok(Value::Bool(truth)) => Value::from(truth),
        Ok(Value::Number(n)) if n.to_string() == cell || is_plain(cell) => Value::from(n),
        _ => Value::from(cell),
    }
}

/// Gives the rows of a Parquet file one after the other. Called in a reader process only, see `isolated`.
pub(crate) fn parquet(path: &Path, give: &mut dyn FnMut(Part)) -> std::result::Result<(), String> {
    let file = std::fs::File::open(path).map_err(|e| reason(&e))?;
    let reader = SerializedFileReader::new(file).map_err(|e| e.to_string())?;
    for row in reader.get_row_iter(None).map_err(|e| e.to_string())? {
        let row = row.map_err(|e| e.to_string())?;
        let columns = row.get_column_iter().map(|(name, field)| (name.clone(), field_value(field)));
        give(Part::Row(columns.filter(|(_, value)| !value.is_null()).collect()));
    }
    Ok(())
}

/// A field of a Parquet file as JSON: timestamps as RFC 3339 writes them, which filters read as times, and decimals as
/// numbers where a number has all their digits.
fn field_value(field: &Field) -> Value {
    match field {
        Field::TimestampMillis(_) | Field::TimestampMicros(_) => match field.to_json_value() {
            // `2024-03-01 08:00:00.000000 +00:00`
            Value::String(time) => Value::from(time.replacen(' ', "T", 1).replacen(' ', "", 1)),
            other => other,
        },
        Field::Decimal(decimal) => {
            let (written, scale) = (field.to_string(), decimal.scale().max(0) as usize);
            match written.parse::<f64>() {
                Ok(number) if format!("{number:.scale$}") == written => Value::from(number),
                _ => Value::from(written),
            }
        }
        Field::Group(row) => {
            row.get_column_iter().map(|(name, field)| (name.clone(), field_value(field))).collect()
        }
        Field::ListInternal(list) => list.elements().iter().map(field_value).collect(),
        Field::MapInternal(map) => {
            let entry =
                |(key, field): &(Field, Field)| (words(field_value(key)), field_value(field));
            map.entries().iter().map(entry).collect()
        }
        plain => plain.to_json_value(),
    }
}

/// Takes the texts out of a row: title, then text.
pub(crate) fn texts(row: &mut Row) -> [Option<String>; 2] {
    TEXT_COLUMNS.map(|column| row.remove(column).filter(|value| !value.is_null()).map(words))
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
            let detail = format!("it has nothing in the column {id_column:?}, which has its id");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_number_only_if_the_number_is_written_so() {
        for (cell, expected) in [
            ("2020", Value::from(2020)),
            ("-3", Value::from(-3)),
            ("1.5", Value::from(1.5)),
            ("2.0", Value::from(2.0)),
            ("true", Value::from(true)),
            ("1.10", Value::from("1.10")),
            ("12E3", Value::from("12E3")),
            ("007", Value::from("007")),
            ("+1", Value::from("+1")),
            ("123456789012345678901", Value::from("123456789012345678901")),
            ("null", Value::from("null")),
        ] {
            assert_eq!(value(cell, false), expected, "{cell}");
        }
        // Prices: as many decimals in all cells.
        assert!(has_one_scale(["19.90", "3.00", "7"].into_iter()));
        assert!(!has_one_scale(["1.9", "1.10"].into_iter()));
        assert_eq!(value("19.90", true), Value::from(19.9));
        assert_eq!(value("1.2E3", true), Value::from("1.2E3"));
    }

    #[test]
    fn times_and_decimals_of_parquet_are_what_filters_compare() {
        use parquet::data_type::Decimal;
        let decimal = |unscaled: i64, scale| Field::Decimal(Decimal::from_i64(unscaled, 18, scale));
        for (field, expected) in [
            (
                Field::TimestampMicros(1_709_280_000_000_000),
                "2024-03-01T08:00:00.000000+00:00".into(),
            ),
            (Field::TimestampMillis(1_709_280_000_000), "2024-03-01T08:00:00.000+00:00".into()),
            (decimal(1999, 2), Value::from(19.99)),
            (decimal(-5, 1), Value::from(-0.5)),
            (decimal(123_456_789_012_345_678, 3), "123456789012345.678".into()),
            (Field::Int(7), Value::from(7)),
            (Field::Null, Value::Null),
        ] {
            assert_eq!(field_value(&field), expected, "{field}");
        }
    }

    #[test]
    fn a_text_that_is_null_is_no_text() {
        let mut row =
            serde_json::from_str::<Row>(r#"{"title": null, "text": "a", "n": 1}"#).expect("JSON");
        assert_eq!(texts(&mut row), [None, Some("a".to_owned())]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_found_with_its_line() {
        for (text, expected) in [
            ("a,b\n1,\"two\nlines\"\n", None),
            ("a,b\n1,\"two\n3,4\n5,6\n", Some(2)),
            ("a,b\n\"\",\"x \"\"y\"\" z\"\r\n", None),
            ("a,b\n\"\"\"x\"\"\"", None),
            ("a,b\n1,\"x\"\"\n", Some(2)),
            // A quote within a cell that has none at its start is text.
            ("a,b\n5\",6\"\"\n\"q\" tail\",x\n", None),
            ("\"a\n", Some(1)),
            ("", None),
        ] {
            assert_eq!(unclosed_quote(text.as_bytes()), expected, "{text:?}");
        }
    }
}
