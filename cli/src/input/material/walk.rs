//! The files of a folder and those below it, in the order of their paths.

use std::path::{Path, PathBuf};

use lexivec::limits::MAX_ID_BYTES;
use serde::Serialize;

use super::Format;
use crate::exit::{Failure, Outcome};

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;
/// Bytes that the number of a chunk takes in its id, with the sign before it.
const NUMBER_BYTES: usize = 12;

/// A file of a known format.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Its path from the folder on: what its chunks are named by.
    pub(crate) name: String,
    pub(crate) format: Format,
}

/// A file or folder that is not in the collection as it should be.
#[derive(Serialize)]
pub(crate) struct Unread {
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// What a folder has in it.
#[derive(Default)]
pub(crate) struct Walk {
    pub(crate) files: Vec<Found>,
    /// Folders and names that could not be read.
    pub(crate) unread: Vec<Unread>,
}

/// Looks through a folder. What is hidden (a dot before its name) is passed over, and so are symbolic
/// links, which could lead anywhere.
pub(crate) fn walk(folder: &Path) -> Outcome<Walk> {
    let mut found = Walk::default();
    if !folder.is_dir() {
        let detail = format!("{} is no folder that can be read", folder.display());
        return Err(Failure::new(detail));
    }
    look(folder, folder, 0, &mut found);
    if let Some(root) = found.unread.iter().find(|unread| unread.path.is_empty()) {
        return Err(Failure::new(format!("cannot read {}: {}", folder.display(), root.reason)));
    }
    found.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn look(root: &Path, folder: &Path, depth: usize, found: &mut Walk) {
    let mut unread = |path: &Path, reason: String| {
        let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        found.unread.push(Unread { path, reason });
    };
    if depth > MAX_DEPTH {
        return unread(folder, format!("deeper than {MAX_DEPTH} folders"));
    }
    let entries = match std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(e) => return unread(folder, e.to_string()),
    };
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(e) => {
                let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                found.unread.push(Unread { path, reason: e.to_string() });
                continue;
            }
        };
        if kind.is_dir() {
            look(root, &path, depth + 1, found);
            continue;
        }
        let Some(format) = Format::of(&path).filter(|_| kind.is_file()) else { continue };
        let name = path.strip_prefix(root).unwrap_or(&path).to_str().map(str::to_owned);
        let reason = match name {
            None => "its name is not UTF-8".to_owned(),
            Some(name) if name.len() + NUMBER_BYTES > MAX_ID_BYTES => {
                format!("its path has {} bytes, too many for an id", name.len())
            }
            Some(name) => {
                found.files.push(Found { path, name, format });
                continue;
            }
        };
        let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        found.unread.push(Unread { path, reason });
    }
}
