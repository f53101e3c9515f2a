//! A write in the form of the log: whole rows, or the ids of deleted rows. FORMAT.md has its bytes.

use lexivec_storage::codec::{Decoder, Encoder};

use crate::document::Document;
use crate::error::{Error, Result};
use crate::vector::{pack, unpack};

const UPSERT: u8 = 1;
const DELETE: u8 = 2;
/// Rows with their token vectors; a batch without token vectors uses the shorter form.
const UPSERT_TOKENS: u8 = 3;

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
                let tokens = documents.iter().any(|d| !d.tokens.is_empty());
                out.u8(if tokens { UPSERT_TOKENS } else { UPSERT });
                out.u32(documents.len() as u32);
                documents.iter().try_for_each(|d| encode(&mut out, d, tokens))?;
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
            (kind @ (UPSERT | UPSERT_TOKENS), count) => {
                let tokens = kind == UPSERT_TOKENS;
                let rows = (0..count).map(|_| decode(&mut input, tokens));
                Self::Upsert(rows.collect::<Result<_>>()?)
            }
            (DELETE, count) => {
                Self::Delete((0..count).map(|_| text(&mut input)).collect::<Result<_>>()?)
            }
            _ => return Err(input.corrupt("a write of an unknown kind").into()),
        };
        input.finish()?;
        Ok(operation)
    }

    /// Number of rows it concerns.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Upsert(documents) => documents.len(),
            Self::Delete(ids) => ids.len(),
        }
    }
}

fn encode(out: &mut Encoder, document: &Document, tokens: bool) -> Result<()> {
    out.bytes(document.id.as_bytes());
    out.u32(document.text.len() as u32);
    for (field, text) in &document.text {
        out.bytes(field.as_bytes());
        out.bytes(text.as_bytes());
    }
    out.u32(document.vectors.len() as u32);
    for (field, vector) in &document.vectors {
        out.bytes(field.as_bytes());
        out.bytes(bytemuck::cast_slice(vector));
    }
    if tokens {
        out.u32(document.tokens.len() as u32);
        for (field, vectors) in &document.tokens {
            out.bytes(field.as_bytes());
            out.u32(vectors.len() as u32);
            out.bytes(&pack(vectors));
        }
    }
    if document.payload.is_empty() {
        out.u32(0);
        return Ok(());
    }
    let payload = serde_json::to_vec(&document.payload)
        .map_err(|e| Error::invalid("payload", e.to_string()))?;
    out.bytes(&payload);
    Ok(())
}

fn decode(input: &mut Decoder<'_>, tokens: bool) -> Result<Document> {
    let mut document = Document::new(text(input)?);
    for _ in 0..input.u32()? {
        document.text.insert(text(input)?, text(input)?);
    }
    for _ in 0..input.u32()? {
        let field = text(input)?;
        let (floats, rest) = input.bytes()?.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(input.corrupt("a vector is not of whole floats").into());
        }
        let vector = floats.iter().map(|b| f32::from_le_bytes(*b)).collect();
        document.vectors.insert(field, vector);
    }
    for _ in 0..if tokens { input.u32()? } else { 0 } {
        let (field, count) = (text(input)?, input.u32()?);
        let Some(vectors) = unpack(input.bytes()?, count as usize) else {
            return Err(input.corrupt("token vectors are not of whole codes").into());
        };
        document.tokens.insert(field, vectors);
    }
    let payload = input.bytes()?;
    if !payload.is_empty() {
        document.payload = serde_json::from_slice(payload)
            .map_err(|e| input.corrupt(format!("a payload is not JSON: {e}")))?;
    }
    Ok(document)
}

fn text(input: &mut Decoder<'_>) -> Result<String> {
    match std::str::from_utf8(input.bytes()?) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(input.corrupt("a text is not UTF-8").into()),
    }
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
        // A count larger than the bytes left allocates no memory.
        Operation::decode("log", &[UPSERT, 255, 255, 255, 255]).expect_err("none is there");
    }
}
