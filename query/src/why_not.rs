//! The reason why a row is not in an answer: the stage that dropped it, judged by its ranks in each stage.

use serde::{Deserialize, Serialize};

use crate::filter::Filter;
use crate::leg::Leg;
use crate::request::{SearchRequest, TextCut};
use crate::rerank::Ranked;

/// The way of one row through one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyNot {
    /// The row.
    pub id: String,
    /// The stage that dropped it, or its rank in the answer.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The outcome of each leg that ran; empty if the row was dropped before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legs: Vec<LegReport>,
    /// The report of a cut, if the text of the request is longer than what is searched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_cut: Option<TextCut>,
}

/// The stage that dropped a row. Ranks are from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Verdict {
    /// No live row has this id.
    NotInCollection,
    /// The filter does not admit it.
    Filtered {
        /// The innermost clause that fails, as text.
        clause: String,
    },
    /// No leg matches it at all; the legs say why.
    NotFound,
    /// It is too far down in every leg that matches it; the legs say how far.
    OutsideWindow,
    /// It belongs into a leg's window, and the leg's approximate search did not find it.
    MissedByWalk,
    /// Its final score is below the request's threshold.
    BelowThreshold {
        /// Its final score; `None` if the reranker gave it none.
        score: Option<f64>,
        /// The threshold.
        threshold: f64,
    },
    /// The reranker moved it behind the end of the page, or before its beginning.
    Reranked {
        /// Rank in the fused list, on the page.
        from_rank: usize,
        /// Rank in the final list, not on it.
        to_rank: usize,
        /// The last rank of the page: limit + offset.
        last: usize,
    },
    /// It comes after the end of the page.
    Cut {
        /// Rank in the final list.
        rank: usize,
        /// Rank in the fused list.
        fused_rank: usize,
        /// The last rank of the page: limit + offset.
        last: usize,
    },
    /// It comes before the beginning of the page.
    PassedOver {
        /// Rank in the final list.
        rank: usize,
        /// Hits that the page skips.
        offset: usize,
    },
    /// It is in the answer.
    InAnswer {
        /// Rank in the final list.
        rank: usize,
    },
}

/// The outcome of one leg for a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegReport {
    /// The leg.
    pub leg: Leg,
    /// Hits it brings to the fusion.
    pub window: usize,
    /// The outcome.
    #[serde(flatten)]
    pub outcome: LegOutcome,
}

/// Found, outside the window, missed or absent. Ranks are from 1, scores the leg's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum LegOutcome {
    /// Brought it to the fusion.
    Found {
        /// Rank in the leg's list.
        rank: usize,
        /// Its score.
        score: f64,
    },
    /// Matches it, behind the end of its window.
    Outside {
        /// Rank among all rows that match, counted.
        rank: usize,
        /// Its score.
        score: f64,
    },
    /// Did not find it, though it belongs into its window.
    Missed {
        /// Rank among all rows that match, counted.
        rank: usize,
        /// Its score.
        score: f64,
    },
    /// Does not match it.
    Absent {
        /// Why.
        why: String,
    },
}

/// The verdict on a row that the filter admits, from its places in the legs and in the final list
/// (counted from 0), the page of which the request says.
pub fn judge<K>(
    request: &SearchRequest,
    legs: &[LegReport],
    ranked: Option<(usize, &Ranked<K>)>,
    threshold: Option<f64>,
) -> Verdict {
    let Some((index, row)) = ranked else {
        let any = |wanted: fn(&LegOutcome) -> bool| legs.iter().any(|l| wanted(&l.outcome));
        return match () {
            () if any(|p| matches!(p, LegOutcome::Missed { .. })) => Verdict::MissedByWalk,
            () if any(|p| matches!(p, LegOutcome::Outside { .. })) => Verdict::OutsideWindow,
            () => Verdict::NotFound,
        };
    };
    if let Some(threshold) = threshold.filter(|&t| !row.reaches(t)) {
        let score = match &row.reranked {
            Some(reranked) => reranked.score,
            None => Some(row.score()),
        };
        return Verdict::BelowThreshold { score, threshold };
    }
    let (rank, offset, last) = (index + 1, request.offset, request.offset + request.limit);
    let fused_rank = row.reranked.as_ref().map_or(rank, |r| r.from_rank);
    let on_page = |rank: usize| offset < rank && rank <= last;
    if on_page(rank) {
        Verdict::InAnswer { rank }
    } else if on_page(fused_rank) {
        Verdict::Reranked { from_rank: fused_rank, to_rank: rank, last }
    } else if rank <= offset {
        Verdict::PassedOver { rank, offset }
    } else {
        Verdict::Cut { rank, fused_rank, last }
    }
}

