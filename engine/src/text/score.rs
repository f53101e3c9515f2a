//! BM25 over one segment: exact scores, the same in every layout, pruned by MaxScore.
//!
//! A score is the sum, in the order of the query's terms, of
//! `count * idf * tf / (tf + k1 * (1 - b + b * length / average))` in double precision, with exact
//! lengths (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond",
//! 2009, in Lucene's form). Pruning: Turtle and Flood, "Query evaluation: strategies and
//! optimizations", 1995.

use lexivec_query::explain::TermScore;
use lexivec_query::topk::TopK;
use tantivy::DocSet;
use tantivy::postings::SegmentPostings;

use super::analyzer::Analysis;
use super::index::{TextIndex, term_frequency};
use super::statistics::Statistics;
use crate::error::Result;
use crate::schema::TextField;
use crate::segment::RowSet;

/// Term frequency saturation; Lucene's default.
const K1: f64 = 1.2;
/// Length normalisation; Lucene's default.
const B: f64 = 0.75;
/// Upper bounds are raised by this much before they prune: they are sums in another order than
/// the scores, and may differ from them in the last bits.
const BOUND_SLACK: f64 = 1.0 + 1e-9;
/// The filter drives instead of the postings when it has fewer rows than this share (1/8) of the
/// postings: a seek costs about as much as eight steps.
const SEEK_COST: u64 = 8;

/// A text query: distinct terms, in the order in which their contributions are added.
pub(crate) struct TextQuery {
    terms: Vec<QueryTerm>,
    average_lengths: Vec<f64>,
}

struct QueryTerm {
    field: usize,
    field_name: String,
    text: String,
    /// Times the term is in the query.
    count: f64,
    idf: f64,
}

impl TextQuery {
    /// Analyzes the words for every field; `frequency` counts the live rows that have a term.
    pub(crate) fn new(
        words: &str,
        fields: &[TextField],
        statistics: &Statistics,
        frequency: impl Fn(usize, &str) -> Result<u64>,
    ) -> Result<Self> {
        let mut terms: Vec<QueryTerm> = Vec::new();
        for (field, settings) in fields.iter().enumerate() {
            for token in Analysis::new(&settings.analyzer).tokens(words) {
                let known = terms.iter_mut().find(|t| t.field == field && t.text == token.text);
                if let Some(known) = known {
                    known.count += 1.0;
                    continue;
                }
                let found = frequency(field, &token.text)?;
                if found > 0 {
                    terms.push(QueryTerm {
                        field,
                        field_name: settings.name.clone(),
                        text: token.text,
                        count: 1.0,
                        idf: statistics.idf(found),
                    });
                }
            }
        }
        let average_lengths = (0..fields.len()).map(|f| statistics.average_length(f)).collect();
        Ok(Self { terms, average_lengths })
    }

    /// What a term adds to the score of a row with this frequency and length.
    #[inline]
    fn contribution(&self, term: &QueryTerm, tf: u32, length: u32) -> f64 {
        let average = self.average_lengths.get(term.field).copied().unwrap_or(1.0);
        let tf = f64::from(tf);
        term.count * term.idf * tf / (tf + K1 * (1.0 - B + B * f64::from(length) / average))
    }

    /// The `k` best rows of a segment among `wanted`, best first; ties go to the lower rank.
    pub(crate) fn search(
        &self,
        index: &TextIndex,
        wanted: &RowSet,
        k: usize,
        rank: impl Fn(u32) -> Result<u32>,
    ) -> Result<Vec<(u32, f64)>> {
        let mut lists = Vec::with_capacity(self.terms.len());
        for (place, term) in self.terms.iter().enumerate() {
            if let Some(postings) = index.postings(term.field, &term.text)? {
                // A row has at least as many tokens as the term has occurrences in it, and under
                // that limit a contribution grows with the frequency.
                let most = index.max_frequency(term.field);
                let bound = self.contribution(term, most, most);
                lists.push(List { place, postings, bound });
            }
        }
        let mut top = TopK::new(k);
        let total: u64 = lists.iter().map(|l| u64::from(l.postings.doc_freq())).sum();
        let mut scorer = Scorer { query: self, index, parts: vec![0.0; self.terms.len()] };
        if u64::from(wanted.count()) * SEEK_COST < total {
            scorer.drive_by_filter(lists, wanted, &rank, &mut top)?;
        } else {
            scorer.drive_by_postings(lists, wanted, &rank, &mut top)?;
        }
        Ok(top.into_sorted().into_iter().map(|(score, (_, row))| (row, score)).collect())
    }

