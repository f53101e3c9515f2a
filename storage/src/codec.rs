//! Fixed-width little-endian numbers, written and read back with every length checked.

use crate::error::{Error, Result};

/// Writes values one after another.
#[derive(Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

macro_rules! numbers {
    ($($name:ident: $type:ty),*) => {
        impl Encoder {
            $(
                #[doc = concat!("Appends a little-endian `", stringify!($type), "`.")]
                pub fn $name(&mut self, value: $type) {
                    self.bytes.extend_from_slice(&value.to_le_bytes());
                }
            )*
        }
        impl<'a> Decoder<'a> {
            $(
                #[doc = concat!("Reads a little-endian `", stringify!($type), "`.")]
                pub fn $name(&mut self) -> Result<$type> {
                    let bytes = self.take(size_of::<$type>())?;
                    let mut array = [0; size_of::<$type>()];
                    array.copy_from_slice(bytes);
                    Ok(<$type>::from_le_bytes(array))
                }
            )*
        }
    };
}

numbers!(u8: u8, u16: u16, u32: u32, u64: u64, u128: u128, f32: f32);

impl Encoder {
    /// An empty encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a length (`u32`) and that many bytes; at most 4 GiB, by the limits of what is
    /// stored this way.
    pub fn bytes(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= u32::MAX as usize);
        self.u32(bytes.len() as u32);
        self.raw(bytes);
    }

    /// The bytes written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads values one after another; running out of bytes is [`Error::Corrupt`].
pub struct Decoder<'a> {
    file: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// Reads from these bytes; `file` is named in errors.
    pub fn new(file: &'a str, bytes: &'a [u8]) -> Self {
        Self { file, bytes, at: 0 }
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let found = self.at.checked_add(len).and_then(|end| self.bytes.get(self.at..end));
        match found {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => Err(self.corrupt(format!("{len} more bytes are expected"))),
        }
    }

    /// A length (`u32`) and that many bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.u32()? as usize;
        self.take(len)
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Refuses bytes beyond the last value.
    pub fn finish(self) -> Result<()> {
        match self.remaining() {
            0 => Ok(()),
            more => Err(self.corrupt(format!("{more} bytes too many"))),
        }
    }

    /// The error of a value that cannot be, at the current place.
    pub fn corrupt(&self, detail: impl Into<String>) -> Error {
        Error::corrupt(self.file, self.at, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_is_little_endian() {
        let mut out = Encoder::new();
        out.u8(1);
        out.u16(0x0203);
        out.u32(0x0405_0607);
        out.u64(8);
        out.u128(u128::MAX - 1);
        out.bytes(b"text");
        out.raw(b"raw");
        assert_eq!(out.as_bytes()[..7], [1, 3, 2, 7, 6, 5, 4]);
        let bytes = out.into_bytes();
        let mut input = Decoder::new("file", &bytes);
        assert_eq!(input.u8().expect("there"), 1);
        assert_eq!(input.u16().expect("there"), 0x0203);
        assert_eq!(input.u32().expect("there"), 0x0405_0607);
        assert_eq!(input.u64().expect("there"), 8);
        assert_eq!(input.u128().expect("there"), u128::MAX - 1);
        assert_eq!(input.bytes().expect("there"), b"text");
        assert_eq!(input.remaining(), 3);
        assert_eq!(input.take(3).expect("there"), b"raw");
        input.finish().expect("all was read");
    }

    #[test]
    fn lengths_beyond_the_end_are_damage_at_a_known_place() {
        let mut out = Encoder::new();
        out.u16(0);
        out.u32(u32::MAX);
        let bytes = out.into_bytes();
        let mut input = Decoder::new("file", &bytes);
        input.u16().expect("there");
        let error = input.bytes().expect_err("4 GiB are not there");
        assert!(matches!(error, Error::Corrupt { offset: 6, .. }), "{error}");
        assert!(input.take(usize::MAX).is_err());
        assert!(input.u8().is_err());
    }

    #[test]
    fn bytes_left_over_are_damage() {
        let mut input = Decoder::new("file", b"ab");
        input.u8().expect("there");
        assert!(matches!(input.finish(), Err(Error::Corrupt { offset: 1, .. })));
    }
}
