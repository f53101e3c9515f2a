//! The floor of a leg's scores, calibrated by queries without an answer.

use lexivec_eval::statistics::percentile;
use lexivec_query::Hit;
use lexivec_query::request::{ConfidenceFloor, Leg, Mode, SearchRequest};

use super::Searcher;
use crate::error::{Error, Result};

impl Searcher {
    /// The floor that `share` of these queries stay below, which are to have no answer in the collection:
    /// the quantile of the best scores that a leg finds for them. So about (1 - share) of such queries
    /// pass for answered, whatever the rows; how many answered ones do not is not known from these.
    /// A query for which BM25 finds nothing counts as 0.
    ///
    /// # Errors
    /// When a query is refused, none has a hit, or the share is not from 0 to 1.
    pub fn calibrate_floor(
        &self,
        unanswered: &[SearchRequest],
        leg: Leg,
        share: f64,
    ) -> Result<ConfidenceFloor> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::invalid("share", "a number from 0 to 1 is expected"));
        }
        let mode = if leg == Leg::Text { Mode::Text } else { Mode::Vector };
        // As the profile of each has the leg, and that alone.
        let alone = |request: &SearchRequest| -> Result<SearchRequest> {
            let mut alone = self.resolve(request)?.ranking_only().mode(mode).limit(1);
            alone.profile = None;
            Ok(alone)
        };
        let requests = unanswered.iter().map(alone).collect::<Result<Vec<_>>>()?;
        let answers = self.search_many(&requests)?;
        let none = (leg == Leg::Text).then_some(0.0);
        // A floor is compared with what the leg itself gives.
        let raw = |hit: &Hit| hit.ledger.contributions.first().map(|part| part.score);
        let best = answers.iter().filter_map(|a| a.hits.first().and_then(raw).or(none));
        let best: Vec<f64> = best.collect();
        if best.is_empty() {
            return Err(Error::invalid("floor", "no query has a hit whose score could be taken"));
        }
        Ok(ConfidenceFloor { leg, score: percentile(&best, share * 100.0) })
    }
}
