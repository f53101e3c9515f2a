//! Checksums recomputed after a mutation, as an attacker could; FORMAT.md has their offsets.

use lexivec::storage::SegmentFile;
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of a manifest's checksum.
const CHECKSUM_BYTES: usize = 16;
/// Bytes of a segment file's header, and of its footer.
const EDGE_BYTES: usize = 64;
/// Bytes that one checksum of a section covers.
const BLOCK_BYTES: usize = 4 << 10;

/// The bytes with the checksum that a manifest of them has at its end.
pub fn manifest(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(body) = bytes.len().checked_sub(CHECKSUM_BYTES) {
        let checksum = xxh3_128(&bytes[..body]);
        put(&mut bytes, body, &checksum.to_le_bytes());
    }
    bytes
}

/// The bytes with every checksum of a segment file, and its length, where its tables say that they
/// are; and what a manifest would say of the file.
pub fn segment(name: &str, mut bytes: Vec<u8>) -> (SegmentFile, Vec<u8>) {
    let len = bytes.len() as u64;
    let mut tail = 0;
    if let Some(footer) = bytes.len().checked_sub(EDGE_BYTES) {
        let header = crc32c::crc32c(&bytes[..EDGE_BYTES - 4]);
        put(&mut bytes, EDGE_BYTES - 4, &header.to_le_bytes());
        put(&mut bytes, footer + 32, &len.to_le_bytes());
        seal_blocks(&mut bytes, footer);
        tail = (number(&bytes, footer + 16, 8) as usize).min(footer);
        let end = bytes.len() - 4;
        let checksum = crc32c::crc32c(&bytes[tail..end]);
        put(&mut bytes, end, &checksum.to_le_bytes());
    }
    (described(name, &bytes, tail), bytes)
}

/// The manifest entry of a file whose tail starts at `tail`.
pub fn described(name: &str, bytes: &[u8], tail: usize) -> SegmentFile {
    let tail_hash = xxh3_128(bytes.get(tail..).unwrap_or_default());
    SegmentFile { name: name.to_owned(), len: bytes.len() as u64, tail_hash }
}

/// Bytes of a frame of the log before its payload.
const FRAME_BYTES: usize = 40;
/// Offsets of the mark of a log file and of its first frame.
const MARK_AT: usize = 64;
const FIRST_FRAME: usize = 128;

/// The bytes with the header of a log file of this number, and the checksum of every frame that their
/// lengths give.
pub fn log(mut bytes: Vec<u8>, collection: u128, number: u64) -> Vec<u8> {
    if bytes.len() < FIRST_FRAME {
        return bytes;
    }
    let len = bytes.len() as u64;
    put(&mut bytes, 16, &collection.to_le_bytes());
    put(&mut bytes, 32, &number.to_le_bytes());
    put(&mut bytes, 48, &len.to_le_bytes());
    let header = crc32c::crc32c(&bytes[..EDGE_BYTES - 4]);
    put(&mut bytes, EDGE_BYTES - 4, &header.to_le_bytes());
    let mut at = MARK_AT;
    while let Some(end) = at.checked_add(FRAME_BYTES).filter(|&end| end <= bytes.len()) {
        let payload = self::number(&bytes, at + 8, 4) as usize;
        let Some(behind) = end.checked_add(payload).filter(|&behind| behind <= bytes.len()) else {
            break;
        };
        let mut checksum = crc32c::crc32c(&bytes[end..behind]);
        checksum = crc32c::crc32c_append(checksum, &bytes[at..end - 4]);
        checksum = crc32c::crc32c_append(checksum, &collection.to_le_bytes());
        checksum = crc32c::crc32c_append(checksum, &number.to_le_bytes());
        put(&mut bytes, end - 4, &checksum.to_le_bytes());
        at = if at == MARK_AT { FIRST_FRAME } else { behind.next_multiple_of(8) };
    }
    bytes
}

/// Writes the checksums of the blocks of every section in the table of contents, up to the first
/// invalid entry.
fn seal_blocks(bytes: &mut [u8], footer: usize) {
    let sections = number(bytes, footer + 12, 4);
    let mut checksum_at = number(bytes, footer + 16, 8) as usize;
    let contents = number(bytes, footer + 24, 8) as usize;
    let mut entry = contents;
    for _ in 0..sections {
        if entry.checked_add(18).is_none_or(|end| end > footer) {
            return;
        }
        let (offset, len) = (number(bytes, entry, 8), number(bytes, entry + 8, 8));
        entry += 18 + number(bytes, entry + 16, 2) as usize;
        let Some(end) = offset.checked_add(len).filter(|&end| end <= bytes.len() as u64) else {
            return;
        };
        for start in (offset as usize..end as usize).step_by(BLOCK_BYTES) {
            if checksum_at.checked_add(4).is_none_or(|end| end > contents) {
                return;
            }
            let checksum = crc32c::crc32c(&bytes[start..(end as usize).min(start + BLOCK_BYTES)]);
            put(bytes, checksum_at, &checksum.to_le_bytes());
            checksum_at += 4;
        }
    }
}

/// The little-endian number of `len` bytes at a place; 0 where the bytes end before.
fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    let mut wide = [0; 8];
    if let Some(found) = at.checked_add(len).and_then(|end| bytes.get(at..end)) {
        wide[..len].copy_from_slice(found);
    }
    u64::from_le_bytes(wide)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(target) = at.checked_add(value.len()).and_then(|end| bytes.get_mut(at..end)) {
        target.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use lexivec::storage::{MemoryVfs, SegmentReader, SegmentWriter};

    #[test]
    fn sealing_keeps_sound_files_and_mends_changed_ones() {
        let disk = MemoryVfs::default();
        let mut writer = SegmentWriter::create(&disk, "file", 7).expect("created");
        writer.section("long", &[5; 3 * super::BLOCK_BYTES + 1]).expect("written");
        writer.section("empty", &[]).expect("written");
        writer.section("short", &[6; 100]).expect("written");
        let written = writer.finish().expect("finished");
        let sound = disk.contents().remove("file").expect("the file");
        assert_eq!(super::segment("file", sound.clone()), (written.clone(), sound.clone()));
        // A byte of each block, and of the identifier in the header and in the footer.
        let mut changed = sound.clone();
        let footer = changed.len() - super::EDGE_BYTES;
        for at in [16, 64, 4_500, 9_000, 64 + 3 * super::BLOCK_BYTES, footer + 40] {
            changed[at] ^= 1;
        }
        let (file, changed) = super::segment("file", changed);
        assert_ne!(file.tail_hash, written.tail_hash);
        let disk = MemoryVfs::with_files([("file".to_owned(), changed)]);
        SegmentReader::open(&disk, &file).expect("opened").verify().expect("sound");
    }
}
