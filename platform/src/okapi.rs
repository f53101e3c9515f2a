//! BM25 as the platform has it: the `BM25Okapi` of the package rank-bm25, equal to the bit.
//!
//! The inverse document frequency is ln(N - n + 0.5) - ln(n + 0.5), which is negative for a word of more than half of
//! the documents; such a word has a quarter of the mean over all words instead. So in one or two documents nothing has a
//! score above 0. The engine's own BM25 has another formula, without this fault.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use lexivec_query::topk::descending;

use crate::error::{Error, Result};
use crate::words::runs;

/// Characters from which on a word is indexed.
const SHORTEST: usize = 2;
/// Share of the mean inverse document frequency for a word whose own is negative.
const EPSILON: f64 = 0.25;

/// The words of a text that are indexed: in lower case, of two characters or more.
pub fn tokens(text: &str) -> Vec<String> {
    each_token(&text.to_lowercase()).map(str::to_owned).collect()
}

fn each_token(lower: &str) -> impl Iterator<Item = &str> {
    runs(lower).filter(|run| run.chars().nth(SHORTEST - 1).is_some())
}

/// The words of some documents, and how often each is in them.
#[derive(Clone, Debug)]
pub struct Okapi {
    k1: f64,
    b: f64,
    terms: HashMap<String, usize, RandomState>,
    /// Documents and how often each has the term, by term.
    postings: Vec<Vec<(usize, u32)>>,
    idf: Vec<f64>,
    lengths: Vec<usize>,
    /// k1 (1 - b + b length / average length), by document.
    norms: Vec<f64>,
    average_length: f64,
    average_idf: f64,
}

impl Okapi {
    /// Indexes the [`tokens`] of texts. `k1` is how slowly the repetition of a word loses its worth, `b` the share of
    /// the length normalization, 0 to 1.
    ///
    /// # Errors
    /// [`Error::NoWords`] if no text has a word.
    pub fn of_texts<S: AsRef<str>>(texts: &[S], k1: f64, b: f64) -> Result<Self> {
        let mut made = Self::new(k1, b);
        for text in texts {
            made.add(each_token(&text.as_ref().to_lowercase()));
        }
        made.finish()
    }

    /// Indexes documents that are parted into words already.
    ///
    /// # Errors
    /// [`Error::NoWords`] if there is no word.
    pub fn of_tokens<S: AsRef<str>>(documents: &[Vec<S>], k1: f64, b: f64) -> Result<Self> {
        let mut made = Self::new(k1, b);
        for document in documents {
            made.add(document.iter().map(AsRef::as_ref));
        }
        made.finish()
    }

    fn new(k1: f64, b: f64) -> Self {
        Self {
            k1,
            b,
            terms: HashMap::default(),
            postings: Vec::new(),
            idf: Vec::new(),
            lengths: Vec::new(),
            norms: Vec::new(),
            average_length: 0.0,
            average_idf: 0.0,
        }
    }

