//! Legs before their fusion, as shards send them, and the answer that a root makes of them.
//!
//! Every shard gives the candidates of each leg, by id and with raw scores. The root merges the lists of one leg under
//! the one tie rule, cuts them at the leg's window, and fuses: scores, order, groups and counts are then those of one
//! collection that holds all rows, to the bit, if the legs are exact and BM25 uses the statistics of all shards.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::facets::{FacetCounts, GroupBuilder, Key, Tally};
use crate::fusion::{Fused, Fusion, LegHits, fuse};
use crate::leg::Leg;
use crate::limits::{GROUP_WIDENING, MAX_WINDOW};
use crate::request::SearchRequest;
use crate::topk::descending;

/// A row that a leg found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The document's id.
    pub id: String,
    /// The leg's raw score.
    pub score: f64,
    /// The keys that the row is grouped by, if the request asks for groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Key>,
}

/// The candidates of one leg, best first, ties by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegCandidates {
    /// The leg.
    pub leg: Leg,
    /// Factor on its contributions.
    pub weight: f64,
    /// Most candidates it brings to the fusion.
    pub window: usize,
    /// Its candidates.
    pub candidates: Vec<Candidate>,
    /// The leg's scores of rows that other legs brought, for a complete fusion; those that it does not match are left
    /// out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub completed: Vec<Candidate>,
}

/// The legs of a request before their fusion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Legs {
    /// The legs that ran, in the order of legs.
    pub legs: Vec<LegCandidates>,
    /// The request's fusion, or that of the collection.
    pub fusion: Fusion,
    /// Live rows that the filter admits.
    pub matching: u64,
    /// True if no leg was approximate.
    pub exact: bool,
    /// A count of values for each facet of the request, not cut at its limit yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facets: Vec<Tally>,
}

/// The groups of a fused list.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedGroups {
    /// The groups, that of the best row first, each with its rows, best first.
    pub list: Vec<(Key, Vec<Fused<String>>)>,
    /// Rows of the fused list that were looked at.
    pub looked_at: usize,
    /// False if groups are not filled though the legs have more rows: [`Legs::widened`] asks for them.
    pub complete: bool,
}

impl Legs {
    /// The legs of all shards together, as one collection with all rows would give them.
    ///
    /// # Errors
    /// When the shards did not run the same legs with the same windows: they answered different requests.
    pub fn merge(shards: impl IntoIterator<Item = Self>) -> Result<Self> {
        let mut shards = shards.into_iter();
        let Some(mut all) = shards.next() else {
            return Err(Error::invalid("legs", "there are none; give those of one shard or more"));
        };
        for shard in shards {
            let shape = |legs: &Self| -> Vec<(Leg, u64, usize)> {
                legs.legs.iter().map(|l| (l.leg, l.weight.to_bits(), l.window)).collect()
            };
            if shape(&all) != shape(&shard)
                || all.facets.len() != shard.facets.len()
                || all.fusion != shard.fusion
            {
                let detail = "the shards ran other legs, windows, fusions or facets; send all of them the same request, \
                              and make their collections with the same fusion";
                return Err(Error::invalid("legs", detail));
            }
            for (leg, more) in all.legs.iter_mut().zip(shard.legs) {
                leg.candidates.extend(more.candidates);
                leg.completed.extend(more.completed);
            }
            for (tally, more) in all.facets.iter_mut().zip(shard.facets) {
                *tally += more;
            }
            all.matching += shard.matching;
            all.exact &= shard.exact;
        }
        for leg in &mut all.legs {
            leg.candidates
                .sort_by(|a, b| descending(a.score, b.score).then_with(|| a.id.cmp(&b.id)));
            // A row that leaves the list may still be a candidate of another leg.
            let rest = leg.candidates.split_off(leg.window.min(leg.candidates.len()));
            if all.fusion.is_complete() {
                leg.completed.extend(rest);
            }
        }
        all.drop_completed_of_others();
        Ok(all)
    }

    /// Removes the completed scores of rows that no leg brings any more.
    fn drop_completed_of_others(&mut self) {
        let brought = self.legs.iter().flat_map(|leg| &leg.candidates);
        let brought: HashSet<String> = brought.map(|candidate| candidate.id.clone()).collect();
        for leg in &mut self.legs {
            leg.completed.retain(|candidate| brought.contains(&candidate.id));
        }
    }

    /// The fused list: all of its rows, before a threshold and a page.
    pub fn fuse(&self) -> Vec<Fused<String>> {
        let rows = |list: &[Candidate]| list.iter().map(|c| (c.id.clone(), c.score)).collect();
        let hits = |leg: &LegCandidates| LegHits {
            leg: leg.leg,
            weight: leg.weight,
            hits: rows(&leg.candidates),
            completed: rows(&leg.completed),
        };
        let legs: Vec<LegHits<String>> = self.legs.iter().map(hits).collect();
        fuse(&legs, &self.fusion, String::cmp)
    }

    /// The rows of a request's page.
    pub fn page(&self, request: &SearchRequest) -> Vec<Fused<String>> {
        let list = self.fuse().into_iter().filter(|row| reaches(request, row));
        list.skip(request.offset).take(request.limit).collect()
    }