/// The innermost clause that excludes a row: of clauses that must all hold, the first that fails, and
/// so on into it. `None` if the filter admits the row. `admits` evaluates one clause.
///
/// # Errors
/// Those of `admits`.
pub fn failing_clause<'a, E>(
    filter: &'a Filter,
    admits: &mut impl FnMut(&Filter) -> Result<bool, E>,
) -> Result<Option<&'a Filter>, E> {
    if let Filter::And(parts) = filter {
        for part in parts {
            if let Some(clause) = failing_clause(part, admits)? {
                return Ok(Some(clause));
            }
        }
        return Ok(None);
    }
    Ok((!admits(filter)?).then_some(filter))
}

impl WhyNot {
    /// The verdict in one line, for people.
    pub fn to_text(&self) -> String {
        let id = &self.id;
        match &self.verdict {
            Verdict::NotInCollection => format!("{id} is not in the collection"),
            Verdict::Filtered { clause } => format!("{id} is filtered out by: {clause}"),
            Verdict::NotFound => format!("{id} was found by no leg"),
            Verdict::OutsideWindow => format!("{id} is outside the window of every leg"),
            Verdict::MissedByWalk => {
                format!("{id} belongs into a leg's window and was missed by its approximate search")
            }
            Verdict::BelowThreshold { score: Some(score), threshold } => {
                format!("{id} has the final score {score}, below the threshold {threshold}")
            }
            Verdict::BelowThreshold { score: None, threshold } => {
                format!("{id} got no score of the reranker to reach the threshold {threshold}")
            }
            Verdict::Reranked { from_rank, to_rank, last } => {
                format!(
                    "{id} was moved by the reranker from rank {from_rank} to {to_rank}; the page ends at {last}"
                )
            }
            Verdict::Cut { rank, fused_rank, last } if rank == fused_rank => {
                format!("{id} has rank {rank}; the page ends at {last}")
            }
            Verdict::Cut { rank, fused_rank, last } => {
                format!("{id} has rank {rank} (fused: {fused_rank}); the page ends at {last}")
            }
            Verdict::PassedOver { rank, offset } => {
                format!("{id} has rank {rank}; the first {offset} are passed over")
            }
            Verdict::InAnswer { rank } => format!("{id} is in the answer, at rank {rank}"),
        }
    }
}

impl LegReport {
    /// The outcome in one line, for people.
    pub fn to_text(&self) -> String {
        let window = self.window;
        let outcome = match &self.outcome {
            LegOutcome::Found { rank, score } => format!("rank {rank}, score {score:.4}"),
            LegOutcome::Outside { rank, score } => {
                format!("rank {rank}, score {score:.4}, outside its window of {window}")
            }
            LegOutcome::Missed { rank, score } => format!(
                "missed: by count rank {rank}, score {score:.4}, inside its window of {window}"
            ),
            LegOutcome::Absent { why } => format!("not matched: {why}"),
        };
        format!("{} leg: {outcome}", self.leg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fusion::Fused;
    use crate::rerank::{RerankKind, Reranked};
    use serde_json::{Value, json};

    /// Over a payload alone.
    fn failing<'a>(filter: &'a Filter, payload: &Value) -> Option<&'a Filter> {
        let mut admits = |clause: &Filter| Ok::<bool, ()>(clause.matches(payload));
        failing_clause(filter, &mut admits).expect("no error")
    }

