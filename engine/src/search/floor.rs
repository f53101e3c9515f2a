//! The floor of a leg's scores, calibrated by queries without an answer.

use lexivec_eval::statistics::percentile;
use lexivec_query::Hit;
use lexivec_query::request::{ConfidenceFloor, Leg, Mode, SearchRequest};

use super::Searcher;
use crate::error::{Error, Result};

impl Searcher {
    /// The confidence threshold that `share` of these queries stay below; they should have no answer in
    /// the collection. It is the quantile of their best scores in a leg, so about (1 - share) of such
    /// queries pass as answered. The share of answerable queries below it cannot be known from these. A
    /// query without a BM25 hit counts as 0.
    ///
    /// # Errors
    /// When a query is refused, no query has a hit, or the share is not from 0 to 1.
    pub fn calibrate_floor(
        &self,
        unanswered: &[SearchRequest],
        leg: Leg,
        share: f64,
    ) -> Result<ConfidenceFloor> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::invalid("share", "a number from 0 to 1 is expected"));
        }
        // Each query runs only the threshold's leg, with the settings of its profile.
        let alone = |request: &SearchRequest| -> Result<SearchRequest> {
            let mut alone = self.resolve(request)?.ranking_only().mode(Mode::from(leg)).limit(1);
            alone.profile = None;
            Ok(alone)
        };
        let requests = unanswered.iter().map(alone).collect::<Result<Vec<_>>>()?;
        let answers = self.search_many(&requests)?;
        let none = leg.score_without_match();
        // The threshold is compared with the leg's own score.
        let raw = |hit: &Hit| hit.ledger.contributions.first().map(|part| part.score);
        let best = answers.iter().filter_map(|a| a.hits.first().and_then(raw).or(none));
        let best: Vec<f64> = best.collect();
        if best.is_empty() {
            return Err(Error::invalid(
                "floor",
                "no query has a hit, so there is no score to take a quantile of",
            ));
        }
        Ok(ConfidenceFloor { leg, score: percentile(&best, share * 100.0) })
    }
}
