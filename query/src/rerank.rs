//! The stage after the fusion: its settings in a request, diversity (MMR), and the order that scores make.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, within};
use crate::fusion::Fused;
use crate::limits::{
    DEFAULT_LAMBDA, DEFAULT_RERANK_BUDGET_MS, DEFAULT_RERANK_DEPTH, MAX_QUERY_TOKENS,
    MAX_RERANK_BUDGET_MS, MAX_RERANK_DEPTH,
};
use crate::names::names;
use crate::topk::descending;

/// Reranks the first `depth` rows of the fused list, the candidates. Candidates with a rerank score
/// come first, ordered by it, and it is their final score. All others (rows beyond the depth, rows
/// without the compared vector or token vectors) follow in fused order and keep their fused score,
/// which is on another scale: only the scores of hits whose ledger has a rerank score can be compared.
/// If the reranker fails or its time runs out, the fused order stays and the answer reports it.
///
/// As JSON it is `{KIND: {…}}`: `{"mmr": {"lambda": 0.5, "depth": 100, "budget_ms": 1000}}`, `{"exact": {…}}`,
/// `{"late_interaction": {"query_tokens": […], "field": "tokens", …}}` or `{"model": {…}}`; every
/// number may be left out, and so may the query's token vectors if the collection's model makes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
#[non_exhaustive]
pub struct Rerank {
    /// Scoring of the candidates.
    pub method: RerankMethod,
    /// Number of candidates; each leg returns at least as many rows.
    pub depth: usize,
    /// Its time, in milliseconds; with 0 it is never applied.
    pub budget_ms: u64,
}

/// The ways to rerank.
#[derive(Clone, Debug, PartialEq)]
pub enum RerankMethod {
    /// Maximal marginal relevance: Carbonell and Goldstein, "The use of MMR, diversity-based reranking for
    /// reordering documents and producing summaries", 1998. Each next row is the one with the highest
    /// lambda x cosine with the query - (1 - lambda) x highest cosine with a row picked before; that value
    /// is its score. Cosines of the stored vectors, whatever the field's metric: both terms then have
    /// one scale. A row is not rewarded for pointing away from the others: a cosine below 0 counts as 0
    /// in the second term, so scores never rise from one pick to the next.
    Mmr {
        /// Share of relevance, 0 to 1.
        lambda: f64,
    },
    /// By the exact similarity of stored vectors to the query vector, in the field's own metric.
    Exact,
    /// Late interaction (MaxSim): for each token vector of the query the highest cosine with any token
    /// vector of the row, and the sum of these is the score. Khattab and Zaharia, "ColBERT: Efficient and
    /// effective passage search via contextualized late interaction over BERT", 2020. Cosines of the
    /// vectors as they are stored, in eight bits a component, and of the query's rounded alike.
    LateInteraction {
        /// The query's token vectors, 1 to [`MAX_QUERY_TOKENS`], each as long as those of the field. Without
        /// them the collection's model makes them of the request's words.
        tokens: Option<Vec<Vec<f32>>>,
        /// The token field. If it is not named: the one the model fills where the model makes the query's
        /// token vectors, else the only one of the collection.
        field: Option<String>,
    },
    /// The scores of the collection's reranker.
    Model,
}

/// A rerank as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Form {
    Mmr {
        #[serde(default = "lambda")]
        lambda: f64,
        #[serde(default = "depth")]
        depth: usize,
        #[serde(default = "budget_ms")]
        budget_ms: u64,
    },
    Exact {
        #[serde(default = "depth")]
        depth: usize,
        #[serde(default = "budget_ms")]
        budget_ms: u64,
    },
    LateInteraction {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        query_tokens: Option<Vec<Vec<f32>>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        #[serde(default = "depth")]
        depth: usize,
        #[serde(default = "budget_ms")]
        budget_ms: u64,
    },
    Model {
        #[serde(default = "depth")]
        depth: usize,
        #[serde(default = "budget_ms")]
        budget_ms: u64,
    },
}

fn lambda() -> f64 {
    DEFAULT_LAMBDA
}

fn depth() -> usize {
    DEFAULT_RERANK_DEPTH
}

fn budget_ms() -> u64 {
    DEFAULT_RERANK_BUDGET_MS
}

impl From<Form> for Rerank {
    fn from(form: Form) -> Self {
        let (method, depth, budget_ms) = match form {
            Form::Mmr { lambda, depth, budget_ms } => {
                (RerankMethod::Mmr { lambda }, depth, budget_ms)
            }
            Form::Exact { depth, budget_ms } => (RerankMethod::Exact, depth, budget_ms),
            Form::LateInteraction { query_tokens: tokens, field, depth, budget_ms } => {
                (RerankMethod::LateInteraction { tokens, field }, depth, budget_ms)
            }
            Form::Model { depth, budget_ms } => (RerankMethod::Model, depth, budget_ms),
        };
        Self { method, depth, budget_ms }
    }
}

