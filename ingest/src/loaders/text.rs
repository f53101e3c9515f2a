//! Plain text: UTF-8, its paragraphs as blocks.

use lexivec::chunk::{Block, SourceLocation};

use super::Content;

/// Bytes as text, without a mark of byte order.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| format!("byte {} is not UTF-8; convert it with iconv", e.valid_up_to()))?;
    match text.find('\0') {
        Some(at) => Err(format!("byte {at} is zero, so that it is no text")),
        None => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
    }
}

/// The paragraphs of a text.
pub(super) fn read(text: &str) -> Content {
    Content { blocks: paragraphs(text, SourceLocation::Nowhere), ..Content::default() }
}

/// Parts of a text with empty lines between them.
pub(super) fn paragraphs(text: &str, location: SourceLocation) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut paragraph = String::new();
    let mut close = |paragraph: &mut String| {
        let text = std::mem::take(paragraph);
        let text = text.trim_end().to_owned();
        if !text.is_empty() {
            blocks.push(Block { text, heading: Vec::new(), location });
        }
    };
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            close(&mut paragraph);
        } else {
            paragraph.push_str(line);
        }
    }
    close(&mut paragraph);
    blocks
}
