//! JSON lines: one value a line; errors name the file and the line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Most bytes of a line: a document of the largest size, with its vector and the largest list of token vectors as
/// text.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Reads every line of a file; `-` is stdin. Empty lines are skipped.
///
/// # Errors
/// [`Error::Input`] if the file cannot be read, or a line is longer than 16 MiB or not of type `T`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let name = path.display();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let file = File::open(path);
        Box::new(file.map_err(|e| Error::input(format!("cannot open {name}: {e}")))?)
    };
    let mut input = BufReader::new(input);
    let mut values = Vec::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut input).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        let len = read.map_err(|e| Error::input(format!("cannot read {name}: {e}")))?;
        if len == 0 {
            break;
        }
        if len as u64 == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            let detail = format!("{name} line {number}: longer than {MAX_LINE_BYTES} bytes");
            return Err(Error::input(detail));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let parsed = serde_json::from_slice(&line);
        values.push(parsed.map_err(|e| {
            Error::input(format!("{name} line {number}: {e}; nothing was written"))
        })?);
    }
    Ok(values)
}