impl From<Rerank> for Form {
    fn from(rerank: Rerank) -> Self {
        let Rerank { method, depth, budget_ms } = rerank;
        match method {
            RerankMethod::Mmr { lambda } => Self::Mmr { lambda, depth, budget_ms },
            RerankMethod::Exact => Self::Exact { depth, budget_ms },
            RerankMethod::LateInteraction { tokens, field } => {
                Self::LateInteraction { query_tokens: tokens, field, depth, budget_ms }
            }
            RerankMethod::Model => Self::Model { depth, budget_ms },
        }
    }
}

/// The kind of a [`RerankMethod`], without its constants: the name in requests and ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RerankKind {
    /// [`RerankMethod::Mmr`].
    Mmr,
    /// [`RerankMethod::Exact`].
    Exact,
    /// [`RerankMethod::LateInteraction`].
    LateInteraction,
    /// [`RerankMethod::Model`].
    Model,
}

names!(
    RerankKind,
    "rerank",
    Mmr = "mmr",
    Exact = "exact",
    LateInteraction = "late_interaction",
    Model = "model",
);

impl RerankMethod {
    /// The kind, without the constants.
    pub fn kind(&self) -> RerankKind {
        match self {
            Self::Mmr { .. } => RerankKind::Mmr,
            Self::Exact => RerankKind::Exact,
            Self::LateInteraction { .. } => RerankKind::LateInteraction,
            Self::Model => RerankKind::Model,
        }
    }

    /// True if the collection's model makes token vectors of the request's words for it.
    pub fn embeds_tokens(&self) -> bool {
        matches!(self, Self::LateInteraction { tokens: None, .. })
    }

    /// True if it compares the query's vector with those of rows.
    pub fn compares_vectors(&self) -> bool {
        matches!(self, Self::Mmr { .. } | Self::Exact)
    }
}

impl Rerank {
    fn new(method: RerankMethod) -> Self {
        Self { method, depth: DEFAULT_RERANK_DEPTH, budget_ms: DEFAULT_RERANK_BUDGET_MS }
    }

    /// Diversity, with this share of relevance.
    pub fn mmr(lambda: f64) -> Self {
        Self::new(RerankMethod::Mmr { lambda })
    }

    /// Exact similarity of vectors.
    pub fn exact() -> Self {
        Self::new(RerankMethod::Exact)
    }

    /// Late interaction of these token vectors with those of rows.
    pub fn late_interaction(tokens: Vec<Vec<f32>>) -> Self {
        Self::new(RerankMethod::LateInteraction { tokens: Some(tokens), field: None })
    }

    /// Late interaction of the token vectors that the collection's model makes of the request's words.
    pub fn late_interaction_by_model() -> Self {
        Self::new(RerankMethod::LateInteraction { tokens: None, field: None })
    }

    /// Names the token field of [`late_interaction`](Self::late_interaction).
    #[must_use]
    pub fn token_field(mut self, name: impl Into<String>) -> Self {
        if let RerankMethod::LateInteraction { field, .. } = &mut self.method {
            *field = Some(name.into());
        }
        self
    }

    /// Reranking by the collection's reranker.
    pub fn model() -> Self {
        Self::new(RerankMethod::Model)
    }

    /// Sets the number of candidates.
    #[must_use]
    pub fn depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// Sets the time, in milliseconds.
    #[must_use]
    pub fn budget_ms(mut self, budget_ms: u64) -> Self {
        self.budget_ms = budget_ms;
        self
    }

    /// Checks every number against its limit.
    pub(crate) fn check(&self) -> Result<()> {
        let at = |field: &str| format!("rerank.{}.{field}", self.method.kind());
        let budget = self.budget_ms as usize;
        for (field, limit, found) in [
            ("depth", MAX_RERANK_DEPTH, self.depth),
            ("budget_ms", MAX_RERANK_BUDGET_MS as usize, budget),
        ] {
            within(&at(field), found, limit)?;
        }
        match &self.method {
            _ if self.depth == 0 => {
                Err(Error::invalid(at("depth"), "a number above 0 is expected"))
            }
            RerankMethod::Mmr { lambda } if !(0.0..=1.0).contains(lambda) => {
                Err(Error::invalid(at("lambda"), "a number from 0 to 1 is expected"))
            }
            RerankMethod::LateInteraction { tokens: Some(tokens), .. } => {
                check_tokens(&at("query_tokens"), tokens)
            }
            _ => Ok(()),
        }
    }
}

