//! BM25 over one segment: exact scores, the same in every layout, pruned by MaxScore.
//!
//! A score is the sum, in the order of the query's terms, of
//! `count * idf * tf / (tf + k1 * (1 - b + b * length / average))` in double precision, with exact
//! lengths (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond",
//! 2009, in Lucene's form); `weights` has those of fields. Pruning: Turtle and Flood, "Query evaluation: strategies and
//! optimizations", 1995; list by list over a window of rows, whose contributions stay in the L1 cache.

use std::collections::HashSet;

use lexivec_query::explain::TermScore;
use tantivy::DocSet;
use tantivy::postings::SegmentPostings;
use tantivy::tokenizer::Token;

use super::analyzer::{Analysis, Word};
use super::index::{Impact, Lengths, TextIndex, term_frequency};
use super::postings::{SEEK_COST, seek_to};
use super::query::QueryContext;
use super::weights::{Counts, InnerList, ScoredField, Weighed};
use crate::deadline::{Deadline, Watch};
use crate::error::Result;
use crate::rows::{RowSet, TopRows};

/// Upper bounds are raised by this much before they prune: they are sums in another order than
/// the scores, and may differ from them in the last bits.
const BOUND_SLACK: f64 = 1.0 + 1e-9;
/// Most contributions of a window: 32 KiB, the size of an L1 cache.
const WINDOW_PARTS: usize = 4_096;
/// Fewest and most rows of a window.
const WINDOW_ROWS: [usize; 2] = [64, 1_024];
/// Postings from which the contribution of a single occurrence is computed once for all of these lengths.
const ONCE_POSTINGS: u32 = 512;

/// Plain words: distinct terms, in the order in which their contributions are added.
pub(crate) struct WordQuery {
    terms: Vec<QueryTerm>,
    fields: Vec<ScoredField>,
}

struct QueryTerm {
    field: usize,
    text: String,
    /// Times the term is in the query; less than once for the terms of a word with parts.
    count: f64,
    idf: f64,
}

impl QueryTerm {
    /// Factor on what BM25 makes of a frequency and a length.
    fn factor(&self, field: &ScoredField) -> f64 {
        field.weight * self.count * self.idf
    }
}

/// The terms of a word that are in the index, each with its idf, and the times that each counts: together as much as
/// the parts, whatever wholes of them are in the index. `idf` gives none for a term that is not there.
pub(super) fn terms_of(
    word: &Word,
    idf: impl Fn(&str) -> Result<Option<f64>>,
) -> Result<(f64, Vec<(&Token, f64)>)> {
    let mut found = Vec::new();
    for token in word.tokens() {
        found.extend(idf(&token.text)?.map(|idf| (token, idf)));
    }
    let wholes = found.iter().filter(|(token, _)| token.position_length > 1).count() as f64;
    let parts = word.parts.len().max(1) as f64;
    let count = if wholes > 0.0 { parts / (parts + wholes) } else { 1.0 };
    Ok((count, found))
}

impl WordQuery {
    /// Analyzes the words for every field; `doc_freq` returns the number of live rows that have a term.
    pub(super) fn new(
        words: &str,
        context: &QueryContext<'_>,
        doc_freq: impl Fn(usize, &str) -> Result<u64>,
    ) -> Result<Self> {
        let mut terms: Vec<QueryTerm> = Vec::new();
        let QueryContext { fields, searched, statistics, .. } = *context;
        for (field, settings) in fields.iter().enumerate().take(searched) {
            for word in Analysis::of_queries(&settings.analyzer).words(words) {
                let (count, found) = terms_of(&word, |text| {
                    let known = terms.iter().find(|t| t.field == field && t.text == text);
                    Ok(match known {
                        Some(known) => Some(known.idf),
                        None => match doc_freq(field, text)? {
                            0 => None,
                            rows => Some(statistics.idf(rows)),
                        },
                    })
                })?;
                for (token, idf) in found {
                    let known = terms.iter_mut().find(|t| t.field == field && t.text == token.text);
                    match known {
                        Some(known) => known.count += count,
                        None => {
                            terms.push(QueryTerm { field, text: token.text.clone(), count, idf })
                        }
                    }
                }
            }
        }
        Ok(Self { terms, fields: ScoredField::all(context) })
    }

