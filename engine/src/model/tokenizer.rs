//! The tokenizer of a model's folder, in the format of the `tokenizers` library.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lexivec_storage::Vfs;
use serde_json::Value;
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

/// Most times as long as before that replacements may make a text, one after another. Those of published tokenizers
/// put a sign of three bytes in the place of a space.
const MAX_GROWTH: f64 = 64.0;

/// The times as long that a step of a tokenizer's file may make a text by replacements.
fn growth(step: &Value) -> f64 {
    let list = |name: &str| step[name].as_array().into_iter().flatten();
    let bytes = |value: &Value| value.as_str().map_or(0, str::len) as f64;
    match step["type"].as_str() {
        Some("Sequence") => list("normalizers").chain(list("pretokenizers")).map(growth).product(),
        // A pattern may match no character, and its replacement then stands between all.
        Some("Replace") => match &step["pattern"]["String"] {
            Value::String(pattern) if !pattern.is_empty() => {
                (bytes(&step["content"]) / pattern.len() as f64).max(1.0)
            }
            _ => 1.0 + bytes(&step["content"]),
        },
        _ => 1.0,
    }
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
        let described: Value =
            serde_json::from_slice(&bytes).map_err(|e| fault(format!("not JSON: {e}")))?;
        let growth = growth(&described["normalizer"]) * growth(&described["pre_tokenizer"]);
        if growth > MAX_GROWTH {
            return Err(fault(format!(
                "its replacements may make a text {growth:.0} times as long, and {MAX_GROWTH} is the limit"
            )));
        }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::growth;

    #[test]
    fn replacements_multiply() {
        let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
        let many: Vec<_> = std::iter::repeat_n(double.clone(), 20).collect();
        let nothing = json!({"type": "Replace", "pattern": {"Regex": "x*"}, "content": "abc"});
        for (step, expected) in [
            (json!(null), 1.0),
            (json!({"type": "NFKC"}), 1.0),
            (json!({"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"}), 3.0),
            (double, 2.0),
            (json!({"type": "Sequence", "normalizers": many}), 1_048_576.0),
            (json!({"type": "Sequence", "pretokenizers": [nothing.clone(), nothing]}), 16.0),
        ] {
            assert_eq!(growth(&step), expected, "{step}");
        }
    }
}
