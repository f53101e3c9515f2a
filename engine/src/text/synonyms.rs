//! The synonyms of a collection, analyzed for each indexed field, and where a query has them.

use std::collections::HashMap;

use lexivec_query::Synonyms;
use lexivec_query::limits::{MAX_SYNONYM_ENTRIES, MAX_SYNONYM_WORDS};
use lexivec_query::synonyms::synonym_fault;

use super::analyzer::{Analysis, Word};
use crate::error::Result;
use crate::schema::TextField;

/// The synonyms of each indexed field, ready to expand queries.
#[derive(Debug, Default)]
pub(crate) struct SynonymTable {
    source: Synonyms,
    fields: Vec<FieldTable>,
}

/// The entries of a field that find others, by the key of their first word; the longest of them first.
type FieldTable = HashMap<String, Vec<Entry>>;

/// An entry that finds others.
#[derive(Debug)]
struct Entry {
    /// The keys of its words.
    words: Vec<(usize, String)>,
    /// The entries that it finds.
    found: Vec<Vec<Word>>,
}

/// The keys of words: the term of each as a whole, and the number of stop words between it and the one before it.
fn keys(words: &[Word]) -> impl Iterator<Item = (usize, &str)> {
    let mut end = None;
    words.iter().filter_map(|word| word.wholes.first().or(word.parts.first())).map(move |token| {
        let gap = end.map_or(0, |end| token.position.saturating_sub(end));
        end = Some(token.position + token.position_length);
        (gap, token.text.as_str())
    })
}

impl SynonymTable {
    /// Analyzes synonyms for the indexed fields.
    ///
    /// # Errors
    /// An entry of which analysis leaves no word in any field, or that has too many words.
    pub(crate) fn new(source: Synonyms, fields: &[TextField]) -> Result<Self> {
        let mut tables: Vec<FieldTable> = Vec::with_capacity(fields.len());
        let mut analyses: Vec<Analysis> =
            fields.iter().map(|field| Analysis::of_queries(&field.analyzer)).collect();
        tables.resize_with(fields.len(), HashMap::new);
        for rule in source.rules() {
            for entry in rule.from.iter().chain(&rule.to) {
                let counts = analyses.iter_mut().map(|analysis| analysis.words(entry).len());
                let most = counts.max().unwrap_or(1);
                let reason = match most {
                    0 => "it has no word that is indexed; stop words and signs alone are not"
                        .to_owned(),
                    1..=MAX_SYNONYM_WORDS => continue,
                    _ => format!("it has {most} words, over the limit of {MAX_SYNONYM_WORDS}"),
                };
                return Err(synonym_fault(rule.line, format!("entry {entry:?}: {reason}")).into());
            }
            for (table, analysis) in tables.iter_mut().zip(&mut analyses) {
                for from in &rule.from {
                    let others = rule.to.iter().filter(|to| *to != from);
                    let found: Vec<Vec<Word>> = others.map(|to| analysis.words(to)).collect();
                    add(table, rule.line, &analysis.words(from), found)?;
                }
            }
        }
        for entries in tables.iter_mut().flat_map(HashMap::values_mut) {
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.words.len()));
        }
        Ok(Self { source, fields: tables })
    }

    /// The synonyms as they were given.
    pub(crate) fn source(&self) -> &Synonyms {
        &self.source
    }

    /// The longest entry of a field that begins with the first of these words: its number of words, and the entries
    /// that it finds.
    pub(super) fn first(&self, field: usize, words: &[Word]) -> Option<(usize, &[Vec<Word>])> {
        let (_, first) = keys(words).next()?;
        let entries = self.fields.get(field)?.get(first)?;
        let begins = |entry: &&Entry| {
            let wanted = entry.words.iter().map(|(gap, term)| (*gap, term.as_str()));
            !entry.found.is_empty() && keys(words).take(entry.words.len()).eq(wanted)
        };
        let entry = entries.iter().find(begins)?;
        Some((entry.words.len(), &entry.found))
    }
}

/// Adds what an entry finds to a table. What has the entry's own words is no synonym of it.
fn add(table: &mut FieldTable, line: usize, from: &[Word], found: Vec<Vec<Word>>) -> Result<()> {
    let owned = |words: &[Word]| -> Vec<(usize, String)> {
        keys(words).map(|(gap, term)| (gap, term.to_owned())).collect()
    };
    let words = owned(from);
    let Some((_, first)) = words.first() else { return Ok(()) };
    let entries = table.entry(first.clone()).or_default();
    if !entries.iter().any(|entry| entry.words == words) {
        entries.push(Entry { words: words.clone(), found: Vec::new() });
    }
    let Some(entry) = entries.iter_mut().find(|entry| entry.words == words) else { return Ok(()) };
    for words in found {
        let own = owned(&words);
        let known = entry.found.iter().any(|other| owned(other) == own);
        if !own.is_empty() && own != entry.words && !known {
            entry.found.push(words);
        }
    }
    if entry.found.len() > MAX_SYNONYM_ENTRIES {
        let reason = format!(
            "with it, an entry has {} synonyms in all rules, over the limit of {MAX_SYNONYM_ENTRIES}",
            entry.found.len()
        );
        return Err(synonym_fault(line, reason).into());
    }
    Ok(())
}