    /// True for each token of a text of these fields that is one of the terms.
    pub(super) fn marks(&self, fields: &[usize], tokens: &[Token]) -> Vec<bool> {
        let terms = self.terms.iter().filter(|term| fields.contains(&term.field));
        let terms: HashSet<&str> = terms.map(|term| term.text.as_str()).collect();
        tokens.iter().map(|token| terms.contains(token.text.as_str())).collect()
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
        let mut lists = Vec::with_capacity(self.terms.len());
        for (term_index, term) in self.terms.iter().enumerate() {
            let Some(field) = self.fields.get(term.field) else { continue };
            if let Some(postings) = index.postings(term.field, &term.text)? {
                lists.push(List {
                    term_index,
                    term,
                    field,
                    factor: term.factor(field),
                    lengths: index.lengths(term.field)?,
                    postings,
                    inner: field.inner_lists(index, &term.text)?,
                    bound: f64::INFINITY,
                    once: Vec::new(),
                });
            }
        }
        let mut best = TopRows::new(k, rank);
        let total: u64 = lists.iter().map(|l| u64::from(l.postings.doc_freq())).sum();
        let scorer = Scorer { terms: self.terms.len(), rows: index.rows(), wanted, deadline };
        if u64::from(wanted.count()) * SEEK_COST < total {
            scorer.drive_by_filter(lists, &mut best)?;
        } else {
            for list in &mut lists {
                let fields = list.field.fields(list.term.field);
                let impacts = index.impacts(&fields, &list.term.text, &list.postings)?;
                let adds = |counts: &Impact| list.field.most(list.factor, counts);
                list.bound = impacts.iter().map(adds).fold(0.0, f64::max);
                if list.postings.doc_freq() >= ONCE_POSTINGS {
                    list.once = list.field.of_once(list.factor);
                }
            }
            scorer.drive_by_postings(lists, &mut best)?;
        }
        Ok(best.into_sorted())
    }

    /// Every term's share of the score of one row; terms the row lacks are left out.
    pub(crate) fn explain(&self, index: &TextIndex, row: u32) -> Result<Vec<TermScore>> {
        let mut parts = Vec::new();
        for term in &self.terms {
            let Some(field) = self.fields.get(term.field) else { continue };
            let Some(mut postings) = index.postings(term.field, &term.text)? else {
                continue;
            };
            if seek_to(&mut postings, row) {
                let tf = term_frequency(&postings);
                let length = index.lengths(term.field)?.of(row);
                let mut counts = vec![Counts { tf, length }];
                let mut inner = field.inner_lists(index, &term.text)?;
                counts.extend(inner.iter_mut().map(|list| list.counts(row)));
                parts.push(TermScore {
                    field: field.name.clone(),
                    term: term.text.clone(),
                    idf: term.idf,
                    tf,
                    length,
                    weights: field.shown(&counts),
                    contribution: field.score(term.factor(field), field.weigh(&counts)),
                    expansion: None,
                });
            }
        }
        Ok(parts)
    }
}

/// The postings of one term, and the most it can add to any score.
struct List<'a> {
    term_index: usize,
    term: &'a QueryTerm,
    field: &'a ScoredField,
    factor: f64,
    lengths: Lengths<'a>,
    postings: SegmentPostings,
    inner: Vec<InnerList<'a>>,
    bound: f64,
    /// Contribution of a single occurrence, by row length.
    once: Vec<f64>,
}

impl List<'_> {
    /// The term's contribution to the score of the row at which the postings are.
    #[inline]
    fn part(&mut self) -> f64 {
        let row = self.postings.doc();
        let own = Counts { tf: term_frequency(&self.postings), length: self.lengths.of(row) };
        let add = |sum, list: &mut InnerList<'_>| list.add_to(sum, row);
        let weighed = self.inner.iter_mut().fold(Weighed::of(own), add);
        match weighed.once().and_then(|length| self.once.get(length)) {
            Some(&part) => part,
            None => self.field.score(self.factor, weighed),
        }
    }
}

/// Contributions to the scores of some rows that follow each other.
struct Window {
    start: u32,
    rows: usize,
    terms: usize,
    /// Contributions by row, then by the term's index in the query; 0 for a term that the row lacks.
    parts: Vec<f64>,
    /// Sums by row, in the order in which the lists were read.
    sums: Vec<f64>,
    /// A bit for each row with a contribution.
    touched: Vec<u64>,
}

impl Window {
    fn new(terms: usize) -> Self {
        let [least, most] = WINDOW_ROWS;
        let rows = (WINDOW_PARTS / terms.max(1)).next_multiple_of(least).clamp(least, most);
        Self {
            start: 0,
            rows,
            terms,
            parts: vec![0.0; rows * terms],
            sums: vec![0.0; rows],
            touched: vec![0; rows / 64],
        }
    }

