//! What a path's columns have, in the order of their values: so a filter is a search for its bounds and
//! a slice of rows, and not a pass over all rows.
//!
//! It is made when a filter asks for the path, and kept for the next one: four bytes a
//! value and one bit a row, twelve bytes more a distinct number and four a distinct string, and once a
//! filter compares strings in time, four bytes a date and twenty a distinct one.

use std::ops::{Bound, Range};
use std::sync::OnceLock;

use lexivec_query::filter::{Scalar, between};
use lexivec_query::instant::Instant;
use serde_json::Value;
use tantivy::columnar::{Column, DynamicColumn, StrColumn, TermOrdHit};

use crate::segment::RowSet;

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
    /// Sorts columns of so many rows; `None` if one is not as we write them.
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
                    // Every string of a column of ours is that of a row.
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

    /// Bytes of memory it takes, those of comparisons in time included, whether they were made or not.
    pub(super) fn bytes(&self) -> usize {
        let rows = |grouped: &Grouped| (grouped.rows.len() + grouped.starts.len()) * 4;
        let kinds = self.kinds.iter().map(|kind| match kind {
            Kind::Bools(bools) => rows(bools),
            Kind::Numbers(numbers) => rows(&numbers.rows) + numbers.values.len() * 8,
            Kind::Strings(strings) => {
                2 * rows(&strings.rows) + strings.column.num_terms() * size_of::<Instant>()
            }
        });
        kinds.sum::<usize>() + self.present.rows() as usize / 8
    }
}

impl Kind {
    /// Tells each value, and how many of the wanted rows have it.
    pub(super) fn count_values(
        &self,
        wanted: &RowSet,
        tell: &mut dyn FnMut(Value, u64),
    ) -> std::io::Result<()> {
        match self {
            Self::Bools(rows) => {
                tell(Value::from(false), rows.count(0, wanted));
                tell(Value::from(true), rows.count(1, wanted));
            }
            Self::Numbers(numbers) => {
                for (group, value) in numbers.values.iter().enumerate() {
                    tell(Value::from(*value), numbers.rows.count(group, wanted));
                }
            }
            Self::Strings(strings) => strings.each_string(|group, text| {
                let count = strings.rows.count(group, wanted);
                if count > 0 {
                    tell(Value::from(text), count);
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

/// Rows in the order of the groups they are in. A row with several values may be there repeatedly.
pub(super) struct Grouped {
    /// Where each group begins, and the last one ends.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Grouped {
    /// Sorts rows by their groups, which are numbered, by counting; groups beyond `groups` do not exist
    /// in a column of ours.
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

    /// How many of the wanted rows are in a group.
    fn count(&self, group: usize, wanted: &RowSet) -> u64 {
        let mut last = None;
        let rows = self.of(group..group + 1).iter().filter(|&&row| {
            // A row that has a value repeatedly lies beside itself.
            let again = last == Some(row);
            last = Some(row);
            !again && wanted.contains(row)
        });
        rows.count() as u64
    }

    /// The rows of some groups; of groups that do not exist, none.
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
    /// The distinct ones, ascending.
    values: Vec<T>,
    rows: Grouped,
}

impl<T: PartialEq + Copy> Sorted<T> {
    /// Takes values in their order, each with its row.
    fn new(pairs: Vec<(T, u32)>) -> Self {
        let (mut values, mut starts) = (Vec::new(), Vec::new());
        for (place, (value, _)) in pairs.iter().enumerate() {
            if values.last() != Some(value) {
                values.push(*value);
                starts.push(place as u32);
            }
        }
        starts.push(pairs.len() as u32);
        values.shrink_to_fit();
        starts.shrink_to_fit();
        Self { values, rows: Grouped { starts, rows: pairs.into_iter().map(|p| p.1).collect() } }
    }

    /// Rows whose values are not before the one edge, and before the other.
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
    /// The groups are the places of strings in the dictionary.
    rows: Grouped,
    /// By the moments that strings tell.
    by_time: OnceLock<Sorted<Instant>>,
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

    /// The first place in the dictionary at a string or after it, or only after it.
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

    /// Adds the rows of every string that is wanted: a pass over the dictionary.
    fn wherever(&self, found: &mut RowSet, wanted: impl Fn(&str) -> bool) -> std::io::Result<()> {
        self.each_string(|place, text| {
            if wanted(text) {
                found.insert_all(self.rows.of(place..place + 1));
            }
        })
    }

    fn each_string(&self, mut visit: impl FnMut(usize, &str)) -> std::io::Result<()> {
        let mut terms = self.column.dictionary().stream()?;
        while terms.advance() {
            if let Ok(text) = std::str::from_utf8(terms.key()) {
                visit(terms.term_ord() as usize, text);
            }
        }
        Ok(())
    }

    fn by_time(&self) -> std::io::Result<&Sorted<Instant>> {
        if let Some(known) = self.by_time.get() {
            return Ok(known);
        }
        let mut dates = Vec::new();
        self.each_string(|place, text| {
            if let Some(moment) = Instant::parse(text) {
                dates.push((moment, place));
            }
        })?;
        dates.sort_unstable();
        let rows = |(moment, place): (Instant, usize)| {
            self.rows.of(place..place + 1).iter().map(move |&row| (moment, row))
        };
        let made = Sorted::new(dates.into_iter().flat_map(rows).collect());
        // Made twice if two ask at once: no lock is held over a sort.
        Ok(self.by_time.get_or_init(|| made))
    }
}

impl Sorted<Instant> {
    fn between(&self, low: Bound<&str>, high: Bound<&str>) -> &[u32] {
        let (low, high) = (low.map(Instant::parse), high.map(Instant::parse));
        let before = |m: &Instant| match low {
            Bound::Unbounded => false,
            Bound::Included(low) => Some(*m) < low,
            Bound::Excluded(low) => Some(*m) <= low,
        };
        let inside = |m: &Instant| match high {
            Bound::Unbounded => true,
            Bound::Included(high) => Some(*m) <= high,
            Bound::Excluded(high) => Some(*m) < high,
        };
        self.within(before, inside)
    }
}

/// Whether a bound is compared in time; `None` where there is no bound.
fn is_moment(bound: Bound<&str>) -> Option<bool> {
    match bound {
        Bound::Unbounded => None,
        Bound::Included(text) | Bound::Excluded(text) => Some(Instant::parse(text).is_some()),
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
