//! Payload columns: scalars by dotted path, so that a filter becomes a row set without reading
//! documents.
//!
//! Columns hold what they can hold exactly. A row with anything else in its payload (a very long
//! string, an integer beyond 2^53, a key with control characters) is listed as *residual*, and the
//! filter is evaluated on its stored payload instead; so no filter ever loses or invents a row.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

use lexivec_query::facets::{Key, Tally};
use lexivec_query::filter::{Filter, PayloadCondition, Row, Scalar, between};
use lexivec_query::limits::MAX_PATH_BYTES;
use lexivec_storage::{SegmentReader, SegmentWriter};
use serde_json::{Map, Value};
use tantivy::columnar::{ColumnarReader, ColumnarWriter, DynamicColumn, NumericalValue};
use tantivy::directory::FileSlice;

use super::column_cache::ColumnCache;
use super::sorted_columns::{Kind, PathColumns};
use super::tantivy_error;
use crate::error::{Error, Result, corrupt};
use crate::limits::MAX_COLUMN_STRING_BYTES;
use crate::rows::RowSet;

const COLUMNS: &str = "payload/columns";
const RESIDUAL: &str = "payload/residual";
/// Integers below this are exact as doubles, which is what a column of mixed numbers holds.
const MAX_EXACT_INTEGER: u64 = 1 << 53;
/// Most columns of a segment. Payloads whose keys are data (ids as keys, say) would otherwise make
/// one column a row; rows with a path beyond this many are residual.
const MAX_COLUMNS: usize = 4_096;

/// Bytes of sorted columns cached for each row of a segment: those of about thirty paths.
const CACHE_BYTES_PER_ROW: usize = 256;
/// Bytes of sorted columns that a segment of any size may cache.
const MIN_CACHE_BYTES: usize = 1 << 20;

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

/// The fields of a segment that a filter reads besides its columns.
pub(crate) trait StoredFields {
    /// The stored payload of a row.
    fn payload(&self, row: u32) -> Result<Value>;
    /// The id of a row.
    fn id(&self, row: u32) -> Result<&str>;
    /// The row with an id.
    fn row_of(&self, id: &str) -> Result<Option<u32>>;
    /// Rows with a text that has all the words, in `field` if one is named.
    fn rows_with(&self, field: Option<&str>, words: &str) -> Result<RowSet>;
}

/// The payload columns of an open segment.
pub(crate) struct Columns {
    file: String,
    columns: ColumnarReader,
    residual: RowSet,
    rows: u32,
    /// Sorted columns that a filter has read.
    cache: ColumnCache,
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
        let cache = ColumnCache::new(MIN_CACHE_BYTES.max(rows as usize * CACHE_BYTES_PER_ROW));
        Ok(Self { file: file.to_owned(), columns, residual, rows, cache })
    }

    /// The rows of `alive` that the filter admits.
    pub(crate) fn matching(
        &self,
        filter: &Filter,
        alive: &Arc<RowSet>,
        stored: &dyn StoredFields,
    ) -> Result<Arc<RowSet>> {
        // Shared instead of copied: at a million rows a copy takes longer than a graph walk.
        if matches!(filter, Filter::All) {
            return Ok(alive.clone());
        }
        let mut evaluation = Evaluation { columns: self, alive, stored, texts: Vec::new() };
        let mut rows = evaluation.rows(filter)?;
        rows.intersect(alive);
        for row in self.residual.iter().filter(|&row| alive.contains(row)) {
            let (payload, id) = (stored.payload(row)?, stored.id(row)?);
            if filter.matches(&ResidualRow { row, payload, id, texts: &evaluation.texts }) {
                rows.insert(row);
            } else {
                rows.remove(row);
            }
        }
        Ok(Arc::new(rows))
    }

    /// Counts the wanted rows by their values at a path.
    pub(crate) fn count_values(
        &self,
        path: &str,
        wanted: &RowSet,
        stored: &dyn StoredFields,
        tally: &mut Tally,
    ) -> Result<()> {
        if let Some(columns) = self.at(path)? {
            let mut visit = |value, rows| tally.add(Key::of(&value), rows);
            for kind in &columns.kinds {
                kind.count_values(wanted, &mut visit).map_err(|e| tantivy_error(&self.file, e))?;
            }
        }
        // Columns hold no value of these rows.
        for row in self.residual.iter().filter(|&row| wanted.contains(row)) {
            let payload = stored.payload(row)?;
            Key::all_at(&payload, path).into_iter().for_each(|key| tally.add(key, 1));
        }
        Ok(())
    }

    /// The columns of a path, sorted by value; `None` if no row has a value.
    fn at(&self, path: &str) -> Result<Option<Arc<PathColumns>>> {
        if let Some(known) = self.cache.get(path) {
            return Ok(Some(known));
        }
        let failed = |e| tantivy_error(&self.file, e);
        let handles = self.columns.read_columns(path).map_err(failed)?;
        if handles.is_empty() {
            return Ok(None);
        }
        let columns: Vec<DynamicColumn> =
            handles.iter().map(|h| h.open().map_err(failed)).collect::<Result<_>>()?;
        let sorted = PathColumns::new(columns, self.rows).ok_or_else(|| {
            corrupt(&self.file, COLUMNS, "a column that is not as they are written")
        })?;
        // Two threads may both sort it: no lock is held over a sort.
        Ok(Some(self.cache.insert(path, sorted)))
    }
}

