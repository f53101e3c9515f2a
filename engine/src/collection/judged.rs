//! Many queries at once, for their rankings and for what judgments say of them.

use lexivec_query::evaluate::trec::Run;
use lexivec_query::request::SearchRequest;
use rayon::prelude::*;

use super::Collection;
use crate::deadline::Time;
use crate::error::Result;
use crate::execute::{self, JudgedQuery, TuneOptions, TuneReport};

impl Collection {
    /// The rankings of queries, each with its own id, on all threads and all on one generation.
    ///
    /// # Errors
    /// When a query is refused; its place is told.
    pub fn rank(&self, queries: &[(String, SearchRequest)]) -> Result<Run> {
        let generation = self.shared.view()?;
        let source = self.source(&generation);
        let rank = |(place, (id, request)): (usize, &(String, SearchRequest))| {
            let mut request = self.resolve(request)?.into_owned();
            (request.with_payload, request.with_text) = (false, false);
            let answer = execute::search(&source, &request, Time::of(&request));
            let answer = answer.map_err(|e| e.of_query(place))?;
            Ok((id.clone(), answer.hits.into_iter().map(|hit| (hit.id, hit.score)).collect()))
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
