//! Term statistics: counted for a request, and given from outside to score with.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use lexivec_query::SearchRequest;
use lexivec_query::shards::TermStatistics;

use super::Searcher;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::text::{QueryContext, Statistics, TextQuery};

impl Searcher {
    /// The counts that the text leg of a request scores with: rows, tokens of each field, and the document frequency
    /// of each term of its text. They are those of the collection, whatever the scope and the filter.
    ///
    /// Those of several shards are added, and [`with_statistics`](Self::with_statistics) scores with the sum. Words
    /// that a prefix or a fuzzy word stands for are not counted: each of them scores by its boost alone.
    ///
    /// # Errors
    /// When the text is no query, or a touched block is damaged.
    pub fn term_statistics(&self, request: &SearchRequest) -> Result<TermStatistics> {
        let request = self.resolve(request)?;
        let fields = self.schema.indexed_fields();
        let own = &self.generation.statistics;
        let mut counted = TermStatistics { documents: own.live, ..TermStatistics::default() };
        for (field, tokens) in fields.iter().zip(&own.tokens) {
            counted.tokens.insert(field.name.clone(), *tokens);
        }
        if request.text.is_none() {
            return Ok(counted);
        }
        // The query is compiled once to learn its terms: as if each were in one row.
        let terms = RefCell::new(BTreeSet::new());
        self.compile(&request, own, |field, term| {
            terms.borrow_mut().insert((field, term.to_owned()));
            Ok(1)
        })?;
        for (index, term) in terms.into_inner() {
            let Some(field) = fields.get(index) else { continue };
            let rows = self.doc_freq(index, &term)?;
            counted.frequencies.entry(field.name.clone()).or_default().insert(term, rows);
        }
        Ok(counted)
    }

    /// A view whose BM25 scores use these statistics instead of those of its rows.
    #[must_use]
    pub fn with_statistics(&self, statistics: TermStatistics) -> Self {
        Self { statistics: Some(Arc::new(statistics)), ..self.clone() }
    }

    /// Compiles the text of a request; of a long one the rows of thousands of terms are counted.
    pub(super) fn text_query(&self, request: &SearchRequest, time: Deadline) -> Result<TextQuery> {
        let Some(given) = &self.statistics else {
            let doc_freq = |field: usize, term: &str| {
                time.check()?;
                self.doc_freq(field, term)
            };
            return self.compile(request, &self.generation.statistics, doc_freq);
        };
        let fields = self.schema.indexed_fields();
        let lacking = |what: String| {
            let detail = format!("they lack {what}; count them for this request on every shard");
            Error::invalid("statistics", detail)
        };
        let tokens = fields.iter().map(|field| {
            let tokens = given.tokens.get(&field.name).copied();
            tokens.ok_or_else(|| lacking(format!("the tokens of field {:?}", field.name)))
        });
        let statistics =
            Statistics { live: given.documents, tokens: tokens.collect::<Result<_>>()? };
        self.compile(request, &statistics, |index, term| {
            let name = fields.get(index).map(|f| f.name.as_str()).unwrap_or_default();
            let rows = given.frequency(name, term);
            rows.ok_or_else(|| lacking(format!("the term {term:?} of field {name:?}")))
        })
    }

    fn compile(
        &self,
        request: &SearchRequest,
        statistics: &Statistics,
        doc_freq: impl Fn(usize, &str) -> Result<u64>,
    ) -> Result<TextQuery> {
        let words = request.used_text().unwrap_or_default();
        let bm25 = request.bm25.unwrap_or(self.schema.bm25);
        let fields = &self.schema.indexed_fields();
        TextQuery::new(words, request.syntax, &QueryContext { fields, bm25, statistics }, doc_freq)
    }

    /// Live rows of the generation that have a term.
    fn doc_freq(&self, field: usize, term: &str) -> Result<u64> {
        let segments = self.generation.segments.iter();
        segments.map(|live| live.doc_freq(field, term)).sum()
    }
}
