//! Records as CSV.

use std::io::Write;

use super::texts;
use crate::error::{Error, Result};
use crate::row::{Cell, Row};

pub(super) fn write<R: Row>(
    count: u64,
    out: &mut impl Write,
    make: impl Fn(u64) -> R + Sync,
) -> Result<()> {
    let mut names = Vec::new();
    make(0).cells(&mut |name, _| names.push(name))?;
    let mut head = ::csv::Writer::from_writer(Vec::new());
    head.write_record(&names)?;
    out.write_all(&finished(head)?)?;
    texts(count, out, |range| {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        for index in range {
            let record = make(index);
            let mut written = Ok(());
            record.cells(&mut |_, cell| {
                if written.is_ok() {
                    written = field(&mut writer, cell);
                }
            })?;
            written?;
            writer.write_record(None::<&[u8]>)?;
        }
        finished(writer)
    })
}

/// The text of a writer of CSV.
fn finished(writer: ::csv::Writer<Vec<u8>>) -> Result<Vec<u8>> {
    writer.into_inner().map_err(|e| Error::Write(e.into_error()))
}

/// Writes a cell: numbers as JSON writes them, none as an empty one.
fn field(writer: &mut ::csv::Writer<Vec<u8>>, cell: Cell) -> Result<()> {
    match cell {
        Cell::Text(text) => writer.write_field(text.as_deref().unwrap_or_default())?,
        Cell::Whole(Some(number)) => writer.write_field(number.to_string())?,
        Cell::Whole(None) => writer.write_field("")?,
        Cell::Decimal(number) => writer.write_field(serde_json::to_string(&number)?)?,
        Cell::Truth(truth) => writer.write_field(if truth { "true" } else { "false" })?,
    }
    Ok(())
}
