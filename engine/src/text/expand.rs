//! Plain words that stand for more than themselves: for their synonyms, and for words with a typing error less.
//!
//! What a word stands for is one concept with several ways to be found, and a row scores by the way that adds most. The
//! first way is the words as typed, scored as always. The others count all of their words as one term: its frequency
//! is the sum of theirs and its document frequency the largest of theirs, the typed one among them, so that a rare
//! synonym does not outrank a common word. A way of typing errors has a share of it that falls with their number.

use std::collections::BTreeMap;

use lexivec_query::explain::{Expansion, ExpansionKind};
use lexivec_query::limits::{MAX_PHRASE_WORDS, MAX_TYPO_TERMS};
use lexivec_query::request::Typos;
use strsim::osa_distance;
use tantivy::tokenizer::Token;

use super::analyzer::{Analysis, Word, range_of};
use super::clauses::{ClauseQuery, Compiler, Kind, Leaf, Node, whole_or_parts};
use super::query::QueryContext;
use super::score::terms_of;
use super::synonyms::SynonymTable;
use super::typos::Mistyped;
use super::words::is_paired;
use crate::error::Result;

/// Terms of the dictionary that a word may have been meant to be, with their document frequencies.
pub(crate) type Near<'a> = dyn Fn(&Mistyped<'_>) -> Result<BTreeMap<String, u64>> + 'a;

/// Expansions of plain words that a request allows.
#[derive(Clone, Copy)]
pub(crate) struct Expand<'a> {
    pub(crate) synonyms: Option<&'a SynonymTable>,
    pub(crate) typos: Typos,
    /// The terms that a word may have been meant to be.
    pub(crate) near: &'a Near<'a>,
}

impl Expand<'_> {
    /// True if no word can stand for more than itself.
    pub(super) fn is_off(&self) -> bool {
        let synonyms = self.synonyms.is_some_and(|table| !table.source().rules().is_empty());
        !synonyms && self.typos == Typos::Off
    }

    /// The edits within which the dictionary is searched for a term: none for numbers, names with digits, and
    /// characters that are found in pairs.
    fn edits(&self, term: &str) -> u8 {
        match term.chars().all(|c| c.is_alphabetic() && !is_paired(c)) {
            true => self.typos.edits(term.chars().count()),
            false => 0,
        }
    }
}

/// Words of a query in one field, and the part of its text that they are.
struct Run<'a> {
    field: usize,
    words: &'a [Word],
    typed: &'a str,
}

