//! Records as JSON lines.

use std::io::Write;

use super::texts;
use crate::error::Result;
use crate::row::Row;

pub(super) fn write<R: Row>(
    count: u64,
    out: &mut impl Write,
    make: impl Fn(u64) -> R + Sync,
) -> Result<()> {
    texts(count, out, |range| {
        let mut left = range.end - range.start;
        let mut text = Vec::new();
        for index in range {
            let start = text.len();
            serde_json::to_writer(&mut text, &make(index))?;
            text.push(b'\n');
            left -= 1;
            // Records are of about the same length.
            if start == 0 {
                text.reserve(text.len() * left as usize);
            }
        }
        Ok(text)
    })
}
