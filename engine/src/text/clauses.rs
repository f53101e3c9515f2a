//! A query of clauses over one segment: the rows it admits, and the contribution of each part to their
//! scores.
//!
//! A word and a phrase add BM25; a phrase counts as a term whose idf is the sum of those of its words, and
//! whose frequency is that of the phrase. A prefix and a fuzzy word stand for many terms and add their boost.
//! A part of a group adds to rows that the group admits. Plain words with what they stand for are a query of clauses,
//! too; `expand` makes it.

use std::collections::HashMap;

use lexivec_query::explain::{Expansion, TermScore};
use lexivec_query::limits::MAX_PHRASE_WORDS;
use lexivec_query::query_string::{Clause, Clauses, Occur, What};
use tantivy::postings::Postings;
use tantivy::tokenizer::Token;

use super::analyzer::{Analysis, Word, prefix};
use super::expand::is_near;
use super::index::{TERM_STEPS, TextIndex};
use super::phrase::{occurrences, shifts, tokens_of};
use super::postings::intersect;
use super::query::QueryContext;
use super::weights::{Counts, ScoredField};
use crate::deadline::{Deadline, Watch};
use crate::error::{Error, Result};
use crate::rows::{RowSet, TopRows};

/// A query prepared for the segments of a generation.
pub(crate) struct ClauseQuery {
    root: Node,
    fields: Vec<ScoredField>,
}

pub(super) enum Node {
    Leaf(Leaf),
    /// One field or another.
    Any(Vec<Node>),
    Group(Vec<(Occur, Node)>),
    /// Ways to find one concept: a row is scored by the leaves of the way that adds most, the first of those that add
    /// as much.
    Ways(Vec<Vec<Leaf>>),
}

/// A word, phrase, prefix, fuzzy word or several alternatives in one field.
pub(super) struct Leaf {
    pub(super) field: usize,
    pub(super) boost: f64,
    pub(super) idf: f64,
    pub(super) kind: Kind,
    /// The words of the query that it stands for, if they are others.
    pub(super) expansion: Option<Expansion>,
}

/// The terms of a phrase with their positions in it.
type PhraseTerms = Vec<(u32, String)>;

#[derive(Clone)]
pub(super) enum Kind {
    Term(String),
    /// Terms, and the slop: the most positions they may be apart in total.
    Phrase(PhraseTerms, u32),
    Prefix(String),
    Fuzzy(String, u8),
    /// Alternatives, which count together as one term, each with its spellings: of these the most frequent counts.
    Either(Vec<Vec<Kind>>),
}

/// A pass over one segment.
#[derive(Clone, Copy)]
struct Scan<'a> {
    index: &'a TextIndex,
    deadline: Deadline,
}

/// Compiles clauses to nodes.
pub(super) struct Compiler<'a, F> {
    pub(super) context: &'a QueryContext<'a>,
    /// Number of live rows that a term occurs in.
    pub(super) doc_freq: F,
}

