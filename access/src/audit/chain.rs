//! The lines of the audit log: each is bound to the one before it by a hash.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::entry::Entry;
use crate::keys::hex;

/// The hash before the first entry.
pub(crate) const FIRST_PREVIOUS: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";
/// Longest line of a log, in bytes: every character of the longest entry takes at most six bytes of JSON, and some.
pub(crate) const MAX_LINE_BYTES: u64 = 64 << 10;

/// A line: an entry, the hash of the line before, and its own: SHA-256 of the digits of that hash and the entry as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    entry: Entry,
    previous: String,
    hash: String,
}

/// The end of a log. The file `audit.head` holds it as well, so that a log whose end was cut is noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) version: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) hash: String,
}

/// The first place where a log is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fault {
    /// The line, from one on.
    pub line: u64,
    /// The byte in the file at which the line begins.
    pub byte: u64,
    /// The fault in words.
    pub detail: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damaged at line {} (byte {}): {}", self.line, self.byte, self.detail)
    }
}

impl Head {
    /// The head of a log without entries.
    pub(crate) fn start() -> Self {
        let version = crate::document::VERSION;
        Self { version, entries: 0, bytes: 0, hash: FIRST_PREVIOUS.to_owned() }
    }

    /// Appends the line of an entry, which ends with a line feed, to bytes.
    pub(crate) fn push(&mut self, entry: Entry, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let hash = hash_of(&self.hash, &entry)?;
        let line = Line { entry, previous: self.hash.clone(), hash };
        let before = out.len();
        serde_json::to_writer(&mut *out, &line)?;
        out.push(b'\n');
        self.entries += 1;
        self.bytes += (out.len() - before) as u64;
        self.hash = line.hash;
        Ok(())
    }

    /// Takes the next line, without its line feed, and returns its entry.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Result<Entry, Fault> {
        let line = self.checked(bytes).map_err(|detail| self.fault(detail))?;
        self.entries += 1;
        self.bytes += bytes.len() as u64 + 1;
        self.hash = line.hash;
        Ok(line.entry)
    }

    fn checked(&self, bytes: &[u8]) -> Result<Line, String> {
        let line: Line = serde_json::from_slice(bytes).map_err(|e| {
            format!("it is no entry ({e})").replace(" at line 1 column", " at byte")
        })?;
        // The members are hashed in one form, and other forms of the same members would not be noticed.
        if serde_json::to_vec(&line).map_err(|e| e.to_string())? != bytes {
            return Err("it is not written as this program writes entries".to_owned());
        }
        if line.previous != self.hash {
            return Err("it does not follow the line before it".to_owned());
        }
        if hash_of(&line.previous, &line.entry).map_err(|e| e.to_string())? != line.hash {
            return Err("its entry is not the one that was hashed".to_owned());
        }
        Ok(line)
    }

    /// A fault at the next line.
    pub(crate) fn fault(&self, detail: impl Into<String>) -> Fault {
        Fault { line: self.entries + 1, byte: self.bytes, detail: detail.into() }
    }
}

fn hash_of(previous: &str, entry: &Entry) -> serde_json::Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(previous.as_bytes());
    hasher.update(serde_json::to_vec(entry)?);
    Ok(hex(&hasher.finalize()))
}

/// The lines of a log, one at a time.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
}

/// The next part of a log.
pub(crate) enum Next<'a> {
    /// A line, without its line feed.
    Line(&'a [u8]),
    /// The beginning of a line that a crash cut, with its length in bytes.
    Torn(u64),
    /// More bytes without a line feed than a line has.
    TooLong,
    /// The end.
    End,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), line: Vec::new() }
    }

    pub(crate) fn next(&mut self) -> io::Result<Next<'_>> {
        self.line.clear();
        let mut bounded = self.reader.by_ref().take(MAX_LINE_BYTES);
        bounded.read_until(b'\n', &mut self.line)?;
        Ok(match self.line.split_last() {
            None => Next::End,
            Some((b'\n', line)) => Next::Line(line),
            Some(_) if self.line.len() as u64 >= MAX_LINE_BYTES => Next::TooLong,
            Some(_) => Next::Torn(self.line.len() as u64),
        })
    }
}
