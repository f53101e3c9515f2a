//! A manifest: one generation of a collection, the only truth about which files are live.

use std::collections::HashSet;

use crate::checksum::hash;
use crate::codec::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::names::{manifest_name, segment_number};
use crate::segment::SegmentFile;

const MAGIC: &[u8; 8] = b"LXVMANI\0";
/// Format of manifests, major and minor.
const VERSION: (u16, u16) = (1, 7);
/// Before schemas had a fusion; otherwise the same.
const VERSION_WITHOUT_FUSION: (u16, u16) = (1, 6);
/// Before a model could fill token vectors; otherwise the same.
const VERSION_WITHOUT_MADE_TOKENS: (u16, u16) = (1, 5);
/// Before schemas had canaries of their model; otherwise the same.
const VERSION_WITHOUT_CANARIES: (u16, u16) = (1, 4);
/// Before codes of half floats and token vectors; otherwise the same.
const VERSION_WITHOUT_HALVES: (u16, u16) = (1, 3);
/// Before segments had curves; still read.
const VERSION_WITHOUT_CURVES: (u16, u16) = (1, 2);
/// Before segments had codes; otherwise as without curves.
const VERSION_WITHOUT_CODES: (u16, u16) = (1, 1);
/// Before there was a log.
const VERSION_WITHOUT_LOG: (u16, u16) = (1, 0);
/// Bytes of a manifest. A thousand segments of a million rows each, all with deletions, fit.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 256 << 20;
/// Segments of a generation.
const MAX_SEGMENTS: u32 = 65_536;
/// Bytes of the schema.
const MAX_SCHEMA_BYTES: usize = 1 << 20;
const CHECKSUM_BYTES: usize = 16;
/// Bytes of a manifest besides its segments and its schema.
const FIXED_BYTES: u64 = 84;
/// Versions that are read.
const READ: [(u16, u16); 8] = [
    VERSION,
    VERSION_WITHOUT_FUSION,
    VERSION_WITHOUT_MADE_TOKENS,
    VERSION_WITHOUT_CANARIES,
    VERSION_WITHOUT_HALVES,
    VERSION_WITHOUT_CURVES,
    VERSION_WITHOUT_CODES,
    VERSION_WITHOUT_LOG,
];
/// Bytes of a segment's entry besides its name, alive set, statistics and curves.
const ENTRY_BYTES: u64 = 60;
/// Largest generation and file number: one a nanosecond for a century. Adding one never overflows.
const MAX_NUMBER: u64 = 1 << 62;

/// One generation of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its number; each commit adds one.
    pub generation: u64,
    /// Identifies the collection.
    pub collection: u128,
    /// Number of the log file with that write; 0 in a collection that never had a log.
    pub log_start: u64,
    /// Number of the first log file that may hold that write.
    pub log_file: u64,
    /// Number of the next file.
    pub next_file: u64,
    /// The schema, as bytes of the engine.
    pub schema: Vec<u8>,
    /// The segments.
    pub segments: Vec<SegmentEntry>,
}

/// A segment of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Its file.
    pub file: SegmentFile,
    /// Identifies it.
    pub segment: u128,
    /// Rows in it.
    pub rows: u32,
    /// The live rows, as bytes of the engine.
    pub alive: Vec<u8>,
    /// Statistics of the live rows, encoded by the caller.
    pub statistics: Vec<u8>,
    /// The recall curves of its graphs, as bytes of the engine.
    pub curves: Vec<u8>,
}

impl SegmentEntry {
    /// The entry of a new segment: all rows alive, no statistics and no curves.
    pub fn new(file: SegmentFile, segment: u128, rows: u32) -> Self {
        let (alive, statistics, curves) = (Vec::new(), Vec::new(), Vec::new());
        Self { file, segment, rows, alive, statistics, curves }
    }
}

impl Manifest {
    /// Number of the first write that is not in the segments; the first of all is 1.
    pub fn first_write(&self) -> u64 {
        self.log_start.max(1)
    }

    /// Name of the file that holds it.
    pub fn file_name(&self) -> String {
        manifest_name(self.generation)
    }

