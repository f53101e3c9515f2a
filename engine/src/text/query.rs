//! A question to the text leg, made ready for all segments of a generation.

use lexivec_query::explain::TermScore;
use lexivec_query::query_string;
use lexivec_query::request::{Bm25, Syntax};

use super::clauses::{ClauseQuery, Compiler};
use super::index::TextIndex;
use super::score::{FieldNorms, WordQuery};
use super::statistics::Statistics;
use crate::deadline::Time;
use crate::error::Result;
use crate::schema::TextField;
use crate::segment::RowSet;

/// A text query.
pub(crate) enum TextQuery {
    /// Words, whatever signs are among them.
    Words(WordQuery),
    /// The query language.
    Clauses(ClauseQuery),
}

/// What a query means in a generation.
pub(crate) struct Meaning<'a> {
    pub(crate) fields: &'a [TextField],
    pub(crate) bm25: Bm25,
    pub(crate) statistics: &'a Statistics,
}

impl TextQuery {
    /// Reads a text; `frequency` counts the live rows that have a term of a field.
    pub(crate) fn new(
        text: &str,
        syntax: Syntax,
        meaning: &Meaning<'_>,
        frequency: impl Fn(usize, &str) -> Result<u64>,
    ) -> Result<Self> {
        let Meaning { fields, bm25, statistics } = *meaning;
        let norms = |field| FieldNorms::new(bm25, statistics.average_length(field));
        let norms = (0..fields.len()).map(norms).collect();
        Ok(match syntax {
            Syntax::Words => {
                Self::Words(WordQuery::new(text, fields, norms, statistics, frequency)?)
            }
            Syntax::QueryString => {
                let clauses = query_string::parse(text)?;
                let compiler = Compiler { fields, statistics, frequency };
                Self::Clauses(compiler.query(&clauses, norms)?)
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
        time: Time,
    ) -> Result<Vec<(u32, f64)>> {
        match self {
            Self::Words(query) => query.search(index, wanted, k, rank, time),
            Self::Clauses(query) => query.search(index, wanted, k, rank, time),
        }
    }

    /// True if a term of a field is one of those looked for.
    pub(super) fn looks_for(&self, field: usize, term: &str) -> bool {
        match self {
            Self::Words(query) => query.looks_for(field, term),
            Self::Clauses(query) => query.looks_for(field, term),
        }
    }

    /// What each part adds to the score of one row, in the order in which it is added up.
    pub(crate) fn explain(&self, index: &TextIndex, row: u32) -> Result<Vec<TermScore>> {
        match self {
            Self::Words(query) => query.explain(index, row),
            Self::Clauses(query) => query.explain(index, row),
        }
    }
}
