//! One frame and one file header as bytes; FORMAT.md has their tables.

use super::MAX_LOG_FILE_BYTES;
use crate::checksum::{crc, crc_append};
use crate::codec::{Decoder, Encoder};
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"LXVWAL\0\0";
/// Format of log files, major and minor.
const VERSION: (u16, u16) = (1, 0);
/// Bytes of a file's header.
pub(super) const HEADER_BYTES: usize = 64;
/// Offset of the mark: the frame that records, when a log is closed, how much of it is durable. It is
/// not after the last write, as damage there would easily hit both.
pub(super) const MARK_AT: usize = HEADER_BYTES;
/// Offset of the first write.
pub(super) const FIRST_FRAME: usize = 128;
/// Marks the beginning of a frame, so that frames behind a damaged one can be found.
const FRAME_MAGIC: u32 = 0x4652_584c; // "LXRF"
/// Bytes of a frame before its payload.
pub(super) const FRAME_BYTES: usize = 40;
/// Frames start at multiples of this.
pub(super) const FRAME_ALIGNMENT: usize = 8;

/// A write, as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its sequence number; each write has the next one.
    pub lsn: u64,
    /// The write, as bytes of the engine.
    pub payload: Vec<u8>,
}

/// Kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A write.
    Write,
    /// A mark: only the number known durable.
    Mark,
}

/// Identity that ties a frame to its file: bytes of another collection or of another file never verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) collection: u128,
    pub(super) number: u64,
}

/// The header of a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) home: Home,
    /// Number of the first frame in it.
    pub(super) first_lsn: u64,
    /// Length of the file.
    pub(super) len: u64,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.raw(MAGIC);
        out.u16(VERSION.0);
        out.u16(VERSION.1);
        out.u32(0);
        out.u128(self.home.collection);
        out.u64(self.home.number);
        out.u64(self.first_lsn);
        out.u64(self.len);
        out.u32(0);
        out.u32(crc(out.as_bytes()));
        out.into_bytes()
    }

    /// Reads the header of the file of this name, which must belong to this home.
    pub(super) fn decode(name: &str, bytes: &[u8], home: Home) -> Result<Self> {
        let mut input = Decoder::new(name, bytes);
        if input.take(8)? != MAGIC {
            return Err(Error::corrupt(name, 0, "it is not a log file"));
        }
        // The version before the checksum: a newer format may have another header.
        let found = (input.u16()?, input.u16()?);
        if found > VERSION {
            return Err(Error::NewerFormat { file: name.to_owned(), found, supported: VERSION });
        }
        let fields = bytes.get(..HEADER_BYTES - 4).unwrap_or_default();
        input.u32()?;
        let collection = input.u128()?;
        let number = input.u64()?;
        let (first_lsn, len) = (input.u64()?, input.u64()?);
        input.u32()?;
        if input.u32()? != crc(fields) || found != VERSION {
            return Err(Error::corrupt(name, 0, "the header's checksum is wrong"));
        }
        let header = Self { home: Home { collection, number }, first_lsn, len };
        if header.home != home || len > MAX_LOG_FILE_BYTES {
            return Err(Error::corrupt(name, 0, "it is a log file of another place"));
        }
        Ok(header)
    }
}

/// A frame made ready before its number is known: what is costly is done here.
pub(super) struct Prepared {
    bytes: Vec<u8>,
    len: u32,
    payload_crc: u32,
    kind: Kind,
}

impl Prepared {
    /// A write of this payload; at most 4 GiB, which the limits of what is logged stay below.
    pub(super) fn write(payload: &[u8]) -> Self {
        let padded = payload.len().next_multiple_of(FRAME_ALIGNMENT);
        let mut bytes = Vec::with_capacity(FRAME_BYTES + padded);
        bytes.resize(FRAME_BYTES, 0);
        bytes.extend_from_slice(payload);
        bytes.resize(FRAME_BYTES + padded, 0);
        let len = payload.len() as u32;
        Self { bytes, len, payload_crc: crc(payload), kind: Kind::Write }
    }

    /// A mark of the number known durable.
    pub(super) fn mark() -> Self {
        Self { bytes: vec![0; FRAME_BYTES], len: 0, payload_crc: crc(&[]), kind: Kind::Mark }
    }

    /// Bytes it takes in the file.
    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The bytes, with the number of the write and of the last one known durable.
    pub(super) fn finish(&mut self, home: Home, lsn: u64, durable: u64) -> &[u8] {
        let mut head = Encoder::new();
        head.u32(FRAME_MAGIC);
        head.u32(match self.kind {
            Kind::Mark => 0,
            Kind::Write => 1,
        });
        head.u32(self.len);
        head.u32(0);
        head.u64(lsn);
        head.u64(durable);
        head.u32(0);
        head.u32(frame_crc(self.payload_crc, head.as_bytes(), home));
        self.bytes[..FRAME_BYTES].copy_from_slice(head.as_bytes());
        &self.bytes
    }
}

/// CRC32C of the payload, the head without its checksum, and the home.
fn frame_crc(payload: u32, head: &[u8], home: Home) -> u32 {
    let head = crc_append(payload, head.get(..FRAME_BYTES - 4).unwrap_or_default());
    let collection = crc_append(head, &home.collection.to_le_bytes());
    crc_append(collection, &home.number.to_le_bytes())
}

/// A frame found in a file.
pub(super) struct Found<'a> {
    pub(super) kind: Kind,
    pub(super) lsn: u64,
    pub(super) durable: u64,
    pub(super) payload: &'a [u8],
    /// Offset of the next frame.
    pub(super) end: usize,
}

/// Number of bytes to read to find out if a frame is at this offset.
pub(super) fn claimed_bytes(bytes: &[u8], at: usize) -> usize {
    let mut head = Decoder::new("", bytes.get(at..).unwrap_or_default());
    match (head.u32(), head.u32(), head.u32()) {
        (Ok(FRAME_MAGIC), Ok(_), Ok(len)) if (len as usize) < bytes.len() - at => len as usize,
        _ => 0,
    }
}

/// The frame at this place, if a whole and right one is there.
pub(super) fn frame_at(bytes: &[u8], at: usize, home: Home) -> Option<Found<'_>> {
    let head = bytes.get(at..at.checked_add(FRAME_BYTES)?)?;
    let mut input = Decoder::new("", head);
    if input.u32().ok()? != FRAME_MAGIC {
        return None;
    }
    let kind = match input.u32().ok()? {
        0 => Kind::Mark,
        1 => Kind::Write,
        _ => return None,
    };
    let (len, reserved) = (input.u32().ok()? as usize, input.u32().ok()?);
    let (lsn, durable) = (input.u64().ok()?, input.u64().ok()?);
    let (also_reserved, stored) = (input.u32().ok()?, input.u32().ok()?);
    let start = at + FRAME_BYTES;
    let end = start.checked_add(len)?.checked_next_multiple_of(FRAME_ALIGNMENT)?;
    let payload = bytes.get(start..start + len)?;
    let padding = bytes.get(start + len..end)?;
    let right = reserved == 0
        && also_reserved == 0
        && padding.iter().all(|&b| b == 0)
        && frame_crc(crc(payload), head, home) == stored;
    right.then_some(Found { kind, lsn, durable, payload, end })
}
