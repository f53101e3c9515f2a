//! One JSON value a line, every fault told with its file and line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::exit::{Failure, Outcome};

/// Longest line read, in bytes: a document of the largest size, its vector and the largest list of token
/// vectors as text beside it.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Reads every line of a file; `-` is stdin. Empty lines are passed over.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Outcome<Vec<T>> {
    let name = path.display();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        let file = File::open(path);
        Box::new(file.map_err(|e| Failure::new(format!("cannot open {name}: {e}")))?)
    };
    let mut input = BufReader::new(input);
    let mut values = Vec::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut input).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        let len = read.map_err(|e| Failure::new(format!("cannot read {name}: {e}")))?;
        if len == 0 {
            break;
        }
        if len as u64 == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            let detail = format!("{name} line {number}: longer than {MAX_LINE_BYTES} bytes");
            return Err(Failure::new(detail));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let parsed = serde_json::from_slice(&line);
        values.push(parsed.map_err(|e| {
            Failure::new(format!("{name} line {number}: {e}; nothing was written"))
        })?);
    }
    Ok(values)
}
