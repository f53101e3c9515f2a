//! Facets and groups: counts of the values of a payload field, and hits grouped by them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::error::{Error, Result, within};
use crate::limits::{
    DEFAULT_FACET_LIMIT, DEFAULT_GROUP_SIZE, MAX_FACET_LIMIT, MAX_PATH_BYTES, MAX_WINDOW,
};
use crate::value::{compare, scalars_at};

/// Gathers hits by the values at a payload path. A row with several values there is in the group of each;
/// a row without any is in none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupBy {
    /// Dotted path.
    pub field: String,
    /// Most hits of a group.
    #[serde(default = "group_size")]
    pub size: usize,
    /// Groups wanted; the request's limit if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

fn group_size() -> usize {
    DEFAULT_GROUP_SIZE
}

impl GroupBy {
    /// Groups of up to `size` hits, by the values at a path.
    pub fn new(field: impl Into<String>, size: usize) -> Self {
        Self { field: field.into(), size, limit: None }
    }

    /// Number of rows that fill all groups, at most [`MAX_WINDOW`].
    pub(crate) fn rows(&self, limit: usize) -> usize {
        self.size.saturating_mul(self.limit.unwrap_or(limit))
    }

    pub(crate) fn check(&self, limit: usize, offset: usize) -> Result<()> {
        check_path("group_by.field", &self.field)?;
        if self.size == 0 {
            return Err(Error::invalid("group_by.size", "a number above 0 is expected"));
        }
        if offset > 0 {
            return Err(Error::invalid("offset", "groups have no pages; leave it out"));
        }
        within("group_by.size x group_by.limit", self.rows(limit), MAX_WINDOW)
    }
}

/// Counts the values at a payload path, over all rows that the filter admits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facet {
    /// Dotted path.
    pub field: String,
    /// Values wanted, those of most rows.
    #[serde(default = "facet_limit")]
    pub limit: usize,
}

fn facet_limit() -> usize {
    DEFAULT_FACET_LIMIT
}

impl Facet {
    /// The `limit` most frequent values at a path.
    pub fn new(field: impl Into<String>, limit: usize) -> Self {
        Self { field: field.into(), limit }
    }

    /// Checks the path, and the number against its limit.
    pub fn check(&self) -> Result<()> {
        check_path("facets.field", &self.field)?;
        within("facets.limit", self.limit, MAX_FACET_LIMIT)
    }
}

fn check_path(at: &str, path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(Error::invalid(at, "a payload path is expected"));
    }
    within(&format!("bytes of {at}"), path.len(), MAX_PATH_BYTES)
}

/// A scalar of a payload as a key. Values that a filter takes for equal are one key, shown as an integer
/// where it is whole: 1 and 1.0 are the key 1, "1" is another. Keys are ordered: false, true, numbers,
/// strings by their bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(Value);

impl Key {
    /// The key of a scalar.
    pub fn of(value: &Value) -> Self {
        let integer = value.as_number().filter(|n| n.is_f64()).and_then(integer_of);
        Self(integer.map_or_else(|| value.clone(), Value::Number))
    }

