//! Suggestions: words that complete or correct a text, from the rows that the request may see.
//!
//! The dictionary holds stems. A suggestion is a word as a row has it: a few rows with the term are read, and the form
//! that most of them have is shown. Counts and forms are those of rows of the scope and the filter alone. If these are
//! a few rows of many, the terms come from their texts: of a large dictionary only a part is looked at, and it may
//! have few of their words.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lexivec_query::request::Typos;
use lexivec_query::suggest::{Completion, CorrectedWord, Correction, SuggestRequest, Suggestions};
use strsim::osa_distance;

use super::Searcher;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::generation::LiveSegment;
use crate::rows::RowSet;
use crate::schema::TextField;
use crate::text::{Mistyped, folded, terms_of_text, typed_words, words_of_term};

/// Most terms whose rows are counted for one word.
const MAX_COUNTED_TERMS: usize = 1_000;
/// Most rows whose texts are read for their terms.
const MAX_READ_ROWS: u64 = 1_000;
/// Rows of the segments for each of these.
const ROWS_PER_READ_ROW: u64 = 8;
/// Counted terms for each suggestion wanted: some have no form that begins as typed, or the same form as another.
const TERMS_PER_SUGGESTION: usize = 3;
/// Terms whose forms are compared with a word that no row has.
const MAX_COMPARED_FORMS: usize = 8;
/// Rows of a term that are read to see its forms.
const FORM_ROWS: usize = 4;
/// Most bytes of texts that are read for forms in one request, and as many for terms.
const MAX_READ_BYTES: usize = 4 << 20;
/// Most words of a text that are corrected.
const MAX_CORRECTED_WORDS: usize = 8;

impl Searcher {
    /// Suggests completions of the last word of a text, and a text without the words that no row has, from the words
    /// of the rows that the scope and the request's filter admit.
    ///
    /// # Errors
    /// The request's faults, a damaged block, and [`Error::DeadlineExceeded`](crate::Error::DeadlineExceeded) once the
    /// request's deadline has passed.
    pub fn suggest(&self, request: &SuggestRequest) -> Result<Suggestions> {
        self.suggest_within(request, Deadline::of_suggestions(request))
    }

    /// [`suggest`](Self::suggest) within a time.
    pub(crate) fn suggest_within(
        &self,
        request: &SuggestRequest,
        time: Deadline,
    ) -> Result<Suggestions> {
        request.validate()?;
        self.whole(|| self.suggestions(request, time))
    }

    fn suggestions(&self, request: &SuggestRequest, time: Deadline) -> Result<Suggestions> {
        let matching = self.matching(&request.filter, time)?;
        let mut dictionary = Dictionary::new(self, &matching, time);
        let (text, mut suggestions) = (request.text.as_str(), Suggestions::default());
        let typed = text.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        // A whitespace character may have several bytes.
        let typed = text.ceil_char_boundary(typed);
        suggestions.completions = dictionary.completions(text, typed, request.limit)?;
        let end = if suggestions.completions.is_empty() { text.len() } else { typed };
        suggestions.did_you_mean = dictionary.correction(text, end)?;
        Ok(suggestions)
    }

    /// A text of plain words without those that no matching row has; `None` if there is none.
    pub(super) fn did_you_mean(
        &self,
        text: &str,
        matching: &[Arc<RowSet>],
        time: Deadline,
    ) -> Result<Option<String>> {
        let correction = Dictionary::new(self, matching, time).correction(text, text.len())?;
        Ok(correction.map(|correction| correction.text))
    }
}

/// The words of some rows.
struct Dictionary<'a> {
    searcher: &'a Searcher,
    fields: Vec<TextField>,
    matching: &'a [Arc<RowSet>],
    time: Deadline,
    /// Bytes of texts that may still be read for forms.
    left: usize,
    /// The terms of each field in the rows, if these are few; read once they are asked for.
    terms: OnceCell<Option<Vec<BTreeMap<String, u64>>>>,
}

impl<'a> Dictionary<'a> {
    fn new(searcher: &'a Searcher, matching: &'a [Arc<RowSet>], time: Deadline) -> Self {
        let mut fields = searcher.schema.indexed_fields();
        // The others are in the joined text.
        fields.truncate(searcher.schema.searched_fields());
        Self { searcher, fields, matching, time, left: MAX_READ_BYTES, terms: OnceCell::new() }
    }