impl<F: Fn(usize, &str) -> Result<u64>> Compiler<'_, F> {
    pub(super) fn query(&self, clauses: &Clauses) -> Result<ClauseQuery> {
        let root = self.group(clauses, None, 1.0)?;
        Ok(self.scored(root.unwrap_or(Node::Any(Vec::new()))))
    }

    /// A query of nodes, with the fields that it is scored in.
    pub(super) fn scored(&self, root: Node) -> ClauseQuery {
        ClauseQuery { root, fields: ScoredField::all(self.context) }
    }

    /// Compiles a group; `None` if analysis leaves no word of any clause.
    fn group(&self, clauses: &Clauses, field: Option<usize>, boost: f64) -> Result<Option<Node>> {
        let mut nodes = Vec::with_capacity(clauses.0.len());
        for clause in &clauses.0 {
            if let Some(node) = self.clause(clause, field, boost)? {
                nodes.push((clause.occur, node));
            }
        }
        if nodes.is_empty() {
            return Ok(None);
        }
        if nodes.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            let detail = "every clause of a group is an exclusion; add one clause that is to match";
            return Err(Error::invalid("query string", detail));
        }
        Ok(Some(Node::Group(nodes)))
    }

    fn clause(&self, clause: &Clause, within: Option<usize>, boost: f64) -> Result<Option<Node>> {
        let boost = boost * clause.boost;
        let field = match &clause.field {
            None => within,
            Some(name) => Some(self.field(name)?),
        };
        if let What::Group(clauses) = &clause.what {
            return self.group(clauses, field, boost);
        }
        let fields = field.map_or(0..self.context.searched, |field| field..field + 1);
        let mut nodes = Vec::with_capacity(fields.len());
        for field in fields {
            nodes.extend(self.leaves(&clause.what, field, boost)?.into_iter().map(Node::Leaf));
        }
        Ok(match nodes.len() {
            0 => None,
            1 => nodes.pop(),
            _ => Some(Node::Any(nodes)),
        })
    }

    fn field(&self, name: &str) -> Result<usize> {
        let fields = self.context.fields;
        fields.iter().position(|field| field.name == name).ok_or_else(|| {
            let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            let detail = format!("the query names the text field {name:?}, which is not searched; the searched fields are {known:?}");
            Error::invalid("query string", detail)
        })
    }

    /// The leaves of a clause in one field: a row with one of them matches.
    fn leaves(&self, what: &What, field: usize, boost: f64) -> Result<Vec<Leaf>> {
        let settings = &self.context.fields[field];
        let words = |text: &str| Analysis::of_queries(&settings.analyzer).words(text);
        let kinds: Vec<Kind> = match what {
            What::Word(word) => whole_or_parts(words(word)),
            What::Phrase(text, slop) => phrase(words(text), *slop).into_iter().collect(),
            What::Prefix(start) => prefix(&settings.analyzer, start)
                .map(Kind::Prefix)
                .or_else(|| phrase(words(start), 0))
                .into_iter()
                .collect(),
            What::Fuzzy(word, edits) => {
                let first = words(word).into_iter().next();
                let first = first.and_then(|word| word.wholes.into_iter().chain(word.parts).next());
                first.map(|token| Kind::Fuzzy(token.text, *edits)).into_iter().collect()
            }
            What::Group(_) => Vec::new(),
        };
        kinds.into_iter().map(|kind| self.leaf(kind, field, boost)).collect()
    }

    fn leaf(&self, kind: Kind, field: usize, boost: f64) -> Result<Leaf> {
        if let Kind::Phrase(terms, _) = &kind
            && terms.len() > MAX_PHRASE_WORDS
        {
            let detail = format!("a phrase has {} words, at most {MAX_PHRASE_WORDS}", terms.len());
            return Err(Error::invalid("query string", detail));
        }
        let statistics = self.context.statistics;
        let idf = |term: &str| Ok::<f64, Error>(statistics.idf((self.doc_freq)(field, term)?));
        let idf = match &kind {
            Kind::Term(term) => idf(term)?,
            Kind::Phrase(terms, _) => {
                terms.iter().map(|(_, term)| idf(term)).sum::<Result<f64>>()?
            }
            Kind::Prefix(_) | Kind::Fuzzy(..) | Kind::Either(_) => 1.0,
        };
        Ok(Leaf { field, boost, idf, kind, expansion: None })
    }
}

/// A word as a whole, or its parts in a row.
pub(super) fn whole_or_parts(mut words: Vec<Word>) -> Vec<Kind> {
    let whole = match &mut words[..] {
        [word] => std::mem::take(&mut word.wholes).into_iter().next(),
        _ => None,
    };
    let parts = phrase(words, 0);
    match whole {
        None => parts.into_iter().collect(),
        Some(whole) => {
            let short = |kind: &Kind| match kind {
                Kind::Phrase(terms, _) => terms.len() <= MAX_PHRASE_WORDS,
                _ => true,
            };
            [Kind::Term(whole.text)].into_iter().chain(parts.filter(short)).collect()
        }
    }
}

/// A term, or several in a row; a word of which no part is left counts as a whole.
fn phrase(words: Vec<Word>, slop: u32) -> Option<Kind> {
    let parts = |word: Word| match word.parts.is_empty() {
        true => word.wholes.into_iter().take(1).collect(),
        false => word.parts,
    };
    let tokens: Vec<Token> = words.into_iter().flat_map(parts).collect();
    let first = tokens.first()?.position;
    let mut terms: Vec<(u32, String)> =
        tokens.into_iter().map(|token| ((token.position - first) as u32, token.text)).collect();
    match terms.len() {
        1 => terms.pop().map(|(_, term)| Kind::Term(term)),
        _ => Some(Kind::Phrase(terms, slop)),
    }
}

