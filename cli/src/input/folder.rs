//! A folder of Markdown and text files: one document each, path and title as payload.

use std::fs;
use std::path::{Path, PathBuf};

use lexivec::Document;
use lexivec::limits::{MAX_DOCUMENT_BYTES, MAX_ID_BYTES};

use crate::exit::{Failure, Outcome};

/// Endings of files that are read, in lower case.
const ENDINGS: [&str; 3] = ["md", "markdown", "txt"];
/// Bytes of a file that are read, so that path and title fit beside them.
const MAX_FILE_BYTES: u64 = MAX_DOCUMENT_BYTES as u64 / 4 * 3;
/// Bytes of a title, which is stored twice.
const MAX_TITLE_BYTES: usize = 256;
/// Deepest folder that is read; a loop of links must end.
const MAX_DEPTH: usize = 32;

/// What was found in a folder.
pub(crate) struct Found {
    pub(crate) documents: Vec<Document>,
    /// Files with a known ending that are empty, too long or not text.
    pub(crate) passed_over: usize,
}

/// Reads every text below a folder, in the order of their paths.
pub(crate) fn read(folder: &Path) -> Outcome<Found> {
    let mut paths = Vec::new();
    walk(folder, 0, &mut paths)?;
    paths.sort();
    let mut found = Found { documents: Vec::new(), passed_over: 0 };
    for path in paths {
        let relative = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        let fits = fs::metadata(&path).is_ok_and(|m| m.len() <= MAX_FILE_BYTES)
            && relative.len() <= MAX_ID_BYTES;
        let text = if fits { fs::read_to_string(&path).ok() } else { None };
        match text {
            Some(text) if !text.trim().is_empty() => {
                let title = title(&text).unwrap_or(&relative).to_owned();
                let document = Document::new(relative.clone())
                    .text("title", title.clone())
                    .text("text", text)
                    .payload("path", relative)
                    .payload("title", title);
                found.documents.push(document);
            }
            _ => found.passed_over += 1,
        }
    }
    Ok(found)
}

fn walk(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Outcome<()> {
    let fail = |e| Failure::new(format!("cannot read {}: {e}", folder.display()));
    if depth > MAX_DEPTH {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let kind = entry.file_type().map_err(fail)?;
        let path = entry.path();
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        if kind.is_dir() {
            walk(&path, depth + 1, paths)?;
        } else if kind.is_file() && ending.is_some_and(|e| ENDINGS.contains(&e.as_str())) {
            paths.push(path);
        }
    }
    Ok(())
}

/// The first heading of a Markdown text.
fn title(text: &str) -> Option<&str> {
    let heading = text.lines().take(50).find_map(|line| line.strip_prefix('#'))?;
    let title = heading.trim_start_matches('#').trim();
    let title = &title[..title.floor_char_boundary(MAX_TITLE_BYTES)];
    (!title.is_empty()).then_some(title)
}
