//! The tokenizer of a model's folder, in the format of the `tokenizers` library.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lexivec_storage::Vfs;
use tokenizers::{EncodeInput, Encoding, TruncationParams};

use super::folder::Folder;
use crate::error::{Error, Result};
use crate::limits::MAX_MODEL_BYTES;

/// A tokenizer without padding and with the caller's truncation, whatever its file sets: published
/// files often truncate each text early and dilute it by padding.
pub(super) struct Tokenizer {
    name: String,
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Reads a file; returns its bytes, too. Texts are cut at `max_length` tokens, including special ones.
    pub(super) fn open(
        folder: &Folder,
        name: &str,
        max_length: Option<usize>,
    ) -> Result<(Self, Vec<u8>)> {
        let bytes = folder.vfs.read(name, MAX_MODEL_BYTES)?;
        let fault = |detail: String| folder.fault(name, detail);
        let read = || -> tokenizers::Result<tokenizers::Tokenizer> {
            let mut inner = tokenizers::Tokenizer::from_bytes(&bytes)?;
            inner.with_padding(None);
            let cut = |max_length| TruncationParams { max_length, ..TruncationParams::default() };
            inner.with_truncation(max_length.map(cut))?;
            Ok(inner)
        };
        let inner = contained(read).map_err(fault)?.map_err(|e| fault(e.to_string()))?;
        let made = Self { name: name.to_owned(), inner };
        // A file that parses may still fail to encode.
        made.encode("a text", true)
            .and(made.encode(("a", "pair"), true))
            .map_err(|e| fault(e.to_string()))?;
        Ok((made, bytes))
    }

    /// The tokens of a text or a pair, including special ones if `special`.
    pub(super) fn encode<'s>(
        &self,
        input: impl Into<EncodeInput<'s>>,
        special: bool,
    ) -> Result<Encoding> {
        let fault = |detail: String| Error::Embedder(format!("{}: {detail}", self.name));
        let found = contained(|| self.inner.encode_fast(input, special)).map_err(fault)?;
        found.map_err(|e| fault(e.to_string()))
    }
}

/// Catches panics of the library, which fails in this way on some files that it parsed, such as a
/// template with unknown tokens.
fn contained<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| "the tokenizer failed on it".to_owned())
}