impl ClauseQuery {
    /// The `k` best rows of a segment among `wanted`, best first; ties go to the lower rank.
    pub(crate) fn search(
        &self,
        index: &TextIndex,
        wanted: &RowSet,
        k: usize,
        rank: impl Fn(u32) -> Result<u32>,
        deadline: Deadline,
    ) -> Result<Vec<(u32, f64)>> {
        let scan = Scan { index, deadline };
        let admitted = self.rows(&self.root, scan, wanted)?;
        let rows: Vec<u32> = admitted.iter().collect();
        let mut scores = vec![0.0; rows.len()];
        self.score(&self.root, &admitted, scan, &mut |leaf, within| {
            deadline.check()?;
            self.each_of(&rows, leaf, scan, within, &mut |at, field, counts| {
                scores[at] += leaf.contribution(field, counts);
            })
        })?;
        let mut best = TopRows::new(k, rank);
        for (row, score) in rows.into_iter().zip(scores) {
            best.offer(row, score)?;
        }
        Ok(best.into_sorted())
    }

    /// The contribution of each leaf to the score of one row, in the order in which they are added up.
    pub(crate) fn explain(
        &self,
        index: &TextIndex,
        row: u32,
        deadline: Deadline,
    ) -> Result<Vec<TermScore>> {
        let mut one = RowSet::empty(index.rows());
        one.insert(row);
        let scan = Scan { index, deadline };
        let one = self.rows(&self.root, scan, &one)?;
        let mut parts = Vec::new();
        self.score(&self.root, &one, scan, &mut |leaf, within| {
            let term = leaf.kind.shown(leaf.field, scan, within)?;
            self.each(leaf, scan, within, &mut |_, field, counts| {
                let Counts { tf, length } = counts.first().copied().unwrap_or_default();
                parts.push(TermScore {
                    field: field.name.clone(),
                    term: term.clone(),
                    idf: leaf.idf,
                    tf,
                    length,
                    weights: field.shown(counts),
                    contribution: leaf.contribution(field, counts),
                    expansion: leaf.expansion.clone(),
                });
            })
        })?;
        Ok(parts)
    }

    /// True for each token of a text of these fields that is a match, or is in the match of a phrase.
    pub(super) fn marks(
        &self,
        fields: &[usize],
        tokens: &[Token],
        watch: &mut Watch,
    ) -> Result<Vec<bool>> {
        let mut leaves = Vec::new();
        wanted(&self.root, fields, &mut leaves);
        let mut known: HashMap<&str, bool> = HashMap::new();
        let mut marks = Vec::with_capacity(tokens.len());
        for token in tokens {
            watch.steps(1)?;
            let marked = match known.get(token.text.as_str()) {
                Some(known) => *known,
                None => {
                    watch.steps(leaves.len() * TERM_STEPS)?;
                    let matches = leaves.iter().any(|leaf| leaf.kind.matches(&token.text));
                    known.insert(&token.text, matches);
                    matches
                }
            };
            marks.push(marked);
        }
        for leaf in &leaves {
            for (terms, slop) in leaf.kind.phrases() {
                watch.steps(tokens.len())?;
                for token in tokens_of(terms, slop, tokens, watch)? {
                    marks[token] = true;
                }
            }
        }
        Ok(marks)
    }

    /// Calls `visit` with each of `rows` that a leaf matches, ascending, with the leaf's field and with the counts of
    /// this field and of those in it.
    fn each(
        &self,
        leaf: &Leaf,
        scan: Scan<'_>,
        rows: &RowSet,
        visit: &mut dyn FnMut(u32, &ScoredField, &[Counts]),
    ) -> Result<()> {
        let Some(field) = self.fields.get(leaf.field) else { return Ok(()) };
        let inner = if leaf.kind.is_counted() { &field.inner[..] } else { &[] };
        let mut matches = Vec::with_capacity(inner.len());
        for inner in inner {
            let mut found: Vec<(u32, u32)> = Vec::new();
            leaf.kind.each(inner.field, scan, rows, &mut |row, tf| found.push((row, tf)))?;
            matches.push((scan.index.lengths(inner.field)?, found.into_iter().peekable()));
        }
        let (lengths, mut counts) = (scan.index.lengths(leaf.field)?, Vec::new());
        leaf.each(scan, rows, &mut |row, tf| {
            counts.clear();
            counts.push(Counts { tf, length: lengths.of(row) });
            counts.extend(matches.iter_mut().map(|(lengths, found)| {
                while found.next_if(|(other, _)| *other < row).is_some() {}
                let tf = found.peek().filter(|(other, _)| *other == row).map_or(0, |(_, tf)| *tf);
                Counts { tf, length: lengths.of(row) }
            }));
            visit(row, field, &counts);
        })
    }

