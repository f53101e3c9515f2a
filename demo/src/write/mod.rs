//! Records written to a stream: JSON lines, CSV or Parquet, on all cores, in the order of their indices and in bounded
//! memory.

mod csv;
mod lines;
mod parquet;

use std::io::Write;
use std::ops::Range;

use rayon::prelude::*;

use crate::analytics::{Timeframe, report};
use crate::courses::course;
use crate::error::{Error, Result};
use crate::feedback::review;
use crate::labs::lab;
use crate::quiz::quiz_of_a_course;
use crate::row::Row;
use crate::source::Source;
use crate::students::student;
use crate::viewer::Viewer;

/// Records that a thread makes at a time: about a megabyte of text, so that the switch to the next is cheap.
const BATCH: u64 = 512;
/// Batches for each thread that wait to be written at most.
const WAITING: u64 = 2;

/// The form in which records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object a line.
    JsonLines,
    /// CSV: the names of the columns in the first line; nested members as JSON, absent ones as empty cells.
    Csv,
    /// Parquet: a column for each member, of texts, whole numbers, decimals or truth values; nested members as JSON.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::JsonLines, Self::Csv, Self::Parquet];

    /// Its name, with which file names end: `jsonl`, `csv` or `parquet`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// A kind of records, with what it depends on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// Courses, as a viewer sees them.
    Courses(Viewer),
    /// Students, of a course if one is named.
    Students(Option<String>),
    /// Quizzes of ten questions.
    Quizzes,
    /// Labs, of a course if one is named.
    Labs(Option<String>),
    /// Reviews, of a course if one is named.
    Feedback(Option<String>),
    /// Reports for a viewer.
    Analytics(Viewer, Timeframe),
}

/// Writes the first `count` records of a kind. The bytes depend on nothing else than the arguments. Rayon's threads make
/// the records.
///
/// # Errors
/// [`Error::Write`] if the output cannot be written, else the error of the format; a part of the records may have been
/// written.
pub fn write<W: Write + Send>(
    kind: &Kind,
    count: u64,
    source: Source,
    format: Format,
    out: &mut W,
) -> Result<()> {
    match kind {
        Kind::Courses(viewer) => all(count, format, out, |i| course(viewer, source, i)),
        Kind::Students(of) => all(count, format, out, |i| student(of.as_deref(), source, i)),
        Kind::Quizzes => all(count, format, out, |i| quiz_of_a_course(source, i)),
        Kind::Labs(of) => all(count, format, out, |i| lab(of.as_deref(), source, i)),
        Kind::Feedback(of) => all(count, format, out, |i| review(of.as_deref(), source, i)),
        Kind::Analytics(viewer, timeframe) => {
            all(count, format, out, |i| report(viewer, *timeframe, source, i))
        }
    }
}

fn all<R: Row>(
    count: u64,
    format: Format,
    out: &mut (impl Write + Send),
    make: impl Fn(u64) -> R + Sync,
) -> Result<()> {
    match format {
        Format::JsonLines => lines::write(count, out, make),
        Format::Csv => csv::write(count, out, make),
        Format::Parquet => parquet::write(count, out, make),
    }
}

/// Makes batches on all threads and takes them in order; a few wait at a time.
fn in_order<T: Send>(
    count: u64,
    make: impl Fn(Range<u64>) -> Result<T> + Sync,
    mut take: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let step = rayon::current_num_threads() as u64 * WAITING * BATCH;
    let mut start = 0;
    while start < count {
        let end = count.min(start.saturating_add(step));
        let batches: Vec<Range<u64>> = (start..end)
            .step_by(BATCH as usize)
            .map(|first| first..end.min(first.saturating_add(BATCH)))
            .collect();
        let made: Vec<Result<T>> = batches.into_par_iter().map(&make).collect();
        made.into_iter().try_for_each(|batch| take(batch?))?;
        start = end;
    }
    Ok(())
}

/// Writes batches of text in order.
fn texts(
    count: u64,
    out: &mut impl Write,
    make: impl Fn(Range<u64>) -> Result<Vec<u8>> + Sync,
) -> Result<()> {
    in_order(count, make, |text| out.write_all(&text).map_err(Error::from))
}