    /// Adds the contributions of a list to the window's rows that are `wanted`.
    #[inline]
    fn gather(&mut self, list: &mut List<'_>, wanted: Option<&RowSet>) {
        let end = self.start.saturating_add(self.rows as u32);
        let mut row = list.postings.doc();
        while row < end {
            if wanted.is_none_or(|wanted| wanted.contains(row)) {
                let (slot, part) = ((row - self.start) as usize, list.part());
                self.parts[slot * self.terms + list.term_index] = part;
                self.sums[slot] += part;
                self.touched[slot / 64] |= 1 << (slot % 64);
            }
            row = list.postings.advance();
        }
    }

    /// Removes and returns the next row with a contribution.
    fn pop(&mut self, word: usize) -> Option<usize> {
        let bits = self.touched.get_mut(word).filter(|bits| **bits != 0)?;
        let slot = bits.trailing_zeros() as usize;
        *bits &= *bits - 1;
        Some(word * 64 + slot)
    }

    fn parts_of(&mut self, slot: usize) -> &mut [f64] {
        &mut self.parts[slot * self.terms..][..self.terms]
    }

    fn clear(&mut self, slot: usize) {
        self.parts_of(slot).fill(0.0);
        self.sums[slot] = 0.0;
    }
}

struct Scorer<'a> {
    terms: usize,
    rows: u32,
    wanted: &'a RowSet,
    deadline: Deadline,
}

impl Scorer<'_> {
    /// Scores the wanted rows one by one.
    fn drive_by_filter<R: Fn(u32) -> Result<u32>>(
        &self,
        mut lists: Vec<List<'_>>,
        best: &mut TopRows<R>,
    ) -> Result<()> {
        let mut parts = vec![0.0; self.terms];
        let mut watch = Watch::new(self.deadline);
        for row in self.wanted.iter() {
            watch.steps(lists.len())?;
            let mut any = false;
            parts.fill(0.0);
            for list in &mut lists {
                if seek_to(&mut list.postings, row) {
                    any = true;
                    parts[list.term_index] = list.part();
                }
            }
            if any {
                best.offer(row, parts.iter().sum())?;
            }
        }
        Ok(())
    }

    /// Reads the postings window by window; lists whose bounds together cannot reach the k-th score are
    /// read only for rows that the other lists contain.
    fn drive_by_postings<R: Fn(u32) -> Result<u32>>(
        &self,
        mut lists: Vec<List<'_>>,
        best: &mut TopRows<R>,
    ) -> Result<()> {
        lists.sort_by(|a, b| a.bound.total_cmp(&b.bound).then(a.term_index.cmp(&b.term_index)));
        let bounds: Vec<f64> = lists
            .iter()
            .scan(0.0, |sum, l| {
                *sum += l.bound;
                Some(*sum * BOUND_SLACK)
            })
            .collect();
        let some = Some(self.wanted).filter(|wanted| !wanted.is_full());
        let mut window = Window::new(self.terms);
        let mut essential = 0;
        loop {
            let next = lists[essential..].iter().map(|l| l.postings.doc()).min();
            let Some(start) = next.filter(|&row| row < self.rows) else {
                return Ok(());
            };
            self.deadline.check()?;
            window.start = start;
            lists[essential..].iter_mut().for_each(|list| window.gather(list, some));
            let before = essential;
            for word in 0..window.touched.len() {
                while let Some(slot) = window.pop(word) {
                    // Lists that became inessential within the window are in its sums.
                    let pruned = &mut lists[..before];
                    if complete(&mut window, slot, pruned, &bounds, best.threshold()) {
                        best.offer(start + slot as u32, window.parts_of(slot).iter().sum())?;
                        let threshold = best.threshold().unwrap_or(f64::NEG_INFINITY);
                        // `<`: a row that ties with the k-th may still win by its id.
                        while essential < lists.len() && bounds[essential] < threshold {
                            essential += 1;
                        }
                    }
                    window.clear(slot);
                }
            }
        }
    }
}

/// Adds the contributions of the pruned lists to a row; false as soon as the row cannot enter the best ones.
#[inline]
fn complete(
    window: &mut Window,
    slot: usize,
    pruned: &mut [List<'_>],
    bounds: &[f64],
    threshold: Option<f64>,
) -> bool {
    let mut sum = window.sums[slot];
    let low = |bound: f64, sum: f64| threshold.is_some_and(|t| (sum + bound) * BOUND_SLACK < t);
    let row = window.start + slot as u32;
    for (i, list) in pruned.iter_mut().enumerate().rev() {
        if low(bounds[i], sum) {
            return false;
        }
        if seek_to(&mut list.postings, row) {
            let part = list.part();
            window.parts_of(slot)[list.term_index] = part;
            sum += part;
        }
    }
    !low(0.0, sum)
}
