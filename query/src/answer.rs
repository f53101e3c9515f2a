//! The answer to a request: hits with their ledgers, groups, facets, and the report of how they came about.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::explain::Ledger;
use crate::facets::{FacetCounts, Key};
use crate::plan::SegmentPlan;
use crate::request::TextCut;
use crate::rerank::RerankKind;

/// The answer to a request. An answer that is written as JSON and read is the same answer, to the bit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SearchResponse {
    /// Best first; equal scores are ordered by id. Hits that a reranker gave no score come last, in fused
    /// order; their scores are on another scale. Empty if the request asks for groups.
    pub hits: Vec<Hit>,
    /// The groups, if the request asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Groups>,
    /// The counts that the request asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facets: Vec<FacetCounts>,
    /// The generation of segment files that answered.
    pub generation: u64,
    /// The number of the last write that the answer includes.
    pub seq: u64,
    /// True if no leg was approximate.
    pub exact: bool,
    /// Live rows the filter admits, whether they match the words or not.
    pub matching: u64,
    /// The report of a cut, if the text of the request is longer than what is searched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_cut: Option<TextCut>,
    /// The version of the query adapter that was applied to the query's vector, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<u32>,
    /// The report of the rerank, if the request asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerank: Option<RerankReport>,
    /// True if the best row of the floor's leg reaches the floor; `None` if neither the request nor its
    /// profile has a floor, or that leg does not run. False means that no hit is likely to be an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confident: Option<bool>,
    /// Notices as text. If the filter admits no row, they name the ranges of the filter that no row can be in, as all
    /// values at their paths are of another kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// The request's text with words of the rows that the filter admits in place of words that are in none of these
    /// rows. It is left out unless the text leg found no row for plain words, and such words are near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
    /// The plan of each segment's vector leg, if the request asks for an explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Vec<SegmentPlan>>,
}

/// One document found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hit {
    /// The document's id.
    pub id: String,
    /// Its final score; higher is better. The ledger's contributions add up to it, exactly, unless a
    /// reranker gave it.
    pub score: f64,
    /// The parts of the score.
    pub ledger: Ledger,
    /// Its texts by field, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<BTreeMap<String, String>>,
    /// The best passages of each text, best first, if the request asks for them and the text leg found the row. They begin
    /// and end with a sentence or a word. Of texts that are longer than 1 MiB together the beginning is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highlight: Option<BTreeMap<String, Vec<Passage>>>,
    /// Its payload, unless not wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Map<String, Value>>,
}

impl Hit {
    /// A hit with the score of its ledger, without texts, passages and payload.
    pub fn new(id: impl Into<String>, ledger: Ledger) -> Self {
        let score = ledger.score;
        Self { id: id.into(), score, ledger, text: None, highlight: None, payload: None }
    }

    /// Reads the payload into a deserialisable type.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the payload has another shape, or if the request left payloads out.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T> {
        let refused = |detail: String| Error::invalid(format!("payload of {:?}", self.id), detail);
        let Some(payload) = &self.payload else {
            return Err(refused(
                "the request left payloads out; ask with .with_payload(true)".to_owned(),
            ));
        };
        T::deserialize(payload).map_err(|error| refused(error.to_string()))
    }
}

/// A piece of a passage of a text: the pieces of one number, one after the other, are the passage, and those that the
/// query looks for are marked as found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// Its text, as stored.
    pub text: String,
    /// True for a word that the query looks for.
    pub found: bool,
    /// Number of the passage among those of the text, from 0; the best one is the first.
    #[serde(default, skip_serializing_if = "is_first")]
    pub snippet: usize,
}

fn is_first(snippet: &usize) -> bool {
    *snippet == 0
}

/// Hits by the values of a payload field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    /// The groups in the order of their best hits; groups with the same best hit by value.
    pub list: Vec<Group>,
    /// Rows of the final list that were read to fill the groups.
    pub looked_at: usize,
    /// False if a group may lack hits because the legs stopped at
    /// [`MAX_WINDOW`](crate::limits::MAX_WINDOW) rows.
    pub complete: bool,
}

/// The hits with one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The value.
    pub value: Key,
    /// Its hits, best first.
    pub hits: Vec<Hit>,
}

