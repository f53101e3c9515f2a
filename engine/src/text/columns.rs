//! Payload columns: scalars by dotted path, so that a filter becomes a row set without reading
//! documents.
//!
//! Columns hold what they can hold exactly. A row with anything else in its payload (a very long
//! string, an integer beyond 2^53, a key with control characters) is listed as *residual*, and the
//! filter is evaluated on its stored payload instead; so no filter ever loses or invents a row.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::{Bound, RangeInclusive};

use lexivec_query::filter::{Filter, Scalar};
use lexivec_query::parse::MAX_PATH_BYTES;
use lexivec_storage::{SegmentReader, SegmentWriter};
use serde_json::{Map, Value};
use tantivy::columnar::{
    Column, ColumnarReader, ColumnarWriter, DynamicColumn, NumericalValue, StrColumn, TermOrdHit,
};
use tantivy::directory::FileSlice;

use super::tantivy_error;
use crate::error::{Error, Result, corrupt};
use crate::limits::MAX_COLUMN_STRING_BYTES;
use crate::segment::RowSet;

const COLUMNS: &str = "payload/columns";
const RESIDUAL: &str = "payload/residual";
/// Integers below this are exact as doubles, which is what a column of mixed numbers holds.
const MAX_EXACT_INTEGER: u64 = 1 << 53;
/// Most columns of a segment. Payloads whose keys are data (ids as keys, say) would otherwise make
/// one column a row; rows with a path beyond this many are residual.
const MAX_COLUMNS: usize = 4_096;

/// Writes the sections `payload/columns` and `payload/residual`.
pub(crate) fn write_columns<'a>(
    out: &mut SegmentWriter,
    rows: u32,
    payloads: impl Iterator<Item = Result<Cow<'a, Map<String, Value>>>>,
) -> Result<()> {
    let mut columns = ColumnarWriter::default();
    let mut residual = RowSet::empty(rows);
    let mut paths = HashSet::new();
    for (row, payload) in (0..rows).zip(payloads) {
        let payload = payload?;
        let mut leaves = Vec::new();
        let exact = collect(&payload, String::new(), &mut leaves);
        for (path, _) in &leaves {
            if paths.len() < MAX_COLUMNS && !paths.contains(path) {
                paths.insert(path.clone());
            }
        }
        if !exact || leaves.iter().any(|(path, _)| !paths.contains(path)) {
            residual.insert(row);
            continue;
        }
        for (path, leaf) in leaves {
            record(&mut columns, row, &path, leaf);
        }
    }
    let mut bytes = Vec::new();
    columns.serialize(rows, None, &mut bytes).map_err(|e| tantivy_error("a new segment", e))?;
    out.section(COLUMNS, &bytes)?;
    out.section(RESIDUAL, &residual.to_bytes())?;
    Ok(())
}

/// Gathers all scalars by path; false if one cannot be held exactly by a column.
fn collect<'a>(
    map: &'a Map<String, Value>,
    prefix: String,
    leaves: &mut Vec<(String, &'a Value)>,
) -> bool {
    map.iter().all(|(key, value)| {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        path.len() <= MAX_PATH_BYTES
            && !key.is_empty()
            && !key.chars().any(char::is_control)
            && collect_value(value, &path, leaves)
    })
}

fn collect_value<'a>(value: &'a Value, path: &str, leaves: &mut Vec<(String, &'a Value)>) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(|item| collect_value(item, path, leaves)),
        Value::Object(map) => collect(map, path.to_owned(), leaves),
        leaf => {
            leaves.push((path.to_owned(), leaf));
            match leaf {
                Value::String(s) => s.len() <= MAX_COLUMN_STRING_BYTES,
                Value::Number(n) if !n.is_f64() => {
                    n.as_i64().is_some_and(|i| i.unsigned_abs() < MAX_EXACT_INTEGER)
                }
                _ => true,
            }
        }
    }
}