    fn segments(&self) -> impl Iterator<Item = (&'a LiveSegment, &'a RowSet)> + use<'a> {
        let rows = self.matching.iter().map(AsRef::as_ref);
        self.searcher.generation.segments.iter().zip(rows).filter(|(_, rows)| rows.count() > 0)
    }

    /// Rows that have a term.
    fn documents(&self, field: usize, term: &str) -> Result<u64> {
        self.segments().map(|(live, rows)| live.segment.text().doc_freq(field, term, rows)).sum()
    }

    /// The terms of a field in the rows, with the number of rows that have each, if the rows are few of many.
    fn terms_of_few(&self, field: usize) -> Result<Option<&BTreeMap<String, u64>>> {
        let terms = match self.terms.get() {
            Some(terms) => terms,
            None => {
                let read = self.read_terms()?;
                self.terms.get_or_init(|| read)
            }
        };
        Ok(terms.as_ref().and_then(|fields| fields.get(field)))
    }

    fn read_terms(&self) -> Result<Option<Vec<BTreeMap<String, u64>>>> {
        let rows = RowSet::total(self.matching);
        // Rows that are not live, or are in no view of a scope, have their terms in the dictionary.
        let all: u64 = self.segments().map(|(live, _)| u64::from(live.segment.rows)).sum();
        if rows > MAX_READ_ROWS || rows.saturating_mul(ROWS_PER_READ_ROW) > all {
            return Ok(None);
        }
        let mut fields = vec![BTreeMap::new(); self.fields.len()];
        let (schema, mut left) = (&self.searcher.schema, MAX_READ_BYTES);
        for (live, rows) in self.segments() {
            for row in rows.iter() {
                let document = live.segment.documents.document(schema, row)?;
                for (settings, terms) in self.fields.iter().zip(&mut fields) {
                    self.time.check()?;
                    let text = document.indexed_text(schema, &settings.name);
                    match left.checked_sub(text.len()) {
                        None => return Ok(None),
                        Some(rest) => left = rest,
                    }
                    for term in terms_of_text(settings, &text) {
                        *terms.entry(term).or_default() += 1;
                    }
                }
            }
        }
        Ok(Some(fields))
    }

    /// The words that complete a text from a byte on.
    fn completions(&mut self, text: &str, from: usize, limit: usize) -> Result<Vec<Completion>> {
        let typed = text.get(from..).unwrap_or_default();
        // The same word may be in several fields.
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for field in 0..self.fields.len() {
            let Some(settings) = self.fields.get(field).cloned() else { continue };
            let Some(start) = folded(&settings, typed).filter(|start| !start.is_empty()) else {
                continue;
            };
            let terms = self.counted(field, self.beginning(field, typed, &start)?, limit)?;
            let mut left = limit;
            for (term, documents) in terms {
                if left == 0 {
                    break;
                }
                let begins = |word: &str| {
                    folded(&settings, word).filter(|word| word.starts_with(&start)).map(|_| 0)
                };
                if let Some(word) = self.form(field, &term, begins)? {
                    let known = found.entry(word).or_default();
                    left -= usize::from(*known == 0);
                    *known = documents.max(*known);
                }
            }
        }
        let mut found: Vec<(String, u64)> = found.into_iter().collect();
        found.sort_by_key(|(_, documents)| Reverse(*documents));
        let before = text.get(..from).unwrap_or_default();
        let completion = |(word, documents): (String, u64)| Completion {
            text: format!("{before}{word}"),
            word,
            documents,
        };
        Ok(found.into_iter().take(limit).map(completion).collect())
    }

    /// The terms that may be of a word which begins as typed: those that begin so, and stems that are shorter than
    /// what is typed. Each with the most rows it can have.
    fn beginning(&self, field: usize, typed: &str, start: &str) -> Result<BTreeMap<String, u64>> {
        let mut terms: BTreeMap<String, u64> = BTreeMap::new();
        if let Some(few) = self.terms_of_few(field)? {
            let beginning = few.range(start.to_owned()..).take_while(|(t, _)| t.starts_with(start));
            terms.extend(beginning.map(|(term, rows)| (term.clone(), *rows)));
        } else {
            for (live, _) in self.segments() {
                let text = live.segment.text();
                for (term, rows) in text.beginning(field, start, MAX_COUNTED_TERMS, self.time)? {
                    *terms.entry(term).or_default() += rows;
                }
            }
        }
        let settings = self.fields.get(field);
        let stems = settings.map(|settings| typed_words(settings, typed)).unwrap_or_default();
        let stems = stems.into_iter().flat_map(|word| word.terms);
        let shorter = start.char_indices().skip(2).map(|(at, _)| start[..at].to_owned());
        for term in stems.chain(shorter).collect::<BTreeSet<String>>() {
            let rows = self.documents(field, &term)?;
            if rows > 0 && !terms.contains_key(&term) {
                terms.insert(term, rows);
            }
        }
        Ok(terms)
    }

    /// The terms that most of the rows have, with their number; at most as many as make `limit` suggestions.
    fn counted(
        &self,
        field: usize,
        terms: BTreeMap<String, u64>,
        limit: usize,
    ) -> Result<Vec<(String, u64)>> {
        let wanted = limit.saturating_mul(TERMS_PER_SUGGESTION);
        let mut terms: Vec<(String, u64)> = terms.into_iter().collect();
        terms.sort_by_key(|(_, most)| Reverse(*most));
        let mut counted: Vec<(String, u64)> = Vec::new();
        for (term, most) in terms.into_iter().take(MAX_COUNTED_TERMS) {
            self.time.check()?;
            // None of the rest can have more rows, or as many and come first by its letters.
            let is_before =
                |(other, rows): &&(String, u64)| *rows > most || (*rows == most && *other < term);
            if counted.iter().filter(is_before).count() >= wanted {
                break;
            }
            let rows = self.documents(field, &term)?;
            if rows > 0 {
                counted.push((term, rows));
            }
        }
        counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counted.truncate(wanted);
        Ok(counted)
    }

    /// The form of a term that a few of its rows have most often, among those of the least `distance`; forms without
    /// one are left out.
    fn form(
        &mut self,
        field: usize,
        term: &str,
        distance: impl Fn(&str) -> Option<usize>,
    ) -> Result<Option<String>> {
        let Some(settings) = self.fields.get(field).cloned() else { return Ok(None) };
        let schema = &self.searcher.schema;
        let (mut forms, mut rows_read) = (BTreeMap::<String, usize>::new(), 0);
        for (live, rows) in self.segments() {
            let most = FORM_ROWS - rows_read;
            for row in live.segment.text().first_rows(field, term, rows, most, self.time)? {
                self.time.check()?;
                let document = live.segment.documents.document(schema, row)?;
                let text = document.indexed_text(schema, &settings.name);
                let Some(left) = self.left.checked_sub(text.len()) else { break };
                (self.left, rows_read) = (left, rows_read + 1);
                for word in words_of_term(&settings, &text, term) {
                    *forms.entry(word).or_default() += 1;
                }
            }
        }
        let ranked = forms.into_iter().filter_map(|(word, count)| {
            let capitals = word.chars().filter(|c| c.is_uppercase()).count();
            Some(((distance(&word)?, Reverse(count), capitals), word))
        });
        Ok(ranked.min().map(|(_, word)| word))
    }

    /// The text before a byte with words of rows in place of those that are in none; the rest of it follows as it is.
    fn correction(&mut self, text: &str, end: usize) -> Result<Option<Correction>> {
        let mut unknown: BTreeMap<(usize, usize), Vec<(usize, String)>> = BTreeMap::new();
        let mut known: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (field, settings) in self.fields.iter().enumerate() {
            for word in typed_words(settings, text) {
                self.time.check()?;
                let range = (word.range.start, word.range.end);
                let mut any = range.1 > end;
                for term in &word.terms {
                    any = any || self.documents(field, term)? > 0;
                }
                match word.terms.into_iter().next().filter(|_| word.is_plain && !any) {
                    Some(term) => unknown.entry(range).or_default().push((field, term)),
                    None => drop(known.insert(range)),
                }
            }
        }
        unknown.retain(|range, _| !known.contains(range));
        let (mut corrected, mut words, mut done) = (String::new(), Vec::new(), 0);
        for ((from, to), terms) in unknown.into_iter().take(MAX_CORRECTED_WORDS) {
            let typed = text.get(from..to).unwrap_or_default();
            if let Some((word, documents)) = self.nearest(typed, &terms)? {
                corrected.push_str(text.get(done..from).unwrap_or_default());
                corrected.push_str(&word);
                done = to;
                words.push(CorrectedWord { typed: typed.to_owned(), word, documents });
            }
        }
        corrected.push_str(text.get(done..).unwrap_or_default());
        Ok((!words.is_empty()).then_some(Correction { text: corrected, words }))
    }

    /// The word nearest to one that is a term of these fields, and its rows: fewer edits first, then more rows.
    fn nearest(&mut self, typed: &str, terms: &[(usize, String)]) -> Result<Option<(String, u64)>> {
        let mut best: Vec<(usize, Reverse<u64>, String, usize)> = Vec::new();
        for (field, term) in terms {
            let edits = Typos::Auto.edits(term.chars().count());
            if edits == 0 {
                continue;
            }
            let Some(settings) = self.fields.get(*field) else { continue };
            let word = Mistyped::new(*field, settings, term, Some(typed), edits);
            let near = match self.terms_of_few(*field)? {
                Some(few) => few.clone(),
                None => self.searcher.near(&word, self.time)?,
            };
            let near = near
                .into_iter()
                .filter_map(|(other, most)| Some((word.edits_to(&other)?, Reverse(most), other)));
            let mut near: Vec<_> = near.collect();
            near.sort();
            for (distance, _, other) in near.into_iter().take(MAX_COUNTED_TERMS) {
                self.time.check()?;
                match self.documents(*field, &other)? {
                    0 => {}
                    rows => best.push((distance, Reverse(rows), other, *field)),
                }
            }
        }
        best.sort();
        // Stems may be as near as the words of others are far.
        let mut nearest: Option<(usize, Reverse<u64>, String)> = None;
        for (_, rows, term, field) in best.into_iter().take(MAX_COMPARED_FORMS) {
            let Some(settings) = self.fields.get(field).cloned() else { continue };
            let typed = folded(&settings, typed).unwrap_or_default();
            let distance =
                |word: &str| folded(&settings, word).map(|word| osa_distance(&typed, &word));
            if let Some(word) = self.form(field, &term, distance)?
                && let Some(edits) = distance(&word)
                && nearest.as_ref().is_none_or(|known| (edits, rows) < (known.0, known.1))
            {
                nearest = Some((edits, rows, word));
            }
        }
        Ok(nearest.map(|(_, Reverse(rows), word)| (word, rows)))
    }
}
