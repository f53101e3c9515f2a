//! JSON lines: one value a line, or all of them in one array; errors name the file and the line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use lexivec::DocumentFault;
use serde::de::DeserializeOwned;

use lexivec::storage::reason;

use crate::error::{Error, Result};

/// Most bytes of a line: a document of the largest size, with its vector and the largest list of token vectors as
/// text.
const MAX_LINE_BYTES: u64 = 16 << 20;
/// UTF-8's mark of byte order, which some programs write at the start of a file.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Values of a file, with the place of each.
#[derive(Debug)]
#[non_exhaustive]
pub struct Numbered<T> {
    /// The values, in the order of the file.
    pub values: Vec<T>,
    /// Their places.
    pub places: Places,
}

impl<T> Numbered<T> {
    /// Values with a place for each.
    #[must_use]
    pub fn new(values: Vec<T>, places: Places) -> Self {
        Self { values, places }
    }
}

/// The places of values in their file, from 1: lines, rows of a table, or elements of an array.
#[derive(Clone, Debug)]
pub struct Places {
    file: String,
    unit: &'static str,
    numbers: Vec<usize>,
}

impl Places {
    /// The places of no values yet, each counted in a unit such as `line`.
    pub(crate) fn new(path: &Path, unit: &'static str) -> Self {
        Self { file: path.display().to_string(), unit, numbers: Vec::new() }
    }

    /// Adds the place of the next value.
    pub(crate) fn push(&mut self, number: usize) {
        self.numbers.push(number);
    }

    /// The place of the value at an index, with the name of the file.
    #[must_use]
    pub fn name(&self, index: usize) -> String {
        format!("{} {}", self.file, self.within(index))
    }

    fn within(&self, index: usize) -> String {
        format!("{} {}", self.unit, self.numbers.get(index).copied().unwrap_or_default())
    }

    /// The refusal of a document of this file: with its place in the file instead of its index in the batch. Other
    /// errors stay as they are.
    #[must_use]
    pub fn refusal(&self, error: lexivec::Error) -> Error {
        let lexivec::Error::Document { position, id, fault } = error else { return error.into() };
        let fault = match fault {
            DocumentFault::Duplicate { first } => format!("{} has the same id", self.within(first)),
            fault => fault.to_string(),
        };
        Error::input(format!("{} (id {id:?}): {fault}; nothing was written", self.name(position)))
    }
}

/// Reads every value of a file; `-` is stdin. Each is on a line, or the file is one JSON array of them. Empty lines
/// and a mark of byte order are skipped. `example` is a line as it should be, for the message about one that is not.
///
/// # Errors
/// [`Error::Input`] if the file cannot be read, or a line is longer than 16 MiB or not of type `T`.
pub fn read<T: DeserializeOwned>(path: &Path, example: &str) -> Result<Numbered<T>> {
    let name = path.display();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let file = File::open(path);
        Box::new(file.map_err(|e| Error::input(format!("cannot open {name}: {}", reason(&e))))?)
    };
    let mut input = BufReader::new(input);
    let wrong = |number: usize, e: &serde_json::Error| {
        let fault = json_fault(e);
        Error::input(format!(
            "{name} line {number}: {fault}; a line is expected to be like {example}"
        ))
    };
    let (mut values, mut places) = (Vec::new(), Places::new(path, "line"));
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut input).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        let len = read.map_err(|e| Error::input(format!("cannot read {name}: {}", reason(&e))))?;
        if len == 0 {
            break;
        }
        let text = match number {
            1 => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line),
            _ => &line,
        };
        if values.is_empty() && text.trim_ascii_start().first() == Some(&b'[') {
            let array = text.chain(&mut input);
            let values: Vec<T> = serde_json::from_reader(array)
                .map_err(|e| wrong(number + e.line().saturating_sub(1), &e))?;
            let numbers = (1..=values.len()).collect();
            return Ok(Numbered { values, places: Places { unit: "element", numbers, ..places } });
        }
        if len as u64 == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            let detail = format!("{name} line {number}: longer than {MAX_LINE_BYTES} bytes");
            return Err(Error::input(detail));
        }
        if !text.trim_ascii().is_empty() {
            values.push(serde_json::from_slice(text).map_err(|e| wrong(number, &e))?);
            places.push(number);
        }
    }
    Ok(Numbered { values, places })
}

/// An error of JSON with its column and without its line, which is that of the value and not of the file.
pub(crate) fn json_fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&position) {
        Some(fault) if error.column() > 0 => format!("{fault}, column {}", error.column()),
        Some(fault) => fault.to_owned(),
        None => text,
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug)]
    struct Row {
        n: u32,
    }

    #[test]
    fn lines_and_arrays_are_read_and_faults_have_their_place_in_the_file() {
        let scratch = tempfile::tempdir().expect("a directory");
        let path = scratch.path().join("rows");
        for (text, expected) in [
            ("{\"n\": 1}\n\n{\"n\": 2}", Ok("line 1, line 3")),
            ("\u{feff}{\"n\": 1}\n{\"n\": 2}\n", Ok("line 1, line 2")),
            ("\u{feff}\n {\"n\": 1}\n", Ok("line 2")),
            ("[{\"n\": 1},\n {\"n\": 2}]\n", Ok("element 1, element 2")),
            ("\u{feff}\n [{\"n\": 1}]", Ok("element 1")),
            ("[]", Ok("")),
            ("", Ok("")),
            ("\n{\"n\": 1}\n{\"n\": x}\n", Err("rows line 3: expected value, column 7; a line")),
            ("\n[{\"n\": 1},\n{\"n\": x}]\n", Err("rows line 3: expected value, column 7; a line")),
            ("{\"n\": 1}\n[]\n", Err("rows line 2: ")),
            ("plain words\n", Err("is expected to be like {\"n\": 1}")),
        ] {
            std::fs::write(&path, text).expect("written");
            let read = read::<Row>(&path, "{\"n\": 1}");
            match (read, expected) {
                (Ok(found), Ok(expected)) => {
                    let places = (0..found.values.len()).map(|i| found.places.within(i));
                    assert_eq!(places.collect::<Vec<_>>().join(", "), expected, "{text:?}");
                    assert!(found.values.iter().zip(1..).all(|(row, n)| row.n == n), "{found:?}");
                }
                (Err(error), Err(expected)) => {
                    let error = error.to_string();
                    assert!(error.contains(expected), "{text:?}: {error}");
                }
                (found, _) => panic!("{text:?}: {found:?}"),
            }
        }
    }
}
