//! Identifiers of records: UUIDs of version 4, drawn from the record's own stream.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::{Builder, Uuid};

/// A UUID of version 4 (RFC 9562). Its text is `f81d4fae-7dec-41d0-a765-00a0c91e6bf6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Uuid);

impl Id {
    /// The identifier of 128 bits, of which six say version and variant.
    pub(crate) fn from_bits(high: u64, low: u64) -> Self {
        let bytes = ((u128::from(high) << 64) | u128::from(low)).to_le_bytes();
        Self(Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_variant_are_set_and_the_other_bits_kept() {
        let all = Id::from_bits(u64::MAX, u64::MAX).to_string();
        assert_eq!(all, "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(Id::from_bits(0, 0).to_string(), "00000000-0000-4000-8000-000000000000");
        let id = Id::from_bits(0x0f0e_0d0c_0b0a_0908, 0x0706_0504_0302_0100).to_string();
        assert_eq!(id, "00010203-0405-4607-8809-0a0b0c0d0e0f");
    }
}