    /// [`each`](Self::each) with the place of each row in `places`, ascending rows among which are all of `rows`.
    fn each_of(
        &self,
        places: &[u32],
        leaf: &Leaf,
        scan: Scan<'_>,
        rows: &RowSet,
        visit: &mut dyn FnMut(usize, &ScoredField, &[Counts]),
    ) -> Result<()> {
        let mut at = 0;
        self.each(leaf, scan, rows, &mut |row, field, counts| {
            at += places.get(at..).map_or(0, |left| left.partition_point(|&other| other < row));
            if places.get(at) == Some(&row) {
                visit(at, field, counts);
            }
        })
    }

    /// The rows of `among` that a node admits.
    fn rows(&self, node: &Node, scan: Scan<'_>, among: &RowSet) -> Result<RowSet> {
        let Scan { index, deadline } = scan;
        let union = |nodes: &mut dyn Iterator<Item = &Node>| -> Result<RowSet> {
            let mut rows = RowSet::empty(index.rows());
            for node in nodes {
                rows.unite(&self.rows(node, scan, among)?);
            }
            Ok(rows)
        };
        match node {
            Node::Leaf(leaf) => {
                deadline.check()?;
                let mut rows = RowSet::empty(index.rows());
                leaf.each(scan, among, &mut |row, _| rows.insert(row))?;
                Ok(rows)
            }
            Node::Any(nodes) => union(&mut nodes.iter()),
            Node::Ways(ways) => {
                let mut rows = RowSet::empty(index.rows());
                for leaf in ways.iter().flatten() {
                    deadline.check()?;
                    leaf.each(scan, among, &mut |row, _| rows.insert(row))?;
                }
                Ok(rows)
            }
            Node::Group(nodes) => {
                let with = |wanted: Occur| {
                    nodes.iter().filter(move |(occur, _)| *occur == wanted).map(|(_, node)| node)
                };
                let mut must = with(Occur::Must);
                let mut rows = match must.next() {
                    None => union(&mut with(Occur::Should))?,
                    Some(first) => {
                        let mut rows = self.rows(first, scan, among)?;
                        for node in must {
                            rows = self.rows(node, scan, &rows)?;
                        }
                        rows
                    }
                };
                let mut not = union(&mut with(Occur::MustNot))?;
                not.complement();
                rows.intersect(&not);
                Ok(rows)
            }
        }
    }

    /// Calls `visit` with each leaf that adds to a score and the rows it may add to, in the order of
    /// the query. `rows` are those that the node admits.
    fn score(
        &self,
        node: &Node,
        rows: &RowSet,
        scan: Scan<'_>,
        visit: &mut dyn FnMut(&Leaf, &RowSet) -> Result<()>,
    ) -> Result<()> {
        match node {
            Node::Leaf(leaf) => visit(leaf, rows),
            Node::Any(nodes) => nodes.iter().try_for_each(|n| self.score(n, rows, scan, visit)),
            Node::Ways(ways) => {
                for (leaves, rows) in ways.iter().zip(self.best_ways(ways, rows, scan)?) {
                    leaves.iter().try_for_each(|leaf| visit(leaf, &rows))?;
                }
                Ok(())
            }
            Node::Group(nodes) => {
                let adding = nodes.iter().filter(|(occur, _)| *occur != Occur::MustNot);
                adding.map(|(_, node)| node).try_for_each(|node| match node {
                    // The group need not match: another clause may have admitted the row.
                    Node::Group(_) => self.score(node, &self.rows(node, scan, rows)?, scan, visit),
                    Node::Leaf(_) | Node::Any(_) | Node::Ways(_) => {
                        self.score(node, rows, scan, visit)
                    }
                })
            }
        }
    }

