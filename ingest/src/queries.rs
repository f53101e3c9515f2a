//! Queries of a data set with their vectors, as requests to a collection.

use lexivec::SearchRequest;
use lexivec::eval::{JudgedQuery, Qrels};
use lexivec::query::request::Mode;

use crate::beir::Query;
use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// Queries, with a vector for each if they were embedded elsewhere.
#[derive(Debug)]
pub struct Queries {
    /// The queries, in order.
    pub list: Vec<Query>,
    /// Their vectors by id; `None` if the collection's model embeds their words.
    pub vectors: Option<Vectors>,
}

impl Queries {
    /// Removes the queries without a judgment.
    ///
    /// # Errors
    /// [`Error::Input`] if none is left.
    pub fn keep_judged(&mut self, qrels: &Qrels) -> Result<()> {
        self.list.retain(|query| qrels.contains_key(&query.id));
        match self.list.is_empty() {
            true => Err(Error::input("no query of the queries file is judged")),
            false => Ok(()),
        }
    }

    /// Returns a request for each query, with its id. Hits come without payloads.
    ///
    /// # Errors
    /// [`Error::Input`] if there are vectors and a query has none, unless `mode` is [`Mode::Text`].
    pub fn requests(&self, mode: Mode) -> Result<Vec<(String, SearchRequest)>> {
        let request = |query: &Query| {
            let mut request = SearchRequest::text(query.text.as_str()).mode(mode);
            request.with_payload = false;
            if let (Some(vectors), true) = (&self.vectors, mode != Mode::Text) {
                let Some(vector) = vectors.get(&query.id) else {
                    return Err(Error::input(format!("query {:?} has no vector", query.id)));
                };
                request.vector = Some(vector.to_vec());
            }
            Ok((query.id.clone(), request))
        };
        self.list.iter().map(request).collect()
    }

    /// Returns the requests with the judgments of their queries.
    ///
    /// # Errors
    /// Those of [`requests`](Self::requests).
    pub fn judged(&self, mode: Mode, qrels: &Qrels) -> Result<Vec<JudgedQuery>> {
        let judged = |(id, request): (String, SearchRequest)| {
            let judgments = qrels.get(&id).cloned().unwrap_or_default();
            JudgedQuery { id, request, judgments }
        };
        Ok(self.requests(mode)?.into_iter().map(judged).collect())
    }
}
