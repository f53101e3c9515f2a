//! Batches of judged queries: their rankings, and tuning by judgments.

use lexivec_eval::trec::Run;
use lexivec_query::answer::Hit;
use lexivec_query::request::SearchRequest;
use rayon::prelude::*;

use super::Searcher;
use crate::deadline::Deadline;
use crate::error::{Error, Result};

impl Searcher {
    /// The rankings of queries, each with its id, computed on all threads from one generation.
    ///
    /// # Errors
    /// When a query is refused, asks for groups or an offset, or its reranker fails: measures of
    /// another order than the requested one would be wrong. The error has the query's index.
    pub fn rank(&self, queries: &[(String, SearchRequest)]) -> Result<Run> {
        let rank = |(index, (id, request)): (usize, &(String, SearchRequest))| {
            let ranked = || -> Result<Vec<(String, f64)>> {
                let mut request = self.resolve(request)?.into_owned();
                for (part, is_asked) in
                    [("group_by", request.group_by.is_some()), ("offset", request.offset > 0)]
                {
                    if is_asked {
                        return Err(Error::invalid(
                            part,
                            "a ranking begins with its first hit and has no groups; leave it out",
                        ));
                    }
                }
                (request.with_payload, request.with_text) = (false, false);
                // Its hits are in memory for a moment; the ranking stays.
                let one = self.within(self.budget.renewed());
                let answer = one.search_until(&request, Deadline::of(&request))?;
                if let Some(reason) = answer.rerank.and_then(|rerank| rerank.reason) {
                    return Err(Error::invalid("rerank", reason));
                }
                // Collected from the hits, the list would keep their memory.
                let mut ranking = Vec::with_capacity(answer.hits.len());
                for Hit { id, score, .. } in answer.hits {
                    self.budget.charge_ranked(&id)?;
                    ranking.push((id, score));
                }
                Ok(ranking)
            };
            Ok((id.clone(), ranked().map_err(|e| e.of_query(index))?))
        };
        queries.par_iter().enumerate().map(rank).collect()
    }
}