    /// For each way, the rows that are scored by it.
    fn best_ways(&self, ways: &[Vec<Leaf>], rows: &RowSet, scan: Scan<'_>) -> Result<Vec<RowSet>> {
        let rows_of_ways: Vec<u32> = rows.iter().collect();
        // The score of each row by the best way so far, and this way.
        let mut best: Vec<(f64, Option<usize>)> = vec![(0.0, None); rows_of_ways.len()];
        for (way, leaves) in ways.iter().enumerate() {
            let mut scores: Vec<Option<f64>> = vec![None; rows_of_ways.len()];
            for leaf in leaves {
                scan.deadline.check()?;
                self.each_of(&rows_of_ways, leaf, scan, rows, &mut |at, field, counts| {
                    *scores[at].get_or_insert(0.0) += leaf.contribution(field, counts);
                })?;
            }
            for (best, score) in best.iter_mut().zip(scores) {
                if let Some(score) = score
                    && (best.1.is_none() || score > best.0)
                {
                    *best = (score, Some(way));
                }
            }
        }
        let mut sets = vec![RowSet::empty(scan.index.rows()); ways.len()];
        for (row, (_, way)) in rows_of_ways.into_iter().zip(best) {
            if let Some(set) = way.and_then(|way| sets.get_mut(way)) {
                set.insert(row);
            }
        }
        Ok(sets)
    }
}

/// Adds the leaves of these fields that a row may match.
fn wanted<'a>(node: &'a Node, fields: &[usize], leaves: &mut Vec<&'a Leaf>) {
    match node {
        Node::Leaf(leaf) => leaves.extend(Some(leaf).filter(|leaf| fields.contains(&leaf.field))),
        Node::Any(nodes) => nodes.iter().for_each(|node| wanted(node, fields, leaves)),
        Node::Ways(ways) => {
            leaves.extend(ways.iter().flatten().filter(|leaf| fields.contains(&leaf.field)));
        }
        Node::Group(nodes) => {
            let wanted_nodes = nodes.iter().filter(|(occur, _)| *occur != Occur::MustNot);
            wanted_nodes.for_each(|(_, node)| wanted(node, fields, leaves));
        }
    }
}

impl Kind {
    /// True if BM25 counts its occurrences.
    fn is_counted(&self) -> bool {
        matches!(self, Self::Term(_) | Self::Phrase(..) | Self::Either(_))
    }

    /// True if a term alone is a match.
    fn matches(&self, term: &str) -> bool {
        match self {
            Self::Term(own) => own == term,
            Self::Phrase(..) => false,
            Self::Prefix(start) => term.starts_with(start),
            Self::Fuzzy(own, edits) => is_near(own, term, *edits),
            Self::Either(alternatives) => alternatives.iter().flatten().any(|k| k.matches(term)),
        }
    }

    /// The terms and the slop of each phrase.
    fn phrases(&self) -> Vec<(&PhraseTerms, u32)> {
        match self {
            Self::Phrase(terms, slop) => vec![(terms, *slop)],
            Self::Either(alternatives) => {
                alternatives.iter().flatten().flat_map(Self::phrases).collect()
            }
            Self::Term(_) | Self::Prefix(_) | Self::Fuzzy(..) => Vec::new(),
        }
    }

    /// Its form in a score ledger; of alternatives those that the rows have.
    fn shown(&self, field: usize, scan: Scan<'_>, rows: &RowSet) -> Result<String> {
        Ok(match self {
            Self::Term(term) => term.clone(),
            Self::Phrase(terms, slop) => {
                let words: Vec<&str> = terms.iter().map(|(_, term)| term.as_str()).collect();
                let slop = if *slop > 0 { format!("~{slop}") } else { String::new() };
                format!("\"{}\"{slop}", words.join(" "))
            }
            Self::Prefix(start) => format!("{start}*"),
            Self::Fuzzy(term, edits) => format!("{term}~{edits}"),
            Self::Either(alternatives) => {
                let mut found = Vec::new();
                for kind in alternatives.iter().flatten() {
                    let mut any = false;
                    kind.each(field, scan, rows, &mut |_, _| any = true)?;
                    if any {
                        found.push(kind.shown(field, scan, rows)?);
                    }
                }
                found.join(" | ")
            }
        })
    }

