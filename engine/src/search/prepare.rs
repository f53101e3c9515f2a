//! Preparation of a request: bound to the collection's fields, with its vectors and its deadline.

use std::time::Duration;

use lexivec_query::SearchRequest;
use lexivec_query::bind::{BoundLeg, BoundRequest, bind};
use lexivec_query::limits::MAX_QUERY_TOKENS;
use lexivec_query::request::Leg;

use super::Searcher;
use crate::deadline::Deadline;
use crate::embed::{check_embedded, check_tokens, token_lists};
use crate::error::{Error, Result};
use crate::fields::check_vector;
use crate::trace::SearchStage;

/// A request prepared for a generation.
#[derive(Clone)]
pub(super) struct Prepared<'a> {
    pub(super) request: &'a SearchRequest,
    pub(super) bound: BoundRequest,
    pub(super) vector: Option<Vec<f32>>,
    /// Token vectors of the request's words, if the model is to make them.
    pub(super) tokens: Option<Vec<Vec<f32>>>,
    pub(super) time: Deadline,
    /// Version of the query adapter that was applied.
    pub(super) adapter: Option<u32>,
    /// Time budget of the rerank, or the rest of it.
    pub(super) rerank_budget: Duration,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(
        request: &'a SearchRequest,
        bound: BoundRequest,
        vector: Option<Vec<f32>>,
        time: Deadline,
    ) -> Self {
        let millis = request.rerank.as_ref().map_or(0, |rerank| rerank.budget_ms);
        let rerank_budget = Duration::from_millis(millis);
        Self { request, bound, vector, tokens: None, time, adapter: None, rerank_budget }
    }

    /// The key by which vector legs are shared.
    pub(super) fn vector_leg(&self) -> Option<(&BoundLeg, &[f32])> {
        Some((self.leg(Leg::Vector)?, self.vector.as_deref()?))
    }

    /// The leg of a kind, if the request runs it.
    pub(super) fn leg(&self, kind: Leg) -> Option<&BoundLeg> {
        self.bound.legs.iter().find(|leg| leg.kind == kind)
    }

    /// Rows that its legs bring, at most.
    pub(super) fn rows(&self) -> usize {
        self.bound.legs.iter().map(|leg| leg.window).sum()
    }

    /// True if both differ only in words and vectors.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let asks = |p: &Self| p.vector_leg().map(|(leg, _)| (leg.vector_field.clone(), leg.window));
        self.request.filter == other.request.filter
            && self.request.params == other.request.params
            && asks(self) == asks(other)
    }
}

impl Searcher {
    pub(super) fn prepare<'r>(
        &self,
        request: &'r SearchRequest,
        time: Deadline,
    ) -> Result<Prepared<'r>> {
        let _stage = self.budget.stage(SearchStage::Prepare);
        let time = time.earlier(self.budget.time());
        time.check()?;
        let bound = bind(request, &self.schema.catalog())?;
        self.handed(request)?;
        let mut vector = self.query_vector(request, &bound)?;
        let mut adapter = None;
        if let Some(vector) = &mut vector {
            let field = bound.query_field.as_deref().unwrap_or_default();
            adapter = self.adapters.apply(request, field, vector)?;
        }
        let tokens = self.query_tokens(request, &bound)?;
        let prepared = Prepared::new(request, bound, vector, time);
        Ok(Prepared { adapter, tokens, ..prepared })
    }

    /// The query vector: given, or embedded from the text. `None` if the model has no embedding for the
    /// text; the vector leg is empty then.
    fn query_vector(
        &self,
        request: &SearchRequest,
        bound: &BoundRequest,
    ) -> Result<Option<Vec<f32>>> {
        let Some(name) = bound.query_field.as_deref() else {
            return Ok(None);
        };
        if let Some(vector) = &request.vector {
            let field = self.schema.vectors.iter().find(|f| f.name == name);
            field
                .map_or(Ok(()), |field| check_vector(field, vector))
                .map_err(|fault| Error::Vector { at: "query vector".to_owned(), fault })?;
            return Ok(Some(vector.clone()));
        }
        if let Some(record) = self.schema.embedder.as_ref().filter(|r| r.field != name) {
            return Err(Error::invalid(
                "vector_field",
                format!(
                    "text is embedded for field {:?} only; give a vector for others",
                    record.field
                ),
            ));
        }
        let Some(model) = &self.embedder else {
            return Err(no_model("give a vector, or ask for the text leg only"));
        };
        let text = request.used_text().unwrap_or_default();
        let vector = model.embed_query(text)?;
        if let Some(vector) = &vector {
            check_embedded(&self.schema, model.as_ref(), vector)?;
        }
        Ok(vector)
    }

    /// The query's token vectors, if the model is to make them: the first [`MAX_QUERY_TOKENS`]; empty
    /// if the model has no embedding for the text.
    fn query_tokens(
        &self,
        request: &SearchRequest,
        bound: &BoundRequest,
    ) -> Result<Option<Vec<Vec<f32>>>> {
        let asked = request.rerank.as_ref().is_some_and(|rerank| rerank.method.embeds_tokens());
        let field = self.schema.tokens.iter().find(|f| Some(&f.name) == bound.token_field.as_ref());
        let Some(field) = field.filter(|_| asked) else {
            return Ok(None);
        };
        let Some(model) = &self.embedder else {
            return Err(no_model("give \"query_tokens\", or leave late interaction out"));
        };
        let text = request.used_text().unwrap_or_default();
        let mut list = token_lists(model.as_ref(), model.embed_query_tokens(text)?)?;
        list.truncate(MAX_QUERY_TOKENS);
        if !list.is_empty() {
            check_tokens(model.as_ref(), field, &list)?;
        }
        Ok(Some(list))
    }
}

fn no_model(instead: &str) -> Error {
    let build = match cfg!(feature = "models") {
        true => "",
        false => {
            " (this build of the library has no built-in models: its cargo feature \"models\" is off)"
        }
    };
    Error::Embedder(format!(
        "the text has to be embedded and the collection's model is not set; set it, {instead}{build}"
    ))
}
