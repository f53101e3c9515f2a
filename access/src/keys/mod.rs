//! API keys: their text, their file, and the ring that checks them.

mod record;
mod ring;
mod secret;
mod store;
#[cfg(test)]
mod tests;

pub use record::{KeyInfo, KeyState, rfc3339, seconds_of, unix_seconds};
pub use ring::KeyRing;
pub use secret::Secret;
pub use store::{
    ACCESS_DIRECTORY, KeyStore, MAX_KEY_NAME_CHARS, MAX_KEYS, MAX_KEYS_BYTES, MAX_SCOPE_BYTES,
    NewKey,
};

pub(crate) use secret::{hex, looks_like_a_key};
pub(crate) use store::access_of;
