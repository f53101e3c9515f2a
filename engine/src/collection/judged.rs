//! Many queries at once, for their rankings and for what judgments say of them.

use lexivec_eval::JudgedQuery;
use lexivec_eval::trec::Run;
use lexivec_query::request::SearchRequest;
use rayon::prelude::*;

use super::Collection;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::execute::{self, TuneOptions, TuneReport};

impl Collection {
    /// The rankings of queries, each with its own id, on all threads and all on one generation.
    ///
    /// # Errors
    /// When a query is refused or asks for groups or for hits from a place on, or its reranker does not do its
    /// work: figures of another order than that asked for would tell nothing. Its place is told.
    pub fn rank(&self, queries: &[(String, SearchRequest)]) -> Result<Run> {
        let generation = self.shared.view()?;
        let source = self.source(&generation);
        let rank = |(place, (id, request)): (usize, &(String, SearchRequest))| {
            let ranked = || -> Result<Vec<(String, f64)>> {
                let mut request = self.resolve(request)?.into_owned();
                for (part, is_asked) in
                    [("group_by", request.group_by.is_some()), ("offset", request.offset > 0)]
                {
                    if is_asked {
                        return Err(Error::invalid(part, "a ranking is whole; leave it out"));
                    }
                }
                (request.with_payload, request.with_text) = (false, false);
                let answer = execute::search(&source, &request, Deadline::of(&request))?;
                if let Some(reason) = answer.rerank.and_then(|rerank| rerank.reason) {
                    return Err(Error::invalid("rerank", reason));
                }
                Ok(answer.hits.into_iter().map(|hit| (hit.id, hit.score)).collect())
            };
            Ok((id.clone(), ranked().map_err(|e| e.of_query(place))?))
        };
        queries.par_iter().enumerate().map(rank).collect()
    }

    /// Chooses settings of a search by judged queries, and tells what the choice is worth on queries that
    /// had no part in it. Nothing is saved: [`set_profile`](Self::set_profile) does that.
    ///
    /// # Errors
    /// When a query is refused, they do not all run the same legs, or too few are judged.
    pub fn tune(&self, queries: &[JudgedQuery], options: &TuneOptions) -> Result<TuneReport> {
        let generation = self.shared.view()?;
        execute::tune(&self.source(&generation), queries, options)
    }
}