    /// Calls `visit` with each of `rows` that matches, ascending, and the number of matches in it.
    fn each(
        &self,
        field: usize,
        scan: Scan<'_>,
        rows: &RowSet,
        visit: &mut dyn FnMut(u32, u32),
    ) -> Result<()> {
        let Scan { index, deadline } = scan;
        let mut watch = Watch::new(deadline);
        match self {
            Self::Term(term) => {
                let Some(postings) = index.postings(field, term)? else { return Ok(()) };
                intersect(&mut [postings], rows, &mut watch, |row, lists, _| {
                    visit(row, lists[0].term_freq());
                    Ok(())
                })?;
            }
            Self::Phrase(terms, slop) => {
                each_phrase(field, terms, *slop, index, rows, &mut watch, visit)?;
            }
            Self::Prefix(start) => {
                let found = index.rows_of_prefix(field, start, rows, &mut watch)?;
                found.iter().for_each(|row| visit(row, 1));
            }
            Self::Fuzzy(term, edits) => {
                let found = index.rows_of_fuzzy(field, term, *edits, rows, &mut watch)?;
                found.iter().for_each(|row| visit(row, 1));
            }
            Self::Either(alternatives) => {
                let mut counts = Vec::new();
                for spellings in alternatives {
                    let mut most = Vec::new();
                    for kind in spellings {
                        let mut found = Vec::new();
                        kind.each(field, scan, rows, &mut |row, count| found.push((row, count)))?;
                        most = merged(most, found, u32::max);
                    }
                    counts = merged(counts, most, u32::saturating_add);
                }
                counts.into_iter().for_each(|(row, count)| visit(row, count));
            }
        }
        Ok(())
    }
}

/// The counts of rows in either list, both ascending by row; `of_both` makes one of two.
fn merged(
    mut a: Vec<(u32, u32)>,
    b: Vec<(u32, u32)>,
    of_both: fn(u32, u32) -> u32,
) -> Vec<(u32, u32)> {
    a.extend(b);
    a.sort_by_key(|(row, _)| *row);
    a.dedup_by(|(row, count), (kept, kept_count)| {
        let same = row == kept;
        if same {
            *kept_count = of_both(*kept_count, *count);
        }
        same
    });
    a
}

/// Calls `visit` with each of `rows` that has the phrase, and the number of its occurrences.
fn each_phrase(
    field: usize,
    terms: &PhraseTerms,
    slop: u32,
    index: &TextIndex,
    rows: &RowSet,
    watch: &mut Watch,
    visit: &mut dyn FnMut(u32, u32),
) -> Result<()> {
    let mut lists = Vec::with_capacity(terms.len());
    for (_, term) in terms {
        match index.positions(field, term)? {
            Some(postings) => lists.push(postings),
            None => return Ok(()),
        }
    }
    let mut positions = vec![Vec::new(); terms.len()];
    let shifts = shifts(terms);
    intersect(&mut lists, rows, watch, |row, lists, watch| {
        for ((list, positions), shift) in lists.iter_mut().zip(&mut positions).zip(&shifts) {
            list.positions_with_offset(*shift, positions);
            watch.steps(positions.len())?;
        }
        let mut found = 0;
        occurrences(&positions, &shifts, slop, watch, |_| found += 1)?;
        if found > 0 {
            visit(row, found);
        }
        Ok(())
    })
}

impl Leaf {
    /// The addend to the score of a row with these counts.
    fn contribution(&self, field: &ScoredField, counts: &[Counts]) -> f64 {
        let boost = field.weight * self.boost;
        match self.kind.is_counted() {
            true => field.score(boost * self.idf, field.weigh(counts)),
            false => boost,
        }
    }

    /// [`Kind::each`] in the leaf's field.
    fn each(&self, scan: Scan<'_>, rows: &RowSet, visit: &mut dyn FnMut(u32, u32)) -> Result<()> {
        self.kind.each(self.field, scan, rows, visit)
    }
}

#[cfg(test)]
mod tests {
    use strsim::osa_distance;

    #[test]
    fn edits_are_counted() {
        for (a, b, expected) in [
            ("flow", "flow", 0),
            ("flow", "flo", 1),
            ("flow", "folw", 1),
            ("flöw", "flow", 1),
            ("", "ab", 2),
            // A swap and an insertion between the two: the optimal string alignment has none.
            ("ca", "abc", 3),
        ] {
            assert_eq!((osa_distance(a, b), osa_distance(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