fn record(columns: &mut ColumnarWriter, row: u32, path: &str, leaf: &Value) {
    match leaf {
        Value::Bool(b) => columns.record_bool(row, path, *b),
        Value::String(s) => columns.record_str(row, path, s),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => columns.record_numerical(row, path, NumericalValue::I64(i)),
            (None, Some(f)) => columns.record_numerical(row, path, NumericalValue::F64(f)),
            (None, None) => {}
        },
        _ => {}
    }
}

/// The payload columns of an open segment.
pub(crate) struct Columns {
    file: String,
    columns: ColumnarReader,
    residual: RowSet,
    rows: u32,
}

impl Columns {
    pub(crate) fn open(segment: &SegmentReader, file: &str, rows: u32) -> Result<Self> {
        let bytes = segment.section(COLUMNS)?.bytes()?;
        let columns =
            ColumnarReader::open(FileSlice::from(bytes)).map_err(|e| tantivy_error(file, e))?;
        if columns.num_docs() != rows {
            return Err(corrupt(file, COLUMNS, "another number of rows"));
        }
        let residual = segment.section(RESIDUAL)?;
        let residual = RowSet::from_bytes(rows, residual.all()?)
            .ok_or_else(|| corrupt(file, RESIDUAL, "not a row set of this segment"))?;
        Ok(Self { file: file.to_owned(), columns, residual, rows })
    }

    /// The rows of `alive` that the filter admits; `payload` reads the stored payload of a row.
    pub(crate) fn matching(
        &self,
        filter: &Filter,
        alive: &RowSet,
        payload: impl Fn(u32) -> Result<Value>,
    ) -> Result<RowSet> {
        if matches!(filter, Filter::All) {
            return Ok(alive.clone());
        }
        let mut rows = self.evaluate(filter)?;
        rows.intersect(alive);
        for row in self.residual.iter().filter(|&row| alive.contains(row)) {
            if filter.matches(&payload(row)?) {
                rows.insert(row);
            } else {
                rows.remove(row);
            }
        }
        Ok(rows)
    }

    fn evaluate(&self, filter: &Filter) -> Result<RowSet> {
        Ok(match filter {
            Filter::All => RowSet::full(self.rows),
            Filter::And(parts) => {
                let mut rows = RowSet::full(self.rows);
                for part in parts {
                    rows.intersect(&self.evaluate(part)?);
                }
                rows
            }
            Filter::Or(parts) => {
                let mut rows = RowSet::empty(self.rows);
                for part in parts {
                    rows.unite(&self.evaluate(part)?);
                }
                rows
            }
            Filter::Not(part) => {
                let mut rows = self.evaluate(part)?;
                rows.complement();
                rows
            }
            Filter::Eq { path, value } => self.any_of(path, std::slice::from_ref(value))?,
            Filter::In { path, values } => self.any_of(path, values)?,
            Filter::Range { path, lower, upper } => {
                let mut rows = RowSet::empty(self.rows);
                self.range(path, lower, upper, &mut rows)?;
                rows
            }
            _ => {
                return Err(Error::invalid("filter", "this kind of clause is not known here"));
            }
        })
    }

