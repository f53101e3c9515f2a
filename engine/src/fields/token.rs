//! Token fields: lists of token vectors, kept as codes.

use std::borrow::Cow;

use lexivec_storage::SegmentWriter;
use lexivec_storage::codec::{Decoder, Encoder};

use super::check::declared;
use super::record::{ROWS_AND_TOKENS, decode_named, encode_named};
use super::vector::{is_zero, squared_length};
use super::{FieldKind, FieldReader, Merge, NewSegment, SegmentFields, SegmentSource};
use crate::document::Document;
use crate::error::{DocumentFault, Result};
use crate::limits::MAX_ROW_TOKENS;
use crate::schema::{Schema, TokenField};
use crate::vector::{TokenStore, pack, row_codes, unpack, write_tokens};

/// Bytes of memory that a row takes for each field while it is merged: the edge of its list, twice, as the list of
/// edges grows by doubling.
const MERGE_ROW_BYTES: u64 = 16;

pub(super) struct TokenKind;

pub(super) fn open(segment: &SegmentSource<'_>) -> Result<Vec<TokenStore>> {
    segment.schema.tokens.iter().map(|field| open_field(segment, field)).collect()
}

fn open_field(segment: &SegmentSource<'_>, field: &TokenField) -> Result<TokenStore> {
    TokenStore::open(segment.reader, segment.file(), field, segment.entry.rows)
}

/// Checks a list of token vectors of a field.
pub(crate) fn check_token_vectors(
    field: &TokenField,
    vectors: &[Vec<f32>],
) -> std::result::Result<(), DocumentFault> {
    let (name, count) = (&field.name, vectors.len());
    if count == 0 || count > MAX_ROW_TOKENS {
        return Err(DocumentFault::TokenCount { field: name.clone(), count });
    }
    for (i, vector) in vectors.iter().enumerate() {
        if is_zero(squared_length(name, Some(i), field.dim, vector)?) {
            let detail = "is zero and has no direction; leave it out".to_owned();
            return Err(DocumentFault::Vector { field: name.clone(), token: Some(i), detail });
        }
    }
    Ok(())
}

impl SegmentFields {
    /// The token vectors of a field.
    pub(crate) fn tokens(&self, field: &str) -> Option<&TokenStore> {
        self.tokens.iter().find(|store| store.name == field)
    }
}

impl FieldReader for TokenStore {
    fn read(&self, row: u32, document: &mut Document) -> Result<()> {
        let vectors = self.vectors(row)?;
        if !vectors.is_empty() {
            document.tokens.insert(self.name.clone(), vectors);
        }
        Ok(())
    }
}

impl FieldKind for TokenKind {
    fn check(
        &self,
        schema: &Schema,
        document: &Document,
    ) -> std::result::Result<(), DocumentFault> {
        document.tokens.iter().try_for_each(|(name, vectors)| {
            check_token_vectors(declared(&schema.tokens, name)?, vectors)
        })
    }

    fn is_in(&self, document: &Document) -> bool {
        !document.tokens.is_empty()
    }

    fn record(&self) -> u8 {
        ROWS_AND_TOKENS
    }

    fn logged_bytes(&self, document: &Document) -> usize {
        let codes = |list: &Vec<Vec<f32>>| list.iter().map(Vec::len).sum::<usize>();
        document.tokens.values().map(codes).sum()
    }

    fn encode(&self, document: &Document, out: &mut Encoder) {
        encode_named(out, &document.tokens, |out, vectors| {
            out.u32(vectors.len() as u32);
            out.bytes(&pack(vectors));
        });
    }

    fn decode(&self, input: &mut Decoder<'_>, document: &mut Document) -> Result<()> {
        decode_named(input, &mut document.tokens, |input| {
            let count = input.u32()? as usize;
            let vectors = unpack(input.bytes()?, count);
            let fault = || input.corrupt("token vectors are not of whole codes");
            Ok(vectors.ok_or_else(fault)?)
        })
    }

    fn write(&self, new: &NewSegment<'_>, out: &mut SegmentWriter) -> Result<()> {
        for field in &new.schema.tokens {
            let codes = new.documents.iter().map(|document| {
                let vectors = document.tokens.get(&field.name);
                Ok(Cow::Owned(vectors.map_or(Vec::new(), |vectors| row_codes(field, vectors))))
            });
            write_tokens(out, field, codes)?;
        }
        Ok(())
    }

    fn merge(&self, merge: &Merge<'_>, out: &mut SegmentWriter) -> Result<()> {
        for field in &merge.schema.tokens {
            // Codes are copied, so that scores are the same before and after.
            let codes = merge.rows().map(|(fields, row)| match fields.tokens(&field.name) {
                Some(store) => store.codes(row).map(Cow::Borrowed),
                None => Ok(Cow::Borrowed(&[][..])),
            });
            write_tokens(out, field, codes)?;
        }
        Ok(())
    }

    fn merge_bytes(&self, segment: &SegmentSource<'_>) -> u64 {
        u64::from(segment.entry.rows) * segment.schema.tokens.len() as u64 * MERGE_ROW_BYTES
    }

    fn read(&self, fields: &SegmentFields, row: u32, document: &mut Document) -> Result<()> {
        fields.tokens.iter().try_for_each(|store| store.read(row, document))
    }

    fn readers(&self, segment: &SegmentSource<'_>) -> Vec<Result<Box<dyn FieldReader>>> {
        let open = |field| Ok(Box::new(open_field(segment, field)?) as Box<dyn FieldReader>);
        segment.schema.tokens.iter().map(open).collect()
    }

    fn verify(
        &self,
        fields: &SegmentFields,
        _: &Schema,
        _: &dyn Fn(u32) -> Result<Document>,
    ) -> Result<()> {
        fields.tokens.iter().try_for_each(TokenStore::check)
    }
}
