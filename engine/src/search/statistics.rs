//! Term statistics: counted for a request, and given from outside to score with.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lexivec_query::SearchRequest;
use lexivec_query::shards::TermStatistics;

use super::Searcher;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::schema::TextField;
use crate::text::{Expand, Mistyped, Near, QueryContext, Statistics, TextQuery};

impl Searcher {
    /// The counts that the text leg of a request scores with: rows, tokens of each field, and the document frequency
    /// of each term of its text. They are those of the collection, whatever the scope and the filter, or of an
    /// [`isolated`](Self::isolated) view.
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
        let add = |field, term: &str| {
            terms.borrow_mut().insert((field, term.to_owned()));
        };
        let near = |word: &Mistyped<'_>| {
            let near = self.near(word, Deadline::NEVER)?;
            near.keys().for_each(|term| add(word.field, term));
            Ok(near)
        };
        let doc_freq = |field, term: &str| {
            add(field, term);
            Ok(1)
        };
        self.compile(&request, own, doc_freq, &near)?;
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
            let near = |word: &Mistyped<'_>| self.near(word, time);
            return self.compile(request, &self.generation.statistics, doc_freq, &near);
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
        let name = |index: usize| fields.get(index).map(|f| f.name.as_str()).unwrap_or_default();
        let doc_freq = |index, term: &str| {
            let rows = given.frequency(name(index), term);
            rows.ok_or_else(|| lacking(format!("the term {term:?} of field {:?}", name(index))))
        };
        // Every shard takes the terms that all shards together have.
        let near = |word: &Mistyped<'_>| {
            let counted = given.frequencies.get(name(word.field)).into_iter().flatten();
            let near = counted.filter(|(other, _)| word.edits_to(other).is_some());
            Ok(near.map(|(other, rows)| (other.clone(), *rows)).collect())
        };
        self.compile(request, &statistics, doc_freq, &near)
    }

    fn compile(
        &self,
        request: &SearchRequest,
        statistics: &Statistics,
        doc_freq: impl Fn(usize, &str) -> Result<u64>,
        near: &Near<'_>,
    ) -> Result<TextQuery> {
        let words = request.used_text().unwrap_or_default();
        let bm25 = request.bm25.unwrap_or(self.schema.bm25);
        let fields = &self.schema.indexed_fields();
        let weight = |field: &TextField| {
            let asked = request.field_weights.get(&field.name).copied();
            asked.or(field.weight).unwrap_or(1.0)
        };
        let weights: Vec<f64> = fields.iter().map(weight).collect();
        let synonyms = Some(self.synonyms.as_ref()).filter(|_| request.synonyms);
        let context = QueryContext {
            fields,
            searched: self.schema.searched_fields(),
            weights: &weights,
            bm25,
            statistics,
            expand: Expand { synonyms, typos: request.typos, near },
        };
        TextQuery::new(words, request.syntax, &context, doc_freq)
    }

    /// The terms that a word may have been meant to be, and the live rows that have each.
    pub(super) fn near(
        &self,
        word: &Mistyped<'_>,
        time: Deadline,
    ) -> Result<BTreeMap<String, u64>> {
        let mut near = BTreeMap::new();
        for live in &self.generation.segments {
            for (term, rows) in live.near(word.field, word.term, word.edits, time)? {
                *near.entry(term).or_default() += rows;
            }
        }
        for term in &word.by_ending {
            time.check()?;
            if !near.contains_key(term) {
                let rows = self.doc_freq(word.field, term)?;
                near.extend((rows > 0).then(|| (term.clone(), rows)));
            }
        }
        Ok(near)
    }

    /// Live rows of the generation that have a term.
    fn doc_freq(&self, field: usize, term: &str) -> Result<u64> {
        let segments = self.generation.segments.iter();
        segments.map(|live| live.doc_freq(field, term)).sum()
    }
}