    #[test]
    fn the_innermost_clause_that_fails_is_named() {
        let filter = json!({"year": {"$gte": 2000}, "$and": [{"open": true}, {"tag": {"$in": ["a", "b"]}}],
            "$or": [{"n": 1}, {"n": 2}]});
        let filter = Filter::from_json(&filter).expect("a filter");
        let good = json!({"year": 2001, "open": true, "tag": "a", "n": 2});
        assert_eq!(failing(&filter, &good), None);
        for (change, clause) in [
            (json!({"year": 1999}), "year >= 2000"),
            (json!({"open": false}), "open = true"),
            (json!({"tag": "c"}), "tag IN ('a', 'b')"),
            (json!({"n": 3}), "n = 1 OR n = 2"),
        ] {
            let mut payload = good.clone();
            for (key, value) in change.as_object().expect("an object") {
                payload[key] = value.clone();
            }
            let found = failing(&filter, &payload).map(Filter::to_text);
            assert_eq!(found.as_deref(), Some(clause), "{payload}");
        }
        let not = Filter::from_json(&json!({"$not": {"n": 1}})).expect("a filter");
        assert_eq!(failing(&not, &json!({"n": 1})), Some(&not));
    }

    #[test]
    fn each_stage_is_told() {
        let row = |score: Option<f64>, from_rank: usize, to_rank: usize| Ranked {
            fused: Fused { key: 1, score: 0.5, contributions: Vec::new() },
            reranked: Some(Reranked {
                kind: RerankKind::Mmr,
                score,
                fused: 0.5,
                from_rank,
                to_rank,
            }),
        };
        let plain = Ranked::plain(Fused { key: 1, score: 0.5, contributions: Vec::new() });
        let request = SearchRequest::text("a").limit(10).offset(10);
        let judged = |row: &Ranked<i32>, rank: usize, threshold| {
            judge(&request, &[], Some((rank - 1, row)), threshold)
        };
        assert_eq!(judged(&plain, 20, Some(0.5)), Verdict::InAnswer { rank: 20 });
        assert_eq!(
            judged(&plain, 20, Some(0.6)),
            Verdict::BelowThreshold { score: Some(0.5), threshold: 0.6 }
        );
        assert_eq!(
            judged(&row(None, 11, 11), 11, Some(0.1)),
            Verdict::BelowThreshold { score: None, threshold: 0.1 }
        );
        assert_eq!(judged(&plain, 10, None), Verdict::PassedOver { rank: 10, offset: 10 });
        assert_eq!(judged(&plain, 21, None), Verdict::Cut { rank: 21, fused_rank: 21, last: 20 });
        let moved = Verdict::Reranked { from_rank: 20, to_rank: 21, last: 20 };
        assert_eq!(judged(&row(Some(0.1), 20, 21), 21, None), moved.clone());
        let up = Verdict::Reranked { from_rank: 11, to_rank: 3, last: 20 };
        assert_eq!(judged(&row(Some(0.9), 11, 3), 3, None), up);
        let cut = Verdict::Cut { rank: 40, fused_rank: 30, last: 20 };
        assert_eq!(judged(&row(Some(0.1), 30, 40), 40, None), cut);

        let leg = |outcome| LegReport { leg: Leg::Vector, window: 10, outcome };
        let absent = leg(LegOutcome::Absent { why: "no".to_owned() });
        let outside = leg(LegOutcome::Outside { rank: 11, score: 0.1 });
        let missed = leg(LegOutcome::Missed { rank: 3, score: 0.7 });
        let none = None::<(usize, &Ranked<i32>)>;
        for verdict in [moved, Verdict::BelowThreshold { score: None, threshold: 0.1 + 0.2 }] {
            let legs = vec![absent.clone(), outside.clone(), missed.clone()];
            let why = WhyNot { id: "a".to_owned(), verdict, legs, text_cut: None };
            let json = serde_json::to_string(&why).expect("written");
            assert_eq!(serde_json::from_str::<WhyNot>(&json).expect("read"), why, "{json}");
        }
        for (legs, expected) in [
            (vec![absent.clone()], Verdict::NotFound),
            (vec![absent.clone(), outside.clone()], Verdict::OutsideWindow),
            (vec![outside, missed, absent], Verdict::MissedByWalk),
        ] {
            assert_eq!(judge(&request, &legs, none, None), expected);
        }
    }
}
