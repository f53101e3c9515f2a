//! The interface of a leg: its hits for requests, and the rank of one row in it.

use std::sync::Arc;

use lexivec_query::bind::BoundLeg;
use lexivec_query::plan::SegmentPlan;
use lexivec_query::request::SearchRequest;

use super::Searcher;
use super::prepare::Prepared;
use crate::error::Result;
use crate::generation::DocAddress;
use crate::rows::RowSet;
use crate::text::TextQuery;
use crate::trace::SearchStage;

/// The hits of one leg for one request: the best rows of its window, best first.
#[derive(Default)]
pub(super) struct LegFound {
    pub(super) hits: Vec<(DocAddress, f64)>,
    /// The plan of each segment, of a leg that has a choice of ways.
    pub(super) plans: Vec<SegmentPlan>,
    /// The analyzed words, of a leg that scores terms.
    pub(super) query: Option<TextQuery>,
}

/// One row whose way through a request is traced.
pub(super) struct RowTrace<'a> {
    pub(super) searcher: &'a Searcher,
    pub(super) prepared: &'a Prepared<'a>,
    pub(super) address: DocAddress,
    /// Live rows the filter admits, per segment.
    pub(super) matching: &'a [Arc<RowSet>],
}

/// One way to find rows. A kind of leg is one implementation, in its own module, and one line of
/// [`leg_table::of`](super::leg_table::of).
pub(super) trait LegSearch: Sync {
    /// The stage of a search in which it runs.
    fn stage(&self) -> SearchStage;

    /// The hits for each of some requests that are alike ([`Prepared::is_like`]); `None` for those that do not run
    /// this leg.
    fn search(
        &self,
        searcher: &Searcher,
        task: &[Prepared<'_>],
        matching: &[Arc<RowSet>],
    ) -> Result<Vec<Option<LegFound>>>;

    /// The scores of rows that other legs brought; rows that the leg does not match are left out. `found` is what the
    /// leg found for the request.
    fn complete(
        &self,
        searcher: &Searcher,
        prepared: &Prepared<'_>,
        found: &LegFound,
        rows: &[Arc<RowSet>],
    ) -> Result<Vec<(DocAddress, f64)>>;

    /// True if two requests that differ only in settings have the same list of this leg, apart from its length.
    fn same_list(&self, one: &SearchRequest, other: &SearchRequest) -> bool;

    /// The exact rank of a row among all rows the leg matches, from 1, and its score; `None` if the leg does not
    /// match it.
    fn locate(&self, trace: &RowTrace<'_>, leg: &BoundLeg) -> Result<Option<(usize, f64)>>;

    /// The reason why the leg does not match a row that [`locate`](Self::locate) did not find.
    fn absent(&self, trace: &RowTrace<'_>, leg: &BoundLeg) -> String;
}
