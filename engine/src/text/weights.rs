//! Weights of text fields in BM25.
//!
//! The joined text has each occurrence of a term once. A field in it with the weight w adds w - 1 of its occurrences to
//! the frequency and w - 1 of its tokens to the length, before BM25 saturates: as if its text stood there w times
//! (Robertson, Zaragoza and Taylor, "Simple BM25 extension to multiple weighted fields", 2004). With weights of 1 it is
//! BM25 of the joined text. Where each field is searched by itself, its weight is a factor on its scores.

use lexivec_query::explain::FieldWeight;
use lexivec_query::request::Bm25;
use tantivy::postings::SegmentPostings;

use super::index::{Lengths, TextIndex};
use super::postings::frequency_at;
use super::query::QueryContext;
use crate::error::Result;

/// Row lengths below this have their length normalisation computed once for a query.
const SHORT: usize = 128;

/// Occurrences of a term in a field of a row, and the field's tokens there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) tf: u32,
    pub(super) length: u32,
}

/// A field of the joined text whose weight is not 1.
pub(super) struct InnerField {
    /// Its index among the indexed fields.
    pub(super) field: usize,
    name: String,
    weight: f64,
}

impl InnerField {
    /// Times that its occurrences count beyond the once of the joined text.
    pub(super) fn more(&self) -> f64 {
        self.weight - 1.0
    }
}

/// A frequency and a length with the weights of fields.
#[derive(Clone, Copy)]
pub(super) struct Weighed {
    tf: f64,
    pub(super) length: f64,
}

impl Weighed {
    #[inline]
    pub(super) fn of(own: Counts) -> Self {
        Self { tf: f64::from(own.tf), length: f64::from(own.length) }
    }

    #[inline]
    fn add(self, more: f64, inner: Counts) -> Self {
        let (tf, length) = (f64::from(inner.tf), f64::from(inner.length));
        Self { tf: self.tf + more * tf, length: self.length + more * length }
    }

    /// The length as an index, if the term occurs once and the length is whole.
    #[inline]
    pub(super) fn once(self) -> Option<usize> {
        let index = self.length as usize;
        (self.tf == 1.0 && index as f64 == self.length).then_some(index)
    }
}

/// A field in which a query is scored: its weight, the fields in it whose weights are others, and its length
/// normalisation `k1 * (1 - b + b * length / average)`.
pub(super) struct ScoredField {
    pub(super) name: String,
    /// Factor on the scores of the field.
    pub(super) weight: f64,
    pub(super) inner: Vec<InnerField>,
    bm25: Bm25,
    average: f64,
    /// Normalisation of whole lengths from 0.
    short: Vec<f64>,
}

impl ScoredField {
    /// The fields of a query, in the order of the indexed ones.
    pub(super) fn all(context: &QueryContext<'_>) -> Vec<Self> {
        (0..context.fields.len()).map(|field| Self::new(field, context)).collect()
    }

    fn new(field: usize, context: &QueryContext<'_>) -> Self {
        let QueryContext { fields, searched, weights, bm25, statistics, .. } = *context;
        let name = |field: usize| fields.get(field).map(|f| f.name.clone()).unwrap_or_default();
        let weight = |field: usize| weights.get(field).copied().unwrap_or(1.0);
        // Fields behind the searched ones are in the joined text, which is the first.
        let inner = if field == 0 { searched..fields.len() } else { 0..0 };
        let inner =
            inner.map(|field| InnerField { field, name: name(field), weight: weight(field) });
        // A field without tokens changes no score.
        let counts = |inner: &InnerField| inner.weight != 1.0 && statistics.has_tokens(inner.field);
        let inner: Vec<InnerField> = inner.filter(counts).collect();
        let mut new = Self {
            name: name(field),
            weight: if field < searched { weight(field) } else { 1.0 },
            average: statistics.average_length(field, &inner),
            inner,
            bm25,
            short: Vec::new(),
        };
        new.short = (0..SHORT).map(|length| new.compute(length as f64)).collect();
        new
    }

    fn compute(&self, length: f64) -> f64 {
        let Bm25 { k1, b } = self.bm25;
        k1 * (1.0 - b + b * length / self.average)
    }