/// A residual row, in the form that the predicate reads.
struct ResidualRow<'a> {
    row: u32,
    payload: Value,
    id: &'a str,
    texts: &'a [Texts<'a>],
}

impl Row for ResidualRow<'_> {
    fn payload(&self) -> &Value {
        &self.payload
    }

    fn has_words(&self, field: Option<&str>, words: &str) -> bool {
        let asked = self.texts.iter().find(|t| t.field == field && t.words == words);
        asked.is_some_and(|t| t.rows.contains(self.row))
    }

    fn id(&self) -> Option<&str> {
        Some(self.id)
    }
}

/// Rows whose text has some words; exact for residual rows as well.
struct Texts<'a> {
    field: Option<&'a str>,
    words: &'a str,
    rows: RowSet,
}

/// The evaluation of a filter to a row set, exact for all rows but the residual ones.
struct Evaluation<'a> {
    columns: &'a Columns,
    alive: &'a RowSet,
    stored: &'a dyn StoredFields,
    /// The text clauses evaluated so far; kept only if there are residual rows, which need them.
    texts: Vec<Texts<'a>>,
}

impl<'a> Evaluation<'a> {
    fn rows(&mut self, filter: &'a Filter) -> Result<RowSet> {
        let all = self.columns.rows;
        Ok(match filter {
            Filter::All => RowSet::full(all),
            Filter::And(parts) => {
                let mut rows = RowSet::full(all);
                for part in parts.iter().filter(|part| !matches!(part, Filter::Payload(_))) {
                    rows.intersect(&self.rows(part)?);
                }
                // Payloads are read of the rows that the columns leave.
                for part in parts {
                    if let Filter::Payload(condition) = part {
                        rows = self.read(condition, &rows)?;
                    }
                }
                rows
            }
            Filter::Payload(condition) => self.read(condition, &RowSet::full(all))?,
            Filter::Or(parts) => {
                let mut rows = RowSet::empty(all);
                for part in parts {
                    rows.unite(&self.rows(part)?);
                }
                rows
            }
            Filter::Not(part) => {
                let mut rows = self.rows(part)?;
                rows.complement();
                rows
            }
            Filter::AtLeast { count, parts } => self.at_least(*count, parts)?,
            Filter::Eq { path, value } => self.any_of(path, std::slice::from_ref(value))?,
            Filter::In { path, values } => self.any_of(path, values)?,
            Filter::Range { path, lower, upper } => self.range(path, lower, upper)?,
            Filter::Contains { path, part } => self.each_kind(path, |kind, rows| match kind {
                Kind::Strings(strings) => strings.containing(part, rows),
                Kind::Bools(_) | Kind::Numbers(_) => Ok(()),
            })?,
            Filter::Text { field, words } => {
                let rows = self.stored.rows_with(field.as_deref(), words)?;
                if self.columns.residual.count() > 0 {
                    self.texts.push(Texts { field: field.as_deref(), words, rows: rows.clone() });
                }
                rows
            }
            Filter::Ids(ids) => {
                let mut rows = RowSet::empty(all);
                for id in ids {
                    rows.insert_all(self.stored.row_of(id)?.as_slice());
                }
                rows
            }
            Filter::Invalid(error) => return Err(Error::Request(error.as_ref().clone())),
            _ => {
                return Err(Error::invalid("filter", "this kind of clause is not known here"));
            }
        })
    }

