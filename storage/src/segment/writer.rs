//! Writing a segment file from its start to its end.

use super::{
    BLOCK_BYTES, EDGE_BYTES, FOOTER_MAGIC, MAGIC, MAX_NAME_BYTES, MAX_SECTIONS, SegmentFile,
    VERSION, aligned,
};
use crate::checksum::{crc, crc_append, hash};
use crate::codec::Encoder;
use crate::error::{Error, Result};
use crate::vfs::{Vfs, VfsFile};

/// Bytes gathered before they are written to the file at once, at a multiple of this number. The page cache of Linux
/// (ext4 since 6.16, XFS) then keeps them in huge pages, which a map of the file uses as they are. A graph walk reads
/// pages in random order; huge pages make it up to 15 % faster.
const BUFFER_BYTES: usize = 2 << 20;

/// Writes the sections of a new segment file, one after another.
pub struct SegmentWriter {
    file: Box<dyn VfsFile>,
    name: String,
    segment: u128,
    buffer: Vec<u8>,
    /// Bytes written, buffered ones included.
    at: u64,
    sections: Vec<Written>,
    open: bool,
    crcs: Vec<u32>,
    block: u32,
    block_len: usize,
}

struct Written {
    name: String,
    offset: u64,
    len: u64,
}

impl SegmentWriter {
    /// Creates the file; `segment` identifies it and is checked when it is opened.
    pub fn create(vfs: &dyn Vfs, name: &str, segment: u128) -> Result<Self> {
        let mut header = Encoder::new();
        header.raw(MAGIC);
        header.u16(VERSION.0);
        header.u16(VERSION.1);
        header.u32(0);
        header.u128(segment);
        header.raw(&[0; 28]);
        header.u32(crc(header.as_bytes()));
        let mut writer = Self {
            file: vfs.create(name)?,
            name: name.to_owned(),
            segment,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            at: 0,
            sections: Vec::new(),
            open: false,
            crcs: Vec::new(),
            block: 0,
            block_len: 0,
        };
        writer.put(header.as_bytes())?;
        Ok(writer)
    }

    /// Writes a whole section.
    pub fn section(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.begin(name)?;
        self.write(bytes)?;
        self.end()
    }

    /// Begins a section.
    pub fn begin(&mut self, name: &str) -> Result<()> {
        let fault = match self.open {
            true => Some("the section before it was not ended"),
            false if name.is_empty() || name.len() > MAX_NAME_BYTES => Some("its name is refused"),
            false if self.sections.iter().any(|s| s.name == name) => Some("it is there already"),
            false if self.sections.len() >= MAX_SECTIONS as usize => Some("too many sections"),
            false => None,
        };
        if let Some(fault) = fault {
            let detail = format!("section {name:?} of {}: {fault}", self.name);
            return Err(Error::Invalid { detail });
        }
        self.pad()?;
        self.sections.push(Written { name: name.to_owned(), offset: self.at, len: 0 });
        self.open = true;
        Ok(())
    }

    /// Appends bytes to the section that was begun.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        if !self.open {
            let detail = format!("{}: no section was begun", self.name);
            return Err(Error::Invalid { detail });
        }
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.block_len));
            self.block = crc_append(self.block, part);
            self.block_len += part.len();
            if self.block_len == BLOCK_BYTES {
                self.end_block();
            }
            self.put(part)?;
            bytes = rest;
        }
        Ok(())
    }

    /// Ends the section that was begun.
    pub fn end(&mut self) -> Result<()> {
        if self.block_len > 0 {
            self.end_block();
        }
        if let Some(section) = self.sections.last_mut() {
            section.len = self.at - section.offset;
        }
        self.open = false;
        Ok(())
    }

    fn end_block(&mut self) {
        self.crcs.push(self.block);
        self.block = 0;
        self.block_len = 0;
    }

    /// Writes the tables and makes the file durable. Its name is not: that is for
    /// [`Vfs::sync_dir`], and [`Directory::commit`](crate::Directory::commit) does it.
    pub fn finish(mut self) -> Result<SegmentFile> {
        self.end()?;
        self.pad()?;
        let mut tail = Encoder::new();
        for &block in &self.crcs {
            tail.u32(block);
        }
        let table = self.at;
        let contents = table + tail.as_bytes().len() as u64;
        for section in &self.sections {
            tail.u64(section.offset);
            tail.u64(section.len);
            tail.u16(section.name.len() as u16);
            tail.raw(section.name.as_bytes());
        }
        let len = table + (tail.as_bytes().len() + EDGE_BYTES) as u64;
        tail.raw(FOOTER_MAGIC);
        tail.u16(VERSION.0);
        tail.u16(VERSION.1);
        tail.u32(self.sections.len() as u32);
        tail.u64(table);
        tail.u64(contents);
        tail.u64(len);
        tail.u128(self.segment);
        tail.u32(0);
        tail.u32(crc(tail.as_bytes()));
        let tail = tail.into_bytes();
        self.put(&tail)?;
        self.flush()?;
        self.file.sync()?;
        Ok(SegmentFile { name: self.name, len, tail_hash: hash(&tail) })
    }

    fn pad(&mut self) -> Result<()> {
        let zeros = [0; EDGE_BYTES];
        let missing = (aligned(self.at) - self.at) as usize;
        self.put(&zeros[..missing])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.at += bytes.len() as u64;
        let mut left = bytes;
        while self.buffer.len() + left.len() >= BUFFER_BYTES {
            let (now, later) = left.split_at(BUFFER_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(now);
            self.flush()?;
            left = later;
        }
        self.buffer.extend_from_slice(left);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            self.file.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}