    #[inline]
    fn norm(&self, length: f64) -> f64 {
        let index = length as usize;
        match self.short.get(index) {
            Some(&norm) if index as f64 == length => norm,
            _ => self.compute(length),
        }
    }

    /// The score of a term with this weight in the query, which is its idf and more.
    #[inline]
    pub(super) fn score(&self, factor: f64, row: Weighed) -> f64 {
        // Weights below 1 may leave a rest of rounding.
        if row.tf > 0.0 { factor * row.tf / (row.tf + self.norm(row.length)) } else { 0.0 }
    }

    /// The contributions of a single occurrence, by whole lengths from 0.
    pub(super) fn of_once(&self, factor: f64) -> Vec<f64> {
        let once = |length| Weighed { tf: 1.0, length: length as f64 };
        (0..SHORT).map(|length| self.score(factor, once(length))).collect()
    }

    /// The counts of a row with their weights: those of the field, then those of each field in it.
    pub(super) fn weigh(&self, counts: &[Counts]) -> Weighed {
        let Some((own, inner)) = counts.split_first() else {
            return Weighed::of(Counts::default());
        };
        let add =
            |sum: Weighed, (field, counts): (&InnerField, &Counts)| sum.add(field.more(), *counts);
        self.inner.iter().zip(inner).fold(Weighed::of(*own), add)
    }

    /// The highest score of any row whose frequencies are at most these and whose lengths at least these.
    pub(super) fn most(&self, factor: f64, counts: &[Counts]) -> f64 {
        let mut bound = counts.to_vec();
        for (index, field) in (1..).zip(&self.inner) {
            // A weight below 1 takes away from both: nothing of the one, all of the other.
            if field.more() < 0.0 {
                let inner = bound.get_mut(index).map(std::mem::take);
                if let (Some(own), Some(_)) = (bound.first_mut(), inner) {
                    own.length = 0;
                }
            }
        }
        self.score(factor, self.weigh(&bound))
    }

    /// Indices of the field and of those in it.
    pub(super) fn fields(&self, field: usize) -> Vec<usize> {
        std::iter::once(field).chain(self.inner.iter().map(|inner| inner.field)).collect()
    }

    /// The postings of a term in each field within this one.
    pub(super) fn inner_lists<'a>(
        &'a self,
        index: &'a TextIndex,
        term: &str,
    ) -> Result<Vec<InnerList<'a>>> {
        let list = |inner: &'a InnerField| {
            let (field, more) = (inner.field, inner.more());
            let postings = index.postings(field, term)?;
            Ok(InnerList { more, lengths: index.lengths(field)?, postings })
        };
        self.inner.iter().map(list).collect()
    }

    /// The weights in a contribution, for the ledger.
    pub(super) fn shown(&self, counts: &[Counts]) -> Vec<FieldWeight> {
        let show = |(field, weight, Counts { tf, length }): (&String, f64, Counts)| FieldWeight {
            field: field.clone(),
            weight,
            tf,
            length,
        };
        let own = counts.first().map(|own| (&self.name, self.weight, *own));
        let inner = self.inner.iter().zip(counts.iter().skip(1));
        let inner = inner.map(|(inner, counts)| (&inner.name, inner.weight, *counts));
        own.filter(|own| own.1 != 1.0).into_iter().chain(inner).map(show).collect()
    }
}

/// The postings of a term in a field of the joined text.
pub(super) struct InnerList<'a> {
    more: f64,
    lengths: Lengths<'a>,
    postings: Option<SegmentPostings>,
}

impl InnerList<'_> {
    /// The counts of a row; rows are asked for in ascending order.
    #[inline]
    pub(super) fn counts(&mut self, row: u32) -> Counts {
        Counts { tf: frequency_at(&mut self.postings, row), length: self.lengths.of(row) }
    }

    /// Adds the counts of a row with their weight.
    #[inline]
    pub(super) fn add_to(&mut self, sum: Weighed, row: u32) -> Weighed {
        sum.add(self.more, self.counts(row))
    }
}
