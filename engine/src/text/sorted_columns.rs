//! The columns of a payload path, sorted by value: a filter then is a binary search for its bounds and
//! a slice of rows instead of a pass over all rows.
//!
//! They are sorted when a filter reads the path, and cached for the next one. They take four bytes a
//! value and one bit a row, twelve bytes more a distinct number and four a distinct string, and once a
//! filter compares strings as dates, four bytes a date and twenty a distinct one.

use std::ops::{Bound, Range};
use std::sync::OnceLock;

use lexivec_query::filter::{Scalar, between};
use lexivec_query::timestamp::Timestamp;
use serde_json::Value;
use tantivy::columnar::{Column, DynamicColumn, StrColumn, TermOrdHit};

use crate::rows::RowSet;

/// The columns of a path, one for each kind of value there.
pub(super) struct PathColumns {
    /// Rows with a value at the path.
    pub(super) present: RowSet,
    pub(super) kinds: Vec<Kind>,
}

/// A column by value.
pub(super) enum Kind {
    /// False, then true.
    Bools(Grouped),
    /// Every number of a column is a double; both zeros are one.
    Numbers(Sorted<f64>),
    Strings(Box<Strings>),
}

impl PathColumns {
    /// Sorts the columns of a segment of `rows` rows; `None` if one is not as this crate writes them.
    pub(super) fn new(columns: Vec<DynamicColumn>, rows: u32) -> Option<Self> {
        let kinds = columns.into_iter().map(|column| {
            Some(match column {
                DynamicColumn::Bool(column) => {
                    Kind::Bools(Grouped::new(2, &pairs(&column, rows, usize::from)))
                }
                DynamicColumn::I64(column) => {
                    Kind::Numbers(numbers(pairs(&column, rows, |i| i as f64)))
                }
                DynamicColumn::U64(column) => {
                    Kind::Numbers(numbers(pairs(&column, rows, |u| u as f64)))
                }
                DynamicColumn::F64(column) => Kind::Numbers(numbers(pairs(&column, rows, |f| f))),
                DynamicColumn::Str(column) => {
                    let ordinals = pairs(column.ords(), rows, |ord| ord as usize);
                    // In a column that this crate wrote, every string belongs to a row.
                    if column.num_terms() > ordinals.len() {
                        return None;
                    }
                    let rows = Grouped::new(column.num_terms(), &ordinals);
                    Kind::Strings(Box::new(Strings { column, rows, by_time: OnceLock::new() }))
                }
                _ => return None,
            })
        });
        let kinds = kinds.collect::<Option<Vec<_>>>()?;
        let mut present = RowSet::empty(rows);
        for kind in &kinds {
            present.insert_all(match kind {
                Kind::Bools(grouped) => &grouped.rows,
                Kind::Numbers(numbers) => &numbers.rows.rows,
                Kind::Strings(strings) => &strings.rows.rows,
            });
        }
        Some(Self { present, kinds })
    }

    /// Bytes of memory it takes, including those of the dates, whether they were sorted or not.
    pub(super) fn bytes(&self) -> usize {
        let rows = |grouped: &Grouped| (grouped.rows.len() + grouped.starts.len()) * 4;
        let kinds = self.kinds.iter().map(|kind| match kind {
            Kind::Bools(bools) => rows(bools),
            Kind::Numbers(numbers) => rows(&numbers.rows) + numbers.values.len() * 8,
            Kind::Strings(strings) => {
                2 * rows(&strings.rows) + strings.column.num_terms() * size_of::<Timestamp>()
            }
        });
        kinds.sum::<usize>() + self.present.rows() as usize / 8
    }
}

impl Kind {
    /// Calls `visit` with each value and the number of wanted rows that have it.
    pub(super) fn count_values(
        &self,
        wanted: &RowSet,
        visit: &mut dyn FnMut(Value, u64),
    ) -> std::io::Result<()> {
        match self {
            Self::Bools(rows) => {
                visit(Value::from(false), rows.count(0, wanted));
                visit(Value::from(true), rows.count(1, wanted));
            }
            Self::Numbers(numbers) => {
                for (group, value) in numbers.values.iter().enumerate() {
                    visit(Value::from(*value), numbers.rows.count(group, wanted));
                }
            }
            Self::Strings(strings) => strings.each_string(|group, text| {
                let count = strings.rows.count(group, wanted);
                if count > 0 {
                    visit(Value::from(text), count);
                }
            })?,
        }
        Ok(())
    }
}

