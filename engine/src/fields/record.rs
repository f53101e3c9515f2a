//! Values of documents in a log record, and the kinds of records that hold them.

use std::collections::BTreeMap;

use lexivec_storage::codec::{Decoder, Encoder};

use super::{FieldKind, KINDS};
use crate::document::Document;
use crate::error::Result;

/// Rows with texts and vectors.
pub(super) const ROWS: u8 = 1;
/// Rows with token vectors as well; a batch without token vectors uses the shorter record.
pub(super) const ROWS_AND_TOKENS: u8 = 3;

/// The shortest kind of record that holds all values of these documents.
pub(crate) fn record_of(documents: &[Document]) -> u8 {
    let used = KINDS.iter().filter(|kind| documents.iter().any(|d| kind.is_in(d)));
    used.map(|kind| kind.record()).fold(ROWS, u8::max)
}

/// True if records of this number hold rows.
pub(crate) fn is_record(number: u8) -> bool {
    KINDS.iter().any(|kind| kind.record() == number)
}

fn held(record: u8) -> impl Iterator<Item = &'static dyn FieldKind> {
    KINDS.into_iter().filter(move |kind| kind.record() <= record)
}

/// Appends the values of all kinds that a record holds.
pub(crate) fn encode_values(record: u8, document: &Document, out: &mut Encoder) {
    held(record).for_each(|kind| kind.encode(document, out));
}

/// Reads [`encode_values`] into a document.
pub(crate) fn decode_values(
    record: u8,
    input: &mut Decoder<'_>,
    document: &mut Document,
) -> Result<()> {
    held(record).try_for_each(|kind| kind.decode(input, document))
}

/// Appends values by field name, each by `encode`.
pub(super) fn encode_named<T>(
    out: &mut Encoder,
    values: &BTreeMap<String, T>,
    encode: impl Fn(&mut Encoder, &T),
) {
    out.u32(values.len() as u32);
    for (field, value) in values {
        out.bytes(field.as_bytes());
        encode(out, value);
    }
}

/// Reads [`encode_named`], each value by `decode`.
pub(super) fn decode_named<T>(
    input: &mut Decoder<'_>,
    values: &mut BTreeMap<String, T>,
    decode: impl Fn(&mut Decoder<'_>) -> Result<T>,
) -> Result<()> {
    for _ in 0..input.u32()? {
        values.insert(decode_text(input)?, decode(input)?);
    }
    Ok(())
}

/// Reads a text with its length.
pub(crate) fn decode_text(input: &mut Decoder<'_>) -> Result<String> {
    match std::str::from_utf8(input.bytes()?) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(input.corrupt("a text is not UTF-8").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_holds_the_first_kinds_of_the_table() {
        let numbers: Vec<u8> = KINDS.iter().map(|kind| kind.record()).collect();
        assert!(numbers.is_sorted(), "values are in the order of the table: {numbers:?}");
        for (document, record) in [
            (Document::new("a"), ROWS),
            (Document::new("a").text("wing").vector([1.0]), ROWS),
            (Document::new("a").tokens(vec![vec![1.0]]), ROWS_AND_TOKENS),
        ] {
            assert_eq!(record_of(&[Document::new("b"), document]), record);
        }
    }
}