    /// Every term's share of the score of one row; terms the row lacks are left out.
    pub(crate) fn explain(&self, index: &TextIndex, row: u32) -> Result<Vec<TermScore>> {
        let mut parts = Vec::new();
        for term in &self.terms {
            let Some(mut postings) = index.postings(term.field, &term.text)? else {
                continue;
            };
            if reach(&mut postings, row) {
                let (tf, length) = (term_frequency(&postings), index.length(term.field, row)?);
                parts.push(TermScore {
                    field: term.field_name.clone(),
                    term: term.text.clone(),
                    idf: term.idf,
                    tf,
                    length,
                    contribution: self.contribution(term, tf, length),
                });
            }
        }
        Ok(parts)
    }
}

/// Moves postings on to a row; true if the term occurs in it.
#[inline]
fn reach(postings: &mut SegmentPostings, row: u32) -> bool {
    // A seek must not go back.
    if postings.doc() < row {
        postings.seek(row);
    }
    postings.doc() == row
}

/// The postings of one term, and the most it can add to any score.
struct List {
    place: usize,
    postings: SegmentPostings,
    bound: f64,
}

struct Scorer<'a> {
    query: &'a TextQuery,
    index: &'a TextIndex,
    /// Contributions to the current row, by the terms' places in the query.
    parts: Vec<f64>,
}

type RankedRow = (u32, u32);

impl Scorer<'_> {
    /// Scores the wanted rows one by one.
    fn drive_by_filter(
        &mut self,
        mut lists: Vec<List>,
        wanted: &RowSet,
        rank: &impl Fn(u32) -> Result<u32>,
        top: &mut TopK<RankedRow>,
    ) -> Result<()> {
        for row in wanted.iter() {
            let mut any = false;
            self.parts.fill(0.0);
            for list in &mut lists {
                if reach(&mut list.postings, row) {
                    any = true;
                    self.take(list, row)?;
                }
            }
            if any {
                self.offer(row, rank, top)?;
            }
        }
        Ok(())
    }

    /// Walks the postings in row order; lists whose bounds together cannot reach the k-th score
    /// are only asked about rows that the others bring.
    fn drive_by_postings(
        &mut self,
        mut lists: Vec<List>,
        wanted: &RowSet,
        rank: &impl Fn(u32) -> Result<u32>,
        top: &mut TopK<RankedRow>,
    ) -> Result<()> {
        lists.sort_by(|a, b| a.bound.total_cmp(&b.bound).then(a.place.cmp(&b.place)));
        let bounds: Vec<f64> = lists
            .iter()
            .scan(0.0, |sum, l| {
                *sum += l.bound;
                Some(*sum * BOUND_SLACK)
            })
            .collect();
        let mut essential = 0;
        loop {
            let next = lists[essential..].iter().map(|l| l.postings.doc()).min();
            let Some(row) = next.filter(|&row| row < self.index.rows()) else {
                return Ok(());
            };
            let is_wanted = wanted.contains(row);
            self.parts.fill(0.0);
            let mut sum = 0.0;
            for list in &mut lists[essential..] {
                if list.postings.doc() == row {
                    if is_wanted {
                        sum += self.take(list, row)?;
                    }
                    list.postings.advance();
                }
            }
            if !is_wanted || !self.complete(&mut lists[..essential], &bounds, row, sum, top)? {
                continue;
            }
            self.offer(row, rank, top)?;
            if let Some(threshold) = top.threshold() {
                // `<`: a row that ties with the k-th may still win by its id.
                while essential < lists.len() && bounds[essential] < threshold {
                    essential += 1;
                }
            }
        }
    }

    /// Adds what the pruned lists have for a row; false as soon as it cannot enter any more.
    fn complete(
        &mut self,
        pruned: &mut [List],
        bounds: &[f64],
        row: u32,
        mut sum: f64,
        top: &TopK<RankedRow>,
    ) -> Result<bool> {
        let Some(threshold) = top.threshold() else {
            return Ok(true);
        };
        for (i, list) in pruned.iter_mut().enumerate().rev() {
            if (sum + bounds[i]) * BOUND_SLACK < threshold {
                return Ok(false);
            }
            if reach(&mut list.postings, row) {
                sum += self.take(list, row)?;
            }
        }
        Ok(true)
    }

    fn take(&mut self, list: &List, row: u32) -> Result<f64> {
        let term = &self.query.terms[list.place];
        let length = self.index.length(term.field, row)?;
        let part = self.query.contribution(term, term_frequency(&list.postings), length);
        self.parts[list.place] = part;
        Ok(part)
    }

    fn offer(
        &self,
        row: u32,
        rank: &impl Fn(u32) -> Result<u32>,
        top: &mut TopK<RankedRow>,
    ) -> Result<()> {
        let score: f64 = self.parts.iter().sum();
        if top.threshold().is_none_or(|t| score >= t) {
            top.push(score, (rank(row)?, row));
        }
        Ok(())
    }
}
