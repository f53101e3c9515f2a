//! Text fields: values that are stored with the id, and one inverted index over all of them.

use lexivec_storage::SegmentWriter;
use lexivec_storage::codec::{Decoder, Encoder};

use super::check::declared;
use super::record::{ROWS, decode_named, decode_text, encode_named};
use super::{FieldKind, FieldReader, Merge, NewSegment, SegmentFields, SegmentSource};
use crate::document::Document;
use crate::error::{DocumentFault, Result};
use crate::progress::Stage;
use crate::schema::Schema;
use crate::text::{TextIndex, merge_bytes, merge_text, write_text};

pub(super) struct TextKind;

pub(super) fn open(segment: &SegmentSource<'_>) -> Result<TextIndex> {
    let fields = segment.schema.indexed_fields();
    TextIndex::open(segment.reader, segment.file(), &fields, segment.entry.rows)
}

impl FieldKind for TextKind {
    fn check(
        &self,
        schema: &Schema,
        document: &Document,
    ) -> std::result::Result<(), DocumentFault> {
        document.text.keys().try_for_each(|name| declared(&schema.text, name).map(drop))
    }

    fn is_in(&self, document: &Document) -> bool {
        !document.text.is_empty()
    }

    fn record(&self) -> u8 {
        ROWS
    }

    fn logged_bytes(&self, document: &Document) -> usize {
        document.text.values().map(String::len).sum()
    }

    fn encode(&self, document: &Document, out: &mut Encoder) {
        encode_named(out, &document.text, |out, text| out.bytes(text.as_bytes()));
    }

    fn decode(&self, input: &mut Decoder<'_>, document: &mut Document) -> Result<()> {
        decode_named(input, &mut document.text, decode_text)
    }

    fn write(&self, new: &NewSegment<'_>, out: &mut SegmentWriter) -> Result<()> {
        let (rows, fields) = (new.documents.len(), new.schema.indexed_fields());
        let text =
            |row: u32, field: usize| match (new.documents.get(row as usize), fields.get(field)) {
                (Some(document), Some(field)) => Ok(document.indexed_text(new.schema, &field.name)),
                _ => Ok(String::new()),
            };
        new.progress.report(Stage::Text, 0, rows)?;
        write_text(out, &fields, new.rows(), new.graphs, &text)?;
        new.progress.report(Stage::Text, rows, rows)
    }

    fn merge(&self, merge: &Merge<'_>, out: &mut SegmentWriter) -> Result<()> {
        let (rows, fields) = (merge.count() as usize, merge.schema.indexed_fields());
        merge.progress.report(Stage::Text, 0, rows)?;
        match merge.texts {
            Some(texts) => {
                let name = |field: usize| fields.get(field).map_or("", |f| f.name.as_str());
                let text = |row: u32, field: usize| texts(row, name(field));
                write_text(out, &fields, merge.count(), true, &text)?;
            }
            None => {
                let inputs = merge.inputs.iter().map(|i| (&i.fields.text, i.alive));
                merge_text(out, &fields, &inputs.collect::<Vec<_>>())?;
            }
        }
        merge.progress.report(Stage::Text, rows, rows)
    }

    fn merge_bytes(&self, segment: &SegmentSource<'_>) -> u64 {
        merge_bytes(segment.reader, "text/")
    }

    fn read(&self, _: &SegmentFields, _: u32, _: &mut Document) -> Result<()> {
        Ok(())
    }

    fn readers(&self, _: &SegmentSource<'_>) -> Vec<Result<Box<dyn FieldReader>>> {
        Vec::new()
    }

    fn verify(
        &self,
        fields: &SegmentFields,
        schema: &Schema,
        original: &dyn Fn(u32) -> Result<Document>,
    ) -> Result<()> {
        let text = |row: u32, field: &str| Ok(original(row)?.indexed_text(schema, field));
        fields.text.check(&schema.indexed_fields(), &text)
    }
}
