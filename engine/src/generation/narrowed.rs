//! A generation of the rows alone that a filter admits: these rows and their statistics, counted once for each segment.

use std::sync::Arc;

use lexivec_query::filter::Filter;
use parking_lot::Mutex;

use super::{Generation, LiveSegment};
use crate::deadline::Deadline;
use crate::error::Result;
use crate::rows::RowSet;
use crate::schema::Schema;
use crate::text::SegmentStatistics;

/// Most bytes of sets of rows that one segment keeps: those of 67 filters at a million rows.
const MAX_CACHED_BYTES: usize = 16 << 20;
/// Most filters whose rows one segment keeps: they are compared one by one.
const MAX_CACHED_FILTERS: usize = 1_024;

/// The rows of a segment that filters admit, last used first. The states of a segment in several generations share it.
#[derive(Default)]
pub(crate) struct AdmittedRows(Mutex<Vec<Arc<Admitted>>>);

struct Admitted {
    filter: Filter,
    /// The live rows of which these are a part; of others nothing is known.
    of: Arc<RowSet>,
    rows: Arc<RowSet>,
    text: SegmentStatistics,
}

impl Generation {
    /// The generation as if it had the rows alone that a filter admits.
    pub(crate) fn narrowed(
        &self,
        schema: &Schema,
        filter: &Filter,
        time: Deadline,
    ) -> Result<Self> {
        filter.check()?;
        let mut segments = Vec::with_capacity(self.segments.len());
        for live in &self.segments {
            time.check()?;
            let admitted = live.admitted(schema, filter)?;
            if admitted.rows.count() > 0 {
                let (alive, text) = (admitted.rows.clone(), admitted.text.clone());
                segments.push(LiveSegment { alive, text, ..live.clone() });
            }
        }
        Ok(Self::of(self.number, self.seq, schema, segments))
    }
}

impl LiveSegment {
    fn admitted(&self, schema: &Schema, filter: &Filter) -> Result<Arc<Admitted>> {
        let is_known =
            |known: &Arc<Admitted>| Arc::ptr_eq(&known.of, &self.alive) && known.filter == *filter;
        if let Some(known) = self.admitted.first(is_known) {
            return Ok(known);
        }
        let rows = self.matching(schema, filter)?;
        let text = self.segment.text().statistics(&rows)?;
        let (filter, of) = (filter.clone(), self.alive.clone());
        let new = Arc::new(Admitted { filter, of, rows, text });
        // A bit for each row, of those that are admitted and of the live ones.
        let most = MAX_CACHED_BYTES / (self.segment.rows as usize / 4).max(1);
        self.admitted.add(new.clone(), most.clamp(1, MAX_CACHED_FILTERS));
        Ok(new)
    }
}

impl AdmittedRows {
    fn first(&self, is_known: impl Fn(&Arc<Admitted>) -> bool) -> Option<Arc<Admitted>> {
        let mut known = self.0.lock();
        let index = known.iter().position(is_known)?;
        known.get_mut(..=index)?.rotate_right(1);
        known.first().cloned()
    }

    /// Adds rows in place of those of the same filter in another state of the segment.
    fn add(&self, new: Arc<Admitted>, most: usize) {
        let mut known = self.0.lock();
        known.retain(|old| old.filter != new.filter);
        known.insert(0, new);
        known.truncate(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_tenant(tenant: usize, of: &Arc<RowSet>) -> Arc<Admitted> {
        let filter = Filter::parse(&format!("tenant = {tenant}")).expect("a filter");
        let text = SegmentStatistics { live: 0, tokens: Vec::new() };
        Arc::new(Admitted { filter, of: of.clone(), rows: of.clone(), text })
    }

    #[test]
    fn rows_that_were_not_used_for_longest_make_room() {
        let (cache, rows) = (AdmittedRows::default(), Arc::new(RowSet::full(3)));
        (0..3).for_each(|tenant| cache.add(of_tenant(tenant, &rows), 3));
        let has = |tenant| {
            let wanted = of_tenant(tenant, &rows).filter.clone();
            cache.first(|known| known.filter == wanted).is_some()
        };
        assert!(has(0));
        cache.add(of_tenant(3, &rows), 3);
        assert_eq!([0, 1, 2, 3].map(has), [true, false, true, true]);
        // Another state of the segment has other rows.
        let later = Arc::new(RowSet::full(2));
        cache.add(of_tenant(3, &later), 3);
        let of_rows = |known: &Arc<Admitted>| Arc::ptr_eq(&known.of, &later);
        assert!(cache.first(of_rows).is_some() && cache.0.lock().len() == 3);
    }
}