    /// The groups of a request, which has to ask for some; `None` if it does not.
    pub fn groups(&self, request: &SearchRequest) -> Option<FusedGroups> {
        let by = request.group_by.as_ref()?;
        let candidates = self.legs.iter().flat_map(|leg| &leg.candidates);
        let keys: HashMap<&str, &Vec<Key>> =
            candidates.map(|c| (c.id.as_str(), &c.groups)).collect();
        let mut filling = GroupBuilder::new(by.limit.unwrap_or(request.limit), by.size);
        let mut looked_at = 0;
        for row in self.fuse() {
            if filling.are_full() {
                break;
            }
            looked_at += 1;
            if reaches(request, &row) {
                let keys = keys.get(row.key.as_str()).map_or(Vec::new(), |keys| (*keys).clone());
                filling.push(keys, &row);
            }
        }
        let more = self.legs.iter().any(|leg| leg.candidates.len() >= leg.window);
        let complete = filling.are_full() || !more;
        Some(FusedGroups { list: filling.into_groups(), looked_at, complete })
    }

    /// The request with wider legs, for groups that are not filled; `None` if no leg can be wider.
    pub fn widened(&self, request: &SearchRequest) -> Option<SearchRequest> {
        if self.legs.iter().all(|leg| leg.window >= MAX_WINDOW) {
            return None;
        }
        let mut wider = request.clone();
        for leg in &self.legs {
            let window = leg.window.max(1).saturating_mul(GROUP_WIDENING).min(MAX_WINDOW);
            wider.legs[leg.leg].candidates = Some(window);
        }
        Some(wider)
    }

    /// True if the best row of the floor's leg reaches the floor; `None` if the request has no floor or that leg does
    /// not run.
    pub fn confident(&self, request: &SearchRequest) -> Option<bool> {
        let floor = request.floor?;
        let leg = self.legs.iter().find(|leg| leg.leg == floor.leg)?;
        Some(leg.candidates.first().is_some_and(|best| best.score >= floor.score))
    }

    /// The counts that a request asks for.
    pub fn facet_counts(&self, request: &SearchRequest) -> Vec<FacetCounts> {
        let facets = request.facets.iter().zip(&self.facets);
        facets.map(|(facet, tally)| tally.clone().into_counts(facet)).collect()
    }
}

/// True for a row that a request's threshold admits.
fn reaches(request: &SearchRequest, row: &Fused<String>) -> bool {
    request.score_threshold.is_none_or(|threshold| row.score >= threshold)
}

/// The counts that BM25 scores with: rows, tokens of each text field, and rows that have each term. Those of several
/// shards are added; integers, so in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermStatistics {
    /// Live rows.
    pub documents: u64,
    /// Tokens of the live rows, by indexed text field.
    pub tokens: BTreeMap<String, u64>,
    /// Live rows that have a term, by field and term.
    pub frequencies: BTreeMap<String, BTreeMap<String, u64>>,
}

impl TermStatistics {
    /// The document frequency of a term; `None` if it was not counted.
    pub fn frequency(&self, field: &str, term: &str) -> Option<u64> {
        self.frequencies.get(field)?.get(term).copied()
    }
}

impl std::ops::AddAssign for TermStatistics {
    fn add_assign(&mut self, other: Self) {
        self.documents += other.documents;
        for (field, tokens) in other.tokens {
            *self.tokens.entry(field).or_default() += tokens;
        }
        for (field, terms) in other.frequencies {
            let own = self.frequencies.entry(field).or_default();
            for (term, rows) in terms {
                *own.entry(term).or_default() += rows;
            }
        }
    }
}

impl std::ops::Add for TermStatistics {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl std::iter::Sum for TermStatistics {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |all, part| all + part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legs(leg: Leg, window: usize, rows: &[(&str, f64)]) -> Legs {
        let candidates = rows.iter().map(|&(id, score)| Candidate {
            id: id.to_owned(),
            score,
            groups: Vec::new(),
        });
        let candidates = candidates.collect();
        let leg = LegCandidates { leg, weight: 1.0, window, candidates, completed: Vec::new() };
        let fusion = Fusion::default();
        Legs { legs: vec![leg], fusion, matching: 7, exact: true, facets: Vec::new() }
    }

    #[test]
    fn shards_of_one_request_are_merged_under_the_tie_rule() {
        let shards = [
            legs(Leg::Text, 3, &[("b", 2.0), ("d", 1.0)]),
            legs(Leg::Text, 3, &[("c", 2.0), ("a", 2.0), ("e", 0.5)]),
        ];
        let all = Legs::merge(shards.clone()).expect("merged");
        let ids: Vec<&str> = all.legs[0].candidates.iter().map(|c| c.id.as_str()).collect();
        assert_eq!((ids, all.matching), (vec!["a", "b", "c"], 14));
        let page = all.page(&SearchRequest::text("wing").limit(2));
        let ids: Vec<&str> = page.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        let other = legs(Leg::Text, 4, &[]);
        assert!(Legs::merge([shards[0].clone(), other]).is_err(), "another window");
        assert!(Legs::merge([shards[0].clone(), legs(Leg::Vector, 3, &[])]).is_err(), "a leg");
        assert!(Legs::merge([]).is_err(), "no shard");
        let json = serde_json::to_string(&all).expect("written");
        assert_eq!(serde_json::from_str::<Legs>(&json).expect("read"), all);
    }

    #[test]
    fn statistics_add_up_in_any_order() {
        let part = |documents, term: &str, rows| TermStatistics {
            documents,
            tokens: BTreeMap::from([("text".to_owned(), documents * 3)]),
            frequencies: BTreeMap::from([(
                "text".to_owned(),
                BTreeMap::from([(term.to_owned(), rows)]),
            )]),
        };
        let (a, b) = (part(2, "wing", 1), part(3, "wing", 2));
        let all = a.clone() + b.clone();
        assert_eq!(all, [b, a].into_iter().sum());
        assert_eq!((all.documents, all.frequency("text", "wing")), (5, Some(3)));
        assert_eq!(all.frequency("text", "heat"), None);
    }
}
