//! BM25 statistics of the live rows of a generation: the same for every layout of the same rows.

use lexivec_storage::codec::{Decoder, Encoder};
#[cfg(test)]
use tantivy::query::Bm25StatisticsProvider;
#[cfg(test)]
use tantivy::schema::Field;

use super::weights::InnerField;
use crate::error::{Result, corrupt};
use crate::limits::MAX_DOCUMENT_BYTES;

/// The counts that one segment adds to the statistics: its live rows and their tokens, per indexed field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentStatistics {
    pub(crate) live: u32,
    /// Tokens of the live rows, per indexed field.
    pub(crate) tokens: Vec<u64>,
}

impl SegmentStatistics {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.u32(self.live);
        out.u32(self.tokens.len() as u32);
        for &tokens in &self.tokens {
            out.u64(tokens);
        }
        out.into_bytes()
    }

    pub(crate) fn from_bytes(file: &str, bytes: &[u8], fields: usize) -> Result<Self> {
        let mut input = Decoder::new(file, bytes);
        let live = input.u32()?;
        let count = input.u32()? as usize;
        if count != fields {
            return Err(corrupt(file, "statistics", "another number of text fields"));
        }
        let tokens =
            (0..count).map(|_| input.u64()).collect::<lexivec_storage::Result<Vec<u64>>>()?;
        input.finish()?;
        // A token has at least one byte. Without the bound, sums over segments could overflow.
        if tokens.iter().any(|&n| n > u64::from(live) * MAX_DOCUMENT_BYTES as u64) {
            return Err(corrupt(file, "statistics", "more tokens than the rows can have"));
        }
        Ok(Self { live, tokens })
    }
}

/// Statistics of a whole generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) live: u64,
    /// Tokens of the live rows, per indexed field.
    pub(crate) tokens: Vec<u64>,
}

impl Statistics {
    pub(crate) fn sum<'a>(
        fields: usize,
        segments: impl Iterator<Item = &'a SegmentStatistics>,
    ) -> Self {
        let mut all = Self { live: 0, tokens: vec![0; fields] };
        for segment in segments {
            all.live += u64::from(segment.live);
            for (sum, tokens) in all.tokens.iter_mut().zip(&segment.tokens) {
                *sum += tokens;
            }
        }
        all
    }

    /// True if any live row has a token in a field.
    pub(super) fn has_tokens(&self, field: usize) -> bool {
        self.tokens.get(field).is_some_and(|&tokens| tokens > 0)
    }

    /// Mean length of a field over all live rows, with the weights of the fields in it; 1 if there are no tokens, as
    /// nothing is divided by it then.
    pub(super) fn average_length(&self, field: usize, inner: &[InnerField]) -> f64 {
        let tokens = |field: usize| self.tokens.get(field).copied().unwrap_or(0) as f64;
        let add = |sum: f64, inner: &InnerField| sum + inner.more() * tokens(inner.field);
        let length = inner.iter().fold(tokens(field), add);
        if length > 0.0 { length / self.live as f64 } else { 1.0 }
    }

    /// Inverse document frequency of a term that `doc_freq` live rows have:
    /// ln(1 + (N - n + 0.5) / (n + 0.5)), as Lucene has it.
    pub(crate) fn idf(&self, doc_freq: u64) -> f64 {
        let (n, all) = (doc_freq as f64, self.live as f64);
        (1.0 + (all - n + 0.5) / (n + 0.5)).ln()
    }
}

/// The statistics in the form that tantivy's scorer reads, so that a test compares it with ours.
#[cfg(test)]
pub(crate) struct Provider<'a> {
    pub(crate) statistics: &'a Statistics,
    pub(crate) doc_freq: &'a dyn Fn(&tantivy::Term) -> tantivy::Result<u64>,
}

#[cfg(test)]
impl Bm25StatisticsProvider for Provider<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        Ok(self.statistics.tokens.get(field.field_id() as usize).copied().unwrap_or(0))
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.statistics.live)
    }

    fn doc_freq(&self, term: &tantivy::Term) -> tantivy::Result<u64> {
        (self.doc_freq)(term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_counts_are_damage() {
        let most = 3 * MAX_DOCUMENT_BYTES as u64;
        for (tokens, readable) in [(0, true), (most, true), (most + 1, false), (u64::MAX, false)] {
            let written = SegmentStatistics { live: 3, tokens: vec![1, tokens] };
            let read = SegmentStatistics::from_bytes("file", &written.to_bytes(), 2);
            assert_eq!(read.ok(), readable.then_some(written), "{tokens}");
        }
    }
}