    /// The keys at a dotted path, each once, in their order.
    pub fn all_at(payload: &Value, path: &str) -> Vec<Self> {
        let mut keys: Vec<Self> = scalars_at(payload, path).into_iter().map(Self::of).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The scalar.
    pub fn value(&self) -> &Value {
        &self.0
    }

    fn kind(&self) -> u8 {
        match self.0 {
            Value::Bool(_) => 0,
            Value::Number(_) => 1,
            _ => 2,
        }
    }
}

/// The integer that a float is, if it is one of 64 bits.
fn integer_of(float: &Number) -> Option<Number> {
    // The first floats beyond i64 and u64.
    const I64_END: f64 = 9_223_372_036_854_775_808.0;
    const U64_END: f64 = 18_446_744_073_709_551_616.0;
    let float = float.as_f64().filter(|f| f.fract() == 0.0)?;
    match float {
        f if (-I64_END..I64_END).contains(&f) => Some(Number::from(f as i64)),
        f if (I64_END..U64_END).contains(&f) => Some(Number::from(f as u64)),
        _ => None,
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        // Two of one kind can always be compared: no payload holds a NaN.
        let order = compare(&self.0, &other.0).unwrap_or(Ordering::Equal);
        self.kind().cmp(&other.kind()).then(order)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

/// The values of a field, with the rows that have each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetCounts {
    /// Dotted path.
    pub field: String,
    /// The values of most rows, highest count first, ties by value.
    pub values: Vec<FacetValue>,
    /// Distinct values there are, shown or not.
    pub distinct: usize,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetValue {
    /// The value.
    pub value: Key,
    /// Rows that have it.
    pub count: u64,
}

/// Counts rows by their values. Those of several shards are added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<FacetValue>", into = "Vec<FacetValue>")]
pub struct Tally(BTreeMap<Key, u64>);

impl From<Vec<FacetValue>> for Tally {
    fn from(values: Vec<FacetValue>) -> Self {
        let mut tally = Self::default();
        values.into_iter().for_each(|v| tally.add(v.value, v.count));
        tally
    }
}

impl From<Tally> for Vec<FacetValue> {
    fn from(tally: Tally) -> Self {
        tally.0.into_iter().map(|(value, count)| FacetValue { value, count }).collect()
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        other.0.into_iter().for_each(|(key, rows)| self.add(key, rows));
    }
}

impl Tally {
    /// Adds rows that have a value.
    pub fn add(&mut self, key: Key, rows: u64) {
        if rows > 0 {
            *self.0.entry(key).or_default() += rows;
        }
    }

    /// The values of most rows.
    pub fn into_counts(self, facet: &Facet) -> FacetCounts {
        let distinct = self.0.len();
        let pairs = self.0.into_iter().map(|(value, count)| FacetValue { value, count });
        let mut values: Vec<FacetValue> = pairs.collect();
        // Stable: values of one count stay in their order.
        values.sort_by_key(|v| std::cmp::Reverse(v.count));
        values.truncate(facet.limit);
        FacetCounts { field: facet.field.clone(), values, distinct }
    }
}

/// Groups as they are filled from a list of rows, best first.
pub struct GroupBuilder<T> {
    limit: usize,
    size: usize,
    indices: BTreeMap<Key, usize>,
    groups: Vec<(Key, Vec<T>)>,
    open: usize,
}

impl<T: Clone> GroupBuilder<T> {
    /// At most `limit` groups of at most `size` rows.
    pub fn new(limit: usize, size: usize) -> Self {
        Self { limit, size, indices: BTreeMap::new(), groups: Vec::new(), open: limit }
    }

    /// True if no further row can enter.
    pub fn are_full(&self) -> bool {
        self.open == 0
    }

    /// Puts the next best row into the groups of its keys.
    pub fn push(&mut self, keys: Vec<Key>, row: &T) {
        for key in keys {
            let index = match self.indices.get(&key) {
                Some(index) => *index,
                None if self.groups.len() == self.limit => continue,
                None => {
                    self.indices.insert(key.clone(), self.groups.len());
                    self.groups.push((key, Vec::new()));
                    self.groups.len() - 1
                }
            };
            if let Some((_, rows)) = self.groups.get_mut(index)
                && rows.len() < self.size
            {
                rows.push(row.clone());
                self.open -= usize::from(rows.len() == self.size);
            }
        }
    }

    /// The groups, that of the best row first; those of one best row by value.
    pub fn into_groups(self) -> Vec<(Key, Vec<T>)> {
        self.groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn keys(value: Value) -> Vec<Value> {
        Key::all_at(&json!({ "a": value }), "a").into_iter().map(|k| k.0).collect()
    }

    #[test]
    fn values_that_are_equal_are_one_key() {
        let text = |v: Value| Value::from(keys(v)).to_string();
        assert_eq!(text(json!([1.0, 1, "1", true, -0.0, 0])), r#"[true,0,1,"1"]"#);
        assert_eq!(text(json!([0.5, 1e300, 9.3e18])), "[0.5,9300000000000000000,1e+300]");
        // One beyond what a double holds is no other number.
        let big = 9_007_199_254_740_993_i64;
        assert_eq!(keys(json!([big, 9_007_199_254_740_992.0])).len(), 2);
        assert_eq!(keys(json!({"b": 1})), [json!(null); 0]);
        assert_eq!(
            keys(json!(["b", [null, "a"], "b", false])),
            [json!(false), json!("a"), json!("b")]
        );
    }

    #[test]
    fn numbers_and_paths_are_checked() {
        assert!(GroupBy::new("a", 100).check(100, 0).is_ok());
        for wrong in [GroupBy::new("", 1), GroupBy::new("a", 0), GroupBy::new("a", 101)] {
            assert!(wrong.check(100, 0).is_err(), "{wrong:?}");
        }
        assert!(GroupBy::new("a", 1).check(1, 1).is_err());
        assert!(GroupBy { limit: Some(usize::MAX), ..GroupBy::new("a", 2) }.check(1, 0).is_err());
        let long = "a".repeat(MAX_PATH_BYTES + 1);
        for wrong in [Facet::new("", 1), Facet::new(long, 1), Facet::new("a", MAX_FACET_LIMIT + 1)]
        {
            assert!(wrong.check().is_err());
        }
    }

    proptest! {
        #[test]
        fn groups_are_those_of_a_plain_pass(
            rows in prop::collection::vec(prop::collection::vec(0u8..6, 0..3), 0..40),
            limit in 0usize..5,
            size in 1usize..4,
        ) {
            let key_lists: Vec<_> = rows.iter().map(|r| Key::all_at(&json!({"a": r}), "a")).collect();
            let mut groups = GroupBuilder::new(limit, size);
            let mut full_at = None;
            for (row, keys) in key_lists.iter().enumerate() {
                if groups.are_full() && full_at.is_none() {
                    full_at = Some(row);
                }
                groups.push(keys.clone(), &row);
            }
            let mut met: Vec<Key> = Vec::new();
            key_lists.iter().flatten().for_each(|k| if !met.contains(k) { met.push(k.clone()) });
            met.truncate(limit);
            let of = |key: &Key| -> Vec<usize> {
                (0..rows.len()).filter(|r| key_lists[*r].contains(key)).take(size).collect()
            };
            let expected: Vec<_> = met.iter().map(|k| (k.clone(), of(k))).collect();
            if let Some(at) = full_at {
                prop_assert!(expected.iter().flat_map(|g| &g.1).all(|row| *row < at));
            }
            prop_assert_eq!(groups.into_groups(), expected);
        }
    }
}
