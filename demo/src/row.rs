//! Records as rows of a table: a cell for each member, nested members as JSON text.

use std::borrow::Cow;

use serde::Serialize;

use crate::error::Result;
use crate::id::Id;
use crate::moment::Moment;

/// A cell; `None` is a cell without a value.
pub(crate) enum Cell<'a> {
    Text(Option<Cow<'a, str>>),
    Whole(Option<i64>),
    Decimal(f64),
    Truth(bool),
}

/// A record that has columns.
pub(crate) trait Row: Serialize {
    /// Gives the name and the cell of each column, in the order of the record's members. Every record of a kind has
    /// the same columns, with cells of the same kinds.
    fn cells<'a>(&'a self, give: &mut dyn FnMut(&'static str, Cell<'a>)) -> Result<()>;
}

/// A member of a record.
pub(crate) trait Member {
    fn cell(&self) -> Result<Cell<'_>>;
}

/// Implements [`Row`] by the members of a record.
macro_rules! row {
    ($record:ty: $($member:ident),+ $(,)?) => {
        impl $crate::row::Row for $record {
            fn cells<'a>(
                &'a self,
                give: &mut dyn FnMut(&'static str, $crate::row::Cell<'a>),
            ) -> $crate::error::Result<()> {
                $(give(stringify!($member), $crate::row::Member::cell(&self.$member)?);)+
                Ok(())
            }
        }
    };
}
pub(crate) use row;

/// Implements [`Member`] for nested records.
macro_rules! nested {
    ($($record:ty),+) => {
        $(impl $crate::row::Member for $record {
            fn cell(&self) -> $crate::error::Result<$crate::row::Cell<'_>> {
                $crate::row::json(self)
            }
        })+
    };
}
pub(crate) use nested;

/// The cell of a nested member.
pub(crate) fn json(value: &impl Serialize) -> Result<Cell<'static>> {
    Ok(Cell::Text(Some(Cow::Owned(serde_json::to_string(value)?))))
}

impl<T: Serialize> Member for Vec<T> {
    fn cell(&self) -> Result<Cell<'_>> {
        json(self)
    }
}

impl Member for &str {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(Cell::Text(Some(Cow::Borrowed(self))))
    }
}

impl Member for String {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(Cell::Text(Some(Cow::Borrowed(self))))
    }
}

impl Member for Option<String> {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(Cell::Text(self.as_deref().map(Cow::Borrowed)))
    }
}

impl Member for Id {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(Cell::Text(Some(Cow::Owned(self.to_string()))))
    }
}

impl Member for Moment {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(Cell::Text(Some(Cow::Owned(self.to_string()))))
    }
}

impl Member for Option<Moment> {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(Cell::Text(self.map(|moment| Cow::Owned(moment.to_string()))))
    }
}

impl Member for u32 {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(Cell::Whole(Some(i64::from(*self))))
    }
}

impl Member for Option<u32> {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(Cell::Whole(self.map(i64::from)))
    }
}

impl Member for f64 {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(Cell::Decimal(*self))
    }
}

impl Member for bool {
    fn cell(&self) -> Result<Cell<'_>> {
        Ok(Cell::Truth(*self))
    }
}
