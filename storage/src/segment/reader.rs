//! Reading a segment file: its tables are checked when it is opened, its blocks when they are
//! first touched.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::{
    BLOCK_SHIFT, EDGE_BYTES, FOOTER_MAGIC, MAGIC, MAX_NAME_BYTES, MAX_SECTIONS, OLD_BLOCK_SHIFT,
    SegmentFile, VERSION_WITHOUT_HALVES, aligned, check_version,
};
use crate::checksum::{crc, hash};
use crate::codec::Decoder;
use crate::error::{Error, Result};
use crate::mapped::Bytes;
use crate::vfs::{FileStamp, Vfs};

/// An open segment file.
#[derive(Debug)]
pub struct SegmentReader {
    file: SegmentFile,
    bytes: Bytes,
    sections: Vec<Section>,
    /// The file as it was when it was opened, where it is one on disk.
    stamp: Option<FileStamp>,
    /// True once it was seen to be another.
    changed: AtomicBool,
}

impl SegmentReader {
    /// Opens a file that a manifest names: its length, header, tables and footer are checked.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when any of them is not what was written, [`Error::NewerFormat`] when a
    /// newer release wrote them.
    pub fn open(vfs: &dyn Vfs, file: &SegmentFile) -> Result<Self> {
        let stamp = vfs.stamp(&file.name)?;
        let bytes = vfs.map(&file.name, file.len)?;
        let name = file.name.as_str();
        let segment = check_header(name, &bytes)?;
        let (tail, footer) = read_footer(name, &bytes, segment)?;
        if hash(tail) != file.tail_hash {
            let detail = "its tables are not those the manifest names";
            return Err(Error::corrupt(name, footer.table, detail));
        }
        let sections = read_tables(name, &bytes, tail, &footer)?;
        Ok(Self { file: file.clone(), bytes, sections, stamp, changed: AtomicBool::new(false) })
    }

    /// Refuses a file of which a page could not be read since it was opened, as zeros may have been read in its place; and
    /// one whose length or time of modification is another than when it was opened, as blocks are verified once. A file
    /// that has lost its name is not looked at: it is read as it was mapped.
    ///
    /// # Errors
    /// [`Error::Corrupt`], and when the system does not say what the file's length and time are.
    pub fn check_whole(&self, vfs: &dyn Vfs) -> Result<()> {
        self.notice_change(vfs)?;
        let detail = if self.bytes.is_lost() {
            "a part of it could not be read: it was cut short, or its disk failed, while it was open"
        } else if self.changed.load(Ordering::Acquire) {
            "it was written to while it was open; a segment file is never changed"
        } else {
            return Ok(());
        };
        Err(Error::corrupt(&self.file.name, 0, detail))
    }

    /// All bytes of the file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Looks at the file's length and time of modification.
    fn notice_change(&self, vfs: &dyn Vfs) -> Result<()> {
        let Some(before) = &self.stamp else { return Ok(()) };
        let now = match vfs.stamp(&self.file.name) {
            Err(Error::NotFound { .. }) => return Ok(()),
            now => now?,
        };
        if now.is_some_and(|now| now.is_same_file(before) && now != *before) {
            self.changed.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// A section by name.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is none: the caller's own files always have it.
    pub fn section(&self, name: &str) -> Result<Section> {
        self.find(name).ok_or_else(|| Error::Corrupt {
            file: self.file.name.clone(),
            section: Some(name.to_owned()),
            offset: 0,
            detail: "there is no such section".to_owned(),
        })
    }

    /// A section by name, if there is one.
    pub fn find(&self, name: &str) -> Option<Section> {
        self.sections.iter().find(|s| s.name() == name).cloned()
    }

    /// Names of all sections, in the order in which they lie.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(Section::name)
    }

    /// Checks every block of every section again, and that the bytes between sections are zero.
    pub fn verify(&self) -> Result<()> {
        let mut at = EDGE_BYTES;
        for section in &self.sections {
            let inner = &section.0;
            self.check_padding(at, inner.offset)?;
            for block in 0..inner.crcs.len() {
                inner.check_block(block)?;
            }
            at = inner.offset + inner.bytes.len();
        }
        self.check_padding(at, aligned(at as u64) as usize)
    }

    fn check_padding(&self, from: usize, to: usize) -> Result<()> {
        match self.bytes.get(from..to).map(|gap| gap.iter().position(|&b| b != 0)) {
            Some(None) => Ok(()),
            Some(Some(i)) => Err(Error::corrupt(&self.file.name, from + i, "padding is not zero")),
            None => Err(Error::corrupt(&self.file.name, from, "sections overlap")),
        }
    }
}

struct Footer {
    /// Logarithm of the bytes of a block.
    block_shift: u32,
    sections: u32,
    table: usize,
    contents: usize,
}

fn check_header(name: &str, bytes: &[u8]) -> Result<u128> {
    let mut header = Decoder::new(name, bytes);
    let fields = header.take(EDGE_BYTES - 4)?;
    let stored = header.u32()?;
    let mut header = Decoder::new(name, fields);
    if header.take(8)? != MAGIC {
        return Err(Error::corrupt(name, 0, "it is not a segment file"));
    }
    // The version before the checksum: a newer format may have another header.
    check_version(name, (header.u16()?, header.u16()?))?;
    if crc(fields) != stored {
        return Err(Error::corrupt(name, 0, "the header's checksum is wrong"));
    }
    header.u32()?;
    header.u128()
}

/// The tail (block checksums, table of contents, footer) and what the footer says.
fn read_footer<'a>(name: &str, bytes: &'a [u8], segment: u128) -> Result<(&'a [u8], Footer)> {
    let at = bytes.len().saturating_sub(EDGE_BYTES);
    let bad = |detail: &str| Error::corrupt(name, at, detail);
    let mut footer = Decoder::new(name, bytes.get(at..).unwrap_or_default());
    if footer.take(8)? != FOOTER_MAGIC {
        return Err(bad("there is no footer"));
    }
    let version = (footer.u16()?, footer.u16()?);
    check_version(name, version)?;
    let block_shift = if version > VERSION_WITHOUT_HALVES { BLOCK_SHIFT } else { OLD_BLOCK_SHIFT };
    let sections = footer.u32()?;
    let (table, contents) = (footer.u64()?, footer.u64()?);
    let (len, owner) = (footer.u64()?, footer.u128()?);
    footer.u32()?;
    let stored = footer.u32()?;
    if len != bytes.len() as u64 || owner != segment || sections > MAX_SECTIONS {
        return Err(bad("the footer belongs to another file"));
    }
    if table < EDGE_BYTES as u64 || table > contents || contents > at as u64 {
        return Err(bad("the footer's offsets are impossible"));
    }
    let (table, contents) = (table as usize, contents as usize);
    let checked = bytes.get(table..bytes.len() - 4).unwrap_or_default();
    if crc(checked) != stored {
        return Err(bad("the tables' checksum is wrong"));
    }
    Ok((&bytes[table..], Footer { block_shift, sections, table, contents }))
}

