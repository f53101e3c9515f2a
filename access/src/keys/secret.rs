//! The text of a key: `lxv_`, its id, and a secret that is shown once.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Beginning of every key, by which scanners of leaked secrets find it.
const PREFIX: &str = "lxv_";
/// Hexadecimal digits of an id: 48 bits, so that 10,000 random ones hardly meet.
const ID_DIGITS: usize = 12;
/// Bytes of a secret: 256 bits, which cannot be guessed, so that a fast hash protects it.
const SECRET_BYTES: usize = 32;

/// The SHA-256 of a secret.
pub(crate) type Hash = [u8; 32];

/// A new key as its owner needs it. It is shown once: the database keeps the hash of the secret alone. `Debug` hides the
/// secret.
pub struct Secret {
    id: String,
    bytes: [u8; SECRET_BYTES],
}

impl Secret {
    /// A random key.
    pub(crate) fn random() -> Result<Self> {
        let (mut id, mut bytes) = ([0; ID_DIGITS / 2], [0; SECRET_BYTES]);
        getrandom::fill(&mut id).map_err(Error::NoRandomness)?;
        getrandom::fill(&mut bytes).map_err(Error::NoRandomness)?;
        Ok(Self { id: hex(&id), bytes })
    }

    /// The id of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The text that a client sends.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, URL_SAFE_NO_PAD.encode(self.bytes))
    }

    pub(crate) fn hash(&self) -> Hash {
        hash(&self.bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({PREFIX}{}_…)", self.id)
    }
}

/// A text that has the form of a key.
pub(crate) struct Presented<'a> {
    pub(crate) id: &'a str,
    pub(crate) hash: Hash,
}

impl<'a> Presented<'a> {
    /// The parts of a text; `None` if it is not of the form.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_at_checked(ID_DIGITS)?;
        let mut bytes = [0; SECRET_BYTES];
        let read = URL_SAFE_NO_PAD.decode_slice(secret.strip_prefix('_')?, &mut bytes).ok()?;
        (is_id(id) && read == SECRET_BYTES).then(|| Self { id, hash: hash(&bytes) })
    }
}

/// True for a text that begins as keys do, whatever follows.
pub(crate) fn looks_like_a_key(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The id in what a user names a key by: its id, or the prefix that lists show.
pub(crate) fn id_in(text: &str) -> &str {
    text.strip_prefix(PREFIX).unwrap_or(text)
}

/// The part of a key that may be shown.
pub(crate) fn prefix(id: &str) -> String {
    format!("{PREFIX}{id}")
}

pub(crate) fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(is_digit)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash in its hexadecimal digits.
pub(crate) fn hash_in(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    let mut hash = Hash::default();
    if digits.len() != 2 * hash.len() || !digits.iter().copied().all(is_digit) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_hidden() {
        let secret = Secret::random().expect("random");
        let text = secret.reveal();
        assert_eq!(text.len(), 4 + 12 + 1 + 43);
        let presented = Presented::parse(&text).expect("of the form");
        assert_eq!((presented.id, presented.hash), (secret.id(), secret.hash()));
        assert_eq!(hash_in(&hex(&secret.hash())), Some(secret.hash()));
        let hidden = format!("{secret:?}");
        assert!(hidden.contains(secret.id()) && !hidden.contains(&text[17..]), "{hidden}");
        assert_ne!(Secret::random().expect("random").reveal(), text);
    }

    #[test]
    fn other_texts_are_not_of_the_form() {
        let text = Secret::random().expect("random").reveal();
        let long = text.clone() + "A";
        let upper = text[..16].to_uppercase() + &text[16..];
        // The last of 43 digits has four bits; what would be the other two has to be zero.
        let ends: Vec<String> = ('A'..='Z').map(|end| format!("{}{end}", &text[..59])).collect();
        let canonical = ends.iter().filter(|text| Presented::parse(text).is_some()).count();
        assert_eq!(canonical, 7, "A, E, I, M, Q, U and Y");
        for other in ["", "lxv_", &text[1..], &text[..59], &long, &upper, &text.replace('_', "-")] {
            assert!(Presented::parse(other).is_none(), "{other:?}");
        }
        assert!(Presented::parse("lxv_éééééé_").is_none());
        assert_eq!((hash_in("00"), hash_in(&"g".repeat(64))), (None, None));
    }
}
