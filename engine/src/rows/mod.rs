//! Rows of a segment by their numbers: sets of them, and the best of them. A leaf that all parts of a
//! segment share.

mod set;
mod top;

pub(crate) use set::RowSet;
pub(crate) use top::TopRows;
