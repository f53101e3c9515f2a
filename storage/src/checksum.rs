//! The two checksums: CRC32C for blocks, XXH3-128 for what vouches for them.

use xxhash_rust::xxh3::xxh3_128;

/// Bytes that one block checksum covers. Small enough that a first touch costs microseconds, large
/// enough that the table of a gigabyte is 64 KiB.
pub(crate) const BLOCK_BYTES: usize = 64 << 10;

/// CRC32C (Castagnoli) of some bytes.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// CRC32C of the bytes whose checksum is `before`, followed by these.
pub(crate) fn crc_append(before: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(before, bytes)
}

/// XXH3-128 of some bytes.
pub(crate) fn hash(bytes: &[u8]) -> u128 {
    xxh3_128(bytes)
}