/// Refuses token vectors that are too many or none, or have no direction.
fn check_tokens(at: &str, tokens: &[Vec<f32>]) -> Result<()> {
    within(at, tokens.len(), MAX_QUERY_TOKENS)?;
    if tokens.is_empty() {
        return Err(Error::invalid(at, "at least one token vector is expected"));
    }
    for (i, token) in tokens.iter().enumerate() {
        if let Some(index) = token.iter().position(|x| !x.is_finite()) {
            return Err(Error::invalid(format!("{at}[{i}][{index}]"), "it is not a finite number"));
        }
        let square: f64 = token.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        if square < f64::from(f32::MIN_POSITIVE) {
            let detail = "a zero vector has no direction; leave it out";
            return Err(Error::invalid(format!("{at}[{i}]"), detail));
        }
    }
    Ok(())
}

/// Ranks of a row before and after the rerank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reranked {
    /// The reranker's kind.
    pub kind: RerankKind,
    /// Its score, which is the final one; nothing for a row that got none, which keeps its fused score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The fused score: the sum of the contributions.
    pub fused: f64,
    /// Place in the fused list, from 1.
    pub from_rank: usize,
    /// Place in the final list, from 1.
    pub to_rank: usize,
}

/// A row of the final list.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked<K> {
    /// The row, as it was fused.
    pub fused: Fused<K>,
    /// Its ranks before and after the rerank, if one was applied.
    pub reranked: Option<Reranked>,
}

impl<K> Ranked<K> {
    /// A row that was not reranked.
    pub fn plain(fused: Fused<K>) -> Self {
        Self { fused, reranked: None }
    }

    /// Its final score.
    pub fn score(&self) -> f64 {
        self.reranked.as_ref().and_then(|r| r.score).unwrap_or(self.fused.score)
    }

    /// True if the final score is not below. A row that a reranker was to score and did not has none on
    /// the scale of the threshold.
    pub fn reaches(&self, threshold: f64) -> bool {
        let scored = self.reranked.as_ref().is_none_or(|r| r.score.is_some());
        scored && self.score() >= threshold
    }
}

/// Puts the rows that have a score first, by it, ties by id; the others behind them, as they were.
/// `scores` are those of the first rows.
pub fn reorder<K>(
    fused: Vec<Fused<K>>,
    kind: RerankKind,
    scores: &[Option<f64>],
    by_id: impl Fn(&K, &K) -> Ordering,
) -> Vec<Ranked<K>> {
    let mut rows: Vec<(usize, Option<f64>, Fused<K>)> = fused
        .into_iter()
        .enumerate()
        .map(|(index, row)| (index, scores.get(index).copied().flatten(), row))
        .collect();
    rows.sort_by(|a, b| match (a.1, b.1) {
        (Some(x), Some(y)) => descending(x, y).then_with(|| by_id(&a.2.key, &b.2.key)),
        (None, None) => a.0.cmp(&b.0),
        (x, y) => y.is_some().cmp(&x.is_some()),
    });
    let ranked = |(to, (from, score, row)): (usize, (usize, Option<f64>, Fused<K>))| {
        let (from_rank, to_rank) = (from + 1, to + 1);
        let reranked = Reranked { kind, score, fused: row.score, from_rank, to_rank };
        Ranked { fused: row, reranked: Some(reranked) }
    };
    rows.into_iter().enumerate().map(ranked).collect()
}