    /// Rows with one of the values at the path: one pass over each column, however many values.
    fn any_of(&self, path: &str, values: &[Scalar]) -> Result<RowSet> {
        let mut rows = RowSet::empty(self.rows);
        let columns = self.open_columns(path)?;
        if values.contains(&Scalar::Null) {
            for column in &columns {
                add_present(column, self.rows, &mut rows);
            }
            rows.complement();
        }
        // A number equals a double of the columns only if it is one.
        let numbers: HashSet<u64> = values
            .iter()
            .filter_map(doubles_around)
            .filter(|(low, high)| low == high)
            .map(|(number, _)| (number + 0.0).to_bits())
            .collect();
        for column in columns {
            match column {
                DynamicColumn::Bool(column) => {
                    let wanted = |b: bool| values.contains(&Scalar::Bool(b));
                    add_where(&column, self.rows, &mut rows, wanted);
                }
                DynamicColumn::I64(column) => {
                    let wanted = |i: i64| numbers.contains(&(i as f64).to_bits());
                    add_where(&column, self.rows, &mut rows, wanted);
                }
                DynamicColumn::U64(column) => {
                    let wanted = |u: u64| numbers.contains(&(u as f64).to_bits());
                    add_where(&column, self.rows, &mut rows, wanted);
                }
                DynamicColumn::F64(column) => {
                    let wanted = |f: f64| numbers.contains(&(f + 0.0).to_bits());
                    add_where(&column, self.rows, &mut rows, wanted);
                }
                DynamicColumn::Str(column) => {
                    let mut ords = HashSet::new();
                    for value in values {
                        if let Scalar::Str(text) = value {
                            let found = column.dictionary().term_ord(text);
                            ords.extend(found.map_err(|e| tantivy_error(&self.file, e))?);
                        }
                    }
                    if !ords.is_empty() {
                        add_where(column.ords(), self.rows, &mut rows, |o| ords.contains(&o));
                    }
                }
                _ => return Err(corrupt(&self.file, COLUMNS, "a column of an unknown kind")),
            }
        }
        Ok(rows)
    }

    fn open_columns(&self, path: &str) -> Result<Vec<DynamicColumn>> {
        let handles = self.columns.read_columns(path).map_err(|e| tantivy_error(&self.file, e))?;
        handles.iter().map(|h| h.open().map_err(|e| tantivy_error(&self.file, e))).collect()
    }

    /// Adds the rows with a value between the bounds; only values of the bounds' own kind are.
    fn range(
        &self,
        path: &str,
        lower: &Bound<Scalar>,
        upper: &Bound<Scalar>,
        rows: &mut RowSet,
    ) -> Result<()> {
        for column in self.open_columns(path)? {
            match column {
                DynamicColumn::Bool(column) => {
                    for b in [false, true].into_iter().filter(|&b| admits_bool(b, lower, upper)) {
                        add_where(&column, self.rows, rows, |v| v == b);
                    }
                }
                DynamicColumn::I64(column) => {
                    let edges = integer_edges(lower, upper);
                    if let Some(range) = edges {
                        add_where(&column, self.rows, rows, |v| range.contains(&v));
                    }
                }
                DynamicColumn::U64(column) => {
                    if let Some(range) = integer_edges(lower, upper)
                        && let Ok(high) = u64::try_from(*range.end())
                    {
                        let low = u64::try_from(*range.start()).unwrap_or(0);
                        add_where(&column, self.rows, rows, |v| (low..=high).contains(&v));
                    }
                }
                DynamicColumn::F64(column) => {
                    if let Some(range) = float_edges(lower, upper) {
                        add_where(&column, self.rows, rows, |v| range.contains(&v));
                    }
                }
                DynamicColumn::Str(column) => {
                    self.strings(&column, lower, upper, rows)
                        .map_err(|e| tantivy_error(&self.file, e))?;
                }
                _ => return Err(corrupt(&self.file, COLUMNS, "a column of an unknown kind")),
            }
        }
        Ok(())
    }

    fn strings(
        &self,
        column: &StrColumn,
        lower: &Bound<Scalar>,
        upper: &Bound<Scalar>,
        rows: &mut RowSet,
    ) -> std::io::Result<()> {
        let terms = column.num_terms() as u64;
        // First ordinal at or after (or after) a string.
        let first = |text: &str, past_equal: bool| -> std::io::Result<u64> {
            if terms == 0 {
                return Ok(0);
            }
            Ok(match column.dictionary().term_ord_or_next(text)? {
                TermOrdHit::Exact(ord) => ord + u64::from(past_equal),
                TermOrdHit::Next(ord) => ord.min(terms),
            })
        };
        let low = match lower {
            Bound::Unbounded => 0,
            Bound::Included(Scalar::Str(s)) => first(s, false)?,
            Bound::Excluded(Scalar::Str(s)) => first(s, true)?,
            _ => return Ok(()),
        };
        let end = match upper {
            Bound::Unbounded => terms,
            Bound::Included(Scalar::Str(s)) => first(s, true)?,
            Bound::Excluded(Scalar::Str(s)) => first(s, false)?,
            _ => return Ok(()),
        };
        if low < end {
            add_where(column.ords(), self.rows, rows, |ord| (low..end).contains(&ord));
        }
        Ok(())
    }
}

