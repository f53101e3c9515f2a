//! The two checksums: CRC32C for blocks, XXH3-128 for what vouches for them.

use xxhash_rust::xxh3::xxh3_128;

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