/// The scores of [`RerankMethod::Mmr`], one for each candidate: in descending order, ties by id, they are
/// the order of the picks. `relevance` has the cosines with the query, `cosine` gives those between two
/// candidates. Nothing if `stop` says so before the last pick.
pub fn mmr(
    relevance: &[f64],
    lambda: f64,
    cosine: impl Fn(usize, usize) -> f64,
    by_id: impl Fn(usize, usize) -> Ordering,
    stop: impl Fn() -> bool,
) -> Option<Vec<f64>> {
    let mut scores = vec![0.0; relevance.len()];
    let mut closest = vec![0.0f64; relevance.len()];
    let mut left: Vec<usize> = (0..relevance.len()).collect();
    loop {
        let value = |i: usize| lambda * relevance[i] - (1.0 - lambda) * closest[i];
        let best = left.iter().enumerate().min_by(|(_, a), (_, b)| {
            descending(value(**a), value(**b)).then_with(|| by_id(**a, **b))
        });
        let Some((index, &picked)) = best else { return Some(scores) };
        if stop() {
            return None;
        }
        scores[picked] = value(picked);
        left.swap_remove(index);
        for &i in &left {
            closest[i] = closest[i].max(cosine(picked, i));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(key: u32, score: f64) -> Fused<u32> {
        Fused { key, score, contributions: Vec::new() }
    }

    #[test]
    fn scored_rows_go_first_and_the_others_follow_as_they_were() {
        let fused = vec![row(5, 0.9), row(4, 0.8), row(3, 0.7), row(2, 0.6), row(1, 0.5)];
        let scores = [Some(-1.0), None, Some(2.0), Some(-1.0)];
        let ranked = reorder(fused, RerankKind::Model, &scores, u32::cmp);
        let indices: Vec<_> = ranked
            .iter()
            .map(|r| {
                let moved = r.reranked.as_ref().expect("moved");
                (r.fused.key, r.score(), moved.from_rank, moved.to_rank, r.reaches(-1.0))
            })
            .collect();
        assert_eq!(
            indices,
            [
                (3, 2.0, 3, 1, true),
                (2, -1.0, 4, 2, true),
                (5, -1.0, 1, 3, true),
                (4, 0.8, 2, 4, false),
                (1, 0.5, 5, 5, false),
            ]
        );
        assert!(Ranked::plain(row(1, 0.5)).reaches(0.5));
        assert!(!Ranked::plain(row(1, 0.5)).reaches(0.6));
    }

    #[test]
    fn mmr_gives_the_worked_out_scores() {
        // Rows 0 and 1 are twins; row 2 is less relevant, and unlike both.
        let relevance = [0.9, 0.8, 0.5];
        let cosine = |a: usize, b: usize| if a + b == 1 { 1.0 } else { -0.5 };
        let scores = |lambda| mmr(&relevance, lambda, cosine, |a, b| a.cmp(&b), || false);
        assert_eq!(scores(1.0), Some(vec![0.9, 0.8, 0.5]));
        assert_eq!(scores(0.5), Some(vec![0.45, 0.5 * 0.8 - 0.5, 0.25]));
        assert_eq!(scores(0.0), Some(vec![0.0, -1.0, 0.0]));
        assert_eq!(mmr(&relevance, 0.5, cosine, |a, b| a.cmp(&b), || true), None);
        assert_eq!(mmr(&[], 0.5, cosine, |a, b| a.cmp(&b), || true), Some(Vec::new()));
    }

    #[test]
    fn numbers_beyond_their_limits_are_told() {
        let late = Rerank::late_interaction;
        for (rerank, expected) in [
            (Rerank::mmr(1.5), "rerank.mmr.lambda"),
            (Rerank::mmr(f64::NAN), "rerank.mmr.lambda"),
            (Rerank::exact().depth(0), "rerank.exact.depth"),
            (Rerank::model().depth(1_001), "1001 is over the limit of 1000"),
            (Rerank::model().budget_ms(60_001), "rerank.model.budget_ms"),
            (late(Vec::new()), "rerank.late_interaction.query_tokens: at least one"),
            (late(vec![vec![1.0]; 257]), "257 is over the limit of 256"),
            (late(vec![vec![1.0], vec![f32::NAN]]), "query_tokens[1][0]: it is not a finite"),
            (late(vec![vec![1.0], vec![0.0]]), "query_tokens[1]: a zero vector"),
            (late(vec![vec![1.0]]).depth(0), "rerank.late_interaction.depth"),
        ] {
            let error = rerank.check().expect_err("must be refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(Rerank::mmr(0.0).budget_ms(0).check(), Ok(()));
    }

    proptest! {
        /// A plain model: pick after pick, every value recomputed.
        #[test]
        fn scores_of_mmr_are_in_the_order_of_its_picks(
            vectors in prop::collection::vec(prop::collection::vec(-3i32..4, 3), 0..14),
            query in prop::collection::vec(-3i32..4, 3),
            lambda in 0.0f64..=1.0,
        ) {
            let cosine = |a: &[i32], b: &[i32]| {
                let dot = |a: &[i32], b: &[i32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
                let lengths = (dot(a, a) * dot(b, b)).sqrt();
                if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
            };
            let relevance: Vec<f64> = vectors.iter().map(|v| cosine(&query, v)).collect();
            let between = |a: usize, b: usize| cosine(&vectors[a], &vectors[b]);
            let scores = mmr(&relevance, lambda, between, |a, b| a.cmp(&b), || false).expect("to the end");
            let mut picks: Vec<usize> = Vec::new();
            while picks.len() < vectors.len() {
                let value = |i: usize| {
                    let closest = picks.iter().map(|&p| between(p, i)).fold(0.0, f64::max);
                    lambda * relevance[i] - (1.0 - lambda) * closest
                };
                let left = (0..vectors.len()).filter(|i| !picks.contains(i));
                let best = left.min_by(|&a, &b| descending(value(a), value(b))).expect("one is left");
                prop_assert_eq!(scores[best].to_bits(), value(best).to_bits());
                picks.push(best);
            }
            let mut order: Vec<usize> = (0..vectors.len()).collect();
            order.sort_by(|&a, &b| descending(scores[a], scores[b]).then(a.cmp(&b)));
            prop_assert_eq!(order, picks);
        }
    }
}