fn read_tables(name: &str, bytes: &Bytes, tail: &[u8], footer: &Footer) -> Result<Vec<Section>> {
    let split = footer.contents - footer.table;
    let bad = |detail: &str| Error::corrupt(name, footer.contents, detail);
    let (table, rest) = tail.split_at(split.min(tail.len()));
    let contents = rest.get(..rest.len().saturating_sub(EDGE_BYTES)).unwrap_or_default();
    let mut table = Decoder::new(name, table);
    let mut contents = Decoder::new(name, contents);
    let mut sections: Vec<Section> = Vec::with_capacity(footer.sections as usize);
    let mut at = EDGE_BYTES as u64;
    for _ in 0..footer.sections {
        let (offset, len) = (contents.u64()?, contents.u64()?);
        let title = contents.u16()? as usize;
        let title = std::str::from_utf8(contents.take(title)?)
            .map_err(|_| bad("a section's name is not UTF-8"))?;
        let end = offset.checked_add(len).filter(|&end| end <= footer.table as u64);
        let Some(end) = end.filter(|_| offset == aligned(at)) else {
            return Err(bad("a section is not where it has to be"));
        };
        if title.is_empty()
            || title.len() > MAX_NAME_BYTES
            || sections.iter().any(|s| s.name() == title)
        {
            return Err(bad("a section's name is refused"));
        }
        let range = offset as usize..end as usize;
        let body = bytes.slice(range).ok_or_else(|| bad("a section is not within the file"))?;
        let blocks = body.len().div_ceil(1 << footer.block_shift);
        let crcs = (0..blocks).map(|_| table.u32()).collect::<Result<Vec<u32>>>()?;
        sections.push(Section::new(name, title, offset as usize, body, (footer.block_shift, crcs)));
        at = end;
    }
    table.finish()?;
    contents.finish()?;
    if aligned(at) != footer.table as u64 {
        return Err(bad("there are bytes that belong to no section"));
    }
    Ok(sections)
}

/// A section of an open file; clones share what was verified.
#[derive(Clone, Debug)]
pub struct Section(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: String,
    name: String,
    offset: usize,
    bytes: Bytes,
    block_shift: u32,
    crcs: Vec<u32>,
    /// One bit for each block found right.
    verified: Vec<AtomicU64>,
    left: AtomicUsize,
    all: AtomicBool,
}