    /// The bytes of the manifest; FORMAT.md has their table.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.raw(MAGIC);
        out.u16(VERSION.0);
        out.u16(VERSION.1);
        out.u32(self.segments.len() as u32);
        out.u64(self.generation);
        out.u128(self.collection);
        out.u64(self.log_start);
        out.u64(self.next_file);
        out.u64(self.log_file);
        out.bytes(&self.schema);
        for entry in &self.segments {
            out.bytes(entry.file.name.as_bytes());
            out.u64(entry.file.len);
            out.u128(entry.file.tail_hash);
            out.u128(entry.segment);
            out.u32(entry.rows);
            out.bytes(&entry.alive);
            out.bytes(&entry.statistics);
            out.bytes(&entry.curves);
        }
        let checksum = hash(out.as_bytes());
        out.u128(checksum);
        out.into_bytes()
    }

    /// Reads the bytes of the manifest in the file of this name.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self> {
        let mut input = Decoder::new(name, bytes);
        if input.take(8)? != MAGIC {
            return Err(Error::corrupt(name, 0, "it is not a manifest"));
        }
        // The version before the checksum: a newer format may have another one.
        let version = (input.u16()?, input.u16()?);
        if version > VERSION {
            let file = name.to_owned();
            return Err(Error::NewerFormat { file, found: version, supported: VERSION });
        }
        let body = bytes.len().saturating_sub(CHECKSUM_BYTES);
        let (body, stored) = bytes.split_at(body);
        if !READ.contains(&version) || hash(body).to_le_bytes() != *stored {
            return Err(Error::corrupt(name, 0, "its checksum is wrong"));
        }
        let mut input = Decoder::new(name, body);
        input.take(12)?;
        let count = input.u32()?;
        if count > MAX_SEGMENTS {
            return Err(input.corrupt("too many segments"));
        }
        let mut manifest = Self {
            generation: input.u64()?,
            collection: input.u128()?,
            log_start: input.u64()?,
            next_file: input.u64()?,
            log_file: if version == VERSION_WITHOUT_LOG { 0 } else { input.u64()? },
            schema: input.bytes()?.to_vec(),
            segments: Vec::new(),
        };
        let mut names = HashSet::new();
        for _ in 0..count {
            let entry = read_entry(name, version, &mut input)?;
            if !names.insert(entry.file.name.clone()) {
                return Err(input.corrupt("a segment is named twice"));
            }
            manifest.segments.push(entry);
        }
        input.finish()?;
        let numbers =
            [manifest.generation, manifest.next_file, manifest.log_start, manifest.log_file];
        if numbers.iter().any(|&number| number > MAX_NUMBER) {
            return Err(Error::corrupt(name, 16, "its numbers are impossible"));
        }
        if manifest_name(manifest.generation) != name {
            return Err(Error::corrupt(name, 16, "it is the manifest of another generation"));
        }
        Ok(manifest)
    }

    /// Refuses what could not be read back.
    pub(crate) fn check(&self) -> Result<()> {
        if self.segments.len() > MAX_SEGMENTS as usize || self.schema.len() > MAX_SCHEMA_BYTES {
            let detail = format!(
                "a generation has at most {MAX_SEGMENTS} segments and a schema of \
                 {MAX_SCHEMA_BYTES} bytes"
            );
            return Err(Error::Invalid { detail });
        }
        let numbers = [self.generation, self.next_file, self.log_start, self.log_file];
        if numbers.iter().any(|&number| number > MAX_NUMBER) {
            let detail = format!("a number of the manifest is beyond {MAX_NUMBER}");
            return Err(Error::Invalid { detail });
        }
        let bytes = self.encoded_bytes();
        if bytes > MAX_MANIFEST_BYTES {
            let detail = format!(
                "the manifest would have {bytes} bytes, at most {MAX_MANIFEST_BYTES} are allowed; \
                 merge segments"
            );
            return Err(Error::Invalid { detail });
        }
        Ok(())
    }

    /// The length of [`encode`](Self::encode)'s answer.
    fn encoded_bytes(&self) -> u64 {
        let entry = |e: &SegmentEntry| {
            let parts = e.alive.len() + e.statistics.len() + e.curves.len();
            ENTRY_BYTES + (e.file.name.len() + parts) as u64
        };
        FIXED_BYTES + self.schema.len() as u64 + self.segments.iter().map(entry).sum::<u64>()
    }
}

