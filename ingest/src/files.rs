//! The files of a folder and of the folders below it, in the order of their paths.

use std::path::{Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder};
use lexivec::limits::MAX_ID_BYTES;
use serde::Serialize;

use lexivec::storage::reason;

use crate::error::{Error, Result};
use crate::loaders::Format;

/// Deepest folder that is entered; the folder that was named is 0.
const MAX_DEPTH: usize = 32;
/// Bytes of the number of a chunk in its id, with the sign before it.
const NUMBER_BYTES: usize = 12;

/// A file of a known format.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Its path from the folder on, which the ids of its chunks begin with.
    pub(crate) name: String,
    pub(crate) format: Format,
}

/// A file or folder that could not be read, or only in part.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Unread {
    /// Its path from the ingested folder on.
    pub path: String,
    /// The reason, in words that follow the path.
    pub reason: String,
}

/// The files of known formats in a folder.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) files: Vec<Found>,
    /// Folders and names that could not be read.
    pub(crate) unread: Vec<Unread>,
}

/// Lists a folder. Hidden files and folders (a dot first in the name) are left out, and so are symbolic links, which
/// could lead anywhere. With `gitignore` the files that `.gitignore` and `.ignore` files exclude are
/// left out too; with `globs`, only files that one of them includes are listed.
pub(crate) fn list(folder: &Path, gitignore: bool, globs: &[String]) -> Result<Files> {
    if !folder.is_dir() {
        return Err(Error::input(format!("{} is not a folder", folder.display())));
    }
    let walk = WalkBuilder::new(folder)
        .standard_filters(gitignore)
        // Rules hold outside of git repositories too.
        .require_git(false)
        .hidden(true)
        .follow_links(false)
        .max_depth(Some(MAX_DEPTH + 1))
        .overrides(overrides(folder, globs)?)
        .build();
    let mut found = Files::default();
    for entry in walk {
        match entry {
            Ok(entry) => found.add(folder, entry),
            Err(error) => {
                let path = path_of(&error).unwrap_or(folder).to_owned();
                if path == folder {
                    return Err(Error::input(format!(
                        "cannot read {}: {}",
                        folder.display(),
                        reason_of(&error)
                    )));
                }
                found.fault(folder, &path, reason_of(&error));
            }
        }
    }
    found.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The globs as rules of the walk, with the syntax of `.gitignore` but the opposite meaning: `!` excludes.
fn overrides(folder: &Path, globs: &[String]) -> Result<Override> {
    let mut builder = OverrideBuilder::new(folder);
    let fault = |glob: &str, e: ignore::Error| Error::argument(format!("glob {glob:?}: {e}"));
    builder.case_insensitive(true).map_err(|e| fault("", e))?;
    for glob in globs {
        builder.add(glob).map_err(|e| fault(glob, e))?;
    }
    builder.build().map_err(|e| fault(&globs.join(" "), e))
}

impl Files {
    fn fault(&mut self, root: &Path, path: &Path, reason: String) {
        let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        self.unread.push(Unread { path, reason });
    }

    fn add(&mut self, root: &Path, entry: DirEntry) {
        let Some(kind) = entry.file_type() else { return };
        if kind.is_dir() {
            if entry.depth() > MAX_DEPTH {
                self.fault(root, entry.path(), format!("it is deeper than {MAX_DEPTH} folders"));
            }
            return;
        }
        let path = entry.into_path();
        let Some(format) = Format::of(&path).filter(|_| kind.is_file()) else { return };
        match path.strip_prefix(root).unwrap_or(&path).to_str().map(str::to_owned) {
            None => self.fault(root, &path, "its name is not UTF-8".to_owned()),
            Some(name) if name.len() + NUMBER_BYTES > MAX_ID_BYTES => {
                let reason = format!("its path has {} bytes, too many for an id", name.len());
                self.fault(root, &path, reason);
            }
            Some(name) => self.files.push(Found { path, name, format }),
        }
    }
}

/// The path that an error of the walk is about; `None` if it has none.
fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        _ => None,
    }
}

/// The error without its path.
fn reason_of(error: &ignore::Error) -> String {
    match error {
        ignore::Error::WithPath { err, .. }
        | ignore::Error::WithDepth { err, .. }
        | ignore::Error::WithLineNumber { err, .. } => reason_of(err),
        ignore::Error::Io(error) => reason(error),
        other => other.to_string(),
    }
}