impl Section {
    fn new(
        file: &str,
        name: &str,
        offset: usize,
        bytes: Bytes,
        (block_shift, crcs): (u32, Vec<u32>),
    ) -> Self {
        let verified = (0..crcs.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner {
            file: file.to_owned(),
            name: name.to_owned(),
            offset,
            bytes,
            left: AtomicUsize::new(crcs.len()),
            all: AtomicBool::new(crcs.is_empty()),
            verified,
            block_shift,
            crcs,
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its offset in the file, in bytes.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.bytes.len()
    }

    /// True for a section without bytes.
    pub fn is_empty(&self) -> bool {
        self.0.bytes.is_empty()
    }

    /// Bytes of the section. The blocks they lie in are verified the first time they are touched.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a block is damaged or the range is not within the section.
    #[inline]
    pub fn get(&self, range: Range<usize>) -> Result<&[u8]> {
        let inner = &*self.0;
        let (start, end) = (range.start, range.end);
        let Some(bytes) = inner.bytes.get(range) else {
            return Err(inner.outside(start, end));
        };
        if !inner.all.load(Ordering::Relaxed) {
            inner.verify(start, end)?;
        }
        Ok(bytes)
    }

    /// All bytes, every block verified.
    pub fn all(&self) -> Result<&[u8]> {
        self.get(0..self.len())
    }

    /// All bytes of a section of records of `width` bytes each, of which only the records with these
    /// numbers are verified; callers must not use others. For many small records: the disk is asked for
    /// all of them before the first is awaited.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    #[inline]
    pub fn records(&self, width: usize, numbers: &[u32]) -> Result<&[u8]> {
        let inner = &*self.0;
        let record = |number: u32| (number as usize * width, (number as usize + 1) * width);
        let known = |&number: &u32| {
            let (start, end) = record(number);
            inner.is_verified(start, end)
        };
        if !inner.all.load(Ordering::Relaxed) && !numbers.iter().all(known) {
            for &number in numbers {
                let (start, end) = record(number);
                inner.ask(start, end);
            }
            for &number in numbers {
                let (start, end) = record(number);
                self.get(start..end)?;
            }
        }
        Ok(&inner.bytes)
    }

    /// Asks the disk for bytes that are read soon, unless they were read before. It reads no further
    /// bytes ahead, for callers with random access.
    #[inline]
    pub fn ask(&self, range: Range<usize>) {
        let inner = &*self.0;
        if !inner.all.load(Ordering::Relaxed) && !inner.is_verified(range.start, range.end) {
            inner.ask(range.start, range.end);
        }
    }

    /// Like [`get`](Self::get), but a handle that outlives the borrow.
    pub fn bytes_of(&self, range: Range<usize>) -> Result<Bytes> {
        self.get(range.clone())?;
        self.0.bytes.slice(range.clone()).ok_or_else(|| self.0.outside(range.start, range.end))
    }

    /// Like [`all`](Self::all), but a handle that outlives the borrow.
    pub fn bytes(&self) -> Result<Bytes> {
        self.bytes_of(0..self.len())
    }
}

impl Inner {
    /// The blocks that a range within the section lies in.
    #[inline]
    fn blocks(&self, start: usize, end: usize) -> Range<usize> {
        if start >= end || end > self.bytes.len() {
            return 0..0;
        }
        start >> self.block_shift..((end - 1) >> self.block_shift) + 1
    }

    #[inline]
    fn is_known(&self, block: usize) -> bool {
        let word = self.verified.get(block / 64).map(|word| word.load(Ordering::Relaxed));
        word.is_none_or(|word| word & 1 << (block % 64) != 0)
    }

    /// True if every block of a range within the section was found right before.
    #[inline]
    fn is_verified(&self, start: usize, end: usize) -> bool {
        end <= self.bytes.len() && self.blocks(start, end).all(|block| self.is_known(block))
    }

    /// Asks the disk for the blocks of a range that were not read yet.
    #[cold]
    fn ask(&self, start: usize, end: usize) {
        for block in self.blocks(start, end).filter(|&block| !self.is_known(block)) {
            self.bytes.will_need(self.block(block));
        }
    }

    /// Verifies the blocks of a range that were not verified yet.
    fn verify(&self, start: usize, end: usize) -> Result<()> {
        for block in self.blocks(start, end).filter(|&block| !self.is_known(block)) {
            self.check_block(block)?;
            self.remember(block);
        }
        Ok(())
    }

    /// The bytes of a block.
    fn block(&self, block: usize) -> Range<usize> {
        let start = block << self.block_shift;
        start..(start + (1 << self.block_shift)).min(self.bytes.len())
    }

    #[cold]
    fn remember(&self, block: usize) {
        let bit = 1 << (block % 64);
        let Some(word) = self.verified.get(block / 64) else {
            return;
        };
        // Only the first thread to set the bit counts the block.
        if word.fetch_or(bit, Ordering::Relaxed) & bit == 0
            && self.left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            self.all.store(true, Ordering::Relaxed);
        }
    }

    #[cold]
    fn check_block(&self, block: usize) -> Result<()> {
        let range = self.block(block);
        let start = range.start;
        let found = self.bytes.get(range).map(crc);
        if found.is_some() && found == self.crcs.get(block).copied() {
            return Ok(());
        }
        Err(self.corrupt(start, "the block's checksum is wrong"))
    }

    #[cold]
    fn outside(&self, start: usize, end: usize) -> Error {
        self.corrupt(start, format!("bytes {start}..{end} are not within its {}", self.bytes.len()))
    }

    fn corrupt(&self, offset: usize, detail: impl Into<String>) -> Error {
        Error::Corrupt {
            file: self.file.clone(),
            section: Some(self.name.clone()),
            offset: offset as u64,
            detail: detail.into(),
        }
    }
}
