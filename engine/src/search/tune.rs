//! Tuning: the legs of judged queries run once, and their lists are fused under every setting.

use std::collections::HashMap;
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
use lexivec_query::request::{Leg, Params, SearchRequest};
use lexivec_query::rerank::RerankMethod;
use rayon::prelude::*;
use serde::Serialize;

use super::complete::of_others;
use super::leg::LegFound;
use super::merge::by_id;
use super::prepare::Prepared;
use super::{Searcher, leg_table};
use crate::error::{Error, Result};
use crate::generation::DocAddress;
use crate::limits::MAX_TUNE_QUERIES;
use crate::rows::RowSet;

/// Options of [`Searcher::tune`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TuneOptions {
    /// The metric that is maximized.
    pub metric: Metric,
    /// Number of folds of the queries.
    pub folds: usize,
    /// Seed of the split and of the tests.
    pub seed: u64,
}

impl Default for TuneOptions {
    fn default() -> Self {
        Self { metric: Metric::default(), folds: DEFAULT_FOLDS, seed: 1 }
    }
}

/// Report of a tuning.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TuneReport {
    /// The metric, as ndcg@10.
    pub metric: String,
    /// Judged queries that have a relevant document.
    pub queries: usize,
    /// Number of settings tried.
    pub settings: usize,
    /// Queries of which the beginning was searched for, as their texts are longer than what is used.
    #[serde(skip_serializing_if = "is_zero")]
    pub cut_queries: usize,
    /// Seed of the split.
    pub seed: u64,
    /// Gain of the choice on held-out queries.
    #[serde(flatten)]
    pub validation: CrossValidation,
    /// The setting chosen by all queries; the default one sets nothing.
    pub profile: Profile,
    /// The settings chosen for each fold.
    pub fold_profiles: Vec<Profile>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
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
        for (index, query) in &judged {
            let bound = bind(&query.request, &catalog).map_err(Error::from);
            let bound = bound.map_err(|e| e.of_query(*index))?;
            let own: Vec<Leg> = bound.legs.iter().map(|leg| leg.kind).collect();
            let first = legs.get_or_insert_with(|| own.clone());
            if *first != own {
                let detail = format!(
                    "this query runs the legs {own:?}, the first one runs {first:?}; tune them separately"
                );
                return Err(Error::invalid(format!("queries[{index}]"), detail));
            }
        }
        let settings =
            grid(&legs.unwrap_or_default(), self.reranker.is_some(), &self.schema.field_weights());
        let trial = Trial { searcher: self, catalog, settings: &settings, metric: options.metric };
        let scores: Vec<Vec<f64>> = judged
            .par_iter()
            .map(|(index, query)| trial.scores(query).map_err(|e| e.of_query(*index)))
            .collect::<Result<_>>()?;
        let validation = cross_validate(&scores, 0, options.folds, options.seed)?;
        let setting = |index: usize| settings.get(index).cloned().unwrap_or_default();
        Ok(TuneReport {
            metric: options.metric.to_string(),
            queries: judged.len(),
            settings: settings.len(),
            cut_queries: judged.iter().filter(|(_, q)| q.request.text_cut().is_some()).count(),
            seed: options.seed,
            profile: setting(validation.chosen),
            fold_profiles: validation.folds.iter().map(|fold| setting(fold.chosen)).collect(),
            validation,
        })
    }
}

/// State shared by all queries.
struct Trial<'a> {
    searcher: &'a Searcher,
    catalog: Catalog,
    settings: &'a [Profile],
    metric: Metric,
}

/// The list of a leg, with the request it was made for.
struct List {
    leg: Leg,
    request: SearchRequest,
    found: LegFound,
    /// The leg's scores of rows outside its list; `None` for rows that it does not match.
    completed: HashMap<DocAddress, Option<f64>>,
}

