//! Stored originals: id, texts and payload of every row, and the order of the ids.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::OnceLock;

use lexivec_storage::codec::{Decoder, Encoder};
use lexivec_storage::{Section, SegmentReader, SegmentWriter};
use serde_json::{Map, Value};

use crate::document::Document;
use crate::error::{Error, Result, corrupt};
use crate::schema::Schema;

const DATA: &str = "documents/data";
const OFFSETS: &str = "documents/offsets";
const RANKS: &str = "documents/ranks";
const ORDER: &str = "documents/order";

/// Writes the sections `documents/{data,offsets,ranks,order}`.
pub(crate) fn write_documents(
    out: &mut SegmentWriter,
    schema: &Schema,
    documents: &[&Document],
) -> Result<()> {
    let records = documents.iter().map(|document| {
        let mut record = Encoder::new();
        record.bytes(document.id.as_bytes());
        for field in &schema.text {
            match document.text.get(&field.name) {
                Some(text) => {
                    record.u8(1);
                    record.bytes(text.as_bytes());
                }
                None => record.u8(0),
            }
        }
        let payload = serde_json::to_vec(&document.payload)
            .map_err(|e| Error::invalid("payload", e.to_string()))?;
        record.bytes(&payload);
        Ok(Cow::Owned(record.into_bytes()))
    });
    let mut order: Vec<u32> = (0..documents.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| documents[a as usize].id.cmp(&documents[b as usize].id));
    write_records(out, records, &order)
}

/// Like [`write_documents`], for existing records; `order` has the rows ordered by id.
pub(crate) fn write_records<'a>(
    out: &mut SegmentWriter,
    records: impl Iterator<Item = Result<Cow<'a, [u8]>>>,
    order: &[u32],
) -> Result<()> {
    let mut offsets = Vec::with_capacity((order.len() + 1) * 8);
    let mut end = 0u64;
    offsets.extend_from_slice(&end.to_le_bytes());
    out.begin(DATA)?;
    for record in records {
        let record = record?;
        end += record.len() as u64;
        offsets.extend_from_slice(&end.to_le_bytes());
        out.write(&record)?;
    }
    out.end()?;
    out.section(OFFSETS, &offsets)?;
    let mut ranks = vec![0u32; order.len()];
    for (rank, &row) in (0u32..).zip(order) {
        ranks[row as usize] = rank;
    }
    out.section(RANKS, bytemuck::cast_slice(&ranks))?;
    out.section(ORDER, bytemuck::cast_slice(order))?;
    Ok(())
}

/// The stored originals of an open segment.
pub(crate) struct StoredDocuments {
    file: String,
    rows: u32,
    data: Section,
    offsets: Section,
    ranks: Section,
    order: Section,
    /// The rows whose ids are whole numbers, by value, once they are asked for: 16 bytes each.
    pub(super) numbers: OnceLock<Box<[(u64, u32)]>>,
}

impl StoredDocuments {
    pub(crate) fn open(segment: &SegmentReader, file: &str, rows: u32) -> Result<Self> {
        let opened = Self {
            file: file.to_owned(),
            rows,
            data: segment.section(DATA)?,
            offsets: segment.section(OFFSETS)?,
            ranks: segment.section(RANKS)?,
            order: segment.section(ORDER)?,
            numbers: OnceLock::new(),
        };
        let n = rows as usize;
        for (section, expected) in
            [(&opened.offsets, (n + 1) * 8), (&opened.ranks, n * 4), (&opened.order, n * 4)]
        {
            if section.len() != expected {
                return Err(corrupt(file, section.name(), "another number of rows"));
            }
        }
        Ok(opened)
    }

    /// The stored record of a row.
    pub(crate) fn record(&self, row: u32) -> Result<&[u8]> {
        let at = row as usize * 8;
        let edges = self.offsets.get(at..at + 16)?;
        let edge = |i: usize| {
            edges.as_chunks::<8>().0.get(i).map_or(0, |b| u64::from_le_bytes(*b)) as usize
        };
        let (start, end) = (edge(0), edge(1));
        if start > end || end > self.data.len() {
            return Err(corrupt(&self.file, OFFSETS, format!("row {row} has impossible edges")));
        }
        Ok(self.data.get(start..end)?)
    }

    /// The id of a row.
    pub(crate) fn id(&self, row: u32) -> Result<&str> {
        let mut record = Decoder::new(&self.file, self.record(row)?);
        self.text(record.bytes()?)
    }

    fn text<'a>(&self, bytes: &'a [u8]) -> Result<&'a str> {
        std::str::from_utf8(bytes).map_err(|_| corrupt(&self.file, DATA, "a text is not UTF-8"))
    }

    /// Id, texts and payload of a row; no vectors.
    pub(crate) fn document(&self, schema: &Schema, row: u32) -> Result<Document> {
        let mut record = Decoder::new(&self.file, self.record(row)?);
        let mut document = Document::new(self.text(record.bytes()?)?);
        for field in &schema.text {
            match record.u8()? {
                0 => {}
                1 => {
                    let text = self.text(record.bytes()?)?;
                    document.text.insert(field.name.clone(), text.to_owned());
                }
                _ => return Err(corrupt(&self.file, DATA, "a text is neither there nor absent")),
            }
        }
        document.payload = self.parse(record.bytes()?)?;
        record.finish()?;
        Ok(document)
    }

    /// The payload of a row, as one JSON object.
    pub(crate) fn payload(&self, schema: &Schema, row: u32) -> Result<Value> {
        Ok(Value::Object(self.document(schema, row)?.payload))
    }

    fn parse(&self, bytes: &[u8]) -> Result<Map<String, Value>> {
        serde_json::from_slice(bytes)
            .map_err(|e| corrupt(&self.file, DATA, format!("a payload is not JSON: {e}")))
    }

    /// Rank of a row's id among the sorted ids of the segment: it breaks ties.
    #[inline]
    pub(crate) fn rank(&self, row: u32) -> Result<u32> {
        word(&self.ranks, row)
    }

    /// The row whose id has this rank.
    pub(crate) fn row_at(&self, rank: u32) -> Result<Option<u32>> {
        if rank < self.rows { word(&self.order, rank).map(Some) } else { Ok(None) }
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> u32 {
        self.rows
    }

    /// Rank of the first id of the segment after this one.
    pub(crate) fn rank_after(&self, id: &str) -> Result<u32> {
        self.rank_behind(|other| other <= id)
    }

    /// Rank of the first id of the segment that is this one or after it.
    pub(super) fn rank_from(&self, id: &str) -> Result<u32> {
        self.rank_behind(|other| other < id)
    }

    /// Rank of the first id behind those for which `before` is true.
    fn rank_behind(&self, before: impl Fn(&str) -> bool) -> Result<u32> {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.row_at(middle)?.filter(|&row| row < self.rows);
            let Some(row) = row else {
                return Err(corrupt(&self.file, ORDER, "a number in it is not a row"));
            };
            if before(self.id(row)?) { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// The row with this id, alive or not.
    pub(crate) fn row_of(&self, id: &str) -> Result<Option<u32>> {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = word(&self.order, middle)?;
            if row >= self.rows {
                return Err(corrupt(&self.file, ORDER, "a number in it is not a row"));
            }
            match self.id(row)?.cmp(id) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Some(row)),
            }
        }
        Ok(None)
    }
}

#[inline]
fn word(section: &Section, index: u32) -> Result<u32> {
    let at = index as usize * 4;
    let bytes = section.get(at..at + 4)?;
    Ok(bytes.first_chunk::<4>().map_or(u32::MAX, |b| u32::from_le_bytes(*b)))
}