/// The report of the rerank that a request asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RerankReport {
    /// The kind asked for.
    pub kind: RerankKind,
    /// False if the hits are in fused order, though a rerank was asked for.
    pub applied: bool,
    /// The reason why it was not applied. A threshold of the request was not applied either then, as it is
    /// on the scale of the reranker's scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Rows the reranker was given.
    pub candidates: usize,
    /// Rows it gave a score; the others follow behind them.
    pub scored: usize,
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::option;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::explain::{Expansion, ExpansionKind, FieldWeight, TermScore};
    use crate::facets::FacetValue;
    use crate::fusion::{Completed, Contribution};
    use crate::leg::Leg;
    use crate::plan::{Strategy as Way, StrategyKind, Work};
    use crate::planner::COSTS;
    use crate::rerank::Reranked;

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![Just(0.0), Just(-0.0), prop::num::f64::NORMAL, prop::num::f64::SUBNORMAL]
    }

    prop_compose! {
        fn contribution()(
            leg in prop::sample::select(Leg::ALL),
            rank in option::of(any::<usize>()),
            completed in option::of(prop::sample::select(vec![Completed::Scored, Completed::Lowest])),
            normalized in option::of(number()),
            [score, weight, contribution] in [number(), number(), number()],
        ) -> Contribution {
            Contribution { leg, rank, score, completed, normalized, weight, contribution }
        }
    }

    prop_compose! {
        fn reranked()(
            kind in prop::sample::select(RerankKind::ALL),
            score in option::of(number()),
            fused in number(),
            from_rank in any::<usize>(),
            to_rank in any::<usize>(),
        ) -> Reranked {
            Reranked { kind, score, fused, from_rank, to_rank }
        }
    }

    prop_compose! {
        fn hit()(
            id in ".{0,4}",
            score in number(),
            contributions in prop::collection::vec(contribution(), 0..3),
            rerank in option::of(reranked()),
            [idf, contribution, weight] in [number(), number(), number()],
            typo in option::of(".{0,4}"),
            passage in option::of((".{0,4}", any::<bool>())),
            text in option::of(".{0,4}"),
            year in option::of(number()),
        ) -> Hit {
            let weights = vec![FieldWeight { field: "t".into(), weight, tf: 1, length: 2 }];
            let term = TermScore {
                field: "f".into(), term: id.clone(), idf, tf: 3, length: 9, weights, contribution,
                expansion: typo.map(|words| Expansion { kind: ExpansionKind::Typo, words }),
            };
            let mut ledger = Ledger::new(score, contributions);
            (ledger.rerank, ledger.terms) = (rerank, vec![term]);
            let mut hit = Hit::new(id, ledger);
            hit.text = text.map(|text| [("body".to_owned(), text)].into());
            hit.highlight = passage.map(|(text, found)| {
                [("body".to_owned(), vec![Passage { text, found, snippet: usize::from(found) }])].into()
            });
            hit.payload = year.map(|year| Map::from_iter([("year".to_owned(), json!(year))]));
            hit
        }
    }

    fn plan(cost: f64, ef: usize) -> SegmentPlan {
        SegmentPlan {
            strategy: Way::FilteredGraph { ef },
            tried: Some(Way::Graph { ef }),
            cost,
            actual: -cost,
            work: Work { scanned: 1, walked: 2, scored: 3 },
            matching: 7,
            alternatives: vec![(Way::Exact, cost), (Way::Empty, 0.5)],
            dropped: vec![(StrategyKind::Codes, Cow::Borrowed("the segment has no codes"))],
            page_reads: Some(ef),
            costs: Cow::Borrowed(&COSTS[0]),
        }
    }

    prop_compose! {
        fn answer()(
            hits in prop::collection::vec(hit(), 0..3),
            grouped in option::of(hit()),
            counted in option::of(prop_oneof![
                Just(json!(true)), number().prop_map(|n| json!(n)), ".{0,3}".prop_map(|s| json!(s)),
            ]),
            [generation, seq, matching] in [any::<u64>(), any::<u64>(), any::<u64>()],
            exact in any::<bool>(),
            adapter in option::of(any::<u32>()),
            kind in option::of(prop::sample::select(RerankKind::ALL)),
            reason in option::of(".{0,4}"),
            confident in option::of(any::<bool>()),
            did_you_mean in option::of(".{0,4}"),
            planned in option::of((number(), any::<usize>())),
            cut in option::of(any::<[usize; 2]>()),
        ) -> SearchResponse {
            let report = |kind| RerankReport {
                kind, applied: reason.is_none(), reason, candidates: 9, scored: 4,
            };
            let value = |value: &Value| FacetValue { value: Key::of(value), count: seq };
            SearchResponse {
                hits,
                groups: grouped.map(|hit| Groups {
                    list: vec![Group { value: Key::of(&json!("a")), hits: vec![hit] }],
                    looked_at: 3,
                    complete: exact,
                }),
                facets: counted.iter().map(|v| FacetCounts {
                    field: "year".into(), values: vec![value(v)], distinct: 12,
                }).collect(),
                generation, seq, exact, matching, adapter,
                text_cut: cut.map(|[given_bytes, used_bytes]| TextCut { given_bytes, used_bytes }),
                notices: cut.map(|[a, _]| a.to_string()).into_iter().collect(),
                rerank: kind.map(report),
                confident,
                did_you_mean,
                plan: planned.map(|(cost, ef)| vec![plan(cost, ef)]),
            }
        }
    }

    proptest! {
        #[test]
        fn an_answer_that_is_written_and_read_is_the_same_to_the_bit(answer in answer()) {
            let json = serde_json::to_string(&answer).expect("written");
            let read: SearchResponse = serde_json::from_str(&json).expect("read");
            prop_assert_eq!(&read, &answer);
            // Equal is not enough for 0 and -0.
            prop_assert_eq!(serde_json::to_string(&read).expect("written"), json);
        }
    }
}
