//! The JSON documents of access: each has a version, and members that are unknown are refused.

use std::path::Path;

use lexivec_storage::{FileStamp, PrivateDirectory};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The version of all documents, in their member `version`.
pub(crate) const VERSION: u64 = 1;

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Reads a document, with the stamp of its file; `None` if it is not there.
pub(crate) fn read<T: DeserializeOwned>(
    directory: &PrivateDirectory,
    name: &str,
    max_bytes: u64,
) -> Result<Option<(T, FileStamp)>> {
    let Some((bytes, stamp)) = directory.read(name, max_bytes)? else { return Ok(None) };
    Ok(Some((parse(&directory.path_of(name), &bytes)?, stamp)))
}

/// Replaces a document; one that would be longer than it may be is refused.
pub(crate) fn write<T: Serialize>(
    directory: &PrivateDirectory,
    name: &str,
    max_bytes: u64,
    content: &T,
) -> Result<()> {
    let path = directory.path_of(name);
    let mut bytes = serde_json::to_vec_pretty(content).map_err(|e| unreadable(&path, &e))?;
    bytes.push(b'\n');
    if bytes.len() as u64 > max_bytes {
        return Err(Error::invalid(format!(
            "{} would be longer than {max_bytes} bytes; use fewer keys, or shorter filters",
            path.display()
        )));
    }
    Ok(directory.replace(name, &bytes)?)
}

/// Reads the bytes of a document.
fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    // The version first: a newer document may have members that this release does not know.
    let found: Versioned = serde_json::from_slice(bytes).map_err(|e| unreadable(path, &e))?;
    if found.version > VERSION {
        let path = path.display().to_string();
        return Err(Error::NewerVersion { path, found: found.version, supported: VERSION });
    }
    serde_json::from_slice(bytes).map_err(|e| unreadable(path, &e))
}

fn unreadable(path: &Path, error: &serde_json::Error) -> Error {
    Error::Unreadable { path: path.display().to_string(), detail: error.to_string() }
}