/// Every value of a column with its row, by row.
fn pairs<T, V>(column: &Column<T>, rows: u32, value: impl Fn(T) -> V) -> Vec<(V, u32)>
where
    T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static,
{
    (0..rows)
        .flat_map(|row| column.values_for_doc(row).map(move |v| (v, row)))
        .map(|(v, row)| (value(v), row))
        .collect()
}

/// Rows ordered by the group they are in. A row with several values may occur repeatedly.
pub(super) struct Grouped {
    /// Start of each group, and the end of the last one.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Grouped {
    /// Sorts rows by group number, by counting; a column that this crate wrote has no group beyond
    /// `groups`.
    fn new(groups: usize, pairs: &[(usize, u32)]) -> Self {
        let mut starts = vec![0u32; groups + 1];
        for (group, _) in pairs {
            if let Some(count) = starts.get_mut(group + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut rows = vec![0u32; sum as usize];
        for &(group, row) in pairs.iter().filter(|(group, _)| *group < groups) {
            rows[next[group] as usize] = row;
            next[group] += 1;
        }
        Self { starts, rows }
    }

    /// Number of wanted rows in a group.
    fn count(&self, group: usize, wanted: &RowSet) -> u64 {
        let mut last = None;
        let rows = self.of(group..group + 1).iter().filter(|&&row| {
            // A row that has a value repeatedly occurs in consecutive entries.
            let again = last == Some(row);
            last = Some(row);
            !again && wanted.contains(row)
        });
        rows.count() as u64
    }

    /// The rows of some groups; empty for groups that do not exist.
    pub(super) fn of(&self, groups: Range<usize>) -> &[u32] {
        let edge = |group: usize| self.starts.get(group).map(|start| *start as usize);
        match (edge(groups.start), edge(groups.end)) {
            (Some(start), Some(end)) => self.rows.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// Rows by values that have an order.
pub(super) struct Sorted<T> {
    /// The distinct values, ascending.
    values: Vec<T>,
    rows: Grouped,
}

impl<T: PartialEq + Copy> Sorted<T> {
    /// Takes values in ascending order, each with its row.
    fn new(pairs: Vec<(T, u32)>) -> Self {
        let (mut values, mut starts) = (Vec::new(), Vec::new());
        for (index, (value, _)) in pairs.iter().enumerate() {
            if values.last() != Some(value) {
                values.push(*value);
                starts.push(index as u32);
            }
        }
        starts.push(pairs.len() as u32);
        values.shrink_to_fit();
        starts.shrink_to_fit();
        Self { values, rows: Grouped { starts, rows: pairs.into_iter().map(|p| p.1).collect() } }
    }

    /// Rows whose values are at or after the start and before the end.
    fn within(&self, before: impl Fn(&T) -> bool, inside: impl Fn(&T) -> bool) -> &[u32] {
        let start = self.values.partition_point(before);
        let end = self.values.partition_point(inside);
        self.rows.of(start..end.max(start))
    }
}

fn numbers(mut pairs: Vec<(f64, u32)>) -> Sorted<f64> {
    for (value, _) in &mut pairs {
        // Both zeros are one number.
        *value += 0.0;
    }
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Sorted::new(pairs)
}

impl Sorted<f64> {
    /// Rows with a number from `low` to `high`, both with it.
    pub(super) fn between(&self, low: f64, high: f64) -> &[u32] {
        self.within(|v| *v < low, |v| *v <= high)
    }
}

/// Rows by string, in the order of their bytes.
pub(super) struct Strings {
    column: StrColumn,
    /// A group is the ordinal of a string in the dictionary.
    rows: Grouped,
    /// Rows by date, for the strings that are dates.
    by_time: OnceLock<Sorted<Timestamp>>,
}

impl Strings {
    /// Adds the rows with this string.
    pub(super) fn equal(&self, text: &str, found: &mut RowSet) -> std::io::Result<()> {
        if let Some(ord) = self.column.dictionary().term_ord(text)? {
            found.insert_all(self.rows.of(ord as usize..ord as usize + 1));
        }
        Ok(())
    }

    /// Adds the rows with a string that has this part.
    pub(super) fn containing(&self, part: &str, found: &mut RowSet) -> std::io::Result<()> {
        self.wherever(found, |text| text.contains(part))
    }

    /// Adds the rows with a string between two bounds, as [`between`] says.
    pub(super) fn between(
        &self,
        lower: &Bound<Scalar>,
        upper: &Bound<Scalar>,
        found: &mut RowSet,
    ) -> std::io::Result<()> {
        let (Some(low), Some(high)) = (text_bound(lower), text_bound(upper)) else {
            return Ok(());
        };
        match (is_moment(low), is_moment(high)) {
            (None | Some(false), None | Some(false)) => {
                let start = match low {
                    Bound::Unbounded => 0,
                    Bound::Included(text) => self.first(text, false)?,
                    Bound::Excluded(text) => self.first(text, true)?,
                };
                let end = match high {
                    Bound::Unbounded => self.column.num_terms(),
                    Bound::Included(text) => self.first(text, true)?,
                    Bound::Excluded(text) => self.first(text, false)?,
                };
                found.insert_all(self.rows.of(start..end.max(start)));
            }
            (None | Some(true), None | Some(true)) => {
                found.insert_all(self.by_time()?.between(low, high));
            }
            _ => self.wherever(found, |text| between(&Value::from(text), lower, upper))?,
        }
        Ok(())
    }

    /// The first ordinal at a string or after it, or only after it.
    fn first(&self, text: &str, past_equal: bool) -> std::io::Result<usize> {
        let terms = self.column.num_terms();
        if terms == 0 {
            return Ok(0);
        }
        Ok(match self.column.dictionary().term_ord_or_next(text)? {
            TermOrdHit::Exact(ord) => ord as usize + usize::from(past_equal),
            TermOrdHit::Next(ord) => (ord as usize).min(terms),
        })
    }

    /// Adds the rows of every wanted string: a pass over the dictionary.
    fn wherever(&self, found: &mut RowSet, wanted: impl Fn(&str) -> bool) -> std::io::Result<()> {
        self.each_string(|ordinal, text| {
            if wanted(text) {
                found.insert_all(self.rows.of(ordinal..ordinal + 1));
            }
        })
    }

    fn each_string(&self, mut visit: impl FnMut(usize, &str)) -> std::io::Result<()> {
        let mut terms = self.column.dictionary().stream()?;
        while terms.advance() {
            let text = std::str::from_utf8(terms.key()).map_err(std::io::Error::other)?;
            visit(terms.term_ord() as usize, text);
        }
        Ok(())
    }

    fn by_time(&self) -> std::io::Result<&Sorted<Timestamp>> {
        if let Some(known) = self.by_time.get() {
            return Ok(known);
        }
        let mut dates = Vec::new();
        self.each_string(|ordinal, text| {
            if let Some(moment) = Timestamp::parse(text) {
                dates.push((moment, ordinal));
            }
        })?;
        dates.sort_unstable();
        let rows = |(moment, ordinal): (Timestamp, usize)| {
            self.rows.of(ordinal..ordinal + 1).iter().map(move |&row| (moment, row))
        };
        let made = Sorted::new(dates.into_iter().flat_map(rows).collect());
        // Two threads may both sort it: no lock is held over a sort.
        Ok(self.by_time.get_or_init(|| made))
    }
}

impl Sorted<Timestamp> {
    fn between(&self, low: Bound<&str>, high: Bound<&str>) -> &[u32] {
        let (low, high) = (low.map(Timestamp::parse), high.map(Timestamp::parse));
        let before = |m: &Timestamp| match low {
            Bound::Unbounded => false,
            Bound::Included(low) => Some(*m) < low,
            Bound::Excluded(low) => Some(*m) <= low,
        };
        let inside = |m: &Timestamp| match high {
            Bound::Unbounded => true,
            Bound::Included(high) => Some(*m) <= high,
            Bound::Excluded(high) => Some(*m) < high,
        };
        self.within(before, inside)
    }
}

/// True if a bound is compared as a date; `None` if there is no bound.
fn is_moment(bound: Bound<&str>) -> Option<bool> {
    match bound {
        Bound::Unbounded => None,
        Bound::Included(text) | Bound::Excluded(text) => Some(Timestamp::parse(text).is_some()),
    }
}

/// A bound of strings; `None` for a bound of another kind, which no string fits.
fn text_bound(bound: &Bound<Scalar>) -> Option<Bound<&str>> {
    Some(match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(Scalar::Str(text)) => Bound::Included(text),
        Bound::Excluded(Scalar::Str(text)) => Bound::Excluded(text),
        _ => return None,
    })
}