    fn add<'a>(&mut self, tokens: impl Iterator<Item = &'a str>) {
        let document = self.lengths.len();
        let mut length = 0;
        for token in tokens {
            length += 1;
            let next = self.postings.len();
            let term = match self.terms.get(token) {
                Some(term) => *term,
                None => *self.terms.entry(token.to_owned()).or_insert(next),
            };
            if term == next {
                self.postings.push(Vec::new());
            }
            let Some(postings) = self.postings.get_mut(term) else { continue };
            match postings.last_mut() {
                Some((last, count)) if *last == document => *count += 1,
                _ => postings.push((document, 1)),
            }
        }
        self.lengths.push(length);
    }

    fn finish(mut self) -> Result<Self> {
        let words: usize = self.lengths.iter().sum();
        if words == 0 {
            return Err(Error::NoWords);
        }
        let documents = self.lengths.len() as f64;
        self.average_length = words as f64 / documents;
        // In the order in which the words first appear, as the sum depends on it.
        let idf = |postings: &Vec<(usize, u32)>| {
            let holding = postings.len() as f64;
            (documents - holding + 0.5).ln() - (holding + 0.5).ln()
        };
        self.idf = self.postings.iter().map(idf).collect();
        self.average_idf = self.idf.iter().sum::<f64>() / self.idf.len() as f64;
        let floor = EPSILON * self.average_idf;
        self.idf.iter_mut().filter(|idf| **idf < 0.0).for_each(|idf| *idf = floor);
        let (k1, b, average) = (self.k1, self.b, self.average_length);
        let norm = |length: &usize| k1 * (1.0 - b + b * *length as f64 / average);
        self.norms = self.lengths.iter().map(norm).collect();
        Ok(self)
    }

    /// The score of every document for the words of a query, a repeated one counted each time. A score may be below 0.
    pub fn scores<S: AsRef<str>>(&self, query: &[S]) -> Vec<f64> {
        let mut scores = vec![0.0; self.lengths.len()];
        for token in query {
            let Some(&term) = self.terms.get(token.as_ref()) else { continue };
            let (Some(idf), Some(postings)) = (self.idf.get(term), self.postings.get(term)) else {
                continue;
            };
            for &(document, count) in postings {
                if let (Some(score), Some(norm)) =
                    (scores.get_mut(document), self.norms.get(document))
                {
                    let count = f64::from(count);
                    *score += idf * (count * (self.k1 + 1.0) / (count + norm));
                }
            }
        }
        scores
    }

    /// The `limit` best documents with a score above 0, by place: best first, the earlier of equal ones first.
    pub fn top<S: AsRef<str>>(&self, query: &[S], limit: usize) -> Vec<(usize, f64)> {
        let scores = self.scores(query).into_iter().enumerate();
        let mut found: Vec<(usize, f64)> = scores.filter(|(_, score)| *score > 0.0).collect();
        let order = |a: &(usize, f64), b: &(usize, f64)| descending(a.1, b.1).then(a.0.cmp(&b.0));
        if limit < found.len() {
            found.select_nth_unstable_by(limit, order);
            found.truncate(limit);
        }
        found.sort_unstable_by(order);
        found
    }

    /// Constant of how slowly the repetition of a word loses its worth.
    pub fn k1(&self) -> f64 {
        self.k1
    }

    /// Share of the length normalization.
    pub fn b(&self) -> f64 {
        self.b
    }

    /// Words of each document.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Mean of the lengths.
    pub fn average_length(&self) -> f64 {
        self.average_length
    }

    /// Mean of the inverse document frequencies of all words, the negative ones included.
    pub fn average_idf(&self) -> f64 {
        self.average_idf
    }

    /// The words with their inverse document frequencies, in no order.
    pub fn idf(&self) -> impl Iterator<Item = (&str, f64)> {
        self.terms.iter().filter_map(|(word, term)| Some((word.as_str(), *self.idf.get(*term)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_of_two_characters_and_more() {
        for (text, expected) in [
            ("", &[][..]),
            ("The C++ and C# APIs: snake_case x1 a", &["the", "and", "apis", "snake_case", "x1"]),
            ("Caf\u{e9} \u{4f60}\u{597d} \u{f1} 3.14 7", &["caf\u{e9}", "\u{4f60}\u{597d}", "14"]),
        ] {
            assert_eq!(tokens(text), expected, "{text:?}");
        }
    }

    #[test]
    fn scores_are_the_worked_out_ones() {
        let texts = ["red apple", "green apple apple", "blue pear", "old cherry", "new plum"];
        let index = Okapi::of_texts(&texts, 1.5, 0.75).expect("an index");
        let idf = |n: f64| (5.0 - n + 0.5f64).ln() - (n + 0.5).ln();
        let length = |words: f64| 1.5 * (1.0 - 0.75 + 0.75 * words / 2.2);
        let score =
            |n: f64, count: f64, words: f64| idf(n) * (count * 2.5 / (count + length(words)));
        let red = score(1.0, 1.0, 2.0);
        let apples = [score(2.0, 1.0, 2.0), score(2.0, 2.0, 3.0)];
        assert_eq!(index.scores(&["red", "apple"]), [red + apples[0], apples[1], 0.0, 0.0, 0.0]);
        assert_eq!(index.scores(&["red", "red"])[0], red + red);
        assert_eq!(index.top(&["apple"], 1), [(1, apples[1])]);
        assert_eq!(index.top(&["apple"], 0), []);
        // Equal scores are in the order of the documents.
        let tied: Vec<usize> =
            index.top(&["plum", "cherry", "blue"], 9).iter().map(|t| t.0).collect();
        assert_eq!(tied, [2, 3, 4]);
        assert_eq!((index.average_length(), index.lengths()), (2.2, &[2, 3, 2, 2, 2][..]));
    }

    #[test]
    fn a_frequent_word_has_a_quarter_of_the_mean() {
        let index = Okapi::of_texts(&["aa bb", "aa cc", "aa dd"], 1.5, 0.75).expect("an index");
        let rare = 2.5f64.ln() - 1.5f64.ln();
        let mean = (0.5f64.ln() - 3.5f64.ln() + rare + rare + rare) / 4.0;
        assert_eq!(index.average_idf(), mean);
        let idf: HashMap<&str, f64> = index.idf().collect();
        assert_eq!((idf["aa"], idf["bb"]), (0.25 * mean, rare));
        // One document: the mean itself is negative, and nothing is found.
        let index = Okapi::of_texts(&["aa bb"], 1.5, 0.75).expect("an index");
        assert!(index.scores(&["aa"])[0] < 0.0);
        assert_eq!(index.top(&["aa"], 5), []);
    }

    #[test]
    fn without_a_word_there_is_no_index() {
        assert_eq!(Okapi::of_texts(&[""; 0], 1.5, 0.75).err(), Some(Error::NoWords));
        assert_eq!(Okapi::of_texts(&["a ?"], 1.5, 0.75).err(), Some(Error::NoWords));
        let own =
            Okapi::of_tokens(&[vec!["A", "?"], vec![], vec!["B"]], 1.5, 0.75).expect("an index");
        assert_eq!(own.top(&["?"], 5).len(), 1);
    }
}
