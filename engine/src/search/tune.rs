//! Tuning: the legs of judged queries are run once, their lists fused under every setting.

use std::sync::Arc;

use lexivec_eval::JudgedQuery;
use lexivec_eval::metric::Metric;
use lexivec_eval::tune::{
    CrossValidation, DEFAULT_FOLDS, MAX_TRIED_CANDIDATES, cross_validate, grid,
};
use lexivec_query::bind::bind;
use lexivec_query::catalog::Catalog;
use lexivec_query::fusion::{LegHits, fuse};
use lexivec_query::profile::Profile;
use lexivec_query::request::{Bm25, Leg, Params, SearchRequest};
use lexivec_query::rerank::RerankMethod;
use rayon::prelude::*;
use serde::Serialize;

use super::prepare::Prepared;
use super::{Searcher, merge, text};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::generation::DocAddress;
use crate::limits::MAX_TUNE_QUERIES;
use crate::rows::RowSet;

/// How [`Collection::tune`](crate::Collection::tune) chooses.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TuneOptions {
    /// What is to be as high as it can be.
    pub metric: Metric,
    /// Parts the queries are split into.
    pub folds: usize,
    /// What the split and the tests depend on.
    pub seed: u64,
}

impl Default for TuneOptions {
    fn default() -> Self {
        Self { metric: Metric::default(), folds: DEFAULT_FOLDS, seed: 1 }
    }
}

/// What tuning found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TuneReport {
    /// The metric, as ndcg@10.
    pub metric: String,
    /// Judged queries that have a relevant document.
    pub queries: usize,
    /// Settings that were tried.
    pub settings: usize,
    /// What the split depended on.
    pub seed: u64,
    /// What choosing is worth on queries that had no part in it.
    #[serde(flatten)]
    pub validation: CrossValidation,
    /// The setting that all queries choose; the default is one that sets nothing.
    pub profile: Profile,
    /// The settings chosen for each part.
    pub fold_profiles: Vec<Profile>,
}

impl Searcher {
    /// Chooses settings of a search by judged queries and cross-validation, and measures the choice on queries that
    /// had no part in it. Nothing is saved: [`set_profile`](crate::Collection::set_profile) does that.
    ///
    /// # Errors
    /// When a query is refused, they do not all run the same legs, or too few are judged.
    pub fn tune(&self, queries: &[JudgedQuery], options: &TuneOptions) -> Result<TuneReport> {
        if queries.len() > MAX_TUNE_QUERIES {
            let detail = format!("{} are over the limit of {MAX_TUNE_QUERIES}", queries.len());
            return Err(Error::invalid("queries", detail));
        }
        let judged: Vec<(usize, &JudgedQuery)> = (queries.iter().enumerate())
            .filter(|(_, query)| query.judgments.values().any(|&grade| grade > 0))
            .collect();
        let catalog = self.schema.catalog();
        let mut legs: Option<Vec<Leg>> = None;
        for (place, query) in &judged {
            let bound = bind(&query.request, &catalog).map_err(Error::from);
            let bound = bound.map_err(|e| e.of_query(*place))?;
            let own: Vec<Leg> = bound.legs.iter().map(|leg| leg.kind).collect();
            let first = legs.get_or_insert_with(|| own.clone());
            if *first != own {
                let detail = format!("it runs the legs {own:?}, the first one {first:?}");
                return Err(Error::invalid(format!("queries[{place}]"), detail));
            }
        }
        let settings = grid(&legs.unwrap_or_default(), self.reranker.is_some());
        let trial = Trial { searcher: self, catalog, settings: &settings, metric: options.metric };
        let scores: Vec<Vec<f64>> = judged
            .par_iter()
            .map(|(place, query)| trial.scores(query).map_err(|e| e.of_query(*place)))
            .collect::<Result<_>>()?;
        let validation = cross_validate(&scores, 0, options.folds, options.seed)?;
        let setting = |place: usize| settings.get(place).cloned().unwrap_or_default();
        Ok(TuneReport {
            metric: options.metric.to_string(),
            queries: judged.len(),
            settings: settings.len(),
            seed: options.seed,
            profile: setting(validation.chosen),
            fold_profiles: validation.folds.iter().map(|fold| setting(fold.chosen)).collect(),
            validation,
        })
    }
}

