//! Options of the ranking after the legs: fusion, rerank and threshold.

use lexivec::query::fusion::{FusionKind, Normalize};
use lexivec::query::limits::{DEFAULT_LAMBDA, DEFAULT_RRF_K};
use lexivec::query::request::{Fusion, SearchRequest};
use lexivec::query::rerank::{Rerank, RerankKind};

use crate::exit::{Failure, Outcome};
use crate::values::one_of;

#[derive(clap::Args)]
#[command(next_help_heading = "Ranking")]
pub(crate) struct Ranking {
    /// Method that merges the lists of the legs: reciprocal ranks (rrf), weighted scores, or scores normalized by their
    /// distribution (dbsf); rrf by default.
    #[arg(long, value_parser = one_of(FusionKind::ALL, FusionKind::name))]
    fusion: Option<FusionKind>,
    /// Rank constant of rrf; 60 by default.
    #[arg(long, conflicts_with_all = ["alpha", "normalize"])]
    rrf_k: Option<f64>,
    /// Weight of the vector leg from 0 to 1; the text leg has the rest. Implies --fusion weighted.
    #[arg(long)]
    alpha: Option<f64>,
    /// Normalization of scores before weighted fusion: to 0..1, to mean 0 and standard deviation 1, or none; minmax by
    /// default.
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
        request.fusion = self.fusion()?;
        request.rerank = self.rerank()?;
        request.score_threshold = self.score_threshold;
        Ok(())
    }

    fn fusion(&self) -> Outcome<Fusion> {
        let weighs = self.alpha.is_some() || self.normalize.is_some();
        let fusion = self.fusion.unwrap_or(match weighs {
            true => FusionKind::Weighted,
            false => FusionKind::Rrf,
        });
        if self.rrf_k.is_some() && fusion != FusionKind::Rrf {
            return Err(Failure::usage("--rrf-k is for --fusion rrf"));
        }
        if weighs && fusion != FusionKind::Weighted {
            return Err(Failure::usage("--alpha and --normalize are for --fusion weighted"));
        }
        Ok(match fusion {
            FusionKind::Rrf => Fusion::Rrf { k: self.rrf_k.unwrap_or(DEFAULT_RRF_K) },
            FusionKind::Dbsf => Fusion::Dbsf,
            FusionKind::Weighted => Fusion::Weighted {
                alpha: self.alpha.ok_or_else(|| {
                    Failure::usage("weighted fusion needs --alpha, the weight of the vector leg")
                })?,
                normalize: self.normalize.unwrap_or_default(),
            },
        })
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
            Some(tokens) => Rerank::late_interaction(
                serde_json::from_str(tokens)
                    .map_err(|e| Failure::usage(format!("--query-tokens: {e}")))?,
            ),
        };
        Ok(match &self.token_field {
            Some(name) => rerank.token_field(name),
            None => rerank,
        })
    }
}
