//! A segment file: named sections, each aligned and checksummed in blocks.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{Section, SegmentReader};
pub use writer::SegmentWriter;

use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"LXVSEGM\0";
const FOOTER_MAGIC: &[u8; 8] = b"LXVSEGF\0";
/// Format of segment files, major and minor.
const VERSION: (u16, u16) = (1, 2);
/// Before codes of half floats and token vectors, and with blocks of [`OLD_BLOCK_SHIFT`]; otherwise the same.
const VERSION_WITHOUT_HALVES: (u16, u16) = (1, 1);
/// Before segments had codes; otherwise as without halves, and still read.
const VERSION_WITHOUT_CODES: (u16, u16) = (1, 0);
/// Bytes that one block checksum covers: a page, so that a jump into a file that is in no cache reads no more
/// than it has to. A first touch costs less than a microsecond, and the table is a thousandth of the file.
const BLOCK_BYTES: usize = 1 << BLOCK_SHIFT;
const BLOCK_SHIFT: u32 = 12;
/// Blocks of older files: 64 KiB.
const OLD_BLOCK_SHIFT: u32 = 16;
/// Bytes of the header, and of the footer.
const EDGE_BYTES: usize = 64;
/// Alignment of sections: a cache line, and the width of the widest vector register.
const ALIGNMENT: u64 = 64;
/// Longest section name, in bytes.
const MAX_NAME_BYTES: usize = 255;
/// Sections of one file; 64 vector fields have under ten each.
const MAX_SECTIONS: u32 = 4_096;

/// The manifest's record of a segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// XXH3-128 of its tail: block checksums, table of contents and footer, which vouch for every
    /// other byte.
    pub tail_hash: u128,
}

/// The next place where a section may start.
fn aligned(at: u64) -> u64 {
    at.next_multiple_of(ALIGNMENT)
}

/// Refuses versions that this release does not read, newer ones with a separate error.
fn check_version(file: &str, found: (u16, u16)) -> Result<()> {
    if [VERSION, VERSION_WITHOUT_HALVES, VERSION_WITHOUT_CODES].contains(&found) {
        return Ok(());
    }
    if found > VERSION {
        return Err(Error::NewerFormat { file: file.to_owned(), found, supported: VERSION });
    }
    Err(Error::corrupt(file, 8, format!("version {}.{} never was", found.0, found.1)))
}
