//! The kinds of fields: a module for each, and the table that every part of the engine goes through which treats all
//! kinds alike.
//!
//! A new kind is declared in `schema`, has a member in [`Schema`] and in [`Document`], and does the rest in its own
//! module here, which is registered in [`KINDS`] and, for what it opens, in [`SegmentFields`].

mod check;
mod record;
mod text;
mod token;
mod vector;

use std::sync::Arc;

use lexivec_storage::codec::{Decoder, Encoder};
use lexivec_storage::{SegmentEntry, SegmentReader, SegmentWriter};

pub(crate) use check::{check_batch, logged_bytes};
pub(crate) use record::{decode_text, decode_values, encode_values, is_record, record_of};
pub(crate) use token::check_token_vectors;
pub(crate) use vector::{GraphSource, Vectors, check_vector, largest_graph, measure_curves};

use crate::document::Document;
use crate::error::{DocumentFault, Result};
use crate::progress::Progress;
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::text::TextIndex;
use crate::vector::TokenStore;

/// The kinds, in the order of their sections in a segment and of their values in a log record.
pub(crate) const KINDS: [&dyn FieldKind; 3] =
    [&text::TextKind, &vector::VectorKind, &token::TokenKind];

/// The fields of an open segment, by kind.
pub(crate) struct SegmentFields {
    pub(crate) text: TextIndex,
    pub(crate) vectors: Vec<Vectors>,
    pub(crate) tokens: Vec<TokenStore>,
}

impl SegmentFields {
    pub(crate) fn open(segment: &SegmentSource<'_>) -> Result<Self> {
        Ok(Self {
            text: text::open(segment)?,
            vectors: vector::open(segment)?,
            tokens: token::open(segment)?,
        })
    }
}

/// One kind of field: its values in documents, in the log and in segments.
pub(crate) trait FieldKind: Sync {
    /// Checks the values in a document against the declared fields.
    fn check(&self, schema: &Schema, document: &Document)
    -> std::result::Result<(), DocumentFault>;

    /// True if a document has values of this kind.
    fn is_in(&self, document: &Document) -> bool;

    /// Number of the first kind of log record that holds these values; those with a higher number hold them, too.
    fn record(&self) -> u8;

    /// Bytes of the values in a log record, without their names.
    fn logged_bytes(&self, document: &Document) -> usize;

    /// Appends the values to a log record.
    fn encode(&self, document: &Document, out: &mut Encoder);

    /// Reads [`encode`](Self::encode) into a document.
    fn decode(&self, input: &mut Decoder<'_>, document: &mut Document) -> Result<()>;

    /// Writes the sections of a new segment.
    fn write(&self, new: &NewSegment<'_>, out: &mut SegmentWriter) -> Result<()>;

    /// Writes the sections of a segment that others are merged into.
    fn merge(&self, merge: &Merge<'_>, out: &mut SegmentWriter) -> Result<()>;

    /// Bytes of memory that a merge takes for the fields of a segment, besides what is mapped.
    fn merge_bytes(&self, segment: &SegmentSource<'_>) -> u64;

    /// Adds the values of a row to a document that has what is stored with the id: texts and payload.
    fn read(&self, fields: &SegmentFields, row: u32, document: &mut Document) -> Result<()>;

    /// Each field by itself, for a repair: a field that cannot be opened leaves the others readable.
    fn readers(&self, segment: &SegmentSource<'_>) -> Vec<Result<Box<dyn FieldReader>>>;

    /// Checks what is stored row by row; `original` reads what is stored with an id.
    fn verify(
        &self,
        fields: &SegmentFields,
        schema: &Schema,
        original: &dyn Fn(u32) -> Result<Document>,
    ) -> Result<()>;
}

/// The values of one field of a segment.
pub(crate) trait FieldReader {
    /// Adds the value of a row to a document, if the row has one.
    fn read(&self, row: u32, document: &mut Document) -> Result<()>;
}

/// A segment file that is being opened.
#[derive(Clone, Copy)]
pub(crate) struct SegmentSource<'a> {
    pub(crate) reader: &'a Arc<SegmentReader>,
    pub(crate) schema: &'a Schema,
    pub(crate) entry: &'a SegmentEntry,
}

impl<'a> SegmentSource<'a> {
    /// Name of the file.
    pub(crate) fn file(&self) -> &'a str {
        &self.entry.file.name
    }
}

/// A new segment, row i being document i.
pub(crate) struct NewSegment<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) documents: &'a [&'a Document],
    /// True to build a graph for enough rows and to use all cores; otherwise the segment is built quickly on one core.
    pub(crate) graphs: bool,
    pub(crate) progress: &'a Progress<'a>,
}

impl NewSegment<'_> {
    fn rows(&self) -> u32 {
        self.documents.len() as u32
    }
}

/// The text of a row of a new segment in an indexed field.
pub(crate) type TextOf<'a> = dyn Fn(u32, &str) -> Result<String> + Sync + 'a;

/// Segments that become one, whose rows are the live rows of each, input by input.
pub(crate) struct Merge<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) inputs: &'a [MergeInput<'a>],
    pub(crate) graph: GraphSource,
    /// The texts of the new segment, if they are to be analyzed again.
    pub(crate) texts: Option<&'a TextOf<'a>>,
    pub(crate) progress: &'a Progress<'a>,
}

/// The fields of a segment that is merged, and its live rows.
#[derive(Clone, Copy)]
pub(crate) struct MergeInput<'a> {
    pub(crate) fields: &'a SegmentFields,
    pub(crate) alive: &'a RowSet,
}

impl<'a> Merge<'a> {
    /// Number of rows of the new segment.
    fn count(&self) -> u32 {
        self.inputs.iter().map(|input| input.alive.count()).sum()
    }

    /// The rows of the new segment in their order: their segment's fields and their number there.
    fn rows(&self) -> impl Iterator<Item = (&'a SegmentFields, u32)> + '_ {
        self.inputs.iter().flat_map(|input| input.alive.iter().map(|row| (input.fields, row)))
    }
}
