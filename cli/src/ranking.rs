//! The options of what happens after the legs: fusion, rerank and threshold.

use clap::ValueEnum;
use lexivec::query::limits::DEFAULT_LAMBDA;
use lexivec::query::limits::DEFAULT_RRF_K;
use lexivec::query::request::{Fusion, Normalize, SearchRequest};
use lexivec::query::rerank::Rerank;

use crate::exit::{Failure, Outcome};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FusionArg {
    /// Reciprocal ranks.
    Rrf,
    /// Weighted scores.
    Weighted,
    /// Scores by their distribution.
    Dbsf,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum NormalizeArg {
    /// To 0..1 between the lowest and the highest.
    Minmax,
    /// To mean 0 and standard deviation 1.
    Zscore,
    /// Not at all.
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RerankArg {
    /// Diversity.
    Mmr,
    /// Exact similarity of vectors.
    Exact,
    /// Token vectors of the query against those of documents (MaxSim).
    #[value(alias = "late_interaction")]
    LateInteraction,
    /// The cross-encoder of --rerank-model.
    Model,
}

#[derive(clap::Args)]
pub(crate) struct Ranking {
    /// How the legs' lists become one; rrf if not given.
    #[arg(long, value_enum)]
    pub(crate) fusion: Option<FusionArg>,
    /// The rank constant of rrf; 60 if not given.
    #[arg(long, conflicts_with_all = ["alpha", "normalize"])]
    pub(crate) rrf_k: Option<f64>,
    /// Share of the vector leg in weighted fusion, which it chooses.
    #[arg(long)]
    pub(crate) alpha: Option<f64>,
    /// How weighted fusion makes scores comparable; minmax if not given.
    #[arg(long, value_enum)]
    pub(crate) normalize: Option<NormalizeArg>,
    /// Order the best of the fused list anew.
    #[arg(long, value_enum)]
    pub(crate) rerank: Option<RerankArg>,
    /// Share of relevance in mmr, the rest is novelty; 0.5 if not given.
    #[arg(long, requires = "rerank")]
    pub(crate) mmr_lambda: Option<f64>,
    /// Token vectors of the query for late-interaction, as a JSON array of arrays. The collection's model makes
    /// them if they are left out.
    #[arg(long, value_name = "JSON", requires = "rerank")]
    pub(crate) query_tokens: Option<String>,
    /// Token field for late-interaction; the model's, or the collection's only one, if not named.
    #[arg(long, value_name = "NAME", requires = "rerank")]
    pub(crate) token_field: Option<String>,
    /// Hits that the rerank sees; 100 if not given.
    #[arg(long, requires = "rerank")]
    pub(crate) rerank_depth: Option<usize>,
    /// Milliseconds that the rerank may take; 1000 if not given.
    #[arg(long, requires = "rerank")]
    pub(crate) rerank_budget_ms: Option<u64>,
    /// Leave out hits whose final score is below.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) score_threshold: Option<f64>,
}

impl Ranking {
    /// Sets what is given in a request.
    pub(crate) fn apply(&self, request: &mut SearchRequest) -> Outcome<()> {
        request.fusion = self.fusion()?;
        request.rerank = self.rerank()?;
        request.score_threshold = self.score_threshold;
        Ok(())
    }

    fn fusion(&self) -> Outcome<Fusion> {
        let weighs = self.alpha.is_some() || self.normalize.is_some();
        let fusion = self.fusion.unwrap_or(match weighs {
            true => FusionArg::Weighted,
            false => FusionArg::Rrf,
        });
        if self.rrf_k.is_some() && fusion != FusionArg::Rrf {
            return Err(Failure::usage("--rrf-k is for --fusion rrf"));
        }
        if weighs && fusion != FusionArg::Weighted {
            return Err(Failure::usage("--alpha and --normalize are for --fusion weighted"));
        }
        Ok(match fusion {
            FusionArg::Rrf => Fusion::Rrf { k: self.rrf_k.unwrap_or(DEFAULT_RRF_K) },
            FusionArg::Dbsf => Fusion::Dbsf,
            FusionArg::Weighted => Fusion::Weighted {
                alpha: self.alpha.ok_or_else(|| {
                    Failure::usage("weighted fusion needs --alpha, the share of the vector leg")
                })?,
                normalize: match self.normalize {
                    None | Some(NormalizeArg::Minmax) => Normalize::MinMax,
                    Some(NormalizeArg::Zscore) => Normalize::ZScore,
                    Some(NormalizeArg::None) => Normalize::None,
                },
            },
        })
    }

    fn rerank(&self) -> Outcome<Option<Rerank>> {
        if self.mmr_lambda.is_some() && self.rerank != Some(RerankArg::Mmr) {
            return Err(Failure::usage("--mmr-lambda is for --rerank mmr"));
        }
        let tokens = [("--query-tokens", &self.query_tokens), ("--token-field", &self.token_field)];
        for (option, given) in tokens {
            if given.is_some() && self.rerank != Some(RerankArg::LateInteraction) {
                return Err(Failure::usage(format!("{option} is for --rerank late-interaction")));
            }
        }
        let rerank = match self.rerank {
            None => return Ok(None),
            Some(RerankArg::Mmr) => Rerank::mmr(self.mmr_lambda.unwrap_or(DEFAULT_LAMBDA)),
            Some(RerankArg::Exact) => Rerank::exact(),
            Some(RerankArg::LateInteraction) => self.late_interaction()?,
            Some(RerankArg::Model) => Rerank::model(),
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