    /// The live rows among `wanted` whose payload satisfies a condition.
    fn read(&self, condition: &PayloadCondition, wanted: &RowSet) -> Result<RowSet> {
        let mut rows = RowSet::empty(self.columns.rows);
        for row in wanted.iter().filter(|&row| self.alive.contains(row)) {
            if condition.matches(&self.stored.payload(row)?) {
                rows.insert(row);
            }
        }
        Ok(rows)
    }

    fn at_least(&mut self, count: usize, parts: &'a [Filter]) -> Result<RowSet> {
        // A filter has fewer clauses than a `u16` counts.
        let mut admitted = vec![0u16; self.columns.rows as usize];
        for part in parts {
            for row in self.rows(part)?.iter() {
                if let Some(times) = admitted.get_mut(row as usize) {
                    *times = times.saturating_add(1);
                }
            }
        }
        let mut rows = RowSet::empty(self.columns.rows);
        for (row, times) in (0..).zip(admitted) {
            if usize::from(times) >= count {
                rows.insert(row);
            }
        }
        Ok(rows)
    }

    /// The union of the rows that `add` takes from each column of a path.
    fn each_kind(
        &self,
        path: &str,
        add: impl Fn(&Kind, &mut RowSet) -> std::io::Result<()>,
    ) -> Result<RowSet> {
        let mut rows = RowSet::empty(self.columns.rows);
        if let Some(columns) = self.columns.at(path)? {
            for kind in &columns.kinds {
                add(kind, &mut rows).map_err(|e| tantivy_error(&self.columns.file, e))?;
            }
        }
        Ok(rows)
    }

    /// Rows with one of the values at the path.
    fn any_of(&self, path: &str, values: &[Scalar]) -> Result<RowSet> {
        let mut rows = self.each_kind(path, |kind, rows| {
            for value in values {
                match (kind, value) {
                    (Kind::Bools(bools), Scalar::Bool(b)) => {
                        let group = usize::from(*b);
                        rows.insert_all(bools.of(group..group + 1));
                    }
                    (Kind::Strings(strings), Scalar::Str(text)) => strings.equal(text, rows)?,
                    (Kind::Numbers(numbers), number) => {
                        // A number equals a double of the columns only if it is one.
                        if let Some((low, high)) = doubles_around(number)
                            && low == high
                        {
                            rows.insert_all(numbers.between(low, high));
                        }
                    }
                    _ => {}
                }
            }
            Ok(())
        })?;
        if values.contains(&Scalar::Null) {
            let mut nothing = match self.columns.at(path)? {
                Some(columns) => columns.present.clone(),
                None => RowSet::empty(self.columns.rows),
            };
            nothing.complement();
            rows.unite(&nothing);
        }
        Ok(rows)
    }

    /// Rows with a value between the bounds; only values of the bounds' kind compare.
    fn range(&self, path: &str, lower: &Bound<Scalar>, upper: &Bound<Scalar>) -> Result<RowSet> {
        self.each_kind(path, |kind, rows| {
            match kind {
                Kind::Bools(bools) => {
                    for (group, b) in [false, true].into_iter().enumerate() {
                        if between(&Value::from(b), lower, upper) {
                            rows.insert_all(bools.of(group..group + 1));
                        }
                    }
                }
                Kind::Numbers(numbers) => {
                    if let Some((low, high)) = float_edges(lower, upper) {
                        rows.insert_all(numbers.between(low, high));
                    }
                }
                Kind::Strings(strings) => strings.between(lower, upper, rows)?,
            }
            Ok(())
        })
    }
}

/// The least and the largest double between two numeric bounds; `None` if there is no double between
/// them, or a bound is not a number.
fn float_edges(lower: &Bound<Scalar>, upper: &Bound<Scalar>) -> Option<(f64, f64)> {
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
    (low <= high).then_some((low, high))
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
