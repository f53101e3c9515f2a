//! The order of ids in which whole numbers come first, by value, and then the other ids, by their bytes.

use crate::error::Result;
use crate::rows::RowSet;

use super::StoredDocuments;

/// An id in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NumberedId<'a> {
    /// A whole number as it is usually written.
    Number(u64),
    /// Any other id.
    Text(&'a str),
}

impl<'a> NumberedId<'a> {
    pub(crate) fn of(id: &'a str) -> Self {
        let usual = id == "0" || !id.starts_with('0');
        match id.parse() {
            Ok(number) if usual && id.bytes().all(|b| b.is_ascii_digit()) => Self::Number(number),
            _ => Self::Text(id),
        }
    }
}

impl StoredDocuments {
    /// Up to `most` rows of `wanted` in the order of their ids, from an id on.
    pub(crate) fn numbered_from(
        &self,
        from: Option<NumberedId<'_>>,
        most: usize,
        wanted: &RowSet,
    ) -> Result<Vec<(NumberedId<'_>, u32)>> {
        let mut found = Vec::new();
        let numbers = self.numbers()?;
        let first = match from {
            None => 0,
            Some(NumberedId::Number(from)) => numbers.partition_point(|&(n, _)| n < from),
            Some(NumberedId::Text(_)) => numbers.len(),
        };
        let numbers_left = numbers.get(first..).unwrap_or_default().iter();
        for &(number, row) in numbers_left.filter(|(_, row)| wanted.contains(*row)).take(most) {
            found.push((NumberedId::Number(number), row));
        }
        if numbers.len() == self.rows() as usize {
            return Ok(found);
        }
        let first = match from {
            Some(NumberedId::Text(from)) => self.rank_from(from)?,
            _ => 0,
        };
        for rank in first..self.rows() {
            if found.len() >= most {
                break;
            }
            if let Some(row) = self.row_at(rank)?.filter(|&row| wanted.contains(row))
                && let id @ NumberedId::Text(_) = NumberedId::of(self.id(row)?)
            {
                found.push((id, row));
            }
        }
        Ok(found)
    }

    /// The rows whose ids are whole numbers, by value. The first call reads all ids of the segment.
    fn numbers(&self) -> Result<&[(u64, u32)]> {
        if let Some(known) = self.numbers.get() {
            return Ok(known);
        }
        let mut numbers = Vec::new();
        for row in 0..self.rows() {
            if let NumberedId::Number(number) = NumberedId::of(self.id(row)?) {
                numbers.push((number, row));
            }
        }
        numbers.sort_unstable();
        Ok(self.numbers.get_or_init(|| numbers.into_boxed_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_first_by_value() {
        let mut ids =
            ["b", "10", "9", "007", "18446744073709551616", "0", "18446744073709551615", "+1"];
        ids.sort_by_key(|id| NumberedId::of(id));
        let expected =
            ["0", "9", "10", "18446744073709551615", "+1", "007", "18446744073709551616", "b"];
        assert_eq!(ids, expected);
    }
}
