//! A query of the text leg, prepared for all segments of a generation.

use lexivec_query::explain::TermScore;
use lexivec_query::query_string;
use lexivec_query::request::{Bm25, Syntax};
use tantivy::tokenizer::Token;

use super::clauses::{ClauseQuery, Compiler};
use super::expand::Expand;
use super::index::TextIndex;
use super::score::WordQuery;
use super::statistics::Statistics;
use crate::deadline::{Deadline, Watch};
use crate::error::Result;
use crate::rows::RowSet;
use crate::schema::TextField;

/// A text query.
pub(crate) enum TextQuery {
    /// Plain words; signs among them have no meaning.
    Words(WordQuery),
    /// The query language, and plain words that stand for more than themselves.
    Clauses(ClauseQuery),
}

/// The schema and statistics of a generation that a query is prepared with.
pub(crate) struct QueryContext<'a> {
    /// The indexed fields.
    pub(crate) fields: &'a [TextField],
    /// Number of the first ones, in which words are searched; the others are in the joined text.
    pub(crate) searched: usize,
    /// Weights of the indexed fields.
    pub(crate) weights: &'a [f64],
    pub(crate) bm25: Bm25,
    pub(crate) statistics: &'a Statistics,
    pub(crate) expand: Expand<'a>,
}

impl TextQuery {
    /// Parses a text; `doc_freq` returns the number of live rows that have a term of a field.
    pub(crate) fn new(
        text: &str,
        syntax: Syntax,
        context: &QueryContext<'_>,
        doc_freq: impl Fn(usize, &str) -> Result<u64>,
    ) -> Result<Self> {
        Ok(match syntax {
            Syntax::Words => {
                if !context.expand.is_off() {
                    let compiler = Compiler { context, doc_freq: &doc_freq };
                    if let Some(query) = compiler.expanded(text)? {
                        return Ok(Self::Clauses(query));
                    }
                }
                Self::Words(WordQuery::new(text, context, doc_freq)?)
            }
            Syntax::QueryString => {
                let clauses = query_string::parse(text)?;
                Self::Clauses(Compiler { context, doc_freq }.query(&clauses)?)
            }
        })
    }

    /// The `k` best rows of a segment among `wanted`, best first; ties go to the lower rank.
    pub(crate) fn search(
        &self,
        index: &TextIndex,
        wanted: &RowSet,
        k: usize,
        rank: impl Fn(u32) -> Result<u32>,
        deadline: Deadline,
    ) -> Result<Vec<(u32, f64)>> {
        match self {
            Self::Words(query) => query.search(index, wanted, k, rank, deadline),
            Self::Clauses(query) => query.search(index, wanted, k, rank, deadline),
        }
    }

    /// True for each token of a text of these fields that is a match, or is in the match of a phrase.
    pub(super) fn marks(
        &self,
        fields: &[usize],
        tokens: &[Token],
        watch: &mut Watch,
    ) -> Result<Vec<bool>> {
        match self {
            Self::Words(query) => Ok(query.marks(fields, tokens)),
            Self::Clauses(query) => query.marks(fields, tokens, watch),
        }
    }

    /// The contribution of each part to the score of one row, in the order in which they are added up.
    pub(crate) fn explain(
        &self,
        index: &TextIndex,
        row: u32,
        deadline: Deadline,
    ) -> Result<Vec<TermScore>> {
        match self {
            Self::Words(query) => query.explain(index, row),
            Self::Clauses(query) => query.explain(index, row, deadline),
        }
    }
}
