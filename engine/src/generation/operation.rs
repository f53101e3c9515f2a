//! A write in the form of the log: whole rows, or the ids of deleted rows. FORMAT.md has its bytes.

use lexivec_storage::codec::{Decoder, Encoder};

use crate::budget::bytes_of_document;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::fields::{decode_text, decode_values, encode_values, is_record, record_of};

/// Number of the kind of record with the ids of deleted rows; the other numbers are of rows.
const DELETE: u8 = 2;

/// One acknowledged write, with everything that its replay needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    /// Rows to insert or replace, whole.
    Upsert(Vec<Document>),
    /// Ids of rows to delete.
    Delete(Vec<String>),
}

impl Operation {
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Encoder::new();
        match self {
            Self::Upsert(documents) => {
                let record = record_of(documents);
                out.u8(record);
                out.u32(documents.len() as u32);
                documents.iter().try_for_each(|d| encode(&mut out, d, record))?;
            }
            Self::Delete(ids) => {
                out.u8(DELETE);
                out.u32(ids.len() as u32);
                ids.iter().for_each(|id| out.bytes(id.as_bytes()));
            }
        }
        Ok(out.into_bytes())
    }

    /// Reads [`encode`](Self::encode); `at` names the write in errors.
    pub(crate) fn decode(at: &str, bytes: &[u8]) -> Result<Self> {
        let mut input = Decoder::new(at, bytes);
        let operation = match (input.u8()?, input.u32()?) {
            (DELETE, count) => {
                let ids = (0..count).map(|_| decode_text(&mut input));
                Self::Delete(ids.collect::<Result<_>>()?)
            }
            (record, count) if is_record(record) => {
                let rows = (0..count).map(|_| decode(&mut input, record));
                Self::Upsert(rows.collect::<Result<_>>()?)
            }
            _ => return Err(input.corrupt("a write of an unknown kind").into()),
        };
        input.finish()?;
        Ok(operation)
    }

    /// Bytes of all its texts.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::Upsert(documents) => {
                documents.iter().flat_map(|document| document.text.values()).map(String::len).sum()
            }
            Self::Delete(_) => 0,
        }
    }

    /// Bytes that it takes in memory.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Self::Upsert(documents) => documents.iter().map(bytes_of_document).sum(),
            Self::Delete(ids) => ids.iter().map(|id| size_of::<String>() + id.len()).sum(),
        }
    }

    /// Number of rows it concerns.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Upsert(documents) => documents.len(),
            Self::Delete(ids) => ids.len(),
        }
    }
}

fn encode(out: &mut Encoder, document: &Document, record: u8) -> Result<()> {
    out.bytes(document.id.as_bytes());
    encode_values(record, document, out);
    if document.payload.is_empty() {
        out.u32(0);
        return Ok(());
    }
    let payload = serde_json::to_vec(&document.payload)
        .map_err(|e| Error::invalid("payload", e.to_string()))?;
    out.bytes(&payload);
    Ok(())
}

fn decode(input: &mut Decoder<'_>, record: u8) -> Result<Document> {
    let mut document = Document::new(decode_text(input)?);
    decode_values(record, input, &mut document)?;
    let payload = input.bytes()?;
    if !payload.is_empty() {
        document.payload = serde_json::from_slice(payload)
            .map_err(|e| input.corrupt(format!("a payload is not JSON: {e}")))?;
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_any_cut_is_damage() {
        let document = Document::new("a")
            .text("wing")
            .vector(vec![1.0, -0.5])
            .payload("n", 3)
            .payload("s", "x");
        let axes = vec![vec![0.0, -1.0], vec![1.0, 0.0]];
        let with_tokens = document.clone().tokens(axes.clone()).tokens_in("b", axes);
        for operation in [
            Operation::Upsert(vec![document, Document::new("b")]),
            Operation::Upsert(vec![Document::new("b"), with_tokens]),
            Operation::Delete(vec!["a".to_owned(), String::new()]),
            Operation::Delete(Vec::new()),
        ] {
            let bytes = operation.encode().expect("encoded");
            assert_eq!(Operation::decode("log", &bytes).expect("sound"), operation);
            for cut in 0..bytes.len() {
                Operation::decode("log", &bytes[..cut]).expect_err("cut");
            }
        }
        Operation::decode("log", &[9, 0, 0, 0, 0]).expect_err("no such kind");
        assert!(!is_record(DELETE), "a kind of field has the number of deletes");
        // A count larger than the bytes left allocates no memory.
        Operation::decode("log", &[record_of(&[]), 255, 255, 255, 255]).expect_err("none is there");
    }
}
