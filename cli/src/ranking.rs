//! Options of the ranking after the legs: fusion, rerank and threshold.

use lexivec::query::fusion::{FusionKind, Normalize};
use lexivec::query::limits::{DEFAULT_LAMBDA, DEFAULT_RRF_K};
use lexivec::query::request::{Fusion, SearchRequest};
use lexivec::query::rerank::{Rerank, RerankKind};

use crate::exit::{Failure, Outcome};
use crate::values::{field_weight, json, one_of};

#[derive(clap::Args)]
#[command(next_help_heading = "Ranking")]
pub(crate) struct Ranking {
    /// Weight of a text field, as title=2: the number of times that its words count; may be repeated. By default that of
    /// the collection.
    #[arg(long, value_name = "FIELD=WEIGHT", value_parser = field_weight)]
    field_weight: Vec<(String, f64)>,
    /// Method that merges the lists of the legs: reciprocal ranks (rrf), weighted scores, or scores normalized by their
    /// distribution (dbsf). By default the collection's, usually weighted z-scores of complete scores.
    #[arg(long, value_parser = one_of(FusionKind::ALL, FusionKind::name))]
    fusion: Option<FusionKind>,
    /// Score every candidate by every leg before --fusion, also those that a leg did not find itself.
    #[arg(long, requires = "fusion")]
    complete: bool,
    /// Rank constant of rrf; 60 by default.
    #[arg(long, conflicts_with_all = ["alpha", "normalize"])]
    rrf_k: Option<f64>,
    /// Weight of the vector leg from 0 to 1; the text leg has the rest. Without --fusion, over complete z-scores.
    #[arg(long)]
    alpha: Option<f64>,
    /// Normalization of scores before weighted fusion: to 0..1, to mean 0 and standard deviation 1, or none; minmax by
    /// default. Implies --fusion weighted.
    #[arg(long, value_parser = one_of(Normalize::ALL, Normalize::name))]
    normalize: Option<Normalize>,
    /// Reorder the best hits: for diversity (mmr), by exact similarity of vectors (exact), by token vectors
    /// (late-interaction, MaxSim), or by the cross-encoder of --rerank-model (model).
    #[arg(long, value_parser = one_of(RerankKind::ALL, RerankKind::name))]
    pub(crate) rerank: Option<RerankKind>,
    /// Weight of relevance in mmr from 0 to 1, novelty has the rest; 0.5 by default.
    #[arg(long, requires = "rerank")]
    mmr_lambda: Option<f64>,
    /// Token vectors of the query for late-interaction, as a JSON array of arrays. Without them, the collection's model
    /// makes them.
    #[arg(long, value_name = "JSON", requires = "rerank")]
    query_tokens: Option<String>,
    /// Token field for late-interaction; by default that of the model, or the only one.
    #[arg(long, value_name = "NAME", requires = "rerank")]
    token_field: Option<String>,
    /// Number of hits that are reordered; 100 by default.
    #[arg(long, requires = "rerank")]
    rerank_depth: Option<usize>,
    /// Time limit of the reranking in milliseconds, after which the order stays; 1000 by default.
    #[arg(long, requires = "rerank")]
    rerank_budget_ms: Option<u64>,
    /// Omit hits with a lower final score.
    #[arg(long, allow_negative_numbers = true)]
    score_threshold: Option<f64>,
}

impl Ranking {
    /// Sets the given options in a request.
    pub(crate) fn apply(&self, request: &mut SearchRequest) -> Outcome<()> {
        request.field_weights = self.field_weight.iter().cloned().collect();
        request.fusion = self.fusion()?;
        request.rerank = self.rerank()?;
        request.score_threshold = self.score_threshold;
        Ok(())
    }

    /// The fusion that the options name; `None` for the collection's.
    fn fusion(&self) -> Outcome<Option<Fusion>> {
        let weighs = self.alpha.is_some() || self.normalize.is_some();
        if self.rrf_k.is_some() && self.fusion != Some(FusionKind::Rrf) {
            return Err(Failure::usage("--rrf-k is for --fusion rrf"));
        }
        if weighs && self.fusion.is_some_and(|fusion| fusion != FusionKind::Weighted) {
            return Err(Failure::usage("--alpha and --normalize are for --fusion weighted"));
        }
        let alpha = || {
            let missing = "weighted fusion needs --alpha, the weight of the vector leg";
            self.alpha.ok_or_else(|| Failure::usage(missing))
        };
        let fusion = match self.fusion.or(self.normalize.map(|_| FusionKind::Weighted)) {
            None => return Ok(self.alpha.map(Fusion::scores)),
            Some(FusionKind::Rrf) => Fusion::rrf(self.rrf_k.unwrap_or(DEFAULT_RRF_K)),
            Some(FusionKind::Dbsf) => Fusion::dbsf(),
            Some(FusionKind::Weighted) => {
                Fusion::weighted(alpha()?, self.normalize.unwrap_or_default())
            }
        };
        Ok(Some(if self.complete { fusion.completed() } else { fusion }))
    }

    fn rerank(&self) -> Outcome<Option<Rerank>> {
        if self.mmr_lambda.is_some() && self.rerank != Some(RerankKind::Mmr) {
            return Err(Failure::usage("--mmr-lambda is for --rerank mmr"));
        }
        let tokens = [("--query-tokens", &self.query_tokens), ("--token-field", &self.token_field)];
        for (option, given) in tokens {
            if given.is_some() && self.rerank != Some(RerankKind::LateInteraction) {
                return Err(Failure::usage(format!("{option} is for --rerank late-interaction")));
            }
        }
        let rerank = match self.rerank {
            None => return Ok(None),
            Some(RerankKind::Mmr) => Rerank::mmr(self.mmr_lambda.unwrap_or(DEFAULT_LAMBDA)),
            Some(RerankKind::Exact) => Rerank::exact(),
            Some(RerankKind::LateInteraction) => self.late_interaction()?,
            Some(RerankKind::Model) => Rerank::model(),
        };
        let depth = self.rerank_depth.unwrap_or(rerank.depth);
        let budget_ms = self.rerank_budget_ms.unwrap_or(rerank.budget_ms);
        Ok(Some(rerank.depth(depth).budget_ms(budget_ms)))
    }

    fn late_interaction(&self) -> Outcome<Rerank> {
        let rerank = match &self.query_tokens {
            None => Rerank::late_interaction_by_model(),
            Some(tokens) => Rerank::late_interaction(json("--query-tokens", tokens)?),
        };
        Ok(match &self.token_field {
            Some(name) => rerank.token_field(name),
            None => rerank,
        })
    }
}