fn read_entry(name: &str, version: (u16, u16), input: &mut Decoder<'_>) -> Result<SegmentEntry> {
    let file = std::str::from_utf8(input.bytes()?)
        .ok()
        .filter(|file| segment_number(file).is_some())
        .ok_or_else(|| Error::corrupt(name, 0, "a segment has no name of a segment file"))?
        .to_owned();
    let (len, tail_hash) = (input.u64()?, input.u128()?);
    Ok(SegmentEntry {
        file: SegmentFile { name: file, len, tail_hash },
        segment: input.u128()?,
        rows: input.u32()?,
        alive: input.bytes()?.to_vec(),
        statistics: input.bytes()?.to_vec(),
        curves: if version > VERSION_WITHOUT_CURVES { input.bytes()?.to_vec() } else { Vec::new() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::segment_name;

    fn manifest() -> Manifest {
        let entry = |i: u64| SegmentEntry {
            file: SegmentFile { name: segment_name(i), len: 100 + i, tail_hash: 7 },
            segment: 3,
            rows: 9,
            alive: vec![1; i as usize],
            statistics: vec![2, 3],
            curves: vec![4; 3],
        };
        Manifest {
            generation: 5,
            collection: 0xfeed,
            log_start: 4,
            log_file: 2,
            next_file: 8,
            schema: b"{}".to_vec(),
            segments: vec![entry(0), entry(1)],
        }
    }

    #[test]
    fn round_trip() {
        let written = manifest();
        let name = manifest_name(5);
        assert_eq!(Manifest::decode(&name, &written.encode()).expect("sound"), written);
        assert!(Manifest::decode(&manifest_name(6), &written.encode()).is_err());
    }

    #[test]
    fn the_length_is_known_before_it_is_encoded() {
        let mut manifest = manifest();
        assert_eq!(manifest.encoded_bytes(), manifest.encode().len() as u64);
        manifest.segments.clear();
        assert_eq!(manifest.encoded_bytes(), manifest.encode().len() as u64);
    }

    #[test]
    fn what_could_not_be_read_back_is_refused() {
        let mut schema = manifest();
        schema.schema = vec![0; MAX_SCHEMA_BYTES + 1];
        let mut alive = manifest();
        alive.segments[0].alive = vec![0; MAX_MANIFEST_BYTES as usize];
        let mut segments = manifest();
        segments.segments = vec![segments.segments[0].clone(); MAX_SEGMENTS as usize + 1];
        manifest().check().expect("within the limits");
        for beyond in [schema, alive, segments] {
            let error = beyond.check().expect_err("beyond a limit");
            assert!(matches!(error, Error::Invalid { .. }), "{error}");
        }
    }

    #[test]
    fn numbers_that_would_overflow_are_damage() {
        let mut last = manifest();
        last.generation = u64::MAX;
        let mut file = manifest();
        file.next_file = u64::MAX;
        for hostile in [last, file] {
            let name = manifest_name(hostile.generation);
            let error = Manifest::decode(&name, &hostile.encode()).expect_err("refused");
            assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let (name, bytes) = (manifest_name(5), manifest().encode());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&name, &damaged).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(Manifest::decode(&name, &bytes[..len]).is_err(), "cut to {len}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(Manifest::decode(&name, &longer).is_err());
    }

    #[test]
    fn a_newer_format_is_distinguished_from_damage() {
        let mut bytes = manifest().encode();
        bytes[8] = 2;
        let error = Manifest::decode(&manifest_name(5), &bytes).expect_err("must be refused");
        let newer = (2, VERSION.1);
        assert!(matches!(error, Error::NewerFormat { found, .. } if found == newer), "{error}");
    }

    #[test]
    fn names_of_other_files_are_refused() {
        let named = |names: [&str; 2]| {
            let mut manifest = manifest();
            for (entry, name) in manifest.segments.iter_mut().zip(names) {
                entry.file.name = name.to_owned();
            }
            Manifest::decode(&manifest_name(5), &manifest.encode())
        };
        let (one, two) = (segment_name(1), segment_name(2));
        named([&one, &two]).expect("sound");
        for names in [[one.as_str(), &one], [&one, "LOCK"], [&one, "../x"], ["segment-1.lxv", &two]]
        {
            assert!(matches!(named(names), Err(Error::Corrupt { .. })), "{names:?}");
        }
    }

    #[test]
    fn manifests_of_older_formats_are_read() {
        for version in READ.into_iter().skip(1) {
            let mut old = manifest();
            old.segments.truncate(1);
            if version <= VERSION_WITHOUT_CURVES {
                old.segments[0].curves.clear();
            }
            if version == VERSION_WITHOUT_LOG {
                (old.log_file, old.log_start) = (0, 0);
            }
            let mut bytes = old.encode();
            bytes.truncate(bytes.len() - CHECKSUM_BYTES);
            if version <= VERSION_WITHOUT_CURVES {
                // Their length, which is the last.
                bytes.truncate(bytes.len() - 4);
            }
            bytes[10..12].copy_from_slice(&version.1.to_le_bytes());
            if version == VERSION_WITHOUT_LOG {
                bytes.drain(56..64);
            }
            bytes.extend_from_slice(&hash(&bytes).to_le_bytes());
            let read = Manifest::decode(&manifest_name(5), &bytes);
            assert_eq!(read.expect("read"), old, "{version:?}");
        }
    }
}