impl<F: Fn(usize, &str) -> Result<u64>> Compiler<'_, F> {
    /// Plain words with what they stand for; `None` if none stands for more than itself.
    pub(super) fn expanded(&self, text: &str) -> Result<Option<ClauseQuery>> {
        let QueryContext { fields, searched, expand, .. } = self.context;
        let (mut nodes, mut more) = (Vec::new(), false);
        for (field, settings) in fields.iter().enumerate().take(*searched) {
            let words = Analysis::of_queries(&settings.analyzer).words(text);
            let mut rest = &words[..];
            while !rest.is_empty() {
                let found = expand.synonyms.and_then(|table| table.first(field, rest));
                let count = found.map_or(1, |(count, _)| count);
                let (words, after) = rest.split_at(count);
                rest = after;
                let run =
                    Run { field, words, typed: text.get(range_of(words)).unwrap_or_default() };
                let before = nodes.len();
                match found {
                    Some((_, synonyms)) => nodes.extend(self.concept(&run, synonyms)?),
                    None => self.with_typos(&run, expand, &mut nodes)?,
                }
                more |= nodes[before..].iter().any(|node| matches!(node, Node::Ways(_)));
            }
        }
        Ok(more.then(|| self.scored(Node::Any(nodes))))
    }

    /// Words and their synonyms; the words alone if no synonym is in the index.
    fn concept(&self, run: &Run<'_>, synonyms: &[Vec<Word>]) -> Result<Vec<Node>> {
        let mut typed = Vec::new();
        for word in run.words {
            let (count, found) = terms_of(word, |term| self.idf_of(run.field, term))?;
            let leaf = |(token, idf)| self.term(run.field, token, idf, count);
            typed.extend(found.into_iter().map(leaf));
        }
        let (mut idfs, mut alternatives) = (Vec::new(), Vec::new());
        for words in std::iter::once(run.words).chain(synonyms.iter().map(Vec::as_slice)) {
            let spellings = self.spellings(run.field, words)?;
            idfs.extend(spellings.iter().map(|(_, idf)| *idf));
            alternatives.push(spellings.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>());
        }
        if alternatives.iter().skip(1).all(Vec::is_empty) {
            return Ok(typed.into_iter().map(Node::Leaf).collect());
        }
        alternatives.retain(|spellings| !spellings.is_empty());
        let leaf = self.together(run, ExpansionKind::Synonym, alternatives, &idfs, 1.0);
        Ok(vec![Node::Ways(vec![typed, vec![leaf]])])
    }

    /// The terms of words, each with what is near it in the dictionary.
    fn with_typos(&self, run: &Run<'_>, expand: &Expand<'_>, nodes: &mut Vec<Node>) -> Result<()> {
        let settings = &self.context.fields[run.field];
        for word in run.words {
            let (count, found) = terms_of(word, |term| self.idf_of(run.field, term))?;
            let typed = Some(run.typed).filter(|_| word.tokens().count() == 1);
            for token in word.tokens() {
                let own = found.iter().find(|(found, _)| std::ptr::eq(*found, token));
                let own = own.map(|(_, idf)| self.term(run.field, token, *idf, count));
                let edits = match token.position_length {
                    1 => expand.edits(&token.text),
                    _ => 0,
                };
                let near = match edits {
                    0 => Vec::new(),
                    edits => {
                        let word = Mistyped::new(run.field, settings, &token.text, typed, edits);
                        nearest(&word, (expand.near)(&word)?)
                    }
                };
                if near.is_empty() {
                    nodes.extend(own.map(Node::Leaf));
                    continue;
                }
                let own_idf = own.as_ref().map(|leaf| leaf.idf);
                let mut ways = vec![own.into_iter().collect::<Vec<Leaf>>()];
                for terms in near.chunk_by(|a, b| a.edits == b.edits) {
                    let idf = |near: &NearTerm| self.context.statistics.idf(near.doc_freq);
                    let idfs: Vec<f64> = terms.iter().map(idf).chain(own_idf).collect();
                    let term = |near: &NearTerm| vec![Kind::Term(near.term.clone())];
                    let alternatives = terms.iter().map(term).collect();
                    let share = terms.first().map_or(1.0, |near| 1.0 / (1.0 + near.edits as f64));
                    let (kind, count) = (ExpansionKind::Typo, count * share);
                    ways.push(vec![self.together(run, kind, alternatives, &idfs, count)]);
                }
                nodes.push(Node::Ways(ways));
            }
        }
        Ok(())
    }

    /// A term of a word as typed.
    fn term(&self, field: usize, token: &Token, idf: f64, count: f64) -> Leaf {
        Leaf { field, boost: count, idf, kind: Kind::Term(token.text.clone()), expansion: None }
    }

    /// The ways to write words, as one term or as a phrase, that the index may have, each with its idf.
    fn spellings(&self, field: usize, words: &[Word]) -> Result<Vec<(Kind, f64)>> {
        let mut found = Vec::new();
        for kind in whole_or_parts(words.to_vec()) {
            let idf = match &kind {
                Kind::Phrase(terms, _) if terms.len() > MAX_PHRASE_WORDS => None,
                Kind::Phrase(terms, _) => {
                    let idfs = terms.iter().map(|(_, term)| self.idf_of(field, term));
                    idfs.sum::<Result<Option<f64>>>()?
                }
                Kind::Term(term) => self.idf_of(field, term)?,
                _ => None,
            };
            found.extend(idf.map(|idf| (kind, idf)));
        }
        Ok(found)
    }

    /// Alternatives as one term.
    fn together(
        &self,
        run: &Run<'_>,
        kind: ExpansionKind,
        alternatives: Vec<Vec<Kind>>,
        idfs: &[f64],
        count: f64,
    ) -> Leaf {
        let idf = idfs.iter().copied().fold(f64::INFINITY, f64::min);
        let expansion = Some(Expansion { kind, words: run.typed.to_owned() });
        Leaf { field: run.field, boost: count, idf, kind: Kind::Either(alternatives), expansion }
    }

    /// The idf of a term; `None` if it is not in the index.
    fn idf_of(&self, field: usize, term: &str) -> Result<Option<f64>> {
        Ok(match (self.doc_freq)(field, term)? {
            0 => None,
            rows => Some(self.context.statistics.idf(rows)),
        })
    }
}

/// A term near another.
struct NearTerm {
    term: String,
    edits: usize,
    doc_freq: u64,
}

/// The terms nearest to one, without it: fewer edits first, then those in more rows.
fn nearest(word: &Mistyped<'_>, found: BTreeMap<String, u64>) -> Vec<NearTerm> {
    let near = |(term, doc_freq): (String, u64)| {
        Some(NearTerm { edits: word.edits_to(&term)?, term, doc_freq })
    };
    let found = found.into_iter().filter(|(_, rows)| *rows > 0);
    let mut near: Vec<NearTerm> = found.filter_map(near).filter(|n| n.edits > 0).collect();
    near.sort_by(|a, b| {
        let rows = b.doc_freq.cmp(&a.doc_freq);
        a.edits.cmp(&b.edits).then(rows).then_with(|| a.term.cmp(&b.term))
    });
    near.truncate(MAX_TYPO_TERMS);
    near
}

/// True if two terms are within some edits of each other.
pub(crate) fn is_near(term: &str, other: &str, edits: u8) -> bool {
    osa_distance(term, other) <= usize::from(edits)
}