impl Trial<'_> {
    /// The metric of one query under each setting.
    fn scores(&self, query: &JudgedQuery) -> Result<Vec<f64>> {
        let depth = self.metric.depth();
        // The query's own settings are replaced.
        let mut plain = query.request.ranking_only().limit(depth);
        plain.profile = None;
        let widest = MAX_TRIED_CANDIDATES.max(depth);
        let mut wide = plain.clone().limit(widest);
        // Legs run exactly: a shorter exact list is the beginning of a longer one, and the tuning
        // compares settings, not graph walks.
        wide.params = Params { exact: true, ..Params::default() };
        let generation = &*self.searcher.generation;
        let time = self.searcher.budget.time();
        let prepared = self.searcher.prepare(&wide, time)?;
        let wanted = self.searcher.matching(&wide.filter, time)?;
        let mut lists: Vec<List> = Vec::new();
        let mut scores = Vec::with_capacity(self.settings.len());
        for setting in self.settings {
            let mut request = plain.clone();
            setting.apply(&mut request);
            let mut legs = Vec::new();
            let bound = bind(&request, &self.catalog)?;
            let mut indices = Vec::new();
            for leg in &bound.legs {
                let index = self.list(&mut lists, leg.kind, &request, &prepared, &wanted)?;
                // A leg's exact list is the beginning of any longer one.
                let list = lists.get(index).into_iter().flat_map(|list| &list.found.hits);
                let hits = list.take(leg.window).copied().collect();
                let (weight, completed) = (leg.weight, Vec::new());
                legs.push(LegHits { leg: leg.kind, weight, hits, completed });
                indices.push(index);
            }
            if bound.fusion.is_complete() && legs.len() > 1 {
                self.complete(&mut lists, &indices, &mut legs, &prepared)?;
            }
            let fused =
                by_id(generation, |ties| fuse(&legs, &bound.fusion, |a, b| ties.order(*a, *b)))?;
            let vector = prepared.vector.clone();
            let tried = Prepared::new(&request, bound, vector, time);
            let (list, rerank) = self.searcher.rerank(&tried, fused)?;
            // A search would report this and answer in fused order; a tuning has to fail, as it would
            // measure another order than the setting's.
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

    /// The index of the widest list of a leg under the settings of a request; requests with the same list share it.
    fn list(
        &self,
        lists: &mut Vec<List>,
        kind: Leg,
        request: &SearchRequest,
        widest: &Prepared<'_>,
        wanted: &[Arc<RowSet>],
    ) -> Result<usize> {
        let leg = leg_table::of(kind);
        let is_known = |list: &List| list.leg == kind && leg.same_list(&list.request, request);
        if let Some(index) = lists.iter().position(is_known) {
            return Ok(index);
        }
        let mut request = request.clone();
        (request.limit, request.params) = (widest.request.limit, widest.request.params);
        let task = [Prepared { request: &request, ..widest.clone() }];
        let found = leg.search(self.searcher, &task, wanted)?.pop().flatten().unwrap_or_default();
        lists.push(List { leg: kind, request, found, completed: HashMap::new() });
        Ok(lists.len() - 1)
    }

    /// Completes the legs of a setting: each row that only other legs brought gets the score of its leg's list, which
    /// is computed once for all settings.
    fn complete(
        &self,
        lists: &mut [List],
        indices: &[usize],
        legs: &mut [LegHits<DocAddress>],
        prepared: &Prepared<'_>,
    ) -> Result<()> {
        let hits: Vec<_> = legs.iter().map(|leg| leg.hits.as_slice()).collect();
        let others = of_others(&hits);
        for ((leg, &index), others) in legs.iter_mut().zip(indices).zip(others) {
            let Some(list) = lists.get_mut(index) else { continue };
            let mut unknown = others.clone();
            unknown.retain(|row| !list.completed.contains_key(row));
            let scored = self.searcher.score(leg.leg, prepared, &list.found, &unknown)?;
            list.completed.extend(unknown.into_iter().map(|row| (row, None)));
            list.completed.extend(scored.into_iter().map(|(row, score)| (row, Some(score))));
            let score = |row: &DocAddress| Some((*row, (*list.completed.get(row)?)?));
            leg.completed = others.iter().filter_map(score).collect();
        }
        Ok(())
    }

    fn id(&self, address: DocAddress) -> Result<&str> {
        self.searcher.generation.segment(address.segment)?.id(address.row)
    }
}
