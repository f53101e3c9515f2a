//! The engine as a plain map, in a few lines that can be read at once: what every answer is compared
//! with.

use std::collections::BTreeMap;

use lexivec::{Document, Filter};
use serde_json::{Map, Value, json};

use crate::Random;

/// Words that the analyzer leaves as they are, so that the model needs none.
pub const WORDS: [&str; 8] = ["wing", "flow", "heat", "shock", "drag", "mach", "nose", "cone"];
/// Components of a vector.
pub const DIM: usize = 4;
/// Components of a token vector.
pub const TOKEN_DIM: usize = 3;
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// The rows by their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// The rows.
    pub rows: BTreeMap<String, Document>,
}

impl Model {
    /// Puts whole rows in.
    pub fn upsert(&mut self, documents: &[Document]) {
        self.rows.extend(documents.iter().map(|d| (d.id.clone(), d.clone())));
    }

    /// Sets keys of a row's payload; `null` takes one away.
    pub fn patch(&mut self, id: &str, changes: &Map<String, Value>) -> bool {
        let Some(row) = self.rows.get_mut(id) else { return false };
        for (key, value) in changes {
            if value.is_null() {
                row.payload.remove(key);
            } else {
                row.payload.insert(key.clone(), value.clone());
            }
        }
        true
    }

    /// Takes rows out.
    pub fn delete(&mut self, ids: &[String]) -> usize {
        ids.iter().filter(|id| self.rows.remove(*id).is_some()).count()
    }

    /// Ids of the rows a filter admits.
    pub fn admitted(&self, filter: &Filter) -> Vec<String> {
        let admits = |d: &&Document| filter.matches(&Value::Object(d.payload.clone()));
        self.rows.values().filter(admits).map(|d| d.id.clone()).collect()
    }

    /// The closest rows by squared distance, exactly: components are small whole numbers.
    pub fn nearest(&self, query: &[f32], filter: &Filter, k: usize) -> Vec<(String, f64)> {
        let score = |id: String| {
            let vector = self.rows.get(&id)?.vectors.get("vector")?;
            let square = |(a, b): (&f32, &f32)| f64::from((a - b) * (a - b));
            let distance: f64 = query.iter().zip(vector).map(square).sum();
            Some((id, -distance))
        };
        ranked(self.admitted(filter).into_iter().filter_map(score).collect(), k)
    }

    /// The best rows by BM25, to the last bit: the same arithmetic, over all rows.
    pub fn matching(&self, words: &str, filter: &Filter, k: usize) -> Vec<(String, f64)> {
        let tokens = |d: &Document| -> Vec<String> {
            let text = d.text.get("text").map(String::as_str).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        };
        let texts: BTreeMap<&String, Vec<String>> =
            self.rows.iter().map(|(id, d)| (id, tokens(d))).collect();
        let live = texts.len() as f64;
        let all: usize = texts.values().map(Vec::len).sum();
        let average = if all == 0 { 1.0 } else { all as f64 / live };
        let mut terms: Vec<(&str, f64)> = Vec::new();
        for word in words.split_whitespace() {
            match terms.iter_mut().find(|(term, _)| *term == word) {
                Some((_, count)) => *count += 1.0,
                None => terms.push((word, 1.0)),
            }
        }
        let mut found = Vec::new();
        for id in self.admitted(filter) {
            let Some(text) = texts.get(&id) else { continue };
            let (mut score, mut hit) = (0.0, false);
            for (term, count) in &terms {
                let n = texts.values().filter(|t| t.iter().any(|w| w == term)).count() as f64;
                let tf = text.iter().filter(|w| w == term).count() as f64;
                if tf == 0.0 {
                    continue;
                }
                hit = true;
                let idf = (1.0 + (live - n + 0.5) / (n + 0.5)).ln();
                score += count * idf * tf / (tf + K1 * (1.0 - B + B * text.len() as f64 / average));
            }
            if hit {
                found.push((id, score));
            }
        }
        ranked(found, k)
    }
}

fn ranked(mut found: Vec<(String, f64)>, k: usize) -> Vec<(String, f64)> {
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found.truncate(k);
    found
}

/// A random row with this id: some words, mostly a vector, a payload.
pub fn document(random: &mut Random, id: usize) -> Document {
    let words: Vec<&str> = (0..random.below(9)).map(|_| WORDS[random.below(8)]).collect();
    let mut document = Document::new(format!("d{id}")).text(words.join(" "));
    if random.below(8) > 0 {
        document = document.vector(vector(random));
    }
    // Along the axes, so that what is read is what was written.
    let axis = |random: &mut Random| {
        let mut axis = vec![0.0; TOKEN_DIM];
        axis[random.below(TOKEN_DIM)] = [1.0, -1.0][random.below(2)];
        axis
    };
    let tokens: Vec<Vec<f32>> = (0..random.below(3)).map(|_| axis(random)).collect();
    if !tokens.is_empty() {
        document = document.tokens(tokens);
    }
    document.payload("n", random.below(6) as u64).payload("tag", ["a", "b"][random.below(2)])
}

/// A random vector of small whole numbers.
pub fn vector(random: &mut Random) -> Vec<f32> {
    (0..DIM).map(|_| random.below(17) as f32 - 8.0).collect()
}

/// A random predicate.
pub fn filter(random: &mut Random) -> Filter {
    let json = match random.below(5) {
        0 => json!({}),
        1 => json!({"n": random.below(6)}),
        2 => json!({"n": {"$gte": random.below(6)}, "tag": "a"}),
        3 => json!({"$not": {"tag": "b"}}),
        _ => json!({"$or": [{"n": {"$lt": 2}}, {"patched": true}]}),
    };
    Filter::from_json(&json).unwrap_or(Filter::All)
}