/// Adds the rows with a wanted value. A plain pass: the column's own range search answers wrongly
/// for ranges that end just below its lowest value.
fn add_where<T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static>(
    column: &Column<T>,
    count: u32,
    rows: &mut RowSet,
    wanted: impl Fn(T) -> bool,
) {
    for row in 0..count {
        if column.values_for_doc(row).any(&wanted) {
            rows.insert(row);
        }
    }
}

fn add_present(column: &DynamicColumn, count: u32, rows: &mut RowSet) {
    let index = column.column_index();
    for row in (0..count).filter(|&row| index.has_value(row)) {
        rows.insert(row);
    }
}

fn admits_bool(value: bool, lower: &Bound<Scalar>, upper: &Bound<Scalar>) -> bool {
    (match lower {
        Bound::Unbounded => true,
        Bound::Included(Scalar::Bool(b)) => value >= *b,
        Bound::Excluded(Scalar::Bool(b)) => value & !b,
        _ => false,
    }) && (match upper {
        Bound::Unbounded => true,
        Bound::Included(Scalar::Bool(b)) => value <= *b,
        Bound::Excluded(Scalar::Bool(b)) => !value & b,
        _ => false,
    })
}

/// The integers between two numeric bounds; `None` when there are none, or a bound is no number.
fn integer_edges(lower: &Bound<Scalar>, upper: &Bound<Scalar>) -> Option<RangeInclusive<i64>> {
    let range = float_edges(lower, upper)?;
    // Columns hold integers below 2^53, every one of them a double.
    let low = range.start().ceil().max(-(MAX_EXACT_INTEGER as f64));
    let high = range.end().floor().min(MAX_EXACT_INTEGER as f64);
    (low <= high).then_some(low as i64..=high as i64)
}

/// The doubles between two numeric bounds; `None` when there are none, or a bound is no number.
fn float_edges(lower: &Bound<Scalar>, upper: &Bound<Scalar>) -> Option<RangeInclusive<f64>> {
    let low = match lower {
        Bound::Unbounded => f64::NEG_INFINITY,
        Bound::Included(s) => doubles_around(s)?.1,
        Bound::Excluded(s) => doubles_around(s)?.0.next_up(),
    };
    let high = match upper {
        Bound::Unbounded => f64::INFINITY,
        Bound::Included(s) => doubles_around(s)?.0,
        Bound::Excluded(s) => doubles_around(s)?.1.next_down(),
    };
    // A zero bound admits both zeros, which a column tells apart.
    let low = if low == 0.0 { -0.0 } else { low };
    let high = if high == 0.0 { 0.0 } else { high };
    (low <= high).then_some(low..=high)
}

/// The largest double not above a number and the smallest not below it: the same one unless the
/// number is an integer that no double equals.
fn doubles_around(scalar: &Scalar) -> Option<(f64, f64)> {
    let whole = match scalar {
        Scalar::Int(i) => i128::from(*i),
        Scalar::UInt(u) => i128::from(*u),
        Scalar::Float(f) => return Some((*f, *f)),
        _ => return None,
    };
    let near = whole as f64;
    Some(match (near as i128).cmp(&whole) {
        std::cmp::Ordering::Equal => (near, near),
        std::cmp::Ordering::Less => (near, near.next_up()),
        std::cmp::Ordering::Greater => (near.next_down(), near),
    })
}