/// What all queries are tried with.
struct Trial<'a> {
    searcher: &'a Searcher,
    catalog: Catalog,
    settings: &'a [Profile],
    metric: Metric,
}

/// A list of the text leg, by the constants it was made with.
type TextList = (Option<Bm25>, Vec<(DocAddress, f64)>);

impl Trial<'_> {
    /// The metric of a query under each setting.
    fn scores(&self, query: &JudgedQuery) -> Result<Vec<f64>> {
        let depth = self.metric.depth();
        // Settings are those that are tried.
        let mut plain = query.request.ranking_only().limit(depth);
        plain.profile = None;
        let widest = MAX_TRIED_CANDIDATES.max(depth);
        let mut wide = plain.clone().limit(widest);
        // Of exact lists a shorter one is the beginning of a longer one; and settings are compared, not walks.
        wide.params = Params { exact: true, ..Params::default() };
        let generation = &*self.searcher.generation;
        let prepared = self.searcher.prepare(&wide, Deadline::NEVER)?;
        let wanted = self.searcher.matching(&wide.filter, Deadline::NEVER)?;
        let vector_list = match prepared.vector_leg() {
            Some((leg, vector)) => {
                let found = self.searcher.vector_leg(
                    leg,
                    &[vector],
                    (&wide.params, Deadline::NEVER),
                    &wanted,
                )?;
                found.into_iter().next().unwrap_or_default().hits
            }
            None => Vec::new(),
        };
        let mut text_lists: Vec<TextList> = Vec::new();
        let mut scores = Vec::with_capacity(self.settings.len());
        for setting in self.settings {
            let mut request = plain.clone();
            setting.apply(&mut request);
            let mut legs = Vec::new();
            let bound = bind(&request, &self.catalog)?;
            for leg in &bound.legs {
                let list = match leg.kind {
                    Leg::Vector => &vector_list,
                    Leg::Text => self.text_list(&mut text_lists, &request, widest, &wanted)?,
                };
                // A leg's list is the beginning of any longer one.
                let hits = list.iter().take(leg.window).copied().collect();
                legs.push(LegHits { leg: leg.kind, weight: leg.weight, hits });
            }
            let fused = fuse(&legs, &request.fusion, |a, b| merge::by_id(generation, *a, *b));
            let vector = prepared.vector.clone();
            let tried = Prepared::new(&request, bound, vector, Deadline::NEVER);
            let (list, rerank) = self.searcher.rerank(&tried, fused)?;
            // A search would say so and go on; figures of another order than the setting's would not.
            let by_model = request.rerank.as_ref().is_some_and(|r| r.method == RerankMethod::Model);
            if let Some(reason) = rerank.and_then(|rerank| rerank.reason).filter(|_| by_model) {
                return Err(Error::invalid("rerank", reason));
            }
            let ids = list.iter().take(depth).map(|row| self.id(row.fused.key));
            let ids = ids.collect::<Result<Vec<&str>>>()?;
            scores.push(self.metric.of(&ids, &query.judgments));
        }
        Ok(scores)
    }

    fn text_list<'l>(
        &self,
        lists: &'l mut Vec<TextList>,
        request: &SearchRequest,
        window: usize,
        wanted: &[Arc<RowSet>],
    ) -> Result<&'l Vec<(DocAddress, f64)>> {
        let place = match lists.iter().position(|(bm25, _)| *bm25 == request.bm25) {
            Some(place) => place,
            None => {
                let generation = &*self.searcher.generation;
                let query = text::query(generation, &self.searcher.schema, request)?;
                let hits = text::search(generation, &query, wanted, window, Deadline::NEVER)?;
                lists.push((request.bm25, hits));
                lists.len() - 1
            }
        };
        lists.get(place).map(|(_, hits)| hits).ok_or_else(|| Error::invalid("text", "no list"))
    }

    fn id(&self, address: DocAddress) -> Result<&str> {
        self.searcher.generation.segment(address.segment)?.id(address.row)
    }
}
