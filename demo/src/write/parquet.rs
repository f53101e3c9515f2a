//! Records as Parquet: row groups of columns.

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;

use super::in_order;
use crate::error::Result;
use crate::row::{Cell, Row};

/// Batches of a row group: 8,192 records, about twenty megabytes of text before they are encoded.
const GROUP: usize = 16;

/// The values of a column in a batch, and for each row 1 if it has one.
struct Column {
    values: Values,
    present: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Whole(Vec<i64>),
    Decimal(Vec<f64>),
    Truth(Vec<bool>),
}

pub(super) fn write<R: Row>(
    count: u64,
    out: &mut (impl Write + Send),
    make: impl Fn(u64) -> R + Sync,
) -> Result<()> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(out, schema(&make(0))?, Arc::new(properties))?;
    let mut group = Vec::with_capacity(GROUP);
    in_order(
        count,
        |range| columns(range.map(&make)),
        |batch| {
            group.push(batch);
            if group.len() == GROUP {
                write_group(&mut writer, &std::mem::take(&mut group))?;
            }
            Ok(())
        },
    )?;
    if !group.is_empty() {
        write_group(&mut writer, &group)?;
    }
    writer.close()?;
    Ok(())
}

/// The columns of a kind of records.
fn schema(record: &impl Row) -> Result<Arc<Type>> {
    let mut columns = Vec::new();
    record.cells(&mut |name, cell| {
        let physical = match cell {
            Cell::Text(_) => Physical::BYTE_ARRAY,
            Cell::Whole(_) => Physical::INT64,
            Cell::Decimal(_) => Physical::DOUBLE,
            Cell::Truth(_) => Physical::BOOLEAN,
        };
        columns.push((name, physical));
    })?;
    let column = |(name, physical)| {
        let text = (physical == Physical::BYTE_ARRAY).then_some(LogicalType::String);
        let column = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(text);
        Ok(Arc::new(column.build()?))
    };
    let fields = columns.into_iter().map(column).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Type::group_type_builder("record").with_fields(fields).build()?))
}

/// The columns of some records.
fn columns<R: Row>(records: impl Iterator<Item = R>) -> Result<Vec<Column>> {
    let mut columns: Vec<Column> = Vec::new();
    for record in records {
        let mut at = 0;
        record.cells(&mut |_, cell| {
            if at == columns.len() {
                columns.push(Column::of(&cell));
            }
            if let Some(column) = columns.get_mut(at) {
                column.push(cell);
            }
            at += 1;
        })?;
    }
    Ok(columns)
}

impl Column {
    /// A column for cells of a kind.
    fn of(cell: &Cell) -> Self {
        let values = match cell {
            Cell::Text(_) => Values::Text(Vec::new()),
            Cell::Whole(_) => Values::Whole(Vec::new()),
            Cell::Decimal(_) => Values::Decimal(Vec::new()),
            Cell::Truth(_) => Values::Truth(Vec::new()),
        };
        Self { values, present: Vec::new() }
    }

    /// Adds a cell, which is of the column's kind.
    fn push(&mut self, cell: Cell) {
        let present = match (&mut self.values, cell) {
            (Values::Text(values), Cell::Text(Some(text))) => {
                values.push(ByteArray::from(text.into_owned().into_bytes()));
                true
            }
            (Values::Whole(values), Cell::Whole(Some(number))) => {
                values.push(number);
                true
            }
            (Values::Decimal(values), Cell::Decimal(number)) => {
                values.push(number);
                true
            }
            (Values::Truth(values), Cell::Truth(truth)) => {
                values.push(truth);
                true
            }
            _ => false,
        };
        self.present.push(i16::from(present));
    }
}

fn write_group<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    batches: &[Vec<Column>],
) -> Result<()> {
    let mut group = writer.next_row_group()?;
    let width = batches.first().map_or(0, Vec::len);
    for column in 0..width {
        let Some(mut out) = group.next_column()? else { break };
        for part in batches.iter().filter_map(|batch| batch.get(column)) {
            let levels = Some(part.present.as_slice());
            match &part.values {
                Values::Text(v) => out.typed::<ByteArrayType>().write_batch(v, levels, None)?,
                Values::Whole(v) => out.typed::<Int64Type>().write_batch(v, levels, None)?,
                Values::Decimal(v) => out.typed::<DoubleType>().write_batch(v, levels, None)?,
                Values::Truth(v) => out.typed::<BoolType>().write_batch(v, levels, None)?,
            };
        }
        out.close()?;
    }
    group.close()?;
    Ok(())
}
